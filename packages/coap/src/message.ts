/** Reads messages: RFC 7252 §3. Read §3.1 before touching options. */

import * as sheet from './sheet.ts'
import { textOf } from './text.ts'

/** Bytes before the token. */
export const HEADER = 4
/** RFC 7252 §3: bytes of the longest token. */
export const MAX_TOKEN = 8

/** `0.01`, `2.05`, as the RFC writes them. */
export const codeText = (code: number): string => `${code >> 5}.${String(code & 31).padStart(2, '0')}`

export const NOTHING = /* @__PURE__ */ new Uint8Array(0)

/** A message, read in place. One may be shown one datagram after the other. */
export class Message {
  u8: Uint8Array = NOTHING
  /** `TYPE.CON`… */
  type = 0
  code = 0
  id = 0
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
    if (u8.length < HEADER) return 'a short header'
    if (first >> 6 !== 1) return 'another version'
    this.type = (first >> 4) & 3
    this.code = u8[1]!
    this.id = (u8[2]! << 8) | u8[3]!
    if (this.code === 0 && (u8.length > HEADER || (first & 15) > 0)) return 'a long empty message'
    return this.readFrom(HEADER, first & 15)
  }

  /** Reads what follows a header: a token of so many bytes, options and payload. */
  readFrom(at: number, tokenLength: number): string | undefined {
    const { u8 } = this
    const end = u8.length
    this.tokenAt = at
    this.tokenLength = tokenLength
    if (tokenLength > MAX_TOKEN) return 'a long token'
    at += tokenLength
    if (at > end) return 'a short token'
    this.#optionsAt = at
    this.#end = this.payloadAt = end
    let number = 0
    while (at < end) {
      const byte = u8[at++]!
      if (byte === 0xff) {
        if (at === end) return 'a short payload'
        this.#end = at - 1
        this.payloadAt = at
        break
      }
      let delta = byte >> 4
      let length = byte & 15
      if (delta === 15 || length === 15) return 'an option of 15'
      if (delta > 12) delta = delta === 13 ? 13 + u8[at++]! : 269 + (u8[at++]! << 8) + u8[at++]!
      if (length > 12) length = length === 13 ? 13 + u8[at++]! : 269 + (u8[at++]! << 8) + u8[at++]!
      number += delta
      at += length
      // Negated, for what was read past the end is not a number.
      if (!(at <= end && number <= 0xffff)) return 'a short option'
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
    return uintAt(this.u8, this.at, this.length)
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

  /** The token as a number, when it has four bytes; −1 otherwise. */
  get tokenUint(): number {
    return this.tokenLength === 4 ? uintAt(this.u8, this.tokenAt, 4) : -1
  }

  /** Borrowed; of no bytes when there is none. */
  get payload(): Uint8Array {
    return this.u8.subarray(this.payloadAt)
  }

  /** A copy with bytes of its own; they stand on a sheet with those of others. */
  own(): Message {
    const copy = new Message()
    const { length } = this.u8
    sheet.reserve(length)
    sheet.u8.set(this.u8, sheet.at)
    copy.u8 = sheet.take(sheet.at + length)
    copy.type = this.type
    copy.code = this.code
    copy.id = this.id
    copy.readFrom(this.tokenAt, this.tokenLength)
    return copy
  }
}

function uintAt(u8: Uint8Array, at: number, length: number): number {
  let value = 0
  for (const end = at + length; at < end; at++) value = value * 256 + u8[at]!
  return value
}
