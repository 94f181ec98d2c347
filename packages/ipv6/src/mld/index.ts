/**
 * Multicast listener discovery, RFC 3810: routers, and switches that listen, are told of the groups that we are in. Where the querier speaks version 1,
 * so do we (RFC 2710).
 *
 * @packageDocumentation
 */

import type { Netif } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import type { Ipv6 } from '../ipv6.ts'
import { mldOptions } from '../options.ts'
import { Membership, type Mld } from './membership.ts'

export { Listener, type ListenerInput, type ListenerOutput } from './listener.ts'
export { Membership, type Mld, type MldParts } from './membership.ts'
export { mldOptions } from '../options.ts'

/** Reports groups. Without it nobody but the link knows of them. */
export const mld = /* @__PURE__ */ feature({
  name: 'mld',
  symbol: 'CONFIG_NET_IPV6_MLD',
  options: mldOptions,
  needs: { ipv6: type<Ipv6>(), netif: type<Netif>() },
  create(parts, { env, options, onStop }): Mld {
    const membership = new Membership(env, parts, options)
    onStop(() => membership.stop())
    return membership
  },
})
