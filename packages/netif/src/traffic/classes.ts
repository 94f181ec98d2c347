/** The classes of one direction: which priority belongs to which, and what each of them counted. */

/** What one class counted: a row of Zephyr's `tc` block. */
export interface ClassStatistics {
  /** Of its last packet; the highest that belongs to it before there was one. */
  readonly priority: number
  readonly packets: number
  /** With link headers. */
  readonly bytes: number
  /** Packets that found it full. */
  readonly dropped: number
}

export class Classes {
  readonly #map: readonly number[]
  readonly #counts: { priority: number; packets: number; bytes: number; dropped: number }[]

  /** `map` has the class of each priority. */
  constructor(map: readonly number[]) {
    this.#map = map
    this.#counts = Array.from({ length: Math.max(...map) + 1 }, (_, index) => ({ priority: map.lastIndexOf(index), packets: 0, bytes: 0, dropped: 0 }))
  }

  /** How many there are; the highest goes first. */
  get count(): number {
    return this.#counts.length
  }

  /** The class of a priority; what is none counts as 0, best effort. */
  of(priority: number): number {
    return this.#map[priority] ?? this.#map[0]!
  }

  passed(priority: number, bytes: number): void {
    const counts = this.#counts[this.of(priority)]!
    counts.priority = priority
    counts.packets++
    counts.bytes += bytes
  }

  dropped(priority: number): void {
    this.#counts[this.of(priority)]!.dropped++
  }

  /** Of each class, the lowest first. */
  statistics(): readonly ClassStatistics[] {
    return this.#counts.map((counts) => ({ ...counts }))
  }
}
