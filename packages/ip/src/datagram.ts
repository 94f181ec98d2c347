/** One datagram that is being put together from its fragments. */

import type { Address, DropReason, Instant, IpInfo, NetBuf } from '@favonius/contract'
import { copyAddress } from '@favonius/inet'
import { slotsOf } from '@favonius/netif'

/** Instead of a fragment's place in the list: it is there already, byte for byte. */
export const DUPLICATE = -1
/** Instead of a place: it overlaps another fragment, or contradicts what is known of the datagram's end. */
export const OVERLAP = -2

/** ECN codepoints (RFC 3168 §5), as bits of a set: transport without ECN, and congestion experienced. */
const NOT_CAPABLE = 1 << 0b00
const CONGESTED = 1 << 0b11

/**
 * Its fragments in order. RFC 815 keeps a list of the holes; a list of what is there says the same. Fragments that overlap end
 * a datagram, so it is whole as soon as the bytes that are there are as many as its length.
 */
export class Datagram {
  readonly source: Address
  readonly destination: Address
  readonly protocol: number
  readonly identification: number
  /** When what is missing is waited for no longer. */
  readonly expires: Instant
  /** Each begins with its data; the headers that were before it are still there. */
  readonly fragments: NetBuf[] = []
  /** Bytes of slots that its fragments hold. */
  held = 0
  /** Why it was given up: what still arrives of it goes the same way (RFC 5722 §4). */
  verdict: DropReason | undefined
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  #length = Infinity
  #bytes = 0
  /** The ECN codepoints that were seen, a bit for each. */
  #ecn = 0

  constructor(ip: IpInfo, identification: number, expires: Instant) {
    this.source = copyAddress(ip.source)
    this.destination = copyAddress(ip.destination)
    this.protocol = ip.protocol
    this.identification = identification
    this.expires = expires
  }

  /** Whether a fragment belongs to it (RFC 791 §3.2, RFC 8200 §4.5). Addresses of different links are different (RFC 4007 §6). */
  isOf({ source, destination, protocol }: IpInfo, identification: number): boolean {
    return identification === this.identification && protocol === this.protocol && isSame(source, this.source) && isSame(destination, this.destination)
  }

  /**
   * The place in the list for `packet`, whose data are the bytes `start … end` of the datagram, and its last ones unless `more`
   * follow; or DUPLICATE, or OVERLAP.
   */
  placeOf(packet: NetBuf, start: number, end: number, more: boolean): number {
    const { length: count } = this.fragments
    const highest = count === 0 ? 0 : this.#ends[count - 1]!
    // Most come in order, so the search begins at the end.
    let at = count
    while (at > 0 && this.#starts[at - 1]! >= start) at--
    if (this.#starts[at] === start && this.#ends[at] === end && isCopy(packet, this.fragments[at]!)) return DUPLICATE
    if (more ? end > this.#length : highest > end || (this.#length !== Infinity && this.#length !== end)) return OVERLAP
    if ((at > 0 && this.#ends[at - 1]! > start) || (at < count && this.#starts[at]! < end)) return OVERLAP
    return at
  }

  /** Takes a fragment, and its reference, to the place that `placeOf` said. */
  insert(at: number, packet: NetBuf, start: number, end: number, more: boolean, trafficClass: number): void {
    this.fragments.splice(at, 0, packet)
    this.#starts.splice(at, 0, start)
    this.#ends.splice(at, 0, end)
    this.#bytes += end - start
    this.#ecn |= 1 << (trafficClass & 3)
    this.held += slotsOf(packet)
    if (!more) this.#length = end
  }

  get isWhole(): boolean {
    return this.#bytes === this.#length
  }

  /** The fragment that begins the datagram, when it is there. */
  get first(): NetBuf | undefined {
    return this.#starts[0] === 0 ? this.fragments[0] : undefined
  }

  /** RFC 3168 §5.3: a router marked one of its fragments, so it is marked. */
  get isCongested(): boolean {
    return (this.#ecn & CONGESTED) !== 0
  }

  /** RFC 3168 §5.3: some are of a transport without ECN, and others marked. No sender makes such a datagram. */
  get isMixed(): boolean {
    return this.isCongested && (this.#ecn & NOT_CAPABLE) !== 0
  }

  /** Chains the fragments, and gives the first away, with the reference. */
  join(): NetBuf {
    const { fragments } = this
    for (let i = 1; i < fragments.length; i++) fragments[i - 1]!.append(fragments[i]!)
    return fragments[0]!
  }
}

function isSame(a: Address, b: Address): boolean {
  return a.w3 === b.w3 && a.w2 === b.w2 && a.w1 === b.w1 && a.w0 === b.w0 && a.zone === b.zone
}

/** Whether two buffers hold the same bytes. */
function isCopy(a: NetBuf, b: NetBuf): boolean {
  if (a.length !== b.length || a.next !== undefined || b.next !== undefined) return false
  for (let i = 0; i < a.length; i++) if (a.u8[a.offset + i] !== b.u8[b.offset + i]) return false
  return true
}
