/** How long packets take between drivers and applications. */

import type { Clock, Env, NetBuf, Netif, PacketTimer } from '@favonius/contract'
import { ConfigError, type Settings } from '@favonius/kconfig'
import type { packetTimesOptions } from '../options.ts'
import type { TrafficClasses } from '../traffic/layer.ts'

/** How long something took, altogether. */
export interface TimeSum {
  /** Milliseconds. */
  readonly sum: number
  readonly count: number
}

/** How long packets took from the first place of their way to the last. */
export interface PacketTime extends TimeSum {
  /**
   * With detail, between one place and the next. What is sent: made, before its queue, taken from it, taken by the device. What is
   * received: come from the driver, before its queue, taken from it, put into the socket's, read. Empty otherwise.
   */
  readonly stages: readonly TimeSum[]
}

/** Of one direction, all packets together and by class. */
export interface DirectionTimes extends PacketTime {
  /** The lowest class first; one when there are no traffic classes. */
  readonly classes: readonly PacketTime[]
}

/** Each direction as far as its times are taken. */
export interface PacketTimesStatistics {
  readonly sent: DirectionTimes | undefined
  readonly received: DirectionTimes | undefined
}

/** `stack.packetTimes`. */
export interface PacketTimes {
  /**
   * The times until now: of every packet that a device took, since it was made; and of datagrams that an application got by a socket, since
   * they came from the driver.
   */
  statistics(): PacketTimesStatistics
}

/** Where a packet's `stages` has which instant. */
const at = { queued: 0, taken: 1, delivered: 2 } as const
const PLACES = 3

/** Sums, from one place of the way to the next and altogether. */
class Sums {
  #sum = 0
  #count = 0
  readonly #stages: { sum: number; count: number }[]

  /** `stages` is one more than the places between the first and the last, or 0 without detail. */
  constructor(stages: number) {
    this.#stages = Array.from({ length: stages }, () => ({ sum: 0, count: 0 }))
  }

  add({ timestamp, stages }: NetBuf, now: number): void {
    this.#sum += now - timestamp
    this.#count++
    let last = timestamp
    for (let i = 0; i < this.#stages.length; i++) {
      const instant = i === this.#stages.length - 1 ? now : stages?.[i] ?? Number.NaN
      // A place that it did not pass ends what can be said of it, as in Zephyr.
      if (!(instant >= last)) return
      const stage = this.#stages[i]!
      stage.sum += instant - last
      stage.count++
      last = instant
    }
  }

  statistics(): PacketTime {
    return { sum: this.#sum, count: this.#count, stages: this.#stages.map((stage) => ({ ...stage })) }
  }
}

/** The sums of one direction, and of each of its classes. */
class Direction {
  readonly #all: Sums
  readonly #classes: readonly Sums[]
  readonly #of: ((priority: number) => number) | undefined

  constructor(classes: TrafficClasses['sending'] | undefined, stages: number) {
    this.#all = new Sums(stages)
    this.#classes = Array.from({ length: classes?.count ?? 1 }, () => new Sums(stages))
    this.#of = classes && ((priority) => classes.of(priority))
  }

  add(packet: NetBuf, now: number): void {
    this.#all.add(packet, now)
    this.#classes[this.#of?.(packet.priority) ?? 0]!.add(packet, now)
  }

  statistics(): DirectionTimes {
    return { ...this.#all.statistics(), classes: this.#classes.map((sums) => sums.statistics()) }
  }
}

/** Times of the packets of one stack. `packetTimes()` makes one; so does whoever wires a stack by hand. */
export class PacketTimesLayer implements PacketTimes, PacketTimer {
  readonly #clock: Clock
  readonly #netif: Netif
  readonly #sent: Direction | undefined
  readonly #received: Direction | undefined
  readonly #detail: boolean

  /** ConfigError for detail of times that are not taken, or when somebody takes the stack's times already. */
  constructor({ clock }: Env, netif: Netif, options: Settings<typeof packetTimesOptions>, traffic?: TrafficClasses) {
    for (const direction of ['transmit', 'receive'] as const) {
      if (!options[direction] && options[`${direction}Detail`]) {
        throw new ConfigError(`packetTimes: ${direction}Detail depends on ${direction}: set both, or neither`)
      }
    }
    if (netif.times !== undefined) throw new ConfigError('packetTimes: the times of the stack\'s packets are taken already')
    this.#clock = clock
    this.#netif = netif
    this.#sent = options.transmit ? new Direction(traffic?.sending, options.transmitDetail ? 3 : 0) : undefined
    this.#received = options.receive ? new Direction(traffic?.receiving, options.receiveDetail ? 4 : 0) : undefined
    this.#detail = options.transmitDetail || options.receiveDetail
    netif.times = this
    if (options.transmit) netif.buffers.made = (packet) => this.begin(packet)
  }

  begin(packet: NetBuf): void {
    packet.timestamp = this.#clock.exact()
    packet.stages?.fill(Number.NaN)
  }

  queued(packet: NetBuf): void {
    if (this.#detail) this.#mark(packet, at.queued)
  }

  taken(packet: NetBuf): void {
    if (this.#detail) this.#mark(packet, at.taken)
  }

  delivered(packet: NetBuf): void {
    if (this.#detail) this.#mark(packet, at.delivered)
  }

  #mark(packet: NetBuf, place: number): void {
    packet.stages ??= new Float64Array(PLACES).fill(Number.NaN)
    packet.stages[place] = this.#clock.exact()
  }

  sent(packet: NetBuf): void {
    this.#sent?.add(packet, this.#clock.exact())
  }

  read(packet: NetBuf): void {
    this.#received?.add(packet, this.#clock.exact())
  }

  statistics(): PacketTimesStatistics {
    return { sent: this.#sent?.statistics(), received: this.#received?.statistics() }
  }

  stop(): void {
    this.#netif.times = undefined
    this.#netif.buffers.made = undefined
  }
}
