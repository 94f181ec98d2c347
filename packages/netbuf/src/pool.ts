/** A stack's share of an arena: what it holds is charged to it, and it holds no more than its quota. */

import type { BufferPool, NetBuf } from '@favonius/contract'
import type { Slot } from './slot.ts'
import { slotSizes, type Slots } from './slots.ts'

/** What a pool may hold, and whether it remembers who holds it. */
export interface PoolOptions {
  /** Bytes of slots; 16 MiB unless given. */
  readonly quota?: number
  /** Remembers who allocated each buffer, throws on a reference that is given back twice, and overwrites what is freed. */
  readonly debug?: boolean
}

/** Quota of a pool in bytes when none is given. */
export const DEFAULT_QUOTA = 16 * 1024 * 1024

/** What freed memory is overwritten with in debug mode. */
const FREED = 0xdd
/** How many freed slots wait in debug mode before they are used again, so that one given back twice is still free then. */
const QUARANTINE = 64

export class Pool implements BufferPool {
  readonly quota: number
  used = 0
  live = 0
  exhausted = 0
  made: ((packet: NetBuf) => void) | undefined = undefined
  readonly #slots: Slots
  /** In debug mode: live buffers, with where they were allocated. */
  readonly #owners: Map<Slot, string> | undefined
  readonly #quarantine: Slot[] = []

  constructor(slots: Slots, { quota = DEFAULT_QUOTA, debug = false }: PoolOptions = {}) {
    this.#slots = slots
    this.quota = quota
    this.#owners = debug ? new Map() : undefined
  }

  alloc(length: number, headroom = 0): Slot | undefined {
    const need = length + headroom
    if (need > slotSizes.large) return this.#chain(length, headroom)
    const slot = this.#slots.take(need, this)
    if (slot === undefined) {
      this.exhausted++
      return undefined
    }
    const used = this.used + slot.list.size
    if (used > this.quota) {
      this.exhausted++
      slot.list.give(slot)
      return undefined
    }
    this.used = used
    this.live++
    slot.begin(this, headroom)
    if (this.#owners) this.#owners.set(slot, caller())
    if (this.made !== undefined) this.made(slot)
    return slot
  }

  /** Large slots one behind the other, with the headroom in the first. All of them or none. */
  #chain(length: number, headroom: number): Slot | undefined {
    if (headroom > slotSizes.large) throw new RangeError(`a headroom of ${headroom} bytes; the most is ${slotSizes.large}`)
    const first = this.alloc(slotSizes.large - headroom, headroom)
    if (first === undefined) return undefined
    let last = first
    for (let left = length - first.tailroom(); left > 0; left -= slotSizes.large) {
      const fragment = this.alloc(Math.min(left, slotSizes.large))
      if (fragment === undefined) {
        first.unref()
        return undefined
      }
      last.next = fragment
      last = fragment
    }
    return first
  }

  adopt(packet: NetBuf): boolean {
    const first = packet as Slot
    let charge = 0
    for (let fragment: Slot | undefined = first; fragment; fragment = fragment.next) {
      if (fragment.pool !== this) charge += fragment.list.size
    }
    if (this.used + charge > this.quota) {
      this.exhausted++
      return false
    }
    for (let fragment: Slot | undefined = first; fragment; fragment = fragment.next) {
      if (fragment.pool === this) continue
      const owner = fragment.pool.#discharge(fragment)
      fragment.pool = this
      this.used += fragment.list.size
      this.live++
      if (this.#owners) this.#owners.set(fragment, `adopted; ${owner ?? caller()}`)
    }
    return true
  }

  compact(packet: NetBuf): NetBuf {
    const slot = packet as Slot
    if (slot.references > 1) return packet
    let held = 0
    for (let fragment: Slot | undefined = slot; fragment; fragment = fragment.next) held += fragment.list.size
    if (held === slotSizes.small) return packet
    const headroom = slot.marked()
    const need = slot.total() + headroom
    const fits = need <= slotSizes.small ? slotSizes.small : need <= slotSizes.medium ? slotSizes.medium : slotSizes.large
    if (need * 4 >= held || fits >= held) return packet
    const copy = slot.duplicate(headroom)
    if (copy === undefined) return packet
    slot.unref()
    return copy
  }

  owners(): readonly string[] {
    if (!this.#owners) return []
    return [...this.#owners].map(([slot, owner]) => `${slot.length} bytes in a slot of ${slot.list.size}, ${owner}`)
  }

  /** Takes back a slot whose last reference was given back. */
  release(slot: Slot): void {
    this.#discharge(slot)
    if (!this.#owners) {
      slot.list.give(slot)
      return
    }
    slot.u8.fill(FREED, slot.start, slot.end)
    this.#quarantine.push(slot)
    const free = this.#quarantine.length > QUARANTINE ? this.#quarantine.shift() : undefined
    free?.list.give(free)
  }

  /** A buffer was used after its last reference was given back: found in debug mode, and otherwise without effect. */
  misused(slot: Slot, verb: string): void {
    if (!this.#owners) return
    throw new Error(
      `${verb}() on a buffer that is free already: its last reference was given back before. ` +
        `A function that «takes the reference» was handed it, or it was dropped twice (slot of ${slot.list.size} bytes at ${slot.start}).`,
    )
  }

  #discharge(slot: Slot): string | undefined {
    this.used -= slot.list.size
    this.live--
    if (!this.#owners) return undefined
    const owner = this.#owners.get(slot)
    this.#owners.delete(slot)
    return owner
  }
}

/** The stack of calls that led to an allocation, without this package's own. */
function caller(): string {
  const lines = (new Error('owner').stack ?? '').split('\n').filter((line) => line.includes(':') && !line.includes('Error: owner'))
  const foreign = Math.max(0, lines.findIndex((line) => !/\bnetbuf\/(src|dist)\//.test(line)))
  return `allocated ${lines.slice(foreign, foreign + 6).map((line) => line.trim()).join(' ')}`
}
