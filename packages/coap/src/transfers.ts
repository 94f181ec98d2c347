/** Bodies under way at a server: RFC 7959 §2.4 to §2.7. Bounded in number, in bytes, and in how long one may be idle. */

import type { Env, Endpoint, Instant, Timer } from '@favonius/contract'
import { deferred, type Deferred } from '@favonius/clock'
import { failure } from '@favonius/inet'
import type { Block, Part } from './blocks.ts'
import { join, Pieces, type Payload } from './body.ts'
import { isNoCacheKey } from './definitions.ts'
import * as OPTION from './numbers.ts'
import type { CoapReply } from './request.ts'
import type { Message, Option } from './wire.ts'

/** Options that say which block is meant, not of which body. */
const OF_BLOCK: ReadonlySet<number> = /* @__PURE__ */ new Set([OPTION.BLOCK1, OPTION.BLOCK2, OPTION.OBSERVE])
/** Options of the body that comes, which are not said again when the rest of the answer is fetched. */
const OF_BODY: ReadonlySet<number> = /* @__PURE__ */ new Set([OPTION.CONTENT_FORMAT, OPTION.REQUEST_TAG, OPTION.IF_MATCH, OPTION.IF_NONE_MATCH, OPTION.ETAG])

/** What a body is known by: who sends or fetches it, the method, and the options that matter (RFC 7959 §2.5, RFC 9175 §3.3). */
export function keyOf(message: Message, { address, port }: Endpoint, way: 'up' | 'down'): string {
  let key = `${way} ${address} ${port} ${message.code}`
  message.rewind()
  while (message.next()) {
    const { number, u8, at, length } = message
    if (isNoCacheKey(number) || OF_BLOCK.has(number) || (way === 'down' && OF_BODY.has(number))) continue
    key += ` ${number}:`
    for (let i = at; i < at + length; i++) key += String.fromCharCode(u8[i]!)
  }
  return key
}

/** A body that comes, put together. */
export class Assembly {
  readonly #pieces: Uint8Array[] = []
  length = 0

  /** False when the block does not follow what is here. One that came before, under another message id, is passed over. */
  take({ offset }: Block, bytes: Uint8Array): boolean {
    if (offset < this.length && offset + bytes.length === this.length) return true
    if (offset !== this.length) return false
    // A copy: a small one would keep what else came with it.
    this.#pieces.push(bytes.slice())
    this.length += bytes.length
    return true
  }

  whole(): Uint8Array {
    return join(this.#pieces)
  }

  close(): void {}
}

/** A body that comes, read while it does. */
export class Feed implements AsyncIterable<Uint8Array> {
  length = 0
  /** What its reader answers in the end. */
  answer: Promise<CoapReply> | undefined
  readonly #env: Pick<Env, 'wake'>
  #given: { readonly bytes: Uint8Array; readonly taken: Deferred<void> } | undefined
  #wanted: Deferred<Uint8Array | undefined> | undefined
  #over = false
  #error: Error | undefined

  constructor(env: Pick<Env, 'wake'>) {
    this.#env = env
  }

