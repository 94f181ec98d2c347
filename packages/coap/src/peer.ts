/** One who is spoken to, and what is under way with it: RFC 7252 §4.4 to §4.7. */

import type { Endpoint, Instant } from '@favonius/contract'
import type { Asked } from './events.ts'
import { Job } from './jobs.ts'
import * as TYPE from './types.ts'
import type { Message } from './wire.ts'

/** Ids are watched over in pieces of so many. */
const PIECE = 4096

export class Peer extends Job {
  readonly kind = 'peer'
  readonly endpoint: Endpoint
  /** Interactions that count for NSTART (RFC 7252 §4.7). */
  outstanding = 0
  /** Messages that wait until fewer are outstanding. */
  readonly waiting: Outgoing[] = []
  /** By id: what an ACK or a reset may still come for. */
  readonly outgoing = new Map<number, Outgoing>()
  /** By id: what was received, so that it is known when it comes again. */
  readonly received = new Map<number, Remembered>()
  /** Something was sent to it, or came from it. */
  used: Instant = 0
  /** Exchanges that are open with it. */
  open = 0
  #id: number
  /** When each piece of the ids was last used. */
  readonly #pieces: Instant[] = []

  constructor(endpoint: Endpoint, firstId: number) {
    super()
    this.endpoint = endpoint
    this.#id = firstId
  }

  get busy(): boolean {
    return this.open > 0 || this.outstanding > 0 || this.waiting.length > 0
  }

  /** When the next id may be used: none is, twice within `lifetime` (RFC 7252 §4.4). */
  idAt(now: Instant, lifetime: number): Instant {
    if (this.#id % PIECE > 0) return now
    return Math.max(now, (this.#pieces[this.#id / PIECE] ?? -Infinity) + lifetime)
  }

  takeId(now: Instant): number {
    const id = this.#id
    this.#pieces[Math.floor(id / PIECE)] = now
    this.#id = (id + 1) & 0xffff
    return id
  }
}

/** A message on its way: until it is acknowledged, or a reset may come for it no longer. */
export class Outgoing extends Job {
  readonly kind = 'outgoing'
  readonly peer: Peer
  readonly confirmable: boolean
  data: Uint8Array
  id = -1
  /** How often it was sent again, and milliseconds until it is the next time. */
  attempts = 0
  timeout = 0
  /** It counts for NSTART. */
  counts = false
  /** What it is of: a request of ours, a notification, or neither. */
  exchange: Exchange | undefined
  observer: number | undefined
  /** What has overtaken it, and takes its place when it is to be sent again. */
  next: Uint8Array | undefined

  constructor(peer: Peer, confirmable: boolean, data: Uint8Array) {
    super()
    this.peer = peer
    this.confirmable = confirmable
    this.data = data
  }
}

/** A request of ours that is not answered yet. */
export class Exchange extends Job {
  readonly kind = 'exchange'
  readonly number: number
  /** Undefined when it went to a group. */
  readonly peer: Peer | undefined
  readonly keep: boolean
  outgoing: Outgoing | undefined

  constructor(number: number, peer: Peer | undefined, keep: boolean) {
    super()
    this.number = number
    this.peer = peer
    this.keep = keep
  }
}

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

/** A request that came, to be answered. */
export class Received extends Job implements Asked {
  readonly kind = 'received'
  readonly remembered: Remembered
  readonly message: Message
  readonly confirmable: boolean
  readonly multicast: boolean
  answered = false
  /** Of a request to a group, the answer that is still to be sent. */
  answer: Uint8Array | undefined

  constructor(remembered: Remembered, message: Message, multicast: boolean) {
    super()
    this.remembered = remembered
    this.message = message
    this.confirmable = message.type === TYPE.CON
    this.multicast = multicast
  }

  get token(): Uint8Array {
    return this.message.token
  }

  get from(): Endpoint {
    return this.remembered.peer.endpoint
  }
}
