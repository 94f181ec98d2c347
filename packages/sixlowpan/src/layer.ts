/** IPv6 packets and the payloads of frames, which carry them whole or in part: RFC 4944 §5. */

import type { Adaptation, AdaptationLink, DropReason, Env, Interface, LinkAddress, NetBuf, Netif, Prefix } from '@favonius/contract'
import { ETHERTYPE_IPV6, readLink, sameLink } from '@favonius/inet'
import type { Settings } from '@favonius/kconfig'
import { finishChecksum } from '@favonius/netif'
import { Compressor } from './compress.ts'
import { Contexts, type ContextInfo, type ContextSettings } from './contexts.ts'
import { copyBytes, copyData } from './copy.ts'
import { Decompressor, makeChecksum } from './decompress.ts'
import { makeCounters, makeDrops, type Counters, type Drops } from './drops.ts'
import type { sixlowpanOptions } from './options.ts'
import { Reassembly, type Datagram } from './reassembly.ts'
import { BROADCAST, dispatches, FRAGMENT, kinds, MESH } from './wire/dispatch.ts'

/** Headers of one packet at most, in bytes: what the eleven bits of a datagram's size can say. */
const SCRATCH = FRAGMENT.sizeMask + 1

let shared: DataView | undefined

/** Where headers are decompressed to, until it is known where there is room for them. One for all stacks, since none is interrupted. */
const scratchpad = (): DataView => (shared ??= new DataView(new ArrayBuffer(SCRATCH)))

/** `stack.sixlowpan`: what a link layer calls, and what a person or a router says of prefixes. */
export interface Sixlowpan extends Adaptation {
  /**
   * Tells of a prefix by which addresses are compressed on the links of `iface`, as the 6LoWPAN Context Option does (RFC 6775 §4.2); one of
   * that number is replaced. Both ends must know the same: what the other does not know, it drops.
   *
   * Throws EINVAL for a number other than 0 to 15 or a prefix that is none of IPv6, ENOBUFS when there are `maxContexts`, EOPNOTSUPP when
   * contexts are switched off.
   */
  setContext(iface: Interface, id: number, prefix: string | Prefix, settings?: ContextSettings): void
  /** Forgets one at once. Harmless when there is none. */
  removeContext(iface: Interface, id: number): void
  /** The contexts of an interface, by number. */
  contexts(iface: Interface): readonly ContextInfo[]
  /** Datagrams of which fragments are missing. */
  readonly waiting: number
  /** Bytes of buffers that they hold. */
  readonly held: number
}

/** 6LoWPAN. `sixlowpan()` makes one; so does whoever wires a stack by hand. */
export class SixlowpanLayer implements Sixlowpan {
  /** RFC 4944 §5.1: the dispatch of a header that is sent as it is. Compressed, none is longer than it was. */
  readonly headroom = 1
  readonly #netif: Netif
  readonly #drops: Drops
  readonly #counters: Counters
  readonly #contexts: Contexts
  readonly #compressor: Compressor
  readonly #decompressor: Decompressor
  readonly #reassembly: Reassembly
  /** The tag of the last datagram that was sent in fragments (RFC 4944 §5.3: its first value is not defined). */
  #tag: number
  readonly #unlisten: () => void

