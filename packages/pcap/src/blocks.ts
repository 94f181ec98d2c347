/** pcapng blocks, each made whole as bytes, little-endian. */

import type { Instant, NetBuf } from '@favonius/contract'
import { BYTE_ORDER, blocks, options, padded } from './wire.ts'

/** Which way a frame went, as the interface saw it. */
export type Direction = 'in' | 'out'

const encoder = new TextEncoder()
/** Where UDP's header has its checksum. */
const UDP_CHECKSUM = 6

/** An option's value: text, or numbers of 8, 32 or 64 bits (high word, low word). */
type Value = string | readonly [bits: 8 | 32, value: number] | readonly [bits: 64, high: number, low: number]

const valueBytes = (value: Value): Uint8Array => {
  if (typeof value === 'string') return encoder.encode(value).subarray(0, 0xffff)
  const dv = new DataView(new ArrayBuffer(value[0] / 8))
  if (value[0] === 8) dv.setUint8(0, value[1])
  else dv.setUint32(0, value[0] === 64 ? value[2] : value[1], true)
  if (value[0] === 64) dv.setUint32(4, value[1], true)
  return new Uint8Array(dv.buffer)
}

/** A block of `body` bytes, to be filled from offset 8, with its options behind them. */
function block(type: number, body: number, given: readonly (readonly [code: number, value: Value])[]): DataView<ArrayBuffer> {
  const values = given.map(([code, value]) => [code, valueBytes(value)] as const)
  const size = 12 + padded(body) + (values.length ? 4 : 0) + values.reduce((sum, [, bytes]) => sum + 4 + padded(bytes.length), 0)
  const dv = new DataView(new ArrayBuffer(size))
  const u8 = new Uint8Array(dv.buffer)
  dv.setUint32(0, type, true)
  dv.setUint32(4, size, true)
  dv.setUint32(size - 4, size, true)
  let at = 8 + padded(body)
  for (const [code, bytes] of values) {
    dv.setUint16(at, code, true)
    dv.setUint16(at + 2, bytes.length, true)
    u8.set(bytes, at + 4)
    at += 4 + padded(bytes.length)
  }
  return dv
}

const bytesOf = (dv: DataView<ArrayBuffer>): Uint8Array<ArrayBuffer> => new Uint8Array(dv.buffer)

/**
 * Nanoseconds since 1970 as two words of 32 bits. They need 61 bits and a double has 53, so whole milliseconds and the
 * fraction are multiplied apart; a fraction is kept as fine as `instant` has it.
 */
export function nanoseconds(epoch: number, instant: Instant): { readonly high: number; readonly low: number } {
  let whole = Math.floor(epoch) + Math.floor(instant)
  let nanos = Math.round((epoch - Math.floor(epoch) + (instant - Math.floor(instant))) * 1e6)
  if (nanos >= 1e6) {
    const carry = Math.floor(nanos / 1e6)
    whole += carry
    nanos -= carry * 1e6
  }
  const low = (whole % 65_536) * 1e6 + nanos
  const high = Math.floor(whole / 65_536) * 1e6 + Math.floor(low / 65_536)
  return { high: Math.floor(high / 65_536) >>> 0, low: (high % 65_536) * 65_536 + (low % 65_536) }
}

/** Section Header Block, pcapng §4.1: begins a file. Says nothing that differs from one run to the next. */
export function sectionHeader(): Uint8Array<ArrayBuffer> {
  const dv = block(blocks.sectionHeader, 16, [[options.application, 'Favonius']])
  dv.setUint32(8, BYTE_ORDER, true)
  dv.setUint16(12, 1, true)
  // Section length −1: not known.
  dv.setUint32(16, 0xffff_ffff, true)
  dv.setUint32(20, 0xffff_ffff, true)
  return bytesOf(dv)
}

/** Interface Description Block, pcapng §4.2, with timestamps in nanoseconds. `snapLength` 0 is no limit. */
export function interfaceDescription(name: string, linkType: number, snapLength = 0): Uint8Array<ArrayBuffer> {
  const dv = block(blocks.interfaceDescription, 8, [[options.interfaceName, name], [options.timestampResolution, [8, 9]]])
  dv.setUint16(8, linkType, true)
  dv.setUint32(12, snapLength, true)
  return bytesOf(dv)
}

