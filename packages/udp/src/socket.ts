/** One UDP socket: what is bound to a port. Sockets with promises and options for people are in `@favonius/sockets`. */

import type { Address, IcmpError, Interface, IpInfo, NetBuf, Route, RouteOptions } from '@favonius/contract'
import { fold, PROTOCOL_UDP } from '@favonius/inet'
import type { Peer } from './peer.ts'
import { at, HEADER, MAX_PAYLOAD } from './wire.ts'
import type { UdpLayer } from './layer.ts'

/**
 * What became of a datagram.
 *
 * - `sent`: it is on its way, or waits for its next hop's address
 * - `full`: no buffer, or the interface has enough to do; try again when the interface is ready
 * - `unreachable`: no route, or no address of ours to send from
 * - `too long`: longer than the path carries whole
 * - `dropped`: refused on its way down, and counted there
 */
export type Sent = 'sent' | 'full' | 'unreachable' | 'too long' | 'dropped'

/** Who gets what arrives for a socket. */
export interface UdpSink {
  /**
   * A datagram: the data begins with the payload. Takes the reference. `ip` is true until the call returns.
   */
  receive(packet: NetBuf, from: Peer, ip: IpInfo): void
  /** An ICMP error about a datagram that this socket sent to `peer`. */
  error?(error: IcmpError, peer: Peer): void
}

/** How a socket is bound. */
export interface UdpBinding {
  /** Our address, `ANY4` or `ANY6`; `ANY6` takes both families unless `v6only`. */
  readonly address: Address
  /** 0 for a free one. */
  readonly port: number
  readonly v6only: boolean
  /** Share the port with others that say so too. */
  readonly reuse: boolean
  /** Only packets of this interface. */
  readonly iface: Interface | undefined
}

export class UdpSocket implements UdpBinding {
  readonly address: Address
  readonly port: number
  readonly v6only: boolean
  readonly reuse: boolean
  iface: Interface | undefined
  readonly sink: UdpSink
  /** The one peer that is heard, once connected. */
  peer: Peer | undefined
  closed = false

  /** Of what is sent; the layer's defaults unless set. */
  hopLimit: number | undefined
  multicastHopLimit: number | undefined
  multicastInterface: Interface | undefined
  trafficClass: number | undefined
  priority = 0

  readonly #layer: UdpLayer
  readonly #routes = new Map<Peer, Route>()
  #lastPeer: Peer | undefined
  #lastRoute: Route | undefined

  constructor(layer: UdpLayer, binding: UdpBinding, sink: UdpSink) {
    this.#layer = layer
    this.address = binding.address
    this.port = binding.port
    this.v6only = binding.v6only
    this.reuse = binding.reuse
    this.iface = binding.iface
    this.sink = sink
  }

  /** The way to a peer, kept while it is true; undefined when there is none. */
  routeTo(peer: Peer): Route | undefined {
    if (peer === this.#lastPeer && this.#lastRoute!.valid()) return this.#lastRoute
    let route = this.#routes.get(peer)
    if (route === undefined || !route.valid()) {
      const layer = this.#layer.ip.layer(peer.ip.family)
      if (layer === undefined) return undefined
      route = layer.route(peer.ip, this.#options(layer.isMulticast(peer.ip)))
      if (route === undefined) return undefined
      if (this.#routes.size >= this.#layer.maxPeers) this.#routes.clear()
      this.#routes.set(peer, route)
    }
    this.#lastPeer = peer
    this.#lastRoute = route
    return route
  }

  #options(multicast: boolean): RouteOptions {
    const any = this.address.w0 === 0 && this.address.w1 === 0 && this.address.w3 === 0
    return {
      protocol: PROTOCOL_UDP,
      iface: this.iface ?? (multicast ? this.multicastInterface : undefined),
      source: any ? undefined : this.address,
      hopLimit: multicast ? this.multicastHopLimit : this.hopLimit,
      trafficClass: this.trafficClass,
    }
  }

  /** Forgets the ways that were found: an option that decides on them has changed. */
  reroute(): void {
    this.#routes.clear()
    this.#lastPeer = undefined
    this.#lastRoute = undefined
  }

  /** Whether this socket has sent to `peer` lately; an ICMP error about any other is a lie. */
  hasSentTo(peer: Peer): boolean {
    return this.#routes.has(peer)
  }

  /** Sends a copy of `data`. */
  send(data: Uint8Array, peer: Peer): Sent {
    const route = this.routeTo(peer)
    if (route === undefined) return 'unreachable'
    if (data.length > MAX_PAYLOAD || data.length + HEADER > route.maxPayload) return 'too long'
    if (route.iface.full) return 'full'
    const packet = this.#layer.buffers.alloc(data.length, route.headroom + HEADER)
    if (packet === undefined) return 'full'
    packet.write(data)
    return this.#transmit(packet, peer, route)
  }

  /**
   * An empty buffer for a payload of up to `length` bytes to `peer`, with room for every header: fill it with `add`, then
   * `sendBuffer` it, or `unref` it. Undefined when there is no room or no route.
   */
  lend(length: number, peer: Peer): NetBuf | undefined {
    const route = this.routeTo(peer)
    if (route === undefined || length + HEADER > route.maxPayload) return undefined
    return this.#layer.buffers.alloc(length, route.headroom + HEADER)
  }

  /** Sends a buffer that was lent, without a copy. Takes the reference, unless it is `full` that it returns. */
  sendBuffer(packet: NetBuf, peer: Peer): Sent {
    const route = this.routeTo(peer)
    if (route === undefined) {
      packet.unref()
      return 'unreachable'
    }
    if (packet.total() + HEADER > route.maxPayload || packet.headroom() < route.headroom + HEADER) {
      packet.unref()
      return 'too long'
    }
    return route.iface.full ? 'full' : this.#transmit(packet, peer, route)
  }

  #transmit(packet: NetBuf, peer: Peer, route: Route): Sent {
    const offset = packet.push(HEADER)
    const length = packet.total()
    const { dv } = packet
    dv.setInt32(offset + at.source, this.port << 16 | peer.port)
    dv.setInt32(offset + at.length, length << 16 | fold(route.pseudo + length))
    packet.checksum = 1
    packet.checksumStart = offset
    packet.checksumAt = offset + at.checksum
    packet.transport = offset
    packet.priority = this.priority
    if (!route.send(packet)) return 'dropped'
    route.iface.count(this.#layer.counters.sent)
    return 'sent'
  }

  /** Hears this peer alone from now on; undefined ends it. */
  connect(peer: Peer | undefined): void {
    this.peer = peer
  }

  /** Gives the port back. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.#layer.remove(this)
    this.reroute()
  }
}
