/** Calls of one socket that wait until something is so. */

import type { Env } from '@favonius/contract'
import { deferred, type Deferred } from '@favonius/clock'
import { failure } from '@favonius/inet'
import type { CallOptions } from './sockopt.ts'

/** What `poll` asks for and answers. `hup`: both directions of a stream are over; datagrams have no such end. */
export type PollEvent = 'in' | 'out' | 'error' | 'hup'

interface Waiter {
  readonly event: PollEvent
  readonly done: Deferred<void>
}

const again = (event: PollEvent): Error => failure('EAGAIN', event === 'in' ? 'nothing has arrived' : 'there is no room now')

export class Waiters {
  readonly #env: Env
  readonly #waiters = new Set<Waiter>()

  constructor(env: Env) {
    this.#env = env
  }

  /** Those who wait for `event` look again. */
  wake(event: PollEvent): void {
    if (this.#waiters.size === 0) return
    for (const waiter of [...this.#waiters]) {
      if (waiter.event !== event) continue
      this.#waiters.delete(waiter)
      waiter.done.resolve()
    }
  }

  /** Resolves when `event` may be so. Rejects with EAGAIN: at once when `nonblocking`, or after `timeout` ms, 0 for never; with the signal's reason. */
  wait(event: PollEvent, nonblocking: boolean, signal: CallOptions['signal'], timeout: number): Promise<void> {
    if (nonblocking) return Promise.reject(again(event))
    const waiter: Waiter = { event, done: deferred<void>(this.#env) }
    this.#waiters.add(waiter)
    // One promise, and no more, for what is waited for most: each further one costs a turn of the microtask queue.
    return timeout > 0 || signal !== undefined ? this.#bounded(waiter, signal, timeout) : waiter.done.promise
  }

  async #bounded(waiter: Waiter, signal: CallOptions['signal'], timeout: number): Promise<void> {
    const { clock } = this.#env
    const timer = timeout > 0 ? clock.timer(() => waiter.done.reject(again(waiter.event))) : undefined
    timer?.schedule(clock.now() + timeout)
    const abort = (): void => waiter.done.reject(signal!.reason as Error)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort)
    try {
      await waiter.done.promise
    } finally {
      timer?.cancel()
      signal?.removeEventListener('abort', abort)
      this.#waiters.delete(waiter)
    }
  }

  /** Resolves with those of `events` that are so, as soon as one is; with none after `timeout` ms. */
  async poll(events: readonly PollEvent[], is: (event: PollEvent) => boolean, timeout = Infinity): Promise<readonly PollEvent[]> {
    const so = (): PollEvent[] => events.filter(is)
    if (so().length > 0 || timeout <= 0) return so()
    const { clock } = this.#env
    const done = deferred<void>(this.#env)
    const waiters = events.map((event): Waiter => ({ event, done }))
    for (const waiter of waiters) this.#waiters.add(waiter)
    const timer = clock.timer(() => done.resolve())
    if (timeout < Infinity) timer.schedule(clock.now() + timeout)
    try {
      await done.promise
    } finally {
      timer.cancel()
      for (const waiter of waiters) this.#waiters.delete(waiter)
    }
    return so()
  }

  /** The socket is closed: all reject with EBADF. */
  close(): void {
    for (const waiter of this.#waiters) waiter.done.reject(failure('EBADF', 'the socket was closed'))
    this.#waiters.clear()
  }
}
