import type { Address, Interface, Ip, NetBuf, Route } from '@favonius/contract'
import { ETHERTYPE_IPV6, IPV6, PROTOCOL_FRAGMENT, PROTOCOL_HOP_BY_HOP, pseudoSum } from '@favonius/inet'
import type { Counters, Drops } from './drops.ts'
import type { OversizeHandler } from './ipv6.ts'
import { firstWord } from './wire/header.ts'

/** What the routes of a layer share. */
export interface Sending {
  readonly ip: Ip
  readonly drops: Drops
  readonly counters: Counters
  oversize: OversizeHandler | undefined
}

/** What a route is made of. Its addresses are kept, so they must not change. */
export interface RouteParts {
  readonly iface: Interface
  readonly source: Address
  readonly destination: Address
  readonly nextHop: Address
  readonly protocol: number
  readonly hopLimit: number
  readonly trafficClass: number
  readonly mtu: number
  /** The destination is in this machine. */
  readonly local: boolean
  readonly hopByHop: Uint8Array | undefined
}

/** The largest payload length (RFC 8200 §3). */
const MAX_PAYLOAD = 65_535
/** What never touches a link is limited by the header alone. */
export const LOCAL_MTU = IPV6.size + MAX_PAYLOAD

/**
 * The way to one destination, with the IPv6 header as words that are ready to be written: from packet to packet only the
 * payload length differs.
 */
export class Ipv6Route implements Route {
  readonly family = 6
  readonly iface: Interface
  readonly source: Address
  readonly destination: Address
  readonly nextHop: Address
  readonly mtu: number
  readonly headroom: number
  readonly pseudo: number
  readonly #shared: Sending
  readonly #parts: RouteParts
  readonly #generation: number
  readonly #protocol: number
  readonly #local: boolean
  readonly #hopByHop: Uint8Array | undefined
  /** Bytes put before the transport header. */
  readonly #size: number
  readonly #first: number
  /** Next header and hop limit, the lower half of the second word. */
  readonly #nextAndLimit: number
  /** The same way for what begins with a Fragment header. */
  #forFragments: Ipv6Route | undefined

  constructor(shared: Sending, parts: RouteParts) {
    this.#shared = shared
    this.#parts = parts
    this.#generation = shared.ip.generation
    this.iface = parts.iface
    this.source = parts.source
    this.destination = parts.destination
    this.nextHop = parts.nextHop
    this.mtu = parts.mtu
    this.#protocol = parts.protocol
    this.#local = parts.local
    this.#hopByHop = parts.hopByHop
    this.#size = IPV6.size + (parts.hopByHop?.length ?? 0)
    this.headroom = parts.iface.headroom + this.#size
    this.pseudo = pseudoSum(parts.source, parts.destination, parts.protocol)
    this.#first = firstWord(parts.trafficClass, 0)
    this.#nextAndLimit = ((parts.hopByHop ? PROTOCOL_HOP_BY_HOP : parts.protocol) << 8) | parts.hopLimit
  }

  get maxPayload(): number {
    return this.#shared.oversize === undefined ? this.mtu - this.#size : MAX_PAYLOAD
  }

  valid(): boolean {
    return this.#generation === this.#shared.ip.generation
  }

  send(packet: NetBuf): boolean {
    const { iface, source, destination } = this
    const { drops, oversize } = this.#shared
    const payload = packet.total() + this.#size - IPV6.size
    if (payload + IPV6.size > this.mtu && packet.segmentSize === 0) {
      if (oversize !== undefined && payload <= MAX_PAYLOAD) {
        this.#forFragments ??= new Ipv6Route(this.#shared, { ...this.#parts, protocol: PROTOCOL_FRAGMENT })
        return oversize(packet, this.#forFragments, this.#protocol)
      }
      iface.drop(packet, drops.tooBig)
      return false
    }
    if (payload > MAX_PAYLOAD || packet.headroom() < this.#size) {
      iface.drop(packet, payload > MAX_PAYLOAD ? drops.tooBig : drops.headroom)
      return false
    }
    packet.transport = packet.offset
    if (this.#hopByHop !== undefined) {
      const at = packet.push(this.#hopByHop.length)
      packet.u8.set(this.#hopByHop, at)
      packet.u8[at] = this.#protocol
    }
    const at = packet.push(IPV6.size)
    const { dv } = packet
    dv.setInt32(at, this.#first)
    dv.setInt32(at + 4, (payload << 16) | this.#nextAndLimit)
    dv.setInt32(at + 8, source.w0)
    dv.setInt32(at + 12, source.w1)
    dv.setInt32(at + 16, source.w2)
    dv.setInt32(at + 20, source.w3)
    dv.setInt32(at + 24, destination.w0)
    dv.setInt32(at + 28, destination.w1)
    dv.setInt32(at + 32, destination.w2)
    dv.setInt32(at + 36, destination.w3)
    packet.network = at
    packet.family = 6
    packet.protocol = ETHERTYPE_IPV6
    iface.count(this.#shared.counters.sent)
    if (!this.#local) return iface.output(packet, this.nextHop)
    // Whoever made it shares our memory and vouches for it, so that a partial checksum need not be finished.
    packet.checksum = 2
    return iface.loop(packet)
  }
}
