/** How long a round trip takes, and how long to wait for an acknowledgement. Read RFC 6298, and RFC 7323 §4.2 and appendix G, before changing this file. */

import type { Instant } from '@favonius/contract'

/** RFC 6298 §2.3: what one sample for each round trip weighs. */
const ALPHA = 1 / 8
const BETA = 1 / 4
/** RFC 6298 §2.2: how many deviations the timeout is above the mean. */
const K = 4
/** RFC 6298 §5.7. */
const DOUBT = 3000
/** Milliseconds that the minimum remembers at least; at most twice as many. */
const HALF = 5000

/**
 * The estimate of one connection. All times are in milliseconds.
 *
 * `least` is what the timeout is above the smoothed round trip at least. RFC 6298 §2.4 would have the timeout itself be 1 s at least; everybody
 * allows less, and then it must leave room for a delayed acknowledgement (RFC 9293 §3.8.6.3) however long the round trip is.
 */
export class RoundTrip {
  readonly #initial: number
  readonly #least: number
  readonly #most: number
  /** SRTT; −1 before the first sample. */
  smoothed = -1
  /** RTTVAR. */
  variance = 0
  /** The least sample of the last 5 to 10 s in which there were samples; −1 before the first. */
  minimum = -1
  /** The timeout to wait with now, backed off as often as it was asked for since. */
  rto: number
  /** The least sample of this half of the minimum's window, and of the half before. */
  #least0 = Number.POSITIVE_INFINITY
  #least1 = Number.POSITIVE_INFINITY
  #half = 0
  /** Samples since `#since`, when a round trip began, and in the round trip before. */
  #count = 0
  #expected = 1
  #since = 0

  /** `initial` is the timeout before the first sample, `most` the longest (RFC 6298 §2.1, §2.5: 1 s, and 60 s or more). */
  constructor(initial: number, least: number, most: number) {
    this.#initial = initial
    this.#least = least
    this.#most = most
    this.rto = initial
  }

  /**
   * Takes a measurement, which must be of a segment that was sent once (RFC 6298 §3) or of a timestamp. Any number may come in a round
   * trip: each weighs as much less as there are more of them (RFC 7323 appendix G), so that the estimate remembers equally long. What was
   * backed off is so no longer (RFC 6298 §5, last note).
   */
  sample(ms: number, now: Instant): void {
    if (!(ms >= 0)) return
    if (this.smoothed < 0) {
      this.smoothed = ms
      this.variance = ms / 2
      this.#since = now
    } else {
      this.#count++
      if (now - this.#since >= this.smoothed) {
        this.#expected = this.#count
        this.#count = 0
        this.#since = now
      }
      const samples = Math.max(this.#expected, this.#count)
      this.variance += (Math.abs(this.smoothed - ms) - this.variance) * BETA / samples
      this.smoothed += (ms - this.smoothed) * ALPHA / samples
    }
    this.#minimize(ms, now)
    this.restore()
  }

  #minimize(ms: number, now: Instant): void {
    const age = now - this.#half
    if (this.minimum < 0 || age >= HALF) {
      this.#least1 = age < 2 * HALF ? this.#least0 : Number.POSITIVE_INFINITY
      this.#least0 = ms
      this.#half = now
    } else if (ms < this.#least0) this.#least0 = ms
    this.minimum = Math.min(this.#least0, this.#least1)
  }

  /** The timer expired: the timeout is doubled, up to the longest (RFC 6298 §5.5). */
  backOff(): void {
    this.rto = Math.min(this.rto * 2, this.#most)
  }

  /** The timeout of the estimate again, not backed off: new data was acknowledged, or the timer had expired in vain (RFC 5682 §4). */
  restore(): void {
    this.rto = this.smoothed < 0 ? this.#initial : Math.min(this.smoothed + Math.max(this.#least, K * this.variance), this.#most)
  }

  /** The handshake is over. Without a sample the SYN was sent again, and nobody knows which one was answered: it may be a long way (RFC 6298 §5.7). */
  doubt(): void {
    if (this.smoothed < 0) this.rto = Math.max(this.#initial, DOUBT)
  }

  /** Forgets all samples: the way is another one. */
  reset(): void {
    this.smoothed = -1
    this.variance = 0
    this.minimum = -1
    this.#least0 = this.#least1 = Number.POSITIVE_INFINITY
    this.#count = 0
    this.#expected = 1
    this.rto = this.#initial
  }
}
