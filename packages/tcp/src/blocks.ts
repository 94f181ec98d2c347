/** A run of bytes in a queue of buffers: what both directions of a connection wait in. */

import type { NetBuf } from '@favonius/contract'

/** Places of a ring at first; a power of two. */
const FEW = 8

/**
 * Buffers of one fragment each, none of them empty, first in, first out, in a ring that grows and stays as large as it was needed until
 * nothing is left in it. Nothing is allocated for a buffer that comes and goes.
 */
export class Blocks {
  #ring: (NetBuf | undefined)[] = []
  #head = 0
  /** Buffers in it. */
  count = 0
  /** Bytes of data in them. */
  bytes = 0
  /** Bytes of the slots they stand in. */
  held = 0

  get first(): NetBuf | undefined {
    return this.count === 0 ? undefined : this.#ring[this.#head]
  }

  get last(): NetBuf | undefined {
    return this.count === 0 ? undefined : this.at(this.count - 1)
  }

  /** Buffer number `index` from the first; it must exist. */
  at(index: number): NetBuf {
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)]!
  }

  /** Puts a packet behind the rest, each of its fragments as a buffer of its own. Takes the reference; what is empty is freed. */
  append(packet: NetBuf): void {
    for (let fragment: NetBuf | undefined = packet; fragment !== undefined;) {
      const rest: NetBuf | undefined = fragment.next === undefined ? undefined : detach(fragment)
      if (fragment.length > 0) this.#push(fragment)
      else fragment.unref()
      fragment = rest
    }
  }

  #push(block: NetBuf): void {
    if (this.count === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.count++) & (this.#ring.length - 1)] = block
    this.bytes += block.length
    this.held += slotOf(block)
  }

  #grow(): void {
    const { count } = this
    const larger = new Array<NetBuf | undefined>(count === 0 ? FEW : count * 2).fill(undefined)
    for (let i = 0; i < count; i++) larger[i] = this.at(i)
    this.#ring = larger
    this.#head = 0
  }

  /** The first buffer, whose reference passes. */
  shift(): NetBuf | undefined {
    const block = this.first
    if (block === undefined) return undefined
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.bytes -= block.length
    this.held -= slotOf(block)
    if (--this.count === 0 && this.#ring.length > FEW) this.#ring = []
    return block
  }

  /** Copies `length` bytes from `from`, an absolute position in `u8`, into the last buffer's tailroom, which there must be. */
  fill(u8: Uint8Array, from: number, length: number): void {
    const block = this.at(this.count - 1)
    copy(u8, from, block.u8, block.add(length), length)
    this.bytes += length
  }

  /** Frees the first `bytes` bytes. */
  drop(bytes: number): void {
    while (bytes > 0) {
      const block = this.first
      if (block === undefined) return
      if (bytes < block.length) {
        block.pull(bytes)
        this.bytes -= bytes
        return
      }
      bytes -= block.length
      this.shift()
      block.unref()
    }
  }

  /** Puts all that is in `other` behind the rest; leaves it empty. */
  concat(other: Blocks): void {
    for (let block = other.shift(); block !== undefined; block = other.shift()) this.#push(block)
  }

  /** Frees everything. */
  clear(): void {
    this.drop(this.bytes)
    this.#ring = []
    this.#head = 0
  }
}

/** Bytes of the slot that a fragment stands in. */
export function slotOf(fragment: NetBuf): number {
  return fragment.headroom() + fragment.length + fragment.tailroom()
}

/** Cuts a packet behind its first fragment. Returns the rest with a reference of its own; undefined when there is none. */
export function detach(packet: NetBuf): NetBuf | undefined {
  const rest = packet.next?.ref()
  packet.trim(packet.length)
  return rest
}

/** Bytes up to which a loop is faster than a call. */
const LOOP = 8

/**
 * Copies `length` bytes from `from` in `source` to `to` in `target`. Slots of one chunk, as most are, share their bytes, and those are copied
 * without a view, in half the time (`bench/parts.bench.ts`).
 */
export function copy(source: Uint8Array, from: number, target: Uint8Array, to: number, length: number): void {
  if (length <= LOOP) for (let i = 0; i < length; i++) target[to + i] = source[from + i]!
  else if (source === target) source.copyWithin(to, from, from + length)
  else target.set(from === 0 && length === source.length ? source : source.subarray(from, from + length), to)
}
