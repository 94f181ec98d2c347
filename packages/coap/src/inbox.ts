/** What a consumer has not taken yet: bounded, the oldest make room. */

import { deferred, type Deferred } from '@favonius/clock'
import type { Env } from '@favonius/contract'

export class Inbox<T> implements AsyncIterableIterator<T> {
  /** Those that made room before they were taken. */
  lost = 0
  readonly #env: Pick<Env, 'wake'>
  readonly #limit: number
  readonly #leave: () => void
  readonly #kept: T[] = []
  readonly #waiting: Deferred<IteratorResult<T>>[] = []
  #over = false
  #error: Error | undefined

  /** `leave` is called once, when the consumer wants no more. */
  constructor(env: Pick<Env, 'wake'>, limit: number, leave: () => void) {
    this.#env = env
    this.#limit = limit
    this.#leave = leave
  }

  get over(): boolean {
    return this.#over
  }

  push(value: T): void {
    if (this.#over) return
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) return waiting.resolve({ done: false, value })
    if (this.#kept.push(value) <= this.#limit) return
    this.#kept.shift()
    this.lost++
  }

  /** Nothing more follows; what was not taken still may be, and then `error` is thrown, if there is one. */
  end(error?: Error): void {
    if (this.#over) return
    this.#over = true
    this.#error = error
    for (const waiting of this.#waiting.splice(0)) this.#tellEnd(waiting)
  }

  #tellEnd(waiting: Deferred<IteratorResult<T>>): void {
    const error = this.#error
    this.#error = undefined
    if (error === undefined) waiting.resolve({ done: true, value: undefined })
    else waiting.reject(error)
  }

  next(): Promise<IteratorResult<T>> {
    const waiting = deferred<IteratorResult<T>>(this.#env)
    if (this.#kept.length > 0) waiting.resolve({ done: false, value: this.#kept.shift()! })
    else if (this.#over) this.#tellEnd(waiting)
    else this.#waiting.push(waiting)
    return waiting.promise
  }

  /** The consumer wants no more. */
  async return(): Promise<IteratorResult<T>> {
    this.#kept.length = 0
    this.#error = undefined
    if (!this.#over) {
      this.end()
      this.#leave()
    }
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
