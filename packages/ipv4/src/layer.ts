/** IPv4 for the interfaces of one stack. */

import type {
  Address, Env, Interface, InterfaceAddress, Ip, IpInfo, NetBuf, Netif, PingOptions, PingResult, Prefix, Route, RouteEntry, RouteOptions,
} from '@favonius/contract'
import { ConfigError, type Settings } from '@favonius/kconfig'
import {
  address as parse, ALL_SYSTEMS4, ANY4, BROADCAST4, broadcastOf, copyAddress, ETHERTYPE_IPV4, failure, inPrefix, isBroadcast4,
  isLoopback, isMulticast, isUnspecified, LOOPBACK4, maskLength, networkOf, parsePrefix, prefix as readPrefix, PROTOCOL_ICMP, sameAddress,
} from '@favonius/inet'
import { Addresses, isCapable } from './addresses.ts'
import { makeCounters, makeDrops } from './drops.ts'
import { Errors } from './errors.ts'
import { Icmp } from './icmp.ts'
import type { ForwardHandler, FragmentHandler, IcmpHandler, Ipv4, NewAddress, OversizeHandler, PathMtu } from './ipv4.ts'
import type { ipv4Options } from './options.ts'
import { Ipv4Pings } from './ping.ts'
import { Receiver } from './receive.ts'
import { Ipv4Route, type Sending } from './route.ts'
import { MAX_TOTAL, MINIMUM_MTU } from './wire/header.ts'
import { icmpTypes, unreachableCodes } from './wire/icmp.ts'

/** Groups are for the link unless more is asked for (RFC 1112 §6.1). */
const MULTICAST_TTL = 1

/** IPv4 itself. `ipv4()` makes one; so does whoever wires a stack by hand. */
export class Ipv4Layer implements Ipv4 {
  readonly family = 4
  readonly settings: Settings<typeof ipv4Options>
  readonly #ip: Ip
  readonly #addresses: Addresses
  readonly #sending: Sending
  readonly #errors: Errors
  readonly #pings: Ipv4Pings
  readonly #icmp: Icmp
  readonly #receiver: Receiver
  readonly #gateways = new Map<Interface, RouteEntry>()
  readonly #mtus = new Map<Interface, number>()
  readonly #withdraw: (() => void)[]
  #pathMtu: PathMtu | undefined

