/**
 * The ARP table: RFC 826, with the host rules of RFC 1122 §2.3.2. Read both before touching it.
 *
 * ```text
 *            resolve           reply              used after reachableTime         no answer
 *   (none) ---------> pending -------> resolved ---------------------> refreshing -----------> (none)
 *                        | no answer      ^                                | reply
 *                        v                +--------------------------------+
 *                      (none)
 * ```
 *
 * Zephyr asks once and forgets an entry only when another needs its place; asking three times, and asking a used neighbour
 * again, is RFC 1122's advice.
 */

import type { Address, DropReason, Env, Instant, Interface, Ip, L2, LinkAddress, Medium, NetBuf, Netif, Resolver, Timer } from '@favonius/contract'
import { ConfigError, type Settings } from '@favonius/kconfig'
import { ANY4, ETHERNET_BROADCAST, ETHERTYPE_ARP, inPrefix, isUnspecified, linkAddress, NO_LINK_ADDRESS, sameLink } from '@favonius/inet'
import { Parking, type Awaited } from '@favonius/netif'
import type { arpOptions } from '../options.ts'
import { GROUP_BIT } from '../wire.ts'
import { LENGTH, readArp, REPLY, REQUEST, writeArp, type ArpPacket } from './wire.ts'

/** RFC 1122 §2.3.2.1: no more than one request a second for one address. */
const REQUEST_INTERVAL = 1000
/** Requests without an answer before we give up. */
const MAX_REQUESTS = 3
/** RFC 5227 §2.4(c): an address is defended once in this time. */
const DEFEND_INTERVAL = 10_000

const UNKNOWN = /* @__PURE__ */ linkAddress(6, 0, 0)

/** A remembered neighbour, as shown to people. */
export interface ArpNeighbor {
  readonly iface: Interface
  readonly address: Address
  /** Empty while it is not known. */
  readonly link: LinkAddress
  readonly state: 'pending' | 'resolved' | 'refreshing'
}

/** `stack.arp`. */
export interface Arp {
  readonly neighbors: readonly ArpNeighbor[]
  /** Forgets every neighbour, or those of one interface; packets that wait for one are dropped and counted. */
  flush(iface?: Interface): void
  /** Asks whether anyone has an address, as one who has none (RFC 5227 §1.1, ARP Probe). */
  probe(iface: Interface, address: Address): void
  /** Says once more that an address is ours (RFC 5227 §2.3); nothing when it is not. */
  announce(iface: Interface, address: Address): void
  /** Sees who speaks, for address conflict detection; ConfigError when somebody does already. */
  watch(watcher: ArpWatcher): () => void
}

/** Sees each well-formed ARP packet of another station. */
export type ArpWatcher = (iface: Interface, sender: Address, target: Address, link: LinkAddress) => void

class Entry implements ArpNeighbor, Awaited {
  readonly iface: Interface
  readonly address: Address
  link: LinkAddress = NO_LINK_ADDRESS
  state: ArpNeighbor['state'] = 'pending'
  waiting = 0
  requests = 0
  /** When it is asked for again, while pending or refreshing; when it is to be refreshed, once resolved. */
  due: Instant = 0
  used: Instant = 0

  constructor(iface: Interface, address: Address) {
    this.iface = iface
    this.address = address
  }
}

/** What an ARP table stands on. */
export interface ArpParts {
  readonly env: Env
  readonly netif: Netif
  /** Whose medium it resolves on: its own interfaces, and those above them, as VLANs are. */
  readonly l2: L2
  /** Who is told of a packet for which no one answered; nobody, unless it is given. */
  readonly ip: Ip | undefined
  readonly options: Settings<typeof arpOptions>
}

/** ARP on every interface of one medium. `arp()` makes one; so does whoever wires a stack by hand. */
export class ArpTable implements Arp, Resolver {
  readonly #entries: Entry[] = []
  readonly neighbors: readonly ArpNeighbor[] = this.#entries
  readonly #env: Env
  readonly #netif: Netif
  readonly #medium: Medium
  readonly #ip: Ip | undefined
  readonly #options: Settings<typeof arpOptions>
  readonly #timer: Timer
  readonly #drops
  readonly #counters
  readonly #parking: Parking<Entry>
  readonly #ends: (() => void)[]
  #lastDefence: Instant = -Infinity
  #watcher: ArpWatcher | undefined

