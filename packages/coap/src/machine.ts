/**
 * The message layer and its exchanges, without a loop: RFC 7252 §4 and §5.2. Read §4.2, §4.5 and §5.3.2 before touching what is acknowledged,
 * and RFC 7641 §4.5.2 for what becomes of a notification that a newer one overtakes.
 *
 * It serves both roles of one endpoint. To a client it sends requests, and tells what was answered; a server it tells of requests, once each, and
 * sends what it answers: with the acknowledgment when that is early, by a message of its own when it is late.
 */

import type { Endpoint, Env, Instant, Machine } from '@favonius/contract'
import * as CODE from './codes.ts'
import { unacceptable } from './definitions.ts'
import type { AnswerInput, CoapInput, CoapOutput } from './events.ts'
import { Memory } from './memory.ts'
import { Exchange, Outgoing, type Peer, type Received, type Remembered } from './peer.ts'
import type { EndSettings } from './serving.ts'
import type { CoapStatistics } from './statistics.ts'
import { Transmission } from './transmission.ts'
import * as TYPE from './types.ts'
import { emit, emptyMessage, fourBytes, HEADER, Message } from './wire.ts'

const isResponse = (code: number): boolean => code >= 0x40 && code < 0xc0

/** What a server adds to a machine: `Answers`. */
export interface ServerHalf {
  handle(input: AnswerInput, now: Instant): void
  asked(remembered: Remembered, message: Message, multicast: boolean, now: Instant): void
  late(request: Received): void
  notified(outgoing: Outgoing, code: string | undefined, now: Instant): void
}

export class CoapMachine implements Machine<CoapInput, CoapOutput> {
  readonly #transmission: Transmission
  readonly #answers: ServerHalf | undefined
  readonly #exchanges = new Map<number, Exchange>()
  readonly #memory = new Memory()
  readonly #message = new Message()

  /** Without `Answers` it is a client alone, and requests that come are rejected. */
  constructor(random: Env['random'], settings: EndSettings, answers?: new (transmission: Transmission) => ServerHalf) {
    this.#transmission = new Transmission(random, settings, (outgoing, code, now) => this.#lost(outgoing, code, now))
    this.#answers = answers && new answers(this.#transmission)
  }

  handle(input: CoapInput, now: Instant): void {
    switch (input.kind) {
      case 'received': return this.#receive(input.data, input.from, input.multicast, now)
      case 'request': return this.#request(input, now)
      case 'ping': return this.#ask(input.exchange, input.to, emptyMessage(TYPE.CON, 0), true, false, undefined, now)
      case 'cancel': return this.#end(this.#exchanges.get(input.exchange), now)
      case 'unsent': {
        const peer = this.#transmission.peer(input.to, now)
        if (peer !== undefined) for (const one of [...peer.outgoing.values(), ...peer.waiting]) this.#lost(one, input.code, now)
        return
      }
      default: this.#answers?.handle(input, now)
    }
  }

  tick(now: Instant): void {
    const { jobs } = this.#transmission
    for (let job = jobs.take(now); job !== undefined; job = jobs.take(now)) {
      switch (job.kind) {
        case 'outgoing': this.#transmission.late(job, now); break
        case 'exchange': this.#fail(job, 'ETIMEDOUT', now); break
        case 'peer': this.#transmission.next(job, now); break
        case 'received': this.#answers!.late(job)
      }
    }
    this.#memory.expire(now)
  }

  poll(): CoapOutput | undefined {
    return this.#transmission.out.shift()
  }

