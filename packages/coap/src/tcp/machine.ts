/** One connection, without a loop: RFC 8323 §5 and §7. Read §5.3 before touching what is said first. */

import type { Endpoint, Instant, Machine } from '@favonius/contract'
import { MAX_BLOCK, sizeWithin } from '../blocks.ts'
import { unacceptable } from '../definitions.ts'
import type { Asked, CoapInput, CoapOutput } from '../events.ts'
import { Job, Jobs } from '../jobs.ts'
import * as OPTION from '../numbers.ts'
import { DEREGISTER, REGISTER } from '../observe.ts'
import type { Settings } from '../serving.ts'
import type { CoapStatistics } from '../statistics.ts'
import { fourBytes, Message, type Draft } from '../wire.ts'
import type { FrameReader, Framing } from './framing.ts'
import { BASE_SIZE, BLOCK_WISE_TRANSFER, MAX_MESSAGE_SIZE, SIGNAL } from './wire.ts'

/** What happens to a connection: what came, or what either role wants, as of `CoapMachine`. */
export type ConnectionInput = Exclude<CoapInput, { readonly kind: 'received' | 'unsent' | 'forget' }> | { readonly kind: 'bytes'; readonly data: Uint8Array } | { readonly kind: 'closed' }

export type ConnectionOutput = Exclude<CoapOutput, { readonly kind: 'send' }>
  | { readonly kind: 'write'; readonly data: Uint8Array<ArrayBuffer> }
  /** Nothing is read or written any more, but for what was written before. */
  | { readonly kind: 'end' }

/** A request of ours. */
class Exchange extends Job {
  readonly number: number
  readonly keep: boolean
  /** What was asked to be observed by, as long as the peer may tell. */
  registration: Draft | undefined

  constructor(number: number, keep: boolean) {
    super()
    this.number = number
    this.keep = keep
  }
}

const NO_TOKEN = /* @__PURE__ */ new Uint8Array(0)

export class Connection implements Machine<ConnectionInput, ConnectionOutput> {
  readonly #remote: Endpoint
  readonly #settings: Settings
  readonly #statistics: CoapStatistics
  readonly #serves: boolean
  readonly #framing: Framing
  readonly #reader: FrameReader
  readonly #message = new Message()
  readonly #exchanges = new Map<number, Exchange>()
  /** Exchanges that wait for a Pong. */
  readonly #pings = new Set<number>()
  readonly #jobs = new Jobs<Exchange>()
  readonly #out: ConnectionOutput[] = []
  /** Bytes of the largest message that the peer takes; 0 until it has said so, by a CSM. */
  #most = 0
  /** It has said that it knows blocks. */
  #blocks = false
  #ended = false

  /** Without `serves` requests are answered 4.04. */
  constructor(remote: Endpoint, settings: Settings, statistics: CoapStatistics, serves: boolean, framing: Framing) {
    this.#remote = remote
    this.#settings = settings
    this.#statistics = statistics
    this.#serves = serves
    this.#framing = framing
    this.#reader = framing.reader(settings.maxMessage)
    // RFC 8323 §5.3: the first thing that is said.
    this.#write(NO_TOKEN, { code: SIGNAL.CSM, options: [[MAX_MESSAGE_SIZE, settings.maxMessage], [BLOCK_WISE_TRANSFER, '']] })
  }

