/** Path MTU discovery. Read RFC 1191 §3 to §6 before changing this file: every rule is there because someone lies. */

import type { Env, Ip, IpInfo, NetBuf, Netif } from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import { IPV4, MutableAddress } from '@favonius/inet'
import { PathMtuCache, type PathMtuEntry } from '@favonius/ip'
import type { Ipv4 } from '../ipv4.ts'
import type { ipv4PmtuOptions } from '../options.ts'
import { DONT_FRAGMENT } from '../wire/header.ts'
import { ICMP, icmpTypes, nextHopMtu, unreachableCodes } from '../wire/icmp.ts'

/** What path MTU discovery stands on. */
export interface PathMtuParts {
  readonly ipv4: Ipv4
  readonly ip: Ip
  readonly netif: Netif
}

/** `stack.ipv4Pmtu`. */
export interface Ipv4Pmtu {
  /** Destinations whose path carries less than the link, the one lowered longest ago first. */
  readonly paths: readonly PathMtuEntry[]
}

/** Learns path MTUs and bounds routes by them. `ipv4Pmtu()` makes one. */
export class PathMtuDiscovery implements Ipv4Pmtu {
  readonly #cache: PathMtuCache
  readonly #minimum: number
  readonly #drops
  readonly #destination = new MutableAddress(4, 0, 0, 0xffff, 0)
  readonly #withdraw: (() => void)[]

  constructor(env: Env, { ipv4, ip, netif }: PathMtuParts, settings: Settings<typeof ipv4PmtuOptions>) {
    this.#cache = new PathMtuCache(env.clock, settings, () => ip.changed())
    this.#minimum = settings.minimum
    this.#drops = netif.reasons({
      fits: ['icmpv4: fragmentation needed, but it is not', 'icmp.drop'],
    })
    this.#withdraw = [
      ipv4.registerPathMtu(this.#cache.mtu),
      ipv4.registerIcmp(icmpTypes.destinationUnreachable, this.#receive),
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
    if (dv.getUint8(offset + ICMP.code) !== unreachableCodes.fragmentationNeeded) return packet.unref()
    const quoted = offset + ICMP.body
    const length = dv.getUint16(quoted + IPV4.totalLength)
    const mtu = nextHopMtu(dv, offset, length)
    // What may be fragmented is never too long; and what fits was not too long.
    const forbidden = (dv.getUint16(quoted + IPV4.fragment) & DONT_FRAGMENT) !== 0
    if (!forbidden || length <= mtu) return iface.drop(packet, this.#drops.fits)
    this.#cache.lower(this.#destination.set4(dv, quoted + IPV4.destination), Math.max(mtu, this.#minimum))
    packet.unref()
  }
}
