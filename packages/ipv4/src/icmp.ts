import type { Address, BufferPool, IcmpError, IpInfo, NetBuf, NetworkLayer, Transport } from '@favonius/contract'
import { isLinkLocal, PROTOCOL_ICMP } from '@favonius/inet'
import { claim } from '@favonius/ip'
import type { Counters, Drops } from './drops.ts'
import type { Errors } from './errors.ts'
import type { IcmpHandler } from './ipv4.ts'
import { message, sendMessage } from './message.ts'
import type { Ipv4Pings } from './ping.ts'
import { ICMP, icmpTypes, isError } from './wire/icmp.ts'

/** What ICMP is made with. */
export interface IcmpParts {
  readonly buffers: BufferPool
  readonly layer: Pick<NetworkLayer, 'route'>
  readonly errors: Errors
  readonly pings: Ipv4Pings
  readonly drops: Drops
  readonly counters: Counters
  /** Answer what everyone was asked. */
  readonly acceptBroadcastPing: boolean
}

/** ICMP, RFC 792: the transport of protocol 1. Redirects are not followed: a host that does can be led anywhere. */
export class Icmp implements Transport {
  readonly #parts: IcmpParts
  readonly #handlers = new Map<number, IcmpHandler>()

  constructor(parts: IcmpParts) {
    this.#parts = parts
    this.#handlers.set(icmpTypes.echoRequest, (packet, ip) => this.#echo(packet, ip))
    this.#handlers.set(icmpTypes.echoReply, (packet, ip) => parts.pings.reply(packet, ip))
  }

  register(type: number, handler: IcmpHandler): () => void {
    return claim(this.#handlers, type, handler, 'ICMP type')
  }

  /** A message, header first. Takes the reference. */
  receive(packet: NetBuf, ip: IpInfo): void {
    const { drops, counters, errors } = this.#parts
    const { iface } = ip
    if (ip.layer.family !== 4) {
      // Nothing of IPv6 follows next header 1.
      ip.layer.refuse(packet, ip, 'protocol')
      return iface.drop(packet, drops.protocol)
    }
    iface.count(counters.icmpReceived)
    if (packet.length < ICMP.body) return iface.drop(packet, drops.icmpShort)
    // State 0 is the only one in which nobody vouches for it.
    if (packet.checksum === 0 && packet.sum(packet.offset) !== 0xffff) return iface.drop(packet, drops.icmpChecksum)
    const type = packet.dv.getUint8(packet.offset + ICMP.type)
    const handler = this.#handlers.get(type)
    if (isError(type)) {
      if (!errors.receive(packet, ip)) return iface.drop(packet, drops.icmpQuote)
      if (handler === undefined) return packet.unref()
    } else if (handler === undefined) return iface.drop(packet, drops.icmpType)
    handler(packet, ip)
  }

  /** An error about a message of ours: only echo requests are waited for. */
  unreachable(_error: IcmpError, quoted: NetBuf, _source: Address, destination: Address): boolean | undefined {
    return this.#parts.pings.unreachable(quoted, destination)
  }

  /** RFC 1122 §3.2.2.6: the data comes back, from the address that was asked, with the same type of service. */
  #echo(packet: NetBuf, ip: IpInfo): void {
    const { drops, layer, buffers, counters, acceptBroadcastPing } = this.#parts
    const { iface, source } = ip
    if (ip.multicast && !acceptBroadcastPing) return iface.drop(packet, drops.icmpBroadcast)
    const route = layer.route(source, {
      protocol: PROTOCOL_ICMP,
      iface: isLinkLocal(source) ? iface : undefined,
      source: ip.multicast ? undefined : ip.destination,
      trafficClass: ip.trafficClass,
    })
    if (route === undefined) return iface.drop(packet, drops.icmpNoReply)
    if (packet.references === 1 && packet.headroom() >= route.headroom) {
      // Nobody else holds it: the request becomes the reply.
      packet.dv.setUint16(packet.offset, icmpTypes.echoReply)
      packet.link = -1
      packet.cast = 0
      packet.segmentSize = 0
      sendMessage(packet, route, counters)
      return
    }
    const body = packet.total() - ICMP.body
    const reply = message(buffers, route, icmpTypes.echoReply, 0, packet.dv.getInt32(packet.offset + ICMP.identifier), body)
    if (reply === undefined) return iface.drop(packet, drops.icmpNoReply)
    const at = reply.offset + ICMP.body
    packet.copyTo(reply.u8.subarray(at, at + body), ICMP.body)
    packet.unref()
    sendMessage(reply, route, counters)
  }
}
