/** Neighbour discovery on a stack: messages in and out around the cache (RFC 4861 §7, §8). */

import type {
  Address, Env, Interface, Ip, IpInfo, LinkAddress, Malformed, NetBuf, Netif, NetifEvent, Resolver, Timer,
} from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import {
  ALL_NODES, ANY6, failure, IPV6, isMulticast, isUnspecified, PROTOCOL_ICMPV6, readAddress, sameAddress, sameLink, solicitedNode,
  withZone, writeAddress,
} from '@favonius/inet'
import type { Ipv6 } from '../ipv6.ts'
import type { ndOptions } from '../options.ts'
import { icmpTypes } from '../wire/icmp.ts'
import {
  ADVERTISEMENT, FLAG_OVERRIDE, FLAG_ROUTER, FLAG_SOLICITED, readAdvertisement, readRedirect, readSolicitation, SOLICITATION, writeNonce,
} from '../wire/nd.ts'
import { linkOptionSize, ND_HOP_LIMIT, ndOptionTypes, writeLinkOption } from '../wire/ndoption.ts'
import { NeighborCache, type Neighbor, type NeighborOutput } from './cache.ts'
import type { Nd, NdListener, Soliciting, TentativeWatcher } from './nd.ts'
import { Redirects } from './redirects.ts'
import { Times, type NewTimes } from './times.ts'

const reasons = {
  invalid: ['nd: invalid message', 'ipv6_nd.drop'],
  replaced: ['nd: a newer packet to the same neighbour waits', 'ipv6.drop'],
  crowded: ['nd: too much waits for neighbours', 'ipv6.drop'],
  unreachable: ['nd: neighbour does not answer', 'ipv6.drop'],
  evicted: ['nd: its neighbour made room for another', 'ipv6.drop'],
  full: ['nd: neighbour cache is full', 'ipv6.drop'],
  flushed: ['nd: its neighbour was forgotten', 'ipv6.drop'],
  redirect: ['nd: redirect not from the first hop', 'ipv6_nd.drop'],
  router: ['nd: redirect to a router', 'ipv6_nd.drop'],
} as const

/** What neighbour discovery stands on. */
export interface NdParts {
  readonly netif: Netif
  readonly ip: Ip
  readonly ipv6: Ipv6
}

/** Reads and validates a message. */
type Reader<M> = (dv: DataView, at: number, end: number, ip: IpInfo, own: LinkAddress) => M | Malformed

/** `nd()` makes one; so does whoever wires a stack by hand. */
export class NeighborDiscovery implements Nd, Resolver {
  readonly #env: Env
  readonly #ipv6: Ipv6
  readonly #netif: Netif
  readonly #ip: Ip
  readonly #cache: NeighborCache
  readonly #times: Times
  readonly #redirects = new Redirects()
  readonly #timer: Timer
  readonly #drops
  readonly #received: number
  readonly #sent: number
  readonly #routers = new Set<Interface>()
  readonly #listeners: NdListener[] = []
  readonly #withdraw: (() => void)[]
  #watcher: TentativeWatcher | undefined

