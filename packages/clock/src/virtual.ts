/** Time that moves when it is told to, or as soon as nobody has anything left to do. */

import type { Clock, Env, Instant, Random, Timer } from '@favonius/contract'
import { TimerHeap } from './heap.ts'
import { seeded } from './random.ts'
import { nextTurn } from './turn.ts'

/** How a virtual environment begins. */
export interface VirtualOptions {
  /** Of all randomness, modulo 2³²; 1 unless given. */
  readonly seed?: number
  /** Wall time of instant 0, in milliseconds since 1970; 0 unless given. */
  readonly epoch?: number
}

/** How far `run` may go. */
export interface RunOptions {
  /** Virtual milliseconds after which it gives up; a day unless given. */
  readonly limit?: number
}

/** An `Env` whose time is virtual and whose randomness is seeded: the same seed gives the same bytes. */
export interface VirtualEnv extends Env {
  readonly seed: number
  /** How many timers are armed. A test ends with none. */
  readonly armed: number
  /** When the first timer will fire; undefined when none is armed. */
  next(): Instant | undefined
  /**
   * Moves on to the next instant for which a timer is armed, and fires all that are due then, those included that are
   * scheduled for it meanwhile. False when no timer was armed.
   *
   * @throws Error with code ERR_LIVELOCK after a million timers in one instant.
   */
  step(): boolean
  /** Moves `ms` milliseconds on, firing what comes due on the way. */
  advance(ms: number): void
  /** Moves on to the instant `at`, firing what comes due on the way. Does nothing when it is past. */
  runUntil(at: Instant): void
  /**
   * Runs `body`, and lets time pass whenever it, and all that it waits for, has nothing to do. Resolves or rejects as `body` does.
   *
   * After an instant in which `wake()` was called (as `deferred` does) the code that waits goes on first; other instants
   * follow each other at once. So await what ends through `deferred` or `sleep`, and no real I/O: time would pass it by.
   *
   * Rejects with code ERR_STALLED when `body` waits and no timer is armed that could end its wait, and with ERR_LIMIT when
   * `limit` has passed.
   */
  run<T>(body: () => Promise<T> | T, options?: RunOptions): Promise<T>
}

/** So many timers in one instant are taken for a circle. */
const CIRCLE = 1_000_000
/** After so many instants without a pause `run` makes one, so that a real time limit or Ctrl-C can come in. */
const BREATH = 4096
/** Turns of the event loop that a promise chain of finished work may take: more than enough for a stream's. */
const PATIENCE = 4

const fault = (code: string, message: string): Error => Object.assign(new Error(message), { code })

class Virtual implements VirtualEnv, Clock {
  readonly seed: number
  readonly epoch: number
  readonly random: Random
  readonly #heap = new TimerHeap()
  #now: Instant = 0
  #woken = false
  #firing = false
  #running = false

  constructor({ seed = 1, epoch = 0 }: VirtualOptions) {
    this.seed = seed
    this.epoch = epoch
    this.random = seeded(seed)
  }

  get clock(): Clock {
    return this
  }

  get armed(): number {
    return this.#heap.size
  }

  now(): Instant {
    return this.#now
  }

  exact(): Instant {
    return this.#now
  }

  timer(fire: (now: Instant) => void): Timer {
    return this.#heap.timer(fire)
  }

  wake(): void {
    this.#woken = true
  }

  next(): Instant | undefined {
    const next = this.#heap.next()
    return next === undefined ? undefined : Math.max(next, this.#now)
  }

  step(): boolean {
    const next = this.next()
    if (next === undefined) return false
    if (this.#firing) throw fault('ERR_REENTRANT', 'a timer that fires cannot move virtual time on; schedule another timer instead')
    this.#now = next
    this.#firing = true
    try {
      let fired = 0
      for (let entry = this.#heap.take(next, Infinity); entry; entry = this.#heap.take(next, Infinity)) {
        if (++fired > CIRCLE) {
          throw fault('ERR_LIVELOCK', `virtual time stays at ${next} ms: ${CIRCLE} timers fired there, and each brings another; ` +
            'some timer is scheduled for the present again and again')
        }
        entry.fire(next)
      }
    } finally {
      this.#firing = false
    }
    return true
  }

  advance(ms: number): void {
    this.runUntil(this.#now + ms)
  }

  runUntil(at: Instant): void {
    for (let next = this.next(); next !== undefined && next <= at; next = this.next()) this.step()
    if (at > this.#now) this.#now = at
  }

  async run<T>(body: () => Promise<T> | T, { limit = 86_400_000 }: RunOptions = {}): Promise<T> {
    if (this.#running) throw fault('ERR_REENTRANT', 'run() is under way on this clock; await what you need within its body')
    this.#running = true
    try {
      const result = (async () => body())()
      let settled = false
      const settle = (): void => { settled = true }
      result.then(settle, settle)
      await this.#drive(() => settled, this.#now + limit)
      return await result
    } finally {
      this.#running = false
    }
  }

  async #drive(settled: () => boolean, end: Instant): Promise<void> {
    let idle = 0
    let instants = 0
    this.#woken = true
    while (!settled()) {
      const next = this.next()
      if (this.#woken || next === undefined || instants === BREATH) {
        if (next !== undefined || this.#woken) idle = 0
        else if (++idle > PATIENCE) throw stalled(this.#now)
        this.#woken = false
        instants = 0
        await new Promise<void>(nextTurn)
        continue
      }
      if (next > end) throw beyond(this.#now)
      this.step()
      instants++
      idle = 0
    }
  }
}

const stalled = (now: Instant): Error => fault('ERR_STALLED',
  `virtual time stands still: at ${now} ms the body waits, and no timer is armed that could end its wait. Either nothing will ` +
  'answer it, or it awaits real I/O (a file, a socket, setTimeout), which virtual time does not wait for: do that before or after run()')

const beyond = (now: Instant): Error => fault('ERR_LIMIT',
  `virtual time has run to ${now} ms, and the body is still waiting; give run() a longer { limit }, unless it awaits what never ` +
  'comes: real I/O, or a promise that is not settled through deferred()')

/**
 * A virtual environment. Its time begins at 0 and moves by `step`, `advance`, `runUntil` and `run` alone.
 *
 * ```ts
 * const env = virtual({ seed: 7 })
 * await env.run(async () => { await sleep(env, 60_000) })     // takes no time at all
 * ```
 */
export function virtual(options: VirtualOptions = {}): VirtualEnv {
  return new Virtual(options)
}
