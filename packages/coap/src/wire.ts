/**
 * CoAP messages: RFC 7252 §3. Read §3.1 before touching options.
 *
 * A `Message` reads in place: it holds positions in bytes that it was shown, and copies nothing until it is asked to. A `Writer` writes into bytes
 * that it is given, options in order. Neither makes an object for an option.
 */

import { failure } from '@favonius/inet'

/** Bytes before the token. */
export const HEADER = 4
/** RFC 7252 §3: bytes of the longest token. */
export const MAX_TOKEN = 8

/** `0.01`, `2.05`, as the RFC writes them. */
export const codeText = (code: number): string => `${code >> 5}.${String(code & 31).padStart(2, '0')}`

const decoder = /* @__PURE__ */ new TextDecoder()
const encoder = /* @__PURE__ */ new TextEncoder()
const NOTHING = /* @__PURE__ */ new Uint8Array(0)

/** A message, read in place. One may be shown one datagram after the other. */
export class Message {
  u8: Uint8Array = NOTHING
  type = 0
  code = 0
  id = 0
  /** What carries it loses nothing, and has messages of any length (RFC 8323). */
  reliable = false
  tokenAt = 0
  tokenLength = 0
  /** Where the payload begins; the end when there is none. */
  payloadAt = 0
  /** The option at the cursor: its number, where its value begins, and the value's length. */
  number = 0
  at = 0
  length = 0
  #optionsAt = 0
  #next = 0
  #end = 0

  /** Reads a datagram (RFC 7252 §3); undefined when it is a message, otherwise why it is none. Type, code and id are read where there is a header. */
  read(u8: Uint8Array): string | undefined {
    this.u8 = u8
    const first = u8[0]!
    if (u8.length < HEADER) return 'shorter than a header'
    if (first >> 6 !== 1) return 'another version'
    this.type = (first >> 4) & 3
    this.code = u8[1]!
    this.id = (u8[2]! << 8) | u8[3]!
    if (this.code === 0 && (u8.length > HEADER || (first & 15) > 0)) return 'an empty message that is none'
    return this.readFrom(HEADER, first & 15)
  }

  /** Reads what follows a header: a token of so many bytes, options and payload. */
  readFrom(at: number, tokenLength: number): string | undefined {
    const { u8 } = this
    const end = u8.length
    this.tokenAt = at
    this.tokenLength = tokenLength
    if (tokenLength > MAX_TOKEN) return 'a token of over 8 bytes'
    at += tokenLength
    if (at > end) return 'a token runs past the end'
    this.#optionsAt = at
    this.#end = this.payloadAt = end
    let number = 0
    while (at < end) {
      const byte = u8[at++]!
      if (byte === 0xff) {
        if (at === end) return 'a payload of no bytes'
        this.#end = at - 1
        this.payloadAt = at
        break
      }
      let delta = byte >> 4
      let length = byte & 15
      if (delta === 15 || length === 15) return 'an option delta or length of 15'
      if (delta > 12) delta = delta === 13 ? 13 + u8[at++]! : 269 + (u8[at++]! << 8) + u8[at++]!
      if (length > 12) length = length === 13 ? 13 + u8[at++]! : 269 + (u8[at++]! << 8) + u8[at++]!
      number += delta
      at += length
      // Negated, for what was read past the end is not a number.
      if (!(at <= end && number <= 0xffff)) return 'an option runs past the end'
    }
    this.rewind()
    return undefined
  }

  // ---- options ----

  /** Puts the cursor before the first option. */
  rewind(): void {
    this.number = 0
    this.#next = this.#optionsAt
  }

