/**
 * IPv6 over links whose frames are small: 6LoWPAN, with its fragments (RFC 4944) and compressed headers (RFC 6282).
 *
 * @packageDocumentation
 */

import { feature } from '@favonius/kconfig'
import { netif } from '@favonius/netif'
import { SixlowpanLayer, type Sixlowpan } from './layer.ts'
import { sixlowpanOptions } from './options.ts'

export type { ContextInfo, ContextSettings } from './contexts.ts'
export { SixlowpanLayer, type Sixlowpan } from './layer.ts'
export { sixlowpanOptions } from './options.ts'

/** 6LoWPAN for the links that select it. Compose it only to give it settings. */
export const sixlowpan = /* @__PURE__ */ feature({
  name: 'sixlowpan',
  symbol: 'CONFIG_NET_6LO',
  options: sixlowpanOptions,
  selects: [netif()],
  create({ netif }, { env, options, onStop }): Sixlowpan {
    const layer = new SixlowpanLayer(env, netif, options)
    onStop(() => layer.stop())
    return layer
  },
})
