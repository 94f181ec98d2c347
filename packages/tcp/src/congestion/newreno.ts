/**
 * NewReno: additive increase, multiplicative decrease. Read RFC 5681, RFC 6582 and RFC 3465 before changing this file. Which segments are
 * sent again, and when a recovery is over (RFC 6582 §3.2), is the connection's matter.
 */

import type { Instant } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import { initialWindow, LEAST_THRESHOLD, slowStart, type Congestion, type CongestionControl } from './congestion.ts'

class NewReno implements CongestionControl {
  mss: number
  window: number
  threshold = Number.POSITIVE_INFINITY
  /** Bytes acknowledged in congestion avoidance that have not widened the window yet (RFC 3465 §2.1). */
  #counted = 0
  /** Slow start follows a timeout. */
  #afterTimeout = false
  /** Nothing was acknowledged since a timeout. */
  #timedOut = false
  /** Before the last loss; 0 when there is nothing to undo. */
  #windowBefore = 0
  #thresholdBefore = 0

  constructor(mss: number, window = initialWindow(mss)) {
    this.mss = mss
    this.window = window
  }

  acknowledged(bytes: number, _now: Instant, _roundTrip: number, limited: boolean): void {
    this.#timedOut = false
    if (!limited) return
    if (this.window < this.threshold) {
      this.window += slowStart(bytes, this.mss, this.#afterTimeout)
      return
    }
    this.#afterTimeout = false
    // One segment for each window of data (RFC 5681 §3.1, RFC 3465 §2.1).
    this.#counted += bytes
    if (this.#counted < this.window) return
    this.#counted -= this.window
    this.window += this.mss
  }

  lost(flight: number): void {
    this.#halve(flight)
    this.window = this.threshold
  }

  timedOut(flight: number): void {
    if (!this.#timedOut) this.#halve(flight)
    this.#timedOut = this.#afterTimeout = true
    // The loss window (RFC 5681 §3.1).
    this.window = this.mss
  }

  /** RFC 5681 §3.1, equation 4: of what was under way, not of the window, which may never have been used. */
  #halve(flight: number): void {
    this.#windowBefore = this.window
    this.#thresholdBefore = this.threshold
    this.threshold = Math.max(Math.floor(flight / 2), LEAST_THRESHOLD * this.mss)
    this.#counted = 0
    this.#afterTimeout = false
  }

  idled(): void {
    this.window = Math.min(this.window, initialWindow(this.mss))
    this.#counted = 0
  }

  undo(): void {
    if (this.#windowBefore === 0) return
    this.window = Math.max(this.window, this.#windowBefore)
    this.threshold = this.#thresholdBefore
    this.#windowBefore = 0
    this.#timedOut = this.#afterTimeout = false
  }
}

/** NewReno as a value, for a connection or a stack. */
export const reno: Congestion = { name: 'newreno', begin: (mss, window) => new NewReno(mss, window) }

/** NewReno for all connections that begin from now on. */
export const newReno = /* @__PURE__ */ feature({
  name: 'newReno',
  symbol: 'CONFIG_NET_TCP_CONGESTION_NEWRENO',
  needs: { tcp: type<{ congestion: Congestion }>() },
  create({ tcp }, { onStop }): Congestion {
    const before = tcp.congestion
    tcp.congestion = reno
    onStop(() => {
      tcp.congestion = before
    })
    return reno
  },
})
