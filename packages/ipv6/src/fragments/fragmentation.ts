/** Fragments, both ways. Read RFC 8200 §4.5, RFC 5722, RFC 6946 and RFC 7112 before changing this file. */

import type { DropReason, Env, IpInfo, NetBuf, Netif, Route } from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import { IPV6, PROTOCOL_FRAGMENT, PROTOCOL_ICMPV6, PROTOCOL_NO_NEXT, PROTOCOL_TCP, PROTOCOL_UDP } from '@favonius/inet'
import { cut, Reassembly, reassemblyDrops, sendAll, type Datagram } from '@favonius/ip'
import type { Ipv6 } from '../ipv6.ts'
import type { ipv6FragmentsOptions } from '../options.ts'
import { EXTENSION, FRAGMENT, upperLayer } from '../wire/extension.ts'
import { ICMPV6, icmpTypes, problemCodes } from '../wire/icmp.ts'

/** The largest payload length (RFC 8200 §3). */
const MAX_PAYLOAD = 65_535
/** More Fragments, in the 16 bits that have the offset. */
const MORE = 1
/** The offset there, which counts in units of 8 bytes and so needs no shift. */
const OFFSET = 0xfff8
/** Time Exceeded: fragment reassembly (RFC 4443 §3.3). */
const REASSEMBLY = 1
/** Congestion Experienced as it stands in the header's second byte (RFC 3168 §5). */
const CONGESTION_EXPERIENCED = 0x30

/** What fragmentation stands on. */
export interface FragmentParts {
  readonly ipv6: Ipv6
  readonly netif: Netif
}

/** `stack.ipv6Fragments`. */
export interface Ipv6Fragments {
  /** Datagrams of which something is missing, or whose fragments are refused. */
  readonly waiting: number
  /** Bytes of buffers that they hold. */
  readonly held: number
}

/** Puts together what arrives in fragments, and cuts what is too large. `ipv6Fragments()` makes one. */
export class Fragmentation implements Ipv6Fragments {
  readonly #env: Env
  readonly #ipv6: Ipv6
  readonly #netif: Netif
  readonly #reassembly: Reassembly
  readonly #drops
  readonly #counters
  readonly #withdraw: (() => void)[]
  /** A datagram that was put together is on its way up. */
  #entering = false