  constructor(env: Env, netif: Netif, settings: Settings<typeof sixlowpanOptions>) {
    this.#netif = netif
    this.#drops = makeDrops(netif)
    this.#counters = makeCounters(netif)
    this.#contexts = new Contexts(env.clock, settings.contexts ? settings.maxContexts : 0)
    this.#compressor = new Compressor(env.clock, settings.elideChecksum)
    this.#decompressor = new Decompressor(env.clock, this.#drops)
    this.#reassembly = new Reassembly(env.clock, netif, settings, this.#drops)
    this.#tag = env.random.uint32() & 0xffff
    this.#unlisten = netif.listen(({ type, iface }) => {
      if (type !== 'removed') return
      this.#reassembly.forget(iface)
      this.#contexts.forget(iface)
    })
  }

  setContext(iface: Interface, id: number, prefix: string | Prefix, settings: ContextSettings = {}): void {
    this.#contexts.set(iface, id, prefix, settings)
  }

  removeContext(iface: Interface, id: number): void {
    this.#contexts.remove(iface, id)
  }

  contexts(iface: Interface): readonly ContextInfo[] {
    return this.#contexts.list(iface)
  }

  get waiting(): number {
    return this.#reassembly.count
  }

  get held(): number {
    return this.#reassembly.held
  }

  forget(iface: Interface): void {
    this.#reassembly.forget(iface)
  }

  /** Gives back what it holds. */
  stop(): void {
    this.#unlisten()
    this.#reassembly.stop()
  }

  // ---- the way down ----

  send(iface: Interface, packet: NetBuf, from: LinkAddress, to: LinkAddress, link: AdaptationLink): boolean {
    if (packet.protocol !== ETHERTYPE_IPV6) return this.#refuse(iface, packet, this.#drops.protocol)
    // In pieces nobody could finish it, and compressed it is not where it says.
    if (packet.checksum === 1) finishChecksum(packet)
    if (packet.references > 1) {
      const copy = packet.clone()
      if (copy === undefined) return this.#refuse(iface, packet, this.#drops.noBuffer)
      packet.unref()
      packet = copy
    }
    const total = packet.total()
    if (total > FRAGMENT.sizeMask) return this.#refuse(iface, packet, this.#drops.tooLong)
    const room = link.room(iface, from, to)
    const before = packet.offset
    // RFC 6282 §2: compressed headers do not go into a second fragment.
    const most = total <= room ? room : room - FRAGMENT.first
    const headers = this.#compressor.compress(packet, from, to, this.#contexts.of(iface), most)
    let kept = headers - (packet.offset - before)
    packet.network = -1
    packet.transport = -1
    if (headers === 0) {
      if (packet.headroom() < 1) return this.#refuse(iface, packet, this.#drops.noBuffer)
      packet.u8[packet.push(1)] = dispatches.ipv6
      kept = 1
    }
    iface.count(this.#counters.sent)
    return packet.total() <= room ? link.send(iface, packet, from, to) : this.#sendFragments(iface, packet, from, to, link, total, headers, kept, room)
  }

  /** Cuts a packet that begins with `kept` bytes that stand for `headers` bytes of a datagram of `size` (RFC 4944 §5.3). */
  #sendFragments(
    iface: Interface, packet: NetBuf, from: LinkAddress, to: LinkAddress, link: AdaptationLink, size: number, headers: number, kept: number, room: number,
  ): boolean {
    // Before it is compressed, each but the last ends at a multiple of 8.
    const begun = (headers + room - FRAGMENT.first - kept) & ~7
    const step = (room - FRAGMENT.next) & ~7
    if (begun < headers || step <= 0) return this.#refuse(iface, packet, this.#drops.narrow)
    iface.count(this.#counters.fragmented)
    const tag = (this.#tag = (this.#tag + 1) & 0xffff)
    const total = packet.total()
    let at = 0
    let offset = 0
    while (at < total) {
      const rest = total - at
      const length = at === 0 ? kept + begun - headers : rest <= room - FRAGMENT.next ? rest : step
      const piece = this.#netif.buffers.alloc(length, iface.headroom + FRAGMENT.next)
      if (piece === undefined) return this.#refuse(iface, packet, this.#drops.noBuffer)
      copyData(packet, at, piece, piece.add(length), length)
      const header = piece.push(at === 0 ? FRAGMENT.first : FRAGMENT.next)
      piece.dv.setUint16(header + FRAGMENT.size, ((at === 0 ? kinds.first : kinds.next) << 8) | size)
      piece.dv.setUint16(header + FRAGMENT.tag, tag)
      if (at > 0) piece.u8[header + FRAGMENT.offset] = offset >> 3
      piece.protocol = packet.protocol
      piece.priority = packet.priority
      piece.launch = packet.launch
      offset += at === 0 ? begun : length
      at += length
      // A datagram of which a piece is missing is worth nothing: the rest is not sent.
      if (!link.send(iface, piece, from, to)) {
        packet.unref()
        return false
      }
    }
    packet.unref()
    return true
  }

  // ---- the way up ----

  receive(iface: Interface, payload: NetBuf, from: LinkAddress, to: LinkAddress): NetBuf | undefined {
    const drops = this.#drops
    const { u8, dv, offset } = payload
    const end = offset + payload.length
    let at = offset
    if (at >= end) return this.#drop(iface, payload, drops.short)
    // RFC 4944 §5.1: the order of what may come before the fragment header.
    if ((u8[at]! & kinds.meshMask) === kinds.mesh) {
      const first = u8[at++]!
      // The hops are for who passes it on; four bits may be too few for them.
      if ((first & MESH.hopsMask) === MESH.hopsMask) at++
      const originator = (first & MESH.shortOriginator) !== 0 ? 2 : 8
      const final = (first & MESH.shortFinal) !== 0 ? 2 : 8
      if (end - at <= originator + final) return this.#drop(iface, payload, drops.short)
      const addressed = readLink(dv, at + originator, final)
      if (!isOurs(iface, addressed, to)) return this.#drop(iface, payload, drops.elsewhere)
      from = readLink(dv, at, originator)
      to = addressed
      at += originator + final
    }
    if (u8[at] === dispatches.broadcast) {
      at += BROADCAST.size
      if (at >= end) return this.#drop(iface, payload, drops.short)
    }
    const dispatch = u8[at]!
    if ((dispatch & kinds.iphcMask) === kinds.iphc) return this.#expand(iface, payload, at, end, from, to)
    if ((dispatch & kinds.fragmentMask) === kinds.first) return this.#receiveFirst(iface, payload, at, end, from, to)
    if ((dispatch & kinds.fragmentMask) === kinds.next) return this.#receiveNext(iface, payload, at, end, from, to)
    if (dispatch !== dispatches.ipv6) return this.#drop(iface, payload, reasonFor(dispatch, drops))
    payload.pull(at + 1 - offset)
    return this.#deliver(iface, payload)
  }

  /** One frame with one packet. */
  #expand(iface: Interface, frame: NetBuf, at: number, end: number, from: LinkAddress, to: LinkAddress): NetBuf | undefined {
    const decompressor = this.#decompressor
    const scratch = scratchpad()
    const body = decompressor.decompress(frame.u8, frame.dv, at, end, scratch, 0, SCRATCH, from, to, this.#contexts.of(iface))
    if (body < 0) return this.#drop(iface, frame, decompressor.failure)
    const headers = decompressor.size
    const rest = frame.total() - (body - frame.offset)
    if (headers + rest > FRAGMENT.sizeMask) return this.#drop(iface, frame, this.#drops.expanded)
    decompressor.complete(scratch, 0, headers + rest)
    const udp = decompressor.elidedAt
    const header = decompressor.innermost
    const packet = this.#widen(frame, body, headers, rest)
    if (packet === undefined) return this.#drop(iface, frame, this.#drops.noBuffer)
    copyBytes(scratch, 0, packet.dv, packet.offset, headers)
    if (udp >= 0) makeChecksum(packet, packet.offset + header, packet.offset + udp)
    return this.#deliver(iface, packet)
  }

  /**
   * Makes room for `headers` bytes before what begins at `body` of a frame, in place of what is between its offset and there. Its link
   * header stays before them. In the frame's own slot when that has room, otherwise in another, and the frame's reference is given back.
   * Undefined, and the frame is as it was, when there is none.
   */
  #widen(frame: NetBuf, body: number, headers: number, rest: number): NetBuf | undefined {
    const { u8, offset } = frame
    const prefix = prefixOf(frame)
    const link = offset - prefix
    const more = headers - (body - offset)
    if (frame.references === 1) {
      if (more <= frame.headroom() - prefix) {
        u8.copyWithin(link - more, link, offset)
        frame.pull(body - offset)
        frame.push(headers)
        frame.link = link - more
        return frame
      }
      if (frame.next === undefined && more <= frame.tailroom()) {
        u8.copyWithin(body + more, body, offset + frame.length)
        frame.add(more)
        frame.link = link
        return frame
      }
    }
    const packet = this.#netif.buffers.alloc(headers + rest, prefix)
    if (packet === undefined) return undefined
    const at = packet.add(headers)
    copyBytes(frame.dv, link, packet.dv, at - prefix, prefix)
    copyData(frame, body - offset, packet, packet.add(rest), rest)
    packet.link = at - prefix
    packet.cast = frame.cast
    packet.priority = frame.priority
    stamp(packet, frame)
    frame.unref()
    return packet
  }

  /** A first fragment, whose headers are decompressed to where they will be. */
  #receiveFirst(iface: Interface, frame: NetBuf, at: number, end: number, from: LinkAddress, to: LinkAddress): NetBuf | undefined {
    const drops = this.#drops
    const { u8, dv, offset } = frame
    if (end - at <= FRAGMENT.first) return this.#drop(iface, frame, drops.short)
    const size = dv.getUint16(at + FRAGMENT.size) & FRAGMENT.sizeMask
    const tag = dv.getUint16(at + FRAGMENT.tag)
    if (size > iface.mtu) return this.#drop(iface, frame, drops.datagramSize)
    at += FRAGMENT.first
    const length = frame.total() - (at - offset)
    const dispatch = u8[at]!
    const compressed = (dispatch & kinds.iphcMask) === kinds.iphc
    if (!compressed && dispatch !== dispatches.ipv6) return this.#drop(iface, frame, reasonFor(dispatch, drops))
    const reassembly = this.#reassembly
    let datagram = reassembly.find(iface, from, to, size, tag)
    if (datagram?.first === length) return this.#drop(iface, frame, drops.duplicate)
    // RFC 4944 §5.3: what overlaps ends what there is, and may begin anew.
    if (datagram !== undefined && datagram.first >= 0) {
      reassembly.drop(datagram, drops.overlap)
      datagram = undefined
    }
    const begins = datagram === undefined
    datagram ??= reassembly.begin(iface, frame, prefixOf(frame), from, to, size, tag)
    if (datagram === undefined) return this.#drop(iface, frame, drops.noBuffer)
    const { base, buffer } = datagram
    const decompressor = this.#decompressor
    const body = compressed ? decompressor.decompress(u8, dv, at, end, buffer.dv, base, base + size, from, to, this.#contexts.of(iface)) : at + 1
    const headers = compressed ? decompressor.size : 0
    const rest = frame.total() - (body - offset)
    const reason = body < 0 ? decompressor.failure : checkExtent(drops, 0, headers + rest, size)
    if (reason !== undefined) {
      // The headers may have been written over what was there.
      if (begins) reassembly.take(datagram).unref()
      else reassembly.drop(datagram, reason)
      return this.#drop(iface, frame, reason)
    }
    if (datagram.overlaps(0, headers + rest)) {
      reassembly.drop(datagram, drops.overlap)
      return this.#receiveFirst(iface, frame, at - FRAGMENT.first, end, from, to)
    }
    if (compressed) {
      decompressor.complete(buffer.dv, base, size)
      datagram.udp = decompressor.elidedAt
      datagram.header = decompressor.innermost
    }
    copyData(frame, body - offset, buffer, base + headers, rest)
    datagram.first = length
    datagram.mark(0, headers + rest)
    return this.#keep(iface, frame, datagram)
  }

  /** A fragment that is not the first. */
  #receiveNext(iface: Interface, frame: NetBuf, at: number, end: number, from: LinkAddress, to: LinkAddress): NetBuf | undefined {
    const drops = this.#drops
    const { u8, dv, offset } = frame
    if (end - at < FRAGMENT.next) return this.#drop(iface, frame, drops.short)
    const size = dv.getUint16(at + FRAGMENT.size) & FRAGMENT.sizeMask
    const tag = dv.getUint16(at + FRAGMENT.tag)
    const start = u8[at + FRAGMENT.offset]! << 3
    const body = at + FRAGMENT.next - offset
    const length = frame.total() - body
    const reason = size > iface.mtu ? drops.datagramSize : start === 0 ? drops.begins : checkExtent(drops, start, length, size)
    if (reason !== undefined) return this.#drop(iface, frame, reason)
    const reassembly = this.#reassembly
    let datagram = reassembly.find(iface, from, to, size, tag)
    if (datagram?.overlaps(start, length)) {
      if (datagram.has(start, length)) return this.#drop(iface, frame, drops.duplicate)
      reassembly.drop(datagram, drops.overlap)
      datagram = undefined
    }
    datagram ??= reassembly.begin(iface, frame, prefixOf(frame), from, to, size, tag)
    if (datagram === undefined) return this.#drop(iface, frame, drops.noBuffer)
    copyData(frame, body, datagram.buffer, datagram.base + start, length)
    datagram.mark(start, length)
    return this.#keep(iface, frame, datagram)
  }

  /** Is done with a fragment, whose reference is given back; and with its datagram, when nothing is missing of that. */
  #keep(iface: Interface, frame: NetBuf, datagram: Datagram): NetBuf | undefined {
    if (!datagram.isWhole) {
      frame.unref()
      return undefined
    }
    const packet = this.#reassembly.take(datagram)
    stamp(packet, frame)
    frame.unref()
    if (datagram.udp >= 0) makeChecksum(packet, packet.offset + datagram.header, packet.offset + datagram.udp)
    iface.count(this.#counters.reassembled)
    return this.#deliver(iface, packet)
  }

  #deliver(iface: Interface, packet: NetBuf): NetBuf {
    packet.iface = iface
    packet.protocol = ETHERTYPE_IPV6
    if (packet.link < 0) packet.link = packet.offset
    iface.count(this.#counters.received)
    return packet
  }

  #refuse(iface: Interface, packet: NetBuf, reason: DropReason): false {
    iface.drop(packet, reason)
    return false
  }

  #drop(iface: Interface, frame: NetBuf, reason: DropReason): undefined {
    iface.drop(frame, reason)
  }
}

