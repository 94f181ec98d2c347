/** ICMPv6 errors, both ways. Read RFC 4443 §2.4 before changing this file. */

import type { Address, Clock, IcmpError, IpInfo, NetBuf, Transport } from '@favonius/contract'
import {
  copyAddress, IPV6, isLinkLocal, isMulticast, isUnspecified, MutableAddress, PROTOCOL_ICMPV6, readAddress, withZone,
} from '@favonius/inet'
import { TokenBucket } from '@favonius/ip'
import type { Counters } from './drops.ts'
import type { Ipv6 } from './ipv6.ts'
import { upperLayer } from './wire/extension.ts'
import { MINIMUM_MTU } from './wire/header.ts'
import { ICMPV6, icmpTypes, isError, meaningOf, problemCodes, unreachableCodes } from './wire/icmp.ts'

/** What errors need of the layer. */
type Layer = Pick<Ipv6, 'route' | 'owns' | 'message' | 'sendMessage' | 'settings'>

/** Sends errors, and tells transports of those that come. */
export class Errors {
  readonly #layer: Layer
  readonly #transport: (protocol: number) => Transport | undefined
  readonly #counters: Counters
  readonly #bucket: TokenBucket
  readonly #source = new MutableAddress()
  readonly #destination = new MutableAddress()

  constructor(clock: Clock, layer: Layer, transport: (protocol: number) => Transport | undefined, counters: Counters) {
    this.#layer = layer
    this.#transport = transport
    this.#counters = counters
    this.#bucket = new TokenBucket(clock, layer.settings.icmpErrorRate, layer.settings.icmpErrorBurst)
  }

  // ---- sending ----

  /** Sends an error about `packet`, whose IPv6 header is at `packet.network`, where §2.4 (e) and (f) allow it. Borrows the packet. */
  send(packet: NetBuf, type: number, code: number, word: number): void {
    const { iface, network: at } = packet
    if (iface === undefined || at < 0 || at > packet.offset) return
    // Headers that were pulled are data again until the error is made.
    const pulled = packet.offset - at
    packet.push(pulled)
    const { dv } = packet
    const source = readAddress(dv, at + IPV6.source, 6)
    const destination = readAddress(dv, at + IPV6.destination, 6)
    if (this.#allowed(packet, type, code, source, destination)) {
      const from = this.#layer.owns(destination) && !isMulticast(destination) ? copyAddress(destination) : undefined
      const options = { protocol: PROTOCOL_ICMPV6, source: from, iface: isLinkLocal(source) ? iface : undefined }
      const route = this.#layer.route(source, options) ?? (from && this.#layer.route(source, { ...options, source: undefined }))
      if (route !== undefined && this.#bucket.take()) {
        const quoted = Math.min(packet.total(), MINIMUM_MTU - IPV6.size - ICMPV6.body)
        const error = this.#layer.message(route, type, code, ICMPV6.body + quoted)
        if (error !== undefined) {
          error.dv.setUint32(error.offset + ICMPV6.word, word)
          const body = error.offset + ICMPV6.body
          packet.copyTo(error.u8.subarray(body, body + quoted))
          this.#layer.sendMessage(error, route)
        }
      } else if (route !== undefined) iface.count(this.#counters.icmpLimited)
    }
    packet.pull(pulled)
  }

  /** RFC 4443 §2.4 (e). */
  #allowed(packet: NetBuf, type: number, code: number, source: Address, destination: Address): boolean {
    const { dv, network, offset, length } = packet
    // e.1, e.2: no error about an error, or a redirect.
    const upper = upperLayer(dv, network, offset + length)
    if (upper?.protocol === PROTOCOL_ICMPV6) {
      if (upper.at >= offset + length) return false
      const about = dv.getUint8(upper.at + ICMPV6.type)
      if (isError(about) || about === icmpTypes.redirect) return false
    }
    // e.3, e.4, e.5: nor about what was sent to a group, but for path MTU discovery and options that ask for it.
    const exempt = type === icmpTypes.packetTooBig || (type === icmpTypes.parameterProblem && code === problemCodes.option)
    if (!exempt && (isMulticast(destination) || packet.cast === 1 || packet.cast === 2)) return false
    // e.6: the source must be one node.
    return !isUnspecified(source) && !isMulticast(source)
  }

  // ---- receiving ----

  /**
   * An error message, header first, whose checksum is right: told to the transport that sent what it quotes (§2.4 b, d).
   * False when it quotes nothing that we sent, as far as we or the transport know, or too little to tell. Borrows the packet.
   */
  receive(packet: NetBuf, ip: IpInfo): boolean {
    const { dv, offset, length } = packet
    if (length < ICMPV6.body + IPV6.size) return false
    const at = offset + ICMPV6.body
    if (dv.getUint8(at) >>> 4 !== 6) return false
    const source = this.#source.set6(dv, at + IPV6.source)
    if (!this.#layer.owns(source)) return false
    const destination = this.#destination.set6(dv, at + IPV6.destination)
    if (isLinkLocal(destination)) destination.zone = ip.iface.index
    if (isLinkLocal(source)) source.zone = ip.iface.index
    const type = dv.getUint8(offset + ICMPV6.type)
    const meaning = meaningOf(type, dv.getUint8(offset + ICMPV6.code))
    const upper = upperLayer(dv, at, offset + length)
    if (meaning === undefined || upper === undefined) return false
    const transport = this.#transport(upper.protocol)
    if (transport?.unreachable === undefined) return true
    // RFC 8201 §4: no path has less than the minimum, whatever is said.
    const mtu = type === icmpTypes.packetTooBig ? Math.max(dv.getUint32(offset + ICMPV6.word), MINIMUM_MTU) : undefined
    const error: IcmpError = { ...meaning, from: copyAddress(ip.source), mtu }
    packet.pull(upper.at - offset)
    const known = transport.unreachable(error, packet, source, destination)
    packet.push(upper.at - offset)
    return known !== false
  }

  /**
   * Nobody on the link answers for the next hop of `packet`, which begins with its IPv6 header. Our transport is told; a
   * packet of another node is answered with Address Unreachable (RFC 4861 §7.2.2). Borrows the packet.
   */
  unresolved(packet: NetBuf): void {
    const { dv, offset: at, length } = packet
    if (length < IPV6.size) return
    packet.network = at
    const zoned = (address: Address): Address => (isLinkLocal(address) ? withZone(address, packet.iface?.index ?? 0) : address)
    const source = zoned(readAddress(dv, at + IPV6.source, 6))
    if (!this.#layer.owns(source)) return this.send(packet, icmpTypes.destinationUnreachable, unreachableCodes.address, 0)
    const upper = upperLayer(dv, at, at + length)
    const transport = upper && this.#transport(upper.protocol)
    if (upper === undefined || transport?.unreachable === undefined) return
    const destination = zoned(readAddress(dv, at + IPV6.destination, 6))
    const error: IcmpError = { code: 'EHOSTUNREACH', message: 'address unreachable', from: source, mtu: undefined, hard: false }
    packet.pull(upper.at - at)
    transport.unreachable(error, packet, source, destination)
    packet.push(upper.at - at)
  }
}
