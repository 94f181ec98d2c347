/** Names for counters and reasons, so that counting is an addition to an array of numbers. */

import type { DropReason, Statistics } from '@favonius/contract'

/** What one interface counted: an array slot for each counter, and one for each reason. */
export class Tally {
  readonly counters: number[]
  readonly drops: number[]

  constructor(counters: number, drops: number) {
    this.counters = new Array<number>(counters).fill(0)
    this.drops = new Array<number>(drops).fill(0)
  }

  add(other: Tally): void {
    for (const [i, n] of other.counters.entries()) this.counters[i] = (this.counters[i] ?? 0) + n
    for (const [i, n] of other.drops.entries()) this.drops[i] = (this.drops[i] ?? 0) + n
  }
}

/**
 * Names in their order. Stacks whose layers name the same in the same order, as those do that are composed alike, have one record between them:
 * in a network of thousands it is there once, and not a quarter of each. So it never changes; one name more is another record.
 */
class Names {
  readonly counters: readonly string[]
  readonly reasons: readonly DropReason[]
  /** What follows from a name: the same record where it is known already. */
  readonly #next = new Map<string, Names>()

  constructor(counters: readonly string[], reasons: readonly DropReason[]) {
    this.counters = counters
    this.reasons = reasons
  }

  withCounter(name: string): Names {
    return this.#follow(name, () => (this.counters.includes(name) ? this : new Names([...this.counters, name], this.reasons)))
  }

  /** `counters` by index. */
  withReason(text: string, counters: readonly number[]): Names {
    return this.#follow(`${text} ${counters}`, () => new Names(this.counters, [...this.reasons, { text, index: this.reasons.length, counters }]))
  }

  #follow(name: string, make: () => Names): Names {
    let next = this.#next.get(name)
    if (next === undefined) this.#next.set(name, (next = make()))
    return next
  }
}

const NONE = /* @__PURE__ */ new Names([], [])

/** The counters and reasons that a stack's layers have named. */
export class CounterTable {
  #names = NONE
  readonly #tallies = new Set<Tally>()
  /** What interfaces counted that are there no more. */
  #past: Tally | undefined

  /** A tally that grows as names are added. */
  tally(): Tally {
    const { counters, reasons } = this.#names
    const tally = new Tally(counters.length, reasons.length)
    this.#tallies.add(tally)
    return tally
  }

  /** Adds a tally to the past and forgets it. */
  retire(tally: Tally): void {
    this.#past ??= this.tally()
    this.#past.add(tally)
    this.#tallies.delete(tally)
  }

  counter(name: string): number {
    const names = this.#names.withCounter(name)
    if (names === this.#names) return names.counters.indexOf(name)
    this.#names = names
    for (const tally of this.#tallies) tally.counters.push(0)
    return names.counters.length - 1
  }

  reason(text: string, counters: readonly string[]): DropReason {
    const { reasons } = this.#names
    for (let i = 0; i < reasons.length; i++) if (reasons[i]!.text === text) return reasons[i]!
    const indices = counters.map((name) => this.counter(name))
    this.#names = this.#names.withReason(text, indices)
    for (const tally of this.#tallies) tally.drops.push(0)
    return this.#names.reasons.at(-1)!
  }

  /** Of one tally, or of all of them and the past. */
  statistics(only?: Tally): Statistics {
    let sum = only
    if (sum === undefined) {
      sum = new Tally(this.#names.counters.length, this.#names.reasons.length)
      for (const tally of this.#tallies) sum.add(tally)
    }
    const counters: Record<string, Record<string, number>> = {}
    for (const [index, name] of this.#names.counters.entries()) {
      const dot = name.indexOf('.')
      const block = dot < 0 ? 'top' : name.slice(0, dot)
      ;(counters[block] ??= {})[name.slice(dot + 1)] = sum.counters[index]!
    }
    const drops: Record<string, number> = {}
    for (const { text, index } of this.#names.reasons) if (sum.drops[index]! > 0) drops[text] = sum.drops[index]!
    return { counters, drops }
  }
}
