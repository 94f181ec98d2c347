/** Fragments, both ways. Read RFC 791 §3.2, RFC 1122 §3.3.2, RFC 1858 and RFC 6864 before changing this file. */

import type { DropReason, Env, IpInfo, NetBuf, Netif } from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import { IPV4, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP } from '@favonius/inet'
import { cut, Reassembly, reassemblyDrops, sendAll, type Datagram } from '@favonius/ip'
import type { FragmentRoute, Ipv4 } from '../ipv4.ts'
import type { ipv4FragmentsOptions } from '../options.ts'
import { headerSize, MAX_TOTAL, MORE_FRAGMENTS, OFFSET_BITS, writeChecksum } from '../wire/header.ts'
import { icmpTypes } from '../wire/icmp.ts'
import { Identifications } from './identification.ts'

/** Time Exceeded: fragment reassembly (RFC 792). */
const REASSEMBLY = 1
/** Congestion Experienced in the type of service (RFC 3168 §5). */
const CONGESTION_EXPERIENCED = 3

/** What fragmentation stands on. */
export interface FragmentParts {
  readonly ipv4: Ipv4
  readonly netif: Netif
}

/** `stack.ipv4Fragments`. */
export interface Ipv4Fragments {
  /** Datagrams of which something is missing, or whose fragments are refused. */
  readonly waiting: number
  /** Bytes of buffers that they hold. */
  readonly held: number
}

/** Puts together what arrives in fragments, and cuts what is too large. `ipv4Fragments()` makes one. */
export class Fragmentation implements Ipv4Fragments {
  readonly #netif: Netif
  readonly #identifications: Identifications
  readonly #reassembly: Reassembly
  readonly #drops
  readonly #counters
  readonly #withdraw: (() => void)[]

  constructor(env: Env, { ipv4, netif }: FragmentParts, limits: Settings<typeof ipv4FragmentsOptions>) {
    this.#netif = netif
    this.#identifications = new Identifications(env.random)
    this.#drops = netif.reasons({
      tiny: ['ipv4: first fragment without its transport\'s header', 'ipv4.drop', 'ip_errors.fragerr'],
      units: ['ipv4: fragment length is not a multiple of 8', 'ipv4.drop', 'ip_errors.fragerr'],
      empty: ['ipv4: fragment without data', 'ipv4.drop', 'ip_errors.fragerr'],
      beyond: ['ipv4: fragments of more than 65535 bytes', 'ipv4.drop', 'ip_errors.fragerr'],
      noBuffer: ['ipv4: no buffers to send fragments', 'ipv4.drop'],
      narrow: ['ipv4: no room for a fragment', 'ipv4.drop'],
    })
    this.#counters = { reassembled: netif.counter('ipv4.reassembled'), fragmented: netif.counter('ipv4.fragmented') }
    this.#reassembly = new Reassembly(env.clock, netif, limits, reassemblyDrops(netif, 'ipv4'), (first) => {
      ipv4.sendError(first, icmpTypes.timeExceeded, REASSEMBLY, 0)
    })
    this.#withdraw = [
      ipv4.registerFragments(this.#receive),
      ipv4.registerOversize(this.#send),
    ]
  }

  get waiting(): number {
    return this.#reassembly.count
  }

  get held(): number {
    return this.#reassembly.held
  }

  stop(): void {
    for (const withdraw of this.#withdraw) withdraw()
    this.#reassembly.stop()
  }

  // ---- the way up ----

  /** A `FragmentHandler`. */
  readonly #receive = (packet: NetBuf, ip: IpInfo): void => {
    const { dv, network } = packet
    const field = dv.getUint16(network + IPV4.fragment)
    const start = (field & OFFSET_BITS) * 8
    const more = (field & MORE_FRAGMENTS) !== 0
    const size = headerSize(dv, network)
    const length = packet.total() - size
    const fault = this.#faultOf(ip.protocol, size, start, length, more)
    if (fault !== undefined) return ip.iface.drop(packet, fault)
    packet.pull(size)
    const datagram = this.#reassembly.add(packet, ip, dv.getUint16(network + IPV4.identification), start, more)
    if (datagram !== undefined) this.#enter(datagram)
  }

  #faultOf(protocol: number, size: number, start: number, length: number, more: boolean): DropReason | undefined {
    const drops = this.#drops
    if (more && (length & 7) !== 0) return drops.units
    if (length === 0) return drops.empty
    if (size + start + length > MAX_TOTAL) return drops.beyond
    // RFC 1858 §3: so that nobody who judges the first fragment is led past by what stands in the second.
    if (start === 0 ? length < headerOf(protocol) : start === 8 && protocol === PROTOCOL_TCP) return drops.tiny
    return undefined
  }

  /** A whole datagram goes up as if it had come so, with the header of its first fragment. The data stay where they came. */
  #enter(datagram: Datagram): void {
    const packet = datagram.join()
    const iface = packet.iface!
    const { dv, network } = packet
    const size = headerSize(dv, network)
    packet.push(size)
    const length = packet.total()
    if (length > MAX_TOTAL) return iface.drop(packet, this.#drops.beyond)
    dv.setUint16(network + IPV4.totalLength, length)
    dv.setUint16(network + IPV4.fragment, 0)
    if (datagram.isCongested) packet.u8[network + IPV4.typeOfService]! |= CONGESTION_EXPERIENCED
    writeChecksum(dv, network, size)
    // Whoever vouched for a fragment knew nothing of the whole.
    packet.checksum = 0
    packet.segmentSize = 0
    iface.count(this.#counters.reassembled)
    iface.input(packet)
  }

  // ---- the way down ----

  /** An `OversizeHandler`. */
  readonly #send = (packet: NetBuf, route: FragmentRoute, protocol: number): boolean => {
    const { iface, source, destination } = route
    const size = (route.mtu - IPV4.size) & ~7
    const pieces = size > 0 ? cut(this.#netif.buffers, packet, size, route.headroom) : undefined
    if (pieces === undefined) {
      iface.drop(packet, size > 0 ? this.#drops.noBuffer : this.#drops.narrow)
      return false
    }
    packet.unref()
    iface.count(this.#counters.fragmented)
    const identification = this.#identifications.next(source, destination, protocol)
    return sendAll(pieces, (piece, i) =>
      route.sendFragment(piece, identification, (i * size / 8) | (i < pieces.length - 1 ? MORE_FRAGMENTS : 0)))
  }
}

/** Bytes of a transport's header that a first fragment must have (RFC 1858 §3.2.1). */
function headerOf(protocol: number): number {
  switch (protocol) {
    case PROTOCOL_TCP: return 20
    case PROTOCOL_UDP: case PROTOCOL_ICMP: return 8
    default: return 1
  }
}
