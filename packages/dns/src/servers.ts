/** Whom to ask, and who told us of them. */

import type { Endpoint } from '@favonius/contract'
import { failure, parseAddress } from '@favonius/inet'

/** Who told us of a server: the program, a router's advertisement (RFC 8106), DHCP, or another. */
export type ServerSource = 'static' | 'RA' | 'DHCP' | (string & {})

/** A server that is asked. */
export interface Server extends Endpoint {
  readonly source: ServerSource
  /** It does not know EDNS(0). */
  plain: boolean
  /** It does not repeat the case of what it was asked. */
  caseless: boolean
}

/** An address in one spelling, so that two can be compared; undefined when it is none. A zone is kept as it is written. */
export function canonical(text: string): string | undefined {
  const percent = text.indexOf('%')
  const address = parseAddress(percent < 0 ? text : text.slice(0, percent))
  return address && `${address}${percent < 0 ? '' : text.slice(percent)}`
}

/** Reads `192.0.2.2`, `192.0.2.2:53`, `2001:db8::2`, `[fe80::1%eth0]:53`. Throws EINVAL. */
function toServer(text: string, source: ServerSource): Server {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text)
  const address = canonical(match?.[1] ?? match?.[2] ?? text)
  const port = Number(match?.[3] ?? 53)
  if (address !== undefined && port > 0 && port < 65_536) return { address, port, source, plain: false, caseless: false }
  throw failure('EINVAL', `${JSON.stringify(text)} is no DNS server: write 192.0.2.2, 192.0.2.2:53, 2001:db8::2 or [2001:db8::2]:53`)
}

/** The servers of one resolver, in the order in which they are asked. */
export class Servers {
  readonly #limit: number
  #list: readonly Server[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  get list(): readonly Server[] {
    return this.#list
  }

  /** Makes `texts` the servers of `source`; those of other sources stay, before them. Throws EINVAL, ENOBUFS. */
  set(texts: readonly string[], source: ServerSource): void {
    const list = this.#list.filter((server) => server.source !== source)
    for (const text of texts) {
      const server = toServer(text, source)
      if (!list.some(({ address, port }) => address === server.address && port === server.port)) list.push(server)
    }
    if (list.length > this.#limit) throw failure('ENOBUFS', `${list.length} DNS servers are more than maxServers (${this.#limit}): raise it`)
    this.#list = list
  }

  /** The texts of one source, as `set` takes them. */
  of(source: ServerSource): string[] {
    return this.#list.filter((server) => server.source === source).map(({ address, port }) => `[${address}]:${port}`)
  }
}
