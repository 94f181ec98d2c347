/** A first-in, first-out queue that is bounded in bytes: what waits in a socket. */

/** What each entry counts at least, in bytes: the slot that it holds. Empty ones would wait without bound otherwise. */
const LEAST = 256

export class ByteQueue<T> {
  /** SO_RCVBUF, in bytes. */
  limit: number
  readonly #lengthOf: (entry: T) => number
  readonly #waiting: T[] = []
  #head = 0
  #bytes = 0

  constructor(limit: number, lengthOf: (entry: T) => number) {
    this.limit = limit
    this.#lengthOf = lengthOf
  }

  get length(): number {
    return this.#waiting.length - this.#head
  }

  /** Whether an entry of so many bytes may be added. One always may. */
  fits(bytes: number): boolean {
    return this.length === 0 || this.#bytes + Math.max(bytes, LEAST) <= this.limit
  }

  add(entry: T): void {
    this.#bytes += Math.max(this.#lengthOf(entry), LEAST)
    this.#waiting.push(entry)
  }

  peek(): T | undefined {
    return this.#waiting[this.#head]
  }

  shift(): T | undefined {
    const entry = this.#waiting[this.#head]
    if (entry === undefined) return undefined
    this.#bytes -= Math.max(this.#lengthOf(entry), LEAST)
    this.#waiting[this.#head++] = undefined as never
    // The front is cut off now and then, not at each entry: that would move all the others.
    if (this.#head === this.#waiting.length || this.#head >= 1024) {
      this.#waiting.splice(0, this.#head)
      this.#head = 0
    }
    return entry
  }
}
