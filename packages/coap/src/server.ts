/** The server with a loop: a router, and handlers that may take their time. RFC 7252 §5.8 and §5.10, RFC 7641 §4, RFC 7959 §2, RFC 7967, RFC 9175. */

import type { DatagramNet, Endpoint, Env } from '@favonius/contract'
import { failure } from '@favonius/inet'
import { Answers } from './answers.ts'
import { blockValue, fits, readBlock, sizeOf, type Block } from './blocks.ts'
import { after, Calls, refusal, type ServerStatistics } from './calls.ts'
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
import { Replies } from './replies.ts'
import { CoapError, CoapRequest, type CoapReply, type Handler } from './request.ts'
import { Resource, Router, type ResourceOptions } from './router.ts'
import { serverDefaults, type Settings } from './serving.ts'
import { timesOf } from './settings.ts'
import type { CoapStatistics } from './statistics.ts'
import { holds } from './tags.ts'
import { Assembly, Feed, keyOf, Transfers } from './transfers.ts'
import type { Draft, Message, Option } from './wire.ts'

export type { ServerStatistics } from './calls.ts'

/** Defaults are those of `coapOptions`. */
export interface CoapServerOptions extends Partial<Settings> {
  /** `::`, both families, unless given. */
  readonly address?: string | undefined
  /** 5683 unless given; 0 is any that is free. */
  readonly port?: number | undefined
  /** What a handler threw that is no `CoapError`. It was answered by 5.00, and counted. */
  readonly onError?: ((error: unknown, request: CoapRequest) => void) | undefined
}

/** RFC 7252 §6.1. */
export const COAP_PORT = 5683

const METHODS = [undefined, 'get', 'post', 'put', 'delete', 'fetch', 'patch', 'ipatch'] as const
export class CoapServer {
  /** What carries it; give it to a `CoapClient` for both roles at one end. */
  readonly endpoint: Carrier
  readonly #env: Env
  readonly #settings: Settings
  readonly #router = new Router()
  readonly #transfers: Transfers
  readonly #calls: Calls
  readonly #replies: Replies
  readonly #notifier: Notifier
  readonly #echoes: Echoes
  readonly #groups: Groups

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
    this.#settings = { ...serverDefaults, ...endpoint.settings }
    this.#transfers = new Transfers(env, this.#settings.maxTransfers, timesOf(this.#settings).exchangeLifetime)
    this.#calls = new Calls(this.#settings.maxPending, options.onError)
    this.#replies = new Replies(env, endpoint, this.#settings, this.#transfers, this.#calls)
    this.#echoes = new Echoes(env)
    this.#groups = new Groups(endpoint)
    this.#notifier = new Notifier(endpoint, this.#settings, ({ resource, request }) => {
      const handler = resource.options[METHODS[request.code]!]
      return after(env, this.#calls.call(handler, request), (answer) => this.#replies.draft(request, answer))
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

  get counted(): ServerStatistics {
    return this.#calls.counted
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
      const { code } = this.#calls.thrown(error, new CoapRequest(message, request.from, request.multicast))
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
    const { fresh, etag } = resource.options
    if (fresh !== undefined && !this.#echoes.isFresh(message.bytes(OPTION.ECHO) ?? new Uint8Array(0), from, fresh)) {
      return refuse(refusal(CODE.UNAUTHORIZED, '', [[OPTION.ECHO, this.#echoes.make(from)]]))
    }
    if (etag !== undefined && !holds(message, etag(plain.path))) return refuse(refusal(CODE.PRECONDITION_FAILED))
    const block1 = readBlock(message, OPTION.BLOCK1)
    const block2 = readBlock(message, OPTION.BLOCK2)
    if (block1 === 'malformed' || block2 === 'malformed') return refuse(refusal(CODE.BAD_REQUEST, 'a block option that says no block'))
    if (block1 !== undefined) return this.#taken(received, message, resource, handler, block1)
    if (block2 !== undefined && block2.offset > 0) return this.#more(received, plain, handler, block2)
    this.#run(received, plain, handler, resource)
  }

  #run(received: Asked, request: CoapRequest, handler: Handler, resource: Resource, block?: Block): void {
    if (this.#calls.full) return this.#reply(received, request, refusal(CODE.SERVICE_UNAVAILABLE))
    after(this.#env, this.#calls.call(handler, request), (answer) => this.#reply(received, request, answer, resource, block))
  }

  // ---- bodies that come ----

  /** One block of a body (RFC 7959 §2.5). */
  #taken(received: Asked, message: Message, resource: Resource, handler: Handler, block: Block): void {
    const { from, multicast } = received
    const { payload } = message
    const { blocks = 'whole' } = resource.options
    const { blockSize, maxBody } = this.#settings
    const request = new CoapRequest(message, from, multicast, undefined, block)
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
      const answer = this.#calls.call(handler, new CoapRequest(message, from, multicast, new Uint8Array(0), undefined, feed))
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

  // ---- what is answered ----

  /** A block behind the first (RFC 7959 §2.4): of what was begun, or of what is made anew. */
  #more(received: Asked, request: CoapRequest, handler: Handler, block: Block): void {
    after(this.#env, this.#replies.more(request, block), (draft) => {
      if (draft !== undefined) return this.#answer(received, request, draft)
      if (request.code !== CODE.GET && request.code !== CODE.FETCH) return this.#reply(received, request, refusal(CODE.REQUEST_ENTITY_INCOMPLETE))
      this.#run(received, request, handler, NONE)
    })
  }

  #reply(received: Asked, request: CoapRequest, reply: CoapReply, resource: Resource = NONE, block?: Block): void {
    after(this.#env, this.#replies.draft(request, reply), (draft) => {
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
    this.#calls.counted.answered++
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
