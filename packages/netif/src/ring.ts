import type { NetBuf } from '@favonius/contract'

/** A bounded first-in, first-out queue of packets. It allocates when it is made, and not after. */
export class PacketRing {
  readonly #slots: (NetBuf | undefined)[]
  #head = 0
  #length = 0

  constructor(limit: number) {
    this.#slots = new Array<NetBuf | undefined>(limit).fill(undefined)
  }

  get length(): number {
    return this.#length
  }

  get full(): boolean {
    return this.#length === this.#slots.length
  }

  /** False when it is full. */
  push(packet: NetBuf): boolean {
    if (this.full) return false
    let at = this.#head + this.#length
    if (at >= this.#slots.length) at -= this.#slots.length
    this.#slots[at] = packet
    this.#length++
    return true
  }

  /** The oldest, still queued. */
  peek(): NetBuf | undefined {
    return this.#length ? this.#slots[this.#head] : undefined
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