  deadline(): Instant | undefined {
    const due = Math.min(this.#transmission.jobs.due, this.#memory.due)
    return due === Infinity ? undefined : due
  }

  get statistics(): CoapStatistics {
    return this.#transmission.statistics
  }

  /** How much it keeps now: exchanges that are not over, messages remembered, peers. */
  get kept(): { readonly exchanges: number; readonly messages: number; readonly peers: number } {
    return { exchanges: this.#exchanges.size, messages: this.#memory.size, peers: this.#transmission.peers.size }
  }

  // ---- asking ----

  #request({ exchange: number, to, draft, confirmable, keep = false, window }: CoapInput & { kind: 'request' }, now: Instant): void {
    this.#ask(number, to, emit(confirmable ? TYPE.CON : TYPE.NON, 0, fourBytes(number), draft), confirmable, keep, window, now)
  }

  #ask(number: number, to: Endpoint, data: Uint8Array, confirmable: boolean, keep: boolean, window: number | undefined, now: Instant): void {
    const transmission = this.#transmission
    let exchange = this.#exchanges.get(number)
    const peer = exchange?.peer ?? transmission.peer(to, now)
    if (peer === undefined) return void transmission.out.push({ kind: 'failed', exchange: number, code: 'ENOBUFS' })
    if (exchange === undefined) {
      exchange = new Exchange(number, window === undefined ? peer : undefined, keep)
      this.#exchanges.set(number, exchange)
      if (window === undefined) peer.open++
    } else if (exchange.outgoing !== undefined) transmission.drop(exchange.outgoing, now)
    const outgoing = new Outgoing(peer, confirmable, data)
    exchange.outgoing = outgoing
    outgoing.exchange = exchange
    if (window === undefined) return transmission.queue(outgoing, now)
    // To a group: once, to whoever is there (RFC 7252 §8.1).
    transmission.jobs.schedule(exchange, now + window)
    if (transmission.once(outgoing, now)) transmission.send(data, peer)
  }

