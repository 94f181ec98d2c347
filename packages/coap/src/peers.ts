/** Who is spoken to: ids of messages, what is outstanding, and what was received. RFC 7252 §4.4 to §4.7. */

import type { Endpoint, Instant, Random } from '@favonius/contract'
import { Job } from './jobs.ts'
import type { Remembered } from './memory.ts'
import type { Outgoing } from './transmission.ts'

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

/** Milliseconds within which a peer need not be told to be the one that was used last. */
const MOMENT = 1000

export class Peers {
  readonly #limit: number
  /** Those used last at the end, give or take a moment. */
  readonly #all = new Set<Peer>()
  /** By address, and then by port: so nothing is to be made for a datagram to find its peer by. */
  readonly #hosts = new Map<string, Map<number, Peer>>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#all.size
  }

  /** The peer at `endpoint`; undefined when there is no room for one more. Its ids begin at random. */
  at({ address, port }: Endpoint, random: Random, now: Instant): Peer | undefined {
    // Seams, and URIs that were read, have one text for an address.
    let peer = this.#hosts.get(address)?.get(port)
    if (peer !== undefined && now - peer.used < MOMENT) return peer
    if (peer === undefined) {
      if (this.#all.size >= this.#limit) this.#makeRoom()
      if (this.#all.size >= this.#limit) return undefined
      peer = new Peer({ address, port }, random.uint32() & 0xffff)
      this.#hosts.set(address, (this.#hosts.get(address) ?? new Map<number, Peer>()).set(port, peer))
    }
    peer.used = now
    this.#all.delete(peer)
    this.#all.add(peer)
    return peer
  }

  /** Forgets the peer that was idle for the longest. */
  #makeRoom(): void {
    for (const peer of this.#all) {
      if (peer.busy) continue
      const { address, port } = peer.endpoint
      const host = this.#hosts.get(address)!
      host.delete(port)
      if (host.size === 0) this.#hosts.delete(address)
      this.#all.delete(peer)
      return
    }
  }
}
