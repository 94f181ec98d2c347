/**
 * What was received and not read: in order, and beyond a hole. Read RFC 9293 §3.10.7.4 (fourth: segments that come out of order), and RFC
 * 2018 §4 on what is reported of them, before changing this file.
 */

import type { BufferPool, NetBuf } from '@favonius/contract'
import { Blocks, copy, detach } from './blocks.ts'

/** Data of at most so many bytes is copied behind the data before it, so that a packet of one byte does not hold a slot. */
const MERGED = 256
/** SACK blocks that a segment has room for (RFC 2018 §3). */
const MAX_BLOCKS = 4
/** How many times `limit` all slots may take before what is out of order is refused: as many as segments of half a slot do. */
const SLACK = 2

/** A run of bytes beyond a hole. Its edges are positions: see `ReceiveBuffer`. */
class Range {
  left: number
  right: number
  readonly blocks = new Blocks()

  constructor(left: number, right: number) {
    this.left = left
    this.right = right
  }
}

/**
 * Bytes of a connection from the first unread one on.
 *
 * Positions in the stream are signed 32-bit numbers that come round, as sequence numbers are; `#next` is that of the next byte expected.
 * So when data comes in order, one number moves, and all distances have shrunk.
 */
export class ReceiveBuffer {
  /** Bytes that may be in it, in order or beyond a hole. Nothing is dropped when it is made less. */
  limit: number
  readonly #buffers: BufferPool
  readonly #ready = new Blocks()
  #next = 0
  /** By position, with a hole before each. */
  readonly #ranges: Range[] = []
  /** Those that changed last, the last one first. */
  readonly #recent: Range[] = []
  /** Bytes in the ranges, and of the slots that they stand in. */
  #waiting = 0
  #waitingHeld = 0

  constructor(buffers: BufferPool, limit: number) {
    this.#buffers = buffers
    this.limit = limit
  }

  /** Bytes in order. */
  get available(): number {
    return this.#ready.bytes
  }

  /** Bytes beyond a hole. */
  get outOfOrder(): number {
    return this.#waiting
  }

  /** Nothing waits, in order or beyond a hole. */
  get isEmpty(): boolean {
    return this.#ready.bytes === 0 && this.#ranges.length === 0
  }

  /** Bytes of slots that it holds. */
  get held(): number {
    return this.#ready.held + this.#waitingHeld
  }

  /** Takes data that begins with the next byte expected, whatever the limit. Takes the reference. Call `advance` after it. */
  append(packet: NetBuf): void {
    const blocks = this.#ready
    const before = blocks.bytes
    this.#keep(blocks, packet)
    this.#next = (this.#next + blocks.bytes - before) | 0
  }

  /**
   * Moves what has become in order behind what is; returns how many bytes. Bytes that came in order count before those that waited beyond a
   * hole.
   */
  advance(): number {
    return this.#ranges.length === 0 ? 0 : this.#move()
  }

  #move(): number {
    const ranges = this.#ranges
    let moved = 0
    for (let range = ranges[0]; range !== undefined; range = ranges[0]) {
      const overlap = (this.#next - range.left) | 0
      if (overlap < 0) break
      const { blocks } = range
      this.#waiting -= blocks.bytes
      this.#waitingHeld -= blocks.held
      blocks.drop(overlap)
      moved += blocks.bytes
      this.#next = (this.#next + blocks.bytes) | 0
      this.#ready.concat(blocks)
      ranges.shift()
      this.#forget(range)
    }
    return moved
  }

