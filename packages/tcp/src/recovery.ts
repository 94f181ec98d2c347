/**
 * What is lost, and how much may be in flight meanwhile: RACK and the tail loss probe (RFC 8985), proportional rate reduction (RFC 6937), and
 * for peers without selective acknowledgements NewReno (RFC 6582). Read these, and RFC 6675 §5, before changing this file.
 */

import type { Instant } from '@favonius/contract'
import type { Congestion, CongestionControl } from './congestion/congestion.ts'
import type { Flight } from './flight.ts'
import type { RoundTrip } from './rtt.ts'

/** Duplicate acknowledgements that mean a loss (RFC 5681 §3.2, RFC 8985 §3.3.1: DupThresh). */
const DUPLICATES = 3
/** A reordering window is a quarter of the least round trip at first, and so much wider at most (RFC 8985 §6.2 step 4). */
const MOST_WINDOWS = 20
/** Recoveries after which a wider window is forgotten (RFC 8985 §6.2 step 4). */
const PERSISTS = 16

/** What a connection is doing about losses. */
export type RecoveryState = 'open' | 'recovery' | 'loss'

/** Before the handshake is over nothing is under way but a SYN, and nothing is learned of the way. */
const opening: CongestionControl = { mss: 0, window: 0, threshold: Infinity, acknowledged() {}, lost() {}, timedOut() {}, idled() {}, undo() {} }

/** Loss recovery of one connection. */
export class Recovery {
  control: CongestionControl = opening
  state: RecoveryState = 'open'
  /** When what is late now becomes lost; Infinity when nothing is late. */
  reorderDue: Instant = Infinity
  readonly #flight: Flight
  readonly #times: RoundTrip
  readonly #congestion: Congestion
  /** `snd.nxt` when it began: it ends when that is acknowledged (RFC 6675 §5: RecoveryPoint). */
  #point = 0
  /** RFC 6937 §3: bytes delivered and sent since it began, and in flight when it began. */
  #delivered = 0
  #sent = 0
  #began = 0
  /** How much may be in flight while it lasts. */
  #window = 0
  /** The segment delivered last, of those sent last (RFC 8985 §5.2). */
  #at: Instant = Number.NaN
  #end = 0
  #rtt = 0
  #reorders = false
  #windows = 1
  #persists = 0
  /** Duplicate acknowledgements in a row, from a peer that says no more than that. */
  #duplicates = 0
  /** Our timestamp when something was sent again for the first time since it began; NaN before. */
  #again = Number.NaN

  constructor(flight: Flight, times: RoundTrip, congestion: Congestion) {
    this.#flight = flight
    this.#times = times
    this.#congestion = congestion
  }

  /** The handshake is over. One whose SYN was lost twice begins with one segment (RFC 5681 §3.1; RFC 6298 §2.1 allows for the first). */
  established(mss: number, lost: boolean): void {
    this.control = this.#congestion.begin(mss, lost ? mss : undefined)
  }

  /** Segments carry `mss` bytes from now on. */
  fit(mss: number): void {
    if (this.control !== opening) this.control.mss = mss
  }

  /** Bytes that may be in flight. */
  get window(): number {
    return this.state === 'recovery' ? this.#window : this.control.window
  }

