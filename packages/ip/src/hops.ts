/** Where forwarded packets go, remembered for the destinations that were forwarded to last. */

import type { Address, Interface, Ip } from '@favonius/contract'
import { copyAddress, hashAddress, sameAddress } from '@favonius/inet'

/** By which interface, to whom on its link, and how much the link carries. */
export interface Hop {
  readonly iface: Interface
  readonly address: Address
  /** Largest packet in bytes. */
  readonly mtu: number
}

interface Kept {
  readonly destination: Address
  readonly hop: Hop | undefined
}

/** Slots, a power of two. A destination has one, and shares it with others: who came last has it. */
const SLOTS = 64

/**
 * What the routes say of recent destinations. All of it is forgotten when `ip.generation` rises, so it is never older than a route that
 * a socket keeps. Bounded: a flood to ever new destinations costs a search each, and no memory.
 */
export class Hops {
  readonly #ip: Ip
  readonly #find: (to: Address) => Hop | undefined
  readonly #slots: (Kept | undefined)[] = []
  #generation = -1

  /** `find` asks the tables. */
  constructor(ip: Ip, find: (to: Address) => Hop | undefined) {
    this.#ip = ip
    this.#find = find
  }

  /** The way to a destination that is not on one link alone; undefined when there is none. */
  to(destination: Address): Hop | undefined {
    const { generation } = this.#ip
    if (generation !== this.#generation) {
      this.#generation = generation
      for (let i = 0; i < SLOTS; i++) this.#slots[i] = undefined
    }
    const slot = hashAddress(destination) & (SLOTS - 1)
    const kept = this.#slots[slot]
    if (kept !== undefined && sameAddress(kept.destination, destination)) return kept.hop
    const copy = copyAddress(destination)
    const hop = this.#find(copy)
    this.#slots[slot] = { destination: copy, hop }
    return hop
  }
}
