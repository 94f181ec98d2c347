/** A resource observed: RFC 7641 §3, and a part of one by FETCH: RFC 8132 §2.4. */

import type { Endpoint, Env, Instant, Timer } from '@favonius/contract'
import { between, failure } from '@favonius/inet'
import * as OPTION from './numbers.ts'
import { Ask } from './ask.ts'
import { codeOf, optionsOf, type ObserveCall } from './call.ts'
import type { Asker } from './asker.ts'
import { Inbox } from './inbox.ts'
import { DEREGISTER, isNewer, REGISTER } from './observe.ts'
import { CoapResponse } from './response.ts'
import type { EndSettings } from './serving.ts'
import type { Message } from './wire.ts'

/** RFC 7641 §3.3.1: milliseconds behind Max-Age, at random, until it is asked whether the server still knows of us. */
const GRACE = [5000, 15_000] as const

/** What becomes of a resource, as it is told. Iterate it; what a slow consumer does not take makes room for what is newer. */
export class Observation implements AsyncIterableIterator<CoapResponse> {
  readonly #client: Asker
  readonly #env: Env
  readonly #call: ObserveCall
  readonly #inbox: Inbox<CoapResponse>
  readonly #number: number
  readonly #timer: Timer
  readonly #abort = (): void => {
    this.#leave()
    this.#end(this.#call.signal!.reason as Error)
  }
  /** What is said with each registration. */
  #request: Ask | undefined
  /** The number of the last notification, and when it came. */
  #last: number | undefined
  #at: Instant = 0
  /** Counts notifications, so that what was fetched of an older one is not told. */
  #count = 0

  /** @internal */
  constructor(client: Asker, env: Env, settings: EndSettings, uri: string, call: ObserveCall) {
    this.#client = client
    this.#env = env
    this.#call = call
    this.#number = client.number()
    this.#inbox = new Inbox(env, settings.maxNotifications, () => this.#leave())
    this.#timer = env.clock.timer(() => this.#ask(REGISTER))
    client.find(uri, call.signal).then(({ to, options }) => {
      if (this.#inbox.over) return
      call.signal?.addEventListener('abort', this.#abort, { once: true })
      this.#request = new Ask(client, to, codeOf(call.method ?? 'GET'), optionsOf(options, call), call, settings)
      this.#ask(REGISTER)
    }).catch((error: Error) => this.#end(error))
  }

  /** Notifications that made room for newer ones before they were taken. */
  get lost(): number {
    return this.#inbox.lost
  }

  /** Each is a notification, with its whole body. Throws as `CoapClient.observe` says. */
  next(): Promise<IteratorResult<CoapResponse>> {
    return this.#inbox.next()
  }

  /** Tells the server that nothing more is wanted. */
  return(): Promise<IteratorResult<CoapResponse>> {
    return this.#inbox.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #ask(observe: number): void {
    const request = this.#request!
    // Whatever number the answer has, it is news: the server may have begun anew.
    this.#at = -Infinity
    const { to } = request
    this.#client.keep(this.#number, {
      response: (message, from) => {
        if (observe === REGISTER) this.#heard(message, from)
        // A notification that was under way took the place of the answer: it is said once more.
        else if (message.find(OPTION.OBSERVE)) this.#ask(observe)
        else this.#client.forget(this.#number)
      },
      failed: (code) => this.#end(failure(code, `observing ${to.address} port ${to.port}: ${code}`)),
    }, to, request.observing(observe), this.#call.confirmable ?? true)
  }

  /** RFC 7641 §3.6: under the token by which it was asked for. */
  #leave(): void {
    this.#stop()
    if (this.#last === undefined) this.#client.forget(this.#number)
    else this.#ask(DEREGISTER)
  }

  #stop(): void {
    this.#timer.cancel()
    this.#call.signal?.removeEventListener('abort', this.#abort)
  }

  #end(error?: Error): void {
    this.#stop()
    this.#inbox.end(error)
  }

  #heard(message: Message, from: Endpoint): void {
    const response = new CoapResponse(message, from)
    const now = this.#env.clock.now()
    const { observe } = response
    if (observe === undefined || !response.ok) {
      // RFC 7641 §3.2, §4.2: it is not on the list, or no longer.
      this.#client.forget(this.#number)
      this.#last = undefined
      this.#stop()
      if (response.ok) this.#tell(response, true)
      else this.#end(Object.assign(failure('EPROTO', `${from.address} port ${from.port}: ${response.status} ${response.text}`), { response }))
      return
    }
    if (!isNewer(this.#last ?? 0, this.#at, observe, now)) return
    this.#last = observe
    this.#at = now
    this.#timer.schedule(now + response.maxAge * 1000 + between(this.#env.random, ...GRACE))
    this.#tell(response, false)
  }

  #tell(first: CoapResponse, last: boolean): void {
    const count = ++this.#count
    if (first.message.find(OPTION.BLOCK2)) return void this.#fetch(first, last, count)
    this.#inbox.push(first)
    if (last) this.#end()
  }

  /** What is more than a block: the others are asked for as of any resource (RFC 7959 §2.6). */
  async #fetch(first: CoapResponse, last: boolean, count: number): Promise<void> {
    try {
      const response = await this.#request!.fetched(first)
      // A newer one may have come, which is fetched by now.
      if (count === this.#count) this.#inbox.push(response)
    } catch (error) {
      if (count !== this.#count) return
      // Parts of a body are not told; the next notification is.
      if (last) return this.#end(error as Error)
      this.#inbox.lost++
    }
    if (last) this.#end()
  }
}
