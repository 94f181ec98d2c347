/** A router's part of router discovery. Read RFC 4861 §6.2, RFC 4191 §2 and RFC 8106 §5 before changing this file. */

import type { Address, Env, Interface, IpInfo, NetBuf, Netif, NetifEvent, Prefix, Timer } from '@favonius/contract'
import { address as parse, ALL_NODES, ALL_ROUTERS, failure, isLinkLocal, isMulticast, isUnspecified, networkOf, prefix as parsePrefix, PROTOCOL_ICMPV6, withZone } from '@favonius/inet'
import type { Ipv6 } from '../ipv6.ts'
import type { Nd } from '../nd/nd.ts'
import { MINIMUM_MTU } from '../wire/header.ts'
import { icmpTypes } from '../wire/icmp.ts'
import { ND_HOP_LIMIT } from '../wire/ndoption.ts'
import {
  readRouterSolicitation, routerAdvertisementSize, writeRouterAdvertisement, type ContextInformation, type PrefixInformation, type RouteInformation, type RouterAdvertisement,
  type RouterPreference,
} from '../wire/router.ts'
import { Schedule } from './schedule.ts'

/** RFC 4861 §6.2.1: defaults and bounds, in milliseconds. */
const MAX_INTERVAL = 600_000
const INTERVALS = { least: 4000, most: 1_800_000 } as const
const LEAST_MIN_INTERVAL = 3000
const MOST_LIFETIME = 9_000_000
const VALID_LIFETIME = 2_592_000_000
const PREFERRED_LIFETIME = 604_800_000
const HOP_LIMIT = 64

/** A prefix of the link. */
export interface AdvertisedPrefix {
  readonly prefix: string | Prefix
  /** Its addresses are on the link (L); hosts make addresses of it (A). True unless given. */
  readonly onLink?: boolean
  readonly autonomous?: boolean
  /** Milliseconds: 30 and 7 days unless given; Infinity for ever. */
  readonly validLifetime?: number
  readonly preferredLifetime?: number
}

/** A prefix behind us (RFC 4191). */
export interface AdvertisedRoute {
  readonly prefix: string | Prefix
  /** `medium` unless given. */
  readonly preference?: RouterPreference
  /** Milliseconds; that of the router unless given. */
  readonly lifetime?: number
}

/** A prefix that nodes of 6LoWPAN compress addresses by (RFC 6775 §4.2). */
export interface AdvertisedContext {
  /** 0 to 15. */
  readonly id: number
  readonly prefix: string | Prefix
  /** False for one that is new, or going: it is understood, and not yet, or no more, compressed by. True unless given. */
  readonly compress?: boolean
  /** Milliseconds, in whole minutes to 65 535 of them; three intervals unless given, 0 removes it. */
  readonly lifetime?: number
}

/** What is advertised on a link. All times are milliseconds. */
export interface AdvertisingOptions {
  readonly prefixes?: readonly (string | AdvertisedPrefix)[]
  readonly routes?: readonly (string | AdvertisedRoute)[]
  /** Of 6LoWPAN; tell `stack.sixlowpan.setContext` of them too, that we know ourselves what we say. */
  readonly contexts?: readonly AdvertisedContext[]
  /** For how long hosts take us for a default router: 0, or the longest interval to 9 000 s; three intervals unless given. */
  readonly lifetime?: number
  /** `medium` unless given. */
  readonly preference?: RouterPreference
  /** Of the packets that hosts send; 64 unless given, 0 says nothing of it. */
  readonly hopLimit?: number
  /** The MTU option; not said unless given. */
  readonly mtu?: number
  /** 0, which says nothing of it, unless given. */
  readonly reachableTime?: number
  readonly retransTimer?: number
  /** Addresses are to be had by DHCPv6, or other settings are. */
  readonly managed?: boolean
  readonly other?: boolean
  /** Recursive name servers, and domains of short names, valid for three intervals. */
  readonly nameServers?: readonly (string | Address)[]
  readonly searchDomains?: readonly string[]
  /** The longest interval, 4 s to 1 800 s; 600 s unless given. And the shortest; a third of it unless given. */
  readonly maxInterval?: number
  readonly minInterval?: number
}

/** `stack.advertising`. */
export interface Advertising {
  /**
   * Advertises us on a link, from now on or from when it is up, until `end`; what was advertised there before is replaced. Compose
   * `ipv6Forwarding()` beside it to pass on what hosts then send.
   *
   * @throws EINVAL for what RFC 4861 §6.2.1 does not allow, EOPNOTSUPP where the link has no groups.
   */
  begin(iface: Interface, options?: AdvertisingOptions): void
  /** Says that we are no router any more, and falls silent. Harmless when we were none. */
  end(iface: Interface): void
}

/** What advertising stands on. */
export interface AdvertiserParts {
  readonly ipv6: Ipv6
  readonly nd: Nd
  readonly netif: Netif
}

interface Advertised {
  readonly message: Omit<RouterAdvertisement, 'link'>
  /** It was us who made the interface a router's. */
  readonly made: boolean
  readonly least: number
  readonly most: number
}

