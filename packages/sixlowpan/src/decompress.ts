/** Short headers become whole: read RFC 6282 §3.1, §3.2 and §4 before changing this file. Every byte that it reads is a peer's. */

import type { Clock, DropReason, LinkAddress, NetBuf } from '@favonius/contract'
import { fold, IPV6, PROTOCOL_FRAGMENT, PROTOCOL_ROUTING, PROTOCOL_UDP } from '@favonius/inet'
import { GROUP_BYTES, PREFIXED_GROUP_BYTES, UNICAST_BYTES } from './compress.ts'
import { isUntil, type Context, type ContextTable } from './contexts.ts'
import { copyBytes } from './copy.ts'
import type { Drops } from './drops.ts'
import { Encapsulation } from './encapsulation.ts'
import { EID_IPV6, extensionIds, hopLimits, IPHC, kinds, NHC, PORTS } from './wire/dispatch.ts'

/** Bytes of traffic class and flow label, by their code. */
const TRAFFIC_FLOW_BYTES = [4, 3, 1, 0] as const
/** UDP's header (RFC 768). */
const UDP = { destination: 2, length: 4, checksum: 6, size: 8 } as const
/** Headers within headers at most: with each in 40 bytes, no packet has more. */
const MOST_HEADERS = 64

type Reasons = Pick<Drops, 'short' | 'reserved' | 'context' | 'noLink' | 'nhc' | 'extension' | 'expanded' | 'checksum'>

/**
 * Decompresses headers from one run of bytes into another. What it says of a header is true until the next one: where it ended, and what
 * is to be done when the length of the whole is known.
 */
export class Decompressor {
  /** Bytes that the headers have now. */
  size = 0
  /** Why they could not be decompressed. */
  failure: DropReason
  readonly #clock: Clock
  readonly #drops: Reasons
  readonly #outer = new Encapsulation()
  /** Where the fields of lengths stand that follow from the length of the whole, relative to the first header. */
  readonly #headers = new Int32Array(MOST_HEADERS)
  #count = 0
  /** Where the UDP header begins, −1 when none was compressed. */
  #udp = -1
  #elided = false
  /** What #readHeader reached in its input. */
  #read = 0
  #w0 = 0
  #w1 = 0
  #w2 = 0
  #w3 = 0

  constructor(clock: Clock, drops: Reasons) {
    this.#clock = clock
    this.#drops = drops
    this.failure = drops.short
  }

