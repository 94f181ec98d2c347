/** A router's part of IPv4. Read RFC 1812 §5.2 and §5.3 before changing this file. */

import type { Address, Interface, Ip, IpInfo, NetBuf, Netif, NetifEvent } from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import { inPrefix, IPV4, isLinkLocal } from '@favonius/inet'
import { headersOf, Hops, segments, sendAll, type Hop } from '@favonius/ip'
import type { Ipv4 } from '../ipv4.ts'
import type { ipv4ForwardingOptions } from '../options.ts'
import { DONT_FRAGMENT, headerSize } from '../wire/header.ts'
import { icmpTypes, redirectCodes, unreachableCodes } from '../wire/icmp.ts'
import { fragment } from './fragment.ts'

/** Time Exceeded: time to live in transit (RFC 792). */
const IN_TRANSIT = 0
/** One from the time to live, as the header's checksum sees it: the high byte of a 16-bit word. */
const ONE_HOP = 0x0100

/** What forwarding stands on. */
export interface ForwarderParts {
  readonly ipv4: Ipv4
  readonly ip: Ip
  readonly netif: Netif
}

/** `stack.ipv4Forwarding`. */
export interface Ipv4Forwarding {
  /** Whether packets are taken from this interface to others, and from others to it. */
  forwards(iface: Interface): boolean
  /** Every interface forwards at first; one that is for management, say, can be left out. */
  setForwarding(iface: Interface, forwards: boolean): void
}

/** In 0.0.0.0/8 or 240.0.0.0/4, which no host has (RFC 1122 §3.2.1.3, RFC 1812 §5.3.7). */
const isNobodys = ({ w3 }: Address): boolean => w3 >>> 24 === 0 || w3 >>> 28 === 15

/** Forwards. `ipv4Forwarding()` makes one. */
export class Forwarder implements Ipv4Forwarding {
  readonly #ipv4: Ipv4
  readonly #ip: Ip
  readonly #netif: Netif
  readonly #hops: Hops
  readonly #redirects: boolean
  readonly #drops
  readonly #forwarded: number
  readonly #fragmented: number
  /** Interfaces that were left out. */
  readonly #apart = new Set<Interface>()
  readonly #withdraw: (() => void)[]

