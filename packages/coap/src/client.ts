/** The client with a loop: promises for responses, iteration for what is observed. RFC 7252 §5, RFC 7641 §3, RFC 7959 §2 and §3, RFC 9175 §2 and §3. */

import type { DatagramNet, Endpoint, Env, NameResolver } from '@favonius/contract'
import { failure } from '@favonius/inet'
import { Ask } from './ask.ts'
import type { Asker, Waiting, Where } from './asker.ts'
import { MAX_BLOCK } from './blocks.ts'
import type { Payload } from './body.ts'
import { codeOf, optionsOf, type CoapCall, type Method, type ObserveCall } from './call.ts'
import * as CODE from './codes.ts'
import { CoapEndpoint, type Carrier, type Told } from './endpoint.ts'
import * as OPTION from './numbers.ts'
import { Observation } from './observation.ts'
import { CoapResponse } from './response.ts'
import type { EndSettings } from './serving.ts'
import { defaults } from './settings.ts'
import type { CoapStatistics } from './statistics.ts'
import { parseUri, type Target } from './uri.ts'
import { Message, type Draft } from './wire.ts'

export type { CoapCall, Method, ObserveCall } from './call.ts'

/** Defaults are those of `coapOptions`. */
export interface CoapClientOptions extends Partial<EndSettings> {
  /** Who knows the addresses of names in URIs; without one they are refused with ENOTFOUND. */
  readonly resolver?: NameResolver | undefined
  /** Where its socket is opened: a free port of both families unless given. */
  readonly local?: Partial<Endpoint> | undefined
}

/** URIs whose parts are remembered. */
const URIS = 256
/** RFC 7967 §2.1: nothing at all. */
const NOTHING_WANTED = 26

const SAID: Readonly<Record<string, string>> = {
  ETIMEDOUT: 'no answer', ECONNRESET: 'a reset', EPROTO: 'an answer not understood', ENOBUFS: 'raise maxWaiting',
}

/** Asks CoAP servers, over any datagrams. */
export class CoapClient implements Asker {
  readonly #endpoint: Carrier
  readonly #env: Env
  readonly #settings: EndSettings
  readonly #options: CoapClientOptions
  readonly #waiting = new Map<number, Waiting>()
  readonly #targets = new Map<string, Target>()

  constructor(net: DatagramNet | Carrier, env: Env, options: CoapClientOptions = {}) {
    this.#env = env
    this.#settings = { ...defaults, ...options }
    this.#options = options
    this.#endpoint = 'handle' in net ? net : new CoapEndpoint(net, env, this.#settings)
    this.#endpoint.client = (told) => this.#told(told)
  }

  get(uri: string, call?: CoapCall): Promise<CoapResponse> {
    return this.request('GET', uri, call)
  }

  post(uri: string, payload?: Payload, call?: CoapCall): Promise<CoapResponse> {
    return this.request('POST', uri, { ...call, payload })
  }

  put(uri: string, payload?: Payload, call?: CoapCall): Promise<CoapResponse> {
    return this.request('PUT', uri, { ...call, payload })
  }

  delete(uri: string, call?: CoapCall): Promise<CoapResponse> {
    return this.request('DELETE', uri, call)
  }

  /** RFC 8132 §2. */
  fetch(uri: string, payload?: Payload, call?: CoapCall): Promise<CoapResponse> {
    return this.request('FETCH', uri, { ...call, payload })
  }

  /** RFC 8132 §3. */
  patch(uri: string, payload?: Payload, call?: CoapCall): Promise<CoapResponse> {
    return this.request('PATCH', uri, { ...call, payload })
  }

  /** RFC 8132 §3. */
  ipatch(uri: string, payload?: Payload, call?: CoapCall): Promise<CoapResponse> {
    return this.request('IPATCH', uri, { ...call, payload })
  }

