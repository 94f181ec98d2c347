/** Everybody who is spoken to. Bounded: those with whom nothing is outstanding make room. */

import type { Endpoint, Instant, Random } from '@favonius/contract'
import { Peer } from './peer.ts'

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
