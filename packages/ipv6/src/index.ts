/**
 * IPv6 as a host speaks it: the header, ICMPv6, neighbour discovery and duplicate address detection.
 *
 * @packageDocumentation
 */

import { feature } from '@favonius/kconfig'
import { ip } from '@favonius/ip'
import { netif } from '@favonius/netif'
import { dad } from './dad/index.ts'
import { definition } from './definition.ts'
import { nd } from './nd/index.ts'

export * from './face.ts'
export { dad, dadOptions, type Dad } from './dad/index.ts'
export { nd, ndOptions, type Nd, type Neighbor, type NeighborState } from './nd/index.ts'

/** IPv6 with the parts that Zephyr has by default: CONFIG_NET_IPV6, CONFIG_NET_IPV6_ND, CONFIG_NET_IPV6_DAD. */
export const ipv6 = /* @__PURE__ */ feature({ ...definition, selects: [netif(), ip(), nd(), dad()] })
