/**
 * The timers of a clock: a heap of four children each, ordered by (time, order of scheduling).
 *
 * Most deadlines are moved later before they come (a retransmission, a keep-alive), so moving one later only writes two
 * fields: its place in the heap is then too early, never too late, and is put right when it comes to the head.
 */

import type { Instant, Timer } from '@favonius/contract'

/** Who waits for the head of a heap. */
export interface Waiter {
  /** A timer was scheduled for `at`. */
  scheduled(at: Instant): void
  /** The last timer was cancelled. */
  emptied(): void
}

/** A timer and its place. Only the heap touches its fields. */
export class Entry implements Timer {
  readonly fire: (now: Instant) => void
  readonly #heap: TimerHeap
  /** When it is due, and when that was said. */
  at: Instant = 0
  sequence = 0
  /** What its place in the heap was chosen for: (key, order) is never after (at, sequence). */
  key: Instant = 0
  order = 0
  /** Its place, or −1 when it is not armed. */
  index = -1

  constructor(heap: TimerHeap, fire: (now: Instant) => void) {
    this.#heap = heap
    this.fire = fire
  }

  get due(): Instant | undefined {
    return this.index < 0 ? undefined : this.at
  }

  schedule(at: Instant): void {
    this.#heap.schedule(this, at)
  }

  cancel(): void {
    this.#heap.cancel(this)
  }
}

export class TimerHeap {
  readonly #entries: Entry[] = []
  /** The key of each, beside it: what is compared stands together, and an entry is looked at only when keys are equal. */
  readonly #keys: Instant[] = []
  readonly #waiter: Waiter | undefined
  #sequence = 0

  constructor(waiter?: Waiter) {
    this.#waiter = waiter
  }

  /** How many timers are armed. */
  get size(): number {
    return this.#entries.length
  }

  /** Rises with every `schedule`. */
  get sequence(): number {
    return this.#sequence
  }

  timer(fire: (now: Instant) => void): Timer {
    return new Entry(this, fire)
  }

  /** When the first timer is due. */
  next(): Instant | undefined {
    return this.#head()?.at
  }

  /** Takes out the first timer, if it is due at `now` and was scheduled when `sequence` was at most `last`. */
  take(now: Instant, last: number): Entry | undefined {
    const head = this.#head()
    if (!head || head.at > now || head.sequence > last) return undefined
    this.#remove(head)
    return head
  }

  schedule(entry: Entry, at: Instant): void {
    if (Number.isNaN(at)) throw new RangeError('a timer was scheduled for NaN; give it an instant in milliseconds: clock.now() + 1000')
    if (at === Infinity) return this.cancel(entry)
    entry.at = at
    entry.sequence = ++this.#sequence
    if (entry.index < 0) {
      this.#place(entry, this.#entries.length)
      this.#up(entry)
    } else if (at < entry.key) {
      this.#up(entry)
    }
    this.#waiter?.scheduled(at)
  }

  cancel(entry: Entry): void {
    if (entry.index < 0) return
    this.#remove(entry)
    if (this.#entries.length === 0) this.#waiter?.emptied()
  }

  /** The first entry, once those whose deadline was moved have been put where they belong. */
  #head(): Entry | undefined {
    for (;;) {
      const head = this.#entries[0]
      if (!head || head.order === head.sequence) return head
      this.#down(head)
    }
  }

  #remove(entry: Entry): void {
    const { index } = entry
    const last = this.#entries.pop()!
    this.#keys.pop()
    entry.index = -1
    if (last === entry) return
    this.#place(last, index)
    // The one that fills the gap may come from another branch, and belong above it.
    if (index > 0 && this.#isBefore(last, (index - 1) >> 2)) this.#rise(last)
    else this.#sink(last)
  }

  #place(entry: Entry, index: number): void {
    this.#entries[index] = entry
    this.#keys[index] = entry.key
    entry.index = index
  }

  /** Whether an entry belongs before the one at `index`. */
  #isBefore(entry: Entry, index: number): boolean {
    const key = this.#keys[index]!
    return entry.key < key || (entry.key === key && entry.order < this.#entries[index]!.order)
  }

  /** Takes the deadline for key, which is earlier than the key was. */
  #up(entry: Entry): void {
    entry.key = entry.at
    entry.order = entry.sequence
    this.#rise(entry)
  }

  /** Takes the deadline for key, which is later than the key was. */
  #down(entry: Entry): void {
    entry.key = entry.at
    entry.order = entry.sequence
    this.#sink(entry)
  }

  #rise(entry: Entry): void {
    let { index } = entry
    while (index > 0) {
      const up = (index - 1) >> 2
      if (!this.#isBefore(entry, up)) break
      this.#place(this.#entries[up]!, index)
      index = up
    }
    this.#place(entry, index)
  }

  #sink(entry: Entry): void {
    const entries = this.#entries
    const keys = this.#keys
    let { index } = entry
    for (;;) {
      const first = 4 * index + 1
      if (first >= entries.length) break
      const end = Math.min(first + 4, entries.length)
      let least = first
      let key = keys[first]!
      for (let i = first + 1; i < end; i++) {
        if (keys[i]! > key || (keys[i] === key && entries[i]!.order > entries[least]!.order)) continue
        least = i
        key = keys[i]!
      }
      if (this.#isBefore(entry, least)) break
      this.#place(entries[least]!, index)
      index = least
    }
    this.#place(entry, index)
  }
}
