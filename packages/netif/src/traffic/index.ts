/**
 * Traffic classes, IEEE 802.1Q: packets of a higher priority overtake those that wait.
 *
 * @packageDocumentation
 */

import { feature } from '@favonius/kconfig'
import { netif } from '../feature.ts'
import { trafficClassesOptions } from '../options.ts'
import { TrafficClassesLayer, type TrafficClasses } from './layer.ts'

/**
 * Queues for each class of priority: of every interface on the way down, and of the stack on the way up. Without it an interface has
 * one queue, and what arrives goes up as it comes.
 */
export const trafficClasses = /* @__PURE__ */ feature({
  name: 'trafficClasses',
  symbol: 'CONFIG_NET_TC',
  options: trafficClassesOptions,
  selects: [netif()],
  create({ netif }, { env, options, onStop }): TrafficClasses {
    const layer = new TrafficClassesLayer(env, netif, options)
    onStop(() => layer.stop())
    return layer
  },
})

export { TrafficClassesLayer, type TrafficClasses, type TrafficStatistics } from './layer.ts'
export { type Classes, type ClassStatistics } from './classes.ts'
export { trafficClassesOptions } from '../options.ts'
