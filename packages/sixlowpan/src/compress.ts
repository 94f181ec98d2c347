/** Headers become short: read RFC 6282 §3.1, §3.2 and §4 before changing this file. */

import type { Clock, LinkAddress, NetBuf } from '@favonius/contract'
import {
  fold, IPV6, PROTOCOL_DESTINATION_OPTIONS, PROTOCOL_FRAGMENT, PROTOCOL_HOP_BY_HOP, PROTOCOL_IPV6, PROTOCOL_UDP,
} from '@favonius/inet'
import { isUntil, type Context, type ContextTable } from './contexts.ts'
import { Encapsulation } from './encapsulation.ts'
import { EID_IPV6, extensionIds, hopLimits, IPHC, kinds, NHC, PORTS } from './wire/dispatch.ts'

/** Bytes of a unicast address that follow, by its mode: all of it, its identifier, the end of that, none. */
export const UNICAST_BYTES = [16, 8, 2, 0] as const
/** Bytes of a group's address that follow, by its mode (RFC 6282 §3.1.1, M = 1). */
export const GROUP_BYTES = [16, 6, 4, 1] as const
/** Bytes of a group's address in a context (RFC 6282 §3.1.1: M = 1, DAC = 1, DAM = 0). */
export const PREFIXED_GROUP_BYTES = 6

/** The first word of fe80::/64. */
const LINK_LOCAL = 0xfe80_0000 | 0
/** The words of ::ff:fe00:XXXX, the identifiers of short addresses. */
const SHORT_HI = 0xff
const SHORT_LO = 0xfe00_0000 | 0

/** UDP's header (RFC 768). */
const UDP = { destination: 2, length: 4, checksum: 6, size: 8 } as const
/** The most bytes of a UDP header compressed. */
const UDP_MOST = 7
/** The most bytes that follow the length of a compressed extension header (RFC 6282 §4.2), and the most of padding that may be left out. */
const EXTENSION_MOST = 255
const PADDING_MOST = 7

/*
 * A way to say an address is a number: its mode in the low two bits, and above them the number of its context plus one, 0 for none.
 */
const NO_WAY = -1
const modeOf = (way: number): number => way & 3
const contextOf = (way: number): number => (way >> 2) - 1
const wayOf = (mode: number, context: number): number => ((context + 1) << 2) | mode

/** Compresses headers, each to the fewest bytes that there are for it. */
export class Compressor {
  readonly #clock: Clock
  readonly #elideChecksum: boolean
  readonly #outer = new Encapsulation()
  /** The best ways that need no byte for contexts, and those that do. */
  #free = 0
  #paid = NO_WAY
  /** One's complement sum of the innermost header's addresses, when the checksum may be elided. */
  #pseudo = 0

  constructor(clock: Clock, elideChecksum: boolean) {
    this.#clock = clock
    this.#elideChecksum = elideChecksum
  }

  /**
   * Compresses the headers of an IPv6 packet in place, to at most `most` bytes, where these are 40 or more. Returns how many bytes of
   * headers now stand compressed, which is what the packet's offset moved by and what is left of them. 0, and nothing has changed, when
   * it is no IPv6 packet of the length that it says.
   */
  compress(packet: NetBuf, from: LinkAddress, to: LinkAddress, contexts: ContextTable | undefined, most: number): number {
    const { dv, u8, offset } = packet
    const end = offset + packet.length
    const stop = offset + packet.total()
    if (!isHeader(dv, offset, end, stop)) return 0
    // What is written never overtakes what is to be read: each header's form is no longer than the header, and the first one's is shorter
    // by a byte where another follows it.
    let read = offset
    let write = offset
    this.#outer.setLinks(from, to)
    let next = PROTOCOL_IPV6
    let inner = false
    let whole = true
    for (;;) {
      if (next === PROTOCOL_IPV6) {
        if (inner) u8[write++] = NHC.extension | (EID_IPV6 << 1)
        inner = true
        next = u8[read + IPV6.nextHeader]!
        const limit = offset + most - IPV6.size
        const followed = this.#isCompressible(packet, next, read + IPV6.size, end, stop, limit - write)
        write = this.#writeHeader(dv, u8, read, write, followed, contexts)
        read += IPV6.size
        if (followed) continue
        break
      }
      if (next === PROTOCOL_UDP) {
        write = this.#writeUdp(packet, read, write)
        read += UDP.size
        break
      }
      const fragment = next === PROTOCOL_FRAGMENT
      const size = extensionSize(u8, read, next)
      const kept = size - paddingOf(u8, read, size, next) - 2
      const eid = extensionIds.indexOf(next as 0)
      next = u8[read]!
      const lengthByte = fragment ? u8[read + 1]! : kept
      // The data of a fragment that is not the first are no headers.
      if (fragment && (dv.getUint16(read + 2) & 0xfff8) !== 0) whole = false
      const followed = whole && this.#isCompressible(packet, next, read + size, end, stop, offset + most - write - 2 - kept)
      const data = read + 2
      u8[write++] = NHC.extension | (eid << 1) | (followed ? NHC.followed : 0)
      if (!followed) u8[write++] = next
      u8[write++] = lengthByte
      u8.copyWithin(write, data, data + kept)
      write += kept
      read += size
      if (!followed) break
    }
    const gap = read - write
    u8.copyWithin(offset + gap, offset, write)
    packet.pull(gap)
    return read - offset
  }

