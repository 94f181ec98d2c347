/** Names for counters and reasons, so that counting is an addition to an array of numbers. */

import type { DropReason, Statistics } from '@favonius/contract'

/**
 * Names in their order. Stacks whose layers name the same in the same order, as those do that are composed alike, have one record between them:
 * in a network of thousands it is there once, where it was a third of each. So it never changes; one name more is another record.
 */
interface Names {
  readonly counters: readonly string[]
  readonly reasons: readonly DropReason[]
  /** What follows from a name, where that is known already. */
  readonly next: Map<string, Names>
}

const NONE: Names = { counters: [], reasons: [], next: /* @__PURE__ */ new Map() }

/** What one interface counted: an array slot for each counter, and one for each reason. */
export class Tally {
  readonly counters: number[] = []
  readonly drops: number[] = []

  grow({ counters, reasons }: Names): void {
    while (this.counters.length < counters.length) this.counters.push(0)
    while (this.drops.length < reasons.length) this.drops.push(0)
  }

  /** Both have grown alike. */
  add(other: Tally): void {
    for (const [i, n] of other.counters.entries()) this.counters[i]! += n
    for (const [i, n] of other.drops.entries()) this.drops[i]! += n
  }
}

/** The counters and reasons that a stack's layers have named. */
export class CounterTable {
  #names = NONE
  readonly #tallies = new Set<Tally>()
  /** What interfaces counted that are there no more. */
  #past: Tally | undefined

  /** A tally that grows as names are added. */
  tally(): Tally {
    const tally = new Tally()
    tally.grow(this.#names)
    this.#tallies.add(tally)
    return tally
  }

  /** Adds a tally to the past and forgets it. */
  retire(tally: Tally): void {
    ;(this.#past ??= this.tally()).add(tally)
    this.#tallies.delete(tally)
  }

  counter(name: string): number {
    const { counters } = this.#names
    const index = counters.indexOf(name)
    if (index >= 0) return index
    this.#follow(name, ({ reasons }) => ({ counters: [...counters, name], reasons, next: new Map() }))
    return counters.length
  }

  reason(text: string, counters: readonly string[]): DropReason {
    const known = this.#names.reasons.find((reason) => reason.text === text)
    if (known !== undefined) return known
    const indices = counters.map((name) => this.counter(name))
    this.#follow(`${text} ${indices}`, ({ counters, reasons }) => ({
      counters, reasons: [...reasons, { text, index: reasons.length, counters: indices }], next: new Map(),
    }))
    return this.#names.reasons.at(-1)!
  }

  /** Goes on to the names with one more. */
  #follow(name: string, make: (names: Names) => Names): void {
    const { next } = this.#names
    if (!next.has(name)) next.set(name, make(this.#names))
    this.#names = next.get(name)!
    for (const tally of this.#tallies) tally.grow(this.#names)
  }

  /** Of one tally, or of all of them and the past. */
  statistics(only?: Tally): Statistics {
    const sum = only ?? new Tally()
    sum.grow(this.#names)
    if (only === undefined) for (const tally of this.#tallies) sum.add(tally)
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
