/** Which way a packet goes: interface, next hop and source address for a destination (RFC 8200 §3, RFC 4861 §5.2, RFC 6724 §4). */

import type { Address, Interface, Ip, Netif, Route, RouteOptions } from '@favonius/contract'
import { copyAddress, isLinkLocal, isLoopback, isMulticast, isUnspecified, scopeOf, withZone } from '@favonius/inet'
import type { Addresses } from './addresses.ts'
import type { DirectRoute, NextHop, NextHopProvider, PathMtu } from './ipv6.ts'
import type { Links } from './links.ts'
import { Ipv6Route, LOCAL_MTU, type Sending } from './route.ts'
import { selectSource } from './source.ts'

/** RFC 4291 §2.7: such a group never leaves the interface. */
const INTERFACE_LOCAL = 1
/** RFC 4291 §2.7: such a group means something on its link alone. */
const LINK_LOCAL = 2

/** Makes routes. */
export class Routes {
  readonly #netif: Netif
  readonly #ip: Ip
  readonly #links: Links
  readonly #addresses: Addresses
  readonly #sending: Sending
  readonly #providers: NextHopProvider[] = []
  readonly #multicastHopLimit: number
  pathMtu: PathMtu | undefined

  constructor(netif: Netif, links: Links, addresses: Addresses, sending: Sending, multicastHopLimit: number) {
    this.#netif = netif
    this.#ip = sending.ip
    this.#links = links
    this.#addresses = addresses
    this.#sending = sending
    this.#multicastHopLimit = multicastHopLimit
  }

  register(provider: NextHopProvider): () => void {
    this.#providers.push(provider)
    this.#ip.changed()
    return () => {
      const at = this.#providers.indexOf(provider)
      if (at < 0) return
      this.#providers.splice(at, 1)
      this.#ip.changed()
    }
  }

  route(to: Address, options: RouteOptions): Route | undefined {
    if (to.family !== 6 || isUnspecified(to)) return undefined
    const zone = this.#zone(to, options.iface)
    if (zone === null) return undefined
    const owner = isMulticast(to) ? undefined : this.#owner(to, zone)
    if (owner !== undefined) return this.#make(to, { iface: owner, address: to }, options, true)
    if (isLoopback(to)) return undefined
    const hop = this.nextHop(to, zone)
    const local = isMulticast(to) && (scopeOf(to) <= INTERFACE_LOCAL || (options.hopLimit ?? this.#multicastHopLimit) === 0)
    // What stays here in any case needs no second way.
    if (hop === undefined || (local && options.here)) return undefined
    return this.#make(to, hop, options, local || options.here === true)
  }

  direct(route: DirectRoute): Route {
    const { iface } = route
    return new Ipv6Route(this.#sending, {
      iface,
      source: copyAddress(route.source),
      destination: copyAddress(route.destination),
      nextHop: copyAddress(route.nextHop ?? route.destination),
      protocol: route.protocol,
      hopLimit: route.hopLimit,
      trafficClass: route.trafficClass ?? 0,
      mtu: this.#links.of(iface).mtu,
      local: false,
      hopByHop: route.hopByHop,
    })
  }

  nextHop(to: Address, iface?: Interface): NextHop | undefined {
    const zone = this.#zone(to, iface)
    if (zone === null) return undefined
    if (isMulticast(to)) {
      const out = zone ?? (scopeOf(to) > LINK_LOCAL ? this.#ip.lookup(to)?.iface : undefined) ?? this.#netif.default
      return out && { iface: out, address: to }
    }
    // A link-local address is on its link, and which one that is must be known (RFC 4007 §6).
    if (isLinkLocal(to)) {
      const link = zone ?? this.#onlyLink()
      return link && { iface: link, address: to }
    }
    for (const provider of this.#providers) {
      const hop = provider(to, zone)
      if (hop !== undefined) return hop
    }
    const entry = this.#ip.lookup(to, zone)
    return entry && { iface: entry.iface, address: entry.gateway ?? to }
  }

  sourceFor(to: Address, iface: Interface): Address | undefined {
    return isLoopback(to) ? to : selectSource(to, iface.addresses)?.address
  }

  /** The interface that is asked for, by name or by zone; undefined when none is, null when it is not there or the two disagree. */
  #zone(to: Address, iface: Interface | undefined): Interface | undefined | null {
    if (to.zone === 0 || !(isLinkLocal(to) || (isMulticast(to) && scopeOf(to) <= LINK_LOCAL))) return iface
    const zone = this.#netif.find(to.zone)
    return zone === undefined || (iface !== undefined && iface !== zone) ? null : zone
  }

  /** The interface that has `to` as its own address. A global one is ours by whatever interface it is asked for. */
  #owner(to: Address, zone: Interface | undefined): Interface | undefined {
    if (isLinkLocal(to)) {
      const link = zone ?? this.#onlyLink()
      return link && this.#addresses.usable(to, link) ? link : undefined
    }
    for (const iface of this.#netif.interfaces) if (this.#addresses.usable(to, iface)) return iface
    if (!isLoopback(to)) return undefined
    return zone ?? this.#netif.interfaces.find((iface) => iface.running)
  }

  /** The default interface, when it is a link; or the only link there is. */
  #onlyLink(): Interface | undefined {
    const chosen = this.#netif.default
    if (chosen !== undefined && chosen.medium !== 'loopback') return chosen
    const links = this.#netif.interfaces.filter((iface) => iface.medium !== 'loopback')
    return links.length === 1 ? links[0] : undefined
  }

  #make(to: Address, hop: NextHop, options: RouteOptions, local: boolean): Route | undefined {
    const { iface } = hop
    const source = options.source ?? this.sourceFor(to, iface)
    if (source === undefined || (options.source !== undefined && !this.#mayUse(options.source, iface))) return undefined
    const link = this.#links.of(iface)
    const scoped = isLinkLocal(to) || (isMulticast(to) && scopeOf(to) <= LINK_LOCAL)
    return new Ipv6Route(this.#sending, {
      iface,
      source: copyAddress(source),
      destination: scoped ? withZone(to, iface.index) : copyAddress(to),
      nextHop: copyAddress(hop.address),
      protocol: options.protocol,
      hopLimit: options.hopLimit ?? (isMulticast(to) ? this.#multicastHopLimit : link.hopLimit),
      trafficClass: options.trafficClass ?? 0,
      mtu: local ? LOCAL_MTU : Math.min(link.mtu, hop.mtu ?? link.mtu, this.pathMtu?.(to) ?? link.mtu),
      local,
      hopByHop: hop.hopByHop,
    })
  }

  /** Whether a source that the caller chose is ours; a link-local one only on its own link. */
  #mayUse(source: Address, iface: Interface): boolean {
    if (isLoopback(source)) return true
    return isLinkLocal(source) ? this.#addresses.usable(source, iface) : this.#addresses.owns(source)
  }
}
