/** Data frames of IEEE 802.15.4 without security, read and written: as much as carries 6LoWPAN in these tests. */

import type { LinkAddress } from '@favonius/contract'
import { linkAddress } from '@favonius/inet'

const PAN = 0xabcd

/** Addresses stand in frames with their last byte first. */
const reversed = (address: LinkAddress): number[] => {
  const word = (value: number, bytes: number): number[] => Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255)
  return address.length === 2 ? word(address.lo, 2) : [...word(address.lo, 4), ...word(address.hi, 4)]
}

/** IEEE 802.15.4-2006 §7.2.2.2: a data frame within one PAN. */
export function frameOf(payload: Uint8Array, from: LinkAddress, to: LinkAddress, sequence: number): Uint8Array {
  const mode = (address: LinkAddress): number => (address.length === 2 ? 2 : 3)
  const control = 1 | 0x40 | (mode(to) << 10) | (1 << 12) | (mode(from) << 14)
  return Uint8Array.from([control & 255, control >> 8, sequence & 255, PAN & 255, PAN >> 8, ...reversed(to), ...reversed(from), ...payload])
}

export interface Frame {
  readonly from: LinkAddress
  readonly to: LinkAddress
  readonly payload: Uint8Array
}

/** A data frame with both addresses; undefined for any other. */
export function readFrame(bytes: Uint8Array): Frame | undefined {
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 3) return undefined
  const control = dv.getUint16(0, true)
  const [destination, source] = [(control >> 10) & 3, (control >> 14) & 3]
  if ((control & 7) !== 1 || (control & 8) !== 0 || destination < 2 || source < 2) return undefined
  let at = 5
  const read = (mode: number): LinkAddress => {
    const address = mode === 2 ? linkAddress(2, 0, dv.getUint16(at, true)) : linkAddress(8, dv.getUint32(at + 4, true), dv.getUint32(at, true))
    at += mode === 2 ? 2 : 8
    return address
  }
  const to = read(destination)
  if ((control & 0x40) === 0) at += 2
  const from = read(source)
  return { from, to, payload: bytes.subarray(at) }
}

/** The frame in a ZEP packet (version 2, data) in UDP in IPv6 in Ethernet, without its FCS. */
export function frameInZep(ethernet: Uint8Array): Uint8Array | undefined {
  const zep = 14 + 40 + 8
  if (ethernet[zep] !== 0x45 || ethernet[zep + 1] !== 0x58 || ethernet[zep + 3] !== 1) return undefined
  return ethernet.subarray(zep + 32, zep + 32 + ethernet[zep + 31]! - 2)
}
