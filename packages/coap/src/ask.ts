/** One request from its first block to the last of what is answered: RFC 7959 §2.4 and §2.5, RFC 9175 §2.3 and §3.3. */

import type { Endpoint } from '@favonius/contract'
import { failure } from '@favonius/inet'
import type { Asker } from './asker.ts'
import * as CODE from './codes.ts'
import * as OPTION from './numbers.ts'
import { BERT, blockValue, fits, MAX_BLOCK, readBlock, sizeOf, sizeWithin, type Block } from './blocks.ts'
import { join, Pieces, wholeOf } from './body.ts'
import type { CoapCall } from './call.ts'
import { CoapResponse } from './response.ts'
import type { EndSettings } from './serving.ts'
import { fourBytes, type Draft, type Option } from './wire.ts'

/** How often a body that changes while it is fetched is begun anew. */
const RESTARTS = 3

/** Options of the body that is sent, which are not said again when the rest of the answer is fetched. */
const OF_BODY: ReadonlySet<number> = /* @__PURE__ */ new Set([OPTION.BLOCK1, OPTION.SIZE1, OPTION.CONTENT_FORMAT, OPTION.REQUEST_TAG, OPTION.OBSERVE, OPTION.IF_MATCH, OPTION.IF_NONE_MATCH, OPTION.ETAG])

export class Ask {
  readonly #client: Asker
  readonly to: Endpoint
  readonly #code: number
  readonly #options: readonly Option[]
  readonly #call: CoapCall
  readonly #settings: EndSettings

  constructor(client: Asker, to: Endpoint, code: number, options: readonly Option[], call: CoapCall, settings: EndSettings) {
    this.#client = client
    this.to = to
    this.#code = code
    this.#options = options
    this.#call = call
    this.#settings = settings
  }

  /** Sends all of it; of the answer the first block comes back. */
  first(): Promise<CoapResponse> {
    const payload = wholeOf(this.#call.payload)
    const { blockSize } = this.#call
    const early: Option[] = blockSize === undefined ? [] : [[OPTION.BLOCK2, blockValue(0, false, sizeWithin(blockSize))]]
    return this.#isShort(payload) ? this.#once([...this.#options, ...early], payload) : this.#upload(early, payload)
  }

  /** Whether a body goes in one message. */
  #isShort(payload: Uint8Array | undefined): payload is Uint8Array {
    return payload !== undefined && payload.length <= this.#settings.blockSize
  }

