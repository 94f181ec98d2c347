/** What IPv6 is to the rest of a stack: the public face, and the points at which other features extend it. */

import type {
  Address, AddressOrigin, Instant, Interface, InterfaceAddress, IpInfo, LinkAddress, NetBuf, NetworkLayer, PingOptions,
  PingResult, Prefix, Route, RouteEntry,
} from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import type { ipv6Options } from './options.ts'

/** A unicast address to be given to an interface. */
export interface NewAddress {
  readonly address: Address | string
  /** Bits of the prefix that are on this link, 0–128. */
  readonly prefixLength: number
  /** `manual` unless given. */
  readonly origin?: AddressOrigin
  /** Last instants at which it is preferred, and valid (RFC 4862 §5.5.4); Infinity unless given. */
  readonly preferredUntil?: Instant
  readonly validUntil?: Instant
  /** Its prefix is routed to the link; true unless given. What routers advertise as on-link is for `routers()` to route (RFC 5942 §4). */
  readonly onLink?: boolean
  /** RFC 8981: it is preferred to send from, and given up after a while. */
  readonly temporary?: boolean
  /** Wait a random time before the first probe, as for what a multicast made many nodes do at once (RFC 4862 §5.4.2). */
  readonly delayed?: boolean
}

/** What is known of a link beside its interface; a router may advertise both (RFC 4861 §6.3.2). */
export interface LinkSettings {
  /** Of unicast packets that leave here; CONFIG_NET_INITIAL_HOP_LIMIT at first. */
  readonly hopLimit: number
  /** Largest packet sent here, 1280 up to the interface's own. */
  readonly mtu: number
}

/** Takes an ICMPv6 message whose checksum is right and whose header `packet` begins with; and takes the reference. */
export type IcmpHandler = (packet: NetBuf, ip: IpInfo) => void

/**
 * Handles an extension header at absolute position `at` of `packet`, of which at least 8 bytes are there.
 * `namedAt` is the position of the next-header field that named it. `ip.protocol` is its number.
 *
 * Returns the header's length in bytes to go on after it; 0 when it took the packet's reference; −1 when it leaves the header to
 * IPv6's own treatment (a routing type it does not know). A packet that was kept goes up again by `iface.input`, beginning with
 * an IPv6 header and with its `link` mark as it was: without one it counts as looped back.
 */
export type ExtensionHandler = (packet: NetBuf, at: number, namedAt: number, ip: IpInfo) => number

/**
 * Handles an option at absolute position `at` of `packet`, all of which is there. `ip.protocol` is the number of the
 * header it stands in: 0 hop-by-hop, 60 destination. False when it took (dropped) the packet.
 */
export type OptionHandler = (packet: NetBuf, at: number, ip: IpInfo) => boolean

/**
 * Takes a packet to one host that is not us, and its reference. `packet` begins with its IPv6 header, whose hop-by-hop options were
 * handled.
 */
export type ForwardHandler = (packet: NetBuf, ip: IpInfo) => void

/** Where a packet goes on its link. */
export interface NextHop {
  readonly iface: Interface
  readonly address: Address
  /** Largest packet on this way, where less than the link's. */
  readonly mtu?: number
  /** A whole Hop-by-Hop Options header to be put into every packet; its first byte is filled in. A multiple of 8 bytes. */
  readonly hopByHop?: Uint8Array
}

/** Says where packets to `to` go, on `iface` when given; undefined leaves it to others and then to the route table. */
export type NextHopProvider = (to: Address, iface: Interface | undefined) => NextHop | undefined

/** Largest packet that reaches `to` whole, as far as is known (RFC 8201). */
export type PathMtu = (to: Address) => number | undefined

/** Finds out whether an address is unique on its link (RFC 4862 §5.4). */
export interface DuplicateDetector {
  /**
   * Begins. Never calls `decided` before it returns. `delayed` when the first probe is to wait a random time.
   * What was begun for the same address before is forgotten.
   */
  begin(iface: Interface, address: Address, delayed: boolean, decided: (unique: boolean, by: LinkAddress | undefined) => void): void
  cancel(iface: Interface, address: Address): void
}

/** The identifier of an interface for a prefix of 64 bits, as two words (RFC 7217). */
export type IdentifierMaker = (iface: Interface, prefix: Address) => readonly [number, number]

/** What a packet that is made by hand is to have in its header. */
export interface DirectRoute {
  readonly iface: Interface
  readonly source: Address
  readonly destination: Address
  readonly protocol: number
  readonly hopLimit: number
  /** Whom it is handed to on the link; the destination unless given. */
  readonly nextHop?: Address
  /** 0 unless given. */
  readonly trafficClass?: number
  /** As in `NextHop`. */
  readonly hopByHop?: Uint8Array
}

