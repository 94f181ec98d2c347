/**
 * A wire in memory: an Ethernet segment between devices, with latency and loss. It serves virtual time and real time alike.
 *
 * It delivers as a switch does: a unicast frame goes to the port with that address, others to every port. Frames pass by
 * reference; only the second and later hearers of a group get copies.
 */

import type { BufferSource, Device, DeviceSink, Env, Instant, LinkAddress, NetBuf, Timer } from '@favonius/contract'
import { linkAddress } from '@favonius/inet'
import { Deliveries } from './deliveries.ts'

/** How a segment treats frames. */
export interface SegmentOptions {
  /** Milliseconds from one device to another; 0 unless given, which is still a later turn. */
  readonly latency?: number
  /** The share of deliveries that are lost, 0 … 1; 0 unless given. */
  readonly loss?: number
  /** Largest payload in bytes, without the Ethernet header; 1500 unless given. */
  readonly mtu?: number
}

/** Sees each frame as it enters the segment; `lost` says how many hearers will not get it. */
export type SegmentTap = (frame: NetBuf, now: Instant, lost: number) => void

/** Frames that are delivered before others get a turn. */
const BATCH = 64
/** Deliveries under way at once; a device is told to wait beyond it. */
const IN_FLIGHT = 1024
class Port implements Device {
  readonly medium = 'ethernet'
  readonly offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }
  readonly address: LinkAddress
  readonly mtu: number
  readonly #carry: (from: Port, frame: NetBuf) => boolean
  sink: DeviceSink | undefined
  buffers: BufferSource | undefined
  /** The cable is in. */
  plugged = true

  constructor(address: LinkAddress, mtu: number, carry: (from: Port, frame: NetBuf) => boolean) {
    this.#carry = carry
    this.address = address
    this.mtu = mtu
  }

  transmit(frame: NetBuf): boolean {
    return this.#carry(this, frame)
  }

  start(sink: DeviceSink, buffers: BufferSource): void {
    this.sink = sink
    this.buffers = buffers
    sink.carrier(this.plugged)
  }

  stop(): void {
    this.sink = undefined
  }
}

/** A device on a segment, and its cable. */
export interface SegmentDevice extends Device {
  readonly plugged: boolean
}

/** One Ethernet: a switch in memory. Made by `net.ethernet()`, or by hand over any `Env`, such as `system`. */
export class EthernetSegment {
  readonly name: string
  readonly #env: Env
  readonly #latency: number
  /** A delivery is lost when a random 32-bit number is below this. */
  readonly #lossBelow: number
  readonly #mtu: number
  readonly #ports: Port[] = []
  readonly #timer: Timer
  readonly #taps: SegmentTap[] = []
  readonly #deliveries = new Deliveries()
  #refused = false

  constructor(env: Env, { latency = 0, loss = 0, mtu = 1500 }: SegmentOptions = {}, name = 'wire') {
    if (!(latency >= 0 && latency < Infinity)) throw new RangeError(`latency is ${latency}; it must be 0 or more milliseconds`)
    if (!(loss >= 0 && loss <= 1)) throw new RangeError(`loss is ${loss}; it must be a share from 0 to 1`)
    if (!(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535)) throw new RangeError(`mtu is ${mtu}; it must be 68 to 65535 bytes`)
    this.name = name
    this.#env = env
    this.#latency = latency
    this.#lossBelow = loss * 2 ** 32
    this.#mtu = mtu
    this.#timer = env.clock.timer((now) => this.#deliver(now))
  }

  /** A new device on this segment; its address is `02:00:00:00:00:<number>` unless given, and the number the next one. */
  device(address?: LinkAddress, number = this.#ports.length + 1): SegmentDevice {
    const port = new Port(address ?? linkAddress(6, 0x0200, number), this.#mtu, this.#carry)
    this.#ports.push(port)
    return port
  }

  has(device: SegmentDevice): boolean {
    return this.#ports.some((port) => port === device)
  }

  /** Puts a device's cable in or pulls it out; it sees its carrier come and go. */
  plug(device: SegmentDevice, plugged: boolean): void {
    const port = this.#ports.find((known) => known === device)
    if (port === undefined) throw new RangeError(`that device is not on segment ${this.name}`)
    port.plugged = plugged
    port.sink?.carrier(plugged)
  }

  tap(tap: SegmentTap): void {
    this.#taps.push(tap)
  }

  /** Frees what is on the wire. */
  stop(): void {
    this.#timer.cancel()
    while (this.#deliveries.length > 0) this.#deliveries.take().unref()
  }

  /** A frame from one port to those it is for. False when too much is on the wire already. */
  readonly #carry = (from: Port, frame: NetBuf): boolean => {
    if (!from.plugged || from.sink === undefined) {
      frame.unref()
      return true
    }
    if (this.#deliveries.length >= IN_FLIGHT) {
      this.#refused = true
      return false
    }
    const now = this.#env.clock.now()
    const { dv, offset } = frame
    const hi = frame.length >= 6 ? dv.getUint16(offset) : 0
    const lo = frame.length >= 6 ? dv.getInt32(offset + 2) : 0
    let lost = 0
    let first: Port | undefined
    const group = (hi & 0x0100) !== 0
    const known = !group && this.#ports.some((port) => port.address.lo === lo && port.address.hi === hi)
    for (const port of this.#ports) {
      if (port === from || !port.plugged || port.sink === undefined) continue
      if (known && (port.address.lo !== lo || port.address.hi !== hi)) continue
      if (this.#lossBelow > 0 && this.#env.random.uint32() < this.#lossBelow) lost++
      else if (first === undefined) first = port
      else this.#copy(frame, port, now)
    }
    for (const tap of this.#taps) tap(frame, now, lost)
    if (first === undefined) frame.unref()
    else this.#put(frame, first, now)
    return true
  }

  /** One more hearer's own copy, from the hearer's own buffers. */
  #copy(frame: NetBuf, to: Port, now: Instant): void {
    const copy = to.buffers!.alloc(frame.total(), frame.headroom())
    if (copy === undefined) return to.sink!.lost('no buffer')
    for (let fragment: NetBuf | undefined = frame; fragment !== undefined; fragment = fragment.next) copy.write(fragment.view())
    this.#put(copy, to, now)
  }

  #put(frame: NetBuf, to: Port, now: Instant): void {
    this.#deliveries.put(frame, to, now + this.#latency)
    if (this.#deliveries.length === 1) this.#timer.schedule(this.#deliveries.due)
  }

  #deliver(now: Instant): void {
    const deliveries = this.#deliveries
    for (let n = 0; n < BATCH && deliveries.length > 0 && deliveries.due <= now; n++) {
      const { sink, plugged } = deliveries.receiver
      const frame = deliveries.take()
      if (sink === undefined || !plugged) frame.unref()
      else sink.frame(frame)
    }
    if (deliveries.length > 0) this.#timer.schedule(deliveries.due)
    if (this.#refused && deliveries.length < IN_FLIGHT) {
      this.#refused = false
      for (const port of this.#ports) port.sink?.ready()
    }
  }
}
