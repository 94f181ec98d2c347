/**
 * CUBIC: after a loss the window comes back along a cubic curve of time, flat where the loss was, so that it does not depend on the round
 * trip; and it is never below what Reno would have. Read RFC 9438 before changing this file; names in comments are its.
 */

import type { Instant } from '@favonius/contract'
import { initialWindow, LEAST_THRESHOLD, slowStart, type Congestion, type CongestionControl } from './congestion.ts'

/** How steep the curve is, in segments per second³ (§5.1). */
const C = 0.4
/** What is left of the window after a loss: β_cubic (§4.6). */
const BETA = 0.7
/** What Reno adds each round trip, in segments, to have as much on average with β_cubic: α_cubic (§4.3). */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA)
/** How much wider a window may become in one round trip (§4.2). */
const MOST_GROWTH = 1.5

/** All that a loss changes: what `undo` brings back (§4.9). */
interface State {
  readonly window: number
  readonly threshold: number
  readonly prior: number
  readonly origin: number
  readonly epoch: number
  readonly updated: number
  readonly k: number
  readonly estimate: number
}

class Cubic implements CongestionControl {
  mss: number
  threshold = Number.POSITIVE_INFINITY
  /** cwnd, with the fractions of bytes that acknowledgements add to it. */
  #window: number
  /** cwnd_prior: the window before it was made less. */
  #prior = 0
  /** W_max: the window at which the curve is flat. NaN: where the next stage of congestion avoidance begins (§4.8, §4.10). */
  #origin = Number.NaN
  /** t_epoch: when this stage of congestion avoidance began, moved on by all the time in which the window was not used. NaN before it begins. */
  #epoch = Number.NaN
  /** The last acknowledgement of the stage. */
  #updated = 0
  /** K: seconds from the epoch to where the curve is flat. */
  #k = 0
  /** W_est: what Reno would have. */
  #estimate = 0
  #afterTimeout = false
  #timedOut = false
  #before: State | undefined = undefined

  constructor(mss: number, window = initialWindow(mss)) {
    this.mss = mss
    this.#window = window
  }

  get window(): number {
    return Math.floor(this.#window)
  }

  acknowledged(bytes: number, now: Instant, roundTrip: number, limited: boolean): void {
    this.#timedOut = false
    // §4.2: t does not include the time in which the application, and not the window, was the limit.
    if (!limited) this.#epoch += now - this.#updated
    this.#updated = now
    if (!limited) return
    if (this.#window < this.threshold) this.#window += slowStart(bytes, this.mss, this.#afterTimeout)
    else this.#avoid(bytes, now, roundTrip)
  }

  /** Congestion avoidance, §4.2 to §4.5. */
  #avoid(bytes: number, now: Instant, roundTrip: number): void {
    if (Number.isNaN(this.#epoch)) this.#begin(now)
    const window = this.#window
    const share = Math.min(1, bytes / window)
    // §4.3: once Reno's window would be what it was before the loss, it grows as Reno's does.
    this.#estimate += (this.#estimate < this.#prior ? ALPHA : 1) * this.mss * share
    const t = (now - this.#epoch) / 1000
    if (this.#curve(t) < this.#estimate) {
      this.#window = Math.max(window, this.#estimate)
      return
    }
    const target = Math.min(Math.max(this.#curve(t + roundTrip / 1000), window), MOST_GROWTH * window)
    this.#window += (target - window) * share
  }

  /** A stage of congestion avoidance begins. */
  #begin(now: Instant): void {
    this.#epoch = now
    this.#afterTimeout = false
    this.#estimate = this.#window
    if (!(this.#origin > this.#window)) this.#origin = this.#window
    // Equation 2.
    this.#k = Math.cbrt((this.#origin - this.#window) / this.mss / C)
  }

  /** W_cubic(t), equation 1, in bytes. */
  #curve(t: number): number {
    return C * this.mss * (t - this.#k) ** 3 + this.#origin
  }

  lost(flight: number): void {
    this.#reduce(flight)
    this.#window = this.threshold
  }

  timedOut(flight: number): void {
    if (!this.#timedOut) this.#reduce(flight)
    this.#timedOut = this.#afterTimeout = true
    // §4.8: the loss window; and the next stage begins at its own flat place.
    this.#window = this.mss
    this.#origin = Number.NaN
  }

  /** Multiplicative decrease, §4.6, and fast convergence, §4.7: a flow whose window had not come back yet makes room for others. */
  #reduce(flight: number): void {
    this.#before = {
      window: this.#window, threshold: this.threshold, prior: this.#prior, origin: this.#origin, epoch: this.#epoch, updated: this.#updated,
      k: this.#k, estimate: this.#estimate,
    }
    this.#prior = this.#window
    this.#origin = this.#window < this.#origin ? (this.#window * (1 + BETA)) / 2 : this.#window
    this.threshold = Math.max(Math.floor(flight * BETA), LEAST_THRESHOLD * this.mss)
    this.#epoch = Number.NaN
    this.#afterTimeout = false
  }

  idled(): void {
    this.#window = Math.min(this.#window, initialWindow(this.mss))
    // Another stage begins, to the same flat place: the curve of the last one would be far above a window that begins anew.
    this.#epoch = Number.NaN
  }

  undo(): void {
    const before = this.#before
    this.#before = undefined
    // §4.9: what has grown beyond it since goes on as it is.
    if (before === undefined || this.#window >= before.window) return
    this.#window = before.window
    this.threshold = before.threshold
    this.#prior = before.prior
    this.#origin = before.origin
    this.#epoch = before.epoch
    this.#updated = before.updated
    this.#k = before.k
    this.#estimate = before.estimate
    this.#timedOut = this.#afterTimeout = false
  }
}

/** CUBIC as a value, for a connection or a stack. */
export const cubic: Congestion = { name: 'cubic', begin: (mss, window) => new Cubic(mss, window) }
