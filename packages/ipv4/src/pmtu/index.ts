/**
 * Path MTU discovery, RFC 1191: what routers on the way say of links that carry less than ours.
 *
 * @packageDocumentation
 */

import type { Ip, Netif } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import type { Ipv4 } from '../ipv4.ts'
import { ipv4PmtuOptions } from '../options.ts'
import { PathMtuDiscovery, type Ipv4Pmtu } from './discovery.ts'

export { PathMtuDiscovery, type Ipv4Pmtu, type PathMtuParts } from './discovery.ts'
export { ipv4PmtuOptions } from '../options.ts'

/** Believes Fragmentation Needed about what we sent. Without it a route's MTU is the link's, and only the transport is told. */
export const ipv4Pmtu = /* @__PURE__ */ feature({
  name: 'ipv4Pmtu',
  symbol: 'CONFIG_NET_IPV4_PMTU',
  options: ipv4PmtuOptions,
  needs: { ipv4: type<Ipv4>(), ip: type<Ip>(), netif: type<Netif>() },
  create(parts, { env, options, onStop }): Ipv4Pmtu {
    const discovery = new PathMtuDiscovery(env, parts, options)
    onStop(() => discovery.stop())
    return discovery
  },
})
