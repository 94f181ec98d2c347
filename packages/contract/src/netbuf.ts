/** The packet buffer that every layer shares, after Zephyr's `net_buf` and `net_pkt`. */

import type { Family } from './address.ts'
import type { Instant } from './env.ts'
import type { Interface } from './netif.ts'

/**
 * What is known of a packet's transport checksum (virtio_net_hdr's model).
 *
 * - `0` nothing: computed already when sending, to be verified when received
 * - `1` partial: the field holds the pseudo-header's sum alone; sum from `checksumStart`, store at `checksumAt`
 * - `2` verified: the device, or the sender in this same memory, vouches for it
 */
export type ChecksumState = 0 | 1 | 2

/**
 * A reference-counted run of bytes in an arena slot, with room before and after, and what is known about it.
 *
 * ```text
 *   slot   | headroom |######## data ########| tailroom |  → next fragment
 *                     ^ offset               ^ offset + length
 * ```
 *
 * Headers are read and written through `dv` at absolute positions. Marks (`link`, `network`, `transport`,
 * `checksumStart`, `checksumAt`) are absolute too, so that `push` and `pull` leave them true. All headers of a packet
 * stand in its first fragment.
 */
export interface NetBuf {
  /** The whole chunk's bytes. Only `offset … offset + length` is this buffer's to read. */
  readonly u8: Uint8Array<ArrayBuffer>
  readonly dv: DataView<ArrayBuffer>
  /** Absolute position of the first byte of data. Moved by the verbs below. */
  readonly offset: number
  /** Bytes of data in this fragment. */
  readonly length: number
  /** The next fragment. The first one's `unref` frees them all. */
  readonly next: NetBuf | undefined
  readonly references: number

  /** Bytes free before the data. */
  headroom(): number
  /** Bytes free after the data of this fragment. */
  tailroom(): number
  /** Bytes of data in this and all following fragments. */
  total(): number

  /** Makes an empty buffer's headroom `size` bytes. */
  reserve(size: number): void
  /** Takes `size` bytes of headroom into the data, at the front; returns the new offset. Throws RangeError when there is no room: check `headroom()` where it can happen. */
  push(size: number): number
  /** Drops `size` bytes at the front; returns the new offset. RangeError when there are fewer. */
  pull(size: number): number
  /** Takes `size` bytes of tailroom into the data; returns the absolute position of the first. RangeError when there is no room. */
  add(size: number): number
  /** Drops `size` bytes at the end of this fragment. RangeError when there are fewer. */
  remove(size: number): void
  /** Cuts a packet to `size` bytes over all its fragments, freeing what is left empty. Harmless when it is shorter. */
  trim(size: number): void
  /** Appends `fragment` (and what follows it) after the last fragment; its reference passes to this packet. */
  append(fragment: NetBuf): void
  /** Copies `bytes` to the packet's end, on into the empty fragments that `alloc` chained. RangeError when they do not fit. */
  write(bytes: Uint8Array): void
  /** Copies data from `from` (relative to the packet's data) over all fragments into `into`; returns how many bytes. */
  copyTo(into: Uint8Array, from?: number): number
  /** A view of this fragment's data. Costs an allocation: for the API's edge and for tests. Do not keep it. */
  view(): Uint8Array<ArrayBuffer>
  /**
   * One's complement sum (RFC 1071) of the data from absolute position `from` of this fragment to the packet's end,
   * folded to 16 bits and added to `initial`. Not complemented.
   */
  sum(from: number, initial?: number): number

  ref(): this
  /** Gives the reference back; the last one frees the slot and the fragments that follow. */
  unref(): void
  /**
   * A copy of data and metadata in a slot (or slots) of its own; undefined when there is no room (counted). It has the same headroom
   * unless more is asked for.
   */
  clone(headroom?: number): NetBuf | undefined

  /** The interface it came from or goes to. */
  iface: Interface | undefined
  /** EtherType of what the data begins with, once the link header is off or before it is on. */
  protocol: number
  family: Family | 0
  /** 802.1Q priority, 0–7. */
  priority: number
  /** How the link addressed it: 0 to us, 1 multicast, 2 broadcast, 3 to another station (promiscuous). */
  cast: 0 | 1 | 2 | 3
  /** Absolute position of the link header, −1 when there is none. */
  link: number
  /** Absolute position of the IP header, −1 when not known. */
  network: number
  /** Absolute position of the transport header, −1 when not known. */
  transport: number
  checksum: ChecksumState
  /** Absolute position where a partial checksum's sum begins. */
  checksumStart: number
  /** Absolute position of the checksum field of a partial checksum. */
  checksumAt: number
  /** 0, or the payload bytes of each segment when this is one large segment for several packets. */
  segmentSize: number
  /** The instant before which the device is not to send it, where the device can (`Offload.launchTime`); 0 for none. */
  launch: Instant
  /** When it was received, or made. */
  timestamp: Instant
  /** When it passed the places of its way, written and read by who takes packets' times alone (`PacketTimer`). */
  stages: Float64Array | undefined
}

/** A stack's share of the arena. Slots it holds are charged to its quota until they are freed. */
export interface BufferPool {
  /**
   * A buffer with `headroom` reserved and room for `length` bytes after it, in one slot where one is large enough and
   * as a chain of fragments otherwise. Empty: `add` what you write. Undefined when the arena or the quota is exhausted,
   * which is counted.
   */
  alloc(length: number, headroom?: number): NetBuf | undefined
  /** Charges a buffer that came from another stack to this one. False, and nothing changed, when the quota forbids it. */
  adopt(packet: NetBuf): boolean
  /** Returns `packet`, or a copy in a smaller slot when it fills less than a quarter of its own, so that a queue of small packets does not hold large slots. */
  compact(packet: NetBuf): NetBuf
  /** Bytes of slots held now. */
  readonly used: number
  /** The most it may hold. */
  readonly quota: number
  /** Buffers live now, fragments included. */
  readonly live: number
  /** How often `alloc`, `clone` or `adopt` found no room. */
  readonly exhausted: number
  /** Told of each buffer that `alloc` makes. One for a pool: who takes packets' times. */
  made: ((packet: NetBuf) => void) | undefined
  /** In debug mode: who allocated each live buffer, for a leak report. Empty otherwise. */
  owners(): readonly string[]
}

