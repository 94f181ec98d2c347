/**
 * A learning switch between segments (IEEE 802.1D-2004 §7, without the spanning tree): it sends a frame where its station was heard,
 * or everywhere, and never back where it came from.
 */

import type { BufferPool, Env, NetBuf } from '@favonius/contract'
import type { SegmentDevice } from './port.ts'
import type { EthernetSegment } from './segment.ts'
import { Stations } from './stations.ts'

/** How a bridge remembers. */
export interface BridgeOptions {
  /** Milliseconds for which a station is known that is not heard; 300 000 unless given (IEEE 802.1D-2004 §7.9.2). */
  readonly ageing?: number
  /** Stations that are known at once; 1024 unless given. */
  readonly stations?: number
}

/** Frames that a bridge has heard, by what became of them. */
export interface BridgeStatistics {
  /** Sent to the one segment where their station is. */
  readonly forwarded: number
  /** Sent to all other segments: groups, and stations not heard of. */
  readonly flooded: number
  /** Sent nowhere: the station is where the frame came from, or the group is one that no bridge forwards. */
  readonly filtered: number
  /** Lost here: no buffer, too long for where it was to go, a queue that is full. Counted for each segment. */
  readonly dropped: number
}

/** Ethernet's header, and a VLAN tag: what a frame may have beside the MTU. */
const HEADER = 14
const TAG = 4

/** 01:80:c2:00:00:00 … 0f, which end at the next bridge (IEEE 802.1D-2004 §7.12.6). */
const isReserved = (hi: number, lo: number): boolean => hi === 0x0180 && lo >>> 4 === 0xc200000

/** Joins segments. Made by `net.bridge()`, or by hand over any `Env`. */
export class Bridge {
  /** Its device on each segment, in their order; to pull their cables. */
  readonly devices: readonly SegmentDevice[]
  readonly #env: Env
  readonly #buffers: BufferPool
  readonly #stations: Stations<SegmentDevice>
  readonly #counts = { forwarded: 0, flooded: 0, filtered: 0, dropped: 0 }

  /**
   * What is on its way through is charged to `buffers`.
   *
   * @throws RangeError for fewer than two segments, and for segments that are joined already: frames would go round for ever. And for segments of
   * which one has offload and another has not: what the one carries the other cannot.
   */
  constructor(env: Env, buffers: BufferPool, segments: readonly EthernetSegment[], { ageing = 300_000, stations = 1024 }: BridgeOptions = {}) {
    if (segments.length < 2) throw new RangeError('a bridge joins two segments or more')
    refuseLoop(segments)
    refuseMixture(segments)
    this.#env = env
    this.#buffers = buffers
    this.#stations = new Stations(ageing, stations)
    this.devices = segments.map((segment) => {
      const device = segment.uplink((hi, lo) => (this.#stations.find(hi, lo, env.clock.now()) ?? device) !== device)
      return device
    })
    for (const segment of segments) for (const other of segments) if (other !== segment) segment.neighbours.add(other)
    for (const device of this.devices) this.#start(device)
  }

  get statistics(): BridgeStatistics {
    return this.#counts
  }

  /** Ends forwarding. What is on a segment already arrives. */
  stop(): void {
    for (const device of this.devices) {
      this.#stations.forget(device)
      void device.stop()
    }
  }

  #start(device: SegmentDevice): void {
    void device.start({
      frame: (frame) => this.#hear(device, frame),
      ready() {},
      carrier: (up) => { if (!up) this.#stations.forget(device) },
      lost: () => void this.#counts.dropped++,
    }, this.#buffers)
  }

  #hear(from: SegmentDevice, frame: NetBuf): void {
    if (frame.length < HEADER || !this.#buffers.adopt(frame)) return this.#drop(frame)
    const { dv, offset } = frame
    const now = this.#env.clock.now()
    const sourceHi = dv.getUint16(offset + 6)
    if ((sourceHi & 0x0100) === 0) this.#stations.learn(sourceHi, dv.getInt32(offset + 8), from, now)
    const hi = dv.getUint16(offset)
    const lo = dv.getInt32(offset + 2)
    const to = hi & 0x0100 ? undefined : this.#stations.find(hi, lo, now)
    if (to === from || isReserved(hi, lo)) {
      this.#counts.filtered++
      frame.unref()
    } else if (to === undefined) {
      this.#counts.flooded++
      this.#flood(from, frame)
    } else {
      this.#counts.forwarded++
      this.#send(to, frame)
    }
  }

  /** To every segment but one: the frame itself to the last of them, copies to the others. */
  #flood(from: SegmentDevice, frame: NetBuf): void {
    let last: SegmentDevice | undefined
    for (const device of this.devices) {
      if (device === from) continue
      if (last !== undefined) this.#send(last, frame.clone())
      last = device
    }
    this.#send(last!, frame)
  }

  #send(to: SegmentDevice, frame: NetBuf | undefined): void {
    if (frame === undefined) this.#counts.dropped++
    else if ((frame.segmentSize === 0 && frame.total() > to.mtu + HEADER + TAG) || !to.transmit(frame)) this.#drop(frame)
  }

  #drop(frame: NetBuf): void {
    this.#counts.dropped++
    frame.unref()
  }
}

function refuseLoop(segments: readonly EthernetSegment[]): void {
  for (const [i, one] of segments.entries()) {
    const joined = new Set([one])
    for (const segment of joined) for (const neighbour of segment.neighbours) joined.add(neighbour)
    const other = segments.slice(i + 1).find((segment) => joined.has(segment))
    if (other === undefined) continue
    throw new RangeError(one === other
      ? `a bridge can be on segment ${one.name} only once: its frames would go round for ever`
      : `segments ${one.name} and ${other.name} are joined already: with this bridge frames would go round for ever`)
  }
}

function refuseMixture(segments: readonly EthernetSegment[]): void {
  const [one, other] = [segments.find(({ offload }) => offload), segments.find(({ offload }) => !offload)]
  if (one === undefined || other === undefined) return
  throw new RangeError(`segment ${one.name} has offload and segment ${other.name} has not: a bridge joins segments that are alike in that`)
}
