/** A router's part of IPv6. Read RFC 8200 §3, RFC 4443 §3 and RFC 4291 §2.5 before changing this file. */

import type { Address, Env, Interface, Ip, IpInfo, NetBuf, Netif, NetifEvent } from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import { ALL_ROUTERS, IPV6, isLinkLocal, isUnspecified, withZone } from '@favonius/inet'
import { headersOf, Hops, segments, sendAll, type Hop } from '@favonius/ip'
import type { Ipv6 } from '../ipv6.ts'
import type { Nd } from '../nd/nd.ts'
import type { ipv6ForwardingOptions } from '../options.ts'
import { upperLayer } from '../wire/extension.ts'
import { icmpTypes, unreachableCodes } from '../wire/icmp.ts'
import { Redirector } from './redirector.ts'

/** Time Exceeded: hop limit in transit (RFC 4443 §3.3). */
const IN_TRANSIT = 0

/** What forwarding stands on. */
export interface ForwarderParts {
  readonly ipv6: Ipv6
  readonly ip: Ip
  readonly netif: Netif
  /** Told that we are a router; and asked for link addresses, that redirects tell of. */
  readonly nd?: Nd
}

/** `stack.ipv6Forwarding`. */
export interface Ipv6Forwarding {
  /** Whether packets are taken from this interface to others, and from others to it. */
  forwards(iface: Interface): boolean
  /** Every interface forwards at first; one that is for management, say, can be left out. */
  setForwarding(iface: Interface, forwards: boolean): void
}

/** Forwards. `ipv6Forwarding()` makes one. */
export class Forwarder implements Ipv6Forwarding {
  readonly #ipv6: Ipv6
  readonly #ip: Ip
  readonly #netif: Netif
  readonly #nd: Nd | undefined
  readonly #hops: Hops
  readonly #redirector: Redirector | undefined
  readonly #drops
  readonly #forwarded: number
  /** Interfaces that were left out. */
  readonly #apart = new Set<Interface>()
  /** Interfaces on which we are a router. */
  readonly #routing = new Set<Interface>()
  readonly #withdraw: (() => void)[]

