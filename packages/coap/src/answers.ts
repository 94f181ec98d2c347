/**
 * The server's half of the machine: RFC 7252 §5.2 (responses with the acknowledgment, or of their own) and §8.2 (leisure), RFC 7641 §4.5 (notifications).
 * Who is a client alone has none of it.
 */

import type { Instant } from '@favonius/contract'
import { between } from '@favonius/inet'
import type { AnswerInput } from './events.ts'
import { Outgoing, Received, type Peer, type Remembered } from './peer.ts'
import { serverDefaults, type Settings } from './serving.ts'
import type { Transmission } from './transmission.ts'
import * as TYPE from './types.ts'
import { emit, type Message } from './wire.ts'

export class Answers {
  readonly #transmission: Transmission
  readonly #settings: Settings
  /** Of each observer the notification that went last. */
  readonly #notifications = new Map<number, Outgoing>()

  constructor(transmission: Transmission) {
    this.#transmission = transmission
    this.#settings = { ...serverDefaults, ...transmission.settings }
  }

  handle(input: AnswerInput, now: Instant): void {
    switch (input.kind) {
      case 'respond': return this.#respond(input, now)
      case 'notify': return this.#notify(input, now)
      case 'forget': return this.#forget(input.observer, now)
    }
  }

  /** A request has come. */
  asked(remembered: Remembered, message: Message, multicast: boolean, now: Instant): void {
    const { jobs, out } = this.#transmission
    const request = new Received(remembered, message.own(), multicast)
    if (request.confirmable) jobs.schedule(request, now + this.#settings.ackDelay)
    out.push({ kind: 'request', request, message: request.message })
  }

  /** It was not answered in time for its acknowledgment; or its leisure is over. */
  late({ remembered, multicast, answer }: Received): void {
    if (multicast) this.#transmission.send(answer!, remembered.peer)
    else this.#transmission.acknowledge(remembered)
  }

  #respond({ request: asked, draft }: AnswerInput & { kind: 'respond' }, now: Instant): void {
    const request = asked as Received
    if (request.answered) return
    request.answered = true
    const transmission = this.#transmission
    transmission.jobs.cancel(request)
    const { remembered, token, confirmable, multicast } = request
    const { peer } = remembered
    if (draft === undefined) {
      if (confirmable) transmission.acknowledge(remembered)
      return
    }
    if (confirmable && remembered.reply === undefined) {
      remembered.reply = emit(TYPE.ACK, remembered.id, token, draft)
      return transmission.send(remembered.reply, peer)
    }
    const outgoing = new Outgoing(peer, confirmable, emit(confirmable ? TYPE.CON : TYPE.NON, 0, token, draft))
    if (confirmable) return transmission.queue(outgoing, now)
    if (!transmission.once(outgoing, now)) return
    if (!multicast) return transmission.send(outgoing.data, peer)
    // RFC 7252 §8.2: not everybody at once.
    request.answer = outgoing.data
    transmission.jobs.schedule(request, now + between(transmission.random, 0, this.#settings.leisure))
  }

  #notify({ observer, to, token, draft, confirmable }: AnswerInput & { kind: 'notify' }, now: Instant): void {
    const peer = this.#transmission.peer(to, now)
    if (peer === undefined) return void this.#transmission.out.push({ kind: 'notified', observer, code: 'ENOBUFS' })
    // One that is confirmable is not given up for one that is not.
    const certain = confirmable || this.#notifications.get(observer)?.confirmable === true
    this.#send(observer, peer, certain, emit(certain ? TYPE.CON : TYPE.NON, 0, token, draft), now)
  }

  #send(observer: number, peer: Peer, confirmable: boolean, data: Uint8Array, now: Instant): void {
    const before = this.#notifications.get(observer)
    if (before !== undefined && before.confirmable) {
      // RFC 7641 §4.5.2: the newer one takes the place, and the count, of the one under way, when that would be sent again.
      if (before.id < 0) before.data = data
      else before.next = data
      return
    }
    // A reset may come for the last one that is not confirmable, and for no other.
    if (before !== undefined) this.#transmission.drop(before, now)
    const outgoing = new Outgoing(peer, confirmable, data)
    outgoing.observer = observer
    this.#notifications.set(observer, outgoing)
    if (confirmable) this.#transmission.queue(outgoing, now)
    else if (this.#transmission.once(outgoing, now)) this.#transmission.send(data, peer)
  }

  /** A notification arrived; code undefined; or did not. */
  notified({ observer, peer, next }: Outgoing, code: string | undefined, now: Instant): void {
    this.#notifications.delete(observer!)
    if (code === undefined && next !== undefined) this.#send(observer!, peer, true, next, now)
    else this.#transmission.out.push({ kind: 'notified', observer: observer!, code })
  }

  #forget(observer: number, now: Instant): void {
    const outgoing = this.#notifications.get(observer)
    this.#notifications.delete(observer)
    if (outgoing !== undefined) this.#transmission.drop(outgoing, now)
  }
}
