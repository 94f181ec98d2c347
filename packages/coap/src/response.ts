/** Responses for people. */

import type { Endpoint } from '@favonius/contract'
import * as OPTION from './numbers.ts'
import * as FORMAT from './formats.ts'
import { textOf } from './text.ts'
import { codeText, type Message } from './wire.ts'

/** What a server answered. */
export class CoapResponse {
  /** Who answered. */
  readonly from: Endpoint
  /** The message, of several the first. Its bytes stand beside those of others: their buffer is not to be transferred. */
  readonly message: Message
  #payload?: Uint8Array | undefined
  readonly #rest: AsyncIterable<Uint8Array> | undefined

  constructor(message: Message, from: Endpoint, payload?: Uint8Array, rest?: AsyncIterable<Uint8Array>) {
    this.message = message
    this.from = from
    this.#payload = payload
    this.#rest = rest
  }

  /** Class times 32, and detail: `CODE.CONTENT`. 0 when the request said that nothing is to be answered (RFC 7967). */
  get code(): number {
    return this.message.code
  }

  /** `2.05`. */
  get status(): string {
    return codeText(this.code)
  }

  /** The request was understood and done (RFC 7252 §5.9.1). */
  get ok(): boolean {
    return this.code >> 5 === 2
  }

  /** The body: all of it, or its first block when the request said `stream`. */
  get payload(): Uint8Array {
    return this.#payload ??= this.message.payload.slice()
  }

  get text(): string {
    return textOf(this.payload)
  }

  /** Of a body in JSON. Throws SyntaxError when it is none. */
  json(): unknown {
    return JSON.parse(this.text)
  }

  /** The body block by block: each is fetched when it is asked for (RFC 7959), when the request said `stream`. */
  async * body(): AsyncGenerator<Uint8Array> {
    yield this.payload
    if (this.#rest !== undefined) yield* this.#rest
  }

  /** Of a response that says none, text (RFC 7252 §5.5.2). */
  get contentFormat(): number {
    return this.message.uint(OPTION.CONTENT_FORMAT) ?? FORMAT.TEXT
  }

  /** Seconds for which it is fresh; 60 unless it says so (RFC 7252 §5.10.5). */
  get maxAge(): number {
    return this.message.uint(OPTION.MAX_AGE) ?? 60
  }

  get etag(): Uint8Array | undefined {
    return this.message.bytes(OPTION.ETAG)
  }

  /** The path of what was created. */
  get location(): readonly string[] {
    return this.message.texts(OPTION.LOCATION_PATH)
  }

  /** The number of a notification; undefined for what is none (RFC 7641 §2). */
  get observe(): number | undefined {
    return this.message.uint(OPTION.OBSERVE)
  }
}
