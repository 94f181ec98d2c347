/**
 * The neighbour cache (RFC 4861 §5.1, §7.2, §7.3) as a machine: it is told what happens and when, says what is to be sent,
 * and owns no clock. What it does in which state is in `states.ts`.
 */

import type { Address, BufferPool, Instant, Interface, LinkAddress, Machine, NetBuf } from '@favonius/contract'
import { earliest, hashAddress, isLinkLocal, NO_LINK_ADDRESS, sameAddress, sameLink, withZone } from '@favonius/inet'
import { Parking, type Awaited, type Displacement } from '@favonius/netif'
import { DELAY_FIRST_PROBE_TIME, transitions, tries, type NeighborEvent, type NeighborState } from './states.ts'

/** A neighbour as others see it. */
export interface Neighbor {
  readonly iface: Interface
  readonly address: Address
  /** Empty while it is not known. */
  readonly link: LinkAddress
  readonly state: NeighborState
  readonly isRouter: boolean
}

/** An entry of the cache. */
class Entry implements Neighbor, Awaited {
  readonly iface: Interface
  readonly address: Address
  link: LinkAddress = NO_LINK_ADDRESS
  state: NeighborState
  isRouter = false
  waiting = 0
  /** When its timer fires; Infinity when it has none. */
  due: Instant = Infinity
  /** Solicitations sent in this state. */
  sent = 0
  /** Order of last use, for eviction. */
  used = 0

  constructor(iface: Interface, address: Address, state: NeighborState) {
    this.iface = iface
    this.address = address
    this.state = state
  }
}

/** How long things take on a link (RFC 4861 §6.3.2). */
export interface NeighborTimes {
  /** Milliseconds for which a neighbour counts as reachable: drawn from 0.5 to 1.5 times what is set. */
  reachableTime(iface: Interface): number
  /** Milliseconds between solicitations. */
  retransTimer(iface: Interface): number
}

/** What can be told to the cache. */
export type NeighborInput =
  /** A solicitation, router message or redirect carried a neighbour's link address. `router` where the message tells. */
  | { readonly type: 'heard'; readonly iface: Interface; readonly address: Address; readonly link: LinkAddress; readonly router?: boolean }
  /** A valid advertisement (RFC 4861 §7.2.5). */
  | {
    readonly type: 'advertised'; readonly iface: Interface; readonly target: Address; readonly link: LinkAddress | undefined
    readonly solicited: boolean; readonly override: boolean; readonly router: boolean
  }
  /** An upper layer knows that packets to it arrive (RFC 4861 §7.3.1). */
  | { readonly type: 'confirmed'; readonly iface: Interface; readonly address: Address }
  /** The interface (each of them when undefined) went down: what was learned of its link is forgotten; with `all`, STATIC entries too. */
  | { readonly type: 'flush'; readonly iface: Interface | undefined; readonly all?: boolean }

/** Why a packet that waited for its neighbour's link address is given up. */
export type ResolutionFailure = Displacement | 'unreachable' | 'evicted' | 'full' | 'flushed'

/** What the cache wants done. */
export type NeighborOutput =
  /** `parked` waits the longest. */
  | { readonly do: 'solicit' | 'probe'; readonly neighbor: Neighbor; readonly parked: NetBuf | undefined }
  /** A packet that waited may go. Its reference passes. */
  | { readonly do: 'release'; readonly neighbor: Neighbor; readonly packet: NetBuf }
  /** The packet cannot go: the neighbour does not answer, newer ones took its place, or there is no room. Its reference passes. */
  | { readonly do: 'fail'; readonly why: ResolutionFailure; readonly iface: Interface; readonly address: Address; readonly packet: NetBuf }
  /** The entry is gone, or is a router no more: ways by it must be found anew (RFC 4861 §7.3.3). */
  | { readonly do: 'lost'; readonly why: 'unreachable' | 'not a router'; readonly neighbor: Neighbor }

/** Which entries make room first: those not in use, then those that may not exist; STATIC ones never do. */
const worth: Readonly<Record<NeighborState, number>> = { STALE: 0, INCOMPLETE: 1, REACHABLE: 2, DELAY: 2, PROBE: 2, STATIC: Infinity }

/** The cache. */
export class NeighborCache implements Machine<NeighborInput, NeighborOutput> {
  readonly #max: number
  readonly #times: NeighborTimes
  readonly #entries: Entry[] = []
  /** Open hash: position in `#entries` and 1, or 0. At least half of it is empty. */
  readonly #table: Uint8Array
  readonly #mask: number
  readonly #outputs: NeighborOutput[] = []
  readonly #parking: Parking<Entry>
  #uses = 0

