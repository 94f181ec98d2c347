/** Requests to groups: RFC 7252 §8. */

import type { Env } from '@favonius/contract'
import { failure, isMulticast, parseAddress } from '@favonius/inet'
import { wholeOf } from './body.ts'
import { codeOf, optionsOf, type CoapCall, type Method } from './call.ts'
import type { CoapClient } from './client.ts'
import { Inbox } from './inbox.ts'
import { CoapResponse } from './response.ts'

/** RFC 7252 §12.8: all CoAP nodes, of the link and of the site by IPv6, and by IPv4. */
export const ALL_COAP_NODES = { link: 'ff02::fd', site: 'ff05::fd', ipv4: '224.0.1.187' } as const

/** Answers that wait for a slow consumer; the oldest make room. */
const WAITING = 1024

/** How a group is asked. */
export interface GroupCall extends Omit<CoapCall, 'confirmable' | 'stream'> {
  readonly method?: Method | undefined
  /** Milliseconds for which answers are taken; 6000 unless given: DEFAULT_LEISURE, and a second for the way. */
  readonly window?: number | undefined
}

/**
 * Asks a group, once, without confirmation, and yields each answer that comes in time. Throws EINVAL for what is no group, and for a body that does not go in one
 * message (RFC 7959 §2.8).
 */
export function askGroup(client: CoapClient, env: Env, uri: string, { method = 'GET', window = 6000, ...call }: GroupCall = {}): AsyncIterableIterator<CoapResponse> {
  const number = client.number()
  const inbox = new Inbox<CoapResponse>(env, WAITING, () => client.forget(number))
  const begin = async (): Promise<void> => {
    const { to, options } = await client.find(uri, call.signal)
    const address = parseAddress(to.address.split('%', 1)[0]!)
    if (address === undefined || !isMulticast(address)) throw failure('EINVAL', `${to.address} is no address of a group: ask it with request()`)
    const payload = wholeOf(call.payload)
    if (payload === undefined || payload.length > 1024) throw failure('EINVAL', 'to a group nothing goes block by block: a body of 1024 bytes at most')
    if (inbox.over) return
    const abort = (): void => {
      client.forget(number)
      inbox.end(call.signal!.reason as Error)
    }
    call.signal?.addEventListener('abort', abort, { once: true })
    client.keep(number, {
      response: (message, from) => inbox.push(new CoapResponse(message, from)),
      failed: (code) => {
        call.signal?.removeEventListener('abort', abort)
        inbox.end(code === 'ETIMEDOUT' ? undefined : failure(code, `asking ${to.address}: ${code}`))
      },
    }, to, { code: codeOf(method), options: optionsOf(options, call), payload }, false, window)
  }
  begin().catch((error: Error) => inbox.end(error))
  return inbox
}