  /**
   * Resolves with what the server answers, a refusal too: look at `response.ok`. Rejects with ETIMEDOUT, ECONNRESET, ENOBUFS; with EPROTO for an answer that
   * cannot be understood, EAGAIN for a body that changes faster than it is fetched, EMSGSIZE for one of more than `maxBody`; with EINVAL for what is no
   * URI, ENOTFOUND for a name without a resolver, ECANCELED when the client is closed, and with the signal's reason.
   */
  async request(method: Method, uri: string, call: CoapCall = {}): Promise<CoapResponse> {
    const { to, options } = this.#known(uri) ?? await this.find(uri, call.signal)
    const ask = new Ask(this, to, codeOf(method), optionsOf(options, call), call, this.#settings)
    const first = await ask.first()
    return first.message.find(OPTION.BLOCK2) ? ask.fetched(first) : first
  }

  /**
   * What becomes of a resource (RFC 7641): its state now, and each newer one. Ends when the server says that it tells no more; throws what `request`
   * rejects with, an error with `response` when the server refuses, and EMSGSIZE for a body that does not go in one message. Leaving the loop tells the server.
   */
  observe(uri: string, call: ObserveCall = {}): Observation {
    return new Observation(this, this.#env, this.#settings, uri, call)
  }

  /** Milliseconds until the peer at a URI's host answered an empty message (RFC 7252 §4.3); rejects as `request` does. */
  async ping(uri: string, { signal }: Pick<CoapCall, 'signal'> = {}): Promise<number> {
    const { to } = await this.find(uri, signal)
    const began = this.#env.clock.exact()
    await this.greet(to, signal)
    return this.#env.clock.exact() - began
  }

  get statistics(): CoapStatistics {
    return this.#endpoint.statistics
  }

  /** Who waits is told ECANCELED; an endpoint that was given is left open. */
  close(): void {
    for (const [number, waiting] of [...this.#waiting]) {
      this.forget(number)
      waiting.failed('ECANCELED')
    }
    this.#endpoint.client = undefined
    if (this.#endpoint.server === undefined) this.#endpoint.close()
  }

  // ---- for `Ask`, `Observation` and `askGroup` ----

  /** @internal A number for an exchange: at random, for it is the token. */
  number(): number {
    for (;;) {
      const number = this.#env.random.uint32()
      if (!this.#waiting.has(number)) return number
    }
  }

  /** @internal */
  room(to: Endpoint): number {
    return this.#endpoint.room?.(to) ?? MAX_BLOCK
  }

  /** @internal Resolves when a peer has answered an empty message. */
  greet(to: Endpoint, signal: AbortSignal | undefined): Promise<unknown> {
    return this.#wait(to, signal, (number) => this.#endpoint.handle({ kind: 'ping', exchange: number, to }), true)
  }

  /** @internal Whom a URI asks, and for what; the socket is open then. */
  async find(uri: string, signal: AbortSignal | undefined): Promise<Where> {
    const target = this.#parsed(uri)
    const to = target.to ?? await this.#found(target, signal)
    await this.#endpoint.open(this.#options.local)
    signal?.throwIfAborted()
    return { to, options: target.options }
  }

  /** @internal Begins an exchange that stays until it is forgotten, or for a time; or asks again under its number. */
  keep(number: number, waiting: Waiting, to: Endpoint, draft: Draft, confirmable: boolean, window?: number): void {
    this.#waiting.set(number, waiting)
    this.#endpoint.handle({ kind: 'request', exchange: number, to, draft, confirmable, keep: true, window })
  }

  /** @internal */
  forget(number: number): void {
    if (this.#waiting.delete(number)) this.#endpoint.handle({ kind: 'cancel', exchange: number })
  }

  /** @internal One message there, and one back. */
  exchange(to: Endpoint, draft: Draft, { signal, confirmable = true, noResponse }: CoapCall): Promise<CoapResponse> {
    return this.#wait(to, signal, (number, echo) => {
      const again = echo && { ...draft, options: [...draft.options ?? [], [OPTION.ECHO, echo] as const] }
      this.#endpoint.handle({ kind: 'request', exchange: number, to, draft: again ?? draft, confirmable })
      // Nothing is answered: it is done when it is sent, or acknowledged.
      if (noResponse === NOTHING_WANTED && !confirmable) this.#told({ kind: 'acknowledged', exchange: number })
    }, noResponse === NOTHING_WANTED)
  }

  // ---- the loop ----

  #wait(to: Endpoint, signal: AbortSignal | undefined, begin: (number: number, echo?: Uint8Array) => void, acknowledgment = false): Promise<CoapResponse> {
    return new Promise((resolve, reject) => {
      // It may have come between two blocks.
      signal?.throwIfAborted()
      let number = this.number()
      let echo: Uint8Array | undefined
      const abort = (): void => {
        this.forget(number)
        over()
        reject(signal!.reason as Error)
      }
      const over = (): void => {
        this.#env.wake()
        signal?.removeEventListener('abort', abort)
      }
      signal?.addEventListener('abort', abort)
      const waiting: Waiting = {
        response: (message, from) => {
          this.#waiting.delete(number)
          // RFC 9175 §2.3: it wants to know that we are here. It is told once.
          if (message.code === CODE.UNAUTHORIZED && echo === undefined && message.find(OPTION.ECHO)) {
            number = this.number()
            this.#waiting.set(number, waiting)
            return begin(number, (echo = message.value()))
          }
          over()
          resolve(new CoapResponse(message, from))
        },
        failed: (code) => {
          over()
          reject(failure(code, `${to.address} port ${to.port}: ${SAID[code] ?? code}`))
        },
        acknowledged: () => {
          if (!acknowledgment) return
          this.forget(number)
          over()
          resolve(new CoapResponse(new Message(), to))
        },
      }
      this.#waiting.set(number, waiting)
      begin(number)
    })
  }

  #told(told: Told): void {
    if (!('exchange' in told)) return
    const waiting = this.#waiting.get(told.exchange)
    if (waiting === undefined) return
    if (told.kind === 'response') waiting.response(told.message, told.from)
    else if (told.kind === 'acknowledged') waiting.acknowledged?.()
    else {
      this.#waiting.delete(told.exchange)
      waiting.failed(told.code)
    }
  }

  // ---- where to ----

  /** Whom a URI asks, where nothing is to be waited for. */
  #known(uri: string): Where | undefined {
    const target = this.#parsed(uri)
    return target.to !== undefined && this.#endpoint.isOpen ? target as Where : undefined
  }

  #parsed(uri: string): Target {
    let target = this.#targets.get(uri)
    if (target === undefined) {
      target = parseUri(uri, this.#endpoint)
      if (this.#targets.size >= URIS) this.#targets.clear()
      this.#targets.set(uri, target)
    }
    return target
  }

  async #found({ host, port }: Target, signal: AbortSignal | undefined): Promise<Endpoint> {
    const { resolver } = this.#options
    if (resolver === undefined) throw failure('ENOTFOUND', `${host} is a name: give the client { resolver }, a DnsClient for one`)
    const [found] = await resolver.lookup(host, { signal })
    this.#env.wake()
    return { ...found!, port }
  }
}