  constructor(netif: Netif, ip: Ip, env: Env, settings: Settings<typeof ipv4Options>) {
    this.settings = settings
    this.#ip = ip
    const addresses = this.#addresses = new Addresses(netif)
    const drops = makeDrops(netif)
    const counters = makeCounters(netif)
    this.#sending = { ip, drops, counters, oversize: undefined }
    const { buffers } = netif
    const errors = this.#errors = new Errors({
      clock: env.clock, buffers, layer: this, addresses, counters,
      transport: (protocol) => ip.transport(protocol),
      rate: settings.icmpErrorRate,
      burst: settings.icmpErrorBurst,
    })
    const pings = this.#pings = new Ipv4Pings({ env, buffers, layer: this, drops, counters })
    const { acceptBroadcastPing, acceptZeroBroadcast } = settings
    const icmp = this.#icmp = new Icmp({ buffers, layer: this, errors, pings, drops, counters, acceptBroadcastPing })
    const receiver = this.#receiver = new Receiver({ layer: this, ip, addresses, errors, drops, counters, acceptZeroBroadcast })
    for (const iface of netif.interfaces) this.#begin(iface)
    this.#withdraw = [
      netif.registerProtocol(ETHERTYPE_IPV4, receiver.receive),
      ip.registerTransport(PROTOCOL_ICMP, icmp),
      ip.registerLayer(this),
      netif.listen((event) => {
        if (event.type === 'added') this.#begin(event.iface)
        if (event.type === 'removed') {
          this.#gateways.delete(event.iface)
          this.#mtus.delete(event.iface)
        }
      }),
    ]
  }

  stop(): void {
    this.#pings.stop()
    for (const withdraw of this.#withdraw) withdraw()
  }

  /** What every interface has from the start: the group of all systems (RFC 1112 §4), and loopback its address. */
  #begin(iface: Interface): void {
    if (!isCapable(iface)) return
    if (iface.l2.flags.multicast) iface.joinGroup(ALL_SYSTEMS4)
    if (iface.medium === 'loopback') iface.addAddress(entryOf(LOOPBACK4, 8, 'manual'))
  }

  // ---- addresses ----

  addAddress(iface: Interface, given: string | NewAddress): InterfaceAddress {
    if (!isCapable(iface)) {
      throw new ConfigError(`IPv4 does not run on ${iface.name}: ${iface.medium} carries IPv6 alone; give it an IPv6 address`)
    }
    const { address, length } = typeof given === 'string' ? prefixOf(given) : prefixOf(given.address, given)
    const text = `${address}/${length}`
    const fault = faultOfHost(address, length, iface)
    if (fault !== undefined) throw failure('EINVAL', `${text} cannot be an address of ${iface.name}: ${fault}`)
    const owner = this.#addresses.owner(address)
    if (owner !== undefined) throw failure('EEXIST', `${address} is an address of ${owner.name} already`)
    const { maxAddresses } = this.settings
    if (iface.addresses.filter((entry) => entry.address.family === 4).length >= maxAddresses) {
      throw failure('ENOBUFS', `${iface.name} has ${maxAddresses} IPv4 addresses, and no room for ${address}: remove one, or ` +
        `compose ipv4({ maxAddresses: ${maxAddresses + 1} }) (CONFIG_NET_IF_UNICAST_IPV4_ADDR_COUNT)`)
    }
    const entry = entryOf(address, length, typeof given === 'string' ? 'manual' : given.origin ?? 'manual')
    this.#ip.addRoute({ prefix: { address, length }, iface })
    iface.addAddress(entry)
    return entry
  }

  removeAddress(iface: Interface, address: string | Address): void {
    const entry = this.#addresses.find(typeof address === 'string' ? parse(address) : address, iface)
    if (entry === undefined) return
    iface.removeAddress(entry)
    const { prefixLength: length } = entry
    const network = networkOf(entry.address, length)
    if (iface.addresses.some((other) => other.prefixLength === length && inPrefix({ address: network, length }, other.address))) return
    const route = this.#ip.routes.find(({ iface: by, gateway, prefix }) =>
      by === iface && gateway === undefined && prefix.length === length && sameAddress(prefix.address, network))
    if (route) this.#ip.removeRoute(route)
  }

  addRoute(given: string | Prefix, iface: Interface, gateway?: string | Address, metric = 0): RouteEntry {
    const prefix = typeof given === 'string' ? readPrefix(given) : given
    if (prefix.address.family !== 4) throw failure('EINVAL', `${prefix.address} is no IPv4 prefix; give it to stack.ipv6`)
    return this.#ip.addRoute({ prefix, iface, gateway: gatewayOf(gateway, iface), metric })
  }

  removeRoute(entry: RouteEntry): void {
    this.#ip.removeRoute(entry)
  }

  setGateway(iface: Interface, gateway: string | Address | undefined): void {
    const address = gatewayOf(gateway, iface)
    const old = this.#gateways.get(iface)
    if (old !== undefined) this.#ip.removeRoute(old)
    this.#gateways.delete(iface)
    if (address === undefined) return
    this.#gateways.set(iface, this.addRoute({ address: ANY4, length: 0 }, iface, address))
  }

  gateway(iface: Interface): Address | undefined {
    return this.#gateways.get(iface)?.gateway
  }

  setMtu(iface: Interface, mtu: number | undefined): void {
    if (mtu === undefined) this.#mtus.delete(iface)
    else if (Number.isInteger(mtu) && mtu >= MINIMUM_MTU && mtu <= iface.mtu) this.#mtus.set(iface, mtu)
    else throw failure('EINVAL', `${mtu} cannot be the MTU of IPv4 on ${iface.name}: give ${MINIMUM_MTU} to ${iface.mtu}, or undefined for the interface's own`)
    this.#ip.changed()
  }

  mtu(iface: Interface): number {
    return this.#mtus.get(iface) ?? iface.mtu
  }

  owns(address: Address, iface?: Interface): boolean {
    if (address.family !== 4) return false
    return iface === undefined ? this.#addresses.owner(address) !== undefined : this.#addresses.owns(address, iface)
  }

  // ---- groups ----

  isMulticast(address: Address): boolean {
    return address.family === 4 && (isMulticast(address) || isBroadcast4(address) || this.#addresses.broadcasts(address) !== undefined)
  }

  join(iface: Interface, group: Address): void {
    if (group.family !== 4 || !isMulticast(group)) {
      throw failure('EINVAL', `${group} is no IPv4 group; groups are 224.0.0.0 to 239.255.255.255`)
    }
    if (sameAddress(group, ALL_SYSTEMS4)) return
    const { maxGroups } = this.settings
    const others = iface.groups.filter((known) => known.family === 4 && !sameAddress(known, ALL_SYSTEMS4))
    if (others.length >= maxGroups && !iface.inGroup(group)) {
      throw failure('ENOBUFS', `${iface.name} is in ${maxGroups} groups, and has no room for ${group}: leave one, or ` +
        `compose ipv4({ maxGroups: ${2 * maxGroups} }) (CONFIG_NET_IF_MCAST_IPV4_ADDR_COUNT)`)
    }
    iface.joinGroup(copyAddress(group))
  }

  leave(iface: Interface, group: Address): void {
    if (!sameAddress(group, ALL_SYSTEMS4)) iface.leaveGroup(group)
  }

  // ---- the way down ----

  route(to: Address, options: RouteOptions): Route | undefined {
    if (to.family !== 4 || isUnspecified(to)) return undefined
    const destination = copyAddress(to)
    const owner = this.#addresses.owner(to)
    if (owner === undefined && isLoopback(to)) return undefined
    const way = owner === undefined ? this.#way(destination, options) : { iface: owner, nextHop: destination }
    if (way === undefined || !way.iface.running || !isCapable(way.iface)) return undefined
    const source = this.#source(destination, way.nextHop, way.iface, options.source, owner !== undefined)
    // RFC 1112 §6.1: a datagram to a group with no time to live is not sent on any network.
    const stays = options.hopLimit === 0 && isMulticast(to)
    if (source === undefined || (stays && options.here)) return undefined
    return new Ipv4Route(this.#sending, {
      iface: way.iface,
      nextHop: way.nextHop,
      source,
      destination,
      protocol: options.protocol,
      hopLimit: options.hopLimit ?? (isMulticast(to) ? MULTICAST_TTL : this.settings.initialTtl),
      trafficClass: options.trafficClass ?? 0,
      mtu: Math.min(this.mtu(way.iface), this.#pathMtu?.(to) ?? MAX_TOTAL),
      local: owner !== undefined || stays || options.here === true,
    })
  }

  /** By which interface, and to whom on its link. */
  #way(to: Address, { iface, source }: RouteOptions): { readonly iface: Interface; readonly nextHop: Address } | undefined {
    if (isMulticast(to) || isBroadcast4(to)) {
      const chosen = iface ?? (source && this.#addresses.owner(source)) ?? this.#groupRoute(to)?.iface ?? this.#addresses.default
      return chosen && { iface: chosen, nextHop: to }
    }
    // The link layer knows one broadcast, whatever the subnet.
    const everyone = iface === undefined ? this.#addresses.broadcasts(to) : this.#addresses.isBroadcast(to, iface) ? iface : undefined
    if (everyone !== undefined) return { iface: everyone, nextHop: BROADCAST4 }
    const row = this.#ip.lookup(to, iface)
    return row && { iface: row.iface, nextHop: row.gateway ?? to }
  }

  /** A route made for groups. The default route leads to a router, and not to who is on a link. */
  #groupRoute(to: Address): RouteEntry | undefined {
    const row = this.#ip.lookup(to)
    return row && row.prefix.length > 0 ? row : undefined
  }

  #source(to: Address, nextHop: Address, iface: Interface, given: Address | undefined, local: boolean): Address | undefined {
    // RFC 1122 §3.2.1.3 a: who has no address yet may speak to everyone on the link, as DHCP and IGMP do; and may say so on purpose.
    if (given !== undefined && isUnspecified(given)) return isMulticast(to) || isBroadcast4(to) ? ANY4 : undefined
    if (given !== undefined) {
      // RFC 1122 §3.2.1.3 g: a loopback address stays in the host.
      const stays = local || iface.medium === 'loopback' || !isLoopback(given)
      return this.owns(given) && stays ? copyAddress(given) : undefined
    }
    if (local) return to
    return this.#addresses.sourceFor(to, nextHop, iface) ?? (isBroadcast4(to) ? ANY4 : undefined)
  }

  // ---- ICMP ----

  ping(address: string | Address, options: PingOptions = {}): Promise<PingResult> {
    return this.#pings.ping(address, options)
  }

  unresolved(packet: NetBuf, nextHop: Address): void {
    this.#errors.unresolved(packet, nextHop)
  }

  refuse(packet: NetBuf, _ip: IpInfo, why: 'port' | 'protocol'): void {
    this.#errors.send(packet, icmpTypes.destinationUnreachable, unreachableCodes[why], 0)
  }

  sendError(packet: NetBuf, type: number, code: number, word: number): void {
    this.#errors.send(packet, type, code, word)
  }

  // ---- extending it ----

  registerIcmp(type: number, handler: IcmpHandler): () => void {
    return this.#icmp.register(type, handler)
  }

  registerForward(handler: ForwardHandler): () => void {
    if (this.#receiver.forward) throw new ConfigError('two features forward IPv4 packets: keep one')
    this.#receiver.forward = handler
    return () => {
      this.#receiver.forward = undefined
    }
  }

  registerFragments(handler: FragmentHandler): () => void {
    if (this.#receiver.fragments) throw new ConfigError('two features take IPv4 fragments: keep one')
    this.#receiver.fragments = handler
    return () => {
      this.#receiver.fragments = undefined
    }
  }

  registerOversize(handler: OversizeHandler): () => void {
    if (this.#sending.oversize) throw new ConfigError('two features send IPv4 packets that are larger than the path: keep one')
    this.#sending.oversize = handler
    return () => {
      this.#sending.oversize = undefined
    }
  }

  registerPathMtu(pathMtu: PathMtu): () => void {
    if (this.#pathMtu) throw new ConfigError('two features know path MTUs: keep one')
    this.#pathMtu = pathMtu
    return () => {
      this.#pathMtu = undefined
    }
  }
}

const entryOf = (address: Address, prefixLength: number, origin: InterfaceAddress['origin']): InterfaceAddress =>
  ({ address, prefixLength, origin, state: 'preferred', preferredUntil: Infinity, validUntil: Infinity })

/** The address and prefix length that a caller gave in one of three forms. */
function prefixOf(given: string | Address, { prefixLength, netmask }: Pick<NewAddress, 'prefixLength' | 'netmask'> = {}): Prefix {
  const whole = typeof given === 'string' && prefixLength === undefined && netmask === undefined ? parsePrefix(given) : undefined
  if (whole !== undefined) return whole
  const example = 'give it as \'192.0.2.1/24\', or as { address, prefixLength: 24 } or { address, netmask: \'255.255.255.0\' }'
  if (prefixLength === undefined && netmask === undefined) {
    throw failure('EINVAL', `the length of the subnet's prefix is missing from ${JSON.stringify(String(given))}; ${example}`)
  }
  const address = typeof given === 'string' ? parse(given) : copyAddress(given)
  const length = prefixLength ?? maskLength(typeof netmask === 'string' ? parse(netmask) : netmask!)
  if (length === undefined || !Number.isInteger(length) || length < 0 || length > 32) {
    throw failure('EINVAL', `${prefixLength ?? netmask} is no prefix length or mask of IPv4; ${example}`)
  }
  return { address, length }
}

/** The address of a router on the link of `iface`, as a caller gave it. */
function gatewayOf(given: string | Address | undefined, iface: Interface): Address | undefined {
  const address = typeof given === 'string' ? parse(given) : given && copyAddress(given)
  if (address !== undefined && (address.family !== 4 || faultOfHost(address, 32, iface) !== undefined)) {
    throw failure('EINVAL', `${address} cannot be a gateway; give the IPv4 address of a router on the link of ${iface.name}`)
  }
  return address
}

/** Why an address cannot be a host's (RFC 1122 §3.2.1.3); undefined when it can. */
function faultOfHost(address: Address, length: number, iface: Interface): string | undefined {
  if (address.family !== 4) return 'it is an IPv6 address; give it to stack.ipv6'
  if (isMulticast(address)) return 'it is a group; join it'
  if (isBroadcast4(address) || address.w3 >>> 24 === 0) return 'it is not a host\'s address'
  if (isLoopback(address) && iface.medium !== 'loopback') return 'loopback addresses are the loopback interface\'s'
  if (length >= 31) return undefined
  if (sameAddress(address, networkOf(address, length))) return 'it is the subnet\'s own number, with nothing in the host\'s bits'
  if (sameAddress(address, broadcastOf(address, length))) return 'it is the subnet\'s broadcast address'
  return undefined
}