  /** Resolves when it was taken; to be called again only then. */
  push(bytes: Uint8Array): Promise<void> {
    this.length += bytes.length
    const taken = deferred<void>(this.#env)
    if (this.#wanted !== undefined) {
      this.#wanted.resolve(bytes)
      this.#wanted = undefined
      taken.resolve()
    } else this.#given = { bytes, taken }
    return taken.promise
  }

  get full(): boolean {
    return this.#given !== undefined
  }

  end(): void {
    this.#over = true
    this.#wanted?.resolve(undefined)
  }

  /** Whoever sends it has gone. */
  close(): void {
    if (this.#over) return
    this.#over = true
    this.#error = failure('ECONNABORTED', 'the rest of the body did not come')
    this.#given?.taken.resolve()
    this.#wanted?.reject(this.#error)
  }

  async * [Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const given = this.#given
      if (given !== undefined) {
        this.#given = undefined
        given.taken.resolve()
        yield given.bytes
        continue
      }
      if (this.#error !== undefined) throw this.#error
      if (this.#over) return
      this.#wanted = deferred(this.#env)
      const bytes = await this.#wanted.promise
      if (bytes === undefined) return
      yield bytes
    }
  }
}

/** A body that goes, in blocks of any size. */
export class Outflow {
  readonly code: number
  /** Of every block. */
  readonly options: readonly Option[]
  /** What was asked with: with FETCH it says what is fetched (RFC 8132 §2.1). */
  readonly asked: Uint8Array
  readonly #bytes: Uint8Array | undefined
  readonly #pieces: Pieces | undefined
  /** Where what `#pieces` has begins. */
  #at = 0
  /** One reads after the other. */
  #reading: Promise<unknown> = Promise.resolve()

  constructor(code: number, options: readonly Option[], body: Exclude<Payload, string>, asked: Uint8Array) {
    this.code = code
    this.options = options
    this.asked = asked
    if (body instanceof Uint8Array) this.#bytes = body
    else this.#pieces = new Pieces(body)
  }

  /** How long it is, where that is known. */
  get size(): number | undefined {
    return this.#bytes?.length
  }

  /** The block at `offset`; of pieces only the same again, or one behind it: undefined for what has passed. */
  read(offset: number, size: number): Part | undefined | Promise<Part | undefined> {
    const bytes = this.#bytes
    if (bytes !== undefined) return { bytes: bytes.subarray(offset, offset + size), more: offset + size < bytes.length }
    const reading = this.#reading.then(() => this.#read(offset, size))
    this.#reading = reading.catch(() => {})
    return reading
  }

  async #read(offset: number, size: number): Promise<Part | undefined> {
    if (offset < this.#at) return undefined
    while (this.#at < offset) {
      const step = Math.min(offset - this.#at, 65_536)
      await this.#pieces!.fill(step)
      const { bytes } = this.#pieces!.part(step)
      if (bytes.length === 0) break
      this.#pieces!.drop(bytes.length)
      this.#at += bytes.length
    }
    await this.#pieces!.fill(size)
    return this.#pieces!.part(size)
  }

  close(): void {
    this.#pieces?.close().catch(() => {})
  }
}

type Transfer = Assembly | Feed | Outflow

/** All bodies under way at one server. */
export class Transfers {
  readonly #env: Env
  readonly #limit: number
  readonly #lifetime: number
  /** In the order in which they were used. */
  readonly #all = new Map<string, { readonly transfer: Transfer; used: Instant }>()
  readonly #timer: Timer
  /** Those that made room, or were idle for too long. */
  abandoned = 0

  /** One that is idle for `lifetime` milliseconds is given up. */
  constructor(env: Env, limit: number, lifetime: number) {
    this.#env = env
    this.#limit = limit
    this.#lifetime = lifetime
    this.#timer = env.clock.timer((now) => this.#sweep(now))
  }

  get size(): number {
    return this.#all.size
  }

  /** What is known by a key, if it is such a transfer. */
  find<T extends Transfer>(key: string, kind: new (...given: never[]) => T): T | undefined {
    const found = this.#all.get(key)
    if (found === undefined || !(found.transfer instanceof kind)) return undefined
    this.#all.delete(key)
    found.used = this.#env.clock.now()
    this.#all.set(key, found)
    return found.transfer
  }

  /** Keeps it, in place of what was known by the key. */
  keep(key: string, transfer: Transfer): void {
    this.end(key)
    if (this.#all.size >= this.#limit) {
      const [oldest] = this.#all.keys()
      this.end(oldest!)
      this.abandoned++
    }
    const now = this.#env.clock.now()
    this.#all.set(key, { transfer, used: now })
    if (this.#timer.due === undefined) this.#timer.schedule(now + this.#lifetime)
  }

  end(key: string): void {
    const found = this.#all.get(key)
    this.#all.delete(key)
    found?.transfer.close()
    if (this.#all.size === 0) this.#timer.cancel()
  }

  #sweep(now: Instant): void {
    for (const [key, { used }] of this.#all) {
      if (used + this.#lifetime > now) return this.#timer.schedule(used + this.#lifetime)
      this.abandoned++
      this.end(key)
    }
  }

  close(): void {
    for (const key of [...this.#all.keys()]) this.end(key)
  }
}
