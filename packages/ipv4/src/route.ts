import type { Address, Interface, Ip, NetBuf } from '@favonius/contract'
import { ETHERTYPE_IPV4, IPV4, pseudoSum } from '@favonius/inet'
import type { Counters, Drops } from './drops.ts'
import type { FragmentRoute, OversizeHandler } from './ipv4.ts'
import { DONT_FRAGMENT, MAX_TOTAL } from './wire/header.ts'

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
  /** Largest packet that goes whole. */
  readonly mtu: number
  /** The destination is in this machine. */
  readonly local: boolean
}

/**
 * The way to one destination, with the IPv4 header as words that are ready to be written: from packet to packet only the
 * length and the checksum differ.
 *
 * What goes whole has Don't Fragment set, and so needs no identification: it is atomic (RFC 6864 §4.1).
 */
export class Ipv4Route implements FragmentRoute {
  readonly family = 4
  readonly iface: Interface
  readonly source: Address
  readonly destination: Address
  readonly nextHop: Address
  readonly mtu: number
  readonly headroom: number
  readonly pseudo: number
  readonly #shared: Sending
  readonly #generation: number
  readonly #protocol: number
  readonly #local: boolean
  /** Version, header length, type of service; the length is added. */
  readonly #first: number
  /** Time to live and protocol; the checksum is added. */
  readonly #third: number
  /** The sum of all of the header but length, second word and checksum. */
  readonly #sum: number

  constructor(shared: Sending, parts: RouteParts) {
    this.#shared = shared
    this.#generation = shared.ip.generation
    this.#protocol = parts.protocol
    this.#local = parts.local
    this.iface = parts.iface
    this.source = parts.source
    this.destination = parts.destination
    this.nextHop = parts.nextHop
    // What never touches a link is limited by the header alone.
    this.mtu = parts.local ? MAX_TOTAL : Math.min(parts.mtu, MAX_TOTAL)
    this.headroom = parts.iface.headroom + IPV4.size
    this.pseudo = pseudoSum(parts.source, parts.destination, parts.protocol)
    this.#first = 0x45000000 | ((parts.trafficClass & 0xff) << 16)
    this.#third = ((parts.hopLimit & 0xff) << 24) | (parts.protocol << 16)
    // The pseudo-header has the addresses and the protocol already; what is left are the other halves of the words.
    this.#sum = this.pseudo + (this.#first >>> 16) + ((parts.hopLimit & 0xff) << 8)
  }

  valid(): boolean {
    return this.#generation === this.#shared.ip.generation
  }

  get maxPayload(): number {
    return (this.#shared.oversize === undefined ? this.mtu : MAX_TOTAL) - IPV4.size
  }

  send(packet: NetBuf): boolean {
    const { drops, oversize } = this.#shared
    const length = packet.total() + IPV4.size
    // One large segment for several packets may pass: it is split below.
    if (length > this.mtu && (packet.segmentSize === 0 || length > MAX_TOTAL)) {
      if (oversize !== undefined && length <= MAX_TOTAL) return oversize(packet, this, this.#protocol)
      this.iface.drop(packet, drops.tooBig)
      return false
    }
    return this.#send(packet, length, DONT_FRAGMENT)
  }

  sendFragment(packet: NetBuf, identification: number, fragment: number): boolean {
    return this.#send(packet, packet.total() + IPV4.size, (identification << 16) | fragment)
  }

  /** `second` is the header's second word: identification, flags, offset. */
  #send(packet: NetBuf, length: number, second: number): boolean {
    const { iface } = this
    const { drops, counters } = this.#shared
    if (packet.headroom() < IPV4.size) {
      iface.drop(packet, drops.headroom)
      return false
    }
    packet.transport = packet.offset
    const at = packet.push(IPV4.size)
    const { dv } = packet
    let sum = this.#sum + length + (second >>> 16) + (second & 0xffff)
    sum = (sum & 0xffff) + (sum >>> 16)
    sum = (sum & 0xffff) + (sum >>> 16)
    dv.setInt32(at, this.#first | length)
    dv.setInt32(at + 4, second)
    dv.setInt32(at + 8, this.#third | (~sum & 0xffff))
    dv.setInt32(at + 12, this.source.w3)
    dv.setInt32(at + 16, this.destination.w3)
    packet.network = at
    packet.family = 4
    packet.protocol = ETHERTYPE_IPV4
    iface.count(counters.sent)
    if (!this.#local) return iface.output(packet, this.nextHop)
    // Whoever made it shares our memory and vouches for it, so that a partial checksum need not be finished.
    packet.checksum = 2
    return iface.loop(packet)
  }
}
