/**
 * All that a connection waits for, as a table of deadlines over one timer. Moving a deadline later only writes a number: the timer then fires
 * too early once, finds nothing due, and goes on to the next.
 */

import type { Clock, Instant, Timer } from '@favonius/contract'

/** What can be waited for. */
export const deadline = {
  /** RFC 6298 §5: what was sent is not acknowledged. */
  retransmit: 0,
  /** RFC 8985 §7: nothing came back for what was sent last. */
  probe: 1,
  /** RFC 8985 §6.2: what was overtaken is lost. */
  reorder: 2,
  /** RFC 9293 §3.8.6.1: the window is shut, and whoever opens it may not be heard. */
  persist: 3,
  /** RFC 9293 §3.8.6.3: an acknowledgement waits for company. */
  acknowledge: 4,
  /** RFC 9293 §3.8.4. */
  keepAlive: 5,
  /** RFC 9293 §3.9.1, RFC 5482. */
  userTimeout: 6,
  /** Nobody waits for the peer's FIN. */
  finWait: 7,
  /** There was no buffer. */
  buffer: 8,
} as const

/** The deadlines of one connection. */
export class Deadlines {
  readonly #timer: Timer
  readonly #at: number[] = [Infinity, Infinity, Infinity, Infinity, Infinity, Infinity, Infinity, Infinity, Infinity]
  /** When the timer fires: never after the first deadline. */
  #due = Infinity

  /** `tick` is called when something may be due. */
  constructor(clock: Clock, tick: (now: Instant) => void) {
    this.#timer = clock.timer((now) => {
      this.#due = Infinity
      tick(now)
      this.#arm()
    })
  }

  /** When it is due; Infinity when it is not waited for. */
  at(which: number): Instant {
    return this.#at[which]!
  }

  set(which: number, at: Instant): void {
    this.#at[which] = at
    if (at >= this.#due) return
    this.#due = at
    this.#timer.schedule(at)
  }

  clear(which: number): void {
    this.#at[which] = Infinity
  }

  /** Whether it is due; then it is waited for no longer. */
  take(which: number, now: Instant): boolean {
    if (this.#at[which]! > now) return false
    this.#at[which] = Infinity
    return true
  }

  /** Nothing is waited for any more. */
  end(): void {
    for (let i = 0; i < this.#at.length; i++) this.#at[i] = Infinity // short: `fill` takes three times as long
    this.#due = Infinity
    this.#timer.cancel()
  }

  #arm(): void {
    let first = Infinity
    for (let i = 0; i < this.#at.length; i++) if (this.#at[i]! < first) first = this.#at[i]!
    if (first < this.#due) {
      this.#due = first
      this.#timer.schedule(first)
    }
  }
}
