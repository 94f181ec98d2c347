/**
 * Forwarding: what makes a host a router. RFC 8200 for the packets, RFC 4861 §8.2 for redirects.
 *
 * @packageDocumentation
 */

import type { Ip, Netif } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import type { Ipv6 } from '../ipv6.ts'
import type { Nd } from '../nd/nd.ts'
import { ipv6ForwardingOptions } from '../options.ts'
import { Forwarder, type Ipv6Forwarding } from './forwarder.ts'

export { Forwarder, type ForwarderParts, type Ipv6Forwarding } from './forwarder.ts'
export { ipv6ForwardingOptions } from '../options.ts'

/** Passes packets on between interfaces. Without it what is not for us is dropped. */
export const ipv6Forwarding = /* @__PURE__ */ feature({
  name: 'ipv6Forwarding',
  symbol: 'CONFIG_NET_ROUTING',
  options: ipv6ForwardingOptions,
  needs: { ipv6: type<Ipv6>(), ip: type<Ip>(), netif: type<Netif>() },
  implies: { nd: type<Nd>() },
  create(parts, { env, options, onStop }): Ipv6Forwarding {
    const forwarder = new Forwarder(env, parts, options)
    onStop(() => forwarder.stop())
    return forwarder
  },
})
