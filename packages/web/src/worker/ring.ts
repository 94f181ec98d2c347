/**
 * A queue of messages in shared memory, with one writer and one reader, each in a thread of its own. A message is a head of text and a body of bytes:
 *
 * ```text
 *   | head's length, 4 | body's length, 4 | head | body | up to 3, so that the next begins at a whole word |
 * ```
 *
 * Who finds it empty or full goes on when the other rings: `write` and `read` say when to. How a bell is rung is not known here.
 */

import { failure } from '@favonius/inet'

/** Bytes that wait at most; a power of two, and more than the largest message has: 64 KiB of a stream, or a datagram, and a head. */
const SIZE = 262_144
const LENGTHS = 8
/** Places of the state: bytes written and read, modulo 2³²; whether the reader reads, and whether the writer waits for room. */
const [WRITTEN, READ, AWAKE, FULL] = [0, 1, 2, 3] as const
const STATE = 16

/** Bytes of shared memory that a ring takes. */
export const RING = STATE + SIZE

/** A message that was read. */
export interface RingMessage {
  readonly head: Uint8Array
  readonly body: Uint8Array
}

/** Where in the memory, as an array of words, a count of bytes stands. */
const word = (at: number): number => (at & SIZE - 1) >>> 2

const lengthOf = (head: number, body: number): number => LENGTHS + Math.ceil((head + body) / 4) * 4

export class Ring {
  readonly #state: Int32Array
  readonly #bytes: Uint8Array
  readonly #words: Int32Array

  constructor(memory: SharedArrayBuffer, offset: number) {
    this.#state = new Int32Array(memory, offset, STATE / 4)
    this.#bytes = new Uint8Array(memory, offset + STATE, SIZE)
    this.#words = new Int32Array(memory, offset + STATE, SIZE / 4)
  }

  // ---- the writer's ----

  /** Writes a message whole. False when there is no room: `hasMadeRoom` is true over there as soon as there is some. */
  write(head: Uint8Array, body: Uint8Array): boolean {
    const length = lengthOf(head.length, body.length)
    if (length > SIZE) throw failure('EMSGSIZE', `a message of ${length} bytes is more than a ring holds (${SIZE})`)
    if (this.#room() < length) {
      Atomics.store(this.#state, FULL, 1)
      // It may have been read in between, and then nobody rings.
      if (this.#room() < length) return false
      Atomics.store(this.#state, FULL, 0)
    }
    const written = this.#state[WRITTEN]!
    this.#words[word(written)] = head.length
    this.#words[word(written + 4)] = body.length
    this.#put(head, written + LENGTHS)
    this.#put(body, written + LENGTHS + head.length)
    Atomics.store(this.#state, WRITTEN, written + length | 0)
    return true
  }

  /** Whether the reader had gone to sleep, and is to be rung for; once for each time. */
  wakesReader(): boolean {
    return Atomics.exchange(this.#state, AWAKE, 1) === 0
  }

  #room(): number {
    return SIZE - (this.#state[WRITTEN]! - Atomics.load(this.#state, READ) >>> 0)
  }

  #put(from: Uint8Array, at: number): void {
    const begin = at & SIZE - 1
    const first = Math.min(from.length, SIZE - begin)
    this.#bytes.set(from.subarray(0, first), begin)
    this.#bytes.set(from.subarray(first), 0)
  }

  // ---- the reader's ----

  /** The next message, copied. Undefined when there is none; `sleep` then says whether that stays so. `broken` when what is there is no message: it is passed over. */
  read(): RingMessage | 'broken' | undefined {
    const read = this.#state[READ]!
    const waits = Atomics.load(this.#state, WRITTEN) - read >>> 0
    if (waits === 0) return undefined
    const head = this.#words[word(read)]! >>> 0
    const body = this.#words[word(read + 4)]! >>> 0
    const length = lengthOf(head, body)
    if (waits > SIZE || length > waits) {
      Atomics.store(this.#state, READ, read + waits | 0)
      return 'broken'
    }
    const message = { head: this.#take(read + LENGTHS, head), body: this.#take(read + LENGTHS + head, body) }
    Atomics.store(this.#state, READ, read + length | 0)
    return message
  }

  /** Nothing is there: true when the writer rings for the next. False when something came in between, and is to be read. */
  sleep(): boolean {
    Atomics.store(this.#state, AWAKE, 0)
    const empty = Atomics.load(this.#state, WRITTEN) === this.#state[READ]
    // The writer who wrote in between may have woken us already.
    return empty || Atomics.exchange(this.#state, AWAKE, 1) === 1
  }

  /** Whether the writer waits for the room that was made, and is to be rung for; once for each time. */
  hasMadeRoom(): boolean {
    return Atomics.exchange(this.#state, FULL, 0) === 1
  }

  #take(at: number, length: number): Uint8Array {
    const begin = at & SIZE - 1
    if (begin + length <= SIZE) return this.#bytes.slice(begin, begin + length)
    const taken = new Uint8Array(length)
    taken.set(this.#bytes.subarray(begin))
    taken.set(this.#bytes.subarray(0, begin + length - SIZE), SIZE - begin)
    return taken
  }
}
