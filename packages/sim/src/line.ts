import type { Instant } from '@favonius/contract'

/** How fast a line is, and what may wait for it. */
export interface LineOptions {
  /** Bits a second on the line, more than 0; unless given, or with `Infinity`, a frame takes no time to send. */
  readonly rate?: number
  /**
   * Bytes that may wait while a frame is being sent. A frame that finds more is lost, which its sender is told (`device: queue is
   * full`), as a router drops it. Unless given, nothing is lost: the device refuses what the line cannot send yet, and the
   * stack keeps it in its own queues, by its own priorities. It needs a `rate`.
   */
  readonly queue?: number
}

/** Of each frame beside its bytes: 8 of preamble, 4 of frame check sequence, 12 of gap (IEEE 802.3 §3, §4.4.2). */
export const OVERHEAD = 24
/** What a shorter frame is filled up to on the line, without the frame check sequence (IEEE 802.3 §3.2.8). */
export const MINIMUM = 60
/** Milliseconds that a line without a queue takes ahead, so that a clock as coarse as that can keep it busy. */
const AHEAD = 1

/**
 * A line that sends one frame after another at its rate. What waits for it is time, not a list: a frame is given its instant as
 * soon as it comes.
 */
export class Line {
  readonly #rate: number
  /** The backlog in milliseconds with which a frame is lost; undefined when it is refused instead. */
  readonly #patience: number | undefined
  /** When all that it took has been sent. */
  #free: Instant = -Infinity

  constructor(rate: number, queue?: number) {
    this.#rate = rate
    // Half a byte more: the sums of milliseconds are not exact, and bytes are whole.
    this.#patience = queue === undefined ? undefined : (queue + 0.5) * 8000 / rate
  }

  /** When it takes a frame rather than refuse it. */
  get opens(): Instant {
    return this.#patience === undefined ? this.#free - AHEAD : -Infinity
  }

  /** Sends a frame of `bytes`. Returns when its last byte, and the gap behind it, has left; undefined when the queue is full. */
  send(bytes: number, now: Instant): Instant | undefined {
    if (this.#patience !== undefined && this.#free - now > this.#patience) return undefined
    return (this.#free = Math.max(this.#free, now) + (Math.max(bytes, MINIMUM) + OVERHEAD) * 8000 / this.#rate)
  }
}

/** The line that was asked for; undefined when it has no rate. RangeError for a rate or a queue that cannot be. */
export function lineOf({ rate = Infinity, queue }: LineOptions): Line | undefined {
  if (!(rate > 0)) throw new RangeError(`rate is ${rate}; it must be more than 0 bits a second`)
  if (queue !== undefined && !(Number.isInteger(queue) && queue >= 0)) throw new RangeError(`queue is ${queue}; it must be 0 or more whole bytes`)
  if (rate === Infinity && queue !== undefined) throw new RangeError('a queue without a rate: nothing waits where sending takes no time; give a rate too')
  return rate === Infinity ? undefined : new Line(rate, queue)
}