  /** One message there, and one back. */
  #once(options: readonly Option[], payload: Uint8Array | undefined): Promise<CoapResponse> {
    return this.#client.exchange(this.to, { code: this.#code, options, payload }, this.#call)
  }

  /** The body, when it goes in one message. */
  get #short(): Uint8Array | undefined {
    const payload = wholeOf(this.#call.payload)
    return this.#isShort(payload) ? payload : undefined
  }

  /** A registration, or its end. Throws EMSGSIZE: it is said again and again under one token, so that in blocks one would be mixed with the other. */
  observing(observe: number): Draft {
    const payload = this.#short
    if (payload === undefined) throw failure('EMSGSIZE', `to observe, ${this.#settings.blockSize} bytes at most, in one piece`)
    return { code: this.#code, options: [...this.#options, [OPTION.OBSERVE, observe]], payload }
  }

  /** Sends the body block by block (RFC 7959 §2.5). */
  async #upload(early: readonly Option[], payload: Uint8Array | undefined): Promise<CoapResponse> {
    const pieces = new Pieces(payload === undefined ? this.#call.payload as AsyncIterable<Uint8Array> : [payload])
    let most = sizeOf(Math.min(this.#settings.blockSize, this.#call.blockSize ?? Infinity))
    const room = (): number => Math.min(most, this.#client.room(this.to) || MAX_BLOCK)
    // RFC 9175 §3.3: blocks of this body are not mixed with those of another one.
    const tag = fourBytes(this.#client.number())
    try {
      // RFC 8323 §5.3: what it takes a peer says before all else, and so before it answers a ping.
      if (this.#client.room(this.to) === 0) await this.#client.greet(this.to, this.#call.signal)
      for (let offset = 0; ;) {
        await pieces.fill(room())
        // Others may wait by now.
        const size = room()
        const { bytes, more } = pieces.part(size)
        const options: Option[] = [...this.#options, [OPTION.REQUEST_TAG, tag], [OPTION.BLOCK1, blockValue(offset, more, size)]]
        if (offset === 0 && payload !== undefined) options.push([OPTION.SIZE1, payload.length])
        // What is said of the answer is said with the last block, which it answers.
        if (!more) options.push(...early)
        const response = await this.#once(options, bytes)
        const said = readBlock(response.message, OPTION.BLOCK1)
        if (typeof said !== 'object') return response
        if (said.size < size) {
          most = said.size
          // RFC 7959 §2.9.3: it wants smaller ones, and has taken none.
          if (response.code === CODE.REQUEST_ENTITY_TOO_LARGE && offset === 0) continue
        }
        if (!more || !response.ok) return response
        pieces.drop(bytes.length)
        offset += bytes.length
      }
    } finally {
      await pieces.close()
    }
  }

  /** With what is still to be fetched of the answer (RFC 7959 §2.4). */
  async fetched(first: CoapResponse): Promise<CoapResponse> {
    const block = readBlock(first.message, OPTION.BLOCK2)
    // An answer that begins anywhere else is what was asked for: its caller gave the option.
    if (block === undefined || (block !== 'malformed' && (!block.more || block.offset > 0))) return first
    if (this.#call.stream === true) return new CoapResponse(first.message, first.from, first.payload, this.#rest(first, false))
    for (let restarts = 0; ; restarts++) {
      const pieces = [first.payload]
      try {
        let length = first.payload.length
        for await (const piece of this.#rest(first, true)) {
          pieces.push(piece)
          length += piece.length
          if (length > this.#settings.maxBody) throw failure('EMSGSIZE', `more than ${this.#settings.maxBody} bytes: raise maxBody, or { stream: true }`)
        }
        return new CoapResponse(first.message, first.from, join(pieces))
      } catch (error) {
        if ((error as { code?: string }).code !== 'EAGAIN' || restarts >= RESTARTS) throw error
        // It has changed meanwhile: from the beginning.
        first = await this.#next(0, (block as Block).size)
        if (!first.ok || readBlock(first.message, OPTION.BLOCK2) === undefined) return first
      }
    }
  }

  /** A block of the answer. RFC 8132 §2.1: by FETCH the body says what is fetched; of other methods it was said once (RFC 7959 §2.7). */
  #next(offset: number, size: number): Promise<CoapResponse> {
    const payload = this.#code === CODE.FETCH ? this.#short : undefined
    const options = this.#options.filter(([number]) => !OF_BODY.has(number) || (payload && number === OPTION.CONTENT_FORMAT))
    return this.#once([...options, [OPTION.BLOCK2, blockValue(offset, false, size)]], payload)
  }

  /** The blocks behind the first. Throws EAGAIN when they are of another body, and it can be begun anew. */
  async * #rest(first: CoapResponse, again: boolean): AsyncGenerator<Uint8Array> {
    let offset = 0
    let size = BERT
    const bad = (why: string, code = 'EPROTO'): Error => failure(code, `${this.to.address} port ${this.to.port}: ${why}`)
    for (let response = first; ;) {
      const block = readBlock(response.message, OPTION.BLOCK2)
      const { length } = response.payload
      if (response.ok !== first.ok || typeof block !== 'object' || block.offset !== offset || !fits(block, length)) throw bad(`behind ${offset} bytes: ${response.status}, ${length} bytes`)
      if (response.etag?.join() !== first.etag?.join()) throw bad('it has changed: ask again', again && this.#code === CODE.GET ? 'EAGAIN' : 'EPROTO')
      if (offset > 0) yield response.payload
      if (!block.more) return
      offset += length
      size = Math.min(size, block.size)
      response = await this.#next(offset, size)
    }
  }
}
