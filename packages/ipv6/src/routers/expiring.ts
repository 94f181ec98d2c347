import type { Instant } from '@favonius/contract'

/** A bounded list of what was told for a time. */
export class Expiring<E extends { readonly expires: Instant }> {
  readonly entries: E[] = []
  readonly #limit: number
  readonly #same: (a: E, b: E) => boolean

  constructor(limit: number, same: (a: E, b: E) => boolean) {
    this.#limit = limit
    this.#same = same
  }

  /** The one that is the same. */
  find(entry: E): E | undefined {
    return this.entries.find((known) => this.#same(known, entry))
  }

  /** Puts it into the place of one that is the same, or behind the others. False when there is no room. */
  put(entry: E): boolean {
    const at = this.entries.findIndex((known) => this.#same(known, entry))
    if (at >= 0) this.entries[at] = entry
    else if (this.entries.length < this.#limit) this.entries.push(entry)
    else return false
    return true
  }

  /** Takes out those that fit. */
  take(fits: (entry: E) => boolean): E[] {
    const taken = this.entries.filter(fits)
    for (const entry of taken) this.entries.splice(this.entries.indexOf(entry), 1)
    return taken
  }

  /** When the first one ends. */
  get due(): Instant {
    let first = Infinity
    for (const { expires } of this.entries) if (expires < first) first = expires
    return first
  }
}
