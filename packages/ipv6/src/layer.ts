/** The layer itself: its parts put together, behind `Ipv6`. */

import type {
  Address, Env, Instant, Interface, InterfaceAddress, Ip, IpInfo, NetBuf, Netif, PingOptions, PingResult, Prefix, Route,
  RouteEntry, RouteOptions,
} from '@favonius/contract'
import { ConfigError, type Settings } from '@favonius/kconfig'
import {
  address as parse, ANY6, copyAddress, ETHERTYPE_IPV6, failure, isMulticast, isUnspecified, prefix as parsePrefix, PROTOCOL_ICMPV6,
  sameAddress,
} from '@favonius/inet'
import { Addresses } from './addresses.ts'
import { makeCounters, makeDrops } from './drops.ts'
import { Errors } from './errors.ts'
import { Groups } from './groups.ts'
import { Icmp, writeChecksum } from './icmp.ts'
import type {
  DirectRoute, DuplicateDetector, ExtensionHandler, ForwardHandler, IcmpHandler, IdentifierMaker, Ipv6, LinkSettings, NewAddress, NextHop, NextHopProvider, OptionHandler,
  OversizeHandler, PathMtu,
} from './ipv6.ts'
import { Links } from './links.ts'
import type { ipv6Options } from './options.ts'
import { Ipv6Pings } from './ping.ts'
import { Receiver } from './receive.ts'
import type { Sending } from './route.ts'
import { Routes } from './routes.ts'
import { ICMPV6 } from './wire/icmp.ts'

/** IPv6 and ICMPv6. `ipv6()` makes one; so does whoever wires a stack by hand. */
export class Ipv6Layer implements Ipv6 {
  readonly family = 6
  readonly settings: Settings<typeof ipv6Options>
  readonly #netif: Netif
  readonly #ip: Ip
  readonly #links: Links
  readonly #groups: Groups
  readonly #addresses: Addresses
  readonly #sending: Sending
  readonly #routes: Routes
  readonly #errors: Errors
  readonly #pings: Ipv6Pings
  readonly #icmp: Icmp
  readonly #receiver: Receiver
  readonly #gateways = new Map<Interface, RouteEntry>()
  readonly #icmpSent: number
  readonly #withdraw: (() => void)[]

