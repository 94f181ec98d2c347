/**
 * Fragmentation and reassembly, RFC 8200 §4.5: packets larger than their way carries whole.
 *
 * @packageDocumentation
 */

import type { Ip, Netif } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import type { Ipv6 } from '../ipv6.ts'
import { ipv6FragmentsOptions } from '../options.ts'
import { Fragmentation, type Ipv6Fragments } from './fragmentation.ts'

export { Fragmentation, type FragmentParts, type Ipv6Fragments } from './fragmentation.ts'
export { ipv6FragmentsOptions } from '../options.ts'

/** Takes and sends fragments. Without it one that arrives is dropped, and what is too large for its way is refused. */
export const ipv6Fragments = /* @__PURE__ */ feature({
  name: 'ipv6Fragments',
  symbol: 'CONFIG_NET_IPV6_FRAGMENT',
  options: ipv6FragmentsOptions,
  needs: { ipv6: type<Ipv6>(), ip: type<Ip>(), netif: type<Netif>() },
  create({ ipv6, netif }, { env, options, onStop }): Ipv6Fragments {
    const fragmentation = new Fragmentation(env, { ipv6, netif }, options)
    onStop(() => fragmentation.stop())
    return fragmentation
  },
})
