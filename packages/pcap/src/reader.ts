/**
 * Reads captures: pcapng (draft-ietf-opsawg-pcapng) and classic pcap (draft-ietf-opsawg-pcap), in either byte order.
 * The bytes may come from anywhere: whatever they are, nothing throws and nothing outside of them is read.
 */

import type { Malformed } from '@favonius/contract'
import type { Direction } from './blocks.ts'
import { BYTE_ORDER, blocks, magic, options, padded } from './wire.ts'

/** A packet of a capture. */
export interface CapturedPacket {
  /** The interface's number in its section, from 0; 0 in classic pcap. */
  readonly interface: number
  /** The interface's name, where the file gives one. */
  readonly name: string | undefined
  /** `linkTypes` names some. */
  readonly linkType: number
  /** Milliseconds since 1970, as fine as a double has them. */
  readonly timestamp: number
  /** The same, exactly: whole seconds, and nanoseconds beyond them. */
  readonly seconds: number
  readonly nanoseconds: number
  /** What was kept of the packet: a view into the file. */
  readonly data: Uint8Array
  /** Bytes it had on the link. */
  readonly length: number
  readonly direction: Direction | undefined
  readonly comments: readonly string[]
}

interface Described {
  readonly name: string | undefined
  readonly linkType: number
  readonly snapLength: number
  /** Units of its timestamps in a second. */
  readonly units: bigint
  /** Seconds to add to them. */
  readonly offset: bigint
}

const decoder = new TextDecoder()

/**
 * The packets of a capture file, in order. When the file is damaged or cut off, the last item says how; what came before
 * is good.
 *
 * ```ts
 * for (const packet of packets(bytes)) {
 *   if ('malformed' in packet) throw new Error(packet.malformed)
 *   console.log(packet.timestamp, packet.data)
 * }
 * ```
 */
export function packets(bytes: Uint8Array): Generator<CapturedPacket | Malformed, void, undefined> {
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 4) return failed('no capture: shorter than four bytes')
  const first = dv.getUint32(0)
  if (first === blocks.sectionHeader) return pcapng(bytes, dv)
  for (const little of [false, true]) {
    const value = dv.getUint32(0, little)
    if (value === magic.microseconds) return classic(bytes, dv, little, 1000)
    if (value === magic.nanoseconds) return classic(bytes, dv, little, 1)
  }
  return failed(`no capture: it begins with 0x${first.toString(16).padStart(8, '0')}`)
}

function* failed(malformed: string): Generator<Malformed, void, undefined> {
  yield { malformed }
}

/** `unit`: nanoseconds in a unit of its fractions of a second. */
function* classic(bytes: Uint8Array, dv: DataView, little: boolean, unit: number): Generator<CapturedPacket | Malformed, void, undefined> {
  if (bytes.length < 24) return yield { malformed: `file header cut off after ${bytes.length} of 24 bytes` }
  // The upper bits tell of an FCS.
  const linkType = dv.getUint32(20, little) & 0xffff
  let at = 24
  while (at < bytes.length) {
    if (bytes.length - at < 16) return yield { malformed: `packet header cut off at byte ${at}` }
    const captured = dv.getUint32(at + 8, little)
    if (captured > bytes.length - at - 16) return yield { malformed: `packet of ${captured} bytes cut off at byte ${at}` }
    const seconds = dv.getUint32(at, little)
    const nanoseconds = dv.getUint32(at + 4, little) * unit
    yield {
      interface: 0, name: undefined, linkType, seconds, nanoseconds,
      timestamp: seconds * 1000 + nanoseconds / 1e6,
      data: bytes.subarray(at + 16, at + 16 + captured),
      length: dv.getUint32(at + 12, little),
      direction: undefined, comments: [],
    }
    at += 16 + captured
  }
}

function* pcapng(bytes: Uint8Array, dv: DataView): Generator<CapturedPacket | Malformed, void, undefined> {
  let little = true
  let interfaces: Described[] = []
  let at = 0
  while (at < bytes.length) {
    if (bytes.length - at < 12) return yield { malformed: `block cut off at byte ${at}` }
    const type = dv.getUint32(at, little)
    // Type and magic of a section header, which may turn the byte order.
    if (dv.getUint32(at) === blocks.sectionHeader) {
      const order = dv.getUint32(at + 8, true)
      if (order !== BYTE_ORDER && dv.getUint32(at + 8) !== BYTE_ORDER) return yield { malformed: `section header at byte ${at} has no byte order` }
      little = order === BYTE_ORDER
      interfaces = []
    }
    const size = dv.getUint32(at + 4, little)
    if (size < 12 || size % 4 !== 0) return yield { malformed: `block at byte ${at} has a length of ${size}` }
    if (size > bytes.length - at) return yield { malformed: `block of ${size} bytes cut off at byte ${at}` }
    if (dv.getUint32(at + size - 4, little) !== size) return yield { malformed: `block at byte ${at}: its two lengths differ` }
    const read = reader(bytes, dv, at + 8, at + size - 4, little)
    const made = type === blocks.interfaceDescription ? describe(read)
      : type === blocks.enhancedPacket ? enhanced(read, interfaces)
      : type === blocks.packet ? obsolete(read, interfaces)
      : type === blocks.simplePacket ? simple(read, interfaces)
      : undefined
    if (typeof made === 'string') return yield { malformed: `block at byte ${at}: ${made}` }
    if (made && 'units' in made) interfaces.push(made)
    else if (made) yield made
    at += size
  }
}