  /** `max` is 1–254. What may be parked depends on the quota of `buffers`. */
  constructor(max: number, times: NeighborTimes, buffers: Pick<BufferPool, 'quota'>) {
    this.#max = max
    this.#times = times
    this.#parking = new Parking(buffers, ({ iface, address }, packet, why) => this.#outputs.push({ do: 'fail', why, iface, address, packet }))
    const size = 1 << (33 - Math.clz32(max))
    this.#table = new Uint8Array(size)
    this.#mask = size - 1
  }

  /** All entries, oldest first. */
  get neighbors(): readonly Neighbor[] {
    return this.#entries
  }

  // ---- the packet path ----

  find(iface: Interface, address: Address): Neighbor | undefined {
    return this.#find(iface, address)
  }

  #find(iface: Interface, address: Address): Entry | undefined {
    const mask = this.#mask
    for (let slot = hashAddress(address) & mask; ; slot = (slot + 1) & mask) {
      const n = this.#table[slot]!
      if (n === 0) return undefined
      const entry = this.#entries[n - 1]!
      if (entry.iface === iface && sameAddress(entry.address, address)) return entry
    }
  }

  /** The link address of a neighbour that may be sent to without further ado; undefined leaves it to `resolve`. */
  lookup(iface: Interface, address: Address): LinkAddress | undefined {
    const entry = this.#find(iface, address)
    if (entry === undefined || entry.state === 'STALE' || entry.state === 'INCOMPLETE') return undefined
    entry.used = ++this.#uses
    return entry.link
  }

  /** The link address to send `packet` to; or undefined, and its reference is taken until it is known. */
  resolve(iface: Interface, address: Address, packet: NetBuf, now: Instant): LinkAddress | undefined {
    let entry = this.#find(iface, address)
    if (entry === undefined) {
      entry = this.#add(iface, address, 'INCOMPLETE')
      if (entry === undefined) {
        this.#outputs.push({ do: 'fail', why: 'full', iface, address, packet })
        return undefined
      }
      this.#parking.park(entry, packet)
      this.#enter(entry, 'INCOMPLETE', now)
      this.#solicit(entry, 'solicit', now)
      return undefined
    }
    entry.used = ++this.#uses
    if (entry.state === 'STALE') this.#happen(entry, 'send', now)
    if (entry.state !== 'INCOMPLETE') return entry.link
    this.#parking.park(entry, packet)
    return undefined
  }

  // ---- the machine ----

  handle(input: NeighborInput, now: Instant): void {
    switch (input.type) {
      case 'heard': return this.#heard(input, now)
      case 'advertised': return this.#advertised(input, now)
      case 'confirmed': {
        const entry = this.#find(input.iface, input.address)
        if (entry) this.#happen(entry, 'confirmed', now)
        return
      }
      case 'flush': return this.#flush(input)
    }
  }

  tick(now: Instant): void {
    for (const entry of [...this.#entries]) {
      if (entry.due > now) continue
      this.#happen(entry, entry.sent >= (tries[entry.state] ?? Infinity) ? 'exhausted' : 'timeout', now)
    }
  }

  poll(): NeighborOutput | undefined {
    return this.#outputs.shift()
  }

  deadline(): Instant | undefined {
    return earliest(this.#entries)
  }

  /** Adds or changes an entry that never expires. False when all that could make room is static too. */
  addStatic(iface: Interface, address: Address, link: LinkAddress): boolean {
    const entry = this.#find(iface, address) ?? this.#add(iface, address, 'STATIC')
    if (entry === undefined) return false
    entry.state = 'STATIC'
    entry.link = link
    entry.due = Infinity
    this.#release(entry)
    return true
  }

  /** Deletes an entry, whatever its state. Harmless when there is none. */
  remove(iface: Interface, address: Address): void {
    const entry = this.#find(iface, address)
    if (entry) this.#forget(entry, 'flushed')
  }

  // ---- what happens ----

  /** RFC 4861 §7.2.3: who asks for us, or tells of itself, need not be asked for. */
  #heard({ iface, address, link, router }: NeighborInput & { type: 'heard' }, now: Instant): void {
    let entry = this.#find(iface, address)
    if (entry === undefined) {
      entry = this.#add(iface, address, 'STALE')
      if (entry === undefined) return
      entry.link = link
    } else {
      this.#happen(entry, sameLink(entry.link, link) ? 'heard same' : 'heard other', now, link)
    }
    if (router !== undefined && entry.state !== 'STATIC') this.#flag(entry, router)
  }

  #advertised({ iface, target, link, solicited, override, router }: NeighborInput & { type: 'advertised' }, now: Instant): void {
    const entry = this.#find(iface, target)
    // RFC 4861 §7.2.5: without an entry there is nothing to learn; without an address, nothing to learn it from.
    if (entry === undefined || (entry.state === 'INCOMPLETE' && link === undefined)) return
    const how = link === undefined || sameLink(entry.link, link) ? 'same' : override ? 'override' : 'other'
    this.#happen(entry, `${solicited ? 'solicited' : 'unsolicited'} ${how}`, now, link, router)
  }

  #happen(entry: Entry, event: NeighborEvent, now: Instant, link?: LinkAddress, router?: boolean): void {
    const transition = transitions[entry.state][event]
    if (transition === undefined) return
    const { next, does } = transition
    if (next !== undefined) this.#enter(entry, next, now)
    for (const action of does) {
      switch (action) {
        case 'record':
          if (link) entry.link = link
          break
        case 'flag':
          this.#flag(entry, router ?? false)
          break
        case 'release':
          this.#release(entry)
          break
        case 'forget':
          this.#forget(entry, 'unreachable')
          break
        default:
          this.#solicit(entry, action, now)
      }
    }
  }

  #enter(entry: Entry, state: NeighborState, now: Instant): void {
    entry.state = state
    entry.sent = 0
    entry.due = state === 'REACHABLE' ? now + this.#times.reachableTime(entry.iface)
      : state === 'DELAY' ? now + DELAY_FIRST_PROBE_TIME : Infinity
  }

  #solicit(entry: Entry, action: 'solicit' | 'probe', now: Instant): void {
    entry.sent++
    entry.due = now + this.#times.retransTimer(entry.iface)
    this.#outputs.push({ do: action, neighbor: entry, parked: this.#parking.oldest(entry) })
  }

  #release(entry: Entry): void {
    for (const packet of this.#parking.take(entry)) this.#outputs.push({ do: 'release', neighbor: entry, packet })
  }

  #flag(entry: Entry, router: boolean): void {
    const was = entry.isRouter
    entry.isRouter = router
    if (was && !router) this.#outputs.push({ do: 'lost', why: 'not a router', neighbor: entry })
  }

  // ---- the table ----

  #add(iface: Interface, address: Address, state: NeighborState): Entry | undefined {
    if (this.#entries.length >= this.#max && !this.#makeRoom()) return undefined
    const entry = new Entry(iface, withZone(address, isLinkLocal(address) ? iface.index : 0), state)
    entry.used = ++this.#uses
    this.#entries.push(entry)
    this.#insert(this.#entries.length)
    return entry
  }

  /** Evicts the least recently used entry among those of the least worth. False when all are static. */
  #makeRoom(): boolean {
    let victim: Entry | undefined
    for (const entry of this.#entries) {
      if (entry.state === 'STATIC') continue
      const more = victim ? worth[entry.state] - worth[victim.state] || entry.used - victim.used : -1
      if (more < 0) victim = entry
    }
    if (victim) this.#forget(victim, 'evicted')
    return victim !== undefined
  }

  #flush({ iface, all = false }: NeighborInput & { type: 'flush' }): void {
    for (const entry of [...this.#entries]) {
      if ((all || entry.state !== 'STATIC') && (iface === undefined || entry.iface === iface)) this.#forget(entry, 'flushed')
    }
  }

  #forget(entry: Entry, why: 'unreachable' | 'evicted' | 'flushed'): void {
    this.#entries.splice(this.#entries.indexOf(entry), 1)
    this.#table.fill(0)
    for (let n = 1; n <= this.#entries.length; n++) this.#insert(n)
    const { iface, address } = entry
    if (why === 'unreachable') this.#outputs.push({ do: 'lost', why, neighbor: entry })
    for (const packet of this.#parking.take(entry)) this.#outputs.push({ do: 'fail', why, iface, address, packet })
  }

  #insert(n: number): void {
    let slot = hashAddress(this.#entries[n - 1]!.address) & this.#mask
    while (this.#table[slot] !== 0) slot = (slot + 1) & this.#mask
    this.#table[slot] = n
  }
}
