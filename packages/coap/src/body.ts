/** Bodies that are sent: bytes, or pieces as they come. */

import type { Part } from './blocks.ts'
import { NOTHING } from './message.ts'
import { toBytes } from './text.ts'

/** A body. */
export type Payload = string | Uint8Array | AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>


/** The body when it is all there, undefined when it comes in pieces. */
export const wholeOf = (payload: Payload | undefined): Uint8Array | undefined =>
  payload === undefined ? NOTHING : typeof payload === 'string' || payload instanceof Uint8Array ? toBytes(payload) : undefined

export const join = (pieces: readonly Uint8Array[]): Uint8Array => {
  let length = 0
  for (const piece of pieces) length += piece.length
  const all = new Uint8Array(length)
  length = 0
  for (const piece of pieces) {
    all.set(piece, length)
    length += piece.length
  }
  return all
}

/** Pieces of any size, in blocks of the sizes that are asked for. */
export class Pieces {
  readonly #from: AsyncIterator<Uint8Array | string> | Iterator<Uint8Array | string>
  #have: Uint8Array = NOTHING
  #over = false

  constructor(payload: Exclude<Payload, string | Uint8Array>) {
    this.#from = Symbol.asyncIterator in payload ? payload[Symbol.asyncIterator]() : payload[Symbol.iterator]()
  }

  /** Brings so many bytes here, fewer at the end alone. */
  async fill(size: number): Promise<void> {
    const pieces = [this.#have]
    let length = this.#have.length
    // One byte more, to know whether there is one.
    while (!this.#over && length <= size) {
      const { done, value } = await this.#from.next()
      if (done === true) this.#over = true
      else {
        const bytes = toBytes(value)
        pieces.push(bytes)
        length += bytes.length
      }
    }
    if (pieces.length > 1) this.#have = join(pieces)
  }

  /** The first `size` bytes of what is here, and whether more follow. They stay until `drop`. */
  part(size: number): Part {
    return { bytes: this.#have.subarray(0, size), more: this.#have.length > size }
  }

  drop(length: number): void {
    this.#have = this.#have.subarray(length)
  }

  /** Whoever makes them need make no more. */
  async close(): Promise<void> {
    if (!this.#over) await this.#from.return?.()
    this.#over = true
  }
}
