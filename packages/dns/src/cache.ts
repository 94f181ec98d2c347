/** Answers that are still true, in bounded number: the one not used for the longest makes room. */

import type { Instant } from '@favonius/contract'
import type { Resource } from './wire.ts'

/** What came of a question, good or bad. */
export interface Answer {
  /** Undefined when there are records. Otherwise the code of node:dns: ENOTFOUND (no such name), ENODATA (none of this type), ESERVFAIL… */
  readonly code: string | undefined
  /** The name that was asked for, or where its aliases led. */
  readonly name: string
  /** Of the type that was asked for. */
  readonly records: readonly Resource[]
  /** When it stops being true. */
  readonly expires: Instant
}

export class Cache {
  readonly #limit: number
  /** In the order in which they were used. */
  readonly #answers = new Map<string, Answer>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#answers.size
  }

  find(key: string, now: Instant): Answer | undefined {
    const found = this.#answers.get(key)
    if (found === undefined) return undefined
    this.#answers.delete(key)
    if (found.expires <= now) return undefined
    this.#answers.set(key, found)
    return found
  }

  add(key: string, answer: Answer, now: Instant): void {
    if (answer.expires <= now || this.#limit === 0) return
    this.#answers.delete(key)
    if (this.#answers.size >= this.#limit) for (const oldest of this.#answers.keys()) {
      this.#answers.delete(oldest)
      break
    }
    this.#answers.set(key, answer)
  }

  clear(): void {
    this.#answers.clear()
  }
}
