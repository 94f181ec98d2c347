/** Memory for packets, shared by all stacks of a realm. */

import type { BufferPool } from '@favonius/contract'
import { Pool, type PoolOptions } from './pool.ts'
import { Slots, slotSizes } from './slots.ts'

/** How much memory an arena may take, and of what kind. */
export interface ArenaOptions {
  /** Bytes taken from the system at a time; 8 MiB unless given, 66 048 (one large slot) at least. */
  readonly chunkSize?: number
  /** The most it takes, in bytes; 64 MiB unless given. */
  readonly limit?: number
  /** False for plain ArrayBuffers and a checksum in JavaScript, as where WebAssembly is missing. True unless given. */
  readonly wasm?: boolean
}

const MIB = 1024 * 1024

/**
 * A list of fixed chunks of memory, up to a limit, from which pools take slots of 256, 2 048 and 66 048 bytes.
 *
 * It takes no memory before the first buffer is allocated, and gives none back: what was carved serves again.
 */
export class Arena {
  /** The most it takes from the system, in bytes. */
  readonly limit: number
  readonly #slots: Slots

  constructor({ chunkSize = 8 * MIB, limit = 64 * MIB, wasm = true }: ArenaOptions = {}) {
    if (!(chunkSize >= slotSizes.large)) throw new RangeError(`chunkSize is ${chunkSize}; one large slot takes ${slotSizes.large} bytes`)
    this.limit = limit
    this.#slots = new Slots({ chunkSize, limit, wasm })
  }

  /** Bytes taken from the system until now. */
  get allocated(): number {
    return this.#slots.allocated
  }

  /** For each size of slot: how many were carved, and how many of them are free. */
  get slots(): readonly { readonly size: number; readonly total: number; readonly free: number }[] {
    return this.#slots.lists.map(({ size, total, free }) => ({ size, total, free }))
  }

  /** A share of it for one stack. */
  pool(options?: PoolOptions): BufferPool {
    return new Pool(this.#slots, options)
  }
}
