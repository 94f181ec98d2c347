/** The traffic classes of a stack: what waits for a busy device, and what came from devices and waits for its turn. */

import type { Env, NetBuf, Netif, Timer, Traffic, TransmitQueue } from '@favonius/contract'
import { ConfigError, type Settings } from '@favonius/kconfig'
import { ETHERTYPE_VLAN } from '@favonius/inet'
import type { trafficClassesOptions } from '../options.ts'
import { Classes, type ClassStatistics } from './classes.ts'
import { maps, skipping } from './maps.ts'
import { ClassQueue } from './queue.ts'

/** The most packets that go up in one turn of the event loop. */
const BATCH = 64
/**
 * The longest that packets go up in one turn, in milliseconds. Devices read between turns, as many frames as `BATCH` and more: when
 * packets take long, reading is faster than working on them, and what must be lost is lost here, by class, and not before us.
 */
const SLICE = 1

/** What the classes of both directions counted, the lowest class first. */
export interface TrafficStatistics {
  readonly sent: readonly ClassStatistics[]
  readonly received: readonly ClassStatistics[]
}

/** `stack.trafficClasses`. */
export interface TrafficClasses {
  /** How many classes there are on the way down, and which one a priority belongs to. */
  readonly sending: Pick<Classes, 'count' | 'of'>
  /** The same on the way up. */
  readonly receiving: Pick<Classes, 'count' | 'of'>
  /** What each class counted. Packets to ourselves wait in none, and are not counted. */
  statistics(): TrafficStatistics
}

/** Traffic classes over the interfaces of one stack. `trafficClasses()` makes one; so does whoever wires a stack by hand. */
export class TrafficClassesLayer implements TrafficClasses, Traffic {
  readonly sending: Classes
  readonly receiving: Classes
  readonly #env: Env
  readonly #netif: Netif
  /** Undefined when packets go up as they come. */
  readonly #queue: ClassQueue | undefined
  readonly #skips: readonly number[]
  readonly #timer: Timer
  readonly #drops
  readonly #unlisten: () => void

  /** ConfigError when the mapping needs more queues than there are, or the stack has classes already. */
  constructor(env: Env, netif: Netif, options: Settings<typeof trafficClassesOptions>) {
    const { transmit, receive, mapping } = options
    if (mapping !== 'strict' && (transmit < 2 || receive < 2)) {
      throw new ConfigError(`trafficClasses: mapping ${mapping} depends on 2 queues at least in each direction (CONFIG_NET_TC_TX_COUNT >= 2 && ` +
        `CONFIG_NET_TC_RX_COUNT >= 2), and there are transmit: ${transmit} and receive: ${receive}`)
    }
    if (netif.traffic !== undefined) throw new ConfigError('trafficClasses: the stack has traffic classes already')
    this.sending = new Classes(maps[mapping][Math.max(transmit, 1) - 1]!)
    this.receiving = new Classes(maps[mapping][Math.max(receive, 1) - 1]!)
    this.#env = env
    this.#netif = netif
    this.#queue = receive === 0 ? undefined : new ClassQueue(this.receiving, options.receiveQueue)
    this.#skips = options.skipForHighPriority ? skipping[mapping] : []
    this.#timer = env.clock.timer(() => this.#work())
    this.#drops = netif.reasons({
      full: ['trafficClasses: receive queue is full'],
      down: ['trafficClasses: interface went down'],
    })
    this.#unlisten = netif.listen(({ type, iface }) => {
      if (type === 'disabled') this.#queue?.remove((packet) => packet.iface === iface, (packet) => iface.drop(packet, this.#drops.down))
    })
    netif.traffic = this
  }

  // ---- the way down ----

  queue(room: number): TransmitQueue {
    return new ClassQueue(this.sending, room)
  }

  sent(priority: number, bytes: number): void {
    this.sending.passed(priority, bytes)
  }

  // ---- the way up ----

  receive(packet: NetBuf): void {
    // The tag is not off yet: its priority stands in front (IEEE 802.1Q-2022 §9.6). VLANs will read the same.
    if (packet.protocol === ETHERTYPE_VLAN && packet.length > 0) packet.priority = packet.u8[packet.offset]! >> 5
    const { priority } = packet
    const bytes = packet.offset - packet.link + packet.total()
    if (this.#queue === undefined || this.#skips.includes(priority)) {
      this.receiving.passed(priority, bytes)
      return this.#up(packet)
    }
    if (!this.#queue.push(packet)) return packet.iface!.drop(packet, this.#drops.full)
    this.receiving.passed(priority, bytes)
    if (this.#timer.due === undefined) this.#timer.schedule(this.#env.clock.now())
  }

  /** The most urgent packet first, also when it came a moment ago. */
  #work(): void {
    const { clock } = this.#env
    const queue = this.#queue!
    const end = clock.exact() + SLICE
    try {
      for (let n = 0; n < BATCH && queue.length > 0 && clock.exact() <= end; n++) this.#up(queue.shift()!)
    } finally {
      // Also when an application throws: the others are not to wait for the next frame.
      if (queue.length > 0) this.#timer.schedule(clock.now())
    }
  }

  #up(packet: NetBuf): void {
    this.#netif.times?.taken(packet)
    packet.iface!.input(packet)
  }

  // ---- counting, and the end ----

  statistics(): TrafficStatistics {
    return { sent: this.sending.statistics(), received: this.receiving.statistics() }
  }

  stop(): void {
    this.#netif.traffic = undefined
    this.#unlisten()
    this.#timer.cancel()
    this.#queue?.remove(() => true, (packet) => packet.iface!.drop(packet, this.#drops.down))
  }
}
