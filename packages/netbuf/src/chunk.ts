/** A fixed run of memory that slots are carved from, and the sum function that goes with it. */

import { bind, type Sum } from './checksum.ts'

/** WebAssembly's unit of memory. */
const WASM_PAGE = 65_536

/**
 * Never grows: every view of a buffer that can be resized costs engines an order of magnitude, and slows down whatever
 * function has seen one. The operating system gives it real memory as it is first written.
 */
export class Chunk {
  readonly u8: Uint8Array<ArrayBuffer>
  readonly dv: DataView<ArrayBuffer>
  /** Undefined where the memory is a plain ArrayBuffer. */
  readonly simd: Sum | undefined
  #carved = 0

  /** Throws RangeError when the system has no such memory; a WebAssembly memory that is refused becomes an ArrayBuffer. */
  constructor(size: number, module: WebAssembly.Module | undefined) {
    let buffer: ArrayBuffer | undefined
    if (module) {
      try {
        const pages = Math.ceil(size / WASM_PAGE)
        const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
        this.simd = bind(module, memory)
        buffer = memory.buffer
      } catch {
        // As where WebAssembly is missing.
      }
    }
    buffer ??= new ArrayBuffer(size)
    this.u8 = new Uint8Array(buffer)
    this.dv = new DataView(buffer)
  }

  /** Where the next `size` bytes that nobody has yet begin, or −1 when there are not as many left. */
  carve(size: number): number {
    const at = this.#carved
    if (at + size > this.u8.length) return -1
    this.#carved += size
    return at
  }
}
