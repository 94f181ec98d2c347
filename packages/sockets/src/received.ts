/** What waits in a socket: datagrams, bounded in bytes. */

import type { Address, BufferPool, NetBuf, Peer } from '@favonius/contract'
import { ETHERTYPE_IPV6, IPV4, IPV6, readAddress } from '@favonius/inet'

/** A datagram as `recvmsg` shows it. */
export interface Waiting {
  readonly packet: NetBuf
  readonly from: Peer
}

/** What each datagram counts at least, in bytes: the slot that it holds. Empty ones would wait without bound otherwise. */
const LEAST = 256
const sizeOf = (packet: NetBuf): number => Math.max(packet.total(), LEAST)

export class ReceiveQueue {
  /** SO_RCVBUF, in bytes. */
  limit: number
  readonly #buffers: BufferPool
  readonly #waiting: Waiting[] = []
  #head = 0
  #bytes = 0

  constructor(buffers: BufferPool, limit: number) {
    this.#buffers = buffers
    this.limit = limit
  }

  get length(): number {
    return this.#waiting.length - this.#head
  }

  /** False, and the packet still the caller's, when it does not fit. One datagram always fits. */
  push(packet: NetBuf, from: Peer): boolean {
    const size = sizeOf(packet)
    if (this.#bytes + size > this.limit && this.length > 0) return false
    this.#bytes += size
    this.#waiting.push({ packet: this.#buffers.compact(packet), from })
    return true
  }

  peek(): Waiting | undefined {
    return this.#waiting[this.#head]
  }

  shift(): Waiting | undefined {
    const waiting = this.#waiting[this.#head]
    if (waiting === undefined) return undefined
    this.#bytes -= sizeOf(waiting.packet)
    this.#waiting[this.#head++] = undefined as never
    // The front is cut off now and then, not at each datagram: that would move all the others.
    if (this.#head === this.#waiting.length || this.#head >= 1024) {
      this.#waiting.splice(0, this.#head)
      this.#head = 0
    }
    return waiting
  }

  clear(): void {
    for (let waiting = this.shift(); waiting !== undefined; waiting = this.shift()) waiting.packet.unref()
  }
}

/** The bytes of a packet, in an array of their own. */
export function bytesOf(packet: NetBuf): Uint8Array {
  const data = new Uint8Array(packet.total())
  packet.copyTo(data)
  return data
}

/** The address a received packet was sent to, read from its IP header. */
export function destinationOf(packet: NetBuf): Address {
  const six = packet.protocol === ETHERTYPE_IPV6
  return readAddress(packet.dv, packet.network + (six ? IPV6.destination : IPV4.destination), six ? 6 : 4)
}

/** Its hop limit or TTL, and traffic class or TOS, as they arrived. */
export function hopsOf(packet: NetBuf): { readonly hopLimit: number; readonly trafficClass: number } {
  const { dv, network } = packet
  return packet.protocol === ETHERTYPE_IPV6
    ? { hopLimit: dv.getUint8(network + IPV6.hopLimit), trafficClass: dv.getUint16(network) >> 4 & 0xff }
    : { hopLimit: dv.getUint8(network + IPV4.timeToLive), trafficClass: dv.getUint8(network + IPV4.typeOfService) }
}

