import type { Instant } from '@favonius/contract'

/** Where a station was heard last, and when. */
interface Station<Where> {
  where: Where
  heard: Instant
}

/** The filtering database of a bridge (IEEE 802.1D-2004 §7.9): which station is where. Bounded, and what is not heard is forgotten. */
export class Stations<Where> {
  readonly #ageing: number
  readonly #most: number
  readonly #table = new Map<number, Station<Where>>()

  constructor(ageing: number, most: number) {
    this.#ageing = ageing
    this.#most = most
  }

  /** How many it holds, those included that nobody has asked for since they aged. */
  get size(): number {
    return this.#table.size
  }

  /** A station was heard. When there is no room for it, the one that has been silent for longest makes it. */
  learn(hi: number, lo: number, where: Where, now: Instant): void {
    const key = keyOf(hi, lo)
    const known = this.#table.get(key)
    if (known !== undefined) {
      known.where = where
      known.heard = now
      return
    }
    if (this.#table.size >= this.#most) this.#table.delete(this.#silent())
    this.#table.set(key, { where, heard: now })
  }

  /** Where a station is; undefined when it has not been heard of lately. */
  find(hi: number, lo: number, now: Instant): Where | undefined {
    const key = keyOf(hi, lo)
    const known = this.#table.get(key)
    if (known === undefined || now - known.heard < this.#ageing) return known?.where
    this.#table.delete(key)
    return undefined
  }

  /** Forgets all stations there. */
  forget(where: Where): void {
    for (const [key, station] of this.#table) if (station.where === where) this.#table.delete(key)
  }

  #silent(): number {
    let silent = 0
    let since = Infinity
    for (const [key, { heard }] of this.#table) {
      if (heard >= since) continue
      silent = key
      since = heard
    }
    return silent
  }
}

/** 48 bits as a number, which holds 53. */
const keyOf = (hi: number, lo: number): number => hi * 2 ** 32 + (lo >>> 0)
