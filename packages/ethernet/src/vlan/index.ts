/**
 * VLANs, IEEE 802.1Q: several networks on one wire, each an interface of its own.
 *
 * @packageDocumentation
 */

import type { L2 } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import { netif } from '@favonius/netif'
import { vlanOptions } from '../options.ts'
import { VlanLayer, type Vlan } from './layer.ts'

/** Virtual LANs (IEEE 802.1Q): `stack.vlan.add(eth0, 100)` is an interface as any other. */
export const vlan = /* @__PURE__ */ feature({
  name: 'vlan',
  symbol: 'CONFIG_NET_VLAN',
  options: vlanOptions,
  selects: [netif()],
  needs: { ethernet: type<L2>() },
  create({ netif }, { options, onStop }): Vlan {
    const layer = new VlanLayer(netif, options)
    onStop(() => layer.stop())
    return layer
  },
})

export { VlanLayer, type Vlan, type VlanPlace } from './layer.ts'
export { VlanL2 } from './l2.ts'
export { vlanOptions } from '../options.ts'
