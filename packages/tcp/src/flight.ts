/**
 * What was sent and not acknowledged yet: the scoreboard of RFC 6675 §3, with the times that RFC 8985 asks for. Read RFC 2018 §5 and
 * RFC 8985 §5 before changing this file.
 */

import type { Instant } from '@favonius/contract'

/** A run of sequence numbers that went out as one segment. Used again when it has been acknowledged. */
export class Sent {
  /** First sequence number, and the one behind the last. */
  start = 0
  end = 0
  /** When it was sent last. */
  at: Instant = 0
  /** How often it was sent again. */
  again = 0
  /** The peer has it, as a selective acknowledgement says. */
  sacked = false
  /** Taken for lost, and not sent again since. */
  lost = false
}

/** What an acknowledgement has told. One record, filled anew. */
export interface Told {
  /** Bytes that were delivered for the first time, as far as we know. */
  delivered: number
  /** When the segment was sent, of those just delivered, that was sent last; NaN when none was. */
  at: Instant
  /** End of that segment. */
  end: number
  /** That segment was sent more than once. */
  again: boolean
  /** A segment was delivered that was sent before one that was delivered earlier: the way reorders (RFC 8985 §6.2 step 3). */
  reordered: boolean
}

/** Segments in flight, in the order of their sequence numbers. */
export class Flight {
  /** A ring: `#count` segments from `#head` on. What is free keeps its object. */
  #ring: Sent[] = [new Sent(), new Sent()]
  #head = 0
  #count = 0
  /** Bytes in flight that the peer has, and bytes that are taken for lost. */
  sacked = 0
  lost = 0
  /** Bytes between the first sequence number and the last. */
  outstanding = 0
  /** Nothing before this is taken for lost. */
  #lostFrom = 0
  /** The highest sequence number that was delivered (RFC 8985 §6.2: RACK.fack). */
  #highest = 0
  readonly told: Told = { delivered: 0, at: Number.NaN, end: 0, again: false, reordered: false }

  get count(): number {
    return this.#count
  }

  /** RFC 6675 §4 Pipe: bytes that are on their way, as far as we know. */
  get pipe(): number {
    return this.outstanding - this.sacked - this.lost
  }

  /** Segment number `i`, from 0. */
  at(i: number): Sent {
    const at = this.#head + i
    return this.#ring[at < this.#ring.length ? at : at - this.#ring.length]!
  }

  /** Begins anew, before the segment with sequence number `start`. */
  reset(start: number): void {
    this.#count = this.sacked = this.lost = this.outstanding = 0
    this.#highest = start
  }

