/**
 * The Internet checksum (RFC 1071) in plain JavaScript: 16-bit words added in one's complement, where a carry out of the
 * top comes back in at the bottom. For headers and tests; packets are summed by their buffer (`NetBuf.sum`), much faster.
 *
 * A sum of parts is the sum of the whole (§2 A), so the pseudo-header, the header and the data can be added where each is
 * known. Only the last part may have an odd length.
 */

import type { Address } from '@favonius/contract'

/** Brings a sum of 16-bit words down to 16 bits by adding what was carried out of them (RFC 1071 §2). Takes up to 2⁵³. */
export function fold(n: number): number {
  while (n > 0xffff) n = n <= 0x7fffffff ? (n & 0xffff) + (n >>> 16) : n % 0x10000 + Math.floor(n / 0x10000)
  return n
}

/** The sum of `length` bytes from `from`, added to `initial` and folded to 16 bits. An odd last byte is padded with zero. */
export function sum(u8: Uint8Array, from: number, length: number, initial = 0): number {
  let n = initial
  const end = from + length
  let i = from
  for (; i + 1 < end; i += 2) n += (u8[i]! << 8) | u8[i + 1]!
  if (i < end) n += u8[i]! << 8
  return fold(n)
}

/** What goes into a checksum field: the one's complement of the folded sum. Over data with a right checksum it is 0. */
export function finish(sum: number): number {
  return ~fold(sum) & 0xffff
}

/** The sum of an address's 4 or 16 bytes, folded. */
export function addressSum(a: Address): number {
  return fold(a.family === 4 ? words(a.w3) : words(a.w0) + words(a.w1) + words(a.w2) + words(a.w3))
}

const words = (w: number): number => (w >>> 16) + (w & 0xffff)

/**
 * The sum of a pseudo-header without its length field (RFC 9293 §3.1, RFC 8200 §8.1), folded. The sums of both families
 * have the same parts; a transport adds its own length.
 */
export function pseudoSum(source: Address, destination: Address, protocol: number): number {
  return fold(addressSum(source) + addressSum(destination) + protocol)
}
