/** What IPv4 is to the rest of a stack. */

import type {
  Address, AddressOrigin, Interface, InterfaceAddress, IpInfo, NetBuf, NetworkLayer, PingOptions, PingResult, Prefix, Route, RouteEntry,
} from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import type { ipv4Options } from './options.ts'

/** An address to be given to an interface, with the length of its subnet's prefix or its mask. */
export interface NewAddress {
  readonly address: Address | string
  /** Bits of the prefix that are on this link, 0–32. */
  readonly prefixLength?: number
  /** `255.255.255.0`; instead of a prefix length. */
  readonly netmask?: Address | string
  /** `manual` unless given. */
  readonly origin?: AddressOrigin
}

/** Takes an ICMP message whose checksum is right and whose header `packet` begins with; and takes the reference. */
export type IcmpHandler = (packet: NetBuf, ip: IpInfo) => void

/**
 * Takes a fragment that is for us, and its reference; `packet` begins with the IPv4 header. What was put together goes up again by
 * `iface.input`, with its `link` mark as it was: without one it counts as looped back.
 */
export type FragmentHandler = (packet: NetBuf, ip: IpInfo) => void

/** Takes a packet to one host that is not us, and its reference. `packet` begins with its IPv4 header, whose options are well formed. */
export type ForwardHandler = (packet: NetBuf, ip: IpInfo) => void

/** A route that sends fragments too. */
export interface FragmentRoute extends Route {
  /** As `send`, with Don't Fragment clear. `fragment` is the header's third half-word: offset in units of 8 bytes, and More Fragments. */
  sendFragment(packet: NetBuf, identification: number, fragment: number): boolean
}

/** Sends what is too large for `route` in pieces, by `route.sendFragment`. `packet` begins with the header of `protocol`. Takes the reference. */
export type OversizeHandler = (packet: NetBuf, route: FragmentRoute, protocol: number) => boolean

/** Largest packet that reaches `to` whole, as far as is known (RFC 1191). */
export type PathMtu = (to: Address) => number | undefined

/** `stack.ipv4`. */
export interface Ipv4 extends NetworkLayer {
  readonly family: 4
  /** What it was composed with. */
  readonly settings: Settings<typeof ipv4Options>

  /**
   * Gives an interface an address: `'192.0.2.1/24'`, or a record. It may be used at once, and its subnet is routed to the link.
   *
   * @throws ConfigError on a medium that IPv4 does not run on; Error with code EINVAL (no unicast address, no prefix length),
   * EEXIST (it is ours already), ENOBUFS (`maxAddresses` or the route table is full).
   */
  addAddress(iface: Interface, address: string | NewAddress): InterfaceAddress
  /** Takes an address away, and the route to its subnet when it was the last there. Harmless when it is not there. */
  removeAddress(iface: Interface, address: string | Address): void
  /**
   * Routes a prefix by a gateway, or to the link when there is none. Among equal prefixes the smallest `metric` of a running interface
   * wins; 0 unless given. Throws EINVAL, ENOBUFS when the table is full.
   */
  addRoute(prefix: string | Prefix, iface: Interface, gateway?: string | Address, metric?: number): RouteEntry
  removeRoute(entry: RouteEntry): void
  /** The interface's default gateway; undefined takes it away. The one set before is replaced. Throws EINVAL, ENOBUFS. */
  setGateway(iface: Interface, gateway: string | Address | undefined): void
  /** The default gateway that was set for an interface. */
  gateway(iface: Interface): Address | undefined
  /**
   * Bounds what is sent whole on a link, in bytes with the header, where its hosts or bridges take less than the interface's own MTU; undefined takes the
   * bound away. What is received is not bounded. Throws EINVAL outside 68 … the interface's (RFC 791 §3.2).
   */
  setMtu(iface: Interface, mtu: number | undefined): void
  /** What goes whole on a link: what was set, or the interface's own. */
  mtu(iface: Interface): number

  /**
   * Sends echo requests and waits for the replies (RFC 792, RFC 1122 §3.2.2.6).
   *
   * @throws (rejects) EINVAL for what is no IPv4 address, EMSGSIZE, ENETUNREACH without a route or a source address,
   * ECANCELED when the stack stops.
   */
  ping(address: string | Address, options?: PingOptions): Promise<PingResult>

  /**
   * Sends an ICMP error about `packet`, with its IPv4 header at `packet.network`, where RFC 1122 §3.2.2 allows it. `word` is what stands
   * after the checksum: the MTU, or the pointer in its highest byte. Borrows the packet.
   */
  sendError(packet: NetBuf, type: number, code: number, word: number): void

  /** One handler for each type. For an error it runs after the transport was told. ConfigError when it is taken. */
  registerIcmp(type: number, handler: IcmpHandler): () => void
  /** One handler for packets to others. Without it they are dropped. */
  registerForward(handler: ForwardHandler): () => void
  /** One handler for fragments. Without it they are dropped. */
  registerFragments(handler: FragmentHandler): () => void
  /** One handler for packets larger than the way's MTU. With it, `Route.maxPayload` is 65 515. */
  registerOversize(handler: OversizeHandler): () => void
  /** Asked once for each route; who answers calls `ip.changed()` when an answer changes. */
  registerPathMtu(pathMtu: PathMtu): () => void
}