/** Bytes of the link header that still stands before a frame's data. */
function prefixOf({ link, offset }: NetBuf): number {
  return link >= 0 && link < offset ? offset - link : 0
}

/** Times are those of the frame that a packet came in, or was completed by. */
function stamp(packet: NetBuf, { timestamp, stages }: NetBuf): void {
  packet.timestamp = timestamp
  if (stages !== undefined) (packet.stages ??= new Float64Array(stages.length)).set(stages)
}

/** What is wrong with a fragment of `length` bytes from byte `start` on, of a datagram of `size`. */
function checkExtent(drops: Drops, start: number, length: number, size: number): DropReason | undefined {
  if (length === 0) return drops.empty
  if (start + length > size) return drops.beyond
  return (length & 7) !== 0 && start + length < size ? drops.units : undefined
}

/** Whether the final address of a mesh header is one of ours, or of a group (RFC 4944 §9: 100 and thirteen bits). */
function isOurs({ address }: Interface, final: LinkAddress, to: LinkAddress): boolean {
  if (sameLink(final, to) || sameLink(final, address)) return true
  const short = final.lo & 0xffff
  return final.length === 2 && (short === 0xffff || short >>> 13 === 0b100)
}

/** Why a dispatch that we do not take is dropped. */
function reasonFor(dispatch: number, drops: Drops): DropReason {
  if ((dispatch & kinds.foreignMask) === kinds.foreign) return drops.foreign
  if ((dispatch & kinds.pageMask) === kinds.page) return drops.page
  return dispatch === dispatches.escape ? drops.escape : dispatch === dispatches.hc1 ? drops.hc1 : drops.dispatch
}
