/** Who is spoken to: ids of messages, what is outstanding, and what was received. RFC 7252 §4.4 to §4.7. */

import type { Endpoint, Instant, Random } from '@favonius/contract'
import { parseAddress } from '@favonius/inet'
import { Job } from './jobs.ts'
import type { Received } from './machine.ts'
import type { Outgoing } from './transmission.ts'

/** Ids are watched over in pieces of so many. */
const PIECE = 4096

export class Peer extends Job {
  readonly kind = 'peer'
  readonly endpoint: Endpoint
  readonly key: string
  /** Interactions that count for NSTART (RFC 7252 §4.7). */
  outstanding = 0
  /** Messages that wait until fewer are outstanding. */
  readonly waiting: Outgoing[] = []
  /** By id: what an ACK or a reset may still come for. */
  readonly outgoing = new Map<number, Outgoing>()
  /** By id: what was received, so that it is known when it comes again. */
  readonly received = new Map<number, Received>()
  /** Something was sent to it, or came from it. */
  used: Instant
  /** Exchanges that are open with it. */
  open = 0
  #id: number
  /** When each piece of the ids was last used. */
  readonly #pieces: Instant[] = []

  constructor(endpoint: Endpoint, key: string, firstId: number, now: Instant) {
    super()
    this.endpoint = endpoint
    this.key = key
    this.#id = firstId
    this.used = now
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

/** `[address]:port`, the same for every way to write the address. */
function keyOf({ address, port }: Endpoint): string {
  const percent = address.indexOf('%')
  return `${parseAddress(percent < 0 ? address : address.slice(0, percent)) ?? address}${percent < 0 ? '' : address.slice(percent)} ${port}`
}

export class Peers {
  readonly #limit: number
  readonly #byKey = new Map<string, Peer>()
  /** The objects that the seam has for them, so that their text is read once. */
  #known = new Map<Endpoint, Peer>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#byKey.size
  }

  /** The peer at `endpoint`; undefined when there is no room for one more. its ids begin at random. */
  at(endpoint: Endpoint, random: Random, now: Instant): Peer | undefined {
    const known = this.#known.get(endpoint)
    if (known !== undefined) {
      known.used = now
      return known
    }
    const key = keyOf(endpoint)
    let peer = this.#byKey.get(key)
    if (peer === undefined) {
      if (this.#byKey.size >= this.#limit && !this.#makeRoom()) return undefined
      peer = new Peer({ address: endpoint.address, port: endpoint.port }, key, random.uint32() & 0xffff, now)
      this.#byKey.set(key, peer)
    }
    peer.used = now
    if (this.#known.size >= 2 * this.#limit) this.#known = new Map()
    this.#known.set(endpoint, peer)
    return peer
  }

  /** Forgets the peer that was not used for the longest, of some that were made first. */
  #makeRoom(): boolean {
    let oldest: Peer | undefined
    let looked = 0
    for (const peer of this.#byKey.values()) {
      if (!peer.busy && (oldest === undefined || peer.used < oldest.used)) oldest = peer
      if (++looked >= 64 && oldest !== undefined) break
    }
    if (oldest === undefined) return false
    this.#byKey.delete(oldest.key)
    this.#known = new Map()
    oldest.received.clear()
    return true
  }
}