  constructor(env: Env, { netif, ip, ipv6 }: NdParts, options: Settings<typeof ndOptions>) {
    this.#env = env
    this.#ipv6 = ipv6
    this.#netif = netif
    this.#ip = ip
    this.#times = new Times(env.clock, env.random, options)
    this.#cache = new NeighborCache(ipv6.settings.maxNeighbors, this.#times, netif.buffers)
    this.#timer = env.clock.timer((now) => {
      this.#cache.tick(now)
      this.#settle()
    })
    this.#drops = netif.reasons(reasons)
    this.#received = netif.counter('ipv6_nd.recv')
    this.#sent = netif.counter('ipv6_nd.sent')
    this.#withdraw = [
      netif.registerResolver(6, '*', this),
      ipv6.registerIcmp(icmpTypes.neighborSolicitation, (packet, info) => this.#solicited(packet, info)),
      ipv6.registerIcmp(icmpTypes.neighborAdvertisement, (packet, info) => this.#advertised(packet, info)),
      ipv6.registerIcmp(icmpTypes.redirect, (packet, info) => this.#redirected(packet, info)),
      ipv6.registerNextHop(this.#redirects.nextHop),
      netif.listen((event) => this.#happened(event)),
    ]
  }

  stop(): void {
    this.#cache.handle({ type: 'flush', iface: undefined, all: true }, this.#env.clock.now())
    this.#settle()
    this.#timer.cancel()
    for (const withdraw of this.#withdraw) withdraw()
  }

  // ---- the public face ----

  get neighbors(): readonly Neighbor[] {
    return this.#cache.neighbors.map(({ iface, address, link, state, isRouter }) => ({ iface, address, link, state, isRouter }))
  }

  find(iface: Interface, address: Address): Neighbor | undefined {
    return this.#cache.find(iface, address)
  }

  add(iface: Interface, address: Address, link: LinkAddress): void {
    if (isMulticast(address) || isUnspecified(address)) {
      throw failure('EINVAL', `${address} cannot be a neighbour: it takes a unicast address`)
    }
    if (!this.#cache.addStatic(iface, address, link)) {
      const room = this.#ipv6.settings.maxNeighbors
      throw failure('ENOBUFS', `the neighbour cache is full of static entries: compose ipv6({ maxNeighbors: ${room * 2} })`)
    }
    this.#settle()
  }

  remove(iface: Interface, address: Address): void {
    this.#cache.remove(iface, address)
    this.#settle()
  }

  flush(iface?: Interface): void {
    this.#cache.handle({ type: 'flush', iface }, this.#env.clock.now())
    this.#settle()
  }

  confirm(iface: Interface, address: Address): void {
    this.#cache.handle({ type: 'confirmed', iface, address }, this.#env.clock.now())
    this.#settle()
  }

  heard(iface: Interface, address: Address, link: LinkAddress, router?: boolean): void {
    this.#cache.handle({ type: 'heard', iface, address, link, ...(router === undefined ? {} : { router }) }, this.#env.clock.now())
    this.#settle()
  }

  reachableTime(iface: Interface): number {
    return this.#times.reachableTime(iface)
  }

  retransTimer(iface: Interface): number {
    return this.#times.retransTimer(iface)
  }

  setTimes(iface: Interface, times: NewTimes): void {
    this.#times.set(iface, times)
  }

  setRouter(iface: Interface, router: boolean): void {
    if (router) this.#routers.add(iface)
    else this.#routers.delete(iface)
  }

  isRouter(iface: Interface): boolean {
    return this.#routers.has(iface)
  }

  listen(listener: NdListener): () => void {
    this.#listeners.push(listener)
    return () => {
      const at = this.#listeners.indexOf(listener)
      if (at >= 0) this.#listeners.splice(at, 1)
    }
  }

  watchTentative(watcher: TentativeWatcher): () => void {
    this.#watcher = watcher
    return () => {
      if (this.#watcher === watcher) this.#watcher = undefined
    }
  }

  // ---- the packet path ----

  resolve(iface: Interface, nextHop: Address, packet: NetBuf): LinkAddress | undefined {
    return this.#cache.lookup(iface, nextHop) ?? this.#begin(iface, nextHop, packet)
  }

  #begin(iface: Interface, nextHop: Address, packet: NetBuf): LinkAddress | undefined {
    const link = this.#cache.resolve(iface, nextHop, packet, this.#env.clock.now())
    this.#settle()
    return link
  }

  // ---- what the cache wants ----

  #settle(): void {
    for (let output = this.#cache.poll(); output !== undefined; output = this.#cache.poll()) this.#do(output)
    const due = this.#cache.deadline()
    if (due === undefined) this.#timer.cancel()
    else if (due !== this.#timer.due) this.#timer.schedule(due)
  }

  #do(output: NeighborOutput): void {
    switch (output.do) {
      case 'solicit': case 'probe':
        return this.#ask(output.neighbor, output.do === 'probe', output.parked)
      case 'release':
        output.neighbor.iface.l2.send(output.neighbor.iface, output.packet, output.neighbor.link)
        return
      case 'fail': {
        const { iface, packet, why } = output
        if (why === 'unreachable') this.#ipv6.unresolved(packet, output.address)
        return iface.drop(packet, this.#drops[why])
      }
      case 'lost': {
        const { iface, address } = output.neighbor
        if (this.#redirects.forget(iface, address)) this.#ip.changed()
        for (const listener of [...this.#listeners]) listener(output.neighbor, output.why)
      }
    }
  }

  /** RFC 4861 §7.2.2: from the address that the waiting packet is from, where that is ours on this link. */
  #ask({ iface, address }: Neighbor, unicast: boolean, parked: NetBuf | undefined): void {
    const prompted = parked && parked.network >= 0 ? readAddress(parked.dv, parked.network + IPV6.source, 6) : undefined
    const source = prompted && this.#ipv6.owns(prompted, iface) ? prompted : this.#ipv6.sourceFor(address, iface)
    // Without an address that may be used there is no asking: `::` is for duplicate address detection alone.
    if (source) this.solicit(iface, address, { source, destination: unicast ? address : undefined })
  }

  solicit(iface: Interface, target: Address, how: Soliciting = {}): boolean {
    const { source = ANY6, destination = withZone(solicitedNode(target), iface.index), nonce } = how
    const option = isUnspecified(source) ? 0 : linkOptionSize(iface.address)
    const route = this.#ipv6.direct({ iface, source, destination, protocol: PROTOCOL_ICMPV6, hopLimit: ND_HOP_LIMIT })
    const packet = this.#ipv6.message(route, icmpTypes.neighborSolicitation, 0, SOLICITATION.size + option + (nonce ? 8 : 0))
    if (packet === undefined) return false
    const { dv, offset } = packet
    writeAddress(target, dv, offset + SOLICITATION.target)
    if (option > 0) writeLinkOption(dv, offset + SOLICITATION.options, ndOptionTypes.sourceLink, iface.address)
    if (nonce) writeNonce(dv, offset + SOLICITATION.options + option, nonce)
    iface.count(this.#sent)
    return this.#ipv6.sendMessage(packet, route)
  }

  /** RFC 4861 §7.2.4: to who asked, or to all nodes when it cannot be told who did. */
  advertise(iface: Interface, target: Address, asker: Address | undefined): boolean {
    const toAll = asker === undefined || isUnspecified(asker)
    const destination = toAll ? withZone(ALL_NODES, iface.index) : asker
    const option = linkOptionSize(iface.address)
    const route = this.#ipv6.direct({ iface, source: target, destination, protocol: PROTOCOL_ICMPV6, hopLimit: ND_HOP_LIMIT })
    const packet = this.#ipv6.message(route, icmpTypes.neighborAdvertisement, 0, ADVERTISEMENT.size + option)
    if (packet === undefined) return false
    const { dv, offset } = packet
    const flags = FLAG_OVERRIDE | (toAll ? 0 : FLAG_SOLICITED) | (this.#routers.has(iface) ? FLAG_ROUTER : 0)
    dv.setUint8(offset + ADVERTISEMENT.flags, flags)
    writeAddress(target, dv, offset + ADVERTISEMENT.target)
    if (option > 0) writeLinkOption(dv, offset + ADVERTISEMENT.options, ndOptionTypes.targetLink, iface.address)
    iface.count(this.#sent)
    return this.#ipv6.sendMessage(packet, route)
  }

  // ---- messages from the link ----

  /** Counts a message and reads it; undefined, and the packet is dropped, when it does not pass validation. */
  #read<M extends object>(packet: NetBuf, info: IpInfo, reader: Reader<M>): M | undefined {
    info.iface.count(this.#received)
    const message = reader(packet.dv, packet.offset, packet.offset + packet.length, info, info.iface.address)
    if (!('malformed' in message)) return message as M
    info.iface.drop(packet, this.#drops.invalid)
    return undefined
  }

  /** RFC 4861 §7.2.3. */
  #solicited(packet: NetBuf, info: IpInfo): void {
    const message = this.#read(packet, info, readSolicitation)
    if (message === undefined) return
    const { iface, source } = info
    packet.unref()
    const entry = this.#ipv6.find(message.target, iface)
    if (entry === undefined || entry.state === 'duplicate') return
    if (entry.state === 'tentative') {
      // RFC 4862 §5.4.3: from a unicast address it is somebody else's question, and not ours to answer yet.
      if (isUnspecified(source)) this.#watcher?.solicited(iface, entry.address, message.nonce)
      return
    }
    if (!isUnspecified(source) && message.link && !sameLink(message.link, iface.address)) this.heard(iface, source, message.link)
    this.advertise(iface, entry.address, source)
  }

  /** RFC 4861 §7.2.5, and RFC 4862 §5.4.4 for an address of ours. */
  #advertised(packet: NetBuf, info: IpInfo): void {
    const message = this.#read(packet, info, readAdvertisement)
    if (message === undefined) return
    const { iface } = info
    packet.unref()
    const { target, link, solicited, override, router } = message
    const entry = this.#ipv6.find(target, iface)
    if (entry === undefined) {
      this.#cache.handle({ type: 'advertised', iface, target, link, solicited, override, router }, this.#env.clock.now())
      return this.#settle()
    }
    if (entry.state === 'tentative') return this.#watcher?.advertised(iface, entry.address, link)
    // Our own advertisement, come back by a link that loops, is nobody else's.
    if (entry.state === 'duplicate' || (link && sameLink(link, iface.address))) return
    this.#netif.conflict(iface, entry.address, link)
  }

  /** RFC 4861 §8.3. */
  #redirected(packet: NetBuf, info: IpInfo): void {
    const message = this.#read(packet, info, readRedirect)
    if (message === undefined) return
    const { iface, source } = info
    const { target, destination, link } = message
    // RFC 4861 §8.2: a router finds its ways by itself.
    if (this.#routers.has(iface)) return iface.drop(packet, this.#drops.router)
    // RFC 4861 §8.1: only the router that we use for it may send us elsewhere.
    const hop = this.#ipv6.nextHop(destination, iface)
    if (hop === undefined || !sameAddress(hop.address, source)) return iface.drop(packet, this.#drops.redirect)
    packet.unref()
    const onLink = sameAddress(target, destination)
    if (link) this.heard(iface, target, link, onLink ? undefined : true)
    this.#redirects.set(iface, destination, target)
    this.#ip.changed()
  }

  #happened(event: NetifEvent): void {
    const { iface } = event
    if (event.type === 'down' || event.type === 'removed') {
      const all = event.type === 'removed'
      this.#redirects.forget(iface)
      this.#cache.handle({ type: 'flush', iface, all }, this.#env.clock.now())
      this.#settle()
      if (!all) return
      this.#times.forget(iface)
      this.#routers.delete(iface)
    }
  }
}
