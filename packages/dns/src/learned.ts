/** Servers that others tell of, for as long as they do: routers (RFC 8106) and DHCP servers (RFC 2132 §3.8). */

import type { Address, Interface } from '@favonius/contract'
import type { StackDns } from './sources.ts'

/** What `routers()` of `@favonius/ipv6` knows. */
export interface RouterServers {
  readonly nameServers: readonly { readonly address: Address }[]
  listen(listener: (event: { readonly type: string }) => void): () => void
}

/** What `dhcpv4()` tells. */
export interface DhcpServers {
  listen(listener: (event: { readonly type: string; readonly iface: Interface; readonly lease?: { readonly options: { readonly dnsServers?: readonly Address[] | undefined } } }) => void): () => void
}

/** Keeps the servers of `dns` as these tell; returns how to end it. */
export function learnServers(dns: StackDns, routers: RouterServers | undefined, dhcpv4: DhcpServers | undefined): () => void {
  const leases = new Map<Interface, readonly Address[]>()
  const fromRouters = (): void => set(dns, 'RA', routers!.nameServers.map(({ address }) => address))
  if (routers !== undefined) fromRouters()
  const ends = [
    routers?.listen(({ type }) => {
      if (type === 'nameServers') fromRouters()
    }),
    dhcpv4?.listen(({ type, iface, lease }) => {
      if (type === 'bound') leases.set(iface, lease?.options.dnsServers ?? [])
      else if (type === 'unbound' || type === 'stop') leases.delete(iface)
      else return
      set(dns, 'DHCP', [...leases.values()].flat())
    }),
  ]
  return () => {
    for (const end of ends) end?.()
  }
}

/** As many as there is room for: a peer cannot make us throw. */
function set(dns: StackDns, source: 'RA' | 'DHCP', addresses: readonly Address[]): void {
  for (let count = addresses.length; count >= 0; count--) {
    try {
      return dns.setServers(addresses.slice(0, count).map(String), source)
    } catch {
      // One less.
    }
  }
}
