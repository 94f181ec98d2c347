/** Slots of three sizes, carved from chunks as they are first needed, and the free lists they return to. */

import { compile } from './checksum.ts'
import { Chunk } from './chunk.ts'
import type { Pool } from './pool.ts'
import { Slot } from './slot.ts'

/**
 * Bytes of a slot: for control messages and what waits in queues, for a frame of an ordinary link, for the largest IP
 * packet with 512 bytes for headers.
 */
export const slotSizes = { small: 256, medium: 2048, large: 65_536 + 512 } as const

/** Slots of one size: last in, first out, so that the one handed out next is the one most likely still cached. */
export class FreeList {
  readonly size: number
  /** The list that serves when this one has nothing left. */
  readonly larger: FreeList | undefined
  /** Slots that were carved. */
  total = 0
  /** Of those, the ones that nobody holds. */
  free = 0
  #top: Slot | undefined
  /** The page that slots are carved from, and what is not carved yet. */
  #page: Chunk | undefined
  #from = 0
  #to = 0

  constructor(size: number, larger: FreeList | undefined) {
    this.size = size
    this.larger = larger
  }

  take(): Slot | undefined {
    const slot = this.#top
    if (slot === undefined) return undefined
    this.#top = slot.below
    slot.below = undefined
    this.free--
    return slot
  }

  give(slot: Slot): void {
    slot.below = this.#top
    this.#top = slot
    this.free++
  }

  /** A slot that was never used, from the rest of the page. */
  carve(pool: Pool): Slot | undefined {
    if (this.#page === undefined || this.#from + this.size > this.#to) return undefined
    const slot = new Slot(this.#page, this.#from, this, pool)
    this.#from += this.size
    this.total++
    return slot
  }

  /** Goes on with a new page. */
  turn(page: Chunk, at: number): void {
    this.#page = page
    this.#from = at
    this.#to = at + slotSizes.large
  }
}

/** How large an arena's chunks are and how many there may be. */
export interface SlotsOptions {
  readonly chunkSize: number
  readonly limit: number
  readonly wasm: boolean
}

/** All slots of an arena. A page is one large slot, or 32 medium ones, or 258 small ones. */
export class Slots {
  readonly #options: SlotsOptions
  readonly #large = new FreeList(slotSizes.large, undefined)
  readonly #medium = new FreeList(slotSizes.medium, this.#large)
  readonly #small = new FreeList(slotSizes.small, this.#medium)
  readonly lists: readonly FreeList[] = [this.#small, this.#medium, this.#large]
  #chunk: Chunk | undefined
  #module: WebAssembly.Module | undefined
  /** Bytes of the chunks that were made. */
  allocated = 0
  /** The limit is reached, or the system has refused. */
  #full = false

  constructor(options: SlotsOptions) {
    this.#options = options
  }

  /** A slot for `need` bytes, at most those of a large one; undefined when there is none. */
  take(need: number, pool: Pool): Slot | undefined {
    const list = need <= slotSizes.small ? this.#small : need <= slotSizes.medium ? this.#medium : this.#large
    return list.take() ?? this.#find(list, pool)
  }

  /** The slow way: a slot carved anew, or a larger one. */
  #find(list: FreeList, pool: Pool): Slot | undefined {
    const slot = list.carve(pool)
    if (slot) return slot
    if (this.#turn(list)) return list.carve(pool)
    for (let larger = list.larger; larger; larger = larger.larger) {
      const slot = larger.take() ?? larger.carve(pool)
      if (slot) return slot
    }
    return undefined
  }

  /** Gives `list` a new page. False when there is none. */
  #turn(list: FreeList): boolean {
    let at = this.#chunk?.carve(slotSizes.large) ?? -1
    if (at < 0) {
      if (!this.#extend()) return false
      at = this.#chunk!.carve(slotSizes.large)
    }
    list.turn(this.#chunk!, at)
    return true
  }

  #extend(): boolean {
    const { chunkSize, limit, wasm } = this.#options
    if (this.#full || this.allocated + chunkSize > limit) return false
    try {
      if (wasm) this.#module ??= compile()
      this.#chunk = new Chunk(chunkSize, this.#module)
    } catch {
      this.#full = true
      return false
    }
    this.allocated += chunkSize
    return true
  }
}
