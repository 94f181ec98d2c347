/** Packets that wait until their neighbour's link address is known: what ARP and neighbour discovery share. */

import type { BufferPool, NetBuf } from '@favonius/contract'

/**
 * Packets that wait for one neighbour (RFC 4861 §7.2.2: a small number; RFC 1122 §2.3.2.2: at least one). A datagram in fragments is
 * lost when one of them is, and 54 carry 65 535 bytes over links of 1280. So many also fit the transmit queue, when they are let go.
 */
const MAX_PACKETS = 64
/** Of the pool's quota, the part that may be parked, in each of the families: nobody who answers late, or never, takes the rest. */
const SHARE = 16

/** For whom packets wait. */
export interface Awaited {
  /** How many do; counted by `Parking` alone. */
  waiting: number
}

/** Why a packet waits no longer: a newer one to the same neighbour takes its place, or a newer one to any, for all together are too large. */
export type Displacement = 'replaced' | 'crowded'

/** Bytes of the slots that a packet holds. */
export function slotsOf(packet: NetBuf): number {
  let bytes = 0
  for (let buffer: NetBuf | undefined = packet; buffer; buffer = buffer.next) bytes += buffer.headroom() + buffer.length + buffer.tailroom()
  return bytes
}

/** What is parked, over all neighbours, the oldest first. When something must go, it is the oldest (RFC 4861 §7.2.2). */
export class Parking<Neighbor extends Awaited> {
  readonly #maxBytes: number
  readonly #displaced: (neighbor: Neighbor, packet: NetBuf, why: Displacement) => void
  readonly #parked: { readonly neighbor: Neighbor; readonly packet: NetBuf; readonly bytes: number }[] = []
  #held = 0

  /** `displaced` takes the reference of a packet that made room for others. */
  constructor({ quota }: Pick<BufferPool, 'quota'>, displaced: (neighbor: Neighbor, packet: NetBuf, why: Displacement) => void) {
    this.#maxBytes = Math.floor(quota / SHARE)
    this.#displaced = displaced
  }

  /** Bytes of slots held: a sixteenth of the quota at most, or one packet. */
  get held(): number {
    return this.#held
  }

  /** Keeps a packet for `neighbor`. Takes the reference. */
  park(neighbor: Neighbor, packet: NetBuf): void {
    const bytes = slotsOf(packet)
    if (neighbor.waiting >= MAX_PACKETS) this.#displace(this.#parked.findIndex((each) => each.neighbor === neighbor), 'replaced')
    while (this.#parked.length > 0 && this.#held + bytes > this.#maxBytes) this.#displace(0, 'crowded')
    this.#parked.push({ neighbor, packet, bytes })
    this.#held += bytes
    neighbor.waiting++
  }

  /** The packet that waits for `neighbor` the longest. */
  oldest(neighbor: Neighbor): NetBuf | undefined {
    return this.#parked.find((each) => each.neighbor === neighbor)?.packet
  }

  /** Gives away what waits for `neighbor`, with the references, in the order in which it came. */
  take(neighbor: Neighbor): NetBuf[] {
    const taken: NetBuf[] = []
    for (let i = 0; neighbor.waiting > 0;) {
      if (this.#parked[i]!.neighbor === neighbor) taken.push(this.#remove(i))
      else i++
    }
    return taken
  }

  #displace(at: number, why: Displacement): void {
    const { neighbor } = this.#parked[at]!
    this.#displaced(neighbor, this.#remove(at), why)
  }

  #remove(at: number): NetBuf {
    const { neighbor, packet, bytes } = this.#parked.splice(at, 1)[0]!
    neighbor.waiting--
    this.#held -= bytes
    return packet
  }
}
