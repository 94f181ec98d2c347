/** Network interfaces: where links, network layers and people meet. After Zephyr's `net_if` and `net_l2`. */

import type { Address, Family, LinkAddress } from './address.ts'
import type { Device, Medium, Offload } from './device.ts'
import type { Instant } from './env.ts'
import type { BufferPool, NetBuf } from './netbuf.ts'
import type { PacketTimer, Traffic } from './traffic.ts'

/** What a link layer can do, as `net_l2_flags`. */
export interface L2Flags {
  /** Groups can be joined on it. */
  readonly multicast: boolean
  /** Frames for other stations can be seen. */
  readonly promiscuous: boolean
  /** There is one peer, and nothing to resolve. */
  readonly pointToPoint: boolean
}

/** What the header of a link says, beside whom the frame is for. */
export interface LinkHeader {
  readonly sender: LinkAddress
  /** What follows: an EtherType, or 4 for an 802.3 length with LLC behind it (Linux's ETH_P_802_2). */
  readonly protocol: number
}

/** A link layer: `struct net_l2`. One instance serves every interface of its medium. */
export interface L2 {
  readonly name: string
  readonly medium: Medium
  readonly flags: L2Flags
  /** Largest IP packet, where that is not the device's: what is larger than a frame is sent in several. */
  readonly mtu?: number
  /** Bytes by which a frame may be longer than headroom and MTU together: the tag of a VLAN above. None unless given. */
  readonly tagRoom?: number
  /** Bytes of link header to leave before a network packet. */
  headroom(iface: Interface): number
  /**
   * A frame from the device. True: the header is off (`pull`), `link`, `protocol` and `cast` are set, and the network
   * packet goes on to the handler of its protocol. False: consumed, or dropped through `iface.drop`.
   */
  receive(iface: Interface, frame: NetBuf): boolean
  /** Reads the header of a frame, which begins at absolute position `at` and is whole. Not given where there is none. */
  parse?(frame: NetBuf, at: number): LinkHeader
  /** Puts its header before `packet`, whose `protocol` is set, and hands it to `iface.transmit`. */
  send(iface: Interface, packet: NetBuf, to: LinkAddress): boolean
  /** The link address of a multicast group. */
  multicast(group: Address): LinkAddress
  /** The interface came up or went down. */
  enable(iface: Interface, up: boolean): void
}

/** Turns a next hop into a link address: ARP, neighbour discovery. */
export interface Resolver {
  /** The link address; or undefined when the packet is parked (or dropped), its reference taken, until the answer comes. */
  resolve(iface: Interface, nextHop: Address, packet: NetBuf): LinkAddress | undefined
}

/**
 * Why a packet is dropped. Made by `netif.reasons`, one table for each layer.
 * Zephyr's counters that rise with it are part of the reason, so that the two cannot disagree.
 */
export interface DropReason {
  /** `udp: bad checksum`. */
  readonly text: string
  /** Index in the drop table. */
  readonly index: number
  /** Counters (by index) that rise with it. */
  readonly counters: readonly number[]
}

/** RFC 4862 §2, §5.4: what an address may be used for now. `duplicate` is kept to be seen, and never used. */
export type AddressState = 'tentative' | 'preferred' | 'deprecated' | 'duplicate'
/** How the address came to be, as `net_addr_type`. */
export type AddressOrigin = 'manual' | 'autoconf' | 'dhcp' | 'overridable'

/** A unicast address of an interface. Its network layer owns it; others read it. */
export interface InterfaceAddress {
  readonly address: Address
  /** Bits of the prefix that are on this link. */
  readonly prefixLength: number
  readonly origin: AddressOrigin
  readonly state: AddressState
  /** Last instants at which it is preferred and valid; Infinity for a static one. */
  readonly preferredUntil: Instant
  readonly validUntil: Instant
  /** RFC 8981: made at random for a while, and preferred to send from. */
  readonly temporary?: boolean
}

/** A reason for `up()` to wait. Released, or failed, once. */
export interface Hold {
  release(): void
  /** `up()` rejects with this error. */
  fail(error: Error): void
}

export interface UpOptions {
  /** Milliseconds until `up()` gives up with ETIMEDOUT; 10 000 unless given, Infinity for never. */
  readonly timeout?: number
}

