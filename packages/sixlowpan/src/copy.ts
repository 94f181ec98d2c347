import type { NetBuf } from '@favonius/contract'

/**
 * Copies `length` bytes between two buffers, which do not overlap. For the short runs of this package: `set` of a typed array would need a
 * view made of each.
 */
export function copyBytes(from: DataView, at: number, into: DataView, to: number, length: number): void {
  const end = at + length
  for (const last = end - 4; at <= last; at += 4, to += 4) into.setInt32(to, from.getInt32(at))
  for (; at < end; at++, to++) into.setUint8(to, from.getUint8(at))
}

/** Copies `length` bytes of a packet's data, from `from` on, to the absolute position `to` of another buffer. */
export function copyData(packet: NetBuf, from: number, into: NetBuf, to: number, length: number): void {
  if (packet.next === undefined) copyBytes(packet.dv, packet.offset + from, into.dv, to, length)
  else packet.copyTo(into.u8.subarray(to, to + length), from)
}