  handle(input: ConnectionInput, now: Instant): void {
    if (this.#ended && input.kind !== 'closed') return this.#refuse(input)
    switch (input.kind) {
      case 'bytes': return this.#receive(input.data)
      case 'request': {
        const exchange = this.#exchanges.get(input.exchange) ?? new Exchange(input.exchange, input.keep ?? false)
        this.#exchanges.set(input.exchange, exchange)
        this.#jobs.schedule(exchange, now + this.#settings.responseTimeout)
        exchange.registration = input.draft.options?.some(([number, value]) => number === OPTION.OBSERVE && value === REGISTER) ? input.draft : undefined
        // RFC 8323 §5.3.1: more is not taken.
        if (!this.#write(fourBytes(input.exchange), input.draft)) this.#fail(input.exchange, 'EMSGSIZE')
        return
      }
      case 'ping': {
        const exchange = new Exchange(input.exchange, false)
        this.#exchanges.set(input.exchange, exchange)
        this.#pings.add(input.exchange)
        this.#jobs.schedule(exchange, now + this.#settings.responseTimeout)
        return void this.#write(fourBytes(input.exchange), { code: SIGNAL.PING })
      }
      case 'cancel': {
        this.#takeBack(input.exchange)
        return this.#end(input.exchange)
      }
      case 'respond': {
        const { request, draft } = input
        if (!request.answered && draft !== undefined && !this.#write(request.token, draft)) this.#write(request.token, { code: 0xa0 })
        ;(input.request as { answered: boolean }).answered = true
        return
      }
      case 'notify': {
        this.#write(input.token, input.draft)
        if (input.confirmable) this.#out.push({ kind: 'notified', observer: input.observer, code: undefined })
        return
      }
      case 'closed': {
        this.#ended = true
        for (const number of [...this.#exchanges.keys()]) this.#fail(number, 'ECONNRESET')
      }
    }
  }

  tick(now: Instant): void {
    for (let job = this.#jobs.take(now); job !== undefined; job = this.#jobs.take(now)) {
      this.#takeBack(job.number)
      this.#fail(job.number, 'ETIMEDOUT')
    }
  }

  /** RFC 7641 §3.6: where messages are, who is told what it does not wait for answers by a reset. Here there is none: it says so. */
  #takeBack(number: number): void {
    const registration = this.#exchanges.get(number)?.registration
    if (registration === undefined) return
    const options = registration.options!.map((option) => (option[0] === OPTION.OBSERVE ? [OPTION.OBSERVE, DEREGISTER] as const : option))
    this.#write(fourBytes(number), { ...registration, options })
  }

  poll(): ConnectionOutput | undefined {
    return this.#out.shift()
  }

  deadline(): Instant | undefined {
    return this.#jobs.due === Infinity ? undefined : this.#jobs.due
  }

  has(exchange: number): boolean {
    return this.#exchanges.has(exchange)
  }

  /** As of `Carrier`: of more than a block where the peer has said that it knows BERT (RFC 8323 §5.3.2). */
  get room(): number {
    if (this.#most === 0) return 0
    const room = Math.min(this.#most, this.#blocks ? this.#settings.maxMessage : BASE_SIZE) - (BASE_SIZE - MAX_BLOCK)
    return room < MAX_BLOCK ? sizeWithin(room) : room & -MAX_BLOCK
  }

  /** Nothing is said over it any more. */
  get over(): boolean {
    return this.#ended
  }

  /** It is over: whatever is wanted of it fails. */
  #refuse(input: ConnectionInput): void {
    if (input.kind === 'request' || input.kind === 'ping') this.#out.push({ kind: 'failed', exchange: input.exchange, code: 'ECONNRESET' })
    else if (input.kind === 'notify') this.#out.push({ kind: 'notified', observer: input.observer, code: 'ECONNRESET' })
  }

  /** False when it is more than the peer takes: then it is not sent. */
  #write(token: Uint8Array, draft: Draft): boolean {
    const data = this.#framing.emit(token, draft)
    if (data.length > (this.#most || BASE_SIZE)) {
      this.#statistics.dropped.unsent++
      return false
    }
    this.#statistics.sent++
    this.#out.push({ kind: 'write', data })
    return true
  }

  #end(number: number): void {
    const exchange = this.#exchanges.get(number)
    if (exchange === undefined) return
    this.#exchanges.delete(number)
    this.#pings.delete(number)
    this.#jobs.cancel(exchange)
  }

  #fail(number: number, code: string): void {
    this.#end(number)
    this.#out.push({ kind: 'failed', exchange: number, code })
  }

  /** RFC 8323 §5.6: says why, and ends. */
  #abort(why: string): void {
    this.#statistics.dropped.malformed++
    this.#write(NO_TOKEN, { code: SIGNAL.ABORT, payload: Uint8Array.from(why, (letter) => letter.charCodeAt(0)) })
    this.#close()
  }

  #close(): void {
    this.#ended = true
    this.#out.push({ kind: 'end' })
    for (const number of [...this.#exchanges.keys()]) this.#fail(number, 'ECONNRESET')
  }

  #receive(data: Uint8Array): void {
    const malformed = this.#reader.take(data, this.#message, () => {
      this.#hear(this.#message)
      return !this.#ended
    })
    if (malformed !== undefined && !this.#ended) this.#abort(malformed.malformed)
  }

  #hear(message: Message): void {
    const { code } = message
    this.#statistics.received++
    if (this.#most === 0 && code !== SIGNAL.CSM) return this.#abort('a CSM comes first')
    if (code >> 5 === 7) return this.#signal(message)
    // RFC 8323 §3.4: an empty message says nothing.
    if (code === 0) return
    if (code < 0x20) {
      // Each has bytes of its own, and so may be kept.
      const request: Asked = { from: this.#remote, token: message.token, confirmable: true, multicast: false, answered: false }
      if (this.#serves) this.#out.push({ kind: 'request', request, message: message.own() })
      else this.#write(message.token, { code: 0x84 })
      return
    }
    const number = message.tokenUint
    const exchange = this.#exchanges.get(number)
    if (exchange === undefined || this.#pings.has(number)) return void this.#statistics.dropped.token++
    if (unacceptable(message) !== undefined) {
      this.#statistics.dropped.option++
      return this.#fail(number, 'EPROTO')
    }
    // Of what is refused, or not to be observed, nothing more is told.
    if (message.code >> 5 !== 2 || !message.find(OPTION.OBSERVE)) exchange.registration = undefined
    if (exchange.keep) this.#jobs.cancel(exchange)
    else this.#end(number)
    this.#out.push({ kind: 'response', exchange: number, message: message.own(), from: this.#remote })
  }

  #signal(message: Message): void {
    // RFC 8323 §5.2: an option that is critical, and not known, ends it. Those of a CSM are elective.
    message.rewind()
    while (message.next()) if ((message.number & 1) === 1) return this.#abort(`option ${message.number}`)
    switch (message.code) {
      case SIGNAL.CSM: {
        this.#most = Math.max(1, message.uint(MAX_MESSAGE_SIZE) ?? (this.#most || BASE_SIZE))
        this.#blocks ||= message.find(BLOCK_WISE_TRANSFER)
        return
      }
      case SIGNAL.PING: return void this.#write(message.token, { code: SIGNAL.PONG })
      case SIGNAL.PONG: {
        for (const number of this.#pings) {
          // libcoap 4.3.1 has no token in it: then it answers the first.
          if (message.tokenLength > 0 && fourBytes(number).join() !== message.token.join()) continue
          this.#end(number)
          return void this.#out.push({ kind: 'acknowledged', exchange: number })
        }
        return
      }
      // §5.5, §5.6: it goes, and what it has not answered is not answered any more.
      case SIGNAL.RELEASE: case SIGNAL.ABORT: return this.#close()
    }
  }
}
