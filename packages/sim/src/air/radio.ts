/** A radio of the air: half-duplex, with the times of 2.4 GHz (IEEE 802.15.4-2015 §12). */

import type { BufferSource, Instant, LinkAddress, NetBuf, Radio, RadioFilter, RadioSink, Timer } from '@favonius/contract'
import type { Place } from './topology.ts'
import { Emitter, type Shared } from './emitter.ts'
import type { Filters } from './filters.ts'

/** Milliseconds of a symbol at 2.4 GHz; two of them are a byte. */
export const SYMBOL = 0.016
const BYTE = 2 * SYMBOL
/** aTurnaroundTime: between listening and sending. */
const TURNAROUND = 12 * SYMBOL
/** Bytes before a frame on the air (preamble, start and length), and behind it. */
const BEFORE = 6
const FCS = 2
/** Headers grow on their way up, where 6LoWPAN compressed them: there is room for that in the slot of a small frame. */
export const HEADROOM = 120

/** What the air does for a radio. */
export interface RadioHost extends Shared {
  readonly filters: Filters
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
  #channel = 26
  sink: RadioSink | undefined
  buffers: BufferSource | undefined

  constructor(host: RadioHost, number: number, x: number, y: number, address: LinkAddress) {
    super(host, number, x, y)
    this.#host = host
    this.address = address
    host.ears.add()
    host.filters.add({ address, ...NO_FILTER })
    this.#timer = host.timer((now) => this.#fire(now))
    this.sink = undefined
    this.buffers = undefined
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
    this.#tune()
    sink.carrier(this.#working)
  }

  stop(): void {
    this.sink = undefined
    this.buffers = undefined
    this.#quiet()
  }

  transmit(frame: NetBuf): void {
    if (!this.on || this.#state !== 'listening') {
      frame.unref()
      return
    }
    this.#host.ears.deafen(this.number)
    this.#state = 'turning'
    this.transmission.frame = frame
    this.#timer.schedule(this.#host.now() + TURNAROUND)
  }

  clear(): boolean {
    return this.#state === 'listening' && this.#host.ears.isClear(this.number, this.#host.now())
  }

  energy(): number {
    return this.#host.ears.energy(this.number)
  }

  tune(channel: number): void {
    this.#channel = channel
    this.#tune()
  }

  #tune(): void {
    this.#host.ears.tune(this.number, this.on ? this.#channel : undefined)
  }

  power(dBm: number): void {
    if (dBm === this.emits) return
    this.emits = dBm
    this.links = undefined
    this.#host.louder(dBm)
  }

  filter(filter: RadioFilter): void {
    this.#host.filters.set(this.number, filter)
  }

  /** Fails, or is repaired; its MAC sees the carrier go and come. */
  work(working: boolean): void {
    if (working === this.#working) return
    this.#working = working
    if (working) this.#tune()
    else this.#quiet()
    this.sink?.carrier(working)
  }

  // ---- sending ----

  #fire(now: Instant): void {
    const { transmission } = this
    if (this.#state === 'turning') {
      this.#state = 'sending'
      transmission.channel = this.#channel
      this.begin(now)
      this.#timer.schedule(now + (BEFORE + transmission.frame!.length + FCS) * BYTE)
      return
    }
    this.end(now)
    this.#listen()
    this.#host.deliver(this, now)
    this.sink?.transmitted('sent', 1, false)
  }

  #listen(): void {
    this.#state = 'listening'
    this.#host.ears.listens(this.number)
  }

  /** It does not work any more, or is not in use: a frame on the air is cut off. */
  #quiet(): void {
    const { transmission } = this
    const sending = this.#state === 'sending'
    this.#timer.cancel()
    if (this.#state !== 'listening') this.#listen()
    this.#tune()
    if (sending) {
      const now = this.#host.now()
      this.end(now)
      this.#host.cut(this, now)
    }
    transmission.frame?.unref()
    transmission.frame = undefined
  }
}

const ABILITIES = { csma: false, acknowledge: false, retransmit: false } as const