/** `stack.ipv6`. */
export interface Ipv6 extends NetworkLayer {
  readonly family: 6
  /** What it was composed with. */
  readonly settings: Settings<typeof ipv6Options>

  /**
   * Gives an interface an address: `'2001:db8::1/64'`, or a record. It is tentative until duplicate address detection has
   * passed; `iface.up()` waits for that. Its prefix is routed to the link.
   *
   * @throws Error with code EINVAL (not a unicast address, no prefix length, an MTU below 1280), EEXIST, ENOBUFS (`maxAddresses`, or
   * the route table is full).
   */
  addAddress(iface: Interface, address: string | NewAddress): InterfaceAddress
  /** Takes an address away. Harmless when it is not there. */
  removeAddress(iface: Interface, address: string | Address): void
  /** Sets anew how long an address is preferred and valid (RFC 4862 §5.5.3 e). ENOENT when it is not there. */
  setLifetimes(iface: Interface, address: Address, preferredUntil: Instant, validUntil: Instant): void
  /** Routes a prefix by a gateway, or to the link when there is none. ENOBUFS when the table is full. */
  addRoute(prefix: string | Prefix, iface: Interface, gateway?: string | Address, metric?: number): RouteEntry
  removeRoute(entry: RouteEntry): void
  /** The interface's default gateway; undefined takes it away. The one set before is replaced. */
  setGateway(iface: Interface, gateway: string | Address | undefined): void
  linkSettings(iface: Interface): LinkSettings
  /** Changes what is given; an `mtu` outside 1280 … the interface's is ignored. */
  setLink(iface: Interface, settings: Partial<LinkSettings>): void

  /**
   * Sends echo requests and waits for the replies (RFC 4443 §4).
   *
   * @throws (rejects) EINVAL for what is no IPv6 address, ENETUNREACH without a route or a source address, ECANCELED when the stack stops.
   */
  ping(address: string | Address, options?: PingOptions): Promise<PingResult>

  /** Where a packet to `to` would go: by the providers, then the route table. Link-local addresses are on their link. */
  nextHop(to: Address, iface?: Interface): NextHop | undefined
  /** The address to send from to `to` on `iface` (RFC 6724 §5). */
  sourceFor(to: Address, iface: Interface): Address | undefined
  /** The entry of `iface` for `address`, whatever its state. */
  find(address: Address, iface: Interface): InterfaceAddress | undefined
  /** A way to a destination on the link, or a group, that asks no table: for control messages. Its source may be `::`. */
  direct(route: DirectRoute): Route
  /** An ICMPv6 message of `length` bytes, all zeros after its type and code. Undefined when buffers are short. */
  message(route: Route, type: number, code: number, length: number): NetBuf | undefined
  /** Writes the checksum of an ICMPv6 message and sends it. Takes the reference. */
  sendMessage(packet: NetBuf, route: Route): boolean
  /**
   * Sends an ICMPv6 error about `packet`, with its IPv6 header at `packet.network`, where RFC 4443 §2.4 allows it. `word` is the
   * MTU or pointer. Borrows the packet.
   */
  sendError(packet: NetBuf, type: number, code: number, word: number): void

  /** One handler for each type. For an error type (below 128) it runs after the transport was told. ConfigError when it is taken. */
  registerIcmp(type: number, handler: IcmpHandler): () => void
  /** One handler for each next-header number. ConfigError when it is taken. */
  registerExtension(nextHeader: number, handler: ExtensionHandler): () => void
  /** One handler for each option type, all eight bits, in hop-by-hop and destination options. ConfigError when it is taken. */
  registerOption(type: number, handler: OptionHandler): () => void
  /** One handler for packets to others. Without it they are dropped. */
  registerForward(handler: ForwardHandler): () => void
  /** Asked before the route table, in order of registration. */
  registerNextHop(provider: NextHopProvider): () => void
  /** Makes the interface identifiers of link-local addresses. Without it they are made of link addresses (RFC 4291 appendix A). */
  registerIdentifier(maker: IdentifierMaker): () => void
  /** Without one, an address is preferred at once. */
  registerDetector(detector: DuplicateDetector): () => void
  /** Asked once for each route; who answers calls `ip.changed()` when an answer changes. */
  registerPathMtu(pathMtu: PathMtu): () => void
  /** One handler for packets larger than the way's MTU. With it, `Route.maxPayload` is 65 535. */
  registerOversize(handler: OversizeHandler): () => void
}

/**
 * Sends what is too large for its way in pieces, by `route`: the same way for packets that begin with a Fragment header. `packet` begins
 * with the header of `protocol`. Takes the reference.
 */
export type OversizeHandler = (packet: NetBuf, route: Route, protocol: number) => boolean
