/** What is answered, as messages: RFC 7252 §5.10; and block by block where it is more than one: RFC 7959 §2.4. */

import type { Endpoint, Env } from '@favonius/contract'
import { blockValue, cut, MAX_BLOCK, readBlock, sizeOf, type Block } from './blocks.ts'
import { wholeOf } from './body.ts'
import { after, type Calls } from './calls.ts'
import * as CODE from './codes.ts'
import type { Carrier } from './endpoint.ts'
import * as OPTION from './numbers.ts'
import type { CoapReply, CoapRequest } from './request.ts'
import type { Settings } from './serving.ts'
import { isKnown, tagOf } from './tags.ts'
import { toBytes } from './text.ts'
import { keyOf, Outflow, type Transfers } from './transfers.ts'
import type { Draft, Option } from './wire.ts'

/** What fits each method (RFC 7252 §5.8, RFC 8132 §2.3 and §3.1). */
const DONE = [0, CODE.CONTENT, CODE.CHANGED, CODE.CHANGED, CODE.DELETED, CODE.CONTENT, CODE.CHANGED, CODE.CHANGED] as const

export class Replies {
  readonly #env: Env
  readonly #endpoint: Carrier
  readonly #settings: Settings
  readonly #transfers: Transfers
  readonly #calls: Calls

  constructor(env: Env, endpoint: Carrier, settings: Settings, transfers: Transfers, calls: Calls) {
    this.#env = env
    this.#endpoint = endpoint
    this.#settings = settings
    this.#transfers = transfers
    this.#calls = calls
  }

  /** Bytes of the blocks that go to a peer at once now. */
  #room(to: Endpoint): number {
    return this.#endpoint.room?.(to) || MAX_BLOCK
  }

  /** What a body in pieces threw. */
  #failed(error: unknown, request: CoapRequest): Draft {
    return { code: this.#calls.thrown(error, request).code! }
  }

  /** The message that an answer becomes; with a first block of it, where it is long. */
  draft(request: CoapRequest, reply: CoapReply): Draft | Promise<Draft> {
    try {
      return this.#draft(request, reply)
    } catch (error) {
      return this.#failed(error, request)
    }
  }

  #draft(request: CoapRequest, { code, payload, contentFormat, maxAge, etag, location = [], locationQuery = [], options = [] }: CoapReply): Draft | Promise<Draft> {
    const { message } = request
    const done = code ?? (location.length > 0 ? CODE.CREATED : DONE[message.code] ?? CODE.CONTENT)
    const all: Option[] = [...options]
    if (maxAge !== undefined) all.push([OPTION.MAX_AGE, maxAge])
    for (const part of location) all.push([OPTION.LOCATION_PATH, part])
    for (const part of locationQuery) all.push([OPTION.LOCATION_QUERY, part])
    let tag = etag === undefined ? undefined : toBytes(etag)
    if (tag !== undefined && done === CODE.CONTENT && isKnown(message, tag)) return { code: CODE.VALID, options: [...all, [OPTION.ETAG, tag]] }
    if (contentFormat !== undefined) {
      // RFC 7252 §5.10.4.
      if (request.accept !== undefined && request.accept !== contentFormat && done === CODE.CONTENT) return { code: CODE.NOT_ACCEPTABLE }
      all.push([OPTION.CONTENT_FORMAT, contentFormat])
    }
    const whole = wholeOf(payload)
    const wanted = readBlock(message, OPTION.BLOCK2)
    // A refusal is told from its beginning, whatever was asked for.
    const asked = wanted === undefined || wanted === 'malformed' || done >> 5 !== 2 ? undefined : wanted
    const most = Math.min(asked?.size ?? Infinity, sizeOf(this.#settings.blockSize))
    const size = Math.min(most, this.#room(request.from))
    const offset = asked?.offset ?? 0
    if (whole !== undefined && whole.length <= size && offset === 0) {
      if (tag !== undefined) all.push([OPTION.ETAG, tag])
      if (asked !== undefined && whole.length > 0) all.push([OPTION.BLOCK2, blockValue(0, false, size)])
      return { code: done, options: all, payload: whole }
    }
    // RFC 7959 §2.4: by it whoever fetches knows that all blocks are of one body.
    tag ??= whole === undefined ? this.#env.random.fill(new Uint8Array(4)) : tagOf(whole)
    all.push([OPTION.ETAG, tag])
    const flow = new Outflow(done, all, whole ?? payload as AsyncIterable<Uint8Array>, request.payload)
    return after(this.#env, flow.read(offset, size), (read) => {
      // What comes in pieces may have taken its time, and others wait by now.
      const now = Math.min(most, this.#room(request.from))
      const { bytes, more } = cut(read!, now)
      if (bytes.length === 0 && offset > 0) return { code: CODE.BAD_REQUEST }
      if (more) this.#transfers.keep(keyOf(message, request.from, 'down'), flow)
      const sized: Option[] = flow.size === undefined || offset > 0 ? [] : [[OPTION.SIZE2, flow.size]]
      return { code: done, options: [...all, ...sized, [OPTION.BLOCK2, blockValue(offset, more, now)]], payload: bytes }
    }, (error) => this.#failed(error, request))
  }

  /** A block behind the first, of what was begun; undefined when that is not here any more. */
  more(request: CoapRequest, block: Block): Draft | undefined | Promise<Draft | undefined> {
    const flow = this.#transfers.find(keyOf(request.message, request.from, 'down'), Outflow)
    // Some say again what they fetch, and some do not (RFC 7959 §2.7); what is said must be the same.
    if (flow === undefined || (request.payload.length > 0 && request.payload.join() !== flow.asked.join())) return undefined
    const room = (): number => Math.min(block.size, this.#room(request.from))
    return after(this.#env, flow.read(block.offset, room()), (read) => {
      if (read === undefined) return undefined
      const size = room()
      const { bytes, more } = cut(read, size)
      if (bytes.length === 0) return { code: CODE.BAD_REQUEST, payload: toBytes('behind the end') }
      return { code: flow.code, options: [...flow.options, [OPTION.BLOCK2, blockValue(block.offset, more, size)]], payload: bytes }
    }, (error) => this.#failed(error, request))
  }
}
