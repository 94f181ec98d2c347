/** What disturbs the air without being a radio of it: an oven, a neighbour's Wi-Fi. */

import type { Env, Instant, Timer } from '@favonius/contract'
import { Emitter, type Shared } from './emitter.ts'
import type { Place } from './topology.ts'

/** How an interferer behaves. */
export interface InterfererOptions {
  readonly at: Place
  /** dBm; 0 unless given. */
  readonly power?: number
  /** The channel that it disturbs; all unless given. */
  readonly channel?: number
  /** Mean milliseconds of a burst, and of the silence between two: both drawn from exponential distributions. */
  readonly burst: number
  readonly pause: number
}

/** Made by `air.interferer()`. */
export class Interferer extends Emitter {
  readonly #env: Env
  readonly #timer: Timer
  readonly #burst: number
  readonly #pause: number
  #emitting = false

  constructor(env: Env, shared: Shared, number: number, { at, power = 0, channel = -1, burst, pause }: InterfererOptions) {
    super(shared, number, ...at)
    if (!(burst > 0 && pause > 0)) throw new RangeError(`burst is ${burst} ms and pause ${pause} ms; both must be more than 0`)
    this.#env = env
    this.emits = power
    this.transmission.channel = channel
    this.#burst = burst
    this.#pause = pause
    this.#timer = env.clock.timer((now) => this.#turn(now))
    this.#timer.schedule(env.clock.now() + this.#draw(pause))
  }

  stop(): void {
    if (this.#emitting) this.end(this.#env.clock.now())
    this.#emitting = false
    this.#timer.cancel()
  }

  #turn(now: Instant): void {
    if (this.#emitting) this.end(now)
    else this.begin(now)
    this.#emitting = !this.#emitting
    this.#timer.schedule(now + this.#draw(this.#emitting ? this.#burst : this.#pause))
  }

  #draw(mean: number): number {
    return -mean * Math.log(1 - this.#env.random.uint32() / 2 ** 32)
  }
}
