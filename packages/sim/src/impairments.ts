/** What can happen to a frame on its way, drawn from the seed: the one place of it, for wires and for faulty devices. */

import type { Instant, NetBuf, Random } from '@favonius/contract'

/** What goes wrong on the way. Shares are 0 … 1, and nothing goes wrong unless it is given. */
export interface Faults {
  /** Milliseconds on the way; 0 unless given. */
  readonly latency?: number
  /**
   * Milliseconds on the way beside the latency, at most: each frame takes 0 … `jitter` more, uniformly. Order is kept: a
   * frame that would arrive before an earlier one arrives with it.
   */
  readonly jitter?: number
  /** The share of frames that are lost. */
  readonly loss?: number
  /** The share of frames that are held back, so that later ones overtake them. */
  readonly reorder?: number
  /** Milliseconds for which such frames are held back; 10 unless given. What comes within them overtakes. */
  readonly holdBack?: number
  /** The share of frames that arrive twice. */
  readonly duplicate?: number
  /**
   * The share of frames that arrive with one bit turned over, anywhere behind Ethernet's addresses: as if the frame check
   * sequence had not noticed. It is done to a copy, never in the sender's buffer.
   */
  readonly corrupt?: number
}

/** Of `holdBack`, in milliseconds. */
const HOLD_BACK = 10

/** A share of 2³², with which a random number of 32 bits is compared. RangeError outside 0 … 1. */
function share(name: string, value = 0): number {
  if (!(value >= 0 && value <= 1)) throw new RangeError(`${name} is ${value}; it must be a share from 0 to 1`)
  return value * 2 ** 32
}

function milliseconds(name: string, value: number): number {
  if (!(value >= 0 && value < Infinity)) throw new RangeError(`${name} is ${value}; it must be 0 or more milliseconds`)
  return value
}

/**
 * Decides what happens to the frames that go one way. What is not asked for draws nothing from the seed; so one fault more
 * changes whom the others strike.
 */
export class Impairments {
  readonly latency: number
  readonly holdBack: number
  /** Frames arrive after the latency and nothing else happens: there is no need to ask. */
  readonly clean: boolean
  readonly #random: Random
  readonly #jitter: number
  readonly #loss: number
  readonly #reorder: number
  readonly #duplicate: number
  readonly #corrupt: number
  /** When the last of the frames arrives that keep their order. */
  #last: Instant = -Infinity

  constructor(random: Random, { latency = 0, jitter = 0, loss, reorder, holdBack = HOLD_BACK, duplicate, corrupt }: Faults) {
    this.#random = random
    this.latency = milliseconds('latency', latency)
    this.holdBack = milliseconds('holdBack', holdBack)
    this.#jitter = milliseconds('jitter', jitter) / 2 ** 32
    this.#loss = share('loss', loss)
    this.#reorder = share('reorder', reorder)
    this.#duplicate = share('duplicate', duplicate)
    this.#corrupt = share('corrupt', corrupt)
    this.clean = this.#jitter + this.#loss + this.#reorder + this.#duplicate + this.#corrupt === 0
  }

  lost(): boolean {
    return this.#strikes(this.#loss)
  }

  /** Whether the next frame is to be overtaken; `arrival` is then told so. */
  heldBack(): boolean {
    return this.#strikes(this.#reorder)
  }

  duplicated(): boolean {
    return this.#strikes(this.#duplicate)
  }

  /** Whether a frame with `size` bytes that may be hit is. */
  corrupted(size: number): boolean {
    return size > 0 && this.#strikes(this.#corrupt)
  }

  /** When a frame arrives that sets out at `at`. Never before an earlier one, but for those that are held back. */
  arrival(at: Instant, heldBack: boolean): Instant {
    let due = at + this.latency
    if (this.#jitter > 0) due += this.#random.uint32() * this.#jitter
    if (heldBack) return due + this.holdBack
    return (this.#last = Math.max(due, this.#last))
  }

  /** Turns over one bit of `frame`, which is the caller's alone, at `from` bytes or behind. Says which, from 0: `bit 3 of byte 47`. */
  corrupt(frame: NetBuf, from: number): string {
    const which = Math.floor(this.#random.uint32() / 2 ** 32 * 8 * (frame.total() - from))
    const byte = from + (which >>> 3)
    let at = byte
    let fragment = frame
    for (; at >= fragment.length && fragment.next !== undefined; fragment = fragment.next) at -= fragment.length
    fragment.u8[fragment.offset + at]! ^= 1 << (which & 7)
    return `bit ${which & 7} of byte ${byte}`
  }

  #strikes(below: number): boolean {
    return below > 0 && this.#random.uint32() < below
  }
}