  /** Whether the header at `at` has a compressed form, and `room` bytes hold it and the header after it. */
  #isCompressible(packet: NetBuf, next: number, at: number, end: number, stop: number, room: number): boolean {
    const { dv, u8 } = packet
    switch (next) {
      case PROTOCOL_UDP: return at + UDP.size <= end && dv.getUint16(at + UDP.length) === stop - at && room >= UDP_MOST
      case PROTOCOL_IPV6: return isHeader(dv, at, end, stop) && room > IPV6.size
    }
    if (extensionIds.indexOf(next as 0) < 0 || at + 8 > end) return false
    const size = extensionSize(u8, at, next)
    if (at + size > end) return false
    const kept = size - paddingOf(u8, at, size, next) - 2
    return kept <= EXTENSION_MOST && room >= kept + 3
  }

  /** RFC 6282 §3.1.1. Returns where it ends. Everything is read before anything is written. */
  #writeHeader(dv: DataView, u8: Uint8Array, read: number, write: number, followed: boolean, contexts: ContextTable | undefined): number {
    const first = dv.getInt32(read)
    const next = u8[read + IPV6.nextHeader]!
    const hopLimit = u8[read + IPV6.hopLimit]!
    const s0 = dv.getInt32(read + 8)
    const s1 = dv.getInt32(read + 12)
    const s2 = dv.getInt32(read + 16)
    const s3 = dv.getInt32(read + 20)
    const d0 = dv.getInt32(read + 24)
    const d1 = dv.getInt32(read + 28)
    const d2 = dv.getInt32(read + 32)
    const d3 = dv.getInt32(read + 36)
    const outer = this.#outer
    const group = d0 >>> 24 === 0xff
    const unspecified = (s0 | s1 | s2 | s3) === 0

    let source = 0
    let destination = group ? groupWay(d0, d1, d2, d3) : plainWay(d0, d1, d2, d3, outer.toKnown, outer.toHi, outer.toLo)
    let extended = false
    if (!unspecified) source = plainWay(s0, s1, s2, s3, outer.fromKnown, outer.fromHi, outer.fromLo)
    if (contexts !== undefined) {
      this.#free = source
      this.#paid = NO_WAY
      if (!unspecified) this.#consider(contexts, s0, s1, s2, s3, outer.fromKnown, outer.fromHi, outer.fromLo)
      const sourceFree = this.#free
      const sourcePaid = this.#paid
      this.#free = destination
      this.#paid = NO_WAY
      if (group) this.#considerGroup(contexts, d0, d1, d2)
      else this.#consider(contexts, d0, d1, d2, d3, outer.toKnown, outer.toHi, outer.toLo)
      const destinationFree = this.#free
      const destinationPaid = this.#paid
      // The byte that names contexts is paid for once.
      const sourceSaves = sourcePaid === NO_WAY ? 0 : UNICAST_BYTES[modeOf(sourceFree)]! - UNICAST_BYTES[modeOf(sourcePaid)]!
      const destinationSaves = destinationPaid === NO_WAY ? 0 : bytesOf(destinationFree, group) - bytesOf(destinationPaid, group)
      extended = Math.max(sourceSaves, 0) + Math.max(destinationSaves, 0) > 1
      source = extended && sourceSaves > 0 ? sourcePaid : sourceFree
      destination = extended && destinationSaves > 0 ? destinationPaid : destinationFree
    }
    const sourceContext = contextOf(source)
    const destinationContext = contextOf(destination)
    outer.setAddresses(s2, s3, d2, d3)
    if (this.#elideChecksum) this.#pseudo = halves(s0) + halves(s1) + halves(s2) + halves(s3) + halves(d0) + halves(d1) + halves(d2) + halves(d3)

    const flow = first & 0xf_ffff
    const ecn = (first >>> 20) & 3
    const dscp = (first >>> 22) & 0x3f
    const trafficFlow = flow !== 0 ? (dscp !== 0 ? 0 : 1) : (first & 0x0ff0_0000) !== 0 ? 2 : 3
    const limit = hopLimits.indexOf(hopLimit as 1, 1)
    dv.setUint16(write, (kinds.iphc << 8) | (trafficFlow << IPHC.trafficFlow) | (followed ? 1 << IPHC.nextHeader : 0) |
      ((limit < 0 ? 0 : limit) << IPHC.hopLimit) | (extended ? 1 << IPHC.contextExtension : 0) |
      (unspecified || sourceContext >= 0 ? 1 << IPHC.sourceContext : 0) | (modeOf(source) << IPHC.sourceMode) |
      (group ? 1 << IPHC.multicast : 0) | (destinationContext >= 0 ? 1 << IPHC.destinationContext : 0) | modeOf(destination))
    write += IPHC.size
    if (extended) u8[write++] = (Math.max(sourceContext, 0) << 4) | Math.max(destinationContext, 0)
    switch (trafficFlow) {
      case 0:
        dv.setInt32(write, (ecn << 30) | (dscp << 24) | flow)
        write += 4
        break
      case 1:
        u8[write] = (ecn << 6) | (flow >>> 16)
        dv.setUint16(write + 1, flow & 0xffff)
        write += 3
        break
      case 2:
        u8[write++] = (ecn << 6) | dscp
    }
    if (!followed) u8[write++] = next
    if (limit < 0) u8[write++] = hopLimit
    if (!unspecified) write = writeUnicast(dv, write, modeOf(source), s0, s1, s2, s3)
    if (!group) return writeUnicast(dv, write, modeOf(destination), d0, d1, d2, d3)
    if (destinationContext >= 0) {
      dv.setUint16(write, d0 >>> 8)
      dv.setInt32(write + 2, d3)
      return write + PREFIXED_GROUP_BYTES
    }
    return writeGroup(dv, u8, write, modeOf(destination), d0, d1, d2, d3)
  }

  /** Looks for better ways to say a unicast address, among the contexts. */
  #consider(contexts: ContextTable, w0: number, w1: number, w2: number, w3: number, known: boolean, hi: number, lo: number): void {
    for (let i = 0; i < contexts.length; i++) {
      const context = contexts[i]
      if (context === undefined || !isCovered(context, w0, w1, w2, w3) || !isUntil(context.compressUntil, this.#clock)) continue
      // Bits of the context are the context's, and bits between a short one and the identifier are zero.
      if (((w0 & ~context.m0) | (w1 & ~context.m1)) !== 0) continue
      const mode = known && (((w2 ^ hi) & ~context.m2) | ((w3 ^ lo) & ~context.m3)) === 0 ? 3
        : (((w2 ^ SHORT_HI) & ~context.m2) | ((w3 ^ (SHORT_LO | (w3 & 0xffff))) & ~context.m3)) === 0 ? 2 : 1
      this.#offer(mode, i, mode > modeOf(this.#free))
    }
  }

  /** The same for a group whose address has a prefix in it (RFC 3306 §4), and no other way but to be sent whole. */
  #considerGroup(contexts: ContextTable, d0: number, d1: number, d2: number): void {
    if (modeOf(this.#free) !== 0) return
    for (let i = 0; i < contexts.length; i++) {
      const context = contexts[i]
      if (context === undefined || !isPrefixIn(context, d0, d1, d2) || !isUntil(context.compressUntil, this.#clock)) continue
      this.#offer(0, i, true)
    }
  }

  #offer(mode: number, id: number, better: boolean): void {
    if (id === 0) {
      if (better) this.#free = wayOf(mode, 0)
    } else if (this.#paid === NO_WAY || mode > modeOf(this.#paid)) this.#paid = wayOf(mode, id)
  }

  /** RFC 6282 §4.3. Returns where it ends. */
  #writeUdp(packet: NetBuf, read: number, write: number): number {
    const { dv, u8 } = packet
    const source = dv.getUint16(read)
    const destination = dv.getUint16(read + UDP.destination)
    const checksum = dv.getUint16(read + UDP.checksum)
    // Only one that is right comes to be again.
    const elided = this.#elideChecksum && checksum !== 0 && packet.sum(read, fold(this.#pseudo + PROTOCOL_UDP + dv.getUint16(read + UDP.length))) === 0xffff
    const first = NHC.udp | (elided ? NHC.checksumElided : 0)
    if ((source & 0xfff0) === PORTS.nibble && (destination & 0xfff0) === PORTS.nibble) {
      u8[write] = first | 3
      u8[write + 1] = ((source & 15) << 4) | (destination & 15)
      write += 2
    } else if ((destination & 0xff00) === PORTS.byte) {
      u8[write] = first | 1
      dv.setUint16(write + 1, source)
      u8[write + 3] = destination
      write += 4
    } else if ((source & 0xff00) === PORTS.byte) {
      u8[write] = first | 2
      u8[write + 1] = source
      dv.setUint16(write + 2, destination)
      write += 4
    } else {
      u8[write] = first
      dv.setUint16(write + 1, source)
      dv.setUint16(write + 3, destination)
      write += 5
    }
    if (elided) return write
    dv.setUint16(write, checksum)
    return write + 2
  }
}

/** Whether an IPv6 header stands at `at`, of a packet that ends at `stop`. */
function isHeader(dv: DataView, at: number, end: number, stop: number): boolean {
  return at + IPV6.size <= end && dv.getUint8(at) >>> 4 === 6 && dv.getUint16(at + IPV6.payloadLength) === stop - at - IPV6.size
}

const halves = (word: number): number => (word >>> 16) + (word & 0xffff)

/** Bytes of an extension header; a fragment header has another field for its length (RFC 8200 §4.5). */
function extensionSize(u8: Uint8Array, at: number, kind: number): number {
  return kind === PROTOCOL_FRAGMENT ? 8 : (u8[at + 1]! + 1) * 8
}

/** Bytes of padding at the end of a header of options that need not be sent, since who decompresses puts them there (RFC 6282 §4.2). */
function paddingOf(u8: Uint8Array, at: number, size: number, kind: number): number {
  if (kind !== PROTOCOL_HOP_BY_HOP && kind !== PROTOCOL_DESTINATION_OPTIONS) return 0
  const end = at + size
  let begin = -1
  let run = 0
  for (let option = at + 2; option < end;) {
    const type = u8[option]!
    const length = type === 0 ? 1 : option + 1 < end ? u8[option + 1]! + 2 : size
    if (option + length > end) return 0
    run = type <= 1 ? run + 1 : 0
    begin = option
    option += length
  }
  const length = end - begin
  if (run !== 1 || length > PADDING_MOST) return 0
  for (let i = begin + 2; i < end; i++) if (u8[i] !== 0) return 0
  return length
}

/** The best mode for a unicast address without a context (RFC 6282 §3.1.1: SAC = 0, DAC = 0). */
function plainWay(w0: number, w1: number, w2: number, w3: number, known: boolean, hi: number, lo: number): number {
  if (w0 !== LINK_LOCAL || w1 !== 0) return 0
  if (known && w2 === hi && w3 === lo) return 3
  return w2 === SHORT_HI && w3 >>> 16 === SHORT_LO >>> 16 ? 2 : 1
}

/** The best mode for a group without a context (RFC 6282 §3.1.1: M = 1, DAC = 0). */
function groupWay(w0: number, w1: number, w2: number, w3: number): number {
  if ((w0 & 0xffff) !== 0 || w1 !== 0 || w2 >>> 8 !== 0) return 0
  if (w2 !== 0) return 1
  if (w3 >>> 24 !== 0) return 1
  return w0 === (0xff02_0000 | 0) && w3 >>> 8 === 0 ? 3 : 2
}

const bytesOf = (way: number, group: boolean): number =>
  !group ? UNICAST_BYTES[modeOf(way)]! : contextOf(way) >= 0 ? PREFIXED_GROUP_BYTES : GROUP_BYTES[modeOf(way)]!

function isCovered({ p0, p1, p2, p3, m0, m1, m2, m3 }: Context, w0: number, w1: number, w2: number, w3: number): boolean {
  return (((w0 ^ p0) & m0) | ((w1 ^ p1) & m1) | ((w2 ^ p2) & m2) | ((w3 ^ p3) & m3)) === 0
}

/** Whether a group's address says the length of the context's prefix, and has it (RFC 3306 §4; RFC 3956 §4 puts more bits before the length). */
function isPrefixIn({ prefix, p0, p1 }: Context, d0: number, d1: number, d2: number): boolean {
  return prefix.length <= 64 && (d0 & 0xff) === prefix.length && d1 === p0 && d2 === p1
}

function writeUnicast(dv: DataView, at: number, mode: number, w0: number, w1: number, w2: number, w3: number): number {
  switch (mode) {
    case 0:
      dv.setInt32(at, w0)
      dv.setInt32(at + 4, w1)
      dv.setInt32(at + 8, w2)
      dv.setInt32(at + 12, w3)
      break
    case 1:
      dv.setInt32(at, w2)
      dv.setInt32(at + 4, w3)
      break
    case 2:
      dv.setInt16(at, w3)
  }
  return at + UNICAST_BYTES[mode]!
}

function writeGroup(dv: DataView, u8: Uint8Array, at: number, mode: number, w0: number, w1: number, w2: number, w3: number): number {
  switch (mode) {
    case 0: return writeUnicast(dv, at, 0, w0, w1, w2, w3)
    case 1:
      u8[at] = w0 >>> 16
      u8[at + 1] = w2
      dv.setInt32(at + 2, w3)
      break
    case 2:
      dv.setInt32(at, ((w0 << 8) & 0xff00_0000) | (w3 & 0xff_ffff))
      break
    default:
      u8[at] = w3
  }
  return at + GROUP_BYTES[mode]!
}
