/** The server with a loop: a router, and handlers that may take their time. RFC 7252 §5.8 and §5.10, RFC 7641 §4, RFC 7959 §2, RFC 7967, RFC 9175. */

import type { DatagramNet, Endpoint, Env } from '@favonius/contract'
import { failure } from '@favonius/inet'
import { Answers } from './answers.ts'
import { blockValue, cut, fits, MAX_BLOCK, readBlock, sizeOf, type Block } from './blocks.ts'
import { wholeOf } from './body.ts'
import * as CODE from './codes.ts'
import { unacceptable } from './definitions.ts'
import { Echoes } from './echo.ts'
import { CoapEndpoint, type Carrier, type Told } from './endpoint.ts'
import type { Asked } from './events.ts'
import * as FORMAT from './formats.ts'
import { Groups } from './groups.ts'
import { Notifier } from './notifier.ts'
import * as OPTION from './numbers.ts'
import { DEREGISTER, REGISTER } from './observe.ts'
import { CoapError, CoapRequest, type Answer, type CoapReply, type Handler } from './request.ts'
import { Resource, Router, type ResourceOptions } from './router.ts'
import { serverDefaults, type Settings } from './serving.ts'
import { timesOf } from './settings.ts'
import type { CoapStatistics } from './statistics.ts'
import { toBytes } from './text.ts'
import { Assembly, Feed, keyOf, Outflow, Transfers } from './transfers.ts'
import type { Draft, Message, Option } from './wire.ts'

/** Defaults are those of `coapOptions`. */
export interface CoapServerOptions extends Partial<Settings> {
  /** `::`, both families, unless given. */
  readonly address?: string | undefined
  /** 5683 unless given; 0 is any that is free. */
  readonly port?: number | undefined
  /** What a handler threw that is no `CoapError`. It was answered by 5.00, and counted. */
  readonly onError?: ((error: unknown, request: CoapRequest) => void) | undefined
}

/** What a server counts beyond its messages. */
export interface ServerStatistics {
  /** Requests that were answered, and those of them whose handler threw. */
  answered: number
  failed: number
}

/** RFC 7252 §6.1. */
export const COAP_PORT = 5683

const METHODS = [undefined, 'get', 'post', 'put', 'delete', 'fetch', 'patch', 'ipatch'] as const
/** What fits each method (RFC 7252 §5.8, RFC 8132 §2.3 and §3.1). */
const DONE = [0, CODE.CONTENT, CODE.CHANGED, CODE.CHANGED, CODE.DELETED, CODE.CONTENT, CODE.CHANGED, CODE.CHANGED] as const

/** A refusal, with what is wrong in words (RFC 7252 §5.5.2). */
const refusal = (code: number, text = '', options: readonly Option[] = []): CoapReply => ({ code, payload: text, options })

export class CoapServer {
  /** What carries it; give it to a `CoapClient` for both roles at one end. */
  readonly endpoint: Carrier
  readonly counted: ServerStatistics = { answered: 0, failed: 0 }
  readonly #env: Env
  readonly #settings: Settings
  readonly #options: CoapServerOptions
  readonly #router = new Router()
  readonly #transfers: Transfers
  readonly #notifier: Notifier
  readonly #echoes: Echoes
  readonly #groups: Groups
  /** Handlers at work. */
  #pending = 0

  /** Opens a port. Rejects as `DatagramNet.open` does: EADDRINUSE, EADDRNOTAVAIL… */
  static async open(net: DatagramNet, env: Env, options: CoapServerOptions = {}): Promise<CoapServer> {
    const endpoint = new CoapEndpoint(net, env, { ...serverDefaults, ...options }, Answers)
    await endpoint.open({ port: options.port ?? COAP_PORT, ...(options.address === undefined ? {} : { address: options.address }) })
    return new CoapServer(endpoint, env, options)
  }

