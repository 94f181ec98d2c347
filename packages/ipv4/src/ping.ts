/** Echo requests of ours and the replies to them (RFC 792, RFC 1122 §3.2.2.6): IPv4's messages around the waiting of `@favonius/ip`. */

import type { Address, BufferPool, Env, IpInfo, NetBuf, NetworkLayer, PingOptions, PingResult } from '@favonius/contract'
import { Pings } from '@favonius/ip'
import { address as parse, failure, PROTOCOL_ICMP, unmapped } from '@favonius/inet'
import type { Counters, Drops } from './drops.ts'
import { message, sendMessage } from './message.ts'
import { ICMP, icmpTypes } from './wire/icmp.ts'

/** What pings are made with. */
export interface PingParts {
  readonly env: Env
  readonly buffers: BufferPool
  readonly layer: Pick<NetworkLayer, 'route' | 'isMulticast'>
  readonly drops: Drops
  readonly counters: Counters
}

export class Ipv4Pings {
  readonly #drops: Drops
  readonly #pings: Pings

  constructor({ env, buffers, layer, drops, counters }: PingParts) {
    this.#drops = drops
    this.#pings = new Pings({
      env, layer, protocol: PROTOCOL_ICMP,
      request(route, identifier, sequence, size) {
        const packet = message(buffers, route, icmpTypes.echoRequest, 0, (identifier << 16) | sequence, size)
        if (packet === undefined) return
        for (let i = ICMP.body; i < packet.length; i++) packet.u8[packet.offset + i] = i
        sendMessage(packet, route, counters)
      },
    })
  }

  async ping(address: string | Address, options: PingOptions): Promise<PingResult> {
    const to = unmapped(typeof address === 'string' ? parse(address) : address)
    if (to.family !== 4) throw failure('EINVAL', `${to} is no IPv4 address; ping it with stack.ipv6`)
    return this.#pings.ping(to, options)
  }

  /** An echo reply, header first. Takes the reference. */
  reply(packet: NetBuf, ip: IpInfo): void {
    const { dv, offset } = packet
    if (!this.#pings.reply(dv.getUint16(offset + ICMP.identifier), dv.getUint16(offset + ICMP.sequence), ip.source)) {
      return ip.iface.drop(packet, this.#drops.icmpReply)
    }
    packet.unref()
  }

  /**
   * An error quotes a message to `destination`. False when it is a request that we did not send, or less than the 64 bits that RFC 792
   * demands; of others we cannot tell. Borrows it.
   */
  unreachable(quoted: NetBuf, destination: Address): boolean | undefined {
    const { dv, offset } = quoted
    if (quoted.length < ICMP.body) return false
    if (dv.getUint8(offset + ICMP.type) !== icmpTypes.echoRequest) return undefined
    return this.#pings.unreachable(dv.getUint16(offset + ICMP.identifier), dv.getUint16(offset + ICMP.sequence), destination)
  }

  stop(): void {
    this.#pings.stop()
  }
}
