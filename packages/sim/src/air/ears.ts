/**
 * What each radio hears now: a run of eight numbers for each, which is a line of the processor's cache. A frame's first and last symbol change
 * those of all radios within reach; with an object for each of them, a network of ten thousand would wait for memory most of the time.
 */

import type { Instant } from '@favonius/contract'
import type { Medium } from './media.ts'
import { fates, type Transmission } from './transmission.ts'

/** Where the numbers of a radio stand. */
const at = {
  /** Milliwatts of all signals that it hears, and how many these are. */
  energy: 0, signals: 1,
  /** Whose frame it is receiving, whatever comes of it: the number of a radio, or one of the two below. Which hearer of that frame it is. */
  locked: 2, index: 3,
  /** Milliwatts of that frame, and the most that disturbed it. */
  strength: 4, worst: 5,
  /** When the channel was last busy enough not to be clear. */
  heard: 6,
  /** On which it listens; `OFF` when it does not work or is not in use. */
  channel: 7,
} as const
const SIZE = 8

/** In the place of a sender's number: it receives nothing; it cannot, for it sends or turns round. */
const NOBODY = -1
const DEAF = -2
const OFF = -2

/** Milliseconds in which a receiver still turns to a stronger frame: five bytes of preamble and start. */
const PREAMBLE = 5 * 0.032
/** What clear channel assessment looks at: eight symbols. */
const ASSESSMENT = 8 * 0.016

const milliwattsOf = (dBm: number): number => 10 ** (dBm / 10)

export class Ears {
  readonly #capture: number
  readonly #noise: number
  readonly #sensitivity: number
  readonly #busy: number
  readonly #transmissionOf: (number: number) => Transmission
  readonly #active: Iterable<Transmission>
  #table = new Float64Array(16 * SIZE)
  #count = 0

  /** `capture` is by how many dB a frame must be stronger than all that disturbs it. `transmissionOf` gives a radio's, `active` all that are under way. */
  constructor({ noise, sensitivity, busy }: Medium, capture: number, active: Iterable<Transmission>, transmissionOf: (number: number) => Transmission) {
    this.#capture = milliwattsOf(capture)
    this.#noise = milliwattsOf(noise)
    this.#sensitivity = milliwattsOf(sensitivity)
    this.#busy = milliwattsOf(busy)
    this.#transmissionOf = transmissionOf
    this.#active = active
  }

