/** Echo requests of ours and the replies to them (RFC 4443 §4): ICMPv6's messages around the waiting of `@favonius/ip`. */

import type { Address, Env, IpInfo, NetBuf, PingOptions, PingResult } from '@favonius/contract'
import { Pings } from '@favonius/ip'
import { address as parse, failure, PROTOCOL_ICMPV6 } from '@favonius/inet'
import type { Drops } from './drops.ts'
import type { Ipv6 } from './ipv6.ts'
import { ICMPV6, icmpTypes } from './wire/icmp.ts'

/** What pings need of the layer. */
type Layer = Pick<Ipv6, 'route' | 'message' | 'sendMessage' | 'isMulticast'>

export class Ipv6Pings {
  readonly #drops: Drops
  readonly #zoneOf: (name: string) => number | undefined
  readonly #pings: Pings

  constructor(env: Env, layer: Layer, drops: Drops, zoneOf: (name: string) => number | undefined) {
    this.#drops = drops
    this.#zoneOf = zoneOf
    this.#pings = new Pings({
      env, layer, protocol: PROTOCOL_ICMPV6,
      request(route, identifier, sequence, size) {
        const packet = layer.message(route, icmpTypes.echoRequest, 0, ICMPV6.body + size)
        if (packet === undefined) return
        const { dv, u8, offset } = packet
        dv.setUint16(offset + ICMPV6.identifier, identifier)
        dv.setUint16(offset + ICMPV6.sequence, sequence)
        for (let i = ICMPV6.body; i < packet.length; i++) u8[offset + i] = i
        layer.sendMessage(packet, route)
      },
    })
  }

  async ping(address: string | Address, options: PingOptions): Promise<PingResult> {
    const to = typeof address === 'string' ? parse(address, this.#zoneOf) : address
    if (to.family !== 6) throw failure('EINVAL', `${to} is no IPv6 address; ping it with stack.ipv4`)
    return this.#pings.ping(to, options)
  }

  /** An echo reply, header first. Takes the reference. */
  reply(packet: NetBuf, ip: IpInfo): void {
    const { dv, offset } = packet
    if (packet.length < ICMPV6.body) return ip.iface.drop(packet, this.#drops.icmpShort)
    if (!this.#pings.reply(dv.getUint16(offset + ICMPV6.identifier), dv.getUint16(offset + ICMPV6.sequence), ip.source)) {
      return ip.iface.drop(packet, this.#drops.icmpReply)
    }
    packet.unref()
  }

  /**
   * An error quotes a message to `destination`. False when it is a request that we did not send, or too little to tell (RFC 4443 §2.4 c:
   * much more is quoted); of others we do not know. Borrows it.
   */
  unreachable(quoted: NetBuf, destination: Address): boolean | undefined {
    const { dv, offset } = quoted
    if (quoted.length < ICMPV6.body) return false
    if (dv.getUint8(offset + ICMPV6.type) !== icmpTypes.echoRequest) return undefined
    return this.#pings.unreachable(dv.getUint16(offset + ICMPV6.identifier), dv.getUint16(offset + ICMPV6.sequence), destination)
  }

  stop(): void {
    this.#pings.stop()
  }
}