/** A block's body, from `from` to `to`. */
interface Body {
  readonly bytes: Uint8Array
  readonly dv: DataView
  readonly from: number
  readonly to: number
  readonly little: boolean
  u16(at: number): number
  u32(at: number): number
}

const reader = (bytes: Uint8Array, dv: DataView, from: number, to: number, little: boolean): Body => ({
  bytes, dv, from, to, little,
  u16: (at) => dv.getUint16(from + at, little),
  u32: (at) => dv.getUint32(from + at, little),
})

/** Options from `at` of the body: code and bytes. Stops at the first that is not whole. */
function* optionsOf(body: Body, at: number): Generator<readonly [code: number, value: Uint8Array, at: number], void, undefined> {
  let next = body.from + at
  while (body.to - next >= 4) {
    const code = body.dv.getUint16(next, body.little)
    const length = body.dv.getUint16(next + 2, body.little)
    if (code === options.end || length > body.to - next - 4) return
    yield [code, body.bytes.subarray(next + 4, next + 4 + length), next + 4]
    next += 4 + padded(length)
  }
}

/** pcapng §4.2. */
function describe(body: Body): Described | string {
  if (body.to - body.from < 8) return 'interface description too short'
  let name: string | undefined
  let units = 1_000_000n
  let offset = 0n
  for (const [code, value, at] of optionsOf(body, 8)) {
    if (code === options.interfaceName) name = decoder.decode(value)
    if (code === options.timestampResolution && value.length === 1) units = (value[0]! & 0x80 ? 2n : 10n) ** BigInt(value[0]! & 0x7f)
    if (code === options.timestampOffset && value.length === 8) offset = body.dv.getBigInt64(at, body.little)
  }
  return { name, linkType: body.u16(0), snapLength: body.u32(4), units, offset }
}

interface Record {
  readonly interface: number
  readonly high: number
  readonly low: number
  readonly captured: number
  readonly length: number
  /** Where the data begins in the body. */
  readonly data: number
}

/** pcapng §4.3. */
function enhanced(body: Body, interfaces: readonly Described[]): CapturedPacket | string {
  if (body.to - body.from < 20) return 'packet block too short'
  return packet(body, interfaces, { interface: body.u32(0), high: body.u32(4), low: body.u32(8), captured: body.u32(12), length: body.u32(16), data: 20 })
}

/** The Packet Block that the enhanced one replaced, pcapng appendix A. */
function obsolete(body: Body, interfaces: readonly Described[]): CapturedPacket | string {
  if (body.to - body.from < 20) return 'packet block too short'
  return packet(body, interfaces, { interface: body.u16(0), high: body.u32(4), low: body.u32(8), captured: body.u32(12), length: body.u32(16), data: 20 })
}

/** pcapng §4.4: no time, no options, always the first interface. */
function simple(body: Body, interfaces: readonly Described[]): CapturedPacket | string {
  if (body.to - body.from < 4) return 'packet block too short'
  const length = body.u32(0)
  const captured = Math.min(length, interfaces[0]?.snapLength || length)
  const made = packet(body, interfaces, { interface: 0, high: 0, low: 0, captured, length, data: 4 })
  return typeof made === 'string' ? made : { ...made, timestamp: 0, seconds: 0, nanoseconds: 0, direction: undefined, comments: [] }
}

function packet(body: Body, interfaces: readonly Described[], record: Record): CapturedPacket | string {
  const described = interfaces[record.interface]
  if (!described) return `packet of interface ${record.interface}, which is not described`
  const { captured, length, data } = record
  if (captured > body.to - body.from - data) return `packet of ${captured} bytes in a block that has room for ${body.to - body.from - data}`
  const { units, offset, name, linkType } = described
  const ticks = (BigInt(record.high) << 32n) | BigInt(record.low)
  const seconds = Number(ticks / units + offset)
  const nanoseconds = Number(((ticks % units) * 1_000_000_000n) / units)
  let direction: Direction | undefined
  const comments: string[] = []
  for (const [code, value, at] of optionsOf(body, data + padded(captured))) {
    if (code === options.comment) comments.push(decoder.decode(value))
    if (code === options.packetFlags && value.length === 4) {
      const way = body.dv.getUint32(at, body.little) & 3
      direction = way === 1 ? 'in' : way === 2 ? 'out' : undefined
    }
  }
  return {
    interface: record.interface, name, linkType, seconds, nanoseconds, direction, comments, length,
    timestamp: seconds * 1000 + nanoseconds / 1e6,
    data: body.bytes.subarray(body.from + data, body.from + data + captured),
  }
}
