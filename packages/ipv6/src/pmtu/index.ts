/**
 * Path MTU discovery, RFC 8201: what routers on the way say of links that carry less than ours.
 *
 * @packageDocumentation
 */

import type { Ip, Netif } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import type { Ipv6 } from '../ipv6.ts'
import { ipv6PmtuOptions } from '../options.ts'
import { PathMtuDiscovery, type Ipv6Pmtu } from './discovery.ts'

export { PathMtuDiscovery, type Ipv6Pmtu, type PathMtuParts } from './discovery.ts'
export { ipv6PmtuOptions } from '../options.ts'

/** Believes Packet Too Big about what we sent. Without it a route's MTU is the link's, and only the transport is told. */
export const ipv6Pmtu = /* @__PURE__ */ feature({
  name: 'ipv6Pmtu',
  symbol: 'CONFIG_NET_IPV6_PMTU',
  options: ipv6PmtuOptions,
  needs: { ipv6: type<Ipv6>(), ip: type<Ip>(), netif: type<Netif>() },
  create(parts, { env, options, onStop }): Ipv6Pmtu {
    const discovery = new PathMtuDiscovery(env, parts, options)
    onStop(() => discovery.stop())
    return discovery
  },
})
