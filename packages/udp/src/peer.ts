/** Remote endpoints, one object each while they are remembered: a datagram from a known peer makes none. */

import type { Address, Peer } from '@favonius/contract'
import { copyAddress, hashAddress } from '@favonius/inet'

/** A remote endpoint. Its text is made when someone reads it. */
export class RemotePeer implements Peer {
  readonly ip: Address
  readonly port: number
  readonly udp: object
  /** Turn of the table at which it was last heard of. */
  used = 0
  /** The next peer in the same bucket. */
  next: RemotePeer | undefined
  readonly #zoneName: (zone: number) => string
  #text: string | undefined

  constructor(udp: object, ip: Address, port: number, zoneName: (zone: number) => string) {
    this.udp = udp
    this.ip = ip
    this.port = port
    this.#zoneName = zoneName
  }

  /** `192.0.2.1`, `2001:db8::1`, `fe80::1%eth0`. */
  get address(): string {
    return (this.#text ??= this.ip.zone === 0 ? this.ip.toString() : `${this.ip.toString().split('%')[0]}%${this.#zoneName(this.ip.zone)}`)
  }

  toString(): string {
    return this.ip.family === 6 ? `[${this.address}]:${this.port}` : `${this.address}:${this.port}`
  }
}

/** A bounded table of peers by address, zone and port. */
export class PeerTable {
  readonly #udp: object
  readonly #limit: number
  readonly #zoneName: (zone: number) => string
  #buckets: (RemotePeer | undefined)[] = new Array<RemotePeer | undefined>(16).fill(undefined)
  #size = 0
  #turn = 0

  constructor(udp: object, limit: number, zoneName: (zone: number) => string) {
    this.#udp = udp
    this.#limit = limit
    this.#zoneName = zoneName
  }

  get size(): number {
    return this.#size
  }

  /** The peer with this address and port, if it is remembered. */
  find(ip: Address, port: number): RemotePeer | undefined {
    let peer = this.#buckets[hashOf(ip, port) & (this.#buckets.length - 1)]
    while (peer !== undefined && !isAt(peer, ip, port)) peer = peer.next
    return peer
  }

  /** The peer with this address and port; made, from a copy of the address, when it is not known. */
  of(ip: Address, port: number): RemotePeer {
    const known = this.find(ip, port)
    if (known !== undefined) {
      known.used = ++this.#turn
      return known
    }
    if (this.#size >= this.#limit) this.#evict()
    else if (this.#size >= this.#buckets.length) this.#grow()
    const peer = new RemotePeer(this.#udp, copyAddress(ip), port, this.#zoneName)
    peer.used = ++this.#turn
    const at = hashOf(ip, port) & (this.#buckets.length - 1)
    peer.next = this.#buckets[at]
    this.#buckets[at] = peer
    this.#size++
    return peer
  }

  clear(): void {
    this.#buckets = new Array<RemotePeer | undefined>(16).fill(undefined)
    this.#size = 0
  }

  #all(): RemotePeer[] {
    const all: RemotePeer[] = []
    for (const first of this.#buckets) for (let peer = first; peer !== undefined; peer = peer.next) all.push(peer)
    return all
  }

  #grow(): void {
    this.#fill(this.#all(), this.#buckets.length * 2)
  }

  /** Forgets the older half: sorting once for many arrivals is cheaper than a list that every datagram reorders. */
  #evict(): void {
    const all = this.#all().sort((a, b) => b.used - a.used)
    this.#fill(all.slice(0, all.length >> 1), this.#buckets.length)
  }

  #fill(peers: readonly RemotePeer[], buckets: number): void {
    this.#buckets = new Array<RemotePeer | undefined>(buckets).fill(undefined)
    this.#size = peers.length
    for (const peer of peers) {
      const at = hashOf(peer.ip, peer.port) & (buckets - 1)
      peer.next = this.#buckets[at]
      this.#buckets[at] = peer
    }
  }
}

/** A number in 0 … 2²⁸−1, the same for the same address and port. */
function hashOf(ip: Address, port: number): number {
  return Math.imul(hashAddress(ip) ^ port, 0x9e3779b1) >>> 4
}

function isAt({ ip: known, port: itsPort }: RemotePeer, ip: Address, port: number): boolean {
  return itsPort === port && known.w3 === ip.w3 && known.w2 === ip.w2 && known.w1 === ip.w1 && known.w0 === ip.w0 && known.family === ip.family && known.zone === ip.zone
}
