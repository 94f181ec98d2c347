/** One UDP socket: what is bound to a port. Sockets with promises and options for people are in `@favonius/sockets`. */

import type { Address, Instant, Interface, NetBuf, Peer, Route, RouteOptions, Sent, UdpBinding, UdpSink, UdpSocket } from '@favonius/contract'
import { fold, PROTOCOL_UDP, sameAddress, scopeOf } from '@favonius/inet'
import { at, HEADER, MAX_PAYLOAD } from './wire.ts'
import type { UdpLayer } from './layer.ts'

/** RFC 4291 §2.7. Addresses up to this scope mean something in their zone alone. */
const LINK_LOCAL_SCOPE = 2

/** How a peer is reached. */
interface Way {
  readonly route: Route
  /** When it is a group: how those are reached who have joined it on this host. */
  readonly here: Route | undefined
}

/** A bound port. */
export class BoundSocket implements UdpSocket {
  readonly address: Address
  readonly port: number
  readonly v6only: boolean
  readonly reuse: boolean
  iface: Interface | undefined
  readonly sink: UdpSink
  peer: Peer | undefined
  closed = false

  hopLimit: number | undefined
  multicastHopLimit: number | undefined
  multicastInterface: Interface | undefined
  multicastLoop = true
  trafficClass: number | undefined
  priority = 0

  readonly #layer: UdpLayer
  readonly #ways = new Map<Peer, Way>()
  #lastPeer: Peer | undefined
  #last: Way | undefined

  constructor(layer: UdpLayer, binding: UdpBinding, sink: UdpSink) {
    this.#layer = layer
    this.address = binding.address
    this.port = binding.port
    this.v6only = binding.v6only
    this.reuse = binding.reuse
    this.iface = binding.iface
    this.sink = sink
  }

  routeTo(peer: Peer): Route | undefined {
    if (peer === this.#lastPeer && this.#last!.route.valid()) return this.#last!.route
    let way = this.#ways.get(peer)
    if (way === undefined || !way.route.valid()) {
      way = this.#wayTo(peer)
      if (way === undefined) return undefined
      if (this.#ways.size >= this.#layer.maxPeers) this.#ways.clear()
      this.#ways.set(peer, way)
    }
    this.#lastPeer = peer
    this.#last = way
    return way.route
  }

  #wayTo({ ip }: Peer): Way | undefined {
    const layer = this.#layer.ip.layer(ip.family)
    const group = layer !== undefined && layer.isMulticast(ip)
    const options = this.#options(ip, group)
    const route = layer?.route(ip, options)
    if (route === undefined) return undefined
    // Loopback brings back what it is given.
    const twice = group && this.multicastLoop && route.iface.medium !== 'loopback'
    return { route, here: twice ? layer!.route(ip, { ...options, here: true }) : undefined }
  }

  #options(to: Address, multicast: boolean): RouteOptions {
    // RFC 3493 §3.3: the zone of a link-local group says more than IPV6_MULTICAST_IF, which serves those that name none.
    const zoned = to.zone !== 0 && scopeOf(to) <= LINK_LOCAL_SCOPE
    const any = this.address.w0 === 0 && this.address.w1 === 0 && this.address.w3 === 0
    return {
      protocol: PROTOCOL_UDP,
      iface: this.iface ?? (multicast && !zoned ? this.multicastInterface : undefined),
      source: any ? undefined : this.address,
      hopLimit: multicast ? this.multicastHopLimit : this.hopLimit,
      trafficClass: this.trafficClass,
    }
  }

  reroute(): void {
    this.#ways.clear()
    this.#lastPeer = undefined
    this.#last = undefined
  }

  /**
   * The peer that an ICMP error is about, if this socket has sent to it lately; an error about any other is a lie. The peer it is
   * connected to is known to the socket even when the table has forgotten it.
   */
  sentTo(known: Peer | undefined, ip: Address, port: number): Peer | undefined {
    if (known !== undefined && this.#ways.has(known)) return known
    const { peer } = this
    return peer !== undefined && peer.port === port && sameAddress(peer.ip, ip) && this.#ways.has(peer) ? peer : undefined
  }

  send(data: Uint8Array, peer: Peer, launch: Instant = 0): Sent {
    const route = this.routeTo(peer)
    if (route === undefined) return 'unreachable'
    if (data.length > MAX_PAYLOAD || data.length + HEADER > route.maxPayload) return 'too long'
    if (route.iface.isFull(this.priority)) return 'busy'
    const packet = this.#layer.buffers.alloc(data.length, route.headroom + HEADER)
    if (packet === undefined) return 'no buffer'
    packet.write(data)
    packet.launch = launch
    return this.#transmit(packet, peer, route)
  }

  lend(length: number, peer: Peer): NetBuf | undefined {
    const route = this.routeTo(peer)
    if (route === undefined || length + HEADER > route.maxPayload) return undefined
    return this.#layer.buffers.alloc(length, route.headroom + HEADER)
  }

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
    return route.iface.isFull(this.priority) ? 'busy' : this.#transmit(packet, peer, route)
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
    const here = this.#last!.here
    if (here?.iface.inGroup(here.destination)) this.#sendHere(packet, here)
    if (!route.send(packet)) return 'dropped'
    route.iface.count(this.#layer.counters.sent)
    return 'sent'
  }

  /** A copy, which goes whole even where the other is fragmented. */
  #sendHere(packet: NetBuf, here: Route): void {
    const copy = packet.clone()
    if (copy === undefined) here.iface.lose(this.#layer.noBuffer)
    else here.send(copy)
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.#layer.remove(this)
    this.reroute()
  }
}
