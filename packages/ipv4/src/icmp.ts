import type { Address, BufferPool, IcmpError, IpInfo, NetBuf, NetworkLayer, Transport } from '@favonius/contract'
import { isLinkLocal, PROTOCOL_ICMP } from '@favonius/inet'
import type { Counters, Drops } from './drops.ts'
import type { Errors } from './errors.ts'
import { message, sendMessage } from './message.ts'
import type { Ipv4Pings } from './ping.ts'
import { ICMP, icmpTypes } from './wire/icmp.ts'

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

  constructor(parts: IcmpParts) {
    this.#parts = parts
  }

  /** A message, header first. Takes the reference. */
  receive(packet: NetBuf, ip: IpInfo): void {
    const { drops, counters, errors, pings } = this.#parts
    const { iface } = ip
    iface.count(counters.icmpReceived)
    if (packet.length < ICMP.body) return iface.drop(packet, drops.icmpShort)
    // State 0 is the only one in which nobody vouches for it.
    if (packet.checksum === 0 && packet.sum(packet.offset) !== 0xffff) return iface.drop(packet, drops.icmpChecksum)
    switch (packet.dv.getUint8(packet.offset + ICMP.type)) {
      case icmpTypes.echoRequest: return this.#echo(packet, ip)
      case icmpTypes.echoReply: return pings.reply(packet, ip)
      case icmpTypes.destinationUnreachable: case icmpTypes.timeExceeded: case icmpTypes.parameterProblem:
        return errors.receive(packet, ip) ? packet.unref() : iface.drop(packet, drops.icmpQuote)
      default: return iface.drop(packet, drops.icmpType)
    }
  }

  /** An error about a message of ours: only echo requests are waited for. */
  unreachable(_error: IcmpError, quoted: NetBuf, _source: Address, destination: Address): void {
    this.#parts.pings.unreachable(quoted, destination)
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
