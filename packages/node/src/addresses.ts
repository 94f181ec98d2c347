/** What both seams ask of addresses and ports before Node is asked. */

import { failure, parseAddress } from '@favonius/inet'

/** Throws EINVAL. */
export function checkPort(port: number, least: 0 | 1): void {
  if (Number.isInteger(port) && port >= least && port <= 65_535) return
  throw failure('EINVAL', `port ${port}: give a whole number from ${least} to 65535`)
}

/** 4 or 6; throws EINVAL for what is no address. A zone is left for the kernel to judge. */
export function familyOf(text: string): 4 | 6 {
  const address = parseAddress(text, () => 1)
  if (address !== undefined) return address.family
  throw failure('EINVAL', `${JSON.stringify(text)} is no IP address: write 192.0.2.1, 2001:db8::1 or fe80::1%eth0`)
}

/** A dual-stack socket shows IPv4 peers as `::ffff:192.0.2.1`; the seam shows them as what they are. */
export function plain(address: string): string {
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(address) ? address.slice(7) : address
}
