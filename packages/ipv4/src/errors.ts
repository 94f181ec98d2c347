/** ICMP errors, both ways. Read RFC 1122 §3.2.2 before changing this file. */

import type { Address, BufferPool, Clock, IcmpError, IpInfo, NetBuf, NetworkLayer, Transport } from '@favonius/contract'
import { copyAddress, IPV4, isLinkLocal, isLoopback, isMulticast, isUnspecified, PROTOCOL_ICMP, readAddress } from '@favonius/inet'
import type { Addresses } from './addresses.ts'
import { TokenBucket } from '@favonius/ip'
import type { Counters } from './drops.ts'
import { message, sendMessage } from './message.ts'
import { ALWAYS_ACCEPTED, headerSize, MINIMUM_MTU, OFFSET_BITS } from './wire/header.ts'
import { ICMP, icmpTypes, isQuery, meaningOf, nextHopMtu, unreachableCodes } from './wire/icmp.ts'

/** What errors are made with. */
export interface ErrorParts {
  readonly clock: Clock
  readonly buffers: BufferPool
  readonly layer: Pick<NetworkLayer, 'route' | 'owns'>
  readonly addresses: Addresses
  readonly counters: Counters
  transport(protocol: number): Transport | undefined
  /** Errors per second, and at once. */
  readonly rate: number
  readonly burst: number
}

export class Errors {
  readonly #parts: ErrorParts
  readonly #bucket: TokenBucket

  constructor(parts: ErrorParts) {
    this.#parts = parts
    this.#bucket = new TokenBucket(parts.clock, parts.rate, parts.burst)
  }

  // ---- sending ----

  /**
   * Sends an error about `packet`, whose IPv4 header is at `packet.network`, where RFC 1122 §3.2.2 allows it. `word` is what
   * stands after the checksum: pointer or MTU. Borrows the packet.
   */
  send(packet: NetBuf, type: number, code: number, word: number): void {
    const { network: at } = packet
    if (at < 0 || at > packet.offset) return
    // Headers that were pulled are data again until the error is made.
    const pulled = packet.offset - at
    packet.push(pulled)
    this.#send(packet, type, code, word)
    packet.pull(pulled)
  }

  #send(packet: NetBuf, type: number, code: number, word: number): void {
    const { dv, offset: at, iface } = packet
    const { addresses, layer, counters, buffers } = this.#parts
    const source = readAddress(dv, at + IPV4.source, 4)
    const destination = readAddress(dv, at + IPV4.destination, 4)
    if (iface === undefined || !this.#allowed(packet, source, destination)) return
    const route = layer.route(source, {
      protocol: PROTOCOL_ICMP,
      // From the address that was asked, so that the sender knows its packet again (RFC 1122 §3.2.2).
      source: addresses.owner(destination) ? destination : undefined,
      iface: isLinkLocal(source) ? iface : undefined,
    })
    if (route === undefined) return
    if (!this.#bucket.take()) return iface.count(counters.icmpLimited)
    // As much as fits what every host accepts (RFC 1812 §4.3.2.3).
    const quoted = Math.min(packet.total(), ALWAYS_ACCEPTED - IPV4.size - ICMP.body)
    const error = message(buffers, route, type, code, word, quoted)
    if (error === undefined) return
    const body = error.offset + ICMP.body
    packet.copyTo(error.u8.subarray(body, body + quoted))
    sendMessage(error, route, counters)
  }

  /** RFC 1122 §3.2.2: never about an error, a broadcast, a fragment but the first, or to who is not one host. */
  #allowed(packet: NetBuf, source: Address, destination: Address): boolean {
    const { dv, offset: at, cast, link, iface } = packet
    const { addresses } = this.#parts
    if (cast === 1 || cast === 2 || isMulticast(destination) || addresses.isBroadcast(destination, iface!)) return false
    if (isUnspecified(source) || isMulticast(source) || source.w3 >>> 28 === 15 || addresses.isBroadcast(source, iface!)) return false
    if (isLoopback(source) && link >= 0 && iface!.medium !== 'loopback') return false
    if ((dv.getUint16(at + IPV4.fragment) & OFFSET_BITS) !== 0) return false
    if (dv.getUint8(at + IPV4.protocol) !== PROTOCOL_ICMP) return true
    const size = headerSize(dv, at)
    return packet.length > size && isQuery(dv.getUint8(at + size))
  }

  // ---- receiving ----

  /**
   * An error message, header first, whose checksum is right: told to the transport that sent what it quotes. False when it
   * quotes nothing that we sent, as far as we or the transport know, or too little to tell. Borrows the packet.
   */
  receive(packet: NetBuf, ip: IpInfo): boolean {
    const { dv, offset, length } = packet
    const at = offset + ICMP.body
    const end = offset + length
    if (end - at < IPV4.size || dv.getUint8(at) >>> 4 !== 4) return false
    const type = dv.getUint8(offset + ICMP.type)
    const code = dv.getUint8(offset + ICMP.code)
    const meaning = meaningOf(type, code)
    if (meaning === undefined) return false
    const tooLong = type === icmpTypes.destinationUnreachable && code === unreachableCodes.fragmentationNeeded
    const mtu = tooLong ? Math.max(nextHopMtu(dv, offset, dv.getUint16(at + IPV4.totalLength)), MINIMUM_MTU) : undefined
    return this.#tell(packet, at, end, { ...meaning, from: copyAddress(ip.source), mtu })
  }

  /**
   * A packet, IPv4 header first, that its next hop's resolver gave up. Our transport is told; a packet of another host is answered with
   * Host Unreachable (RFC 1812 §5.2.7.1). Borrows the packet.
   */
  unresolved(packet: NetBuf, nextHop: Address): void {
    const { dv, offset: at } = packet
    if (packet.length < IPV4.size) return
    const from = readAddress(dv, at + IPV4.source, 4)
    if (!this.#parts.layer.owns(from)) {
      packet.network = at
      return this.send(packet, icmpTypes.destinationUnreachable, unreachableCodes.host, 0)
    }
    const message = `${nextHop} does not answer on its link`
    this.#tell(packet, at, at + packet.length, { code: 'EHOSTUNREACH', message, from, mtu: undefined, hard: false })
  }

  /** Tells the transport of the packet whose header is at `at` and whose bytes end at `end`. False when it is none of ours. */
  #tell(packet: NetBuf, at: number, end: number, error: IcmpError): boolean {
    const { dv } = packet
    const size = headerSize(dv, at)
    if (size < IPV4.size || size > end - at) return false
    if ((dv.getUint16(at + IPV4.fragment) & OFFSET_BITS) !== 0) return false
    const source = readAddress(dv, at + IPV4.source, 4)
    if (!this.#parts.layer.owns(source)) return false
    const transport = this.#parts.transport(dv.getUint8(at + IPV4.protocol))
    if (transport?.unreachable === undefined) return true
    const moved = at + size - packet.offset
    packet.pull(moved)
    const known = transport.unreachable(error, packet, source, readAddress(dv, at + IPV4.destination, 4))
    packet.push(moved)
    return known !== false
  }
}
