/** What was received, so that it is known when it comes again: RFC 7252 §4.5. */

import type { Instant } from '@favonius/contract'
import type { Peer } from './peers.ts'

/** A message that came. Thousands of them are kept, and so it holds no more than it must. */
export class Remembered {
  readonly peer: Peer
  readonly id: number
  /** When it is forgotten. */
  readonly expires: Instant
  /** What was sent for it, to be sent again when it comes again: an acknowledgment, with a response or without. */
  reply: Uint8Array | undefined = undefined

  constructor(peer: Peer, id: number, expires: Instant) {
    this.peer = peer
    this.id = id
    this.expires = expires
  }
}

/** RFC 7252 §4.4: for EXCHANGE_LIFETIME no id is used twice, by whatever kind of message; so all are forgotten in the order in which they came. */
export class Memory {
  readonly #all: Remembered[] = []
  /** So many of them are forgotten already. */
  #forgotten = 0
  /** When the oldest is forgotten. */
  due: Instant = Infinity

  get size(): number {
    return this.#all.length - this.#forgotten
  }

  add(peer: Peer, id: number, expires: Instant): Remembered {
    const remembered = new Remembered(peer, id, expires)
    peer.received.set(id, remembered)
    if (this.#all.push(remembered) === 1) this.due = expires
    return remembered
  }

  /** Forgets what is due. */
  expire(now: Instant): void {
    while (this.due <= now) this.forget()
  }

  /** Forgets the oldest. */
  forget(): void {
    const oldest = this.#all[this.#forgotten]!
    const { received } = oldest.peer
    if (received.get(oldest.id) === oldest) received.delete(oldest.id)
    this.due = this.#all[++this.#forgotten]?.expires ?? Infinity
    if (this.#forgotten * 2 < this.#all.length) return
    this.#all.splice(0, this.#forgotten)
    this.#forgotten = 0
  }
}
