/**
 * Router discovery as routers do it, RFC 4861 §6.2: prefixes, routes (RFC 4191) and name servers (RFC 8106) for the hosts of a link.
 *
 * @packageDocumentation
 */

import type { Netif } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import type { Ipv6 } from '../ipv6.ts'
import type { Nd } from '../nd/nd.ts'
import { Advertiser, type Advertising } from './advertiser.ts'

export { Advertiser, type AdvertisedContext, type AdvertisedPrefix, type AdvertisedRoute, type AdvertiserParts, type Advertising, type AdvertisingOptions } from './advertiser.ts'
export { Schedule, type ScheduleInput } from './schedule.ts'

/** Advertises us as a router, on the links for which `stack.advertising.begin` is called. Not in Zephyr. */
export const advertising = /* @__PURE__ */ feature({
  name: 'advertising',
  symbol: 'CONFIG_NET_IPV6_RA',
  needs: { ipv6: type<Ipv6>(), nd: type<Nd>(), netif: type<Netif>() },
  create(parts, { env, onStop }): Advertising {
    const advertiser = new Advertiser(env, parts)
    onStop(() => advertiser.stop())
    return advertiser
  },
})
