/**
 * Ethernet, with ARP for IPv4. `@favonius/ethernet/bare` is Ethernet alone.
 *
 * @packageDocumentation
 */

import type { L2 } from '@favonius/contract'
import { feature } from '@favonius/kconfig'
import { netif } from '@favonius/netif'
import { arp } from './arp/feature.ts'
import { EthernetL2 } from './l2.ts'

/** The Ethernet link layer, with ARP as Zephyr has it (`CONFIG_NET_ARP`, default y). ARP is silent until an interface has an IPv4 address. */
export const ethernet = /* @__PURE__ */ feature({
  name: 'ethernet',
  symbol: 'CONFIG_NET_L2_ETHERNET',
  selects: [netif(), arp()],
  create({ netif }, { onStop }): L2 {
    const l2 = new EthernetL2(netif)
    onStop(netif.registerL2(l2))
    return l2
  },
})

export { arp } from './arp/feature.ts'
export type { Arp, ArpNeighbor, ArpParts, ArpWatcher } from './arp/table.ts'
export { arpOptions } from './options.ts'
export { EthernetL2 } from './l2.ts'
export { ArpTable } from './arp/table.ts'
