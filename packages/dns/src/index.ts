/**
 * DNS: a resolver over any datagrams and streams, ours or the kernel's.
 *
 * @packageDocumentation
 */

import type { DatagramNet, NameResolver, StreamNet } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import { learnServers, type DhcpServers, type RouterServers } from './learned.ts'
import { dnsOptions } from './options.ts'
import { SourcedClient, type StackDns } from './sources.ts'
import { overTcp } from './tcp.ts'

/** A stub resolver over the sockets of the stack (RFC 1034 §5.3.1). Where `routers()` and `dhcpv4()` are composed, it asks the servers that they hear of. */
export const dns = /* @__PURE__ */ feature({
  name: 'dns',
  symbol: 'CONFIG_DNS_RESOLVER',
  options: dnsOptions,
  needs: { sockets: type<DatagramNet & StreamNet & { resolver: NameResolver | undefined }>() },
  implies: { routers: type<RouterServers>(), dhcpv4: type<DhcpServers>() },
  create({ sockets, routers, dhcpv4 }, { env, options, onStop }): StackDns {
    const client = new SourcedClient(env, sockets, overTcp(sockets), options)
    sockets.resolver = client
    const forget = learnServers(client, routers, dhcpv4)
    onStop(() => {
      sockets.resolver = undefined
      forget()
      client.close()
    })
    return client
  },
})

export { dnsOptions } from './options.ts'
export { DnsClient, type Dns, type DnsCall, type DnsClientOptions, type LookupAddress, type MessageNet, type MessageSink, type Resolved } from './client.ts'
export { reverseName } from './reverse.ts'
export { Resolver, type Disbelief, type Exchange, type ResolverInput, type ResolverOutput, type ResolverSettings, type ResolverStatistics } from './machine.ts'
export type { DhcpServers, RouterServers } from './learned.ts'
export type { Server } from './servers.ts'
export { SourcedClient, type ServerSource, type SourcedServer, type StackDns } from './sources.ts'
export type { Answer, Cache } from './cache.ts'
export type { Authority, Data, Resource, Service } from './wire.ts'
