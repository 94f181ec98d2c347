/** Writes messages: RFC 7252 §3. Read §3.1 before touching options. */

import { failure } from '@favonius/inet'
import { HEADER, NOTHING } from './message.ts'
import * as sheet from './sheet.ts'
import { encoder } from './text.ts'

/** What an option may be given as: bytes, text in UTF-8, or a number in as few bytes as it needs. */
export type OptionValue = Uint8Array | string | number

/** An option to be written. */
export type Option = readonly [number: number, value: OptionValue]

/** What a message says, without what the layer that sends it decides: type, id and token. */
export interface Draft {
  readonly code: number
  /** In any order; those of one number stay in theirs. */
  readonly options?: readonly Option[] | undefined
  readonly payload?: Uint8Array | undefined
}

/** Bytes of an unsigned number (RFC 7252 §3.2). */
export const uintLength = (value: number): number => (39 - Math.clz32(value)) >> 3

/** A number below 2³², as a token or a tag. */
export function fourBytes(number: number): Uint8Array {
  const bytes = new Uint8Array(4)
  for (let i = 3; i >= 0; i--, number >>>= 8) bytes[i] = number
  return bytes
}

/** Writes messages. What does not fit is lost, and noticed at the end. */
export class Writer {
  u8: Uint8Array = NOTHING
  at = 0
  #last = 0

  /** Begins a datagram, at the beginning of `into` unless told otherwise. */
  begin(into: Uint8Array, type: number, code: number, id: number, token: Uint8Array = NOTHING, at = 0): this {
    into[at] = 0x40 | (type << 4) | token.length
    into[at + 1] = code
    into[at + 2] = id >>> 8
    into[at + 3] = id
    return this.beginAt(into, at + HEADER, token)
  }

  /** Begins behind a header. */
  beginAt(into: Uint8Array, at: number, token: Uint8Array): this {
    this.u8 = into
    this.at = at
    this.#last = 0
    this.#put(token)
    return this
  }

  #head(number: number, length: number): void {
    const delta = number - this.#last
    if (delta < 0) throw failure('EINVAL', `option ${number} behind ${this.#last}: write them in order`)
    this.#last = number
    const { u8 } = this
    let at = this.at
    u8[at++] = ((delta < 13 ? delta : delta < 269 ? 13 : 14) << 4) | (length < 13 ? length : length < 269 ? 13 : 14)
    if (delta >= 269) u8[at++] = (delta - 269) >>> 8
    if (delta >= 13) u8[at++] = delta < 269 ? delta - 13 : delta - 269
    if (length >= 269) u8[at++] = (length - 269) >>> 8
    if (length >= 13) u8[at++] = length < 269 ? length - 13 : length - 269
    this.at = at
  }

  /** Options are written in order of their numbers. Throws EINVAL when they are not. */
  bytes(number: number, value: Uint8Array): this {
    this.#head(number, value.length)
    this.#put(value)
    return this
  }

  /** 0 … 2³²−1, in as few bytes as it needs. */
  uint(number: number, value: number): this {
    const length = uintLength(value)
    this.#head(number, length)
    for (let shift = (length - 1) * 8; shift >= 0; shift -= 8) this.u8[this.at++] = value >>> shift
    return this
  }

  text(number: number, value: string): this {
    const { u8, at } = this
    const last = this.#last
    this.#head(number, value.length)
    let end = this.at
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code > 0x7f) {
        // Not ASCII: again, in bytes.
        this.at = at
        this.#last = last
        return this.bytes(number, encoder.encode(value))
      }
      u8[end++] = code
    }
    this.at = end
    return this
  }

  option(number: number, value: OptionValue): this {
    return typeof value === 'number' ? this.uint(number, value) : typeof value === 'string' ? this.text(number, value) : this.bytes(number, value)
  }

  /** Writes the payload, if there is any, and returns where the message ends. Throws EMSGSIZE when it did not fit. */
  end(payload: Uint8Array = NOTHING): number {
    if (payload.length > 0) {
      this.u8[this.at++] = 0xff
      this.#put(payload)
    }
    if (this.at > this.u8.length) throw failure('EMSGSIZE', `${this.at} bytes, and room for ${this.u8.length}`)
    return this.at
  }

  #put(value: Uint8Array): void {
    const { u8, at } = this
    if (value.length < 32) for (let i = 0; i < value.length; i++) u8[at + i] = value[i]!
    // `set` alone would throw a RangeError where other writes are lost.
    else if (at + value.length <= u8.length) u8.set(value, at)
    this.at = at + value.length
  }

  /** Options of a draft, in order, and its payload; returns where the message ends. */
  draft({ options, payload }: Draft): number {
    if (options !== undefined) for (const [number, value] of inOrder(options)) this.option(number, value)
    return this.end(payload)
  }
}

function inOrder(options: readonly Option[]): readonly Option[] {
  for (let i = 1; i < options.length; i++) if (options[i]![0] < options[i - 1]![0]) return [...options].sort(([a], [b]) => a - b)
  return options
}

/** As many bytes as a draft may need, behind its token. */
export function roomFor({ options, payload }: Draft): number {
  let room = payload === undefined ? 0 : payload.length + 1
  // A character has three bytes of UTF-8 at most.
  if (options !== undefined) for (const [, value] of options) room += 5 + (typeof value === 'number' ? 4 : typeof value === 'string' ? value.length * 3 : value.length)
  return room
}

const writer = /* @__PURE__ */ new Writer()

/** A datagram, in bytes of its own. */
export function emit(type: number, id: number, token: Uint8Array, draft: Draft): Uint8Array {
  sheet.reserve(HEADER + token.length + roomFor(draft))
  return sheet.take(writer.begin(sheet.u8, type, draft.code, id, token, sheet.at).draft(draft))
}

/** An empty message (RFC 7252 §4.1). */
export const emptyMessage = (type: number, id: number): Uint8Array => emit(type, id, NOTHING, { code: 0 })
