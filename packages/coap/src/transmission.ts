/**
 * Messages on their way out: RFC 7252 §4.2 (retransmission), §4.4 (ids), §4.7 (NSTART and PROBING_RATE). Whoever sends is told when one is lost; that it
 * arrived is known by `Peer.outgoing`, from what comes in.
 */

import type { Endpoint, Env, Instant } from '@favonius/contract'
import { between } from '@favonius/inet'
import { Jobs } from './jobs.ts'
import type { CoapOutput } from './events.ts'
import type { Exchange, Outgoing, Peer, Received, Remembered } from './peer.ts'
import { Peers } from './peers.ts'
import type { EndSettings } from './serving.ts'
import { timesOf, type Times } from './settings.ts'
import { statistics } from './statistics.ts'
import * as TYPE from './types.ts'
import { emptyMessage } from './wire.ts'

export class Transmission {
  readonly settings: EndSettings
  readonly times: Times
  readonly random: Env['random']
  readonly statistics = statistics()
  readonly jobs = new Jobs<Outgoing | Exchange | Received | Peer>()
  readonly peers: Peers
  readonly out: CoapOutput[] = []
  readonly #lost: (outgoing: Outgoing, code: string, now: Instant) => void

  /** `lost` is called for what was not acknowledged, and for what there was no room to keep. */
  constructor(random: Env['random'], settings: EndSettings, lost: (outgoing: Outgoing, code: string, now: Instant) => void) {
    this.random = random
    this.settings = settings
    this.times = timesOf(settings)
    this.peers = new Peers(settings.maxPeers)
    this.#lost = lost
  }

  peer(endpoint: Endpoint, now: Instant): Peer | undefined {
    const peer = this.peers.at(endpoint, this.random, now)
    if (peer === undefined) this.statistics.dropped.peers++
    return peer
  }

  send(data: Uint8Array, { endpoint }: Peer): void {
    this.statistics.sent++
    this.out.push({ kind: 'send', data, to: endpoint })
  }

  /** Acknowledges, once. */
  acknowledge(remembered: Remembered): void {
    if (remembered.reply !== undefined) return
    remembered.reply = emptyMessage(TYPE.ACK, remembered.id)
    this.send(remembered.reply, remembered.peer)
  }

  /** Sends it in its turn, when fewer than NSTART are outstanding. */
  queue(outgoing: Outgoing, now: Instant): void {
    const { peer } = outgoing
    peer.waiting.push(outgoing)
    this.next(peer, now)
    if (peer.waiting.length > this.settings.maxWaiting) this.#lost(outgoing, 'ENOBUFS', now)
  }

  /** Sends what waits, as far as it may go now. */
  next(peer: Peer, now: Instant): void {
    while (peer.waiting.length > 0 && peer.outstanding < this.settings.nstart) {
      const at = peer.idAt(now, this.times.exchangeLifetime)
      if (at > now) return this.jobs.schedule(peer, at)
      this.#start(peer.waiting.shift()!, now)
    }
  }

  #start(outgoing: Outgoing, now: Instant): void {
    const { peer, confirmable, data } = outgoing
    const { ackTimeout, ackRandomPercent, probingRate, responseTimeout } = this.settings
    this.number(outgoing, now)
    outgoing.counts = true
    peer.outstanding++
    if (confirmable) {
      outgoing.timeout = between(this.random, ackTimeout, ackTimeout * ackRandomPercent / 100)
      this.jobs.schedule(outgoing, now + outgoing.timeout)
    } else {
      // The next one may go when this one was answered, or its bytes are a second each ago.
      this.jobs.schedule(outgoing, now + data.length / probingRate * 1000)
      if (outgoing.exchange !== undefined) this.jobs.schedule(outgoing.exchange, now + responseTimeout)
    }
    this.send(data, peer)
  }

  /** Gives it an id, under which its acknowledgment, or a reset, comes. */
  number(outgoing: Outgoing, now: Instant): void {
    const { peer, data } = outgoing
    if (outgoing.id >= 0) peer.outgoing.delete(outgoing.id)
    const id = (outgoing.id = peer.takeId(now))
    data[2] = id >>> 8
    data[3] = id
    peer.outgoing.set(id, outgoing)
  }

  /** Numbers what is neither acknowledged nor waited for; false when no id is free. */
  once(outgoing: Outgoing, now: Instant): boolean {
    if (outgoing.peer.idAt(now, this.times.exchangeLifetime) > now) {
      this.statistics.dropped.unsent++
      return false
    }
    this.number(outgoing, now)
    this.jobs.schedule(outgoing, now + this.times.nonLifetime)
    return true
  }

  /** Its time has come: to be sent again, or to be given up. */
  late(outgoing: Outgoing, now: Instant): void {
    if (!outgoing.confirmable) return outgoing.counts ? this.release(outgoing, now) : this.drop(outgoing, now)
    if (outgoing.attempts >= this.settings.maxRetransmit) return this.#lost(outgoing, 'ETIMEDOUT', now)
    outgoing.attempts++
    outgoing.timeout *= this.settings.backoffPercent / 100
    this.statistics.retransmitted++
    if (outgoing.next !== undefined) {
      outgoing.data = outgoing.next
      outgoing.next = undefined
      this.number(outgoing, now)
    }
    this.jobs.schedule(outgoing, now + outgoing.timeout)
    this.send(outgoing.data, outgoing.peer)
  }

  /** It counts for NSTART no longer. */
  release(outgoing: Outgoing, now: Instant): void {
    if (!outgoing.counts) return
    outgoing.counts = false
    outgoing.peer.outstanding--
    this.next(outgoing.peer, now)
  }

  /** Nothing more is to be done for it. */
  drop(outgoing: Outgoing, now: Instant): void {
    const { peer, peer: { waiting }, exchange } = outgoing
    this.jobs.cancel(outgoing)
    if (outgoing.id >= 0) peer.outgoing.delete(outgoing.id)
    else if (waiting.includes(outgoing)) waiting.splice(waiting.indexOf(outgoing), 1)
    if (exchange?.outgoing === outgoing) exchange.outgoing = undefined
    this.release(outgoing, now)
  }
}
