/** A slot of the arena, and the packet buffer that stands in it. One object for each slot, used again and again. */

import type { ChecksumState, Family, Instant, Interface, NetBuf } from '@favonius/contract'
import { SHORT, fold, sumBytes, swap, type Sum } from './checksum.ts'
import type { Chunk } from './chunk.ts'
import type { Pool } from './pool.ts'
import type { FreeList } from './slots.ts'

/** See `NetBuf` in the contract. All fields are plain and set in the constructor: every slot has one hidden class. */
export class Slot implements NetBuf {
  readonly u8: Uint8Array<ArrayBuffer>
  readonly dv: DataView<ArrayBuffer>
  readonly simd: Sum | undefined
  /** First byte of the slot, and the one behind it. */
  readonly start: number
  readonly end: number
  /** Where it returns to. */
  readonly list: FreeList
  /** The next free slot, while this one is free. */
  below: Slot | undefined
  /** Who is charged; who was last, while it is free. */
  pool: Pool

  offset: number
  length = 0
  next: Slot | undefined
  references = 0

  iface: Interface | undefined
  protocol = 0
  family: Family | 0 = 0
  priority = 0
  cast: 0 | 1 | 2 | 3 = 0
  link = -1
  network = -1
  transport = -1
  checksum: ChecksumState = 0
  checksumStart = 0
  checksumAt = 0
  segmentSize = 0
  /** NaN makes it a field for doubles from the first. */
  launch: Instant = Number.NaN
  timestamp: Instant = Number.NaN
  /** Made once for a slot, by who takes times, and not begun anew with it: that is theirs too. */
  stages: Float64Array | undefined

  constructor(chunk: Chunk, start: number, list: FreeList, pool: Pool) {
    this.u8 = chunk.u8
    this.dv = chunk.dv
    this.simd = chunk.simd
    this.start = start
    this.end = start + list.size
    this.offset = start
    this.list = list
    this.below = undefined
    this.pool = pool
    this.next = undefined
    this.iface = undefined
    this.stages = undefined
  }

  /** Begins a new life: empty, with one reference, and nothing known. */
  begin(pool: Pool, headroom: number): void {
    this.pool = pool
    this.offset = this.start + headroom
    this.length = 0
    this.references = 1
    this.iface = undefined
    this.protocol = 0
    this.family = 0
    this.priority = 0
    this.cast = 0
    this.link = -1
    this.network = -1
    this.transport = -1
    this.checksum = 0
    this.checksumStart = 0
    this.checksumAt = 0
    this.segmentSize = 0
    this.launch = 0
    this.timestamp = 0
  }

  headroom(): number {
    return this.offset - this.start
  }

  tailroom(): number {
    return this.end - this.offset - this.length
  }

  total(): number {
    let total = 0
    for (let fragment: Slot | undefined = this; fragment; fragment = fragment.next) total += fragment.length
    return total
  }

  reserve(size: number): void {
    if (this.length > 0 || size > this.end - this.start || size < 0) this.#refuse('reserve', size)
    this.offset = this.start + size
  }

  push(size: number): number {
    if (size > this.offset - this.start || size < 0) this.#refuse('push', size)
    this.length += size
    return (this.offset -= size)
  }

  pull(size: number): number {
    if (size > this.length || size < 0) this.#refuse('pull', size)
    this.length -= size
    return (this.offset += size)
  }

  add(size: number): number {
    const at = this.offset + this.length
    if (size > this.end - at || size < 0) this.#refuse('add', size)
    this.length += size
    return at
  }

  remove(size: number): void {
    if (size > this.length || size < 0) this.#refuse('remove', size)
    this.length -= size
  }

  trim(size: number): void {
    let left = size < 0 ? 0 : size
    for (let fragment: Slot | undefined = this; fragment; fragment = fragment.next) {
      if (left > fragment.length) {
        left -= fragment.length
        continue
      }
      fragment.length = left
      const rest: Slot | undefined = fragment.next
      fragment.next = undefined
      rest?.unref()
      return
    }
  }

  append(fragment: NetBuf): void {
    let last: Slot = this
    while (last.next) last = last.next
    last.next = fragment as Slot
  }