  /** Bytes in flight, as far as we know. A peer that does not say which ones it has, says that it has some. */
  get pipe(): number {
    return Math.max(0, this.#flight.pipe - this.#duplicates * this.control.mss)
  }

  // ---- acknowledgements ----

  /**
   * After the flight was told of an acknowledgement: what is lost now, and what is the window. `advanced` by so many bytes is `una`, `next` is
   * `snd.nxt`, `selective` when the peer tells which segments it has, and `limited` when the window was what limited sending.
   */
  acknowledged(una: number, next: number, advanced: number, selective: boolean, limited: boolean, now: Instant): void {
    const { told } = this.#flight
    let { delivered } = told
    if (selective) this.#rack(now)
    else if (advanced > 0) {
      // What duplicates had announced is delivered already (RFC 6582 §3.2 step 3).
      delivered = Math.max(0, advanced - this.#duplicates * this.control.mss)
      this.#duplicates = 0
      // RFC 6582 §3.2, a partial acknowledgement. After a timeout all is lost anyway, or has just been sent again.
      if (this.state === 'recovery' && ((una - this.#point) | 0) < 0) this.#loseFirst()
    }
    if (this.state !== 'open' && ((una - this.#point) | 0) >= 0) this.#finish()
    if (this.state === 'open' && this.#flight.lost > 0) this.#begin(next, now)
    if (this.state === 'recovery') this.#reduce(delivered)
    else if (advanced > 0) this.control.acknowledged(advanced, now, this.#times.smoothed, limited)
  }

  /** The peer acknowledged once more what it had, without more (RFC 5681 §2: duplicate ACK). */
  duplicate(next: number, now: Instant): void {
    if (this.#flight.count === 0) return
    // RFC 5681 §3.2: no more of them count than there were segments to bring them forth.
    if (this.state === 'recovery' && this.#duplicates * this.control.mss >= this.#began) return
    this.#duplicates++
    if (this.state === 'open' && this.#duplicates === DUPLICATES) {
      this.#loseFirst()
      this.#begin(next, now)
    }
    if (this.state === 'recovery') this.#reduce(this.control.mss)
  }

  /** A duplicate was received there (RFC 2883): what we took for lost came late, so there is more reordering than was thought. */
  spurious(): void {
    this.#windows = Math.min(this.#windows + 1, MOST_WINDOWS)
    this.#persists = PERSISTS
  }

  /** An acknowledgement answers a segment that was sent before anything was sent again: nothing was lost (RFC 3522 §3.2, Eifel). */
  answered(echo: number): boolean {
    if (this.state === 'open' || this.#again !== this.#again || ((echo - this.#again) | 0) >= 0) return false
    this.control.undo()
    this.#flight.loseNone()
    this.state = 'open'
    this.#duplicates = 0
    return true
  }

  #loseFirst(): void {
    if (this.#flight.count > 0) this.#flight.lose(this.#flight.at(0))
  }

  /** RFC 8985 §6.2. */
  #rack(now: Instant): void {
    const { told } = this.#flight
    if (told.reordered) this.#reorders = true
    if (told.at === told.at) {
      const rtt = now - told.at
      // Step 2: an answer that came sooner than any does, is to what was sent before.
      if (!told.again || rtt >= this.#times.minimum) {
        this.#rtt = rtt
        if (this.#at !== this.#at || told.at > this.#at || (told.at === this.#at && ((told.end - this.#end) | 0) > 0)) {
          this.#at = told.at
          this.#end = told.end
        }
      }
    }
    this.late(now)
  }

  /** What is overdue is lost. Called with each acknowledgement, and when `reorderDue` has come. */
  late(now: Instant): void {
    this.reorderDue = this.#flight.sacked > 0 || this.state !== 'open' || this.#reorders
      ? this.#flight.loseBefore(this.#at, this.#end, this.#rtt, this.#reorderWindow(), now)
      : Infinity
  }

  /** RFC 8985 §6.2 step 4. */
  #reorderWindow(): number {
    if (!this.#reorders && (this.state !== 'open' || this.#flight.sacked >= DUPLICATES * this.control.mss)) return 0
    return Math.max(0, Math.min(this.#windows * this.#times.minimum / 4, this.#times.smoothed))
  }

  /** Losses that a timer has found: `late` was called, and something is lost. */
  found(next: number, now: Instant): void {
    if (this.state === 'open' && this.#flight.lost > 0) {
      this.#begin(next, now)
      this.#reduce(0)
    }
  }

  // ---- beginning and ending ----

  /**
   * What of the window was used. While holes are mended the peer holds ever more beyond them, which RFC 5681 §2 counts as in flight too: taken
   * by itself it would widen the window with each loss (RFC 9438 §4.6 lets the window count, if it does not outgrow what is used).
   */
  get #used(): number {
    return Math.min(this.#flight.outstanding, this.control.window)
  }

  #begin(next: number, now: Instant): void {
    this.state = 'recovery'
    this.#point = next
    this.#delivered = this.#sent = 0
    this.#began = Math.max(this.#flight.outstanding, 1)
    this.#again = Number.NaN
    this.control.lost(this.#used, now)
  }

  #finish(): void {
    this.state = 'open'
    this.#duplicates = 0
    if (this.#persists > 0 && --this.#persists === 0) this.#windows = 1
  }

  /** RFC 6937 §3.1, with the slow start reduction bound. */
  #reduce(delivered: number): void {
    const { mss, threshold } = this.control
    const { pipe } = this
    this.#delivered += delivered
    const send = pipe > threshold
      ? Math.ceil(this.#delivered * threshold / this.#began) - this.#sent
      : Math.min(threshold - pipe, Math.max(this.#delivered - this.#sent, delivered) + mss)
    // The first loss is sent again at once (RFC 6675 §5 step 4.3).
    this.#window = pipe + Math.max(send, this.#sent === 0 ? mss : 0)
  }

  /** Bytes went out. With `again` our timestamp, when they went out before. */
  sent(bytes: number, again?: number): void {
    this.#sent += bytes
    if (again !== undefined && this.#again !== this.#again) this.#again = again
  }

  /** The retransmission timer fired (RFC 6298 §5.4, RFC 6675 §5.1): everything is to be sent again, from the beginning. */
  timedOut(next: number, now: Instant): void {
    this.#flight.loseAll()
    this.#duplicates = 0
    this.#point = next
    this.#again = Number.NaN
    this.control.timedOut(this.#used, now)
    this.state = 'loss'
    this.reorderDue = Infinity
  }
}
