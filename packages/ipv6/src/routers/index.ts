/**
 * Router discovery as hosts do it, RFC 4861 §6.3: default routers with their preferences (RFC 4191), what is on the link, what routers say of it,
 * and the name servers that they know (RFC 8106).
 *
 * @packageDocumentation
 */

import type { Ip, Netif } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import type { Ipv6 } from '../ipv6.ts'
import type { Nd } from '../nd/nd.ts'
import { routersOptions } from '../options.ts'
import { RouterDiscovery } from './discovery.ts'
import type { Routers } from './routers.ts'

export { RouterDiscovery, type RouterDiscoveryParts } from './discovery.ts'
export type { DefaultRouter, LearnedRoute, NameServer, Routers, RoutersEvent, SearchDomain } from './routers.ts'
export { Solicitations, type SolicitationInput } from './solicitations.ts'
export { routersOptions } from '../options.ts'

/** Finds routers and uses them. Without it gateways are set by hand. */
export const routers = /* @__PURE__ */ feature({
  name: 'routers',
  symbol: 'CONFIG_NET_IPV6_ND',
  options: routersOptions,
  needs: { ipv6: type<Ipv6>(), nd: type<Nd>(), ip: type<Ip>(), netif: type<Netif>() },
  create(parts, { env, options, onStop }): Routers {
    const discovery = new RouterDiscovery(env, parts, options)
    onStop(() => discovery.stop())
    return discovery
  },
})