  /** One more radio, which is off. Its number is how many there were. */
  add(): void {
    const from = this.#count++ * SIZE
    if (from === this.#table.length) {
      const larger = new Float64Array(this.#table.length * 2)
      larger.set(this.#table)
      this.#table = larger
    }
    this.#table[from + at.locked] = NOBODY
    this.#table[from + at.heard] = -Infinity
    this.#table[from + at.channel] = OFF
  }

  /** A signal begins. Returns what becomes of it at this radio, as far as that is known. */
  hear(number: number, transmission: Transmission, index: number, milliwatts: number, now: Instant): number {
    const table = this.#table
    const own = number * SIZE
    const channel = table[own + at.channel]!
    if (channel !== transmission.channel) {
      if (channel === OFF) return fates.off
      if (transmission.channel >= 0) return fates.channel
    }
    const others = table[own + at.energy]!
    table[own + at.energy] = others + milliwatts
    const signals = table[own + at.signals]!++
    const locked = table[own + at.locked]!
    if (locked === DEAF) return fates.sending
    const isFrame = transmission.frame !== undefined && milliwatts >= this.#sensitivity && transmission.links!.losses?.[index] !== 1
    if (locked !== NOBODY) {
      const strength = table[own + at.strength]!
      const disturbance = others - strength + milliwatts
      if (disturbance > table[own + at.worst]!) table[own + at.worst] = disturbance
      // The first one goes on unless it is drowned; a stronger one is taken up instead while that is no further than its preamble.
      const first = this.#transmissionOf(locked)
      const drowned = strength < table[own + at.worst]! * this.#capture
      const place = table[own + at.index]!
      if (drowned && first.fates[place] === fates.heard) {
        first.fates[place] = transmission.frame === undefined ? fates.interference : fates.collision
        first.by[place] = transmission.source.number
      }
      if (!isFrame || !drowned || milliwatts < others * this.#capture || now - first.began > PREAMBLE) {
        transmission.by[index] = locked
        return isFrame ? fates.collision : fates.weak
      }
    }
    if (!isFrame) return fates.weak
    if (signals > 0 && milliwatts < others * this.#capture) return this.#drown(number, transmission, index)
    table[own + at.locked] = transmission.source.number
    table[own + at.index] = index
    table[own + at.strength] = milliwatts
    table[own + at.worst] = signals > 0 ? others : 0
    return fates.heard
  }

  /** A frame begins in what is there already, and is not received: whose is that? */
  #drown(number: number, transmission: Transmission, index: number): number {
    for (const other of this.#active) {
      if (other === transmission || other.frame === undefined || !other.links!.to.includes(number)) continue
      transmission.by[index] = other.source.number
      return fates.collision
    }
    return fates.interference
  }

  /** A signal has ended that `hear` was told of, and let in. */
  silence(number: number, transmission: Transmission, milliwatts: number, now: Instant): void {
    const table = this.#table
    const own = number * SIZE
    const energy = table[own + at.energy]!
    if (energy >= this.#busy) table[own + at.heard] = now
    // None is none: what the sums of many lose in their last digits is not to be a signal.
    table[own + at.energy] = --table[own + at.signals]! === 0 ? 0 : energy - milliwatts
    if (table[own + at.locked] === transmission.source.number) table[own + at.locked] = NOBODY
  }

  /** dB between the frame that it received last and all that disturbed it. */
  snr(number: number): number {
    const own = number * SIZE
    return 10 * Math.log10(this.#table[own + at.strength]! / (this.#table[own + at.worst]! + this.#noise))
  }

  isClear(number: number, now: Instant): boolean {
    const own = number * SIZE
    return this.#table[own + at.energy]! < this.#busy && now - this.#table[own + at.heard]! >= ASSESSMENT
  }

  /** dBm. */
  energy(number: number): number {
    return 10 * Math.log10(this.#table[number * SIZE + at.energy]! + this.#noise)
  }

  /** It turns to sending: what it was receiving is lost, and it hears nothing until `listens`. */
  deafen(number: number): void {
    this.#lose(number, fates.sending)
    this.#table[number * SIZE + at.locked] = DEAF
  }

  listens(number: number): void {
    this.#table[number * SIZE + at.locked] = NOBODY
  }

  /**
   * It listens on another channel from now on, or on none (`undefined`). Of what is on the air, what it heard is lost, and what it hears now is not
   * understood: its beginning is missing.
   */
  tune(number: number, channel: number | undefined): void {
    const own = number * SIZE
    const table = this.#table
    const before = table[own + at.channel]!
    const after = channel ?? OFF
    if (before === after) return
    this.#lose(number, after === OFF ? fates.off : fates.channel)
    table[own + at.channel] = after
    table[own + at.energy] = table[own + at.signals] = 0
    for (const transmission of this.#active) {
      const index = transmission.links!.to.indexOf(number)
      if (index < 0) continue
      const hears = after !== OFF && (transmission.channel === after || transmission.channel < 0)
      if (!hears) transmission.fates[index] = after === OFF || before === OFF ? fates.off : fates.channel
      else {
        transmission.fates[index] = before === OFF ? fates.wasOff : fates.late
        table[own + at.energy]! += transmission.links!.milliwatts[index]!
        table[own + at.signals]!++
      }
    }
  }

  #lose(number: number, fate: number): void {
    const own = number * SIZE
    const locked = this.#table[own + at.locked]!
    if (locked < 0) return
    const { fates: told } = this.#transmissionOf(locked)
    const place = this.#table[own + at.index]!
    if (told[place] === fates.heard) told[place] = fate
    this.#table[own + at.locked] = NOBODY
  }
}