  constructor(env: Env, { ipv6, netif }: FragmentParts, limits: Settings<typeof ipv6FragmentsOptions>) {
    this.#env = env
    this.#ipv6 = ipv6
    this.#netif = netif
    this.#drops = netif.reasons({
      incomplete: ['ipv6: first fragment without all headers', 'ipv6.drop', 'ip_errors.fragerr'],
      discovery: ['ipv6: neighbour discovery in a fragment', 'ipv6.drop', 'ip_errors.fragerr'],
      nested: ['ipv6: fragment within fragments', 'ipv6.drop', 'ip_errors.fragerr'],
      units: ['ipv6: fragment length is not a multiple of 8', 'ipv6.drop', 'ip_errors.fragerr'],
      empty: ['ipv6: fragment without data', 'ipv6.drop', 'ip_errors.fragerr'],
      beyond: ['ipv6: fragments of more than 65535 bytes', 'ipv6.drop', 'ip_errors.fragerr'],
      noBuffer: ['ipv6: no buffers to send fragments', 'ipv6.drop'],
      narrow: ['ipv6: no room for a fragment', 'ipv6.drop'],
    })
    this.#counters = { reassembled: netif.counter('ipv6.reassembled'), fragmented: netif.counter('ipv6.fragmented') }
    this.#reassembly = new Reassembly(env.clock, netif, limits, reassemblyDrops(netif, 'ipv6'), (first) => {
      ipv6.sendError(first, icmpTypes.timeExceeded, REASSEMBLY, 0)
    })
    this.#withdraw = [
      ipv6.registerExtension(PROTOCOL_FRAGMENT, this.#receive),
      ipv6.registerOversize(this.#send),
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

  /** An `ExtensionHandler`. */
  readonly #receive = (packet: NetBuf, at: number, _namedAt: number, ip: IpInfo): number => {
    const drops = this.#drops
    const { dv, network } = packet
    const field = dv.getUint16(at + FRAGMENT.offset)
    const start = field & OFFSET
    const more = (field & MORE) !== 0
    const data = at + FRAGMENT.size
    const length = packet.offset + packet.total() - data
    // A datagram that was put together has lost the header, and RFC 8200 §4.1 knows but one.
    if (this.#entering) return this.#refuse(packet, ip, drops.nested)
    if (start === 0) {
      const upper = upperLayer(dv, network, packet.offset + packet.length)
      // RFC 6980 §5: fragments would let neighbour discovery past those who guard a link.
      if (upper !== undefined && isDiscovery(packet, upper.protocol, upper.at)) return this.#refuse(packet, ip, drops.discovery)
      // RFC 6946 §4: it is whole, and has nothing to do with others of that identification.
      if (!more) return FRAGMENT.size
      // RFC 7112 §5, RFC 8200 §4.5.
      if (upper === undefined || upper.at + headerOf(upper.protocol) > packet.offset + packet.length) {
        return this.#refuse(packet, ip, drops.incomplete, problemCodes.incomplete, 0)
      }
    }
    if (more && (length & 7) !== 0) return this.#refuse(packet, ip, drops.units, problemCodes.header, IPV6.payloadLength)
    if (data - network - FRAGMENT.size - IPV6.size + start + length > MAX_PAYLOAD) {
      return this.#refuse(packet, ip, drops.beyond, problemCodes.header, at + FRAGMENT.offset - network)
    }
    if (length === 0) return this.#refuse(packet, ip, drops.empty)
    packet.pull(data - packet.offset)
    const datagram = this.#reassembly.add(packet, ip, dv.getInt32(at + FRAGMENT.identification), start, more)
    if (datagram !== undefined) this.#enter(datagram)
    return 0
  }

  /** Drops a fragment, with a Parameter Problem where there is a `code`; `pointer` counts from its IPv6 header. */
  #refuse(packet: NetBuf, { iface }: IpInfo, reason: DropReason, code?: number, pointer = 0): 0 {
    if (code !== undefined) this.#ipv6.sendError(packet, icmpTypes.parameterProblem, code, pointer)
    iface.drop(packet, reason)
    return 0
  }

  /**
   * A whole datagram goes up as if it had come so: headers in front of the Fragment header move up to its end, over it. No data
   * move; they stay in the buffers in which they came.
   */
  #enter(datagram: Datagram): void {
    const packet = datagram.join()
    const iface = packet.iface!
    const { dv, u8, offset, network, link } = packet
    const header = offset - FRAGMENT.size
    let named = network + IPV6.nextHeader
    for (let at = network + IPV6.size; at < header; at += (dv.getUint8(at + EXTENSION.length) + 1) * 8) named = at + EXTENSION.nextHeader
    dv.setUint8(named, dv.getUint8(header + FRAGMENT.nextHeader))
    const from = link >= 0 ? link : network
    u8.copyWithin(from + FRAGMENT.size, from, header)
    packet.network = network + FRAGMENT.size
    if (link >= 0) packet.link = link + FRAGMENT.size
    packet.push(header - network)
    const payload = packet.total() - IPV6.size
    if (payload > MAX_PAYLOAD) return iface.drop(packet, this.#drops.beyond)
    dv.setUint16(packet.network + IPV6.payloadLength, payload)
    if (datagram.isCongested) u8[packet.network + 1]! |= CONGESTION_EXPERIENCED
    // Whoever vouched for a fragment knew nothing of the whole.
    packet.checksum = 0
    packet.segmentSize = 0
    iface.count(this.#counters.reassembled)
    this.#entering = true
    try {
      iface.input(packet)
    } finally {
      this.#entering = false
    }
  }

  // ---- the way down ----

  /** An `OversizeHandler`. */
  readonly #send = (packet: NetBuf, route: Route, protocol: number): boolean => {
    const { iface } = route
    const before = route.headroom - iface.headroom + FRAGMENT.size
    const size = (route.mtu - before) & ~7
    const pieces = size > 0 ? cut(this.#netif.buffers, packet, size, route.headroom + FRAGMENT.size) : undefined
    if (pieces === undefined) {
      iface.drop(packet, size > 0 ? this.#drops.noBuffer : this.#drops.narrow)
      return false
    }
    packet.unref()
    iface.count(this.#counters.fragmented)
    // RFC 7739 §5.2: nobody can guess it, and of 2³² hardly one is in use.
    const identification = this.#env.random.uint32()
    return sendAll(pieces, (piece, i) => {
      const at = piece.push(FRAGMENT.size)
      const { dv } = piece
      dv.setUint16(at + FRAGMENT.nextHeader, protocol << 8)
      dv.setUint16(at + FRAGMENT.offset, (i * size) | (i < pieces.length - 1 ? MORE : 0))
      dv.setUint32(at + FRAGMENT.identification, identification)
      return route.send(piece)
    })
  }
}

/** Bytes of an upper-layer header that a first fragment must have (RFC 7112 §3). */
function headerOf(protocol: number): number {
  switch (protocol) {
    case PROTOCOL_TCP: return 20
    case PROTOCOL_UDP: case PROTOCOL_ICMPV6: return 8
    case PROTOCOL_NO_NEXT: return 0
    default: return 1
  }
}

/** Whether the upper-layer header at `at` is a message of neighbour discovery. */
function isDiscovery({ u8, offset, length }: NetBuf, protocol: number, at: number): boolean {
  const type = at < offset + length ? u8[at + ICMPV6.type]! : 0
  return protocol === PROTOCOL_ICMPV6 && type >= icmpTypes.routerSolicitation && type <= icmpTypes.redirect
}
