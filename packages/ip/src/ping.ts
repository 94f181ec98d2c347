/** Echo requests and the replies to them, for both families: RFC 792 and RFC 4443 §4 differ in a checksum and in two numbers. */

import type { Address, Env, Instant, NetworkLayer, PingOptions, PingResult, Route, Timer } from '@favonius/contract'
import { deferred, type Deferred } from '@favonius/clock'
import { copyAddress, failure, sameAddress } from '@favonius/inet'

/** Where identifier and sequence number stand in an echo message, and where its data begin: the same in both families. */
export const echo = { identifier: 4, sequence: 6, data: 8 } as const

/** What a family lends to its pings. */
export interface PingParts {
  readonly env: Env
  /** ICMP's protocol number in this family. */
  readonly protocol: number
  readonly layer: Pick<NetworkLayer, 'route' | 'isMulticast'>
  /** Sends an echo request with `size` bytes of data. What cannot be sent is lost, as on its way. */
  request(route: Route, identifier: number, sequence: number, size: number): void
}

/** The pings under way, found by their identifiers. */
export class Pings {
  readonly #parts: PingParts
  readonly #underWay = new Map<number, Ping>()

  constructor(parts: PingParts) {
    this.#parts = parts
  }

  async ping(to: Address, options: PingOptions): Promise<PingResult> {
    const { layer, env, protocol } = this.#parts
    const { count = 1, size = 56, interval = 1000, timeout = 1000, iface, hopLimit } = options
    if (!Number.isInteger(count) || count < 1) throw failure('EINVAL', `ping: count is ${count}; it must be a whole number from 1 on`)
    if (!Number.isInteger(size) || size < 0) throw failure('EINVAL', `ping: size is ${size}; it must be a whole number from 0 on`)
    if (!(interval >= 0 && timeout >= 0)) {
      throw failure('EINVAL', `ping: interval is ${interval} and timeout is ${timeout}; both must be milliseconds from 0 on`)
    }
    const findRoute = (): Route | undefined => layer.route(to, { protocol, iface, hopLimit })
    const route = findRoute()
    if (route === undefined) {
      throw failure('ENETUNREACH', `there is no route to ${to}, or no address to send from: is an interface up, ` +
        'with an address on that subnet or a gateway? does it need a zone?')
    }
    const most = route.maxPayload - echo.data
    if (size > most) throw failure('EMSGSIZE', `${size} bytes of data are more than one packet to ${to} takes; at most ${most}`)
    let identifier: number
    do identifier = env.random.uint32() & 0xffff
    while (this.#underWay.has(identifier))
    const target = { count, size, interval, timeout, to: route.destination, identifier, route, findRoute, group: layer.isMulticast(to) }
    const ping = new Ping(this.#parts, target)
    this.#underWay.set(identifier, ping)
    try {
      return await ping.start()
    } finally {
      this.#underWay.delete(identifier)
    }
  }

  /** A reply arrived. False when it answers nothing that was asked, comes twice, or late. */
  reply(identifier: number, sequence: number, from: Address): boolean {
    return this.#underWay.get(identifier)?.reply(sequence, from) ?? false
  }

  /** An error quotes a request that went to `destination`: nobody need wait for its reply. False when none of ours did. */
  unreachable(identifier: number, sequence: number, destination: Address): boolean {
    return this.#underWay.get(identifier)?.unreachable(sequence, destination) ?? false
  }

  stop(): void {
    for (const ping of this.#underWay.values()) ping.cancel()
  }
}

interface Target extends Required<Pick<PingOptions, 'count' | 'size' | 'interval' | 'timeout'>> {
  readonly to: Address
  readonly identifier: number
  readonly route: Route
  findRoute(): Route | undefined
  /** Everyone of a group may answer each request. */
  readonly group: boolean
}

class Ping {
  readonly #parts: PingParts
  readonly #target: Target
  readonly #timer: Timer
  readonly #done: Deferred<PingResult>
  /** When each request was sent; the first has sequence number 0 here, and 1 on the wire. */
  readonly #sentAt: Instant[] = []
  /** Those that were answered, or will not be. */
  readonly #settled = new Set<number>()
  readonly #roundTrips: number[] = []
  #route: Route | undefined
  #from: Address | undefined

  constructor(parts: PingParts, target: Target) {
    this.#parts = parts
    this.#target = target
    this.#route = target.route
    this.#timer = parts.env.clock.timer((now) => this.#tick(now))
    this.#done = deferred(parts.env)
  }

  start(): Promise<PingResult> {
    this.#tick(this.#parts.env.clock.now())
    return this.#done.promise
  }

  cancel(): void {
    this.#timer.cancel()
    this.#done.reject(failure('ECANCELED', `the stack was stopped while it pinged ${this.#target.to}`))
  }

  /** Whether the reply is one that was waited for. */
  reply(sequence: number, from: Address): boolean {
    const { group, to, timeout } = this.#target
    const i = this.#indexOf(sequence)
    const sentAt = this.#sentAt[i]
    const now = this.#parts.env.clock.now()
    if (sentAt === undefined || now > sentAt + timeout) return false
    if (!group && (this.#settled.has(i) || !sameAddress(from, to))) return false
    this.#from ??= copyAddress(from)
    this.#roundTrips.push(now - sentAt)
    this.#settle(i)
    return true
  }

  unreachable(sequence: number, destination: Address): boolean {
    const i = this.#indexOf(sequence)
    const known = this.#sentAt[i] !== undefined && sameAddress(destination, this.#target.to)
    if (known) this.#settle(i)
    return known
  }

  /** Sequence numbers are 16 bits wide: of all requests with this one, the last that was sent. */
  #indexOf(sequence: number): number {
    const last = this.#sentAt.length
    return last - ((last - sequence) & 0xffff) - 1
  }

  #settle(i: number): void {
    this.#settled.add(i)
    const { count, group } = this.#target
    // Of a group nobody knows how many will still answer.
    if (!group && this.#settled.size === count) this.#timer.schedule(this.#parts.env.clock.now())
  }

  #tick(now: Instant): void {
    const { count, interval, timeout, group } = this.#target
    const sent = this.#sentAt.length
    const answered = !group && this.#settled.size === count
    if (sent === count && (answered || now >= this.#sentAt[sent - 1]! + timeout)) {
      this.#done.resolve({ sent, received: this.#roundTrips.length, roundTrips: this.#roundTrips, from: this.#from })
      return
    }
    const next = sent === 0 ? now : this.#sentAt[sent - 1]! + interval
    if (sent < count && now >= next) this.#send(now)
    const last = this.#sentAt[this.#sentAt.length - 1]!
    this.#timer.schedule(last + (this.#sentAt.length < count ? interval : timeout))
  }

  #send(now: Instant): void {
    const { identifier, size, findRoute } = this.#target
    this.#sentAt.push(now)
    if (!this.#route?.valid()) this.#route = findRoute()
    // Without a way it is lost, like one that was lost on its way.
    if (this.#route !== undefined) this.#parts.request(this.#route, identifier, this.#sentAt.length & 0xffff, size)
  }
}
