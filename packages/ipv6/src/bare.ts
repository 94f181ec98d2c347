/**
 * IPv6 and ICMPv6 alone: no neighbour discovery, no duplicate address detection. For links that have one peer, and for
 * those who resolve addresses otherwise.
 *
 * @packageDocumentation
 */

import { feature } from '@favonius/kconfig'
import { ip } from '@favonius/ip'
import { netif } from '@favonius/netif'
import { definition } from './definition.ts'

export * from './face.ts'

/** IPv6 (RFC 8200) and ICMPv6 (RFC 4443), CONFIG_NET_IPV6 with every part of it set to n. */
export const ipv6 = /* @__PURE__ */ feature({ ...definition, selects: [netif(), ip()] })
