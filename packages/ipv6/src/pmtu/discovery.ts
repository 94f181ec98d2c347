/** Path MTU discovery. Read RFC 8201 §4 before changing this file: every rule is there because someone lies. */

import type { Env, Ip, IpInfo, NetBuf, Netif } from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import { IPV6, isLinkLocal, MutableAddress } from '@favonius/inet'
import { PathMtuCache, type PathMtuEntry } from '@favonius/ip'
import type { Ipv6 } from '../ipv6.ts'
import type { ipv6PmtuOptions } from '../options.ts'
import { MINIMUM_MTU } from '../wire/header.ts'
import { ICMPV6, icmpTypes } from '../wire/icmp.ts'

/** What path MTU discovery stands on. */
export interface PathMtuParts {
  readonly ipv6: Ipv6
  readonly ip: Ip
  readonly netif: Netif
}

/** `stack.ipv6Pmtu`. */
export interface Ipv6Pmtu {
  /** Destinations whose path carries less than the link, the one lowered longest ago first. */
  readonly paths: readonly PathMtuEntry[]
}

/** Learns path MTUs and bounds routes by them. `ipv6Pmtu()` makes one. */
export class PathMtuDiscovery implements Ipv6Pmtu {
  readonly #cache: PathMtuCache
  readonly #drops
  readonly #destination = new MutableAddress()
  readonly #withdraw: (() => void)[]

  constructor(env: Env, { ipv6, ip, netif }: PathMtuParts, limits: Settings<typeof ipv6PmtuOptions>) {
    this.#cache = new PathMtuCache(env.clock, limits, () => ip.changed())
    this.#drops = netif.reasons({
      below: ['icmpv6: packet too big for less than 1280', 'icmp.drop'],
      fits: ['icmpv6: packet too big, but it is not', 'icmp.drop'],
    })
    this.#withdraw = [
      ipv6.registerPathMtu(this.#cache.mtu),
      ipv6.registerIcmp(icmpTypes.packetTooBig, this.#receive),
    ]
  }

  get paths(): readonly PathMtuEntry[] {
    return this.#cache.entries
  }

  stop(): void {
    for (const withdraw of this.#withdraw) withdraw()
    this.#cache.stop()
  }

  /** An `IcmpHandler`: what is quoted is from an address of ours, has a whole header, and its transport has not disowned it. */
  readonly #receive = (packet: NetBuf, { iface }: IpInfo): void => {
    const { dv, offset } = packet
    const mtu = dv.getUint32(offset + ICMPV6.word)
    const quoted = offset + ICMPV6.body
    // RFC 8201 §4: there is no such link, so nobody can have said so.
    if (mtu < MINIMUM_MTU) return iface.drop(packet, this.#drops.below)
    if (IPV6.size + dv.getUint16(quoted + IPV6.payloadLength) <= mtu) return iface.drop(packet, this.#drops.fits)
    const destination = this.#destination.set6(dv, quoted + IPV6.destination)
    if (isLinkLocal(destination)) destination.zone = iface.index
    this.#cache.lower(destination, mtu)
    packet.unref()
  }
}
