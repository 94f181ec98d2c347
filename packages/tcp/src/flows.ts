/**
 * Connections by their four-tuple (RFC 9293 §4: «connection»), one look-up for each segment.
 *
 * A peer chooses its own port, and with IPv6 half of its address; were it able to tell which of them meet in one bucket, it could make every
 * look-up slow. So the hash is a sum of 16-bit halves, each times a secret number of its own, of which the high bits count (M. Dietzfelbinger,
 * «Universal hashing and k-wise independent random variables via integer arithmetic without primes», 1996): whichever two four-tuples are
 * chosen without knowing the numbers, they meet no more often than by chance. A plain seed at the beginning of a plain hash does not give that.
 */

import type { Address, TcpEndpoint } from '@favonius/contract'
import { isLinkLocal, sameAddress } from '@favonius/inet'

/** What is in the table. Its ends do not change while it is. */
export interface Flow {
  readonly local: TcpEndpoint
  readonly remote: TcpEndpoint
  /** Its row in the table, which alone changes it; −1 when it is in none. */
  row: number
}

/** Places at first; a power of two. */
const FEW = 16
/** 16-bit halves of two addresses and two ports. */
const HALVES = 18

/** Flows of one stack. Open addressing: at most half of the places are taken, and what is removed leaves no mark. */
export class FlowTable<F extends Flow> {
  readonly #limit: number
  readonly #keys = new Int32Array(HALVES)
  /** Rows without gaps, in no order; and their hashes. */
  readonly #flows: F[] = []
  readonly #hashes: number[] = []
  /** For each place, 1 + the row of its flow, or 0; and that one's hash. */
  #places = new Int32Array(2 * FEW)
  #mask = FEW - 1
  /** The high bits of a hash are a place. */
  #shift = 32 - Math.log2(FEW)

  /** `seed` is any 32 bits that peers cannot know; `limit` the most flows. */
  constructor(seed: number, limit: number) {
    this.#limit = limit
    for (let i = 0; i < HALVES; i++) this.#keys[i] = mix(seed + Math.imul(i + 1, 0x9e3779b9))
  }

  /** Flows in it. */
  get size(): number {
    return this.#flows.length
  }

  /** The flow with these ends. Link-local addresses are the same in the same zone only (RFC 4007 §6); of others the zone means nothing. */
  find(local: Address, localPort: number, remote: Address, remotePort: number): F | undefined {
    return this.#find(this.#hash(local, localPort, remote, remotePort), local, localPort, remote, remotePort)
  }

  #find(hash: number, local: Address, localPort: number, remote: Address, remotePort: number): F | undefined {
    const places = this.#places
    const mask = this.#mask
    for (let place = hash >>> this.#shift; ; place = (place + 1) & mask) {
      const row = places[2 * place]! - 1
      if (row < 0) return undefined
      if (places[2 * place + 1] !== hash) continue
      const flow = this.#flows[row]!
      if (flow.remote.port === remotePort && flow.local.port === localPort && same(flow.remote.ip, remote) && same(flow.local.ip, local)) return flow
    }
  }

  /** False, and nothing is changed, when there are `limit` flows, or one with the same ends. */
  add(flow: F): boolean {
    const { local, remote } = flow
    const hash = this.#hash(local.ip, local.port, remote.ip, remote.port)
    if (this.#flows.length >= this.#limit || this.#find(hash, local.ip, local.port, remote.ip, remote.port) !== undefined) return false
    if (this.#flows.length > this.#mask >>> 1) this.#grow()
    flow.row = this.#flows.length
    this.#flows.push(flow)
    this.#hashes.push(hash)
    this.#put(flow.row, hash)
    return true
  }

  /** Puts `flow` in the place of one with the same ends. False, and nothing is changed, when that one is not in the table. */
  replace(old: F, flow: F): boolean {
    const { row } = old
    if (row < 0) return false
    this.#flows[row] = flow
    flow.row = row
    old.row = -1
    return true
  }

  /** Harmless when it is not in the table. */
  remove(flow: F): void {
    const { row } = flow
    if (row < 0) return
    const flows = this.#flows
    const hashes = this.#hashes
    this.#clear(this.#placeOf(row))
    // The last one takes its row.
    const last = flows.length - 1
    if (last !== row) {
      this.#places[2 * this.#placeOf(last)] = row + 1
      flows[row] = flows[last]!
      flows[row].row = row
      hashes[row] = hashes[last]!
    }
    flows.pop()
    hashes.pop()
    flow.row = -1
  }

  /** All flows, in no order. */
  all(): F[] {
    return this.#flows.slice()
  }

  #placeOf(row: number): number {
    const places = this.#places
    let place = this.#hashes[row]! >>> this.#shift
    while (places[2 * place] !== row + 1) place = (place + 1) & this.#mask
    return place
  }

  #put(row: number, hash: number): void {
    const places = this.#places
    let place = hash >>> this.#shift
    while (places[2 * place] !== 0) place = (place + 1) & this.#mask
    places[2 * place] = row + 1
    places[2 * place + 1] = hash
  }

  /** Empties a place, and moves back those behind it that would not be found beyond a gap. */
  #clear(place: number): void {
    const places = this.#places
    const mask = this.#mask
    for (let next = (place + 1) & mask; places[2 * next] !== 0; next = (next + 1) & mask) {
      const home = places[2 * next + 1]! >>> this.#shift
      if (((next - home) & mask) < ((next - place) & mask)) continue
      places[2 * place] = places[2 * next]!
      places[2 * place + 1] = places[2 * next + 1]!
      place = next
    }
    places[2 * place] = 0
  }

  #grow(): void {
    const old = this.#places
    this.#places = new Int32Array(2 * old.length)
    this.#mask = old.length - 1
    this.#shift--
    for (let i = 0; i < old.length; i += 2) if (old[i] !== 0) this.#put(old[i]! - 1, old[i + 1]!)
  }

  #hash(a: Address, aPort: number, b: Address, bPort: number): number {
    const k = this.#keys
    return (
      (Math.imul(k[0]!, aPort) + Math.imul(k[1]!, bPort) +
        Math.imul(k[2]!, a.w3 & 0xffff) + Math.imul(k[3]!, a.w3 >>> 16) + Math.imul(k[4]!, b.w3 & 0xffff) + Math.imul(k[5]!, b.w3 >>> 16) +
        Math.imul(k[6]!, a.w2 & 0xffff) + Math.imul(k[7]!, a.w2 >>> 16) + Math.imul(k[8]!, b.w2 & 0xffff) + Math.imul(k[9]!, b.w2 >>> 16) +
        Math.imul(k[10]!, a.w1 & 0xffff) + Math.imul(k[11]!, a.w1 >>> 16) + Math.imul(k[12]!, b.w1 & 0xffff) + Math.imul(k[13]!, b.w1 >>> 16) +
        Math.imul(k[14]!, a.w0 & 0xffff) + Math.imul(k[15]!, a.w0 >>> 16) + Math.imul(k[16]!, b.w0 & 0xffff) + Math.imul(k[17]!, b.w0 >>> 16)) | 0
    )
  }
}

/** Whether two addresses are the same, in their zones where those mean something. */
function same(a: Address, b: Address): boolean {
  return sameAddress(a, b) && (a.zone === b.zone || !isLinkLocal(a))
}

/** Thirty-two bits of which each depends on all of `n`'s (the finalizer of MurmurHash3). */
function mix(n: number): number {
  let h = Math.imul(n ^ (n >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
