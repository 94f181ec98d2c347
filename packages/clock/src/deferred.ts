/** Promises that a virtual clock knows of. */

import type { Env } from '@favonius/contract'

/** A promise, and how to settle it. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  /** Settles it and wakes who waits; without effect when it is settled. */
  resolve(value: T): void
  /** Settles it and wakes who waits; without effect when it is settled. */
  reject(reason: Error): void
  readonly settled: boolean
}

/** A promise to be settled later. Settling it calls `env.wake()`, so that virtual time waits for the code that waits for it. */
export function deferred<T>(env: Pick<Env, 'wake'>): Deferred<T> {
  let fulfil: (value: T) => void
  let fail: (reason: Error) => void
  const promise = new Promise<T>((resolve, reject) => {
    fulfil = resolve
    fail = reject
  })
  const made = {
    promise,
    settled: false,
    resolve(value: T) {
      if (made.settled) return
      made.settled = true
      env.wake()
      fulfil(value)
    },
    reject(reason: Error) {
      if (made.settled) return
      made.settled = true
      env.wake()
      fail(reason)
    },
  }
  return made
}

/** Resolves when `ms` milliseconds have passed on the clock of `env`, real or virtual. */
export function sleep(env: Env, ms: number): Promise<void> {
  const { promise, resolve } = deferred<void>(env)
  env.clock.timer(() => resolve()).schedule(env.clock.now() + ms)
  return promise
}
