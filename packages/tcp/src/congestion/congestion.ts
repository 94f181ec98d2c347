/** What a connection asks of congestion control, and what all kinds of it begin with. Read RFC 5681 and RFC 6928 before changing this file. */

import type { Instant } from '@favonius/contract'

/** A kind of congestion control. Stateless: one value serves all connections. */
export interface Congestion {
  readonly name: string
  /** For one connection. `mss` is the most data in a segment (SMSS), `window` what may be under way at first, in bytes: else the initial window. */
  begin(mss: number, window?: number): CongestionControl
}

/** How much one connection may have under way. All sizes are in bytes. */
export interface CongestionControl {
  /** SMSS. May be changed when the path's MTU does; the window stays. */
  mss: number
  /** cwnd: how much may be under way. */
  readonly window: number
  /** ssthresh: below it, slow start. Infinity before the first loss. */
  readonly threshold: number
  /**
   * `bytes` of new data were acknowledged, and nothing is being recovered. `roundTrip` is the smoothed round trip in milliseconds. `limited`:
   * the window was what limited sending; what an application did not use proves nothing, and does not widen it (RFC 7661 §4.1, RFC 9438 §5.8).
   */
  acknowledged(bytes: number, now: Instant, roundTrip: number, limited: boolean): void
  /** A loss was found by acknowledgements, or ECN told of one, the first of this flight; `flight` is FlightSize. The window becomes the new threshold. */
  lost(flight: number, now: Instant): void
  /** The retransmission timer expired. As long as nothing is acknowledged after it, the threshold stays when it expires again (RFC 5681 §3.1). */
  timedOut(flight: number, now: Instant): void
  /** Nothing was sent for longer than the retransmission timeout (RFC 5681 §4.1). */
  idled(now: Instant): void
  /** What the last `lost` or `timedOut` did was in vain: nothing had been lost (RFC 3522, RFC 4015, RFC 5682). Harmless when there was none. */
  undo(): void
}

/** The window of a new connection, and the most after a pause (RFC 6928 §2). */
export function initialWindow(mss: number): number {
  return Math.min(10 * mss, Math.max(2 * mss, 14_600))
}

/** The least threshold after a loss, in segments (RFC 5681 §3.1, equation 4). */
export const LEAST_THRESHOLD = 2

/**
 * By how much slow start widens the window for `bytes` acknowledged (RFC 3465 §2.2, §2.3): by as many, but by no more than two segments for
 * one acknowledgement, and one after a timeout, when an acknowledgement may be of much that came before.
 */
export function slowStart(bytes: number, mss: number, afterTimeout: boolean): number {
  return Math.min(bytes, afterTimeout ? mss : 2 * mss)
}
