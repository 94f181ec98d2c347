import type { Address, IcmpError, IpInfo, NetBuf, Transport } from '@favonius/contract'
import { finish, fold, PROTOCOL_ICMPV6 } from '@favonius/inet'
import { claim } from '@favonius/ip'
import type { Counters, Drops } from './drops.ts'
import type { Errors } from './errors.ts'
import type { IcmpHandler, Ipv6 } from './ipv6.ts'
import type { Ipv6Pings } from './ping.ts'
import { ICMPV6, icmpTypes, isError } from './wire/icmp.ts'

/** What ICMPv6 needs of the layer. */
type Layer = Pick<Ipv6, 'route' | 'message' | 'sendMessage'>

/** ICMPv6, RFC 4443: checks messages and hands them to who takes their type. */
export class Icmp implements Transport {
  readonly #layer: Layer
  readonly #errors: Errors
  readonly #pings: Ipv6Pings
  readonly #drops: Drops
  readonly #counters: Counters
  readonly #handlers = new Map<number, IcmpHandler>()

  constructor(layer: Layer, errors: Errors, pings: Ipv6Pings, drops: Drops, counters: Counters) {
    this.#layer = layer
    this.#errors = errors
    this.#pings = pings
    this.#drops = drops
    this.#counters = counters
    this.#handlers.set(icmpTypes.echoRequest, (packet, ip) => this.#echo(packet, ip))
    this.#handlers.set(icmpTypes.echoReply, (packet, ip) => this.#pings.reply(packet, ip))
  }

  register(type: number, handler: IcmpHandler): () => void {
    return claim(this.#handlers, type, handler, 'ICMPv6 type')
  }

  /** A message, header first. Takes the reference. */
  receive(packet: NetBuf, ip: IpInfo): void {
    const { iface } = ip
    iface.count(this.#counters.icmpReceived)
    if (packet.length < ICMPV6.size) return iface.drop(packet, this.#drops.icmpShort)
    // RFC 4443 §2.3. State 0 is the only one in which nobody vouches for it.
    if (packet.checksum === 0 && packet.sum(packet.offset, fold(ip.pseudo + lengthSum(packet.total()))) !== 0xffff) {
      return iface.drop(packet, this.#drops.icmpChecksum)
    }
    const type = packet.dv.getUint8(packet.offset + ICMPV6.type)
    const handler = this.#handlers.get(type)
    if (isError(type)) {
      if (!this.#errors.receive(packet, ip)) return iface.drop(packet, this.#drops.icmpQuote)
      if (handler === undefined) return packet.unref()
    } else if (handler === undefined) return iface.drop(packet, this.#drops.icmpType)
    handler(packet, ip)
  }

  /** An error about a message of ours: only echo requests are waited for. */
  unreachable(_error: IcmpError, quoted: NetBuf, _source: Address, destination: Address): boolean | undefined {
    return this.#pings.unreachable(quoted, destination)
  }

  /** RFC 4443 §4.2: from the address that was asked, or for a group from one of ours. */
  #echo(packet: NetBuf, ip: IpInfo): void {
    const { iface } = ip
    if (packet.length < ICMPV6.body) return iface.drop(packet, this.#drops.icmpShort)
    const route = this.#layer.route(ip.source, {
      protocol: PROTOCOL_ICMPV6,
      iface: ip.source.zone !== 0 ? iface : undefined,
      source: ip.multicast ? undefined : ip.destination,
      trafficClass: ip.trafficClass,
    })
    if (route === undefined) return iface.drop(packet, this.#drops.icmpNoReply)
    if (packet.references === 1 && packet.headroom() >= route.headroom) {
      // Nobody else holds it: the request becomes the reply.
      packet.dv.setUint8(packet.offset + ICMPV6.type, icmpTypes.echoReply)
      packet.link = -1
      packet.cast = 0
      packet.segmentSize = 0
      this.#layer.sendMessage(packet, route)
      return
    }
    const reply = this.#layer.message(route, icmpTypes.echoReply, 0, packet.total())
    if (reply === undefined) return iface.drop(packet, this.#drops.icmpNoReply)
    packet.copyTo(reply.u8.subarray(reply.offset + ICMPV6.word, reply.offset + reply.length), ICMPV6.word)
    packet.unref()
    this.#layer.sendMessage(reply, route)
  }
}

/** Writes the checksum of the message that `packet` begins with (RFC 4443 §2.3); `pseudo` is `Route.pseudo`. */
export function writeChecksum(packet: NetBuf, pseudo: number): void {
  const at = packet.offset + ICMPV6.checksum
  packet.dv.setUint16(at, 0)
  packet.dv.setUint16(at, finish(packet.sum(packet.offset, fold(pseudo + lengthSum(packet.total())))))
  packet.checksum = 0
}

/** A 32-bit length as it counts in a pseudo-header's sum (RFC 8200 §8.1). */
const lengthSum = (length: number): number => (length >>> 16) + (length & 0xffff)
