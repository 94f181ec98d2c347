/** Sending in pieces, for both families. */

import type { BufferPool, NetBuf } from '@favonius/contract'
import { finishChecksum } from '@favonius/netif'

/**
 * Copies what `packet` holds into pieces of `size` bytes, the last one shorter, each with `headroom` before it. Borrows the packet.
 * Undefined, and nothing is held, when buffers are short: a datagram of which a piece is missing is worth nothing.
 *
 * A checksum is over the whole, and no device can finish it in pieces, so it is finished first.
 */
export function cut(buffers: BufferPool, packet: NetBuf, size: number, headroom: number): NetBuf[] | undefined {
  if (packet.checksum === 1) finishChecksum(packet)
  const pieces: NetBuf[] = []
  const total = packet.total()
  for (let from = 0; from < total; from += size) {
    const length = Math.min(size, total - from)
    const piece = buffers.alloc(length, headroom)
    if (piece === undefined) {
      for (const made of pieces) made.unref()
      return undefined
    }
    const at = piece.add(length)
    packet.copyTo(piece.u8.subarray(at, at + length), from)
    piece.priority = packet.priority
    piece.launch = packet.launch
    pieces.push(piece)
  }
  return pieces
}

/** Sends pieces one after another. When one cannot be sent, the others are not. Takes the references. */
export function sendAll(pieces: readonly NetBuf[], send: (piece: NetBuf, index: number) => boolean): boolean {
  for (let i = 0; i < pieces.length; i++) {
    if (send(pieces[i]!, i)) continue
    for (let rest = i + 1; rest < pieces.length; rest++) pieces[rest]!.unref()
    return false
  }
  return true
}