  /**
   * Takes data that begins `distance` bytes, more than 0, after the next one expected. Takes the reference. Of bytes that are there already
   * nothing changes. False when there was no room for all that is new: beyond `limit`, in `SLACK` times as many bytes of slots, or in the
   * pool; what there was no room for is freed.
   */
  insert(packet: NetBuf, distance: number): boolean {
    let kept = true
    let from = (this.#next + distance) | 0
    for (let fragment: NetBuf | undefined = packet; fragment !== undefined;) {
      const rest: NetBuf | undefined = fragment.next === undefined ? undefined : detach(fragment)
      const { length } = fragment
      if (length === 0) fragment.unref()
      else if (!this.#insert(fragment, from)) kept = false
      from = (from + length) | 0
      fragment = rest
    }
    return kept
  }

  #insert(packet: NetBuf, from: number): boolean {
    const ranges = this.#ranges
    const to = (from + packet.length) | 0
    if (this.#ready.bytes + ((to - this.#next) | 0) > this.limit || this.held > SLACK * this.limit) {
      packet.unref()
      return false
    }
    let index = this.#search(from)
    for (;;) {
      let range = ranges[index]
      if (range !== undefined && ((range.left - from) | 0) <= 0) {
        // What it has, it keeps.
        const known = (range.right - from) | 0
        if (known >= packet.length) {
          packet.unref()
          this.#touch(range)
          return true
        }
        packet.pull(known)
        from = range.right
      } else {
        range = new Range(from, from)
        ranges.splice(index, 0, range)
      }
      // Up to the next range, or to the packet's end.
      const after = ranges[index + 1]
      const gap = after === undefined ? packet.length : Math.min(packet.length, (after.left - from) | 0)
      const last = gap === packet.length
      const piece = last ? packet : this.#front(packet, gap)
      if (piece === undefined) {
        if (range.left === range.right) ranges.splice(index, 1)
        packet.unref()
        return false
      }
      this.#extend(range, piece, gap)
      if (after !== undefined && after.left === range.right) this.#join(range, after, index + 1)
      this.#touch(range)
      if (last) return true
      packet.pull(gap)
      from = (from + gap) | 0
    }
  }

  /** The first range that ends at `from` or after it; nearly always the last one. */
  #search(from: number): number {
    const ranges = this.#ranges
    let low = 0
    let high = ranges.length
    if (high > 0 && ((ranges[high - 1]!.right - from) | 0) <= 0) return ranges[high - 1]!.right === from ? high - 1 : high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (((ranges[middle]!.right - from) | 0) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** A copy of the first `length` bytes. */
  #front(packet: NetBuf, length: number): NetBuf | undefined {
    const piece = this.#buffers.alloc(length)
    if (piece !== undefined) copy(packet.u8, packet.offset, piece.u8, piece.add(length), length)
    return piece
  }

  #extend(range: Range, piece: NetBuf, length: number): void {
    const { blocks } = range
    const { held } = blocks
    this.#keep(blocks, piece)
    this.#waitingHeld += blocks.held - held
    this.#waiting += length
    range.right = (range.right + length) | 0
  }

  /** The hole before range number `index` is closed. */
  #join(range: Range, after: Range, index: number): void {
    range.blocks.concat(after.blocks)
    range.right = after.right
    this.#ranges.splice(index, 1)
    this.#forget(after)
  }

  /** Puts a packet behind `blocks`, in as few bytes of slots as is worth it. Takes the reference. */
  #keep(blocks: Blocks, packet: NetBuf): void {
    const { length, next } = packet
    const last = blocks.last
    if (
      last !== undefined && next === undefined && (length <= MERGED || this.held > this.limit) && last.references === 1 && length <= last.tailroom()
    ) {
      blocks.fill(packet.u8, packet.offset, length)
      packet.unref()
      return
    }
    // The headers have been read: a copy does without them.
    packet.link = -1
    packet.network = -1
    packet.transport = -1
    blocks.append(this.#buffers.compact(packet))
  }

  #touch(range: Range): void {
    const recent = this.#recent
    if (recent[0] === range) return
    this.#forget(range)
    recent.unshift(range)
    if (recent.length > MAX_BLOCKS) recent.pop()
  }

  #forget(range: Range): void {
    const index = this.#recent.indexOf(range)
    if (index >= 0) this.#recent.splice(index, 1)
  }

  /** The next bytes in order, one buffer of them. Its reference passes. */
  take(): NetBuf | undefined {
    return this.#ready.shift()
  }

  /** Copies what is in order, as much as fits, and frees it. Returns how many bytes. */
  read(into: Uint8Array): number {
    const blocks = this.#ready
    let copied = 0
    for (let block = blocks.first; block !== undefined && copied < into.length; block = blocks.first) {
      const size = Math.min(block.length, into.length - copied)
      copy(block.u8, block.offset, into, copied, size)
      blocks.drop(size)
      copied += size
    }
    return copied
  }

  /**
   * Writes the edges of what is beyond holes, as sequence numbers, where that of the next byte expected is `next`: left, right, left, … At
   * most 4 ranges and at most what fits; the one that changed last comes first, then those before it (RFC 2018 §4). Returns how many.
   */
  sackBlocks(into: Int32Array, next: number): number {
    const ranges = this.#ranges
    const recent = this.#recent
    const count = Math.min(ranges.length, into.length >>> 1, MAX_BLOCKS)
    // Those of which no more is remembered than that they are there come last: as many as possible are reported.
    for (let i = 0; recent.length < count; i++) if (!recent.includes(ranges[i]!)) recent.push(ranges[i]!)
    for (let i = 0; i < count; i++) {
      into[2 * i] = next + recent[i]!.left - this.#next
      into[2 * i + 1] = next + recent[i]!.right - this.#next
    }
    return count
  }

  /** Frees everything. */
  clear(): void {
    this.#ready.clear()
    this.abandon()
  }

  /** Frees what is beyond holes: nothing will fill them. */
  abandon(): void {
    if (this.#ranges.length === 0) return
    for (const range of this.#ranges) range.blocks.clear()
    this.#ranges.length = 0
    this.#recent.length = 0
    this.#waiting = 0
    this.#waitingHeld = 0
  }
}
