/**
 * One large segment, made into the packets that it stands for: what a device with segmentation offload does, in software. Read RFC 9293
 * §3.1 on which flags belong to which bytes before changing this file.
 */

import type { BufferPool, NetBuf } from '@favonius/contract'
import { finish, fold, IPV4, IPV6, PROTOCOL_TCP, PROTOCOL_UDP, pseudoSum, readAddress, sum } from '@favonius/inet'
import { cut } from './cut.ts'

/** Fields of the TCP header (RFC 9293 §3.1). */
const TCP = { sequence: 4, dataOffset: 12, flags: 13, checksum: 16, size: 20 } as const
/** Fields of the UDP header (RFC 768). */
const UDP = { length: 4, checksum: 6, size: 8 } as const
/** The sender is done: true of the last byte. */
const FIN = 0x01
/** To be passed on at once: asked for with the last byte. */
const PUSH = 0x08
/** Congestion window reduced: an answer to one mark (RFC 3168 §6.1.2). */
const CWR = 0x80

/** Bytes of all headers of a large segment, IP header first, whose transport header is at `transport`; 0 when it is none of TCP or UDP. */
export function headersOf(packet: NetBuf, protocol: number, transport: number): number {
  const { dv, offset, length } = packet
  const least = protocol === PROTOCOL_TCP ? TCP.size : protocol === PROTOCOL_UDP ? UDP.size : 0
  if (least === 0 || transport + least > offset + length) return 0
  const size = protocol === PROTOCOL_TCP ? (dv.getUint8(transport + TCP.dataOffset) >>> 4) * 4 : UDP.size
  return size < least || transport + size > offset + length ? 0 : transport + size - offset
}

/**
 * The packets that `packet` stands for, each with `headroom` before its IP header, `packet.segmentSize` bytes of data in each but the
 * last, and its transport checksum partial. `packet` begins with its IP header, its transport header is at absolute position `transport`,
 * and `headers` is what `headersOf` said. Borrows the packet. Undefined, and nothing is held, when buffers are short.
 */
export function segments(buffers: BufferPool, packet: NetBuf, protocol: number, transport: number, headers: number, headroom: number): NetBuf[] | undefined {
  const { dv, u8, offset, segmentSize } = packet
  const six = dv.getUint8(offset) >>> 4 === 6
  const tcp = protocol === PROTOCOL_TCP
  const header = six ? IPV6 : IPV4
  const source = readAddress(dv, offset + header.source, six ? 6 : 4)
  const pseudo = pseudoSum(source, readAddress(dv, offset + header.destination, six ? 6 : 4), protocol)
  // Nothing of the whole's checksum is kept.
  packet.checksum = 0
  packet.pull(headers)
  const pieces = cut(buffers, packet, segmentSize, headroom + headers)
  packet.push(headers)
  if (pieces === undefined) return undefined
  const last = pieces.length - 1
  for (const [i, piece] of pieces.entries()) {
    const data = piece.length
    const at = piece.push(headers)
    piece.u8.set(u8.subarray(offset, offset + headers), at)
    const upper = at + transport - offset
    const length = at + headers + data - upper
    if (six) piece.dv.setUint16(at + IPV6.payloadLength, headers + data - IPV6.size)
    else writeIpv4(piece, at, upper - at, headers + data, i)
    if (tcp) {
      piece.dv.setUint32(upper + TCP.sequence, piece.dv.getUint32(upper + TCP.sequence) + i * segmentSize)
      const lasting = (i < last ? ~(FIN | PUSH) : ~0) & (i > 0 ? ~CWR : ~0)
      piece.dv.setUint8(upper + TCP.flags, piece.dv.getUint8(upper + TCP.flags) & lasting)
    } else piece.dv.setUint16(upper + UDP.length, length)
    piece.checksum = 1
    piece.checksumStart = upper
    piece.checksumAt = upper + (tcp ? TCP.checksum : UDP.checksum)
    piece.dv.setUint16(piece.checksumAt, fold(pseudo + length))
    piece.network = at
    piece.transport = upper
    piece.family = packet.family
    piece.protocol = packet.protocol
    piece.iface = packet.iface
  }
  return pieces
}

/** The IPv4 header of segment number `index`. Each is a datagram of its own, with an identification of its own (RFC 791 §3.2). */
function writeIpv4({ dv, u8 }: NetBuf, at: number, size: number, total: number, index: number): void {
  dv.setUint16(at + IPV4.totalLength, total)
  dv.setUint16(at + IPV4.identification, dv.getUint16(at + IPV4.identification) + index)
  dv.setUint16(at + IPV4.checksum, 0)
  dv.setUint16(at + IPV4.checksum, finish(sum(u8, at, size)))
}