  constructor(env: Env, { ipv6, ip, netif, nd }: ForwarderParts, options: Settings<typeof ipv6ForwardingOptions>) {
    this.#ipv6 = ipv6
    this.#ip = ip
    this.#netif = netif
    this.#nd = nd
    this.#hops = new Hops(ip, (to) => this.#find(to))
    this.#redirector = options.redirects && nd ? new Redirector(env.clock, { ipv6, ip, nd }) : undefined
    this.#drops = netif.reasons({
      notForUs: ['ipv6: not for us', 'ipv6.drop'],
      scope: ['ipv6: beyond the scope of its addresses', 'ipv6.drop'],
      hopLimit: ['ipv6: hop limit exceeded in transit', 'ipv6.drop'],
      noRoute: ['ipv6: no route to forward it by', 'ipv6.drop'],
      tooBig: ['ipv6: too big for the next link', 'ipv6.drop'],
      noBuffer: ['ipv6: no buffer to forward it from', 'ipv6.drop'],
    })
    this.#forwarded = netif.counter('ipv6.forwarded')
    this.#withdraw = [
      ipv6.registerForward(this.#forward),
      netif.listen((event) => this.#happened(event)),
    ]
    for (const iface of netif.interfaces) this.#settle(iface)
  }

  stop(): void {
    for (const withdraw of this.#withdraw) withdraw()
    for (const iface of [...this.#routing]) this.#retire(iface)
  }

  forwards(iface: Interface): boolean {
    return !this.#apart.has(iface)
  }

  setForwarding(iface: Interface, forwards: boolean): void {
    if (forwards) this.#apart.delete(iface)
    else this.#apart.add(iface)
    this.#settle(iface)
    this.#ip.changed()
  }

  // ---- being a router ----

  /** A router says so in its advertisements (RFC 4861 §4.4), and hears what is for all routers of the link (RFC 4291 §2.8). */
  #settle(iface: Interface): void {
    const routes = this.forwards(iface) && iface.medium !== 'loopback' && iface.l2.flags.multicast
    if (routes === this.#routing.has(iface)) return
    if (!routes) return this.#retire(iface)
    this.#routing.add(iface)
    this.#nd?.setRouter(iface, true)
    iface.joinGroup(withZone(ALL_ROUTERS, iface.index))
  }

  #retire(iface: Interface): void {
    this.#routing.delete(iface)
    this.#nd?.setRouter(iface, false)
    iface.leaveGroup(withZone(ALL_ROUTERS, iface.index))
  }

  #happened({ type, iface }: NetifEvent): void {
    if (type === 'added') this.#settle(iface)
    if (type !== 'removed') return
    this.#apart.delete(iface)
    this.#routing.delete(iface)
  }

  // ---- the packet path ----

  #find(to: Address): Hop | undefined {
    const hop = this.#ipv6.nextHop(to)
    if (hop === undefined || hop.iface.medium === 'loopback' || this.#apart.has(hop.iface)) return undefined
    const { mtu } = this.#ipv6.linkSettings(hop.iface)
    return { iface: hop.iface, address: hop.address, mtu: Math.min(mtu, hop.mtu ?? mtu) }
  }

  /** A `ForwardHandler`. */
  readonly #forward = (packet: NetBuf, { iface, source, destination, hopLimit }: IpInfo): void => {
    const drops = this.#drops
    if (packet.cast !== 0 || this.#apart.has(iface)) return iface.drop(packet, drops.notForUs)
    // RFC 4291 §2.5.2, §2.5.6: never; whoever has the address is on that link, and not here.
    if (isUnspecified(source) || isLinkLocal(destination)) return iface.drop(packet, drops.scope)
    if (hopLimit <= 1) {
      this.#ipv6.sendError(packet, icmpTypes.timeExceeded, IN_TRANSIT, 0)
      return iface.drop(packet, drops.hopLimit)
    }
    const hop = this.#hops.to(destination)
    if (hop === undefined) {
      this.#ipv6.sendError(packet, icmpTypes.destinationUnreachable, unreachableCodes.noRoute, 0)
      return iface.drop(packet, drops.noRoute)
    }
    // RFC 4007 §9: an answer would not find back out of the other zone.
    if (isLinkLocal(source) && hop.iface !== iface) {
      this.#ipv6.sendError(packet, icmpTypes.destinationUnreachable, unreachableCodes.beyondScope, 0)
      return iface.drop(packet, drops.scope)
    }
    if (packet.total() > hop.mtu) return this.#tooBig(packet, iface, hop)
    if (hop.iface === iface) this.#redirector?.consider(packet, source, destination, hop)
    const own = packet.references === 1 && packet.headroom() >= hop.iface.headroom ? packet : packet.clone(hop.iface.headroom)
    if (own === undefined) return iface.drop(packet, drops.noBuffer)
    if (own !== packet) packet.unref()
    this.#pass(own, hop)
  }

  /** Counts the hop, and sends a packet that is nobody else's. */
  #pass(packet: NetBuf, { iface, address }: Hop): boolean {
    const at = packet.offset
    packet.u8[at + IPV6.hopLimit]!--
    packet.network = at
    packet.link = -1
    packet.cast = 0
    // Verified or not, it goes on as it came; only what is partial is to be finished.
    if (packet.checksum === 2) packet.checksum = 0
    iface.count(this.#forwarded)
    return iface.output(packet, address)
  }

  /** One large segment goes on as the packets that it stands for, when those fit; nothing else is cut on its way (RFC 8200 §5). */
  #tooBig(packet: NetBuf, iface: Interface, hop: Hop): void {
    const { dv, offset, length } = packet
    const upper = packet.segmentSize > 0 ? upperLayer(dv, offset, offset + length) : undefined
    const headers = upper ? headersOf(packet, upper.protocol, upper.at) : 0
    if (upper === undefined || headers === 0 || headers + packet.segmentSize > hop.mtu) {
      this.#ipv6.sendError(packet, icmpTypes.packetTooBig, 0, hop.mtu)
      return iface.drop(packet, this.#drops.tooBig)
    }
    const pieces = segments(this.#netif.buffers, packet, upper.protocol, upper.at, headers, hop.iface.headroom)
    if (pieces === undefined) return iface.drop(packet, this.#drops.noBuffer)
    packet.unref()
    sendAll(pieces, (piece) => this.#pass(piece, hop))
  }
}
