import type { NetBuf, TransmitQueue } from '@favonius/contract'

/** Room that a queue begins with: most never hold more. */
const FIRST = 8

/** A bounded first-in, first-out queue of packets. It grows to what it was asked to hold, and from then on allocates nothing. */
export class PacketRing implements TransmitQueue {
  readonly #limit: number
  #slots: (NetBuf | undefined)[] = []
  #head = 0
  #length = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get length(): number {
    return this.#length
  }

  /** Whatever its priority, a packet goes next when none waits. */
  isNext(): boolean {
    return this.#length === 0
  }

  isFull(): boolean {
    return this.#length === this.#limit
  }

  /** False when it is full. */
  push(packet: NetBuf): boolean {
    if (this.#length === this.#slots.length && !this.#grow()) return false
    let at = this.#head + this.#length
    if (at >= this.#slots.length) at -= this.#slots.length
    this.#slots[at] = packet
    this.#length++
    return true
  }

  #grow(): boolean {
    const size = Math.min(Math.max(FIRST, this.#slots.length * 2), this.#limit)
    if (size === this.#slots.length) return false
    const inOrder = [...this.#slots.slice(this.#head), ...this.#slots.slice(0, this.#head)]
    while (inOrder.length < size) inOrder.push(undefined)
    this.#slots = inOrder
    this.#head = 0
    return true
  }

  /** Puts back what was taken last, so that it is the oldest again. There is room, unless something was added since. */
  unshift(packet: NetBuf): void {
    this.#head = (this.#head === 0 ? this.#slots.length : this.#head) - 1
    this.#slots[this.#head] = packet
    this.#length++
  }

  shift(): NetBuf | undefined {
    if (this.#length === 0) return undefined
    const packet = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#length--
    if (++this.#head === this.#slots.length) this.#head = 0
    return packet
  }
}
