/** Datagrams that come in fragments. Read RFC 4944 §5.3 before changing this file. */

import type { Clock, DropReason, Interface, LinkAddress, NetBuf, Netif, Timer, Instant } from '@favonius/contract'
import { slotsOf } from '@favonius/netif'
import { copyBytes } from './copy.ts'
import type { Drops } from './drops.ts'

/** Of the pool's quota, the part that datagrams may hold: a flood of fragments leaves the rest to others. */
const SHARE = 4
/** Offsets count in units of so many bytes, as a shift. */
const UNIT = 3
/** Units of the largest datagram that a fragment header can tell of. */
const MOST_UNITS = 256

/** What is known of a unit. */
const MISSING = 0
const THERE = 1
/** It is there, and a fragment began with it. */
const BEGINS = 2

/** What a reassembly may hold. */
export interface ReassemblyLimits {
  readonly maxDatagrams: number
  readonly reassemblyTimeout: number
}

/** One datagram: a buffer of its size, and which units of it are there. */
export class Datagram {
  iface: Interface
  buffer: NetBuf
  readonly size: number
  readonly tag: number
  /** Where the first header is, in the buffer. */
  readonly base: number
  readonly held: number
  readonly expires: Instant
  /** Bytes of the first fragment as it came, to know it again. */
  first = -1
  /** Relative to `base`, where the UDP header begins whose checksum was elided, and the innermost IPv6 header; −1 when it was not. */
  udp = -1
  header = 0
  readonly #units = new Uint8Array(MOST_UNITS)
  #missing: number
  readonly #fromLength: number
  readonly #fromHi: number
  readonly #fromLo: number
  readonly #toLength: number
  readonly #toHi: number
  readonly #toLo: number

  constructor(iface: Interface, buffer: NetBuf, from: LinkAddress, to: LinkAddress, size: number, tag: number, expires: Instant) {
    this.iface = iface
    this.buffer = buffer
    this.size = size
    this.tag = tag
    this.base = buffer.offset
    this.held = slotsOf(buffer)
    this.expires = expires
    this.#missing = (size + 7) >> UNIT
    this.#fromLength = from.length
    this.#fromHi = from.hi
    this.#fromLo = from.lo
    this.#toLength = to.length
    this.#toHi = to.hi
    this.#toLo = to.lo
  }

  get isWhole(): boolean {
    return this.#missing === 0
  }

  isFrom({ lo, hi, length }: LinkAddress): boolean {
    return lo === this.#fromLo && hi === this.#fromHi && length === this.#fromLength
  }

  isTo({ lo, hi, length }: LinkAddress): boolean {
    return lo === this.#toLo && hi === this.#toHi && length === this.#toLength
  }

  isOfSender(other: Datagram): boolean {
    return other.#fromLo === this.#fromLo && other.#fromHi === this.#fromHi && other.#fromLength === this.#fromLength
  }

  /** Whether a fragment of `length` bytes from byte `start` on is there already, just so. */
  has(start: number, length: number): boolean {
    const units = this.#units
    const from = start >> UNIT
    const to = (start + length + 7) >> UNIT
    if (units[from] !== BEGINS) return false
    for (let i = from + 1; i < to; i++) if (units[i] !== THERE) return false
    return to === MOST_UNITS || units[to] !== THERE
  }

  /** Whether some of these bytes are there. */
  overlaps(start: number, length: number): boolean {
    const to = (start + length + 7) >> UNIT
    for (let i = start >> UNIT; i < to; i++) if (this.#units[i] !== MISSING) return true
    return false
  }

  /** Notes that these bytes are there now. */
  mark(start: number, length: number): void {
    const from = start >> UNIT
    const to = (start + length + 7) >> UNIT
    this.#units.fill(THERE, from, to)
    this.#units[from] = BEGINS
    this.#missing -= to - from
  }
}

/**
 * The datagrams of all interfaces that are being put together, the one touched longest ago first. When one must make room, it is the
 * oldest of the sender that has most of them: a station that begins ever new ones loses its own.
 */
export class Reassembly {
  readonly #clock: Clock
  readonly #netif: Netif
  readonly #limits: ReassemblyLimits
  readonly #most: number
  readonly #drops: Drops
  readonly #timer: Timer
  readonly #datagrams: Datagram[] = []
  #held = 0

