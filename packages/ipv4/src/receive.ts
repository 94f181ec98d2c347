/** The way up: what RFC 1122 §3.2.1 and §3.3.6 let a host take from a link. */

import type { Interface, IpInfo, Ip, NetBuf, NetworkLayer } from '@favonius/contract'
import { IPV4, isLoopback, isMulticast, isUnspecified, MutableAddress, pseudoSum } from '@favonius/inet'
import type { Addresses } from './addresses.ts'
import type { Counters, Drops } from './drops.ts'
import type { Errors } from './errors.ts'
import type { ForwardHandler, FragmentHandler } from './ipv4.ts'
import { faultOf, FRAGMENT_BITS, headerSize } from './wire/header.ts'
import { icmpTypes, unreachableCodes } from './wire/icmp.ts'
import { badOption, LOOSE_SOURCE_ROUTE, STRICT_SOURCE_ROUTE } from './wire/options.ts'

/** The one record that transports are told of packets by; filled anew for each. */
class Info implements IpInfo {
  readonly layer: NetworkLayer
  readonly source = new MutableAddress(4, 0, 0, 0xffff, 0)
  readonly destination = new MutableAddress(4, 0, 0, 0xffff, 0)
  iface!: Interface
  protocol = 0
  hopLimit = 0
  trafficClass = 0
  multicast = false
  pseudo = 0

  constructor(layer: NetworkLayer) {
    this.layer = layer
  }
}

/** What the receiving side is made of. */
export interface Receiving {
  readonly layer: NetworkLayer
  readonly ip: Ip
  readonly addresses: Addresses
  readonly errors: Errors
  readonly drops: Drops
  readonly counters: Counters
  /** Packets to 0.0.0.0 are broadcasts. */
  readonly acceptZeroBroadcast: boolean
}

export class Receiver {
  /** Takes fragments; without one they are dropped. */
  fragments: FragmentHandler | undefined
  /** Takes packets to others; without one they are dropped. */
  forward: ForwardHandler | undefined
  readonly #parts: Receiving
  readonly #info: Info

  constructor(parts: Receiving) {
    this.#parts = parts
    this.#info = new Info(parts.layer)
  }

  /** A packet from a link, or looped back. Takes the reference. */
  readonly receive = (iface: Interface, packet: NetBuf): void => {
    const { drops, counters, errors, ip } = this.#parts
    const info = this.#info
    iface.count(counters.received)
    if (packet.cast === 3) return iface.drop(packet, drops.otherStation)
    const { dv, offset: at } = packet
    const total = packet.total()
    const fault = faultOf(dv, at, packet.length, total)
    if (fault !== undefined) return iface.drop(packet, drops[fault])
    const length = dv.getUint16(at + IPV4.totalLength)
    // Ethernet pads what is shorter than 46 bytes.
    if (length < total) packet.trim(length)
    const size = headerSize(dv, at)
    packet.network = at
    packet.family = 4

    info.iface = iface
    info.source.set4(dv, at + IPV4.source)
    info.destination.set4(dv, at + IPV4.destination)
    info.hopLimit = dv.getUint8(at + IPV4.timeToLive)
    info.trafficClass = dv.getUint8(at + IPV4.typeOfService)
    info.protocol = dv.getUint8(at + IPV4.protocol)
    if (!this.#isForUs(iface, packet, size)) return
    if (size > IPV4.size && !this.#optionsPass(packet, size)) return
    if ((dv.getUint16(at + IPV4.fragment) & FRAGMENT_BITS) !== 0) {
      return this.fragments === undefined ? iface.drop(packet, drops.fragment) : this.fragments(packet, info)
    }

    packet.transport = packet.pull(size)
    info.pseudo = pseudoSum(info.source, info.destination, info.protocol)
    const transport = ip.transport(info.protocol)
    if (transport !== undefined) return transport.receive(packet, info)
    errors.send(packet, icmpTypes.destinationUnreachable, unreachableCodes.protocol, 0)
    iface.drop(packet, drops.protocol)
  }

  /** Whether source and destination let it in; sets `info.multicast`. False when the packet is gone, to others or nowhere. */
  #isForUs(iface: Interface, packet: NetBuf, size: number): boolean {
    const { drops, addresses, acceptZeroBroadcast } = this.#parts
    const info = this.#info
    const { source, destination } = info
    const everyone = addresses.isBroadcast(destination, iface) || (acceptZeroBroadcast && isUnspecified(destination))
    const group = isMulticast(destination)
    info.multicast = everyone || group
    // Only `loop` brings packets that never had a link header.
    const outside = packet.link >= 0 && iface.medium !== 'loopback'

    // RFC 1122 §3.2.1.3: a source is one host. 0.0.0.0 is one that has no address yet, and asks everyone.
    const nobody = isUnspecified(source) && !info.multicast
    if (nobody || isMulticast(source) || addresses.isBroadcast(source, iface) || (outside && isLoopback(source))) {
      return this.#drop(iface, packet, drops.source)
    }
    if (outside && isLoopback(destination)) return this.#drop(iface, packet, drops.destination)
    if (outside && !isUnspecified(source) && addresses.owner(source) !== undefined) return this.#drop(iface, packet, drops.ownSource)

    if (everyone) return true
    if (group) return iface.inGroup(destination) || this.#drop(iface, packet, drops.notMember)
    // The weak end system model (RFC 1122 §3.3.4.2): an address is ours on whatever link the packet comes.
    if (!addresses.owns(destination, iface) && addresses.owner(destination) === undefined) {
      if (this.forward === undefined || packet.link < 0) return this.#drop(iface, packet, drops.notForUs)
      if (size === IPV4.size || this.#optionsPass(packet, size)) this.forward(packet, info)
      return false
    }
    // RFC 1122 §3.3.6: what everyone on the link got must be meant for everyone.
    return (packet.cast !== 1 && packet.cast !== 2) || this.#drop(iface, packet, drops.linkBroadcast)
  }

  /** Whether its options let it in. False when the packet is gone. */
  #optionsPass(packet: NetBuf, size: number): boolean {
    const { drops, errors } = this.#parts
    const { dv, network: at } = packet
    const bad = badOption(dv, at + IPV4.size, at + size)
    if (bad < 0) return true
    const type = dv.getUint8(bad)
    if (type === LOOSE_SOURCE_ROUTE || type === STRICT_SOURCE_ROUTE) return this.#drop(this.#info.iface, packet, drops.sourceRoute)
    errors.send(packet, icmpTypes.parameterProblem, 0, (bad - at) << 24)
    return this.#drop(this.#info.iface, packet, drops.option)
  }

  #drop(iface: Interface, packet: NetBuf, reason: Receiving['drops']['source']): false {
    iface.drop(packet, reason)
    return false
  }
}
