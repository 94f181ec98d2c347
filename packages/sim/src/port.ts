import type { BufferSource, Device, DeviceSink, Env, LinkAddress, NetBuf, Offload, Timer } from '@favonius/contract'
import { Impairments, type Faults } from './impairments.ts'
import { lineOf, type Line, type LineOptions } from './line.ts'

/** How the frames are treated that one device sends: its line, and what goes wrong behind it. */
export interface WayOptions extends LineOptions, Faults {}

/** RangeError for what cannot be: before there is a port to say it. */
export function checkWay({ random }: Env, way: WayOptions): void {
  lineOf(way)
  void new Impairments(random, way)
}

/** A device on a segment, and its cable. */
export interface SegmentDevice extends Device {
  readonly plugged: boolean
}

/** What is beyond a port: true for an address whose frames it is to have. */
export type Beyond = (hi: number, lo: number) => boolean

/** From one port of a segment to another. */
export interface Path {
  readonly from: Port
  readonly to: Port
}

export interface PortOptions {
  readonly address: LinkAddress
  readonly mtu: number
  /** What the segment's devices need no software for. */
  readonly offload: Offload
  /** Given for a port behind which there is more than one station. */
  readonly beyond?: Beyond | undefined
  readonly carry: (from: Port, frame: NetBuf) => boolean
}

/** Deliveries under way at once of a device whose line takes no time; it is told to wait beyond it. */
const IN_FLIGHT = 1024

/** One end of a segment. The segment does all the work: this is what it knows about the end. */
export class Port implements SegmentDevice {
  readonly medium = 'ethernet'
  readonly offload: Offload
  readonly address: LinkAddress
  readonly mtu: number
  readonly faults: Impairments
  /** Undefined when sending takes no time. */
  readonly line: Line | undefined
  /** The most deliveries of it under way, when its line does not say. What an uplink forwards is bounded by its own buffers. */
  readonly limit: number
  /** To all other ports. */
  readonly paths: Path[] = []
  /** The way of copies of what is for others: on this port's own account, so that no sender waits for them. */
  readonly mirror: Path = { from: this, to: this }
  readonly #carry: (from: Port, frame: NetBuf) => boolean
  readonly #beyond: Beyond | undefined
  readonly #opens: Timer
  sink: DeviceSink | undefined
  buffers: BufferSource | undefined
  /** The cable is in. */
  plugged = true
  /** It hears what is for others too. */
  hearsAll = false
  /** Deliveries on the wire that it sent. */
  underWay = 0
  /** It was told to wait, because too much of it was under way. */
  waits = false

  constructor(env: Env, { address, mtu, offload, beyond, carry }: PortOptions, way: WayOptions) {
    this.address = address
    this.mtu = mtu
    this.offload = offload
    this.faults = new Impairments(env.random, way)
    this.line = lineOf(way)
    this.limit = beyond === undefined ? IN_FLIGHT : Infinity
    this.#carry = carry
    this.#beyond = beyond
    this.#opens = env.clock.timer(() => this.sink?.ready())
  }

  /** Frames to this address are for this port alone. */
  claims(hi: number, lo: number): boolean {
    return (this.address.lo === lo && this.address.hi === hi) || (this.#beyond !== undefined && this.#beyond(hi, lo))
  }

  /** Says `ready` when the line takes frames again. */
  awaitLine(line: Line): void {
    this.#opens.schedule(line.opens)
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
    this.#opens.cancel()
  }

  promiscuous(on: boolean): void {
    this.hearsAll = on
  }
}
