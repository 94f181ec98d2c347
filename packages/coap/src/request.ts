/** Requests and replies, for handlers. */

import type { Endpoint } from '@favonius/contract'
import type { Block } from './blocks.ts'
import type { Payload } from './body.ts'
import * as OPTION from './numbers.ts'
import { textOf } from './text.ts'
import type { Message, Option } from './wire.ts'

/** What is asked. */
export class CoapRequest {
  readonly from: Endpoint
  /** It was sent to a group: what is no news for whoever asked need not be answered (RFC 7252 §8.2). */
  readonly multicast: boolean
  /** The message, of several the last. Its bytes stand beside those of others: their buffer is not to be transferred. */
  readonly message: Message
  /** Where the payload belongs, when it is one of several blocks (`each`). */
  readonly block: Block | undefined
  readonly #body: AsyncIterable<Uint8Array> | undefined
  #payload: Uint8Array | undefined
  #path: readonly string[] | undefined

  constructor(message: Message, from: Endpoint, multicast: boolean, payload?: Uint8Array, block?: Block, body?: AsyncIterable<Uint8Array>) {
    this.message = message
    this.from = from
    this.multicast = multicast
    this.#payload = payload
    this.block = block
    this.#body = body
  }

  /** `CODE.GET`. */
  get code(): number {
    return this.message.code
  }

  /** `['sensors', 'temperature']`. */
  get path(): readonly string[] {
    return this.#path ??= this.message.texts(OPTION.URI_PATH)
  }

  /** `['a=1', 'b']`. */
  get query(): readonly string[] {
    return this.message.texts(OPTION.URI_QUERY)
  }

  /** The body: all of it; nothing where the resource takes a `stream`, and one block where it takes `each`. Not to be written to: an observer's is read with each change. */
  get payload(): Uint8Array {
    return this.#payload ??= this.message.payload.slice()
  }

  get text(): string {
    return textOf(this.payload)
  }

  /** The body piece by piece, as it comes, where the resource takes a `stream`: whoever sends waits for whoever reads. */
  async * body(): AsyncGenerator<Uint8Array> {
    if (this.#body === undefined) yield this.payload
    else yield* this.#body
  }

  get contentFormat(): number | undefined {
    return this.message.uint(OPTION.CONTENT_FORMAT)
  }

  get accept(): number | undefined {
    return this.message.uint(OPTION.ACCEPT)
  }
}

/** What is answered. */
export interface CoapReply {
  /** `CODE.CHANGED`; what fits the method unless given: 2.05, 2.04, 2.01 with a location, 2.02. */
  readonly code?: number | undefined
  /** Of more than a block, or in pieces, it goes block by block (RFC 7959 §2.4). */
  readonly payload?: Payload | undefined
  readonly contentFormat?: number | undefined
  /** Seconds for which it is fresh; 60 unless given (RFC 7252 §5.10.5). */
  readonly maxAge?: number | undefined
  /** 1 to 8 bytes. Whoever asks with it is answered 2.03 (RFC 7252 §5.10.6.2). */
  readonly etag?: Uint8Array | string | undefined
  /** The path of what was created: `['sensors', '1']`. */
  readonly location?: readonly string[] | undefined
  readonly locationQuery?: readonly string[] | undefined
  /** Further options. */
  readonly options?: readonly Option[] | undefined
}

/** What a handler answers: all of it, the payload alone, or nothing but that it is done. */
export type Answer = CoapReply | string | Uint8Array | undefined | void

/** Answers a request; what it throws is answered by 5.00, unless it is a `CoapError`. */
export type Handler = (request: CoapRequest) => Answer | Promise<Answer>

/** A refusal, to be thrown by handlers: `new CoapError(CODE.FORBIDDEN, 'not by you')`. */
export class CoapError extends Error {
  /** Class times 32, and detail. */
  readonly code: number
  readonly options: readonly Option[]

  /** The message is for people, and is sent (RFC 7252 §5.5.2). */
  constructor(code: number, message = '', options: readonly Option[] = []) {
    super(message)
    this.code = code
    this.options = options
  }
}