  constructor(env: Env, netif: Netif, ip: Ip, settings: Settings<typeof ipv6Options>) {
    this.settings = settings
    this.#netif = netif
    this.#ip = ip
    const drops = makeDrops(netif)
    const counters = makeCounters(netif)
    this.#links = new Links(settings.initialHopLimit)
    this.#groups = new Groups(settings.maxGroups)
    this.#addresses = new Addresses(env, netif, ip, this.#groups, settings.maxAddresses)
    this.#sending = { ip, drops, counters, oversize: undefined }
    this.#routes = new Routes(netif, this.#links, this.#addresses, this.#sending, settings.initialMulticastHopLimit)
    this.#errors = new Errors(env.clock, this, (protocol) => (protocol === PROTOCOL_ICMPV6 ? this.#icmp : ip.transport(protocol)), counters)
    this.#pings = new Ipv6Pings(env, this, drops, (name) => netif.find(name)?.index)
    this.#icmp = new Icmp(this, this.#errors, this.#pings, drops, counters)
    this.#receiver = new Receiver({ layer: this, ip, addresses: this.#addresses, icmp: this.#icmp, errors: this.#errors, drops, counters })
    this.#icmpSent = counters.icmpSent
    this.#withdraw = [
      netif.registerProtocol(ETHERTYPE_IPV6, this.#receiver.receive),
      ip.registerLayer(this),
      netif.listen(this.#addresses.listen),
      netif.listen((event) => {
        if (event.type !== 'removed') return
        this.#links.forget(event.iface)
        this.#gateways.delete(event.iface)
      }),
    ]
    // A loopback interface may be up before us.
    for (const iface of netif.interfaces) if (iface.enabled) this.#addresses.listen({ type: 'enabled', iface })
  }

  /** Gives back what it registered and armed. */
  stop(): void {
    this.#pings.stop()
    this.#addresses.stop()
    for (const withdraw of this.#withdraw) withdraw()
  }

  // ---- addresses, groups, routes ----

  addAddress(iface: Interface, address: string | NewAddress): InterfaceAddress {
    return this.#addresses.add(iface, address)
  }

  removeAddress(iface: Interface, address: string | Address): void {
    this.#addresses.remove(iface, this.#read(address))
  }

  setLifetimes(iface: Interface, address: Address, preferredUntil: Instant, validUntil: Instant): void {
    this.#addresses.setLifetimes(iface, address, preferredUntil, validUntil)
  }

  find(address: Address, iface: Interface): InterfaceAddress | undefined {
    return this.#addresses.find(address, iface)
  }

  owns(address: Address, iface?: Interface): boolean {
    return this.#addresses.owns(address, iface)
  }

  isMulticast(address: Address): boolean {
    return address.family === 6 && isMulticast(address)
  }

  join(iface: Interface, group: Address): void {
    this.#groups.joinFor(iface, group)
  }

  leave(iface: Interface, group: Address): void {
    this.#groups.leave(iface, group)
  }

  addRoute(prefix: string | Prefix, iface: Interface, gateway?: string | Address, metric?: number): RouteEntry {
    const to = typeof prefix === 'string' ? parsePrefix(prefix) : prefix
    const by = gateway === undefined ? undefined : this.#read(gateway)
    if (to.address.family !== 6) throw failure('EINVAL', `${to.address} is no IPv6 prefix`)
    if (by && (isMulticast(by) || isUnspecified(by))) {
      throw failure('EINVAL', `${by} cannot be a gateway: it takes a unicast address such as fe80::1`)
    }
    return this.#ip.addRoute({ prefix: to, iface, gateway: by, ...(metric === undefined ? {} : { metric }) })
  }

  removeRoute(entry: RouteEntry): void {
    this.#ip.removeRoute(entry)
  }

  setGateway(iface: Interface, gateway: string | Address | undefined): void {
    const old = this.#gateways.get(iface)
    const by = gateway === undefined ? undefined : this.#read(gateway)
    if (old && by && old.gateway && sameAddress(old.gateway, by)) return
    if (old) this.#ip.removeRoute(old)
    this.#gateways.delete(iface)
    if (by) this.#gateways.set(iface, this.addRoute({ address: ANY6, length: 0 }, iface, by))
  }

  linkSettings(iface: Interface): LinkSettings {
    return this.#links.of(iface)
  }

  setLink(iface: Interface, settings: Partial<LinkSettings>): void {
    this.#links.set(iface, settings)
    this.#ip.changed()
  }

  #read(address: string | Address): Address {
    const read = typeof address === 'string' ? parse(address, (name) => this.#netif.find(name)?.index) : address
    if (read.family !== 6) throw failure('EINVAL', `${read} is no IPv6 address`)
    return read
  }

  // ---- sending ----

  route(to: Address, options: RouteOptions): Route | undefined {
    return this.#routes.route(to, options)
  }

  direct(route: DirectRoute): Route {
    return this.#routes.direct(route)
  }

  nextHop(to: Address, iface?: Interface): NextHop | undefined {
    return this.#routes.nextHop(to, iface)
  }

  sourceFor(to: Address, iface: Interface): Address | undefined {
    const source = this.#routes.sourceFor(to, iface)
    return source && copyAddress(source)
  }

  message(route: Route, type: number, code: number, length: number): NetBuf | undefined {
    const packet = this.#netif.buffers.alloc(length, route.headroom)
    if (packet === undefined) return undefined
    const at = packet.add(length)
    packet.u8.fill(0, at, at + length)
    packet.u8[at + ICMPV6.type] = type
    packet.u8[at + ICMPV6.code] = code
    return packet
  }

  sendMessage(packet: NetBuf, route: Route): boolean {
    writeChecksum(packet, route.pseudo)
    route.iface.count(this.#icmpSent)
    return route.send(packet)
  }

  ping(address: string | Address, options: PingOptions = {}): Promise<PingResult> {
    return this.#pings.ping(address, options)
  }

  refuse(packet: NetBuf, _ip: IpInfo, why: 'port' | 'protocol'): void {
    this.#receiver.refuse(packet, why)
  }

  unresolved(packet: NetBuf): void {
    this.#errors.unresolved(packet)
  }

  sendError(packet: NetBuf, type: number, code: number, word: number): void {
    this.#errors.send(packet, type, code, word)
  }

  // ---- extending it ----

  registerIcmp(type: number, handler: IcmpHandler): () => void {
    return this.#icmp.register(type, handler)
  }

  registerExtension(nextHeader: number, handler: ExtensionHandler): () => void {
    return this.#receiver.registerExtension(nextHeader, handler)
  }

  registerOption(type: number, handler: OptionHandler): () => void {
    return this.#receiver.registerOption(type, handler)
  }

  registerForward(handler: ForwardHandler): () => void {
    if (this.#receiver.forward) throw new ConfigError('two features forward IPv6 packets: keep one')
    this.#receiver.forward = handler
    return () => {
      this.#receiver.forward = undefined
    }
  }

  registerNextHop(provider: NextHopProvider): () => void {
    return this.#routes.register(provider)
  }

  registerIdentifier(maker: IdentifierMaker): () => void {
    if (this.#addresses.identify) throw new ConfigError('two features make interface identifiers: keep one')
    this.#addresses.identify = maker
    return () => {
      this.#addresses.identify = undefined
    }
  }

  registerDetector(detector: DuplicateDetector): () => void {
    if (this.#addresses.detector) throw new ConfigError('two features detect duplicate addresses: keep one')
    this.#addresses.detector = detector
    return () => {
      this.#addresses.detector = undefined
    }
  }

  registerPathMtu(pathMtu: PathMtu): () => void {
    if (this.#routes.pathMtu) throw new ConfigError('two features know path MTUs: keep one')
    this.#routes.pathMtu = pathMtu
    return () => {
      this.#routes.pathMtu = undefined
    }
  }

  registerOversize(handler: OversizeHandler): () => void {
    if (this.#sending.oversize) throw new ConfigError('two features send IPv6 packets that are larger than the path: keep one')
    this.#sending.oversize = handler
    return () => {
      this.#sending.oversize = undefined
    }
  }
}
