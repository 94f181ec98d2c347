/** Addresses as Node shows them. */

/** A dual-stack socket shows IPv4 peers as `::ffff:192.0.2.1`; the seam shows them as what they are. */
export function plain(address: string): string {
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(address) ? address.slice(7) : address
}
