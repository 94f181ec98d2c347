/** The loopback interface: what is sent comes back, on a later turn and without a copy. */

import type { Device, DeviceSink, Env, Interface, NetBuf } from '@favonius/contract'
import { feature, type Options } from '@favonius/kconfig'
import { NO_LINK_ADDRESS } from '@favonius/inet'
import { BareIpL2 } from './bareip.ts'
import { netif } from './feature.ts'
import { PacketRing } from './ring.ts'

/** Kconfig rows of `loopback()`. */
export const loopbackOptions = {
  mtu: {
    symbol: 'CONFIG_NET_LOOPBACK_MTU',
    type: 'int',
    default: 65_535,
    range: [1280, 65_535],
    help: 'Largest IP packet; Zephyr has 576, which is less than IPv6 may have (RFC 8200 §5).',
  },
} as const satisfies Options

const BATCH = 64

/** What is transmitted is received. */
export class LoopbackDevice implements Device {
  readonly medium = 'loopback'
  readonly address = NO_LINK_ADDRESS
  /** Nothing leaves memory, so that nothing need be summed. */
  readonly offload = { transmitChecksum: true, receiveChecksum: true, segmentation: 0 }
  readonly mtu: number
  readonly #env: Env
  readonly #queue = new PacketRing(256)
  readonly #timer
  #sink: DeviceSink | undefined

  constructor(env: Env, mtu: number) {
    this.#env = env
    this.mtu = mtu
    this.#timer = env.clock.timer(() => this.#deliver())
  }

  transmit(frame: NetBuf): boolean {
    if (this.#sink === undefined || !this.#queue.push(frame)) return false
    if (this.#queue.length === 1) this.#timer.schedule(this.#env.clock.now())
    return true
  }

  start(sink: DeviceSink): void {
    this.#sink = sink
  }

  stop(): void {
    this.#sink = undefined
    this.#timer.cancel()
    for (let frame = this.#queue.shift(); frame !== undefined; frame = this.#queue.shift()) frame.unref()
  }

  #deliver(): void {
    for (let n = 0; n < BATCH && this.#sink !== undefined; n++) {
      const frame = this.#queue.shift()
      if (frame === undefined) break
      this.#sink.frame(frame)
    }
    if (this.#queue.length > 0) this.#timer.schedule(this.#env.clock.now())
    this.#sink?.ready()
  }
}

/**
 * An interface `lo`, up from the start. IPv6 and IPv4 put `::1` and `127.0.0.1` on it when they are composed.
 * A stack reaches its own addresses without it.
 */
export const loopback = /* @__PURE__ */ feature({
  name: 'loopback',
  symbol: 'CONFIG_NET_LOOPBACK',
  options: loopbackOptions,
  selects: [netif()],
  create({ netif }, { env, options, onStop }): Interface {
    const l2 = new BareIpL2(netif, 'loopback')
    const iface = netif.add(new LoopbackDevice(env, options.mtu), { name: 'lo', l2 })
    onStop(() => netif.remove(iface))
    iface.up().catch(() => {}) // the stack was stopped before it was up
    return iface
  },
})
