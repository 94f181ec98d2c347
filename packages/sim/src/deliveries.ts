import type { Instant, NetBuf } from '@favonius/contract'

/** Room that a wire begins with. */
const FIRST = 16

/**
 * What is on a wire, in the order in which it arrives: a ring of three parallel arrays, because an object for each delivery
 * would be garbage. It grows as it must; whoever fills it sets the bound. `Path` says where a frame goes.
 */
export class Deliveries<Path> {
  #frames: (NetBuf | undefined)[] = []
  #paths: (Path | undefined)[] = []
  #due: Instant[] = []
  #head = 0
  length = 0

  /** When the first one arrives; only while there is one. */
  get due(): Instant {
    return this.#due[this.#head]!
  }

  /** Where the first one goes. */
  get path(): Path {
    return this.#paths[this.#head]!
  }

  /**
   * Puts a frame behind those that arrive before it or with it. Nearly always that is the end; what is later moves up one
   * place. True when it is the first to arrive.
   */
  put(frame: NetBuf, path: Path, due: Instant): boolean {
    if (this.length === this.#frames.length) this.#grow()
    const mask = this.#frames.length - 1
    let place = this.length++
    for (; place > 0; place--) {
      const before = (this.#head + place - 1) & mask
      if (this.#due[before]! <= due) break
      this.#set((before + 1) & mask, this.#frames[before]!, this.#paths[before]!, this.#due[before]!)
    }
    this.#set((this.#head + place) & mask, frame, path, due)
    return place === 0
  }

  /** Takes the first frame off the wire; only while there is one. */
  take(): NetBuf {
    const frame = this.#frames[this.#head]!
    this.#frames[this.#head] = undefined
    this.#paths[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#frames.length - 1)
    this.length--
    return frame
  }

  #set(at: number, frame: NetBuf, path: Path, due: Instant): void {
    this.#frames[at] = frame
    this.#paths[at] = path
    this.#due[at] = due
  }

  #grow(): void {
    const size = Math.max(FIRST, this.length * 2)
    const inOrder = <T>(from: readonly T[], rest: T): T[] => {
      const made = [...from.slice(this.#head), ...from.slice(0, this.#head)]
      while (made.length < size) made.push(rest)
      return made
    }
    this.#frames = inOrder(this.#frames, undefined)
    this.#paths = inOrder(this.#paths, undefined)
    this.#due = inOrder(this.#due, 0.5) // a fraction: the array holds doubles from the start
    this.#head = 0
  }
}
