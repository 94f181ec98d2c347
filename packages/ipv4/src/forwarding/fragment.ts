/** Cutting a packet on its way. Read RFC 791 §3.2 before changing this file. */

import type { BufferPool, NetBuf } from '@favonius/contract'
import { IPV4 } from '@favonius/inet'
import { cut } from '@favonius/ip'
import { headerSize, MORE_FRAGMENTS, OFFSET_BITS, writeChecksum } from '../wire/header.ts'
import { copiedOptions } from '../wire/options.ts'

/**
 * The fragments of a packet, IPv4 header first, that are no longer than `mtu`, each with `headroom` before its header. A fragment can be
 * cut again. Borrows the packet. Undefined, and nothing is held, when buffers are short.
 */
export function fragment(buffers: BufferPool, packet: NetBuf, mtu: number, headroom: number): NetBuf[] | undefined {
  const { dv, u8, offset, priority, iface } = packet
  const size = headerSize(dv, offset)
  const field = dv.getUint16(offset + IPV4.fragment)
  const first = u8.slice(offset, offset + size)
  const other = copiedOptions(first)
  const step = (mtu - size) & ~7
  packet.pull(size)
  const pieces = cut(buffers, packet, step, headroom + size)
  packet.push(size)
  if (pieces === undefined) return undefined
  for (const [i, piece] of pieces.entries()) {
    const header = i === 0 ? first : other
    const at = piece.push(header.length)
    piece.u8.set(header, at)
    const more = i < pieces.length - 1 ? MORE_FRAGMENTS : field & MORE_FRAGMENTS
    piece.u8[at] = 0x40 | (header.length >>> 2)
    piece.dv.setUint16(at + IPV4.totalLength, piece.length)
    piece.dv.setUint16(at + IPV4.fragment, ((field & OFFSET_BITS) + i * step / 8) | more)
    writeChecksum(piece.dv, at, header.length)
    piece.family = 4
    piece.protocol = packet.protocol
    piece.priority = priority
    piece.iface = iface
  }
  return pieces
}
