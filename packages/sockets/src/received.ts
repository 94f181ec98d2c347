/** What waits in a socket: datagrams, bounded in bytes. */

import type { Address, BufferPool, NetBuf, Peer } from '@favonius/contract'
import { ETHERTYPE_IPV6, IPV4, IPV6, readAddress } from '@favonius/inet'
import { ByteQueue } from './queue.ts'

/** A datagram as `recvmsg` shows it. */
export interface Waiting {
  readonly packet: NetBuf
  readonly from: Peer
}

export class ReceiveQueue extends ByteQueue<Waiting> {
  readonly #buffers: BufferPool

  constructor(buffers: BufferPool, limit: number) {
    super(limit, ({ packet }) => packet.total())
    this.#buffers = buffers
  }

  /** False, and the packet still the caller's, when it does not fit. */
  push(packet: NetBuf, from: Peer): boolean {
    if (!this.fits(packet.total())) return false
    this.add({ packet: this.#buffers.compact(packet), from })
    return true
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

