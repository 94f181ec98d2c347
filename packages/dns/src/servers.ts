/** Whom to ask. */

import type { Endpoint } from '@favonius/contract'
import { failure, parseAddress } from '@favonius/inet'

/** A server that is asked. */
export interface Server extends Endpoint {
  /** It does not know EDNS(0). */
  plain: boolean
  /** It does not repeat the case of what it was asked. */
  caseless: boolean
}

/** An address in one spelling, so that two can be compared; undefined when it is none. A zone is kept as it is written. */
export function canonical(text: string): string | undefined {
  const [address, zone] = text.split('%', 2)
  const parsed = parseAddress(address!)
  return parsed && (zone === undefined ? `${parsed}` : `${parsed}%${zone}`)
}

/** Reads `192.0.2.2`, `192.0.2.2:53`, `2001:db8::2`, `[fe80::1%eth0]:53`. Throws EINVAL. */
export const readServers = (texts: readonly string[]): Server[] => texts.map((text) => {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const address = canonical(bracketed ?? plain ?? text)
  const port = Number(digits ?? 53)
  if (address !== undefined && port > 0 && port < 65_536) return { address, port, plain: false, caseless: false }
  throw failure('EINVAL', `${JSON.stringify(text)} is no DNS server: write 192.0.2.2, 192.0.2.2:53, 2001:db8::2 or [2001:db8::2]:53`)
})
