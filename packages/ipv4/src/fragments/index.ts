/**
 * Fragmentation and reassembly, RFC 791 §3.2: packets larger than their way carries whole.
 *
 * @packageDocumentation
 */

import type { Ip, Netif } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import type { Ipv4 } from '../ipv4.ts'
import { ipv4FragmentsOptions } from '../options.ts'
import { Fragmentation, type Ipv4Fragments } from './fragmentation.ts'

export { Fragmentation, type FragmentParts, type Ipv4Fragments } from './fragmentation.ts'
export { ipv4FragmentsOptions } from '../options.ts'

/** Takes and sends fragments. Without it one that arrives is dropped, and what is too large for its way is refused. */
export const ipv4Fragments = /* @__PURE__ */ feature({
  name: 'ipv4Fragments',
  symbol: 'CONFIG_NET_IPV4_FRAGMENT',
  options: ipv4FragmentsOptions,
  needs: { ipv4: type<Ipv4>(), ip: type<Ip>(), netif: type<Netif>() },
  create({ ipv4, netif }, { env, options, onStop }): Ipv4Fragments {
    const fragmentation = new Fragmentation(env, { ipv4, netif }, options)
    onStop(() => fragmentation.stop())
    return fragmentation
  },
})
