/**
 * Neighbour discovery, RFC 4861: who is on the link, at which link address, and whether they still answer.
 *
 * @packageDocumentation
 */

import type { Ip, Netif } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import type { Ipv6 } from '../ipv6.ts'
import { NeighborDiscovery } from './discovery.ts'
import type { Nd } from './nd.ts'
import { ndOptions } from '../options.ts'

export { NeighborCache, type Neighbor, type NeighborInput, type NeighborOutput, type NeighborTimes, type ResolutionFailure } from './cache.ts'
export { NeighborDiscovery, type NdParts } from './discovery.ts'
export type { Nd, NdListener, Soliciting, TentativeWatcher } from './nd.ts'
export type { NewTimes } from './times.ts'
export { ndOptions } from '../options.ts'
export {
  DELAY_FIRST_PROBE_TIME, transitions, tries, type NeighborAction, type NeighborEvent, type NeighborState, type Transition,
} from './states.ts'

/** Neighbour discovery, for every medium that has no resolver of its own. */
export const nd = /* @__PURE__ */ feature({
  name: 'nd',
  symbol: 'CONFIG_NET_IPV6_ND',
  options: ndOptions,
  needs: { ipv6: type<Ipv6>(), ip: type<Ip>(), netif: type<Netif>() },
  create(parts, { env, options, onStop }): Nd {
    const discovery = new NeighborDiscovery(env, parts, options)
    onStop(() => discovery.stop())
    return discovery
  },
})
