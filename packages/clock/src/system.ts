/** Real time and real randomness, in Node, browsers, Deno and Bun. Importing this creates nothing; the first timer does. */

import type { Clock, Env, Instant, Random } from '@favonius/contract'
import { TimerHeap } from './heap.ts'
import { fillWords } from './random.ts'
import { nextTurn } from './turn.ts'

/** The longest that setTimeout can wait; it takes more for 1. */
const LONGEST = 2 ** 31 - 1

/** One heap for all stacks of the realm, and one native timer for its head. */
class SystemClock implements Clock {
  readonly #heap = new TimerHeap({ scheduled: (at) => this.#scheduled(at), emptied: () => this.#disarm() })
  /** The present, while timers fire. */
  #batch: Instant | undefined
  #native: ReturnType<typeof setTimeout> | undefined
  /** The instant that we will be woken for, or some time before; Infinity when nothing wakes us. */
  #wake = Infinity

  now(): Instant {
    return this.#batch ?? performance.now()
  }

  exact(): Instant {
    return performance.now()
  }

  get epoch(): number {
    return performance.timeOrigin
  }

  timer(fire: (now: Instant) => void): ReturnType<Clock['timer']> {
    return this.#heap.timer(fire)
  }

  #scheduled(at: Instant): void {
    if (this.#batch === undefined && at < this.#wake) this.#arm(at)
  }

  #arm(at: Instant): void {
    const delay = at - performance.now()
    this.#disarm()
    if (delay <= 0) {
      this.#wake = -Infinity
      nextTurn(this.#turn)
      return
    }
    this.#wake = at
    // Rounded up, for it waits whole milliseconds. When it comes early all the same, nothing is due, and it is armed again.
    this.#native = setTimeout(this.#turn, Math.min(Math.ceil(delay), LONGEST))
  }

  #disarm(): void {
    clearTimeout(this.#native)
    this.#native = undefined
    this.#wake = Infinity
  }

  /** Fires what is due, but leaves what is scheduled meanwhile to the next turn, so that I/O is not starved. */
  readonly #turn = (): void => {
    this.#disarm()
    const now = performance.now()
    const last = this.#heap.sequence
    this.#batch = now
    try {
      for (let entry = this.#heap.take(now, last); entry; entry = this.#heap.take(now, last)) entry.fire(now)
    } finally {
      this.#batch = undefined
      const next = this.#heap.next()
      if (next !== undefined) this.#arm(next)
    }
  }
}

/** The platform's generator, asked for a block at a time, as one call costs more than 4 KiB of what it gives. */
class SystemRandom implements Random {
  #block: Uint32Array<ArrayBuffer> | undefined
  #used = 0

  uint32(): number {
    this.#block ??= crypto.getRandomValues(new Uint32Array(1024))
    if (this.#used === this.#block.length) {
      crypto.getRandomValues(this.#block)
      this.#used = 0
    }
    return this.#block[this.#used++]!
  }

  fill(into: Uint8Array): Uint8Array {
    if (into.length > 64) {
      // It gives 64 KiB at a time, and only into memory that is not shared.
      for (let at = 0; at < into.length; at += 65536) crypto.getRandomValues((into as Uint8Array<ArrayBuffer>).subarray(at, at + 65536))
      return into
    }
    return fillWords(this, into)
  }
}

/**
 * The real world: monotonic time since the process (or page) began, timers on the event loop, the platform's randomness.
 *
 * Armed timers keep a process alive; when none is armed it may exit. `now()` is read once for all timers that fire in one
 * turn. A timer never fires early; it is late by what setTimeout rounds up to, at most a millisecond or two. The epoch is
 * taken when the process begins, and does not follow later corrections of the wall clock.
 */
export const system: Env = /* @__PURE__ */ Object.freeze({
  clock: /* @__PURE__ */ new SystemClock(),
  random: /* @__PURE__ */ new SystemRandom(),
  wake() {},
})
