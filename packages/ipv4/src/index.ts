/**
 * IPv4 (RFC 791) and ICMP (RFC 792), with the rules for hosts of RFC 1122.
 *
 * @packageDocumentation
 */

import { feature } from '@favonius/kconfig'
import { ip } from '@favonius/ip'
import { netif } from '@favonius/netif'
import type { Ipv4 } from './ipv4.ts'
import { Ipv4Layer } from './layer.ts'
import { ipv4Options } from './options.ts'

export type { ForwardHandler, FragmentHandler, FragmentRoute, IcmpHandler, Ipv4, NewAddress, OversizeHandler, PathMtu } from './ipv4.ts'
export { Ipv4Layer } from './layer.ts'
export { ipv4Options } from './options.ts'
export { readHeader, show, writeHeader, type Ipv4Header } from './wire/header.ts'
export { ICMP, icmpTypes, readIcmp, showIcmp, unreachableCodes, type IcmpMessage } from './wire/icmp.ts'

/** IPv4 for every interface that can carry it. */
export const ipv4 = /* @__PURE__ */ feature({
  name: 'ipv4',
  symbol: 'CONFIG_NET_IPV4',
  options: ipv4Options,
  selects: [netif(), ip()],
  create({ netif, ip }, { env, options, onStop }): Ipv4 {
    const layer = new Ipv4Layer(netif, ip, env, options)
    onStop(() => layer.stop())
    return layer
  },
})