  constructor(clock: Clock, netif: Netif, limits: ReassemblyLimits, drops: Drops) {
    this.#clock = clock
    this.#netif = netif
    this.#limits = limits
    this.#most = Math.floor(netif.buffers.quota / SHARE)
    this.#drops = drops
    this.#timer = clock.timer((now) => this.#expire(now))
  }

  /** Datagrams that wait for fragments. */
  get count(): number {
    return this.#datagrams.length
  }

  /** Bytes of slots held. */
  get held(): number {
    return this.#held
  }

  /** The datagram of a fragment, now the one touched last. */
  find(iface: Interface, from: LinkAddress, to: LinkAddress, size: number, tag: number): Datagram | undefined {
    const datagrams = this.#datagrams
    for (let i = datagrams.length - 1; i >= 0; i--) {
      const datagram = datagrams[i]!
      if (datagram.tag !== tag || datagram.size !== size || datagram.iface !== iface || !datagram.isFrom(from) || !datagram.isTo(to)) continue
      if (i < datagrams.length - 1) {
        datagrams.copyWithin(i, i + 1)
        datagrams[datagrams.length - 1] = datagram
      }
      return datagram
    }
    return undefined
  }

  /**
   * Begins a datagram, of which `frame` brings the first fragment that arrives; its link header, `prefix` bytes before its data, is kept
   * for all. Undefined when there is no buffer.
   */
  begin(iface: Interface, frame: NetBuf, prefix: number, from: LinkAddress, to: LinkAddress, size: number, tag: number): Datagram | undefined {
    const datagrams = this.#datagrams
    const buffer = this.#netif.buffers.alloc(size, prefix)
    if (buffer === undefined) return undefined
    const base = buffer.add(size)
    copyBytes(frame.dv, frame.offset - prefix, buffer.dv, base - prefix, prefix)
    buffer.link = base - prefix
    buffer.iface = iface
    buffer.cast = frame.cast
    buffer.priority = frame.priority
    const datagram = new Datagram(iface, buffer, from, to, size, tag, this.#clock.now() + this.#limits.reassemblyTimeout)
    datagrams.push(datagram)
    this.#held += datagram.held
    while (datagrams.length > 1 && (datagrams.length > this.#limits.maxDatagrams || this.#held > this.#most)) this.drop(this.#superfluous(datagram), this.#drops.evicted)
    // All wait equally long, so what is due already is due earlier.
    if (this.#timer.due === undefined) this.#timer.schedule(datagram.expires)
    return datagram
  }

  /** Gives a whole datagram's buffer away, with the reference. */
  take(datagram: Datagram): NetBuf {
    this.#forget(datagram)
    return datagram.buffer
  }

  /** Gives one up. */
  drop(datagram: Datagram, reason: DropReason): void {
    this.#forget(datagram)
    datagram.iface.drop(datagram.buffer, reason)
  }

  forget(iface: Interface): void {
    for (const datagram of this.#datagrams.filter((each) => each.iface === iface)) this.drop(datagram, this.#drops.down)
  }

  /** Gives back what it holds. */
  stop(): void {
    this.#timer.cancel()
    for (const { buffer } of this.#datagrams.splice(0)) buffer.unref()
    this.#held = 0
  }

  /** What makes room for `newest`. */
  #superfluous(newest: Datagram): Datagram {
    let found = newest
    let most = 0
    for (const datagram of this.#datagrams) {
      if (datagram === newest) continue
      let count = 0
      for (const other of this.#datagrams) if (datagram.isOfSender(other)) count++
      if (count <= most) continue
      most = count
      found = datagram
    }
    return found
  }

  #forget(datagram: Datagram): void {
    this.#held -= datagram.held
    this.#datagrams.splice(this.#datagrams.indexOf(datagram), 1)
    if (this.#datagrams.length === 0) this.#timer.cancel()
  }

  #expire(now: Instant): void {
    let next = Infinity
    for (const datagram of [...this.#datagrams]) {
      if (datagram.expires <= now) this.drop(datagram, this.#drops.timeout)
      else next = Math.min(next, datagram.expires)
    }
    if (next !== Infinity) this.#timer.schedule(next)
  }
}