  /** What was sent did not arrive, or was refused. */
  #lost(outgoing: Outgoing, code: string, now: Instant): void {
    const { exchange, observer } = outgoing
    this.#transmission.drop(outgoing, now)
    if (exchange !== undefined) this.#fail(exchange, code, now)
    else if (observer !== undefined) this.#answers!.notified(outgoing, code, now)
    else this.statistics.dropped.unsent++
  }

  #fail(exchange: Exchange, code: string, now: Instant): void {
    this.#transmission.out.push({ kind: 'failed', exchange: exchange.number, code })
    this.#end(exchange, now)
  }

  #end(exchange: Exchange | undefined, now: Instant): void {
    if (exchange === undefined || !this.#exchanges.delete(exchange.number)) return
    if (exchange.peer !== undefined) exchange.peer.open--
    this.#transmission.jobs.cancel(exchange)
    if (exchange.outgoing !== undefined) this.#transmission.drop(exchange.outgoing, now)
  }

  // ---- receiving ----

  #receive(data: Uint8Array, from: Endpoint, multicast: boolean, now: Instant): void {
    const { dropped } = this.statistics
    const message = this.#message
    this.statistics.received++
    const malformed = message.read(data)
    if (malformed !== undefined) {
      dropped.malformed++
      // RFC 7252 §3 and §4.2: another version is ignored in silence; what is confirmable otherwise is rejected.
      if (data.length >= HEADER && data[0]! >> 6 === 1 && message.type === TYPE.CON && !multicast) this.#reject(message.id, this.#transmission.peer(from, now))
      return
    }
    const { type, code } = message
    const peer = this.#transmission.peer(from, now)
    if (peer === undefined) return
    const isRequest = code > 0 && code < 0x20
    // RFC 7252 §8.1: to a group only requests that are not confirmable.
    if (multicast && (type !== TYPE.NON || !isRequest)) return void dropped.type++
    if (type === TYPE.ACK || type === TYPE.RST) return this.#hear(message, peer, now)
    if (!isRequest && !isResponse(code)) {
      // RFC 7252 §4.3: a ping, answered by a reset; or a class that is reserved.
      if (type === TYPE.CON) this.#reject(message.id, peer)
      if (type === TYPE.NON || code !== CODE.EMPTY) dropped.type++
      return
    }
    this.#memory.expire(now)
    const before = peer.received.get(message.id)
    if (before !== undefined) return this.#again(before)
    if (!isRequest) return this.#response(message, peer, now)
    if (this.#answers !== undefined) return this.#answers.asked(this.#remember(message, peer, now), message, multicast, now)
    dropped.type++
    if (type === TYPE.CON) this.#reject(message.id, peer)
  }

  #reject(id: number, peer: Peer | undefined): void {
    if (peer !== undefined) this.#transmission.send(emptyMessage(TYPE.RST, id), peer)
  }

  /** RFC 7252 §4.5: what comes again is answered as before. */
  #again({ reply, peer }: Remembered): void {
    this.statistics.dropped.duplicate++
    if (reply !== undefined) this.#transmission.send(reply, peer)
  }

  /** An acknowledgment or a reset. */
  #hear(message: Message, peer: Peer, now: Instant): void {
    const { dropped } = this.statistics
    const { type, code, id } = message
    const outgoing = peer.outgoing.get(id)
    // RFC 7252 §4.2: a reset is empty, an acknowledgment has a response or nothing. Only what is confirmable is acknowledged.
    if (code !== CODE.EMPTY && (type === TYPE.RST || !isResponse(code))) return void dropped.type++
    if (outgoing === undefined || (type === TYPE.ACK && !outgoing.confirmable)) return void dropped.unexpected++
    const { exchange, observer } = outgoing
    if (type === TYPE.RST) {
      // Of a ping it is what was hoped for.
      if (exchange === undefined || outgoing.data[1] !== CODE.EMPTY) return this.#lost(outgoing, 'ECONNRESET', now)
      this.#transmission.out.push({ kind: 'acknowledged', exchange: exchange.number })
      return this.#end(exchange, now)
    }
    if (code !== CODE.EMPTY) {
      if (exchange === undefined || message.tokenUint !== exchange.number) return void dropped.token++
      if (unacceptable(message) !== undefined) return this.#refuse(exchange, now)
      return this.#answered(exchange, message, peer, now)
    }
    this.#transmission.drop(outgoing, now)
    if (observer !== undefined) this.#answers!.notified(outgoing, undefined, now)
    if (exchange === undefined) return
    this.#transmission.out.push({ kind: 'acknowledged', exchange: exchange.number })
    // A response of its own follows (RFC 7252 §5.2.2).
    this.#transmission.jobs.schedule(exchange, now + this.#transmission.settings.responseTimeout)
  }

  /** A response in a message of its own. */
  #response(message: Message, peer: Peer, now: Instant): void {
    const exchange = this.#exchanges.get(message.tokenUint)
    const ours = exchange !== undefined && (exchange.peer === undefined || exchange.peer === peer)
    if (!ours || unacceptable(message) !== undefined) {
      // RFC 7252 §4.2, RFC 7641 §3.6: so that nobody goes on to tell us what we do not want to hear.
      this.#reject(message.id, peer)
      if (ours) this.#refuse(exchange, now)
      else this.statistics.dropped.token++
      return
    }
    const remembered = this.#remember(message, peer, now)
    if (message.type === TYPE.CON) this.#transmission.acknowledge(remembered)
    this.#answered(exchange, message, peer, now)
  }

  /** RFC 7252 §5.4.1: it was answered, by what is not to be understood, and will not be in another way. One of a group says nothing of the others. */
  #refuse(exchange: Exchange, now: Instant): void {
    this.statistics.dropped.option++
    if (exchange.peer !== undefined) this.#fail(exchange, 'EPROTO', now)
  }

  #answered(exchange: Exchange, message: Message, { endpoint }: Peer, now: Instant): void {
    // RFC 7252 §5.2.2: it says too that the request arrived, whatever became of its acknowledgment.
    if (exchange.peer !== undefined) {
      if (exchange.outgoing !== undefined) this.#transmission.drop(exchange.outgoing, now)
      if (exchange.keep) this.#transmission.jobs.cancel(exchange)
      else this.#end(exchange, now)
    }
    this.#transmission.out.push({ kind: 'response', exchange: exchange.number, message: message.own(), from: endpoint })
  }

  #remember({ id }: Message, peer: Peer, now: Instant): Remembered {
    const { times, settings } = this.#transmission
    if (this.#memory.size >= settings.maxRemembered) {
      this.statistics.forgotten++
      this.#memory.forget()
    }
    return this.#memory.add(peer, id, now + times.exchangeLifetime)
  }
}