/** Advertises. `advertising()` makes one. */
export class Advertiser implements Advertising {
  readonly #env: Env
  readonly #ipv6: Ipv6
  readonly #nd: Nd
  readonly #schedule: Schedule
  readonly #timer: Timer
  readonly #drops
  readonly #received: number
  readonly #sent: number
  readonly #advertised = new Map<Interface, Advertised>()
  readonly #withdraw: (() => void)[]

  constructor(env: Env, { ipv6, nd, netif }: AdvertiserParts) {
    this.#env = env
    this.#ipv6 = ipv6
    this.#nd = nd
    this.#schedule = new Schedule(env.random)
    this.#timer = env.clock.timer((now) => {
      this.#schedule.tick(now)
      this.#settle()
    })
    this.#drops = netif.reasons({
      invalid: ['advertising: invalid solicitation', 'ipv6_nd.drop'],
      host: ['advertising: solicitation where we are no router', 'ipv6_nd.drop'],
    })
    this.#received = netif.counter('ipv6_nd.recv')
    this.#sent = netif.counter('ipv6_nd.sent')
    this.#withdraw = [
      ipv6.registerIcmp(icmpTypes.routerSolicitation, (packet, info) => this.#solicited(packet, info)),
      netif.listen((event) => this.#happened(event)),
    ]
  }

  /** Hosts are told, as far as a last message can. */
  stop(): void {
    for (const iface of [...this.#advertised.keys()]) this.end(iface)
    this.#timer.cancel()
    for (const withdraw of this.#withdraw) withdraw()
  }

  begin(iface: Interface, options: AdvertisingOptions = {}): void {
    if (!iface.l2.flags.multicast || iface.medium === 'loopback') throw failure('EOPNOTSUPP', `${iface.name} cannot multicast: nobody would hear an advertisement`)
    const { message, least, most } = read(options)
    const before = this.#advertised.get(iface)
    const made = before?.made ?? !this.#nd.isRouter(iface)
    this.#advertised.set(iface, { message, made, least, most })
    if (before === undefined) iface.joinGroup(withZone(ALL_ROUTERS, iface.index))
    if (made) this.#nd.setRouter(iface, true)
    if (iface.running) this.#begin(iface, least, most)
  }

  end(iface: Interface): void {
    const was = this.#advertised.get(iface)
    if (was === undefined) return
    // RFC 4861 §6.2.5.
    this.#advertise(iface, { ...was.message, lifetime: 0 })
    this.#advertised.delete(iface)
    this.#schedule.handle({ type: 'end', iface }, this.#env.clock.now())
    iface.leaveGroup(withZone(ALL_ROUTERS, iface.index))
    if (was.made) this.#nd.setRouter(iface, false)
    this.#settle()
  }

  #begin(iface: Interface, least: number, most: number): void {
    this.#schedule.handle({ type: 'begin', iface, least, most }, this.#env.clock.now())
    this.#settle()
  }

  #settle(): void {
    const now = this.#env.clock.now()
    this.#schedule.tick(now)
    for (let iface = this.#schedule.poll(); iface !== undefined; iface = this.#schedule.poll()) {
      const advertised = this.#advertised.get(iface)
      if (advertised !== undefined) this.#advertise(iface, advertised.message)
    }
    const due = this.#schedule.deadline()
    if (due === undefined) this.#timer.cancel()
    else this.#timer.schedule(due)
  }

  #advertise(iface: Interface, message: Omit<RouterAdvertisement, 'link'>): boolean {
    const group = withZone(ALL_NODES, iface.index)
    const source = this.#ipv6.sourceFor(group, iface)
    if (source === undefined || !isLinkLocal(source)) return false
    const whole = { ...message, link: iface.address.length > 0 ? iface.address : undefined }
    const route = this.#ipv6.direct({ iface, source, destination: group, protocol: PROTOCOL_ICMPV6, hopLimit: ND_HOP_LIMIT })
    const packet = this.#ipv6.message(route, icmpTypes.routerAdvertisement, 0, routerAdvertisementSize(whole))
    if (packet === undefined) return false
    writeRouterAdvertisement(whole, packet.dv, packet.offset)
    iface.count(this.#sent)
    return this.#ipv6.sendMessage(packet, route)
  }

  /** RFC 4861 §6.2.6. */
  #solicited(packet: NetBuf, info: IpInfo): void {
    const { iface, source } = info
    iface.count(this.#received)
    const message = readRouterSolicitation(packet.dv, packet.offset, packet.offset + packet.length, info, iface.address)
    if ('malformed' in message) return iface.drop(packet, this.#drops.invalid)
    if (!this.#advertised.has(iface)) return iface.drop(packet, this.#drops.host)
    packet.unref()
    // Who solicits is no router.
    if (message.link !== undefined && !isUnspecified(source)) this.#nd.heard(iface, source, message.link, false)
    this.#schedule.handle({ type: 'solicited', iface }, this.#env.clock.now())
    this.#settle()
  }

  #happened(event: NetifEvent): void {
    const { iface } = event
    const advertised = this.#advertised.get(iface)
    if (advertised === undefined) return
    switch (event.type) {
      case 'address-changed':
        // It can be sent from only now.
        if (event.entry.state !== 'preferred' || !isLinkLocal(event.entry.address)) return
        return this.#begin(iface, advertised.least, advertised.most)
      case 'up':
        if (this.#ipv6.sourceFor(withZone(ALL_NODES, iface.index), iface)) this.#begin(iface, advertised.least, advertised.most)
        return
      case 'down':
        this.#schedule.handle({ type: 'end', iface }, this.#env.clock.now())
        return this.#settle()
      case 'removed':
        this.#advertised.delete(iface)
        this.#schedule.handle({ type: 'end', iface }, this.#env.clock.now())
        this.#settle()
    }
  }
}

/** What is advertised, as it is on the wire; and between how many milliseconds. */
function read(options: AdvertisingOptions): { readonly message: Omit<RouterAdvertisement, 'link'>; readonly least: number; readonly most: number } {
  const { maxInterval: most = MAX_INTERVAL, hopLimit = HOP_LIMIT, mtu } = options
  const within = (what: string, value: number, low: number, high: number): void => {
    if (!(value >= low && value <= high)) throw failure('EINVAL', `${what} is ${value}: give ${low} to ${high} (RFC 4861 §6.2.1)`)
  }
  within('maxInterval', most, INTERVALS.least, INTERVALS.most)
  const least = options.minInterval ?? Math.max(LEAST_MIN_INTERVAL, most * 0.33)
  within('minInterval', least, LEAST_MIN_INTERVAL, most * 0.75)
  const lifetime = options.lifetime ?? 3 * most
  if (lifetime !== 0) within('lifetime', lifetime, most, MOST_LIFETIME)
  within('hopLimit', hopLimit, 0, 255)
  if (mtu !== undefined) within('mtu', mtu, MINIMUM_MTU, 0xffff_ffff)
  const nameServers = (options.nameServers ?? []).map((server) => (typeof server === 'string' ? parse(server) : server))
  for (const server of nameServers) if (server.family !== 6) throw failure('EINVAL', `${server} is no IPv6 address: hosts take no other name server from a router`)
  for (const domain of options.searchDomains ?? []) {
    if (!/^(?!.{254})([\w-]{1,63}\.)*[\w-]{1,63}$/.test(domain)) throw failure('EINVAL', `${JSON.stringify(domain)} is no domain name: write example.org, in ASCII`)
  }
  return {
    least, most,
    message: {
      hopLimit, lifetime, mtu,
      managed: options.managed ?? false,
      other: options.other ?? false,
      preference: options.preference ?? 'medium',
      reachableTime: options.reachableTime ?? 0,
      retransTimer: options.retransTimer ?? 0,
      prefixes: (options.prefixes ?? []).map((one) => readPrefix(typeof one === 'string' ? { prefix: one } : one)),
      routes: (options.routes ?? []).map((one): RouteInformation => {
        const route = typeof one === 'string' ? { prefix: one } : one
        return { prefix: network(route.prefix), preference: route.preference ?? 'medium', lifetime: route.lifetime ?? lifetime }
      }),
      nameServers: nameServers.length > 0 ? [{ servers: nameServers, lifetime: 3 * most }] : [],
      searchLists: options.searchDomains?.length ? [{ domains: options.searchDomains, lifetime: 3 * most }] : [],
      contexts: (options.contexts ?? []).map((one) => readContext(one, 3 * most)),
    },
  }
}

function readPrefix({ prefix, onLink = true, autonomous = true, validLifetime = VALID_LIFETIME, preferredLifetime = Math.min(PREFERRED_LIFETIME, validLifetime) }: AdvertisedPrefix): PrefixInformation {
  if (!(preferredLifetime >= 0 && validLifetime >= preferredLifetime)) {
    throw failure('EINVAL', `preferredLifetime ${preferredLifetime}, validLifetime ${validLifetime}: an address cannot be preferred for longer than it is valid`)
  }
  const of = network(prefix)
  if (isLinkLocal(of.address)) throw failure('EINVAL', `${of.address}/${of.length} is on every link: it is not advertised (RFC 4861 §4.6.2)`)
  return { prefix: of, onLink, autonomous, validLifetime, preferredLifetime }
}

/** As `sixlowpan.setContext` wants it. */
function readContext({ id, prefix, compress = true, lifetime: given }: AdvertisedContext, usual: number): ContextInformation {
  const lifetime = given ?? usual
  if (!(Number.isInteger(id) && id >= 0 && id <= 15)) throw failure('EINVAL', `${id} is no number of a context: they are 0 to 15 (RFC 6775 §4.2)`)
  if (!(lifetime >= 0)) throw failure('EINVAL', `a context cannot live for ${lifetime} ms: write 0 or more`)
  return { id, prefix: network(prefix), compress, lifetime }
}

function network(given: string | Prefix): Prefix {
  const { address, length } = typeof given === 'string' ? parsePrefix(given) : given
  if (address.family !== 6 || isMulticast(address)) throw failure('EINVAL', `${address}/${length} is no IPv6 unicast prefix: write 2001:db8:1::/64`)
  return { address: networkOf(address, length), length }
}