  constructor({ env, netif, l2, ip, options }: ArpParts) {
    this.#env = env
    this.#netif = netif
    this.#medium = l2.medium
    this.#ip = ip
    this.#options = options
    this.#timer = env.clock.timer((now) => this.#tick(now))
    this.#drops = netif.reasons({
      otherStation: ['arp: for another station'],
      malformed: ['arp: malformed', 'arp.drop', 'top.processing_error'],
      sender: ['arp: sender cannot be a neighbour', 'arp.drop'],
      noAnswer: ['arp: no answer'],
      replaced: ['arp: a newer packet waits'],
      crowded: ['arp: too much waits for neighbours'],
      evicted: ['arp: no room in the table'],
      noSource: ['arp: no IPv4 address to ask from'],
    })
    this.#parking = new Parking(netif.buffers, ({ iface }, packet, why) => iface.drop(packet, this.#drops[why]))
    this.#counters = { recv: netif.counter('arp.recv'), sent: netif.counter('arp.sent') }
    this.#ends = [
      netif.registerProtocol(ETHERTYPE_ARP, (iface, packet) => this.#receive(iface, packet)),
      netif.registerResolver(4, l2.medium, this),
      netif.listen((event) => {
        if (event.iface.medium !== this.#medium) return
        if (event.type === 'up') for (const { address } of event.iface.addresses) this.#announce(event.iface, address)
        else if (event.type === 'address-added') this.#announce(event.iface, event.entry.address)
        else if (event.type === 'down' || event.type === 'removed') this.flush(event.iface)
      }),
    ]
  }

  stop(): void {
    this.flush()
    this.#timer.cancel()
    for (const end of this.#ends) end()
  }

  flush(iface?: Interface): void {
    for (const entry of [...this.#entries]) if (iface === undefined || entry.iface === iface) this.#forget(entry, this.#drops.noAnswer)
  }

  // ---- resolving ----

  resolve(iface: Interface, nextHop: Address, packet: NetBuf): LinkAddress | undefined {
    const now = this.#env.clock.now()
    let entry = this.#find(iface, nextHop)
    if (entry === undefined) {
      entry = new Entry(iface, nextHop)
      this.#makeRoom(now)
      this.#entries.push(entry)
    }
    entry.used = now
    if (entry.link.length > 0) {
      if (entry.state === 'resolved' && now >= entry.due) {
        entry.state = 'refreshing'
        entry.requests = 0
        this.#ask(entry, now)
      }
      return entry.link
    }
    this.#parking.park(entry, packet)
    if (entry.requests === 0) this.#ask(entry, now)
    return undefined
  }

  #find(iface: Interface, address: Address): Entry | undefined {
    for (let i = 0; i < this.#entries.length; i++) {
      const entry = this.#entries[i]!
      if (entry.address.w3 === address.w3 && entry.iface === iface) return entry
    }
    return undefined
  }

  /**
   * The least recently used makes room: of neighbours that are not in use, or else of those who have not answered, who may not
   * exist; so that whoever makes us ask for many takes none from us to whom we speak.
   */
  #makeRoom(now: Instant): void {
    if (this.#entries.length < this.#options.tableSize) return
    const worth = ({ state, used }: Entry): number => (state === 'pending' ? 1 : used + MAX_REQUESTS * REQUEST_INTERVAL < now ? 0 : 2)
    let victim = this.#entries[0]!
    for (const entry of this.#entries) if ((worth(entry) - worth(victim) || entry.used - victim.used) < 0) victim = entry
    this.#forget(victim, this.#drops.evicted)
  }

  #forget(entry: Entry, reason: DropReason): void {
    this.#entries.splice(this.#entries.indexOf(entry), 1)
    for (const packet of this.#parking.take(entry)) {
      this.#ip?.layer(4)?.unresolved(packet, entry.address)
      entry.iface.drop(packet, reason)
    }
  }

  #ask(entry: Entry, now: Instant): void {
    const source = this.#sourceFor(entry.iface, entry.address)
    if (source === undefined) return this.#forget(entry, this.#drops.noSource)
    entry.requests++
    entry.due = now + REQUEST_INTERVAL
    if (this.#timer.due === undefined || this.#timer.due > entry.due) this.#timer.schedule(entry.due)
    const { iface, address, link } = entry
    const known = link.length > 0
    this.#send(iface, known ? link : ETHERNET_BROADCAST, {
      operation: REQUEST, senderLink: iface.address, sender: source, targetLink: known ? link : UNKNOWN, target: address,
    })
  }

  /** Our address in the neighbour's subnet, or else the first one: RFC 1122 §3.3.4.3. */
  #sourceFor(iface: Interface, address: Address): Address | undefined {
    let first: Address | undefined
    for (const entry of iface.addresses) {
      if (entry.address.family !== 4 || entry.state === 'duplicate') continue
      if (inPrefix({ address: entry.address, length: entry.prefixLength }, address)) return entry.address
      first ??= entry.address
    }
    return first
  }

  #tick(now: Instant): void {
    for (const entry of [...this.#entries]) {
      if (entry.state === 'resolved' || entry.due > now) continue
      if (entry.requests >= MAX_REQUESTS) this.#forget(entry, this.#drops.noAnswer)
      else this.#ask(entry, now)
    }
    let next = Infinity
    for (const entry of this.#entries) if (entry.state !== 'resolved') next = Math.min(next, entry.due)
    if (next < Infinity) this.#timer.schedule(next)
  }

  // ---- hearing ----

  #receive(iface: Interface, packet: NetBuf): void {
    if (packet.cast === 3) return iface.drop(packet, this.#drops.otherStation)
    iface.count(this.#counters.recv)
    const arp = readArp(packet.dv, packet.offset, packet.length)
    if (iface.medium !== this.#medium || 'malformed' in arp) return iface.drop(packet, this.#drops.malformed)
    if ((arp.senderLink.hi >> 8 & GROUP_BIT) !== 0 || sameLink(arp.senderLink, UNKNOWN)) return iface.drop(packet, this.#drops.sender)
    packet.unref()
    this.#handle(iface, arp)
  }

  #handle(iface: Interface, arp: ArpPacket): void {
    // What a link brings back of our own says nothing.
    if (this.#watcher !== undefined && !sameLink(arp.senderLink, iface.address)) this.#watcher(iface, arp.sender, arp.target, arp.senderLink)
    const ours = iface.addresses.find(({ address }) => address.family === 4 && address.w3 === arp.target.w3)
    const claimed = iface.addresses.find(({ address }) => address.family === 4 && address.w3 === arp.sender.w3)
    if (claimed !== undefined && !sameLink(arp.senderLink, iface.address)) return this.#defend(iface, claimed.address, arp.senderLink)

    // RFC 826 «Packet Reception»: merge first, whatever the operation; then, when we are asked, remember who asks.
    const announcement = arp.sender.w3 === arp.target.w3
    const known = this.#find(iface, arp.sender)
    if (known !== undefined && (!announcement || this.#options.gratuitous)) this.#learn(known, arp.senderLink)
    if (ours === undefined || announcement || arp.operation !== REQUEST) return
    if (known === undefined && !isUnspecified(arp.sender) && this.#entries.length < this.#options.tableSize) {
      const entry = new Entry(iface, arp.sender)
      this.#entries.push(entry)
      this.#learn(entry, arp.senderLink)
    }
    this.#send(iface, arp.senderLink, {
      operation: REPLY, senderLink: iface.address, sender: ours.address, targetLink: arp.senderLink, target: arp.sender,
    })
  }

  #learn(entry: Entry, link: LinkAddress): void {
    entry.link = link
    entry.state = 'resolved'
    entry.due = this.#env.clock.now() + this.#options.reachableTime
    for (const packet of this.#parking.take(entry)) entry.iface.l2.send(entry.iface, packet, link)
  }

  /** RFC 5227 §2.4(c): tell of the conflict, and claim the address once more, but not for ever. */
  #defend(iface: Interface, address: Address, by: LinkAddress): void {
    this.#netif.conflict(iface, address, by)
    const now = this.#env.clock.now()
    if (now - this.#lastDefence < DEFEND_INTERVAL) return
    this.#lastDefence = now
    this.#announce(iface, address)
  }

  watch(watcher: ArpWatcher): () => void {
    if (this.#watcher !== undefined) throw new ConfigError('two features watch ARP: keep one')
    this.#watcher = watcher
    return () => {
      this.#watcher = undefined
    }
  }

  // ---- speaking ----

  probe(iface: Interface, address: Address): void {
    if (!iface.running) return
    this.#send(iface, ETHERNET_BROADCAST, { operation: REQUEST, senderLink: iface.address, sender: ANY4, targetLink: UNKNOWN, target: address })
  }

  announce(iface: Interface, address: Address): void {
    if (iface.addresses.some((entry) => entry.address.w3 === address.w3 && entry.address.family === 4)) this.#announce(iface, address)
  }

  /** RFC 5227 §2.3: a request for our own address, that no one need answer. */
  #announce(iface: Interface, address: Address): void {
    if (address.family !== 4 || !iface.running || !this.#options.gratuitous) return
    this.#send(iface, ETHERNET_BROADCAST, { operation: REQUEST, senderLink: iface.address, sender: address, targetLink: UNKNOWN, target: address })
  }

  #send(iface: Interface, to: LinkAddress, arp: ArpPacket): void {
    const packet = this.#netif.buffers.alloc(LENGTH, iface.headroom)
    if (packet === undefined) return
    packet.protocol = ETHERTYPE_ARP
    writeArp(arp, packet.dv, packet.add(LENGTH))
    if (iface.l2.send(iface, packet, to)) iface.count(this.#counters.sent)
  }
}
