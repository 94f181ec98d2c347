/** A host's part of router discovery. Read RFC 4861 §6.3, RFC 4191 §3, RFC 8106 §5.3 and RFC 5942 before changing this file. */

import type { Address, Env, Instant, Interface, Ip, IpInfo, NetBuf, Netif, NetifEvent, Prefix, Timer } from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import { ALL_ROUTERS, ANY6, between, copyAddress, inPrefix, isLinkLocal, isMulticast, PROTOCOL_ICMPV6, sameAddress, withZone } from '@favonius/inet'
import type { Ipv6 } from '../ipv6.ts'
import type { Nd } from '../nd/nd.ts'
import type { routersOptions } from '../options.ts'
import { MINIMUM_MTU } from '../wire/header.ts'
import { icmpTypes } from '../wire/icmp.ts'
import { linkOptionSize, ND_HOP_LIMIT, ndOptionTypes, writeLinkOption } from '../wire/ndoption.ts'
import { readRouterAdvertisement, ROUTER_SOLICITATION, type ContextInformation, type PrefixInformation, type RouterAdvertisement } from '../wire/router.ts'
import { Expiring } from './expiring.ts'
import type { DefaultRouter, LearnedRoute, NameServer, Routers, RoutersEvent, SearchDomain } from './routers.ts'
import { Solicitations } from './solicitations.ts'

/** A reachable time that is longer is none (RFC 4861 §6.2.1: AdvReachableTime). */
const MOST_REACHABLE_TIME = 3_600_000
/** Metrics of the routes by routers, behind those that are set by hand. */
const METRIC = { high: 512, medium: 1024, low: 2048 } as const
/** Of one that does not answer; the one that failed last comes last, so that all are tried in turn (RFC 4861 §6.3.6). */
const METRIC_SILENT = 1 << 20
const DEFAULT: Prefix = { address: ANY6, length: 0 }

/** What router discovery stands on. */
export interface RouterDiscoveryParts {
  readonly ipv6: Ipv6
  readonly nd: Nd
  readonly ip: Ip
  readonly netif: Netif
}

const samePrefix = (a: Prefix, b: Prefix): boolean => a.length === b.length && sameAddress(a.address, b.address)
const sameGateway = (a: Address | undefined, b: Address | undefined): boolean => a === b || (a !== undefined && b !== undefined && sameAddress(a, b))

/** Adds to a list; returns how to take it out again. */
function member<T>(list: T[], one: T): () => void {
  list.push(one)
  return () => {
    const at = list.indexOf(one)
    if (at >= 0) list.splice(at, 1)
  }
}

/** Asks for routers and believes them. `routers()` makes one. */
export class RouterDiscovery implements Routers {
  readonly #env: Env
  readonly #ipv6: Ipv6
  readonly #nd: Nd
  readonly #ip: Ip
  readonly #delay: number
  readonly #solicitations: Solicitations
  readonly #timer: Timer
  readonly #drops
  readonly #received: number
  readonly #sent: number
  readonly #routers: Expiring<DefaultRouter & { readonly metric: number }>
  readonly #routes: Expiring<LearnedRoute>
  readonly #servers: Expiring<NameServer>
  readonly #domains: Expiring<SearchDomain>
  /** When each interface came up. */
  readonly #upAt = new Map<Interface, Instant>()
  readonly #handlers: ((iface: Interface, information: PrefixInformation) => void)[] = []
  readonly #contextHandlers: ((iface: Interface, information: ContextInformation) => void)[] = []
  readonly #listeners: ((event: RoutersEvent) => void)[] = []
  readonly #withdraw: (() => void)[]
  /** Routers that did not answer, so far. */
  #failures = 0

