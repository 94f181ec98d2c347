/** Echo requests of ours and the replies to them, RFC 4443 §4. */

import type { Address, Env, Instant, IpInfo, NetBuf, Route, Timer } from '@favonius/contract'
import { deferred, type Deferred } from '@favonius/clock'
import { address as parse, copyAddress, failure, PROTOCOL_ICMPV6 } from '@favonius/inet'
import type { Drops } from './drops.ts'
import type { Ipv6, PingOptions, PingResult } from './ipv6.ts'
import { ICMPV6, icmpTypes } from './wire/icmp.ts'

/** What a ping needs of the layer. */
type Layer = Pick<Ipv6, 'route' | 'message' | 'sendMessage' | 'isMulticast'>

/** The pings under way, found by their identifiers. */
export class Pings {
  readonly #env: Env
  readonly #layer: Layer
  readonly #drops: Drops
  readonly #zoneOf: (name: string) => number | undefined
  readonly #under = new Map<number, Ping>()

  constructor(env: Env, layer: Layer, drops: Drops, zoneOf: (name: string) => number | undefined) {
    this.#env = env
    this.#layer = layer
    this.#drops = drops
    this.#zoneOf = zoneOf
  }

  async ping(address: string | Address, options: PingOptions): Promise<PingResult> {
    const to = typeof address === 'string' ? parse(address, this.#zoneOf) : address
    if (to.family !== 6) throw failure('EINVAL', `${to} is no IPv6 address`)
    const { iface, hopLimit, count = 1, size: data = 56 } = options
    if (!Number.isInteger(count) || count < 0 || !Number.isInteger(data) || data < 0) {
      throw failure('EINVAL', `a ping of ${count} requests with ${data} bytes of data: both are whole numbers from 0`)
    }
    const route = (): Route => {
      const way = this.#layer.route(to, { protocol: PROTOCOL_ICMPV6, iface, hopLimit })
      if (way !== undefined) return way
      throw failure('ENETUNREACH', `no route to ${to}, or no address to send from: is an interface up? does it need a zone or a gateway?`)
    }
    const first = route()
    if (ICMPV6.body + data > first.maxPayload) {
      const most = first.maxPayload - ICMPV6.body
      throw failure('EMSGSIZE', `${data} bytes of data do not go to ${to} in one packet: at most ${most} do`)
    }
    let identifier: number
    do identifier = this.#env.random.uint32() & 0xffff
    while (this.#under.has(identifier))
    const ping = new Ping(this.#env, this.#layer, { identifier, first, route, group: this.#layer.isMulticast(to) }, options)
    this.#under.set(identifier, ping)
    try {
      return await ping.start()
    } finally {
      this.#under.delete(identifier)
    }
  }

  /** An echo reply arrived. Takes the reference. */
  reply(packet: NetBuf, ip: IpInfo): void {
    const { dv, offset } = packet
    if (packet.length < ICMPV6.body) return ip.iface.drop(packet, this.#drops.icmpShort)
    const ping = this.#under.get(dv.getUint16(offset + ICMPV6.identifier))
    if (!ping?.reply(dv.getUint16(offset + ICMPV6.sequence), ip.source)) return ip.iface.drop(packet, this.#drops.icmpReply)
    packet.unref()
  }

  stop(): void {
    for (const ping of this.#under.values()) ping.cancel()
  }
}

interface Target {
  readonly identifier: number
  readonly first: Route
  route(): Route
  /** Everyone of a group may answer each request. */
  readonly group: boolean
}

class Ping {
  readonly #env: Env
  readonly #layer: Layer
  readonly #target: Target
  readonly #count: number
  readonly #size: number
  readonly #interval: number
  readonly #timeout: number
  readonly #timer: Timer
  readonly #done: Deferred<PingResult>
  /** When each request was sent, and whether someone has answered it; sequence number 1 is at 0. */
  readonly #sentAt: Instant[] = []
  readonly #answered: boolean[] = []
  readonly #roundTrips: number[] = []
  #route: Route
  #from: Address | undefined

  constructor(env: Env, layer: Layer, target: Target, { count = 1, size = 56, interval = 1000, timeout = 1000 }: PingOptions) {
    this.#env = env
    this.#layer = layer
    this.#target = target
    this.#route = target.first
    this.#count = count
    this.#size = size
    this.#interval = interval
    this.#timeout = timeout
    this.#done = deferred(env)
    this.#timer = env.clock.timer((now) => this.#next(now))
  }

  start(): Promise<PingResult> {
    this.#next(this.#env.clock.now())
    return this.#done.promise
  }

  cancel(): void {
    this.#timer.cancel()
    this.#done.reject(failure('ECANCELED', 'the stack was stopped while a ping was under way'))
  }

  /** Counts a reply; false when it answers nothing that was asked, comes twice, or late. */
  reply(sequence: number, from: Address): boolean {
    const n = sequence - 1
    const sent = this.#sentAt[n]
    const now = this.#env.clock.now()
    if (sent === undefined || now - sent > this.#timeout || (this.#answered[n] && !this.#target.group)) return false
    this.#answered[n] = true
    this.#roundTrips.push(now - sent)
    this.#from ??= copyAddress(from)
    if (!this.#target.group && this.#sentAt.length === this.#count && this.#answered.every(Boolean)) this.#finish()
    return true
  }

  #next(now: Instant): void {
    if (this.#sentAt.length === this.#count) return this.#finish()
    try {
      if (!this.#route.valid()) this.#route = this.#target.route()
    } catch (error) {
      this.#timer.cancel()
      return this.#done.reject(error as Error)
    }
    this.#sentAt.push(now)
    this.#answered.push(false)
    const last = this.#sentAt.length === this.#count
    this.#timer.schedule(now + (last ? this.#timeout : this.#interval))
    this.#send(this.#sentAt.length)
  }

  #send(sequence: number): void {
    const packet = this.#layer.message(this.#route, icmpTypes.echoRequest, 0, ICMPV6.body + this.#size)
    if (packet === undefined) return
    const { dv, u8, offset } = packet
    dv.setUint16(offset + ICMPV6.identifier, this.#target.identifier)
    dv.setUint16(offset + ICMPV6.sequence, sequence)
    for (let i = ICMPV6.body; i < packet.length; i++) u8[offset + i] = i
    this.#layer.sendMessage(packet, this.#route)
  }

  #finish(): void {
    this.#timer.cancel()
    this.#done.resolve({ sent: this.#sentAt.length, received: this.#roundTrips.length, roundTrips: this.#roundTrips, from: this.#from })
  }
}