/** What an Enhanced Packet Block says beside the packet. */
export interface PacketNote {
  readonly direction?: Direction | undefined
  readonly comment?: string | undefined
  /** The most bytes that are kept; 0 is no limit. */
  readonly snapLength?: number
  /** Where a buffer's bytes begin, as an absolute position; its `offset` unless given. */
  readonly from?: number
}

/**
 * Enhanced Packet Block, pcapng §4.3. A buffer is copied with its fragments, and a partial checksum is finished in the
 * copy, as the device will do it.
 */
export function enhancedPacket(
  interfaceId: number, time: { readonly high: number; readonly low: number }, packet: NetBuf | Uint8Array, note: PacketNote = {},
): Uint8Array<ArrayBuffer> {
  const isBytes = ArrayBuffer.isView(packet)
  // A header that was pulled stands before the data, and is wanted too.
  const before = isBytes ? 0 : packet.offset - (note.from ?? packet.offset)
  const length = isBytes ? packet.length : Math.max(0, packet.total() + before)
  const captured = note.snapLength ? Math.min(length, note.snapLength) : length
  const dv = block(blocks.enhancedPacket, 20 + captured, [
    ...(note.direction ? [[options.packetFlags, [32, note.direction === 'in' ? 1 : 2]] as const] : []),
    ...(note.comment ? [[options.comment, note.comment] as const] : []),
  ])
  const u8 = bytesOf(dv)
  dv.setUint32(8, interfaceId, true)
  dv.setUint32(12, time.high, true)
  dv.setUint32(16, time.low, true)
  dv.setUint32(20, captured, true)
  dv.setUint32(24, length, true)
  const data = u8.subarray(28, 28 + captured)
  if (isBytes) {
    data.set(packet.subarray(0, captured))
    return u8
  }
  const from = packet.offset - before
  if (before > 0) data.set(packet.u8.subarray(from, Math.min(packet.offset, from + captured)))
  packet.copyTo(data.subarray(Math.max(0, before)), Math.max(0, -before))
  const checksum = 28 + packet.checksumAt - from
  if (packet.checksum === 1 && checksum >= 28 && checksum + 2 <= 28 + captured) {
    const sum = ~packet.sum(packet.checksumStart) & 0xffff
    // RFC 768: UDP sends a sum that comes out as zero as all ones.
    dv.setUint16(checksum, sum === 0 && packet.checksumAt - packet.checksumStart === UDP_CHECKSUM ? 0xffff : sum)
  }
  return u8
}

/** An Enhanced Packet Block with one comment more. */
export function annotate(packetBlock: Uint8Array, comment: string): Uint8Array<ArrayBuffer> {
  const old = new DataView(packetBlock.buffer, packetBlock.byteOffset, packetBlock.byteLength)
  const optionsAt = 28 + padded(old.getUint32(20, true))
  const hasOptions = packetBlock.length > optionsAt + 4
  const kept = packetBlock.length - (hasOptions ? 8 : 4)
  // Made as a block whose body is all that is kept: the new option comes behind it, and the end of options.
  const dv = block(blocks.enhancedPacket, kept - 8, [[options.comment, comment]])
  bytesOf(dv).set(packetBlock.subarray(8, kept), 8)
  return bytesOf(dv)
}

/** Interface Statistics Block, pcapng §4.6: frames that were received and packets that were dropped until `time`. */
export function interfaceStatistics(
  interfaceId: number, time: { readonly high: number; readonly low: number }, counts: { readonly received: number; readonly dropped: number },
): Uint8Array<ArrayBuffer> {
  const dv = block(blocks.interfaceStatistics, 12, [
    [options.received, [64, Math.floor(counts.received / 2 ** 32), counts.received]],
    [options.dropped, [64, Math.floor(counts.dropped / 2 ** 32), counts.dropped]],
  ])
  dv.setUint32(8, interfaceId, true)
  dv.setUint32(12, time.high, true)
  dv.setUint32(16, time.low, true)
  return bytesOf(dv)
}