export interface Interface {
  /** From 1, never used again within a stack. */
  readonly index: number
  readonly name: string
  readonly medium: Medium
  readonly device: Device | undefined
  readonly l2: L2
  readonly address: LinkAddress
  /** Largest IP packet in bytes. */
  readonly mtu: number
  readonly offload: Offload
  /** Administrative state: what was asked for by `up()` and `down()`. */
  readonly enabled: boolean
  /** What the device says of its link. */
  readonly carrier: boolean
  /** Operational state: enabled, and with carrier. */
  readonly running: boolean
  /** Frames for other stations are heard: `cast` is 3 on them. True while somebody has asked for it by `hearAll`. */
  readonly promiscuous: boolean

  /**
   * Enables it at once. Resolves when it is running and every hold is released: static addresses are preferred.
   * Rejects with EADDRINUSE on a duplicate address, ETIMEDOUT, or ECANCELED by `down()`, `remove` and `stop()`.
   */
  up(options?: UpOptions): Promise<void>
  /** Disables it: what is queued is dropped, what arrives is dropped and counted. */
  down(): void
  /** Makes `up()` wait for something that a layer has begun. */
  hold(what: string): Hold
  /**
   * Promiscuous mode, `net_if_set_promisc` (CONFIG_NET_PROMISCUOUS_MODE): frames for other stations are heard until everyone who
   * asked for it has given it up, by calling what this returns. On a VLAN, the interface below hears them too.
   *
   * Throws EOPNOTSUPP where the link layer knows no other stations, ENODEV when the interface was removed.
   */
  hearAll(): () => void

  /** Unicast addresses, of both families, in the order in which they were added. Changed by their network layer alone. */
  readonly addresses: readonly InterfaceAddress[]
  addAddress(entry: InterfaceAddress): void
  removeAddress(entry: InterfaceAddress): void
  /** Replaces an entry by a changed one and tells listeners. */
  updateAddress(entry: InterfaceAddress, changed: InterfaceAddress): void
  /** Groups that are joined; a group joined twice must be left twice. */
  readonly groups: readonly Address[]
  /** True when this was the first join of the group. */
  joinGroup(group: Address): boolean
  /** True when this was the last leave. False also when it was not joined. */
  leaveGroup(group: Address): boolean
  inGroup(group: Address): boolean

  /** Bytes to leave before a network packet that goes out here. */
  readonly headroom: number
  /** True when no packet of this 802.1Q priority can wait for the device any more: wait for `ready` before making another. */
  isFull(priority: number): boolean
  /** A network packet goes down: its next hop is resolved and its link header put on. False: dropped and counted. */
  output(packet: NetBuf, nextHop: Address): boolean
  /** A finished frame goes to the device; L2's own way down. Partial checksums are finished here when the device does not. */
  transmit(frame: NetBuf): boolean
  /** A network packet to ourselves: it is received here, on a later turn, without touching the link. */
  loop(packet: NetBuf): boolean
  /** A frame goes through the link layer, is shown to packet handlers, and goes up. For L2s with interfaces of their own: VLANs, tunnels. */
  receive(frame: NetBuf): void
  /** A network packet, link header off, goes up to the handler of its `protocol`. */
  input(packet: NetBuf): void

  /** The one way to drop a packet: counts the reason, notes it in captures, gives the reference back. */
  drop(packet: NetBuf, reason: DropReason): void
  /** Counts a reason when there is no packet left to drop. */
  lose(reason: DropReason): void
  /** Adds to a counter made by `netif.counter`. */
  count(counter: number, by?: number): void
}

/** A handler of network packets: `packet.protocol` was its EtherType. Takes the reference. */
export type NetworkInput = (iface: Interface, packet: NetBuf) => void

/**
 * Sees each packet that a link layer has let in, before the handler of its protocol: the data begin behind the link header, which
 * stands from `packet.link` on; `protocol` and `cast` are set. It must not keep or change the packet, but copies what it wants. True: it
 * was wanted, so that the packet is not counted as dropped when no layer takes its protocol.
 */
export type PacketHandler = (iface: Interface, packet: NetBuf) => boolean