  /** Serves whatever carries messages: `CoapStreams` of `@favonius/coap/tcp`, which listens by itself, or `CoapWebSockets` of `/ws`. */
  constructor(endpoint: Carrier, env: Env, options: Pick<CoapServerOptions, 'onError'> = {}) {
    this.endpoint = endpoint
    this.#env = env
    this.#options = options
    this.#settings = { ...serverDefaults, ...endpoint.settings }
    this.#transfers = new Transfers(env, this.#settings.maxTransfers, timesOf(this.#settings).exchangeLifetime)
    this.#echoes = new Echoes(env)
    this.#groups = new Groups(endpoint)
    this.#notifier = new Notifier(endpoint, this.#settings, ({ resource, request }) => {
      const handler = resource.options[METHODS[request.code]!]
      return this.#after(this.#call(handler, request), (answer) => this.#draft(request, answer))
    })
    endpoint.server = (told) => this.#told(told)
    this.resource('/.well-known/core', { hidden: true, get: (request) => this.#core(request) })
  }

  /** Where it listens. */
  get local(): Endpoint {
    const { local } = this.endpoint
    if (local === undefined) throw failure('EBADF', 'the server listens nowhere: it is closed, or others accept for it')
    return local
  }

  get statistics(): CoapStatistics {
    return this.endpoint.statistics
  }

  /** How many observers there are, and bodies under way. */
  get kept(): { readonly observers: number; readonly transfers: number } {
    return { observers: this.#notifier.observers.size, transfers: this.#transfers.size }
  }

  /**
   * Serves a path: `/sensors/temperature`; `+` is any one segment, and `#` at the end any number of them. Throws EEXIST when it is served already, and EINVAL
   * for what is no path.
   */
  resource(path: string, options: ResourceOptions): Resource {
    if (!path.startsWith('/')) throw failure('EINVAL', `${JSON.stringify(path)} is no path of a resource: it begins with a slash`)
    const resource = new Resource(path, options, (changed, at) => this.#notifier.changed(changed, at), (removed) => {
      this.#router.remove(removed)
      this.#notifier.removed(removed)
    })
    this.#router.add(resource)
    return resource
  }

  /** Hears what is sent to a group too: `ALL_COAP_NODES.link` (RFC 7252 §8.1). Rejects with what the net's `join` throws. */
  async join(group: string, iface?: string): Promise<void> {
    return this.#groups.join(group, iface)
  }

  leave(group: string, iface?: string): void {
    this.#groups.leave(group, iface)
  }

  /** Nothing is answered any more. Harmless when repeated. */
  close(): void {
    this.#notifier.close()
    this.#transfers.close()
    this.#groups.close()
    this.endpoint.server = undefined
    this.endpoint.close()
  }

  // ---- requests ----

  #told(told: Told): void {
    if (told.kind === 'request') this.#serve(told.request, told.message)
    else if (told.kind === 'notified') this.#notifier.notified(told.observer, told.code)
  }

  /** What a resource throws that is no handler's is 5.00 too. */
  #serve(request: Asked, message: Message): void {
    try {
      this.#asked(request, message)
    } catch (error) {
      const { code } = this.#thrown(error, new CoapRequest(message, request.from, request.multicast))
      this.endpoint.handle({ kind: 'respond', request, draft: { code: code! } })
    }
  }

  #asked(received: Asked, message: Message): void {
    const { from, multicast, confirmable } = received
    const method = METHODS[message.code]
    const bad = unacceptable(message)
    // RFC 7252 §5.4.1: what is not confirmable is rejected in silence.
    if (bad !== undefined && !confirmable) return this.endpoint.handle({ kind: 'respond', request: received, draft: undefined })
    const plain = new CoapRequest(message, from, multicast)
    const refuse = (reply: CoapReply): void => this.#reply(received, plain, reply)
    if (bad !== undefined) return refuse(refusal(CODE.BAD_OPTION, `option ${bad}`))
    if (message.find(OPTION.PROXY_URI) || message.find(OPTION.PROXY_SCHEME)) return refuse(refusal(CODE.PROXYING_NOT_SUPPORTED))
    const resource = this.#router.find(plain.path)
    if (resource === undefined) return refuse(refusal(CODE.NOT_FOUND))
    const handler = method && resource.options[method]
    if (handler === undefined) return refuse(refusal(CODE.METHOD_NOT_ALLOWED))
    const { fresh } = resource.options
    if (fresh !== undefined && !this.#echoes.isFresh(message.bytes(OPTION.ECHO) ?? new Uint8Array(0), from, fresh)) {
      return refuse(refusal(CODE.UNAUTHORIZED, '', [[OPTION.ECHO, this.#echoes.make(from)]]))
    }
    if (!this.#holds(message, resource, plain.path)) return refuse(refusal(CODE.PRECONDITION_FAILED))
    const block1 = readBlock(message, OPTION.BLOCK1)
    const block2 = readBlock(message, OPTION.BLOCK2)
    if (block1 === 'malformed' || block2 === 'malformed') return refuse(refusal(CODE.BAD_REQUEST, 'a block option that says no block'))
    if (block1 !== undefined) return this.#taken(received, message, resource, handler, block1)
    if (block2 !== undefined && block2.offset > 0) return this.#more(received, plain, handler, block2)
    this.#run(received, plain, handler, resource)
  }

  /** RFC 7252 §5.10.8. */
  #holds(message: Message, { options: { etag } }: Resource, path: readonly string[]): boolean {
    if (etag === undefined) return true
    const now = etag(path)
    if (message.find(OPTION.IF_NONE_MATCH) && now !== undefined) return false
    if (!message.find(OPTION.IF_MATCH)) return true
    if (now === undefined) return false
    const text = toBytes(now).join()
    // One that is empty is fulfilled by whatever is there.
    for (let more = true; more && message.number === OPTION.IF_MATCH; more = message.next()) if (message.length === 0 || message.value().join() === text) return true
    return false
  }

  #run(received: Asked, request: CoapRequest, handler: Handler, resource: Resource, block?: Block): void {
    if (this.#pending >= this.#settings.maxPending) return this.#reply(received, request, refusal(CODE.SERVICE_UNAVAILABLE))
    this.#after(this.#call(handler, request), (answer) => this.#reply(received, request, answer, resource, block))
  }

  /** What a handler answers; what it throws is an answer too. */
  #call(handler: Handler | undefined, request: CoapRequest): CoapReply | Promise<CoapReply> {
    try {
      const answer = handler === undefined ? refusal(CODE.METHOD_NOT_ALLOWED) : handler(request)
      if (!(answer instanceof Promise)) return toReply(answer)
      this.#pending++
      return answer.then(toReply, (error: unknown) => this.#thrown(error, request)).finally(() => this.#pending--)
    } catch (error) {
      return this.#thrown(error, request)
    }
  }

  #thrown(error: unknown, request: CoapRequest): CoapReply {
    if (error instanceof CoapError) return refusal(error.code, error.message, error.options)
    this.counted.failed++
    this.#options.onError?.(error, request)
    return refusal(CODE.INTERNAL_SERVER_ERROR)
  }

  /** At once, when there is no promise to wait for. What a body in pieces throws is `failed`. */
  #after<T, R>(value: T | Promise<T>, then: (value: T) => R | Promise<R>, failed?: (error: unknown) => R): R | Promise<R> {
    if (!(value instanceof Promise)) return then(value)
    // It may be settled without a word to the clock.
    this.#env.wake()
    return value.then((settled) => {
      this.#env.wake()
      return then(settled)
    }, (error: unknown) => {
      this.#env.wake()
      if (failed === undefined) throw error
      return failed(error)
    })
  }

  // ---- bodies that come ----

  /** One block of a body (RFC 7959 §2.5). */
  #taken(received: Asked, message: Message, resource: Resource, handler: Handler, block: Block): void {
    const { from, multicast } = received
    const { payload } = message
    const { blocks = 'whole' } = resource.options
    const { blockSize, maxBody } = this.#settings
    const request = new CoapRequest(message, from, multicast, payload, block)
    const refuse = (code: number, options: readonly Option[] = []): void => this.#reply(received, request, refusal(code, '', options))
    // RFC 7959 §2.8: to a group nothing goes block by block.
    if (multicast || !fits(block, payload.length)) return refuse(CODE.BAD_REQUEST)
    if (blocks === 'each') return this.#run(received, request, handler, resource, block)
    const key = keyOf(message, from, 'up')
    if (blocks === 'stream') return this.#fed(received, request, handler, resource, block, key)
    let assembly = this.#transfers.find(key, Assembly)
    if (block.offset === 0) this.#transfers.keep(key, (assembly = new Assembly()))
    if (assembly === undefined || !assembly.take(block, payload)) return refuse(CODE.REQUEST_ENTITY_INCOMPLETE)
    if (assembly.length > maxBody || (message.uint(OPTION.SIZE1) ?? 0) > maxBody) {
      this.#transfers.end(key)
      return refuse(CODE.REQUEST_ENTITY_TOO_LARGE, [[OPTION.SIZE1, maxBody]])
    }
    if (block.more) return this.#continue(received, block, Math.min(block.size, sizeOf(blockSize)))
    this.#transfers.end(key)
    this.#run(received, new CoapRequest(message, from, multicast, assembly.whole()), handler, resource, block)
  }

  /** The handler reads while it comes; each block is acknowledged when it was taken. */
  #fed(received: Asked, request: CoapRequest, handler: Handler, resource: Resource, block: Block, key: string): void {
    let feed = this.#transfers.find(key, Feed)
    const running = block.offset > 0 ? feed : undefined
    if (running === undefined) {
      if (block.offset > 0) return this.#reply(received, request, refusal(CODE.REQUEST_ENTITY_INCOMPLETE))
      this.#transfers.keep(key, (feed = new Feed(this.#env)))
      const { message, from, multicast } = request
      const answer = this.#call(handler, new CoapRequest(message, from, multicast, new Uint8Array(0), undefined, feed))
      feed.answer = answer instanceof Promise ? answer : Promise.resolve(answer)
    }
    this.#env.wake()
    const current = feed!
    if (running !== undefined && block.offset < current.length) return this.#continue(received, block, block.size)
    if (block.offset !== current.length || current.full) return this.#reply(received, request, refusal(CODE.REQUEST_ENTITY_INCOMPLETE))
    const taken = current.push(request.payload)
    if (!block.more) current.end()
    // Whichever is first: it was taken and more may come, or there is an answer already.
    const answered = current.answer!.then((reply) => {
      this.#env.wake()
      if (received.answered) return
      this.#transfers.end(key)
      this.#reply(received, request, reply, resource, block)
    })
    if (block.more) void Promise.race([taken, answered]).then(() => this.#continue(received, block, Math.min(block.size, sizeOf(this.#settings.blockSize))))
  }

  #continue(request: Asked, { offset, size }: Block, wanted: number): void {
    // The number is that of the block which came; the size is what the next ones are wanted in.
    const value = blockValue(offset, true, size) & ~7 | (blockValue(0, false, wanted) & 7)
    this.endpoint.handle({ kind: 'respond', request, draft: { code: CODE.CONTINUE, options: [[OPTION.BLOCK1, value]] } })
  }

  // ---- bodies that go ----

  /** A block behind the first (RFC 7959 §2.4): of what was begun, if that is still here. */
  #more(received: Asked, request: CoapRequest, handler: Handler, block: Block): void {
    const key = keyOf(request.message, received.from, 'down')
    const flow = this.#transfers.find(key, Outflow)
    const anew = (): void => {
      if (request.code !== CODE.GET && request.code !== CODE.FETCH) return this.#reply(received, request, refusal(CODE.REQUEST_ENTITY_INCOMPLETE))
      this.#run(received, request, handler, NONE)
    }
    // Some say again what they fetch, and some do not (RFC 7959 §2.7); what is said must be the same.
    if (flow === undefined || (request.payload.length > 0 && request.payload.join() !== flow.asked.join())) return anew()
    const size = (): number => Math.min(block.size, this.#room(received.from))
    this.#after(flow.read(block.offset, size()), (read) => {
      if (read === undefined) return anew()
      const part = cut(read, size())
      if (part.bytes.length === 0) return this.#reply(received, request, refusal(CODE.BAD_REQUEST, 'behind the end'))
      this.#answer(received, request, { code: flow.code, options: [...flow.options, [OPTION.BLOCK2, blockValue(block.offset, part.more, size())]], payload: part.bytes })
    }, (error) => this.#reply(received, request, this.#thrown(error, request)))
  }

  /** Bytes of the blocks that go to a peer at once now. */
  #room(to: Endpoint): number {
    return this.endpoint.room?.(to) || MAX_BLOCK
  }

  /** The message that an answer becomes; with a first block of it, where it is long. */
  #draft(request: CoapRequest, { code, payload, contentFormat, maxAge, etag, location = [], locationQuery = [], options = [] }: CoapReply): Draft | Promise<Draft> {
    const { message } = request
    const done = code ?? (location.length > 0 ? CODE.CREATED : DONE[message.code] ?? CODE.CONTENT)
    const all: Option[] = [...options]
    if (maxAge !== undefined) all.push([OPTION.MAX_AGE, maxAge])
    for (const part of location) all.push([OPTION.LOCATION_PATH, part])
    for (const part of locationQuery) all.push([OPTION.LOCATION_QUERY, part])
    let tag = etag === undefined ? undefined : toBytes(etag)
    if (tag !== undefined && done === CODE.CONTENT && this.#isKnown(message, tag)) return { code: CODE.VALID, options: [...all, [OPTION.ETAG, tag]] }
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
    tag ??= whole === undefined ? this.#env.random.fill(new Uint8Array(4)) : hashOf(whole)
    all.push([OPTION.ETAG, tag])
    const flow = new Outflow(done, all, whole ?? payload as AsyncIterable<Uint8Array>, request.payload)
    return this.#after(flow.read(offset, size), (read) => {
      // What comes in pieces may have taken its time, and others wait by now.
      const now = Math.min(most, this.#room(request.from))
      const { bytes, more } = cut(read!, now)
      if (bytes.length === 0 && offset > 0) return { code: CODE.BAD_REQUEST }
      if (more) this.#transfers.keep(keyOf(message, request.from, 'down'), flow)
      const sized: Option[] = flow.size === undefined || offset > 0 ? [] : [[OPTION.SIZE2, flow.size]]
      return { code: done, options: [...all, ...sized, [OPTION.BLOCK2, blockValue(offset, more, now)]], payload: bytes }
    }, (error) => ({ code: this.#thrown(error, request).code! }))
  }

  /** RFC 7252 §5.10.6.2. */
  #isKnown(message: Message, tag: Uint8Array): boolean {
    const text = tag.join()
    for (let more = message.find(OPTION.ETAG); more && message.number === OPTION.ETAG; more = message.next()) if (message.value().join() === text) return true
    return false
  }

  #reply(received: Asked, request: CoapRequest, reply: CoapReply, resource: Resource = NONE, block?: Block): void {
    let made: Draft | Promise<Draft>
    try {
      made = this.#draft(request, reply)
    } catch (error) {
      made = { code: this.#thrown(error, request).code! }
    }
    this.#after(made, (draft) => {
      let { options = [] } = draft
      if (block !== undefined) options = [...options, [OPTION.BLOCK1, blockValue(block.offset, false, block.size)]]
      const { message } = request
      const { observable, blocks = 'whole' } = resource.options
      // RFC 8132 §2.4: what is fetched may be observed too; of a body that is not here as a whole there is nothing to answer anew.
      const answersAnew = (message.code === CODE.GET || message.code === CODE.FETCH) && (block === undefined || blocks === 'whole')
      const observe = observable && answersAnew ? message.uint(OPTION.OBSERVE) : undefined
      if (observe === DEREGISTER) this.#notifier.forget(received.from, received.token)
      if (observe === REGISTER && draft.code >> 5 === 2 && !request.multicast) {
        const sequence = this.#notifier.register(resource, received.token, request, draft)
        if (sequence !== undefined) options = [...options, [OPTION.OBSERVE, sequence]]
      }
      this.#answer(received, request, { ...draft, options })
    })
  }

  /** Sends it, unless it is not wanted (RFC 7967 §2.1), or would be no news to a group (RFC 7252 §8.2). */
  #answer(received: Asked, { message, multicast }: CoapRequest, draft: Draft): void {
    this.counted.answered++
    const unwanted = message.uint(OPTION.NO_RESPONSE)
    const classBit = 1 << ((draft.code >> 5) - 1)
    const silent = unwanted === undefined ? multicast && draft.code >> 5 !== 2 : (unwanted & classBit) !== 0
    this.endpoint.handle({ kind: 'respond', request: received, draft: silent ? undefined : draft })
  }

  /** RFC 6690 §4. */
  #core({ query, multicast }: CoapRequest): CoapReply {
    const links = this.#router.links(query)
    // RFC 6690 §4.1: to a group nothing is no answer.
    if (links === undefined && multicast) throw new CoapError(CODE.NOT_FOUND)
    return { contentFormat: FORMAT.LINK, payload: links ?? '' }
  }
}

/** Of requests that lead to no resource that could be observed. */
const NONE = /* @__PURE__ */ new Resource('/', {}, () => {}, () => {})

const toReply = (answer: Answer): CoapReply => (typeof answer === 'object' && !(answer instanceof Uint8Array) ? answer : { payload: answer ?? undefined })

/** FNV-1a, of 32 bits: two bodies of one resource have the same by chance alone. */
function hashOf(bytes: Uint8Array): Uint8Array {
  let hash = 0x811c9dc5
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return Uint8Array.of(hash >>> 24, hash >>> 16, hash >>> 8, hash)
}
