/** IPv4 options (RFC 791 §3.1): one byte, or a type, a length that counts itself and the type, and data. */

import { IPV4 } from '@favonius/inet'

/** End of the list. */
const END = 0
/** Padding between options. */
const NO_OPERATION = 1
/** Loose source and record route. */
export const LOOSE_SOURCE_ROUTE = 131
/** In an option's type: every fragment has it, not the first alone. */
const COPIED = 0x80
/** Strict source and record route. */
export const STRICT_SOURCE_ROUTE = 137

/**
 * The absolute position of the first option in `from … to` that keeps the packet from being received: one that does not fit,
 * or a source route, which we never follow (RFC 7126 §4.3, §4.4). −1 when there is none; options that are not known are
 * passed over (RFC 1122 §3.2.1.8).
 */
export function badOption(dv: DataView, from: number, to: number): number {
  let at = from
  while (at < to) {
    const type = dv.getUint8(at)
    if (type === END) return -1
    if (type === NO_OPERATION) {
      at++
      continue
    }
    if (type === LOOSE_SOURCE_ROUTE || type === STRICT_SOURCE_ROUTE) return at
    if (at + 1 >= to) return at
    const length = dv.getUint8(at + 1)
    if (length < 2 || at + length > to) return at
    at += length
  }
  return -1
}

/** The header of fragments but the first: `header`, whose options are well formed, with those options alone that are copied, padded. */
export function copiedOptions(header: Uint8Array): Uint8Array {
  const kept = [...header.subarray(0, IPV4.size)]
  for (let at: number = IPV4.size; at < header.length && header[at] !== END;) {
    const size = header[at] === NO_OPERATION ? 1 : header[at + 1]!
    if (header[at]! & COPIED) kept.push(...header.subarray(at, at + size))
    at += size
  }
  while (kept.length % 4 > 0) kept.push(END)
  return Uint8Array.from(kept)
}
