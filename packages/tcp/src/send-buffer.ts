/**
 * What was written and is not acknowledged: the retransmission queue of RFC 9293 §3.8.1 and the data that waits to be sent, as one run of
 * bytes. Segments are copied out of it, once for each time they are sent, so that a packet on its way belongs to nobody but the layers below.
 */

import type { BufferPool, NetBuf } from '@favonius/contract'
import { Blocks, copy } from './blocks.ts'

/** Bytes of blocks: those of netbuf's slots, whole. */
const SMALL = 256
const MEDIUM = 2048
const LARGE = 65_536

/** The bytes of a connection from the first unacknowledged one on, in order. An idle connection holds no buffer. */
export class SendBuffer {
  /** Bytes that `write` fills it up to. May be changed at any time; what is in it stays. */
  limit: number
  readonly #buffers: BufferPool
  readonly #blocks = new Blocks()
  /** The block that was copied from last, and the bytes before it: what is sent next is nearly always in it, or in the next. */
  #cursor = 0
  #before = 0

  constructor(buffers: BufferPool, limit: number) {
    this.#buffers = buffers
    this.limit = limit
  }

  /** Bytes in it. */
  get length(): number {
    return this.#blocks.bytes
  }

  /** Bytes that `write` would take, if there are buffers. */
  get room(): number {
    return Math.max(0, this.limit - this.#blocks.bytes)
  }

  /** Bytes of slots that it holds. */
  get held(): number {
    return this.#blocks.held
  }

  /**
   * Copies what fits the limit and the pool behind the rest, and returns how many bytes. Small writes share a block. New blocks are as large
   * as what is to be written, or what waits already: so a stream gets large ones, and a short message a short one.
   */
  write(data: Uint8Array): number {
    const blocks = this.#blocks
    const length = Math.min(data.length, this.room)
    let taken = 0
    while (taken < length) {
      const last = blocks.last
      const free = last === undefined || last.references > 1 ? 0 : last.tailroom()
      const block = free > 0 ? undefined : this.#block(Math.max(length - taken, blocks.bytes))
      if (block !== undefined) {
        const size = Math.min(length - taken, block.tailroom())
        copy(data, taken, block.u8, block.add(size), size)
        blocks.append(block)
        taken += size
      } else if (free > 0) {
        const size = Math.min(length - taken, free)
        blocks.fill(data, taken, size)
        taken += size
      } else break
    }
    return taken
  }

  /** An empty block that suits `size` bytes, or a smaller one when that is all there is. */
  #block(size: number): NetBuf | undefined {
    // A large slot for a few KiB would hold ten times what it is needed for.
    if (size >= LARGE / 2) {
      const block = this.#buffers.alloc(LARGE)
      if (block !== undefined) return block
    }
    return (size > SMALL ? this.#buffers.alloc(MEDIUM) : undefined) ?? this.#buffers.alloc(SMALL)
  }

  /** Puts a packet behind the rest as it is. Takes the reference. It counts, above the limit too. */
  append(packet: NetBuf): void {
    this.#blocks.append(packet)
  }

  /**
   * Adds the `length` bytes that stand `from` bytes after the first unacknowledged one to the end of `packet`, which has the tailroom.
   * RangeError when there are not so many.
   */
  copyTo(packet: NetBuf, from: number, length: number): void {
    const blocks = this.#blocks
    if (from < 0 || length < 0 || from + length > blocks.bytes) {
      throw new RangeError(`${length} bytes from ${from} of a send buffer that has ${blocks.bytes}`)
    }
    if (length === 0) return
    let to = packet.add(length)
    let index = this.#cursor
    let before = this.#before
    if (from < before >>> 1) index = before = 0
    while (from < before) before -= blocks.at(--index).length
    let block = blocks.at(index)
    while (from >= before + block.length) {
      before += block.length
      block = blocks.at(++index)
    }
    const { u8 } = packet
    for (;;) {
      const within = from - before
      const size = Math.min(length, block.length - within)
      copy(block.u8, block.offset + within, u8, to, size)
      length -= size
      if (length === 0) break
      to += size
      from += size
      before += block.length
      block = blocks.at(++index)
    }
    this.#cursor = index
    this.#before = before
  }

  /** Forgets the first `bytes` bytes, and frees the blocks that they filled. More than there are counts as all. */
  acknowledge(bytes: number): void {
    const blocks = this.#blocks
    const { count } = blocks
    blocks.drop(bytes)
    this.#cursor -= count - blocks.count
    this.#before -= bytes
    if (this.#cursor <= 0) this.#cursor = this.#before = 0
  }

  /** Forgets everything. */
  clear(): void {
    this.#blocks.clear()
    this.#cursor = this.#before = 0
  }
}
