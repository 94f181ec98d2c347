/** The seam between network layers and transports. */

import type { Address, Family, Prefix } from './address.ts'
import type { Interface, Netif } from './netif.ts'
import type { NetBuf } from './netbuf.ts'

/**
 * What a transport learns of a received packet. One record is reused: it and its addresses are true until `receive`
 * returns; copy what you keep.
 */
export interface IpInfo {
  readonly layer: NetworkLayer
  readonly iface: Interface
  readonly protocol: number
  readonly source: Address
  readonly destination: Address
  /** Hop limit or TTL as it arrived. */
  readonly hopLimit: number
  /** DSCP and ECN. */
  readonly trafficClass: number
  /** The destination is a group, or a broadcast address. */
  readonly multicast: boolean
  /** Sum of the pseudo-header without the length, folded to 16 bits: the transport adds its own length. */
  readonly pseudo: number
}

export interface RouteOptions {
  /** The transport's number, for the header and the pseudo-header. */
  readonly protocol: number
  /** Leave by this interface (SO_BINDTODEVICE, IPV6_MULTICAST_IF); a destination's zone chooses one too. */
  readonly iface?: Interface | undefined
  /** Send from this address; chosen by the layer unless given (RFC 6724). */
  readonly source?: Address | undefined
  /** Unless given, the interface's for unicast, 1 for multicast. */
  readonly hopLimit?: number | undefined
  readonly trafficClass?: number | undefined
  /** Not to the link, but to who has joined the group on this host. */
  readonly here?: boolean | undefined
}

/** The way to one destination. Kept by its user while `valid()`, then asked for anew. */
export interface Route {
  readonly family: Family
  readonly iface: Interface
  readonly source: Address
  readonly destination: Address
  /** Whom the packet is handed to on the link. */
  readonly nextHop: Address
  /** Largest IP packet that goes whole. */
  readonly mtu: number
  /** Largest IP payload that goes whole; larger only where the layer fragments. */
  readonly maxPayload: number
  /** Bytes to leave before the transport header: link and IP headers. */
  readonly headroom: number
  /** Sum of the pseudo-header without the length, folded to 16 bits. */
  readonly pseudo: number
  /** False once addresses, routes or interfaces have changed since. */
  valid(): boolean
  /** Puts the IP header before `packet` and sends it. Takes the reference. False: dropped and counted. */
  send(packet: NetBuf): boolean
}

/** An ICMP error about a packet of ours, in the words of either family. */
export interface IcmpError {
  /** errno's name for it: ECONNREFUSED (port), EHOSTUNREACH, ENETUNREACH, EACCES (prohibited), EMSGSIZE, EPROTO (parameter problem, protocol unreachable). */
  readonly code: 'ECONNREFUSED' | 'EHOSTUNREACH' | 'ENETUNREACH' | 'EACCES' | 'EMSGSIZE' | 'EPROTO'
  readonly message: string
  /** Who says so. Ourselves when resolution failed. */
  readonly from: Address
  /** With EMSGSIZE: the next hop's MTU. */
  readonly mtu: number | undefined
  /** False when it is a hint that a connection may outlive (RFC 1122 §4.2.3.9). */
  readonly hard: boolean
}

export interface Transport {
  /** A packet whose data begins with the transport header. Takes the reference; drops through `ip.iface.drop`. */
  receive(packet: NetBuf, ip: IpInfo): void
  /**
   * An ICMP error quotes a packet of ours. `quoted` begins with as much of its transport header as was quoted and is
   * borrowed until the call returns; `source` (ours) and `destination` are those of the quoted packet.
   *
   * False when no flow of ours has sent it: the error is a lie, is dropped, and nobody else believes it. True when one has. Who cannot
   * tell returns nothing.
   */
  unreachable?(error: IcmpError, quoted: NetBuf, source: Address, destination: Address): boolean | void
}

/** How to ping. */
export interface PingOptions {
  /** Requests to send; 1 unless given. */
  readonly count?: number
  /** Bytes of data in each; 56 unless given. */
  readonly size?: number
  /** Milliseconds between requests; 1000 unless given. */
  readonly interval?: number
  /** Milliseconds to wait for the reply to each; 1000 unless given. */
  readonly timeout?: number
  /** Leave by this interface. */
  readonly iface?: Interface
  /** Hop limit, or time to live. */
  readonly hopLimit?: number
}

/** What came of a ping. */
export interface PingResult {
  readonly sent: number
  /** Replies that came in time; more than `sent` when a group or a broadcast was asked. */
  readonly received: number
  /** Milliseconds for each reply, in the order of arrival. */
  readonly roundTrips: readonly number[]
  /** Who replied first. */
  readonly from: Address | undefined
}

/** IPv4 or IPv6, as transports and sockets see it. */
export interface NetworkLayer {
  readonly family: Family
  /** Undefined when there is no way there, or no address to send from. */
  route(to: Address, options: RouteOptions): Route | undefined
  /** Whether `address` is ours and may be used, on `iface` or on any. */
  owns(address: Address, iface?: Interface): boolean
  /** Whether `address` is a group or a broadcast address. */
  isMulticast(address: Address): boolean
  join(iface: Interface, group: Address): void
  leave(iface: Interface, group: Address): void
  /** A resolver gave up on a packet of ours, which begins with the IP header: its transport is told EHOSTUNREACH. Borrows `packet`. */
  unresolved(packet: NetBuf, nextHop: Address): void
  /** Answers a packet that no socket wants: ICMP port or protocol unreachable, where the rules allow it. Borrows `packet`. */
  refuse(packet: NetBuf, ip: IpInfo, why: 'port' | 'protocol'): void
}

/** A row of the route table. */
export interface RouteEntry {
  readonly prefix: Prefix
  readonly iface: Interface
  /** Undefined when the prefix is on the link. */
  readonly gateway: Address | undefined
  /** Smaller wins among equally long prefixes. */
  readonly metric: number
}

/** NET_IP: what both network layers share. Hidden: `ipv4` and `ipv6` select it. */
export interface Ip {
  /** The interfaces that packets come from and go to. */
  readonly netif: Netif
  /** The layer of a family, where composed. */
  layer(family: Family): NetworkLayer | undefined
  registerLayer(layer: NetworkLayer): () => void
  /** A transport serves every layer that is, or will be, registered. */
  registerTransport(protocol: number, transport: Transport): () => void
  transport(protocol: number): Transport | undefined

  readonly routes: readonly RouteEntry[]
  /** Adds a route, replacing one with the same prefix, interface and gateway. Throws when the table is full (CONFIG_NET_MAX_ROUTES). */
  addRoute(entry: { readonly prefix: Prefix; readonly iface: Interface; readonly gateway?: Address | undefined; readonly metric?: number }): RouteEntry
  removeRoute(entry: RouteEntry): void
  /** Longest prefix, then smallest metric, among routes of running interfaces; only of `iface` when given. */
  lookup(to: Address, iface?: Interface): RouteEntry | undefined
  /** Rises with every change that can make a kept route untrue. */
  readonly generation: number
  /** Called by whoever changes what routes depend on. */
  changed(): void
}
