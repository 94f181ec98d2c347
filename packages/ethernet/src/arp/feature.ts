import type { Ip, L2 } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import { netif } from '@favonius/netif'
import { arpOptions } from '../options.ts'
import { ArpTable, type Arp } from './table.ts'

/** ARP (RFC 826): resolves IPv4 next hops on Ethernet. */
export const arp = /* @__PURE__ */ feature({
  name: 'arp',
  symbol: 'CONFIG_NET_ARP',
  options: arpOptions,
  selects: [netif()],
  needs: { ethernet: type<L2>() },
  implies: { ip: type<Ip>() },
  create({ netif, ethernet, ip }, { env, options, onStop }): Arp {
    const table = new ArpTable({ env, netif, l2: ethernet, ip, options })
    onStop(() => table.stop())
    return table
  },
})