  constructor(env: Env, { ipv6, nd, ip, netif }: RouterDiscoveryParts, options: Settings<typeof routersOptions>) {
    this.#env = env
    this.#ipv6 = ipv6
    this.#nd = nd
    this.#ip = ip
    this.#delay = options.maxDelay
    this.#solicitations = new Solicitations(env.random, options.solicitationInterval, options.maxSolicitationInterval)
    this.#timer = env.clock.timer((now) => this.#tick(now))
    this.#routers = new Expiring(options.maxRouters, (a, b) => a.iface === b.iface && sameAddress(a.address, b.address))
    this.#routes = new Expiring(options.maxPrefixes, (a, b) => a.iface === b.iface && samePrefix(a.prefix, b.prefix) && sameGateway(a.gateway, b.gateway))
    this.#servers = new Expiring(options.maxNameServers, (a, b) => a.iface === b.iface && sameAddress(a.address, b.address))
    this.#domains = new Expiring(options.maxSearchDomains, (a, b) => a.iface === b.iface && a.domain === b.domain)
    this.#drops = netif.reasons({
      invalid: ['routers: invalid advertisement', 'ipv6_nd.drop'],
      router: ['routers: advertisement to a router', 'ipv6_nd.drop'],
      full: ['routers: no room for what a router advertises'],
    })
    this.#received = netif.counter('ipv6_nd.recv')
    this.#sent = netif.counter('ipv6_nd.sent')
    this.#withdraw = [
      ipv6.registerIcmp(icmpTypes.routerAdvertisement, (packet, info) => this.#advertised(packet, info)),
      nd.listen(({ iface, address }, why) => this.#lost(iface, address, why)),
      netif.listen((event) => this.#happened(event)),
    ]
    for (const iface of netif.interfaces) if (iface.running) this.#came(iface)
  }

  stop(): void {
    this.#timer.cancel()
    for (const withdraw of this.#withdraw) withdraw()
  }

  // ---- the public face ----

  get routers(): readonly DefaultRouter[] {
    return [...this.#routers.entries].sort((a, b) => a.metric - b.metric)
      .map(({ iface, address, preference, answers, managed, other, expires }) => ({ iface, address, preference, answers, managed, other, expires }))
  }

  get routes(): readonly LearnedRoute[] {
    return [...this.#routes.entries]
  }

  get nameServers(): readonly NameServer[] {
    return [...this.#servers.entries]
  }

  get searchDomains(): readonly SearchDomain[] {
    return [...this.#domains.entries]
  }

  solicit(iface: Interface): void {
    this.#begin(iface, 0)
  }

  onPrefix(handler: (iface: Interface, information: PrefixInformation) => void): () => void {
    return member(this.#handlers, handler)
  }

  onContext(handler: (iface: Interface, information: ContextInformation) => void): () => void {
    return member(this.#contextHandlers, handler)
  }

  listen(listener: (event: RoutersEvent) => void): () => void {
    return member(this.#listeners, listener)
  }

  #tell(type: RoutersEvent['type'], iface: Interface): void {
    for (const listener of [...this.#listeners]) listener({ type, iface })
  }

  // ---- asking ----

  #begin(iface: Interface, delay: number): void {
    if (!iface.l2.flags.multicast || iface.medium === 'loopback' || this.#nd.isRouter(iface)) return
    this.#solicitations.handle({ type: 'begin', iface, delay }, this.#env.clock.now())
    this.#settle()
  }

  /** RFC 4861 §6.3.7: at random within a second, unless duplicate address detection has waited so before. */
  #came(iface: Interface): void {
    if (this.#solicitations.asks(iface) || !this.#ipv6.sourceFor(withZone(ALL_ROUTERS, iface.index), iface)) return
    const waited = this.#env.clock.now() > (this.#upAt.get(iface) ?? 0)
    this.#begin(iface, waited ? 0 : between(this.#env.random, 0, this.#delay))
  }

  #solicit(iface: Interface): void {
    const group = withZone(ALL_ROUTERS, iface.index)
    const source = this.#ipv6.sourceFor(group, iface)
    if (source === undefined) return
    const option = linkOptionSize(iface.address)
    const route = this.#ipv6.direct({ iface, source, destination: group, protocol: PROTOCOL_ICMPV6, hopLimit: ND_HOP_LIMIT })
    const packet = this.#ipv6.message(route, icmpTypes.routerSolicitation, 0, ROUTER_SOLICITATION.size + option)
    if (packet === undefined) return
    if (option > 0) writeLinkOption(packet.dv, packet.offset + ROUTER_SOLICITATION.options, ndOptionTypes.sourceLink, iface.address)
    iface.count(this.#sent)
    this.#ipv6.sendMessage(packet, route)
  }

  // ---- hearing (RFC 4861 §6.3.4) ----

  #advertised(packet: NetBuf, info: IpInfo): void {
    const { iface } = info
    iface.count(this.#received)
    const message = readRouterAdvertisement(packet.dv, packet.offset, packet.offset + packet.length, info, iface.address)
    if ('malformed' in message) return iface.drop(packet, this.#drops.invalid)
    // A router is told nothing by others (RFC 4861 §6.2.7).
    if (this.#nd.isRouter(iface)) return iface.drop(packet, this.#drops.router)
    const router = copyAddress(info.source)
    const now = this.#env.clock.now()
    packet.unref()
    if (message.lifetime > 0) this.#solicitations.handle({ type: 'end', iface }, now)
    if (message.link !== undefined) this.#nd.heard(iface, router, message.link, true)
    this.#setLink(iface, message)
    this.#setRouter(iface, router, message, now)
    for (const information of message.prefixes) this.#setPrefix(iface, information, now)
    for (const { prefix, preference, lifetime } of message.routes) {
      // RFC 4191 §3.1: the default route may be told of so too, and then this is what counts.
      if (!isLinkLocal(prefix.address) && !isMulticast(prefix.address)) this.#setRoute({ iface, prefix, gateway: router, expires: now + lifetime }, now, METRIC[preference])
    }
    for (const { servers, lifetime } of message.nameServers) {
      for (const address of servers) this.#put(this.#servers, { iface, address: isLinkLocal(address) ? withZone(address, iface.index) : address, expires: now + lifetime }, now, 'nameServers')
    }
    for (const { domains, lifetime } of message.searchLists) {
      for (const domain of domains) this.#put(this.#domains, { iface, domain, expires: now + lifetime }, now, 'searchDomains')
    }
    for (const information of message.contexts) for (const handler of [...this.#contextHandlers]) handler(iface, information)
    this.#settle()
  }

  #setLink(iface: Interface, { hopLimit, mtu, reachableTime, retransTimer }: RouterAdvertisement): void {
    if (hopLimit > 0) this.#ipv6.setLink(iface, { hopLimit })
    if (mtu !== undefined && mtu >= MINIMUM_MTU) this.#ipv6.setLink(iface, { mtu })
    this.#nd.setTimes(iface, { reachableTime: reachableTime <= MOST_REACHABLE_TIME ? reachableTime : 0, retransTimer })
  }

  #setRouter(iface: Interface, address: Address, { lifetime, preference, managed, other }: RouterAdvertisement, now: Instant): void {
    const router = { iface, address, preference, answers: true, managed, other, expires: now + lifetime, metric: METRIC[preference] }
    if (lifetime === 0) return this.#dropRouters((known) => known.iface === iface && sameAddress(known.address, address))
    if (!this.#routers.put(router)) {
      // RFC 4191 §3.2 has no word for it: a better one takes the place of the worst.
      const worst = this.#routers.entries.reduce((a, b) => (a.metric >= b.metric ? a : b))
      if (worst.metric <= router.metric) return iface.lose(this.#drops.full)
      this.#dropRouters((known) => known === worst)
      this.#routers.put(router)
    }
    this.#route(DEFAULT, iface, address, router.metric)
    this.#tell('routers', iface)
  }

  #dropRouters(fits: (router: DefaultRouter) => boolean): void {
    for (const { iface, address } of this.#routers.take(fits)) {
      this.#unroute(DEFAULT, iface, address)
      this.#tell('routers', iface)
    }
  }

  /** A prefix that is not on the link is not told to be elsewhere: nothing is known of it (RFC 5942 §4). */
  #setPrefix(iface: Interface, information: PrefixInformation, now: Instant): void {
    const { prefix, onLink, validLifetime } = information
    if (isLinkLocal(prefix.address) || isMulticast(prefix.address)) return
    if (onLink) this.#setRoute({ iface, prefix, gateway: undefined, expires: now + validLifetime }, now, 0)
    for (const handler of [...this.#handlers]) handler(iface, information)
  }

  #setRoute(route: LearnedRoute, now: Instant, metric: number): void {
    const { iface, prefix, gateway, expires } = route
    if (expires <= now) return this.#dropRoutes((known) => known.iface === iface && samePrefix(known.prefix, prefix) && sameGateway(known.gateway, gateway))
    if (!this.#routes.put(route)) return iface.lose(this.#drops.full)
    this.#route(prefix, iface, gateway, metric)
    this.#tell('routes', iface)
  }

  #dropRoutes(fits: (route: LearnedRoute) => boolean): void {
    for (const { iface, prefix, gateway } of this.#routes.take(fits)) {
      this.#unroute(prefix, iface, gateway)
      this.#tell('routes', iface)
    }
  }

  #put<E extends { readonly iface: Interface; readonly expires: Instant }>(list: Expiring<E>, entry: E, now: Instant, what: 'nameServers' | 'searchDomains'): void {
    const known = list.find(entry)
    if (entry.expires <= now) list.take((one) => one === known)
    else if (!list.put(entry)) return entry.iface.lose(this.#drops.full)
    if ((known === undefined) !== (entry.expires <= now)) this.#tell(what, entry.iface)
  }

  // ---- the route table ----

  /** An address that was given by hand may have brought the route already, and keeps it. */
  #route(prefix: Prefix, iface: Interface, gateway: Address | undefined, metric: number): void {
    if (gateway === undefined && this.#ip.routes.some((route) => route.iface === iface && route.gateway === undefined && samePrefix(route.prefix, prefix))) return
    try {
      this.#ip.addRoute({ prefix, iface, gateway, metric })
    } catch {
      // The table is full: a peer cannot make us throw.
      iface.lose(this.#drops.full)
    }
  }

  #unroute(prefix: Prefix, iface: Interface, gateway: Address | undefined): void {
    // An address of ours in the prefix still needs it.
    if (gateway === undefined && iface.addresses.some((entry) => entry.origin !== 'autoconf' && entry.prefixLength === prefix.length && inPrefix(prefix, entry.address))) return
    const entry = this.#ip.routes.find((route) => route.iface === iface && sameGateway(route.gateway, gateway) && samePrefix(route.prefix, prefix))
    if (entry !== undefined) this.#ip.removeRoute(entry)
  }

  // ---- what becomes of them ----

  /** RFC 4861 §6.3.6, §7.3.3. */
  #lost(iface: Interface, address: Address, why: 'unreachable' | 'not a router'): void {
    const router = this.#routers.entries.find((known) => known.iface === iface && sameAddress(known.address, address))
    if (router === undefined) return
    if (why === 'not a router') {
      this.#dropRouters((known) => known === router)
      return this.#settle()
    }
    const silent = { ...router, answers: false, metric: METRIC_SILENT + this.#failures++ }
    this.#routers.put(silent)
    this.#route(DEFAULT, iface, address, silent.metric)
    this.#tell('routers', iface)
  }

  #happened(event: NetifEvent): void {
    const { iface } = event
    switch (event.type) {
      case 'up':
        this.#upAt.set(iface, this.#env.clock.now())
        return this.#came(iface)
      case 'address-added': case 'address-changed':
        if (iface.running && event.entry.state === 'preferred' && isLinkLocal(event.entry.address)) this.#came(iface)
        return
      case 'address-removed':
        // It may have taken a route with it that a router has told of too.
        for (const { prefix, gateway, iface: where } of this.#routes.entries) if (where === iface && gateway === undefined) this.#route(prefix, iface, undefined, 0)
        return
      case 'down':
        this.#solicitations.handle({ type: 'end', iface }, this.#env.clock.now())
        return this.#settle()
      case 'disabled': case 'removed':
        this.#solicitations.handle({ type: 'end', iface }, this.#env.clock.now())
        this.#forget(iface)
    }
  }

  /** Another link may be behind the interface when it comes back. */
  #forget(iface: Interface): void {
    const here = (told: { readonly iface: Interface }): boolean => told.iface === iface
    this.#upAt.delete(iface)
    this.#dropRouters(here)
    this.#dropRoutes(here)
    if (this.#servers.take(here).length > 0) this.#tell('nameServers', iface)
    if (this.#domains.take(here).length > 0) this.#tell('searchDomains', iface)
    this.#settle()
  }

  #tick(now: Instant): void {
    this.#solicitations.tick(now)
    const over = (told: { readonly expires: Instant }): boolean => told.expires <= now
    this.#dropRouters(over)
    this.#dropRoutes(over)
    for (const { iface } of this.#servers.take(over)) this.#tell('nameServers', iface)
    for (const { iface } of this.#domains.take(over)) this.#tell('searchDomains', iface)
    this.#settle()
  }

  #settle(): void {
    for (let iface = this.#solicitations.poll(); iface !== undefined; iface = this.#solicitations.poll()) this.#solicit(iface)
    const due = Math.min(this.#solicitations.deadline() ?? Infinity, this.#routers.due, this.#routes.due, this.#servers.due, this.#domains.due)
    if (due === Infinity) this.#timer.cancel()
    else this.#timer.schedule(due)
  }
}