  /** A segment goes out for the first time, behind all others. */
  push(start: number, end: number, now: Instant): void {
    if (this.#count === this.#ring.length) this.#grow()
    const sent = this.at(this.#count++)
    sent.start = start
    sent.end = end
    sent.at = now
    sent.again = 0
    sent.sacked = false
    sent.lost = false
    this.outstanding += (end - start) | 0
  }

  #grow(): void {
    const ring: Sent[] = []
    for (let i = 0; i < this.#count; i++) ring.push(this.at(i))
    while (ring.length < 2 * this.#count) ring.push(new Sent())
    this.#ring = ring
    this.#head = 0
  }

  /** Forgets what an acknowledgement has told before. */
  listen(): void {
    const { told } = this
    told.delivered = 0
    told.at = Number.NaN
    told.again = false
    told.reordered = false
  }

  /** Everything before `una` has arrived. */
  acknowledge(una: number): void {
    while (this.#count > 0) {
      const sent = this.#ring[this.#head]!
      if (((sent.start - una) | 0) >= 0) return
      if (((sent.end - una) | 0) > 0) return this.#trim(sent, una)
      const size = (sent.end - sent.start) | 0
      if (sent.sacked) this.sacked -= size
      else this.#delivered(sent, size)
      if (sent.lost) this.lost -= size
      this.outstanding -= size
      this.#count--
      if (++this.#head === this.#ring.length) this.#head = 0
    }
  }

  /** A part of a segment has arrived: the rest of it is what is left in flight. */
  #trim(sent: Sent, una: number): void {
    const size = (una - sent.start) | 0
    if (sent.sacked) this.sacked -= size
    else this.#delivered(sent, size)
    if (sent.lost) this.lost -= size
    this.outstanding -= size
    sent.start = una
  }

  /**
   * The peer has `left` up to `right` (RFC 2018 §3). What it has of a segment that was split on its way is a whole number of segments of `mss`
   * bytes; or all but a FIN. What it says to have beside these does not count: it would be for the peer to cut segments to pieces (CVE-2019-11478).
   */
  sack(left: number, right: number, mss: number): void {
    for (let i = this.#from(left); i < this.#count; i++) {
      const sent = this.at(i)
      if (((sent.start - right) | 0) >= 0) return
      if (sent.sacked) continue
      const before = Math.ceil(Math.max(0, (left - sent.start) | 0) / mss) * mss
      if (before > 0) {
        if (before < ((sent.end - sent.start) | 0)) this.#split(i, (sent.start + before) | 0)
        continue
      }
      const behind = (sent.end - right) | 0
      if (behind > 0) {
        const known = (right - sent.start) | 0
        const whole = behind === 1 ? known : known - known % mss
        if (whole === 0) return
        this.#split(i, (sent.start + whole) | 0)
      }
      const size = (sent.end - sent.start) | 0
      sent.sacked = true
      this.sacked += size
      if (sent.lost) {
        sent.lost = false
        this.lost -= size
      }
      this.#delivered(sent, size)
    }
  }

  /** The first segment that ends after `sequence`, by bisection. */
  #from(sequence: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (((this.at(middle).end - sequence) | 0) > 0) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Makes two of segment `i`, the second one from `middle` on. */
  #split(i: number, middle: number): void {
    const { end, at, again, sacked, lost } = this.at(i)
    this.outstanding -= (end - middle) | 0
    this.push(middle, end, at)
    // It went to the end of the ring, and moves to its place.
    const made = this.at(this.#count - 1)
    for (let n = this.#count - 1; n > i + 1; n--) this.#put(n, this.at(n - 1))
    this.#put(i + 1, made)
    made.again = again
    made.sacked = sacked
    made.lost = lost
    this.at(i).end = middle
  }

  #put(i: number, sent: Sent): void {
    const at = this.#head + i
    this.#ring[at < this.#ring.length ? at : at - this.#ring.length] = sent
  }

  #delivered(sent: Sent, size: number): void {
    const { told } = this
    told.delivered += size
    if (told.at !== told.at || sent.at > told.at || (sent.at === told.at && ((sent.end - told.end) | 0) > 0)) {
      told.at = sent.at
      told.end = sent.end
      told.again = sent.again > 0
    }
    if (((sent.end - this.#highest) | 0) > 0) this.#highest = sent.end
    else if (sent.again === 0) told.reordered = true
  }

  /** Takes a segment for lost. */
  lose(sent: Sent): void {
    if (sent.lost || sent.sacked) return
    if (this.lost === 0 || ((sent.start - this.#lostFrom) | 0) < 0) this.#lostFrom = sent.start
    sent.lost = true
    this.lost += (sent.end - sent.start) | 0
  }

  /**
   * Takes all that the peer is not known to have for lost (RFC 6675 §5.1). One that says to have the first, and does not acknowledge it, has dropped
   * what it had: then nothing is known (RFC 2018 §8).
   */
  loseAll(): void {
    if (this.#count > 0 && this.at(0).sacked) {
      for (let i = 0; i < this.#count; i++) this.at(i).sacked = false
      this.sacked = 0
    }
    for (let i = 0; i < this.#count; i++) this.lose(this.at(i))
  }

  /** Takes back what was taken for lost. */
  loseNone(): void {
    for (let i = 0; i < this.#count; i++) this.at(i).lost = false
    this.lost = 0
  }

  /** The first segment that is taken for lost. */
  firstLost(): Sent | undefined {
    if (this.lost === 0) return undefined
    for (let i = this.#from(this.#lostFrom); i < this.#count; i++) {
      const sent = this.at(i)
      if (!sent.lost) continue
      this.#lostFrom = sent.start
      return sent
    }
    return undefined
  }

  /** A segment goes out once more. */
  resent(sent: Sent, now: Instant): void {
    if (sent.lost) {
      sent.lost = false
      this.lost -= (sent.end - sent.start) | 0
    }
    sent.at = now
    sent.again++
  }

  /** Cuts a segment to `size` bytes, for one that is too large for its way by now. The rest is a segment of its own, as lost as it was. */
  cut(sent: Sent, size: number): void {
    this.#split(this.#from(sent.start), (sent.start + size) | 0)
  }

  /**
   * RFC 8985 §6.2 step 5: takes for lost what was sent before the segment that was delivered last (sent at `at`, ending at `end`), and
   * is overdue by `window` ms, when a round trip takes `rtt`. Returns when the next one will be overdue, or Infinity.
   */
  loseBefore(at: Instant, end: number, rtt: number, window: number, now: Instant): Instant {
    let next = Infinity
    for (let i = 0; i < this.#count; i++) {
      const sent = this.at(i)
      if (sent.sacked || sent.lost) continue
      if (sent.at > at || (sent.at === at && ((sent.end - end) | 0) > 0)) continue
      const overdue = sent.at + rtt + window
      if (overdue <= now) this.lose(sent)
      else if (overdue < next) next = overdue
    }
    return next
  }
}
