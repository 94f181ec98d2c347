/**
 * Ethernet without ARP: all that an IPv6 stack needs.
 *
 * @packageDocumentation
 */

import type { L2 } from '@favonius/contract'
import { feature } from '@favonius/kconfig'
import { netif } from '@favonius/netif'
import { EthernetL2 } from './l2.ts'

/** The Ethernet link layer (RFC 894, RFC 2464), without address resolution for IPv4. */
export const ethernet = /* @__PURE__ */ feature({
  name: 'ethernet',
  symbol: 'CONFIG_NET_L2_ETHERNET',
  selects: [netif()],
  create({ netif }, { onStop }): L2 {
    const l2 = new EthernetL2(netif)
    onStop(netif.registerL2(l2))
    return l2
  },
})
