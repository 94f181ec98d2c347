/** Echo requests of ours and the replies to them (RFC 792, RFC 1122 §3.2.2.6). */

import type { Address, BufferPool, Env, Instant, IpInfo, NetBuf, NetworkLayer, Route, Timer } from '@favonius/contract'
import { deferred, type Deferred } from '@favonius/clock'
import { address as parse, copyAddress, failure, PROTOCOL_ICMP, sameAddress, unmapped } from '@favonius/inet'
import type { Counters, Drops } from './drops.ts'
import type { PingOptions, PingResult } from './ipv4.ts'
import { message, sendMessage } from './message.ts'
import { ICMP, icmpTypes } from './wire/icmp.ts'

/** What pings are made with. */
export interface PingParts {
  readonly env: Env
  readonly buffers: BufferPool
  readonly layer: Pick<NetworkLayer, 'route' | 'isMulticast'>
  readonly drops: Drops
  readonly counters: Counters
}

/** The pings under way, found by their identifiers. */
export class Pings {
  readonly #parts: PingParts
  readonly #underWay = new Map<number, Ping>()

  constructor(parts: PingParts) {
    this.#parts = parts
  }

  async ping(address: string | Address, options: PingOptions): Promise<PingResult> {
    const { layer, env } = this.#parts
    const to = unmapped(typeof address === 'string' ? parse(address) : address)
    if (to.family !== 4) throw failure('EINVAL', `${to} is no IPv4 address; ping it with stack.ipv6`)
    const { count = 1, size = 56, interval = 1000, timeout = 1000, iface, hopLimit } = options
    if (!Number.isInteger(count) || count < 1) throw failure('EINVAL', `ping: count is ${count}; it must be a whole number from 1 on`)
    if (!Number.isInteger(size) || size < 0) throw failure('EINVAL', `ping: size is ${size}; it must be a whole number from 0 on`)
    if (!(interval >= 0 && timeout >= 0)) {
      throw failure('EINVAL', `ping: interval is ${interval} and timeout is ${timeout}; both must be milliseconds from 0 on`)
    }
    const findRoute = (): Route | undefined => layer.route(to, { protocol: PROTOCOL_ICMP, iface, hopLimit })
    const route = findRoute()
    if (route === undefined) {
      throw failure('ENETUNREACH', `there is no route to ${to}, or no address to send from: is an interface up, ` +
        'with an address on that subnet or a gateway?')
    }
    const most = route.maxPayload - ICMP.body
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

  /** An echo reply, header first. Takes the reference. */
  reply(packet: NetBuf, ip: IpInfo): void {
    const { dv, offset } = packet
    const ping = this.#underWay.get(dv.getUint16(offset + ICMP.identifier))
    if (!ping?.reply(dv.getUint16(offset + ICMP.sequence), ip.source)) return ip.iface.drop(packet, this.#parts.drops.icmpReply)
    packet.unref()
  }

  /** An error quotes a message that we sent to `destination`. Borrows it. */
  unreachable(quoted: NetBuf, destination: Address): void {
    const { dv, offset } = quoted
    if (quoted.length < ICMP.body || dv.getUint8(offset + ICMP.type) !== icmpTypes.echoRequest) return
    this.#underWay.get(dv.getUint16(offset + ICMP.identifier))?.unreachable(dv.getUint16(offset + ICMP.sequence), destination)
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

  unreachable(sequence: number, destination: Address): void {
    const i = this.#indexOf(sequence)
    if (this.#sentAt[i] !== undefined && sameAddress(destination, this.#target.to)) this.#settle(i)
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
    const { buffers, counters } = this.#parts
    const { identifier, size, findRoute } = this.#target
    this.#sentAt.push(now)
    if (!this.#route?.valid()) this.#route = findRoute()
    // Without a way or a buffer it is lost, like one that was lost on its way.
    if (this.#route === undefined) return
    const word = (identifier << 16) | (this.#sentAt.length & 0xffff)
    const request = message(buffers, this.#route, icmpTypes.echoRequest, 0, word, size)
    if (request === undefined) return
    const { u8, offset } = request
    for (let i = 0; i < size; i++) u8[offset + ICMP.body + i] = i
    sendMessage(request, this.#route, counters)
  }
}
