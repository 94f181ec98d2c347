/** The way up: what is done with a packet between the link and its transport. Read RFC 8200 §3 and §4 before changing this file. */

import type { Interface, Ip, IpInfo, NetBuf, NetworkLayer } from '@favonius/contract'
import {
  IPV6, isLinkLocal, isLoopback, isMapped, isMulticast, isUnspecified, MutableAddress, PROTOCOL_DESTINATION_OPTIONS, PROTOCOL_FRAGMENT,
  PROTOCOL_HOP_BY_HOP, PROTOCOL_ICMPV6, PROTOCOL_NO_NEXT, PROTOCOL_ROUTING, pseudoSum,
} from '@favonius/inet'
import { claim } from '@favonius/ip'
import type { Addresses } from './addresses.ts'
import type { Counters, Drops } from './drops.ts'
import type { Errors } from './errors.ts'
import type { ExtensionHandler, ForwardHandler, OptionHandler } from './ipv6.ts'
import type { Icmp } from './icmp.ts'
import {
  EXTENSION, isExtension, MAX_EXTENSIONS, MAX_OPTIONS, OPTION, OPTION_PAD1, OPTION_PADN, OPTION_ROUTER_ALERT, ROUTING,
} from './wire/extension.ts'
import { icmpTypes, problemCodes, unreachableCodes } from './wire/icmp.ts'

/** The one record that every received packet is described by, filled anew for each. */
class Info implements IpInfo {
  readonly layer: NetworkLayer
  iface!: Interface
  protocol = 0
  readonly source = new MutableAddress()
  readonly destination = new MutableAddress()
  hopLimit = 0
  trafficClass = 0
  multicast = false
  pseudo = 0

  constructor(layer: NetworkLayer) {
    this.layer = layer
  }
}

/** Multicast scopes that have no meaning on a link (RFC 4291 §2.7): reserved, and interface-local. */
const HIGHEST_SCOPE_OFF_LINK = 1
/** Up to this scope a group means something on its link alone (RFC 4291 §2.7). */
const LINK_LOCAL_SCOPE = 2

/** What the receiving side is made of. */
export interface Receiving {
  readonly layer: NetworkLayer
  readonly ip: Ip
  readonly addresses: Addresses
  readonly icmp: Icmp
  readonly errors: Errors
  readonly drops: Drops
  readonly counters: Counters
}

/** Takes packets from interfaces and gives them to transports. */
export class Receiver {
  readonly #ip: Ip
  readonly #addresses: Addresses
  readonly #icmp: Icmp
  readonly #errors: Errors
  readonly #drops: Drops
  readonly #counters: Counters
  readonly #info: Info
  readonly #extensions = new Map<number, ExtensionHandler>()
  readonly #options = new Map<number, OptionHandler>()
  /** Position of the next-header field that named the header now looked at. */
  #namedAt = 0
  /** Takes packets to others; without one they are dropped. */
  forward: ForwardHandler | undefined

  constructor(parts: Receiving) {
    this.#ip = parts.ip
    this.#addresses = parts.addresses
    this.#icmp = parts.icmp
    this.#errors = parts.errors
    this.#drops = parts.drops
    this.#counters = parts.counters
    this.#info = new Info(parts.layer)
    // RFC 2711 §2.1: it asks routers to look; a host has nothing more to do.
    this.#options.set(OPTION_ROUTER_ALERT, () => true)
  }

