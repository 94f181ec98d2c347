/**
 * Forwarding: what makes a host a router. RFC 1812 §4 and §5 say what a router may and must do.
 *
 * @packageDocumentation
 */

import type { Ip, Netif } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import type { Ipv4 } from '../ipv4.ts'
import { ipv4ForwardingOptions } from '../options.ts'
import { Forwarder, type Ipv4Forwarding } from './forwarder.ts'

export { Forwarder, type ForwarderParts, type Ipv4Forwarding } from './forwarder.ts'
export { ipv4ForwardingOptions } from '../options.ts'

/** Passes packets on between interfaces. Without it what is not for us is dropped. */
export const ipv4Forwarding = /* @__PURE__ */ feature({
  name: 'ipv4Forwarding',
  symbol: 'CONFIG_NET_ROUTING',
  options: ipv4ForwardingOptions,
  needs: { ipv4: type<Ipv4>(), ip: type<Ip>(), netif: type<Netif>() },
  create(parts, { options, onStop }): Ipv4Forwarding {
    const forwarder = new Forwarder(parts, options)
    onStop(() => forwarder.stop())
    return forwarder
  },
})
