import type { Clock, Instant } from '@favonius/contract'

/**
 * A token bucket: the rate limit of ICMP errors (RFC 4443 §2.4 (f), RFC 1812 §4.3.2.8). It holds at most `burst` tokens, gains
 * `rate` of them per second, and starts full.
 */
export class TokenBucket {
  readonly #clock: Clock
  readonly #rate: number
  readonly #burst: number
  #tokens: number
  #filled: Instant

  /** With a `rate` of 0 it never gives any. */
  constructor(clock: Clock, rate: number, burst: number) {
    this.#clock = clock
    this.#rate = rate
    this.#burst = burst
    this.#tokens = rate === 0 ? 0 : burst
    this.#filled = clock.now()
  }

  /** Takes one token. False when there is none. */
  take(): boolean {
    const now = this.#clock.now()
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#filled) * this.#rate) / 1000)
    this.#filled = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
