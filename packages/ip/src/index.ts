/**
 * What IPv4 and IPv6 share: the route table, and who takes packets of which protocol. A hidden symbol: either family
 * selects it.
 *
 * @packageDocumentation
 */

import type { Ip } from '@favonius/contract'
import { feature } from '@favonius/kconfig'
import { netif } from '@favonius/netif'
import { IpLayer } from './layer.ts'
import { ipOptions } from './options.ts'

export { IpLayer } from './layer.ts'
export { TokenBucket } from './bucket.ts'
export { claim } from './claim.ts'
export { Pings, type PingParts } from './ping.ts'
export { Reassembly, reassemblyDrops, type ReassemblyDrops, type ReassemblyLimits } from './reassembly.ts'
export { type Datagram } from './datagram.ts'
export { cut, sendAll } from './cut.ts'
export { Hops, type Hop } from './hops.ts'
export { headersOf, segments } from './segments.ts'
export { PathMtuCache, type PathMtuEntry, type PathMtuLimits } from './pathmtu.ts'
export { ipOptions } from './options.ts'
export type { NewRoute } from './routes.ts'

/** Routes, transports and network layers of a stack. Compose it only to give it settings. */
export const ip = /* @__PURE__ */ feature({
  name: 'ip',
  symbol: 'CONFIG_NET_IP',
  options: ipOptions,
  selects: [netif()],
  create({ netif }, { options, onStop }): Ip {
    const layer = new IpLayer(netif, options)
    onStop(() => layer.stop())
    return layer
  },
})
