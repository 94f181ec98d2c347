/** Messages in a stream: RFC 8323 §3.2. No type and no id: what carries them is reliable; a length instead. */

import type { Malformed } from '@favonius/contract'
import { roomFor, Writer, type Draft, type Message } from '../wire.ts'
import type { FrameReader, Framing } from './framing.ts'
import * as TYPE from '../types.ts'

/** RFC 8323 §5: messages about the connection. */
export const SIGNAL = { CSM: 0xe1, PING: 0xe2, PONG: 0xe3, RELEASE: 0xe4, ABORT: 0xe5 } as const
/** RFC 8323 §5.3.1 and §5.3.2: options of a CSM. */
export const MAX_MESSAGE_SIZE = 2
export const BLOCK_WISE_TRANSFER = 4
/** RFC 8323 §5.3.1: bytes of the largest message, where nothing is said. */
export const BASE_SIZE = 1152

/** Bytes before the token at most: a length of 1 + 4 bytes, and the code. */
const HEADER = 6
const writer = /* @__PURE__ */ new Writer()

/** A message, as it stands in a stream, in bytes of its own. */
export function emitFrame(token: Uint8Array, draft: Draft): Uint8Array<ArrayBuffer> {
  const into = new Uint8Array(HEADER + token.length + roomFor(draft))
  const end = writer.beginAt(into, HEADER, token).draft(draft)
  const length = end - HEADER - token.length
  // From the back: the code, and the length before it.
  let at = HEADER - 1
  into[at] = draft.code
  const extended = length < 13 ? 0 : length < 269 ? 1 : length < 65_805 ? 2 : 4
  let rest = length - [0, 13, 269, 0, 65_805][extended]!
  for (let i = 0; i < extended; i++) {
    into[--at] = rest
    rest >>>= 8
  }
  into[--at] = ((extended === 0 ? length : extended === 4 ? 15 : 12 + extended) << 4) | token.length
  return into.subarray(at, end)
}

/** Puts messages together from what comes in pieces. */
export class Deframer implements FrameReader {
  readonly #limit: number
  /** What came of a message whose length is not known yet, or is. */
  #have = new Uint8Array(0)
  #length = 0
  #wanted = 0

  /** A message of more than `limit` bytes is malformed. */
  constructor(limit: number) {
    this.#limit = limit
  }

  take(chunk: Uint8Array, message: Message, each: () => boolean): Malformed | undefined {
    let from = 0
    while (from < chunk.length) {
      if (this.#wanted === 0) {
        // Byte by byte until the header says how long it is: it has six at most.
        const header = new Uint8Array(this.#length + 1)
        header.set(this.#have.subarray(0, this.#length))
        header[this.#length] = chunk[from++]!
        this.#have = header
        this.#length++
        const total = totalOf(header)
        if (total === undefined) continue
        if (total > this.#limit) return { malformed: `a message of ${total} bytes, which is more than ${this.#limit}` }
        this.#wanted = total
        this.#have = new Uint8Array(total)
        this.#have.set(header)
      }
      const part = chunk.subarray(from, from + this.#wanted - this.#length)
      this.#have.set(part, this.#length)
      this.#length += part.length
      from += part.length
      if (this.#length < this.#wanted) continue
      const frame = this.#have
      this.#have = new Uint8Array(0)
      this.#length = this.#wanted = 0
      const malformed = readFrame(frame, message)
      if (malformed !== undefined) return { malformed }
      if (!each()) return undefined
    }
    return undefined
  }
}

export const inStreams: Framing = { emit: emitFrame, reader: (limit) => new Deframer(limit) }

const extendedOf = (first: number): number => [1, 2, 4][(first >> 4) - 13] ?? 0

/** Bytes of a message, when so much of its header has come as says so, the code included. */
function totalOf(header: Uint8Array): number | undefined {
  const first = header[0]!
  const extended = extendedOf(first)
  if (header.length < 2 + extended) return undefined
  let length = first >> 4
  if (extended > 0) {
    length = 0
    for (let i = 1; i <= extended; i++) length = length * 256 + header[i]!
    length += extended === 1 ? 13 : extended === 2 ? 269 : 65_805
  }
  return 2 + extended + (first & 15) + length
}

/** Reads one message, all of it; says why it is none. */
export function readFrame(frame: Uint8Array, message: Message): string | undefined {
  if (frame.length < 2 || totalOf(frame) !== frame.length) return 'a length that is another'
  const extended = extendedOf(frame[0]!)
  message.u8 = frame
  message.type = TYPE.NONE
  message.id = 0
  message.code = frame[1 + extended]!
  return message.readFrom(2 + extended, frame[0]! & 15)
}
