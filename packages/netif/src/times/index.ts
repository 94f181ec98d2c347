/**
 * Packet processing times: how long packets take between drivers and applications, as Zephyr's statistics have them.
 *
 * @packageDocumentation
 */

import { feature, type } from '@favonius/kconfig'
import { netif } from '../feature.ts'
import { packetTimesOptions } from '../options.ts'
import type { TrafficClasses } from '../traffic/layer.ts'
import { PacketTimesLayer, type PacketTimes } from './layer.ts'

/** Takes the times of packets, of all together and by traffic class where those are composed. */
export const packetTimes = /* @__PURE__ */ feature({
  name: 'packetTimes',
  symbol: 'CONFIG_NET_PKT_TIMESTAMP',
  options: packetTimesOptions,
  selects: [netif()],
  implies: { trafficClasses: type<TrafficClasses>() },
  create({ netif, trafficClasses }, { env, options, onStop }): PacketTimes {
    const layer = new PacketTimesLayer(env, netif, options, trafficClasses)
    onStop(() => layer.stop())
    return layer
  },
})

export { PacketTimesLayer, type DirectionTimes, type PacketTime, type PacketTimes, type PacketTimesStatistics, type TimeSum } from './layer.ts'
export { show } from './show.ts'
export { packetTimesOptions } from '../options.ts'
