/** A link whose frames are small: two addresses of eight bytes, and at most 102 bytes behind them. Everyone hears everyone after a millisecond. */

import type { AdaptationLink, BufferSource, Device, DeviceSink, Env, Interface, L2, LinkAddress, NetBuf, Netif, Timer } from '@favonius/contract'
import { linkAddress, readLink, sameLink, writeLink } from '@favonius/inet'
import type { Sixlowpan } from '@favonius/sixlowpan'

const HEADER = 16
const ROOM = 102
const EVERYONE = linkAddress(8, -1, -1)

/** The link layer: what one has to do with an `Adaptation`. */
export class TinyL2 implements L2 {
  readonly name = 'tiny'
  readonly medium = 'tiny'
  readonly flags = { multicast: true, promiscuous: false, pointToPoint: false }
  readonly #sixlowpan: Sixlowpan
  readonly #out: AdaptationLink
  readonly #notOurs

  constructor(netif: Netif, sixlowpan: Sixlowpan) {
    this.#sixlowpan = sixlowpan
    this.#notOurs = netif.reasons({ notOurs: ['tiny: for another station'] }).notOurs
    this.#out = {
      room: () => ROOM,
      send(iface, payload, from, to) {
        const at = payload.push(HEADER)
        writeLink(to, payload.dv, at)
        writeLink(from, payload.dv, at + 8)
        payload.link = at
        return iface.transmit(payload)
      },
    }
  }

  headroom(): number {
    return HEADER + this.#sixlowpan.headroom
  }

  receive(iface: Interface, frame: NetBuf): boolean {
    const to = readLink(frame.dv, frame.offset, 8)
    const from = readLink(frame.dv, frame.offset + 8, 8)
    const toAll = sameLink(to, EVERYONE)
    if (!toAll && !sameLink(to, iface.address)) {
      iface.drop(frame, this.#notOurs)
      return false
    }
    frame.cast = toAll ? 2 : 0
    frame.pull(HEADER)
    const packet = this.#sixlowpan.receive(iface, frame, from, to)
    if (packet === frame) return true
    if (packet !== undefined) iface.input(packet)
    return false
  }

  send(iface: Interface, packet: NetBuf, to: LinkAddress): boolean {
    return this.#sixlowpan.send(iface, packet, iface.address, to, this.#out)
  }

  multicast(): LinkAddress {
    return EVERYONE
  }

  enable(iface: Interface, up: boolean): void {
    if (!up) this.#sixlowpan.forget(iface)
  }
}

/** The medium, and a log of what was on it. */
export class Air {
  readonly frames: Uint8Array[] = []
  /** Told of each frame; false loses it. */
  carries: (frame: Uint8Array) => boolean = () => true
  readonly #env: Env
  readonly #timer: Timer
  readonly #stations: Station[] = []
  readonly #flying: { readonly due: number; readonly frame: Uint8Array; readonly from: Station }[] = []

  constructor(env: Env) {
    this.#env = env
    this.#timer = env.clock.timer((now) => {
      for (let next = this.#flying[0]; next !== undefined && next.due <= now; next = this.#flying[0]) {
        this.#flying.shift()
        for (const station of this.#stations) if (station !== next.from) station.hear(next.frame)
      }
      if (this.#flying[0] !== undefined) this.#timer.schedule(this.#flying[0].due)
    })
  }

  station(address: LinkAddress): Station {
    const made = new Station(this, address)
    this.#stations.push(made)
    return made
  }

  carry(frame: Uint8Array, from: Station): void {
    this.frames.push(frame)
    if (!this.carries(frame)) return
    this.#flying.push({ due: this.#env.clock.now() + 1, frame, from })
    if (this.#timer.due === undefined) this.#timer.schedule(this.#flying[0]!.due)
  }
}

export class Station implements Device {
  readonly medium = 'tiny'
  readonly mtu = 1280
  readonly offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }
  readonly address: LinkAddress
  readonly #air: Air
  #sink: DeviceSink | undefined
  #buffers: BufferSource | undefined

  constructor(air: Air, address: LinkAddress) {
    this.#air = air
    this.address = address
  }

  start(sink: DeviceSink, buffers: BufferSource): void {
    this.#sink = sink
    this.#buffers = buffers
  }

  stop(): void {
    this.#sink = undefined
  }

  transmit(frame: NetBuf): boolean {
    const bytes = new Uint8Array(frame.total())
    frame.copyTo(bytes)
    frame.unref()
    this.#air.carry(bytes, this)
    return true
  }

  hear(bytes: Uint8Array): void {
    const frame = this.#sink && this.#buffers?.alloc(bytes.length)
    if (!frame) return
    frame.write(bytes)
    this.#sink!.frame(frame)
  }
}
