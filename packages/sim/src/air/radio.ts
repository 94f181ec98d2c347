/** A radio of the air: half-duplex, with the times of 2.4 GHz (IEEE 802.15.4-2015 §12). */

import type { BufferSource, Instant, LinkAddress, NetBuf, Radio, RadioFilter, RadioSink, Timer } from '@favonius/contract'
import type { Place } from './topology.ts'
import { Emitter, type Shared } from './emitter.ts'
import { fates, type Transmission } from './transmission.ts'

/** Milliseconds of a symbol at 2.4 GHz; two of them are a byte. */
export const SYMBOL = 0.016
const BYTE = 2 * SYMBOL
/** aTurnaroundTime: between listening and sending. */
const TURNAROUND = 12 * SYMBOL
/** What clear channel assessment looks at. */
const ASSESSMENT = 8 * SYMBOL
/** Bytes before a frame on the air (preamble, start and length), of them those in which a receiver still turns to a stronger one; and behind it. */
const BEFORE = 6
const PREAMBLE = 5 * BYTE
const FCS = 2
/** Headers grow on their way up, where 6LoWPAN compressed them: there is room for that in the slot of a small frame. */
export const HEADROOM = 120

/** What the air does for a radio. */
export interface RadioHost extends Shared {
  /** Signals this much stronger than all others together are understood; as a ratio. */
  readonly capture: number
  readonly noiseMilliwatts: number
  readonly sensitivityMilliwatts: number
  readonly busyMilliwatts: number
  now(): Instant
  timer(fire: (now: Instant) => void): Timer
  /** A frame has left: it is for whoever heard it, and may hear it. */
  deliver(from: AirRadio, now: Instant): void
  /** It was cut off. */
  cut(from: AirRadio, now: Instant): void
  /** Its power has changed. */
  louder(power: number): void
}

const NO_FILTER: Omit<RadioFilter, 'address'> = { panId: 0xffff, shortAddress: 0xffff, promiscuous: false }
type State = 'listening' | 'turning' | 'sending'

/** Made by `air.radio()`; `net.node` makes one for each node on an air. */
export class AirRadio extends Emitter implements Radio {
  readonly address: LinkAddress
  readonly abilities = ABILITIES
  readonly symbol = SYMBOL
  readonly #host: RadioHost
  readonly #timer: Timer
  #state: State = 'listening'
  #working = true
  filtered: RadioFilter
  channel = 26
  sink: RadioSink | undefined
  buffers: BufferSource | undefined
  /** Number of the acknowledgment that is for it: of the last frame that it sent, if that asked for one. */
  awaited = -1

  /** What is on its channel now, and how strongly; nearly always nothing, or one signal. */
  readonly #signals: Transmission[] = []
  readonly #milliwatts: number[] = []
  /** The signal whose frame it is receiving, whatever comes of it; which hearer of it this is; how strong it is. */
  #locked: Transmission | undefined
  #index = 0
  #strength = 0.5
  /** The most that disturbed it, in milliwatts. */
  #worst = 0.5
  /** When it last heard enough for the channel not to be clear. */
  #heard: Instant = -0.5

  constructor(host: RadioHost, number: number, x: number, y: number, address: LinkAddress) {
    super(host, number, x, y)
    this.#host = host
    this.address = address
    this.filtered = { address, ...NO_FILTER }
    this.#timer = host.timer((now) => this.#fire(now))
    this.sink = undefined
    this.buffers = undefined
    this.#locked = undefined
    this.#heard = -Infinity
  }

  get at(): Place {
    return [this.x, this.y]
  }

  /** It works, and is in use. */
  get on(): boolean {
    return this.#working && this.sink !== undefined
  }

  // ---- a radio ----

