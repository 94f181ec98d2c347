import type { DeviceSink, Instant, NetBuf } from '@favonius/contract'

/** Where a delivery ends. */
export interface Receiver {
  readonly sink: DeviceSink | undefined
  readonly plugged: boolean
}

/** Room that a wire begins with. */
const FIRST = 16

/**
 * What is on a wire, in the order in which it arrives: a ring of three parallel arrays, because an object for each delivery
 * would be garbage. It grows as it must; whoever fills it sets the bound.
 */
export class Deliveries {
  #frames: (NetBuf | undefined)[] = []
  #receivers: (Receiver | undefined)[] = []
  #due: Instant[] = []
  #head = 0
  length = 0

  /** When the first one arrives; only while there is one. */
  get due(): Instant {
    return this.#due[this.#head]!
  }

  /** For whom the first one is. */
  get receiver(): Receiver {
    return this.#receivers[this.#head]!
  }

  put(frame: NetBuf, receiver: Receiver, due: Instant): void {
    if (this.length === this.#frames.length) this.#grow()
    const at = (this.#head + this.length++) & (this.#frames.length - 1)
    this.#frames[at] = frame
    this.#receivers[at] = receiver
    this.#due[at] = due
  }

  /** Takes the first frame off the wire; only while there is one. */
  take(): NetBuf {
    const frame = this.#frames[this.#head]!
    this.#frames[this.#head] = undefined
    this.#receivers[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#frames.length - 1)
    this.length--
    return frame
  }

  #grow(): void {
    const size = Math.max(FIRST, this.length * 2)
    const inOrder = <T>(from: readonly T[], rest: T): T[] => {
      const made = [...from.slice(this.#head), ...from.slice(0, this.#head)]
      while (made.length < size) made.push(rest)
      return made
    }
    this.#frames = inOrder(this.#frames, undefined)
    this.#receivers = inOrder(this.#receivers, undefined)
    this.#due = inOrder(this.#due, 0.5) // a fraction: the array holds doubles from the start
    this.#head = 0
  }
}