  registerExtension(nextHeader: number, handler: ExtensionHandler): () => void {
    return claim(this.#extensions, nextHeader, handler, 'IPv6 next header')
  }

  registerOption(type: number, handler: OptionHandler): () => void {
    return claim(this.#options, type, handler, 'IPv6 option')
  }

  /** A packet from a link, or looped back. Takes the reference. */
  readonly receive = (iface: Interface, packet: NetBuf): void => {
    const drops = this.#drops
    iface.count(this.#counters.received)
    const { dv, offset: at } = packet
    if (packet.length < IPV6.size) return iface.drop(packet, drops.short)
    const first = dv.getInt32(at)
    if (first >>> 28 !== 6) return iface.drop(packet, drops.version)
    if (packet.cast === 3) return iface.drop(packet, drops.otherStation)
    const payload = dv.getUint16(at + IPV6.payloadLength)
    const next = dv.getUint8(at + IPV6.nextHeader)
    const excess = packet.total() - IPV6.size - payload
    if (payload === 0 && next === PROTOCOL_HOP_BY_HOP) return iface.drop(packet, drops.jumbo)
    if (excess < 0) return iface.drop(packet, drops.length)
    if (excess > 0) packet.trim(IPV6.size + payload)
    packet.network = at
    packet.family = 6

    const info = this.#info
    const { source, destination } = info
    source.set6(dv, at + IPV6.source)
    destination.set6(dv, at + IPV6.destination)
    if (isLinkLocal(source)) source.zone = iface.index
    info.iface = iface
    info.hopLimit = dv.getUint8(at + IPV6.hopLimit)
    info.trafficClass = (first >>> 20) & 0xff
    info.multicast = isMulticast(destination)
    // Only `loop` brings packets that never had a link header.
    if (packet.link >= 0 && !this.#mayArrive(iface, packet)) return
    if (info.multicast) {
      if (((destination.w0 >>> 16) & 15) <= LINK_LOCAL_SCOPE) destination.zone = iface.index
      if (!iface.inGroup(destination)) return iface.drop(packet, drops.notMember)
    } else {
      if (isLinkLocal(destination)) destination.zone = iface.index
      if (!this.#isOurs(iface, packet, next)) return
    }
    this.#walk(packet, next)
  }

  /** What must not come from a link, whatever else is true of it (RFC 4291 §2.5.2, §2.5.3, §2.7; RFC 4038 §4.2). */
  #mayArrive(iface: Interface, packet: NetBuf): boolean {
    const { source, destination, multicast } = this.#info
    const outside = iface.medium !== 'loopback'
    if (isMulticast(source) || isMapped(source) || (outside && isLoopback(source))) {
      iface.drop(packet, this.#drops.source)
      return false
    }
    const nowhere = multicast ? ((destination.w0 >>> 16) & 15) <= HIGHEST_SCOPE_OFF_LINK : isLoopback(destination)
    if (isUnspecified(destination) || isMapped(destination) || (outside && nowhere)) {
      iface.drop(packet, this.#drops.destination)
      return false
    }
    return true
  }

  /** Whether it is for us. False when the packet is gone. */
  #isOurs(iface: Interface, packet: NetBuf, next: number): boolean {
    const { destination } = this.#info
    // On this interface most likely; a global address on any. A link-local one has its zone by now, and counts there alone.
    if (this.#addresses.usable(destination, iface) || this.#addresses.owns(destination)) return true
    if (this.#addresses.find(destination, iface)) iface.drop(packet, this.#drops.tentative)
    else if (this.forward === undefined || packet.link < 0) iface.drop(packet, this.#drops.notForUs)
    // RFC 8200 §4.3: what is hop-by-hop is for us too, who are one hop.
    else if (next !== PROTOCOL_HOP_BY_HOP || this.#hopByHop(packet)) this.forward(packet, this.#info)
    return false
  }

  /** Handles the header that the way of a packet must look at. False when the packet is gone. */
  #hopByHop(packet: NetBuf): boolean {
    const at = packet.network + IPV6.size
    const end = packet.offset + packet.length
    this.#namedAt = packet.network + IPV6.nextHeader
    this.#info.protocol = PROTOCOL_HOP_BY_HOP
    if (end - at >= EXTENSION.size) return this.#extension(packet, at, end, PROTOCOL_HOP_BY_HOP, true) !== 0
    this.#info.iface.drop(packet, this.#drops.extension)
    return false
  }

  /** Goes along the chain of headers (RFC 8200 §4) to the transport, and hands the packet over. */
  #walk(packet: NetBuf, next: number): void {
    const info = this.#info
    const { iface } = info
    const { dv } = packet
    const end = packet.offset + packet.length
    let at = packet.network + IPV6.size
    let headers = 0
    this.#namedAt = packet.network + IPV6.nextHeader
    while (isExtension(next) || (this.#extensions.size > 0 && this.#extensions.has(next))) {
      if (++headers > MAX_EXTENSIONS) return iface.drop(packet, this.#drops.tooManyHeaders)
      if (end - at < EXTENSION.size) return iface.drop(packet, this.#drops.extension)
      info.protocol = next
      const size = this.#extension(packet, at, end, next, headers === 1)
      if (size === 0) return
      if (size > end - at) return iface.drop(packet, this.#drops.extension)
      this.#namedAt = at
      next = dv.getUint8(at + EXTENSION.nextHeader)
      at += size
    }
    info.protocol = next
    info.pseudo = pseudoSum(info.source, info.destination, next)
    packet.transport = at
    packet.pull(at - packet.offset)
    if (next === PROTOCOL_ICMPV6) return this.#icmp.receive(packet, info)
    const transport = this.#ip.transport(next)
    if (transport !== undefined) return transport.receive(packet, info)
    if (next === PROTOCOL_NO_NEXT) return iface.drop(packet, this.#drops.noNextHeader)
    this.#report(packet, problemCodes.nextHeader, this.#namedAt)
    iface.drop(packet, this.#drops.nextHeader)
  }

  /** Handles one extension header. Its length in bytes, or 0 when the packet is gone. */
  #extension(packet: NetBuf, at: number, end: number, kind: number, isFirst: boolean): number {
    const { iface } = this.#info
    const { dv } = packet
    const handler = this.#extensions.get(kind)
    if (handler !== undefined) {
      const size = handler(packet, at, this.#namedAt, this.#info)
      if (size >= 0) return size
    }
    const size = (dv.getUint8(at + EXTENSION.length) + 1) * 8
    const fits = size <= end - at
    switch (kind) {
      case PROTOCOL_HOP_BY_HOP:
        // RFC 8200 §4.1: it stands at the front, or it is not a header that can be processed.
        if (!isFirst) {
          this.#report(packet, problemCodes.nextHeader, this.#namedAt)
          iface.drop(packet, this.#drops.nextHeader)
          return 0
        }
        return fits && this.#walkOptions(packet, at + EXTENSION.options, at + size) ? size : this.#cut(packet, fits)
      case PROTOCOL_DESTINATION_OPTIONS:
        return fits && this.#walkOptions(packet, at + EXTENSION.options, at + size) ? size : this.#cut(packet, fits)
      case PROTOCOL_ROUTING:
        // RFC 8200 §4.4, and for type 0 RFC 5095 §3: with segments left it cannot be served, without it says nothing.
        if (dv.getUint8(at + ROUTING.segmentsLeft) === 0) return size
        this.#report(packet, problemCodes.header, at + ROUTING.type)
        iface.drop(packet, this.#drops.routing)
        return 0
      case PROTOCOL_FRAGMENT:
        iface.drop(packet, this.#drops.fragment)
        return 0
      default:
        this.#report(packet, problemCodes.nextHeader, this.#namedAt)
        iface.drop(packet, this.#drops.nextHeader)
        return 0
    }
  }

  /** Nothing follows: drops what is cut short; what was dropped already is left alone. */
  #cut(packet: NetBuf, dropped: boolean): 0 {
    if (!dropped) this.#info.iface.drop(packet, this.#drops.extension)
    return 0
  }

  /** Options from `at` up to `end` (RFC 8200 §4.2). False when the packet is gone. */
  #walkOptions(packet: NetBuf, at: number, end: number): boolean {
    const { iface } = this.#info
    const { dv } = packet
    let known = 0
    while (at < end) {
      const type = dv.getUint8(at)
      if (type === OPTION_PAD1) {
        at++
        continue
      }
      const size = end - at < OPTION.data ? Infinity : OPTION.data + dv.getUint8(at + OPTION.length)
      if (at + size > end) {
        iface.drop(packet, this.#drops.extension)
        return false
      }
      if (type !== OPTION_PADN) {
        if (++known > MAX_OPTIONS) {
          iface.drop(packet, this.#drops.tooManyHeaders)
          return false
        }
        const handler = this.#options.get(type)
        if (handler === undefined ? !this.#unknown(packet, at, type) : !handler(packet, at, this.#info)) return false
      }
      at += size
    }
    return true
  }

  /** RFC 8200 §4.2: the two high bits of a type say what to do by who does not know it. False when the packet is gone. */
  #unknown(packet: NetBuf, at: number, type: number): boolean {
    const action = type >>> 6
    if (action === 0) return true
    if (action === 2 || (action === 3 && !this.#info.multicast)) this.#report(packet, problemCodes.option, at)
    this.#info.iface.drop(packet, this.#drops.option)
    return false
  }

  /** A Parameter Problem that points at the absolute position `at` (RFC 4443 §3.4). */
  #report(packet: NetBuf, code: number, at: number): void {
    this.#errors.send(packet, icmpTypes.parameterProblem, code, at - packet.network)
  }

  /** Answers the packet that is being received, which nobody wants (RFC 4443 §3.1 code 4, §3.4 code 1). Borrows it. */
  refuse(packet: NetBuf, why: 'port' | 'protocol'): void {
    if (why === 'protocol') this.#report(packet, problemCodes.nextHeader, this.#namedAt)
    else this.#errors.send(packet, icmpTypes.destinationUnreachable, unreachableCodes.port, 0)
  }
}