  constructor({ ipv4, ip, netif }: ForwarderParts, { redirects }: Settings<typeof ipv4ForwardingOptions>) {
    this.#ipv4 = ipv4
    this.#ip = ip
    this.#netif = netif
    this.#redirects = redirects
    this.#hops = new Hops(ip, (to) => this.#find(to))
    this.#drops = netif.reasons({
      notForUs: ['ipv4: not for us', 'ipv4.drop'],
      source: ['ipv4: source is no sender', 'ipv4.drop'],
      scope: ['ipv4: link-local addresses stay on their link', 'ipv4.drop'],
      broadcast: ['ipv4: broadcast on another link', 'ipv4.drop'],
      timeToLive: ['ipv4: time to live exceeded in transit', 'ipv4.drop'],
      noRoute: ['ipv4: no route to forward it by', 'ipv4.drop'],
      tooBig: ['ipv4: too big for the next link', 'ipv4.drop'],
      noBuffer: ['ipv4: no buffer to forward it from', 'ipv4.drop'],
    })
    this.#forwarded = netif.counter('ipv4.forwarded')
    this.#fragmented = netif.counter('ipv4.fragmented')
    this.#withdraw = [
      ipv4.registerForward(this.#forward),
      netif.listen((event) => this.#happened(event)),
    ]
  }

  stop(): void {
    for (const withdraw of this.#withdraw) withdraw()
  }

  forwards(iface: Interface): boolean {
    return !this.#apart.has(iface)
  }

  setForwarding(iface: Interface, forwards: boolean): void {
    if (forwards) this.#apart.delete(iface)
    else this.#apart.add(iface)
    this.#ip.changed()
  }

  #happened({ type, iface }: NetifEvent): void {
    if (type === 'removed') this.#apart.delete(iface)
  }

  // ---- the packet path ----

  #find(to: Address): Hop | undefined {
    // RFC 2644 §2: a directed broadcast stays outside. What is everyone's on a link of ours has no way there.
    if (this.#ipv4.isMulticast(to)) return undefined
    const entry = this.#ip.lookup(to)
    if (entry === undefined || entry.iface.medium === 'loopback' || this.#apart.has(entry.iface)) return undefined
    return { iface: entry.iface, address: entry.gateway ?? to, mtu: this.#ipv4.mtu(entry.iface) }
  }

  /** A `ForwardHandler`. */
  readonly #forward = (packet: NetBuf, { iface, source, destination, hopLimit, protocol }: IpInfo): void => {
    const drops = this.#drops
    // RFC 1812 §5.3.4: what all on the link got is not for all of them to pass on.
    if (packet.cast !== 0 || this.#apart.has(iface)) return iface.drop(packet, drops.notForUs)
    if (isNobodys(source)) return iface.drop(packet, drops.source)
    // RFC 3927 §7.
    if (isLinkLocal(source) || isLinkLocal(destination) || isNobodys(destination)) return iface.drop(packet, drops.scope)
    const hop = this.#hops.to(destination)
    if (hop === undefined && this.#ipv4.isMulticast(destination)) return iface.drop(packet, drops.broadcast)
    if (hopLimit <= 1) {
      this.#ipv4.sendError(packet, icmpTypes.timeExceeded, IN_TRANSIT, 0)
      return iface.drop(packet, drops.timeToLive)
    }
    if (hop === undefined) {
      this.#ipv4.sendError(packet, icmpTypes.destinationUnreachable, unreachableCodes.net, 0)
      return iface.drop(packet, drops.noRoute)
    }
    if (hop.iface === iface && this.#redirects) this.#redirect(packet, source, hop)
    if (packet.total() > hop.mtu) return this.#tooBig(packet, iface, protocol, hop)
    const own = packet.references === 1 && packet.headroom() >= hop.iface.headroom ? packet : packet.clone(hop.iface.headroom)
    if (own === undefined) return iface.drop(packet, drops.noBuffer)
    if (own !== packet) packet.unref()
    this.#pass(own, hop)
  }

  /** Counts the hop, and sends a packet that is nobody else's. */
  #pass(packet: NetBuf, { iface, address }: Hop): boolean {
    const { dv, offset: at } = packet
    packet.u8[at + IPV4.timeToLive]!--
    // RFC 1624 §3, for a word that became less by 0x100: the sum's complement becomes more by it.
    const checksum = dv.getUint16(at + IPV4.checksum) + ONE_HOP
    dv.setUint16(at + IPV4.checksum, checksum < 0xffff ? checksum : checksum - 0xffff)
    packet.network = at
    packet.link = -1
    packet.cast = 0
    // Verified or not, it goes on as it came; only what is partial is to be finished.
    if (packet.checksum === 2) packet.checksum = 0
    iface.count(this.#forwarded)
    return iface.output(packet, address)
  }

  /** Too big for the next link: large segments are split when their segments fit, others cut, or refused when they may not be. */
  #tooBig(packet: NetBuf, iface: Interface, protocol: number, hop: Hop): void {
    const { buffers } = this.#netif
    const { dv, offset, segmentSize } = packet
    const transport = offset + headerSize(dv, offset)
    const headers = segmentSize > 0 ? headersOf(packet, protocol, transport) : 0
    const splits = headers > 0 && headers + segmentSize <= hop.mtu
    if (!splits && (dv.getUint16(offset + IPV4.fragment) & DONT_FRAGMENT) !== 0) {
      this.#ipv4.sendError(packet, icmpTypes.destinationUnreachable, unreachableCodes.fragmentationNeeded, hop.mtu)
      return iface.drop(packet, this.#drops.tooBig)
    }
    const pieces = splits
      ? segments(buffers, packet, protocol, transport, headers, hop.iface.headroom)
      : fragment(buffers, packet, hop.mtu, hop.iface.headroom)
    if (pieces === undefined) return iface.drop(packet, this.#drops.noBuffer)
    if (!splits) hop.iface.count(this.#fragmented)
    packet.unref()
    sendAll(pieces, (piece) => this.#pass(piece, hop))
  }

  /** RFC 1812 §5.2.7.2: a host is told of the better first hop when it and that hop are on one subnet of the link. */
  #redirect(packet: NetBuf, source: Address, { iface, address }: Hop): void {
    const route = this.#ip.lookup(source, iface)
    if (route === undefined || route.gateway !== undefined || !inPrefix(route.prefix, address)) return
    this.#ipv4.sendError(packet, icmpTypes.redirect, redirectCodes.host, address.w3)
  }
}
