/** One frame on the air: whom it reaches, and what became of it at each of them. */

import type { Instant, NetBuf } from '@favonius/contract'
import type { AirRadio } from './radio.ts'
import type { Emitter } from './emitter.ts'

/** Why a frame was lost at a radio that it was for, or by all of them. */
export type AirLossReason =
  | 'out of reach' | 'too weak' | 'collision' | 'interference' | 'noise' | 'by chance' | 'sending' | 'off' | 'other channel' | 'cut off' | 'no buffer'

/** A frame that was lost on the air. */
export interface AirLoss {
  readonly why: AirLossReason
  /** When its last byte would have been there. */
  readonly at: Instant
  readonly from: AirRadio
  /** Who was to hear it; undefined when nobody that it is for is within reach. */
  readonly to: AirRadio | undefined
  /** Whose signal it was, in a collision: undefined for an interferer's, and where there was none. */
  readonly by: AirRadio | undefined
  /** The frame without its FCS; borrowed until the listener returns. */
  readonly frame: NetBuf
}

/** Whom a station reaches, by number, and how well: parallel arrays, made when it first sends and again when someone has moved. */
export interface Links {
  readonly to: readonly number[]
  /** dBm. */
  readonly strengths: readonly number[]
  /** The same in milliwatts, which can be added. */
  readonly milliwatts: readonly number[]
  /** Undefined where nothing is lost but by what the air does. */
  readonly losses: readonly number[] | undefined
}

/**
 * What becomes of a frame at a hearer: `late` and `wasOff` when it began to listen after the frame's beginning. With the last two, the signal is
 * not among those that the hearer hears.
 */
export const fates = { heard: 0, weak: 1, collision: 2, sending: 3, interference: 4, late: 5, wasOff: 6, channel: 7, off: 8 } as const

/** How a fate is told of. */
export const reasonOf: readonly AirLossReason[] = [
  'by chance', 'too weak', 'collision', 'sending', 'interference', 'other channel', 'off', 'other channel', 'off',
]

/** A signal on the air, with the frame that it carries, if any. A station has one, and uses it again. */
export class Transmission {
  readonly source: Emitter
  frame: NetBuf | undefined
  links: Links | undefined
  /** −1 for a signal on all channels. */
  channel = 0
  began: Instant = 0.5
  /** Of each hearer in `links`, a fate, and the number of who brought it about. */
  fates: number[] = []
  by: number[] = []

  constructor(source: Emitter) {
    this.source = source
    this.frame = undefined
    this.links = undefined
  }
}
