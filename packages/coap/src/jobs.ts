/** What is to be done later: a heap of two children each, ordered by time and then by order of scheduling. */

import type { Instant } from '@favonius/contract'

/** Something with a deadline. Only the heap writes to its fields. */
export class Job {
  due: Instant = Infinity
  order = 0
  /** Its place in the heap, or −1 when nothing is due. */
  place = -1
}

const before = (a: Job, b: Job): boolean => a.due < b.due || (a.due === b.due && a.order < b.order)

export class Jobs<T extends Job> {
  readonly #heap: T[] = []
  #order = 0

  /** When the first is due; Infinity when none is. */
  get due(): Instant {
    return this.#heap[0]?.due ?? Infinity
  }

  /** Whatever was due before is forgotten. */
  schedule(job: T, due: Instant): void {
    if (job.place < 0) job.place = this.#heap.push(job) - 1
    job.due = due
    job.order = this.#order++
    this.#settle(job)
  }

  /** Harmless when nothing is due. */
  cancel(job: T): void {
    const { place } = job
    if (place < 0) return
    job.place = -1
    const last = this.#heap.pop()!
    if (last === job) return
    this.#put(last, place)
    this.#settle(last)
  }

  /** Takes out the first, if it is due. */
  take(now: Instant): T | undefined {
    const first = this.#heap[0]
    if (first === undefined || first.due > now) return undefined
    this.cancel(first)
    return first
  }

  #put(job: T, place: number): void {
    this.#heap[place] = job
    job.place = place
  }

  #settle(job: T): void {
    const heap = this.#heap
    let { place } = job
    for (let up = (place - 1) >> 1; place > 0 && before(job, heap[up]!); up = (place - 1) >> 1) {
      this.#put(heap[up]!, place)
      place = up
    }
    for (let down = 2 * place + 1; down < heap.length; down = 2 * place + 1) {
      if (down + 1 < heap.length && before(heap[down + 1]!, heap[down]!)) down++
      if (!before(heap[down]!, job)) break
      this.#put(heap[down]!, place)
      place = down
    }
    this.#put(job, place)
  }
}
