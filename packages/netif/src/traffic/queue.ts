/** One bounded queue for each class; the highest goes first, and within one packets keep their order. */

import type { NetBuf, TransmitQueue } from '@favonius/contract'
import { PacketRing } from '../ring.ts'
import type { Classes } from './classes.ts'

export class ClassQueue implements TransmitQueue {
  readonly #classes: Classes
  readonly #rings: readonly PacketRing[]
  #length = 0

  /** `room` packets for each class. */
  constructor(classes: Classes, room: number) {
    this.#classes = classes
    this.#rings = Array.from({ length: classes.count }, () => new PacketRing(room))
  }

  /** Packets of all classes. */
  get length(): number {
    return this.#length
  }

  isNext(priority: number): boolean {
    if (this.#length === 0) return true
    for (let i = this.#classes.of(priority); i < this.#rings.length; i++) if (this.#rings[i]!.length > 0) return false
    return true
  }

  isFull(priority: number): boolean {
    return this.#ring(priority).isFull()
  }

  push(packet: NetBuf): boolean {
    const { priority } = packet
    if (!this.#ring(priority).push(packet)) {
      this.#classes.dropped(priority)
      return false
    }
    this.#length++
    return true
  }

  shift(): NetBuf | undefined {
    if (this.#length === 0) return undefined
    let i = this.#rings.length - 1
    while (this.#rings[i]!.length === 0) i--
    this.#length--
    return this.#rings[i]!.shift()
  }

  unshift(packet: NetBuf): void {
    this.#ring(packet.priority).unshift(packet)
    this.#length++
  }

  /** Takes out all packets that `which` says, and hands them to `each`. */
  remove(which: (packet: NetBuf) => boolean, each: (packet: NetBuf) => void): void {
    for (const ring of this.#rings) {
      for (let left = ring.length; left > 0; left--) {
        const packet = ring.shift()!
        if (!which(packet)) {
          ring.push(packet)
          continue
        }
        this.#length--
        each(packet)
      }
    }
  }

  #ring(priority: number): PacketRing {
    return this.#rings[this.#classes.of(priority)]!
  }
}
