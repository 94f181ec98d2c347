/** What was received, so that it is known when it comes again: RFC 7252 §4.5. */

import type { Instant } from '@favonius/contract'
import { Remembered, type Peer } from './peer.ts'

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
