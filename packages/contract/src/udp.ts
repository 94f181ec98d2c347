/** UDP as sockets see it. */

import type { Address } from './address.ts'
import type { Instant } from './env.ts'
import type { IcmpError, IpInfo, Route } from './ip.ts'
import type { Interface } from './netif.ts'
import type { NetBuf } from './netbuf.ts'
import type { Endpoint } from './seams.ts'

/** A remote endpoint: the same object for as long as it is remembered. */
export interface Peer extends Endpoint {
  readonly ip: Address
  readonly port: number
  /** Which UDP it belongs to; another stack's peers are strangers. */
  readonly udp: object
}

/**
 * What became of a datagram.
 *
 * - `sent`: it is on its way, or waits for its next hop's address
 * - `busy`: the interface has enough to do; try again when it is `ready`
 * - `no buffer`: the stack's buffers are used up
 * - `unreachable`: no route, or no address of ours to send from
 * - `too long`: longer than the path carries whole
 * - `dropped`: refused on its way down, and counted there
 */
export type Sent = 'sent' | 'busy' | 'no buffer' | 'unreachable' | 'too long' | 'dropped'

/** Who gets what arrives for a socket. */
export interface UdpSink {
  /** A datagram: the data begins with the payload. Takes the reference. `ip` is true until the call returns. */
  receive(packet: NetBuf, from: Peer, ip: IpInfo): void
  /** An ICMP error about a datagram that this socket sent to `peer`. */
  error?(error: IcmpError, peer: Peer): void
}

/** How a socket is bound. */
export interface UdpBinding {
  /** Our address, or the unspecified one; `::` takes both families unless `v6only`. */
  readonly address: Address
  /** 0 for a free one. */
  readonly port: number
  readonly v6only: boolean
  /** Share the port with others that say so too. */
  readonly reuse: boolean
  /** Only packets of this interface. */
  readonly iface: Interface | undefined
}

/** A bound port. */
export interface UdpSocket extends UdpBinding {
  /** The one peer that is heard, once connected; undefined hears all. */
  peer: Peer | undefined
  iface: Interface | undefined
  /** Of what is sent; the network layer's defaults where undefined. Call `reroute` after a change. */
  hopLimit: number | undefined
  multicastHopLimit: number | undefined
  multicastInterface: Interface | undefined
  /** What is sent to a group that our interface is in is heard here too (IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP); true at first. */
  multicastLoop: boolean
  trafficClass: number | undefined
  priority: number
  /** Forgets the ways that were found. */
  reroute(): void
  /** The way to a peer, kept while it is true; undefined when there is none. */
  routeTo(peer: Peer): Route | undefined
  /** Sends a copy of `data`; not before `launch`, when given, where the device can wait for it. */
  send(data: Uint8Array, peer: Peer, launch?: Instant): Sent
  /**
   * An empty buffer for a payload of up to `length` bytes to `peer`, with room for every header: fill it with `add`, then
   * `sendBuffer` it, or `unref` it. Undefined when there is no room or no route.
   */
  lend(length: number, peer: Peer): NetBuf | undefined
  /** Sends a buffer that was lent, without a copy. Takes the reference, unless the answer is `busy`. */
  sendBuffer(packet: NetBuf, peer: Peer): Sent
  /** Gives the port back. */
  close(): void
}

/** `stack.udp`. */
export interface Udp {
  /**
   * Binds a socket. Throws EADDRINUSE when the port is taken, EADDRNOTAVAIL when the address is not ours, ENOBUFS when
   * `maxSockets` are open, EINVAL for a port that is none.
   */
  open(binding: UdpBinding, sink: UdpSink): UdpSocket
  /** The object for a remote endpoint: the same one while it is remembered (`maxPeers`). */
  peer(address: Address, port: number): Peer
  /** Sockets that are open. */
  readonly sockets: readonly UdpSocket[]
}
