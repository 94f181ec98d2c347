/**
 * Stateless address autoconfiguration, RFC 4862 §5.5: addresses made of the prefixes that routers advertise. Identifiers are made of the link address,
 * or are stable and private (RFC 7217); temporary addresses (RFC 8981) may come beside them.
 *
 * @packageDocumentation
 */

import type { Netif } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import type { Ipv6 } from '../ipv6.ts'
import type { Nd } from '../nd/nd.ts'
import { slaacOptions } from '../options.ts'
import { routers } from '../routers/index.ts'
import { AddressAutoconfiguration, type Slaac } from './autoconfiguration.ts'

export { AddressAutoconfiguration, type Autoconfigured, type Slaac, type SlaacParts } from './autoconfiguration.ts'
export type { Routers } from '../routers/routers.ts'
export { slaacOptions } from '../options.ts'

/** Makes addresses of prefixes; selects `routers()`, which hears of them. */
export const slaac = /* @__PURE__ */ feature({
  name: 'slaac',
  symbol: 'CONFIG_NET_IPV6_ND',
  options: slaacOptions,
  selects: [routers()],
  needs: { ipv6: type<Ipv6>(), nd: type<Nd>(), netif: type<Netif>() },
  create(parts, { env, options, onStop }): Slaac {
    const autoconfiguration = new AddressAutoconfiguration(env, parts, options)
    onStop(() => autoconfiguration.stop())
    return autoconfiguration
  },
})
