/** What a seam asks of the endpoint that it is given, before it asks what is below. */

import { parseAddress } from './address.ts'
import { failure } from './errno.ts'

/** Throws EINVAL for what is no port from `least` to 65535. */
export function checkPort(port: number | undefined, least: 0 | 1): void {
  if (Number.isInteger(port) && port! >= least && port! <= 65_535) return
  throw failure('EINVAL', `port ${port}: give a whole number from ${least} to 65535`)
}

/** 4 or 6; throws EINVAL for what is no address. Any zone will do: whether there is such an interface is known below. */
export function familyOf(text: string): 4 | 6 {
  const address = parseAddress(text, () => 1)
  if (address !== undefined) return address.family
  throw failure('EINVAL', `${JSON.stringify(text)} is no IP address: write 192.0.2.1, 2001:db8::1 or fe80::1%eth0`)
}