  /**
   * Writes at `at` of `into` what stands compressed from `from` on, up to `end`, and not beyond `limit`. Returns where in its input the
   * headers end; or −1, with `failure`, when something is wrong with them.
   */
  decompress(
    u8: Uint8Array, dv: DataView, from: number, end: number, into: DataView, at: number, limit: number,
    source: LinkAddress, destination: LinkAddress, contexts: ContextTable | undefined,
  ): number {
    const drops = this.#drops
    this.#outer.setLinks(source, destination)
    this.#count = 0
    this.#udp = -1
    this.#elided = false
    this.#read = from
    let write = at
    let routed = false
    let followed = this.#readHeader(u8, dv, end, into, write, limit, contexts)
    if (followed < 0) return -1
    this.#headers[this.#count++] = 0
    let named = write + IPV6.nextHeader
    write += IPV6.size
    while (followed > 0) {
      let read = this.#read
      if (read >= end) return this.#fail(drops.short)
      const code = u8[read++]!
      if ((code & NHC.udpMask) === NHC.udp) {
        into.setUint8(named, PROTOCOL_UDP)
        if (write + UDP.size > limit) return this.#fail(drops.expanded)
        this.#udp = write - at
        this.#elided = (code & NHC.checksumElided) !== 0
        // RFC 8200 §8.1: the sum is over the last destination, which the routing header has in a form of its own.
        if (this.#elided && routed) return this.#fail(drops.checksum)
        read = readUdp(u8, dv, read, end, code, into, write)
        if (read < 0) return this.#fail(drops.short)
        this.#read = read
        write += UDP.size
        break
      }
      const kind = (code & NHC.extensionMask) === NHC.extension ? extensionIds[(code >> 1) & 7]! : -1
      if (kind < 0) return this.#fail(drops.nhc)
      into.setUint8(named, kind)
      if (kind === extensionIds[EID_IPV6]) {
        this.#read = read
        if (this.#count === MOST_HEADERS) return this.#fail(drops.expanded)
        this.#headers[this.#count++] = write - at
        followed = this.#readHeader(u8, dv, end, into, write, limit, contexts)
        if (followed < 0) return -1
        named = write + IPV6.nextHeader
        write += IPV6.size
        routed = false
        continue
      }
      followed = code & NHC.followed
      const head = followed > 0 ? 1 : 2
      if (end - read < head) return this.#fail(drops.short)
      const next = followed > 0 ? 0 : u8[read]!
      const lengthByte = u8[read + head - 1]!
      read += head
      // A fragment header has no length, and what stands in its place is carried as it is.
      const length = kind === PROTOCOL_FRAGMENT ? 6 : lengthByte
      if (end - read < length) return this.#fail(drops.short)
      const size = (length + 2 + 7) & ~7
      if (write + size > limit) return this.#fail(drops.expanded)
      const padding = size - length - 2
      // Options are padded by who decompresses (RFC 6282 §4.2); nothing else may be.
      if (padding > 0 && kind !== extensionIds[0] && kind !== extensionIds[3]) return this.#fail(drops.extension)
      into.setUint8(write, next)
      into.setUint8(write + 1, kind === PROTOCOL_FRAGMENT ? lengthByte : size / 8 - 1)
      copyBytes(dv, read, into, write + 2, length)
      pad(into, write + size - padding, padding)
      if (kind === PROTOCOL_ROUTING && length > 1 && u8[read + 1] !== 0) routed = true
      this.#read = read + length
      named = write
      write += size
    }
    this.size = write - at
    return this.#read
  }

  /** Completes headers that begin at `at`: writes the lengths, of a packet of `total` bytes. */
  complete(into: DataView, at: number, total: number): void {
    for (let i = 0; i < this.#count; i++) {
      const header = this.#headers[i]!
      into.setUint16(at + header + IPV6.payloadLength, total - header - IPV6.size)
    }
    if (this.#udp >= 0) into.setUint16(at + this.#udp + UDP.length, total - this.#udp)
  }

  /** Where the UDP header begins whose checksum is still to be made, relative to the first header; −1 when there is none. */
  get elidedAt(): number {
    return this.#elided ? this.#udp : -1
  }

  /** Where the innermost IPv6 header begins, relative to the first. */
  get innermost(): number {
    return this.#headers[this.#count - 1]!
  }

  /** Reads LOWPAN_IPHC from where #read is, and writes an IPv6 header without its length. 1 when the next header is compressed too, −1 when it failed. */
  #readHeader(u8: Uint8Array, dv: DataView, end: number, into: DataView, at: number, limit: number, contexts: ContextTable | undefined): number {
    const drops = this.#drops
    let read = this.#read
    if (end - read < IPHC.size) return this.#fail(drops.short)
    const bits = dv.getUint16(read)
    read += IPHC.size
    if ((bits >> 8 & kinds.iphcMask) !== kinds.iphc) return this.#fail(drops.nhc)
    if (at + IPV6.size > limit) return this.#fail(drops.expanded)
    const trafficFlow = (bits >> IPHC.trafficFlow) & 3
    const followed = (bits >> IPHC.nextHeader) & 1
    const hopCode = (bits >> IPHC.hopLimit) & 3
    const sourceStateful = (bits & (1 << IPHC.sourceContext)) !== 0
    const sourceMode = (bits >> IPHC.sourceMode) & 3
    const group = (bits & (1 << IPHC.multicast)) !== 0
    const destinationStateful = (bits & (1 << IPHC.destinationContext)) !== 0
    const destinationMode = bits & 3
    let sourceId = 0
    let destinationId = 0
    if ((bits & (1 << IPHC.contextExtension)) !== 0) {
      if (read >= end) return this.#fail(drops.short)
      sourceId = u8[read]! >> 4
      destinationId = u8[read++]! & 15
    }
    if (destinationStateful && (group ? destinationMode !== 0 : destinationMode === 0)) return this.#fail(drops.reserved)
    const unspecified = sourceStateful && sourceMode === 0
    const sourceBytes = unspecified ? 0 : UNICAST_BYTES[sourceMode]!
    const destinationBytes = !group ? UNICAST_BYTES[destinationMode]! : destinationStateful ? PREFIXED_GROUP_BYTES : GROUP_BYTES[destinationMode]!
    const inline = TRAFFIC_FLOW_BYTES[trafficFlow]! + (1 - followed) + (hopCode === 0 ? 1 : 0) + sourceBytes + destinationBytes
    if (end - read < inline) return this.#fail(drops.short)
    let first = 0x6000_0000
    switch (trafficFlow) {
      case 0: {
        const word = dv.getInt32(read)
        first |= (((word >>> 22) & 0xfc) | (word >>> 30)) << 20 | (word & 0xf_ffff)
        break
      }
      case 1:
        first |= (u8[read]! >> 6) << 20 | (u8[read]! & 15) << 16 | dv.getUint16(read + 1)
        break
      case 2: {
        const byte = u8[read]!
        first |= (((byte << 2) & 0xfc) | (byte >> 6)) << 20
      }
    }
    read += TRAFFIC_FLOW_BYTES[trafficFlow]!
    const next = followed ? 0 : u8[read++]!
    const hopLimit = hopCode === 0 ? u8[read++]! : hopLimits[hopCode]!
    into.setInt32(at, first)
    into.setInt32(at + 4, (next << 8) | hopLimit)

    const outer = this.#outer
    if (unspecified) this.#w0 = this.#w1 = this.#w2 = this.#w3 = 0
    else {
      const context = sourceStateful ? this.#context(contexts, sourceId) : undefined
      if (sourceStateful && context === undefined) return this.#fail(drops.context)
      if (sourceMode === 3 && !outer.fromKnown) return this.#fail(drops.noLink)
      this.#readUnicast(dv, read, sourceMode, outer.fromHi, outer.fromLo, context)
    }
    read += sourceBytes
    const sourceHi = this.#w2
    const sourceLo = this.#w3
    this.#writeAddress(into, at + IPV6.source)

    const context = destinationStateful ? this.#context(contexts, destinationId) : undefined
    if (destinationStateful && context === undefined) return this.#fail(drops.context)
    if (!group) {
      if (destinationMode === 3 && !outer.toKnown) return this.#fail(drops.noLink)
      this.#readUnicast(dv, read, destinationMode, outer.toHi, outer.toLo, context)
    } else if (context === undefined) this.#readGroup(u8, dv, read, destinationMode)
    else {
      // RFC 3306 §4 has room for prefixes of 64 bits.
      if (context.prefix.length > 64) return this.#fail(drops.context)
      this.#w0 = 0xff00_0000 | (dv.getUint16(read) << 8) | context.prefix.length
      this.#w1 = context.p0
      this.#w2 = context.p1
      this.#w3 = dv.getInt32(read + 2)
    }
    read += destinationBytes
    this.#writeAddress(into, at + IPV6.destination)
    outer.setAddresses(sourceHi, sourceLo, this.#w2, this.#w3)
    this.#read = read
    return followed
  }

  #context(contexts: ContextTable | undefined, id: number): Context | undefined {
    const context = contexts?.[id]
    return context !== undefined && isUntil(context.validUntil, this.#clock) ? context : undefined
  }

  /** A unicast address by its mode: bits of a context are always the context's, and those between a short one and the identifier zero. */
  #readUnicast(dv: DataView, read: number, mode: number, hi: number, lo: number, context: Context | undefined): void {
    if (mode === 0) {
      this.#w0 = dv.getInt32(read)
      this.#w1 = dv.getInt32(read + 4)
      this.#w2 = dv.getInt32(read + 8)
      this.#w3 = dv.getInt32(read + 12)
      return
    }
    const w2 = mode === 1 ? dv.getInt32(read) : mode === 2 ? 0xff : hi
    const w3 = mode === 1 ? dv.getInt32(read + 4) : mode === 2 ? 0xfe00_0000 | dv.getUint16(read) : lo
    if (context === undefined) {
      this.#w0 = 0xfe80_0000
      this.#w1 = 0
      this.#w2 = w2
      this.#w3 = w3
      return
    }
    this.#w0 = context.p0
    this.#w1 = context.p1
    this.#w2 = context.p2 | (w2 & ~context.m2)
    this.#w3 = context.p3 | (w3 & ~context.m3)
  }

  #readGroup(u8: Uint8Array, dv: DataView, read: number, mode: number): void {
    if (mode === 0) return this.#readUnicast(dv, read, 0, 0, 0, undefined)
    this.#w0 = mode === 3 ? 0xff02_0000 : 0xff00_0000 | (u8[read]! << 16)
    this.#w1 = 0
    this.#w2 = mode === 1 ? u8[read + 1]! : 0
    this.#w3 = mode === 3 ? u8[read]! : mode === 2 ? dv.getInt32(read) & 0xff_ffff : dv.getInt32(read + 2)
  }

  #writeAddress(into: DataView, at: number): void {
    into.setInt32(at, this.#w0)
    into.setInt32(at + 4, this.#w1)
    into.setInt32(at + 8, this.#w2)
    into.setInt32(at + 12, this.#w3)
  }

  #fail(reason: DropReason): -1 {
    this.failure = reason
    return -1
  }
}

/** Makes the checksum that was elided of the UDP header at `udp` of a packet, whose innermost IPv6 header is at `header`: both absolute. */
export function makeChecksum(packet: NetBuf, header: number, udp: number): void {
  const { dv } = packet
  let pseudo = PROTOCOL_UDP + dv.getUint16(udp + UDP.length)
  for (let i = IPV6.source; i < IPV6.size; i += 2) pseudo += dv.getUint16(header + i)
  dv.setUint16(udp + UDP.checksum, 0)
  const sum = ~packet.sum(udp, fold(pseudo)) & 0xffff
  dv.setUint16(udp + UDP.checksum, sum === 0 ? 0xffff : sum)
  // There is nothing to be verified in what we made ourselves.
  packet.checksum = 2
}

/** RFC 6282 §4.3. Returns where it ends, −1 when it is cut short. */
function readUdp(u8: Uint8Array, dv: DataView, read: number, end: number, code: number, into: DataView, at: number): number {
  const ports = code & NHC.portsMask
  const elided = (code & NHC.checksumElided) !== 0
  const size = ports === 0 ? 4 : ports === 3 ? 1 : 3
  if (end - read < size + (elided ? 0 : 2)) return -1
  into.setUint16(at, ports === 3 ? PORTS.nibble | (u8[read]! >> 4) : ports === 2 ? PORTS.byte | u8[read]! : dv.getUint16(read))
  into.setUint16(at + UDP.destination, ports === 3 ? PORTS.nibble | (u8[read]! & 15)
    : ports === 2 ? dv.getUint16(read + 1) : ports === 1 ? PORTS.byte | u8[read + 2]! : dv.getUint16(read + 2))
  read += size
  into.setUint16(at + UDP.checksum, elided ? 0 : dv.getUint16(read))
  return elided ? read : read + 2
}

/** Pad1 or PadN (RFC 8200 §4.2). */
function pad(into: DataView, at: number, size: number): void {
  for (let i = 0; i < size; i++) into.setUint8(at + i, 0)
  if (size < 2) return
  into.setUint8(at, 1)
  into.setUint8(at + 1, size - 2)
}