  /** Moves the cursor to the next option; false behind the last one. */
  next(): boolean {
    let at = this.#next
    if (at >= this.#end) return false
    const { u8 } = this
    const byte = u8[at++]!
    let delta = byte >> 4
    let length = byte & 15
    if (delta > 12) delta = delta === 13 ? 13 + u8[at++]! : 269 + (u8[at++]! << 8) + u8[at++]!
    if (length > 12) length = length === 13 ? 13 + u8[at++]! : 269 + (u8[at++]! << 8) + u8[at++]!
    this.number += delta
    this.at = at
    this.length = length
    this.#next = at + length
    return true
  }

  /** Moves the cursor to the first option of this number; false when there is none. */
  find(number: number): boolean {
    this.rewind()
    while (this.next()) if (this.number >= number) return this.number === number
    return false
  }

  /** The value at the cursor, as bytes; borrowed. */
  value(): Uint8Array {
    return this.u8.subarray(this.at, this.at + this.length)
  }

  /** The value at the cursor, as a number (RFC 7252 §3.2): of more than six bytes it makes no sense. */
  valueUint(): number {
    let value = 0
    for (let at = this.at, end = at + this.length; at < end; at++) value = value * 256 + this.u8[at]!
    return value
  }

  /** The value at the cursor, as text. */
  valueText(): string {
    return textOf(this.u8, this.at, this.at + this.length)
  }

  /** The first option of this number, as a number; undefined when there is none, or when it has more than four bytes. */
  uint(number: number): number | undefined {
    return this.find(number) && this.length <= 4 ? this.valueUint() : undefined
  }

  text(number: number): string | undefined {
    return this.find(number) ? this.valueText() : undefined
  }

  /** All options of this number, as texts. */
  texts(number: number): string[] {
    const all: string[] = []
    for (let found = this.find(number); found && this.number === number; found = this.next()) all.push(this.valueText())
    return all
  }

  /** The first option of this number; borrowed. */
  bytes(number: number): Uint8Array | undefined {
    return this.find(number) ? this.value() : undefined
  }

  // ---- the rest ----

  /** Borrowed. */
  get token(): Uint8Array {
    return this.u8.subarray(this.tokenAt, this.tokenAt + this.tokenLength)
  }

  /** Borrowed; of no bytes when there is none. */
  get payload(): Uint8Array {
    return this.u8.subarray(this.payloadAt)
  }

  /** A copy with bytes of its own. */
  own(): Message {
    const copy = new Message()
    copy.type = this.type
    copy.code = this.code
    copy.id = this.id
    copy.reliable = this.reliable
    copy.u8 = new Uint8Array(this.u8)
    copy.readFrom(this.tokenAt, this.tokenLength)
    return copy
  }
}

/** Text is ASCII more often than not, and then needs no decoder. */
export function textOf(u8: Uint8Array, at = 0, end = u8.length): string {
  if (end - at > 24) return decoder.decode(u8.subarray(at, end))
  let text = ''
  for (let i = at; i < end; i++) {
    const byte = u8[i]!
    if (byte > 0x7f) return decoder.decode(u8.subarray(at, end))
    text += String.fromCharCode(byte)
  }
  return text
}

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
export const uintLength = (value: number): number => (value === 0 ? 0 : value < 0x100 ? 1 : value < 0x1_0000 ? 2 : value < 0x100_0000 ? 3 : 4)

/** A number below 2³², as a token or a tag. */
export const fourBytes = (number: number): Uint8Array => Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number)

/** Writes messages. What does not fit is lost, and noticed at the end. */
export class Writer {
  u8: Uint8Array = NOTHING
  at = 0
  #last = 0

  /** Begins a datagram at the beginning of `into`. */
  begin(into: Uint8Array, type: number, code: number, id: number, token: Uint8Array = NOTHING): this {
    into[0] = 0x40 | (type << 4) | token.length
    into[1] = code
    into[2] = id >>> 8
    into[3] = id
    return this.beginAt(into, HEADER, token)
  }

  /** Begins behind a header. */
  beginAt(into: Uint8Array, at: number, token: Uint8Array): this {
    this.u8 = into
    this.at = at
    this.#last = 0
    for (let i = 0; i < token.length; i++) into[this.at++] = token[i]!
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

  /** Writes the payload, if there is any, and returns the message's length. Throws EMSGSIZE when it did not fit. */
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

  /** Options of a draft, in order, and its payload; returns the message's length. */
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
/** Most messages fit. They are copied out of it: a short array of its own lies in V8's heap, until a view of it is made. */
const scratch = /* @__PURE__ */ new Uint8Array(1500)

/** A datagram, in bytes of its own. */
export function emit(type: number, id: number, token: Uint8Array, draft: Draft): Uint8Array {
  const room = HEADER + token.length + roomFor(draft)
  const into = room > scratch.length ? new Uint8Array(room) : scratch
  return into.slice(0, writer.begin(into, type, draft.code, id, token).draft(draft))
}
