/**
 * A preset: the host on an Ethernet. It needs the packages that it names (`@favonius/ethernet`, `ipv6`, `udp`, `sockets`) beside
 * this one; who composes by hand needs none of them.
 *
 * @packageDocumentation
 */

import { ethernet } from '@favonius/ethernet'
import { ipv6 } from '@favonius/ipv6'
import { mld } from '@favonius/ipv6/mld'
import { slaac } from '@favonius/ipv6/slaac'
import { sockets } from '@favonius/sockets'
import { udp } from '@favonius/udp'

/** What departs from the defaults, by feature. */
export interface HostSettings {
  readonly ipv6?: Parameters<typeof ipv6>[0]
  readonly slaac?: Parameters<typeof slaac>[0]
  readonly mld?: Parameters<typeof mld>[0]
  readonly udp?: Parameters<typeof udp>[0]
  readonly sockets?: Parameters<typeof sockets>[0]
}

/**
 * The features of a host that configures itself, as Zephyr has them by default: IPv6 with SLAAC and MLD on, IPv4 off (CONFIG_NET_IPV6 is y with networking, CONFIG_NET_IPV4
 * is not).
 *
 * ```ts
 * const stack = compose(system, ...host({ ipv6: { maxNeighbors: 16 } }))
 * const both = compose(system, ...host(), ipv4())
 * ```
 */
export function host(settings: HostSettings = {}) {
  return [ethernet(), ipv6(settings.ipv6), slaac(settings.slaac), mld(settings.mld), udp(settings.udp), sockets(settings.sockets)] as const
}
