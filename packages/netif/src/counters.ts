/** Names for counters and reasons, so that counting is an addition to an array of numbers. */

import type { DropReason, Statistics } from '@favonius/contract'

/** What one interface counted: an array slot for each counter, and one for each reason. */
export class Tally {
  readonly counters: number[] = []
  readonly drops: number[] = []

  add(other: Tally): void {
    for (const [i, n] of other.counters.entries()) this.counters[i] = (this.counters[i] ?? 0) + n
    for (const [i, n] of other.drops.entries()) this.drops[i] = (this.drops[i] ?? 0) + n
  }
}

/** The counters and reasons that a stack's layers have named. */
export class CounterTable {
  readonly #counters = new Map<string, number>()
  readonly #reasons = new Map<string, DropReason>()
  readonly #tallies = new Set<Tally>()
  /** What interfaces counted that are there no more, and what was counted without one. */
  readonly past: Tally = this.tally()

  /** A tally that grows as names are added. */
  tally(): Tally {
    const tally = new Tally()
    for (let i = 0; i < this.#counters.size; i++) tally.counters.push(0)
    for (let i = 0; i < this.#reasons.size; i++) tally.drops.push(0)
    this.#tallies.add(tally)
    return tally
  }

  /** Adds a tally to the past and forgets it. */
  retire(tally: Tally): void {
    this.past.add(tally)
    this.#tallies.delete(tally)
  }

  counter(name: string): number {
    let index = this.#counters.get(name)
    if (index === undefined) {
      index = this.#counters.size
      this.#counters.set(name, index)
      for (const tally of this.#tallies) tally.counters.push(0)
    }
    return index
  }

  reason(text: string, counters: readonly string[]): DropReason {
    let reason = this.#reasons.get(text)
    if (reason === undefined) {
      reason = { text, index: this.#reasons.size, counters: counters.map((name) => this.counter(name)) }
      this.#reasons.set(text, reason)
      for (const tally of this.#tallies) tally.drops.push(0)
    }
    return reason
  }

  /** Of one tally, or of all of them and the past. */
  statistics(only?: Tally): Statistics {
    let sum = only
    if (sum === undefined) {
      sum = new Tally()
      for (const tally of this.#tallies) sum.add(tally)
    }
    const counters: Record<string, Record<string, number>> = {}
    for (const [name, index] of this.#counters) {
      const dot = name.indexOf('.')
      const block = dot < 0 ? 'top' : name.slice(0, dot)
      ;(counters[block] ??= {})[name.slice(dot + 1)] = sum.counters[index]!
    }
    const drops: Record<string, number> = {}
    for (const [text, { index }] of this.#reasons) if (sum.drops[index]! > 0) drops[text] = sum.drops[index]!
    return { counters, drops }
  }
}
