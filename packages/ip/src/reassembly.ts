/** Reassembly for both families: what they share is who may hold how much, for how long, and what makes room. */

import type { BufferPool, Clock, DropReason, Instant, Interface, IpInfo, NetBuf, Netif, Timer } from '@favonius/contract'
import { Datagram, DUPLICATE, OVERLAP } from './datagram.ts'

/** Of the pool's quota, the part that fragments may hold at most: a flood of them leaves the rest to others. */
const SHARE = 4

/** What a reassembly may hold. */
export interface ReassemblyLimits {
  /** Datagrams at a time. */
  readonly maxCount: number
  /** Fragments of one datagram. */
  readonly maxPackets: number
  /** Bytes of slots, over all datagrams; never more than a quarter of the stack's quota. */
  readonly maxBytes: number
  /** Milliseconds from the first fragment that arrives. */
  readonly timeout: number
}

/** Why fragments are dropped. */
export type ReassemblyDrops = Readonly<Record<'duplicate' | 'overlap' | 'mixed' | 'tooMany' | 'evicted' | 'timeout' | 'noBuffer', DropReason>>

const reasons: Readonly<Record<keyof ReassemblyDrops, string>> = {
  duplicate: 'fragment that is there already',
  overlap: 'fragments overlap',
  mixed: 'fragments disagree on ECN',
  tooMany: 'datagram in too many fragments',
  evicted: 'fragments made room for others',
  timeout: 'fragments waited too long for the rest',
  noBuffer: 'no buffer to keep a fragment',
}

/** The reasons of a family, with the counters that rise. */
export function reassemblyDrops(netif: Netif, family: 'ipv4' | 'ipv6'): ReassemblyDrops {
  const rows = Object.entries(reasons).map(([name, text]) => [name, [`${family}: ${text}`, `${family}.drop`, 'ip_errors.fragerr']])
  return netif.reasons(Object.fromEntries(rows) as Record<keyof ReassemblyDrops, [string, string, string]>)
}

/**
 * The datagrams that are being put together, the one touched longest ago first. That one makes room; for another datagram first one
 * that was given up, of which nothing but the verdict is left.
 */
export class Reassembly {
  readonly #clock: Clock
  readonly #buffers: BufferPool
  readonly #limits: ReassemblyLimits
  readonly #maxBytes: number
  readonly #drops: ReassemblyDrops
  readonly #expired: (first: NetBuf) => void
  readonly #timer: Timer
  readonly #datagrams: Datagram[] = []
  #held = 0

  /** `expired` borrows the first fragment of a datagram that was never completed: its sender is to be told. */
  constructor(clock: Clock, netif: Netif, limits: ReassemblyLimits, drops: ReassemblyDrops, expired: (first: NetBuf) => void) {
    this.#clock = clock
    this.#buffers = netif.buffers
    this.#limits = limits
    this.#maxBytes = Math.min(limits.maxBytes, Math.floor(netif.buffers.quota / SHARE))
    this.#drops = drops
    this.#expired = expired
    this.#timer = clock.timer((now) => this.#expire(now))
  }

  /** Datagrams that wait for fragments, or whose fragments are refused. */
  get count(): number {
    return this.#datagrams.length
  }

  /** Bytes of slots held. */
  get held(): number {
    return this.#held
  }

  /**
   * A fragment: `packet` begins with the datagram's data from byte `start` on; not the last when `more` follow. Takes the
   * reference. Answers with the datagram when that completes it, for the caller to `join`.
   */
  add(packet: NetBuf, ip: IpInfo, identification: number, start: number, more: boolean): Datagram | undefined {
    const { iface } = ip
    const drops = this.#drops
    const datagram = this.#find(ip, identification) ?? this.#begin(ip, identification)
    if (datagram.verdict) return lose(iface, packet, datagram.verdict)
    const end = start + packet.total()
    const at = datagram.placeOf(packet, start, end, more)
    if (at === DUPLICATE) return lose(iface, packet, drops.duplicate)
    if (at === OVERLAP || datagram.fragments.length >= this.#limits.maxPackets) {
      const verdict = at === OVERLAP ? drops.overlap : drops.tooMany
      this.#condemn(datagram, verdict)
      return lose(iface, packet, verdict)
    }
    const kept = this.#own(packet)
    if (kept === undefined) return lose(iface, packet, drops.noBuffer)
    this.#held -= datagram.held
    datagram.insert(at, kept, start, end, more, ip.trafficClass)
    this.#held += datagram.held
    if (datagram.isWhole) {
      if (datagram.isMixed) return this.#condemn(datagram, drops.mixed)
      this.#forget(datagram)
      return datagram
    }
    while (this.#held > this.#maxBytes) this.#evict(this.#datagrams.find(({ held }) => held > 0)!)
    return undefined
  }

  /** Gives back what it holds. */
  stop(): void {
    this.#timer.cancel()
    for (const { fragments } of this.#datagrams.splice(0)) for (const fragment of fragments) fragment.unref()
    this.#held = 0
  }

  /** The datagram of a fragment, now the one touched last. */
  #find(ip: IpInfo, identification: number): Datagram | undefined {
    const datagrams = this.#datagrams
    for (let i = datagrams.length - 1; i >= 0; i--) {
      const datagram = datagrams[i]!
      if (!datagram.isOf(ip, identification)) continue
      if (i < datagrams.length - 1) datagrams.push(...datagrams.splice(i, 1))
      return datagram
    }
    return undefined
  }

  #begin(ip: IpInfo, identification: number): Datagram {
    const datagrams = this.#datagrams
    if (datagrams.length >= this.#limits.maxCount) this.#evict(datagrams.find(({ verdict }) => verdict) ?? datagrams[0]!)
    const datagram = new Datagram(ip, identification, this.#clock.now() + this.#limits.timeout)
    datagrams.push(datagram)
    // All wait equally long, so what is due already is due earlier.
    if (this.#timer.due === undefined) this.#timer.schedule(datagram.expires)
    return datagram
  }

  /** A buffer that nobody else holds, who would see it change, in no larger a slot than it needs. Takes the reference, unless there is none. */
  #own(packet: NetBuf): NetBuf | undefined {
    if (packet.references === 1) return this.#buffers.compact(packet)
    const copy = packet.clone()
    if (copy !== undefined) packet.unref()
    return copy
  }

  #evict(datagram: Datagram): void {
    this.#forget(datagram)
    drop(datagram, this.#drops.evicted)
  }

  /** Drops what there is of a datagram, and remembers to drop what still comes. */
  #condemn(datagram: Datagram, verdict: DropReason): undefined {
    this.#held -= datagram.held
    datagram.held = 0
    datagram.verdict = verdict
    drop(datagram, verdict)
  }

  #forget(datagram: Datagram): void {
    this.#held -= datagram.held
    this.#datagrams.splice(this.#datagrams.indexOf(datagram), 1)
    if (this.#datagrams.length === 0) this.#timer.cancel()
  }

  #expire(now: Instant): void {
    for (const datagram of this.#datagrams.filter(({ expires }) => expires <= now)) {
      this.#forget(datagram)
      if (datagram.first) this.#expired(datagram.first)
      drop(datagram, this.#drops.timeout)
    }
    const next = this.#datagrams.reduce((least, { expires }) => Math.min(least, expires), Infinity)
    if (next !== Infinity) this.#timer.schedule(next)
  }
}

function lose(iface: Interface, packet: NetBuf, reason: DropReason): undefined {
  iface.drop(packet, reason)
}

function drop({ fragments }: Datagram, reason: DropReason): void {
  for (const fragment of fragments.splice(0)) fragment.iface!.drop(fragment, reason)
}
