/**
 * A DHCPv4 client (RFC 2131): an address, routes and servers for an interface, for as long as a server lets it.
 *
 * @packageDocumentation
 */

import type { ConflictDetection, Ip, Udp } from '@favonius/contract'
import type { Ipv4 } from '@favonius/ipv4'
import { feature, type } from '@favonius/kconfig'
import { Dhcpv4Layer, type Dhcpv4 } from './layer.ts'
import { dhcpv4Options } from './options.ts'

/** DHCPv4 clients: `stack.dhcpv4.start(iface)`. Compose `acd()` of `@favonius/ethernet/acd` too, and addresses in use are declined. */
export const dhcpv4 = /* @__PURE__ */ feature({
  name: 'dhcpv4',
  symbol: 'CONFIG_NET_DHCPV4',
  options: dhcpv4Options,
  needs: { ip: type<Ip>(), ipv4: type<Ipv4>(), udp: type<Udp>() },
  implies: { acd: type<ConflictDetection>() },
  create({ ip, ipv4, udp, acd }, { env, options, onStop }): Dhcpv4 {
    const layer = new Dhcpv4Layer({ env, netif: ip.netif, ipv4, udp, acd, options })
    onStop(() => layer.end())
    return layer
  },
})

export { DhcpClient, type ClientInput, type ClientOutput, type ClientParts, type ClientState, type Refusal } from './client.ts'
export { Dhcpv4Layer, type DhcpEvent, type Dhcpv4, type Dhcpv4Parts, type StartOptions } from './layer.ts'
export { leaseOf, type Lease } from './lease.ts'
export { dhcpv4Options } from './options.ts'
export { BOOTREPLY, BOOTREQUEST, CLIENT_PORT, readMessage, SERVER_PORT, show, writeMessage, type DhcpMessage, type NewMessage } from './wire/message.ts'
export { codeOf, messageTypes, type ClasslessRoute, type DhcpOptions } from './wire/options.ts'