  /**
   * Copies `bytes` behind the packet's data: into the tailroom of the last fragment that has data, and on into the empty
   * ones that follow it. So one `write` fills a chain that `alloc` has made. RangeError, and nothing is written, when they
   * do not fit.
   */
  write(bytes: Uint8Array): void {
    const at = this.offset + this.length
    if (this.next === undefined && bytes.length <= this.end - at) {
      this.u8.set(bytes, at)
      this.length += bytes.length
      return
    }
    let fragment: Slot | undefined = this
    for (let after: Slot | undefined = this.next; after; after = after.next) if (after.length > 0) fragment = after
    let room = 0
    for (let after: Slot | undefined = fragment; after; after = after.next) room += after.tailroom()
    if (bytes.length > room) this.#refuse('write', bytes.length)
    for (let from = 0; fragment && from < bytes.length; fragment = fragment.next) {
      const size = Math.min(bytes.length - from, fragment.tailroom())
      fragment.u8.set(bytes.subarray(from, from + size), fragment.add(size))
      from += size
    }
  }

  copyTo(into: Uint8Array, from = 0): number {
    let copied = 0
    for (let fragment: Slot | undefined = this; fragment && copied < into.length; fragment = fragment.next) {
      const size = Math.min(fragment.length - from, into.length - copied)
      if (size > 0) {
        into.set(fragment.u8.subarray(fragment.offset + from, fragment.offset + from + size), copied)
        copied += size
      }
      from = Math.max(0, from - fragment.length)
    }
    return copied
  }

  view(): Uint8Array<ArrayBuffer> {
    return this.u8.subarray(this.offset, this.offset + this.length)
  }

  sum(from: number, initial = 0): number {
    const size = this.offset + this.length - from
    let sum = size > 0 ? this.#sum(from, size) : 0
    if (this.next) {
      // A fragment that begins at an odd place of the data adds its sum with the bytes swapped (RFC 1071 §2 B).
      let odd = size > 0 && (size & 1) === 1
      for (let fragment: Slot | undefined = this.next; fragment; fragment = fragment.next) {
        const part = fragment.#sum(fragment.offset, fragment.length)
        sum += odd ? swap(part) : part
        if (fragment.length & 1) odd = !odd
      }
    }
    return fold(fold(initial) + fold(sum))
  }

  #sum(from: number, size: number): number {
    return size > SHORT && this.simd !== undefined ? this.simd(from, size) : sumBytes(this.dv, from, size)
  }

  ref(): this {
    if (this.references < 1) this.pool.misused(this, 'ref')
    else this.references++
    return this
  }

  unref(): void {
    let fragment: Slot | undefined = this
    do {
      if (fragment.references < 1) return fragment.pool.misused(fragment, 'unref')
      if (--fragment.references > 0) return
      const rest: Slot | undefined = fragment.next
      fragment.next = undefined
      fragment.pool.release(fragment)
      fragment = rest
    } while (fragment)
  }

  clone(headroom = 0): NetBuf | undefined {
    return this.duplicate(Math.max(headroom, this.offset - this.start))
  }

  /** Bytes before the data that a mark still points into: headers that were pulled. */
  marked(): number {
    let first = this.offset
    if (this.link >= 0 && this.link < first) first = this.link
    if (this.network >= 0 && this.network < first) first = this.network
    if (this.transport >= 0 && this.transport < first) first = this.transport
    return this.offset - first
  }

  /** A copy with `headroom` bytes before the data, at least `marked()`, which are copied with it. */
  duplicate(headroom: number): Slot | undefined {
    const copy = this.pool.alloc(this.total(), headroom)
    if (copy === undefined) return undefined
    const marked = this.marked()
    copy.u8.set(this.u8.subarray(this.offset - marked, this.offset), copy.offset - marked)
    for (let fragment: Slot | undefined = this; fragment; fragment = fragment.next) copy.write(fragment.view())
    const shift = copy.offset - this.offset
    copy.iface = this.iface
    copy.protocol = this.protocol
    copy.family = this.family
    copy.priority = this.priority
    copy.cast = this.cast
    if (this.link >= 0) copy.link = this.link + shift
    if (this.network >= 0) copy.network = this.network + shift
    if (this.transport >= 0) copy.transport = this.transport + shift
    copy.checksum = this.checksum
    copy.checksumStart = this.checksumStart + shift
    copy.checksumAt = this.checksumAt + shift
    copy.segmentSize = this.segmentSize
    copy.launch = this.launch
    copy.timestamp = this.timestamp
    if (this.stages !== undefined) (copy.stages ??= new Float64Array(this.stages.length)).set(this.stages)
    return copy
  }

  #refuse(verb: string, size: number): never {
    throw new RangeError(
      `${verb}(${size}) on a buffer with ${this.headroom()} bytes of headroom, ${this.length} of data and ${this.tailroom()} of tailroom`,
    )
  }
}
