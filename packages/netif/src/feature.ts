import type { Netif } from '@favonius/contract'
import { feature } from '@favonius/kconfig'
import { netbuf } from '@favonius/netbuf'
import { NetifLayer } from './layer.ts'
import { netifOptions } from './options.ts'

/** The interfaces of a stack. Every link and every network layer selects it. */
export const netif = /* @__PURE__ */ feature({
  name: 'netif',
  symbol: 'CONFIG_NETWORKING',
  options: netifOptions,
  selects: [netbuf()],
  create({ netbuf }, { env, options, onStop }): Netif {
    const layer = new NetifLayer(env, netbuf, options)
    onStop(() => layer.stop())
    return layer
  },
})