/** What happened to an interface. */
export type NetifEvent =
  | { readonly type: 'added' | 'removed' | 'enabled' | 'disabled' | 'up' | 'down'; readonly iface: Interface }
  /** `iface.promiscuous` has changed. */
  | { readonly type: 'promiscuous'; readonly iface: Interface }
  | { readonly type: 'address-added' | 'address-removed' | 'address-changed'; readonly iface: Interface; readonly entry: InterfaceAddress }
  /** Someone else uses our address. `by` is their link address, where known. */
  | { readonly type: 'address-conflict'; readonly iface: Interface; readonly address: Address; readonly by: LinkAddress | undefined }
  | { readonly type: 'group-joined' | 'group-left'; readonly iface: Interface; readonly group: Address }
  /** Where a transmit queue was full, for some priority, there is room again. */
  | { readonly type: 'ready'; readonly iface: Interface }

/** Sees every frame of every interface, for captures. It must not keep or change the packet. */
export interface Tap {
  /** A frame as it is on the link: from `packet.offset`. A partial checksum is not finished yet when the device will do it. */
  frame(iface: Interface, packet: NetBuf, direction: 'in' | 'out'): void
  /** The packet is about to be dropped. The frame, when it came from the link, still stands from `packet.link` on. */
  dropped(iface: Interface, packet: NetBuf, reason: string): void
}

export interface Statistics {
  /** Zephyr's blocks, `{ udp: { recv, sent, drop, chkerr }, … }`, as far as a layer that counts is there. */
  readonly counters: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Drops by reason, those that happened: `{ 'udp: bad checksum': 3 }`. */
  readonly drops: Readonly<Record<string, number>>
}

export interface AddOptions {
  /** Unique within the stack; the medium's prefix and a number unless given: `eth0`. */
  readonly name?: string
  /** Overrides the L2 that registered for the device's medium. */
  readonly l2?: L2
}

/** An interface that has no device: a VLAN, a tunnel. */
export interface VirtualOptions {
  readonly name: string
  readonly l2: L2
  readonly address: LinkAddress
  readonly mtu: number
  readonly offload?: Offload
  /** The interface that carries its frames: it is full when that one is. */
  readonly lower?: Interface
}

/** Which interface serves when none is chosen: NET_DEFAULT_IF_*. */
export type DefaultInterface = 'first' | 'up' | 'ethernet' | 'bluetooth' | 'ieee802154'

export interface Netif {
  readonly interfaces: readonly Interface[]
  readonly buffers: BufferPool
  /** Binds a device to the L2 of its medium. Throws a ConfigError that names the package to compose when there is none. */
  add(device: Device, options?: AddOptions): Interface
  /** An interface without a device; its L2 says when it has carrier by `setCarrier`. */
  addVirtual(options: VirtualOptions): { readonly iface: Interface; setCarrier(up: boolean): void }
  /** Takes it down, stops its device, forgets its addresses and routes. */
  remove(iface: Interface): Promise<void>
  /** By name, or by index (also as text: `%2`). */
  find(nameOrIndex: string | number): Interface | undefined
  /** NET_DEFAULT_IF. */
  readonly default: Interface | undefined

  /** An L2 offers itself for its medium. Returns how to withdraw it. */
  registerL2(l2: L2): () => void
  /** A network layer takes packets of an EtherType. */
  registerProtocol(etherType: number, input: NetworkInput): () => void
  /** Someone who sees all packets that come in, whatever their protocol: packet sockets. */
  registerPacketHandler(handler: PacketHandler): () => void
  /** A resolver for next hops of a family on a medium; `*` for every medium without one of its own. */
  registerResolver(family: Family, medium: Medium | '*', resolver: Resolver): () => void

  /** Who lets packets overtake each other; set by `trafficClasses()`. */
  traffic: Traffic | undefined
  /** Who takes packets' times; set by `packetTimes()`. */
  times: PacketTimer | undefined

  /** The index of a counter such as `udp.recv`; the same name gives the same index. */
  counter(name: string): number
  /** A layer's table of reasons, each with the counters that rise: `{ badChecksum: ['udp: bad checksum', 'udp.drop', 'udp.chkerr'] }`. */
  reasons<K extends string>(table: Readonly<Record<K, readonly [text: string, ...counters: string[]]>>): Readonly<Record<K, DropReason>>

  listen(listener: (event: NetifEvent) => void): () => void
  /** Tells listeners of a conflict; addresses, groups and states tell of themselves. */
  conflict(iface: Interface, address: Address, by: LinkAddress | undefined): void
  tap(tap: Tap): () => void
  /** Of one interface, or summed over all that are and were. */
  statistics(iface?: Interface): Statistics
}