  start(sink: RadioSink, buffers: BufferSource): void {
    this.sink = sink
    this.buffers = buffers
    this.#listen()
    sink.carrier(this.#working)
  }

  stop(): void {
    this.#quiet()
    this.sink = undefined
    this.buffers = undefined
  }

  transmit(frame: NetBuf): void {
    if (!this.on || this.#state !== 'listening') {
      frame.unref()
      return
    }
    this.#lose(fates.sending)
    this.#state = 'turning'
    this.transmission.frame = frame
    this.#timer.schedule(this.#host.now() + TURNAROUND)
  }

  clear(): boolean {
    if (this.#state !== 'listening') return false
    return this.#total() < this.#host.busyMilliwatts && this.#host.now() - this.#heard >= ASSESSMENT
  }

  energy(): number {
    return 10 * Math.log10(this.#total() + this.#host.noiseMilliwatts)
  }

  tune(channel: number): void {
    if (channel === this.channel) return
    this.#lose(fates.channel)
    this.channel = channel
    this.#listen()
  }

  power(dBm: number): void {
    if (dBm === this.emits) return
    this.emits = dBm
    this.links = undefined
    this.#host.louder(dBm)
  }

  filter(filter: RadioFilter): void {
    this.filtered = filter
  }

  /** Fails, or is repaired; its MAC sees the carrier go and come. */
  work(working: boolean): void {
    if (working === this.#working) return
    if (!working) this.#quiet()
    this.#working = working
    if (working) this.#listen()
    this.sink?.carrier(working)
  }

  // ---- sending ----

  #fire(now: Instant): void {
    const { transmission } = this
    if (this.#state === 'turning') {
      this.#state = 'sending'
      transmission.channel = this.channel
      this.begin(now)
      this.#timer.schedule(now + (BEFORE + transmission.frame!.length + FCS) * BYTE)
      return
    }
    this.end(now)
    this.#state = 'listening'
    this.#host.deliver(this, now)
    this.sink?.transmitted('sent', 1, false)
  }

  /** Ends what it does: a frame on the air is cut off. */
  #quiet(): void {
    const { transmission } = this
    const sending = this.#state === 'sending'
    this.#timer.cancel()
    this.#lose(fates.off)
    this.#signals.length = this.#milliwatts.length = 0
    this.#state = 'listening'
    if (sending) {
      const now = this.#host.now()
      this.end(now)
      this.#host.cut(this, now)
    }
    transmission.frame?.unref()
    transmission.frame = undefined
  }

  // ---- hearing ----

  /** A signal begins. Returns its fate, as far as that is known. */
  hear(transmission: Transmission, index: number, milliwatts: number): number {
    const others = this.#total()
    this.#signals.push(transmission)
    this.#milliwatts.push(milliwatts)
    if (this.#state !== 'listening') return fates.sending
    const { capture, sensitivityMilliwatts } = this.#host
    const isFrame = transmission.frame !== undefined && milliwatts >= sensitivityMilliwatts && transmission.links!.losses?.[index] !== 1
    const locked = this.#locked
    if (locked !== undefined) {
      if (others - this.#strength + milliwatts > this.#worst) this.#worst = others - this.#strength + milliwatts
      // The first one goes on unless it is drowned; a stronger one is taken up instead while that is no further than its preamble.
      const drowned = this.#strength < this.#worst * capture
      if (drowned && locked.fates[this.#index] === fates.heard) {
        locked.fates[this.#index] = transmission.frame === undefined ? fates.interference : fates.collision
        locked.by[this.#index] = transmission.source.number
      }
      if (!isFrame || !drowned || milliwatts < others * capture || this.#host.now() - locked.began > PREAMBLE) {
        transmission.by[index] = locked.source.number
        return isFrame ? fates.collision : fates.weak
      }
    }
    if (!isFrame) return fates.weak
    if (milliwatts < others * capture) {
      transmission.by[index] = this.#signals[0]!.source.number
      return this.#signals[0]!.frame === undefined ? fates.interference : fates.collision
    }
    this.#locked = transmission
    this.#index = index
    this.#strength = milliwatts
    this.#worst = others
    return fates.heard
  }

  /** A signal has ended. */
  silence(transmission: Transmission, now: Instant): void {
    const signals = this.#signals
    const at = signals.length === 1 ? (signals[0] === transmission ? 0 : -1) : signals.indexOf(transmission)
    if (at < 0) return
    if (this.#total() >= this.#host.busyMilliwatts) this.#heard = now
    if (signals.length === 1) signals.length = this.#milliwatts.length = 0
    else {
      signals.splice(at, 1)
      this.#milliwatts.splice(at, 1)
    }
    if (this.#locked === transmission) this.#locked = undefined
  }

  /** dB between the frame heard last and all that disturbed it. */
  snr(): number {
    return 10 * Math.log10(this.#strength / (this.#worst + this.#host.noiseMilliwatts))
  }

  #total(): number {
    const milliwatts = this.#milliwatts
    let total = 0
    for (let i = 0; i < milliwatts.length; i++) total += milliwatts[i]!
    return total
  }

  /** Ends what it was receiving. */
  #lose(fate: number): void {
    const locked = this.#locked
    if (locked !== undefined && locked.fates[this.#index] === fates.heard) locked.fates[this.#index] = fate
    this.#locked = undefined
  }

  /** Takes up a channel: what is under way on it disturbs, and is not understood. */
  #listen(): void {
    this.#signals.length = this.#milliwatts.length = 0
    if (!this.on) return
    for (const transmission of this.shared.active) {
      if (transmission.channel >= 0 && transmission.channel !== this.channel) continue
      const at = transmission.links!.to.indexOf(this)
      if (at < 0) continue
      this.#signals.push(transmission)
      this.#milliwatts.push(transmission.links!.milliwatts[at]!)
    }
  }
}

const ABILITIES = { csma: false, acknowledge: false, retransmit: false } as const
