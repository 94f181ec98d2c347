/** A device in front of a device, with faults on both ways: the same ones on a simulated wire and on a real one. */

import type { BufferSource, Device, DeviceSink, Env, Instant, LinkAddress, Medium, NetBuf, Offload, Timer } from '@favonius/contract'
import { Deliveries } from './deliveries.ts'
import { Impairments, type Faults } from './impairments.ts'

/** Frames that are delayed at once on each way. */
const DELAYED = 1024
/** Bytes of Ethernet's addresses, which corruption spares. */
const ADDRESSES = 12

/** Finishes a checksum that another would finish or skip: it is to be wrong when a bit is. */
function settleChecksum(packet: NetBuf): void {
  if (packet.checksum === 1) packet.dv.setUint16(packet.checksumAt, ~packet.sum(packet.checksumStart) & 0xffff || 0xffff)
  packet.checksum = 0
}

/** One way through a faulty device: frames are drawn for, delayed, and passed on. */
class Way {
  readonly #faults: Impairments
  readonly #spared: number
  readonly #pass: (frame: NetBuf) => boolean
  readonly #delayed = new Deliveries<undefined>()
  readonly #timer: Timer
  /** What `pass` has refused. The others wait behind it, until `drain` is called again. */
  #refused: NetBuf | undefined

  /** `pass` takes a frame, or answers false; `drained` is called when it took some that were delayed. */
  constructor(env: Env, faults: Faults, medium: Medium, pass: (frame: NetBuf) => boolean, drained: () => void) {
    this.#faults = new Impairments(env.random, faults)
    this.#spared = medium === 'ethernet' ? ADDRESSES : 0
    this.#pass = pass
    this.#timer = env.clock.timer((now) => {
      this.drain(now)
      drained()
    })
  }

  get full(): boolean {
    return this.#refused !== undefined || this.#delayed.length >= DELAYED
  }

  /** Takes a frame and its reference. Returns why it is lost, when it is. */
  carry(frame: NetBuf, now: Instant): string | undefined {
    const faults = this.#faults
    if (faults.lost()) {
      frame.unref()
      return 'lost on purpose'
    }
    const due = faults.arrival(now, faults.heldBack())
    let passed: NetBuf | undefined = frame
    if (faults.duplicated()) this.#put(frame.clone(), due)
    if (faults.corrupted(frame.total() - this.#spared)) {
      passed = frame.clone()
      frame.unref()
      if (passed === undefined) return 'no buffer'
      settleChecksum(passed)
      faults.corrupt(passed, this.#spared)
    }
    this.#put(passed, due)
    this.drain(now)
    return undefined
  }

  /** Passes on what is due, as far as it is taken. */
  drain(now: Instant): void {
    const delayed = this.#delayed
    while (this.#refused !== undefined || (delayed.length > 0 && delayed.due <= now)) {
      const frame = this.#refused ?? delayed.take()
      this.#refused = undefined
      if (this.#pass(frame)) continue
      this.#refused = frame
      return
    }
    if (delayed.length > 0) this.#timer.schedule(delayed.due)
  }

  stop(): void {
    this.#timer.cancel()
    this.#refused?.unref()
    this.#refused = undefined
    while (this.#delayed.length > 0) this.#delayed.take().unref()
  }

  #put(frame: NetBuf | undefined, due: Instant): void {
    if (frame !== undefined) this.#delayed.put(frame, undefined, due)
  }
}

class Faulty implements Device {
  readonly medium: Medium
  readonly address: LinkAddress
  readonly mtu: number
  readonly offload: Offload
  readonly #device: Device
  readonly #env: Env
  readonly #out: Way
  readonly #in: Way
  #sink: DeviceSink | undefined
  /** A frame was refused for want of room. */
  #waits = false

  constructor(device: Device, env: Env, faults: Faults) {
    this.medium = device.medium
    this.address = device.address
    this.mtu = device.mtu
    // Where bits are turned over, the checksum must be there before.
    this.offload = faults.corrupt ? { ...device.offload, transmitChecksum: false, segmentation: 0 } : device.offload
    this.#device = device
    this.#env = env
    this.#out = new Way(env, faults, device.medium, (frame) => device.transmit(frame), () => { if (this.#waits) this.#ready() })
    this.#in = new Way(env, faults, device.medium, (frame) => {
      this.#sink!.frame(frame)
      return true
    }, () => {})
  }

  transmit(frame: NetBuf): boolean {
    if (this.#sink === undefined) return this.#device.transmit(frame)
    if (this.#out.full) {
      this.#waits = true
      return false
    }
    const why = this.#out.carry(frame, this.#env.clock.now())
    if (why === 'no buffer') this.#sink.lost(why)
    return true
  }

  start(sink: DeviceSink, buffers: BufferSource): void | Promise<void> {
    this.#sink = sink
    return this.#device.start({
      frame: (frame) => this.#hear(frame, sink),
      ready: () => {
        this.#out.drain(this.#env.clock.now())
        this.#ready()
      },
      carrier: (up) => sink.carrier(up),
      lost: (reason) => sink.lost(reason),
      sent: (to, attempts, ok) => sink.sent?.(to, attempts, ok),
    }, buffers)
  }

  stop(): void | Promise<void> {
    this.#sink = undefined
    this.#out.stop()
    this.#in.stop()
    return this.#device.stop()
  }

  promiscuous(on: boolean): void {
    this.#device.promiscuous?.(on)
  }

  #hear(frame: NetBuf, sink: DeviceSink): void {
    let why: string | undefined = 'queue is full'
    if (this.#in.full) frame.unref()
    else why = this.#in.carry(frame, this.#env.clock.now())
    if (why !== undefined) sink.lost(why)
  }

  #ready(): void {
    if (this.#out.full) return
    this.#waits = false
    this.#sink?.ready()
  }
}

/**
 * `device` with faults, drawn for each way by itself. What is lost on the way in is counted as `device: lost on purpose`; what is
 * lost on the way out is counted by nobody, as in the world. Up to 1024 frames are delayed at once on each way.
 *
 * @throws RangeError for a share outside 0 … 1, and for times below 0.
 */
export function faulty(device: Device, env: Env, faults: Faults): Device {
  return new Faulty(device, env, faults)
}
