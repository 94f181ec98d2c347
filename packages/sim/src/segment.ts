/**
 * A wire in memory: an Ethernet segment between devices, as fast and as faulty as it is asked to be. It serves virtual time and
 * real time alike.
 *
 * It delivers as a switch does: a unicast frame goes to the port with that address, others to every port. Frames pass by
 * reference; only the second and later hearers of a group get copies, and who hears a frame twice or corrupted. A port in promiscuous
 * mode is a mirror port: it gets a copy of what is for others, just as it was sent.
 */

import type { Env, Instant, LinkAddress, NetBuf, Offload, Timer } from '@favonius/contract'
import { linkAddress } from '@favonius/inet'
import { Deliveries } from './deliveries.ts'
import { checkWay, Port, type Beyond, type Path, type SegmentDevice, type WayOptions } from './port.ts'

/**
 * How a segment treats frames. Each device has a line of its own into the segment, as into a switch: `rate`, `queue`, `jitter`
 * and `reorder` are about what that device sends, as one stream to all. `loss`, `duplicate` and `corrupt` strike each hearer of
 * a frame by itself.
 */
export interface SegmentOptions extends WayOptions {
  /** Largest payload in bytes, without the Ethernet header; 1500 unless given. */
  readonly mtu?: number
  /**
   * The devices take partial checksums and large segments, and hand them on as they are, as a pair of veth devices does: nothing leaves
   * memory. False unless given, so that what passes is what a wire would carry. Not with `corrupt`, which sums are there to find.
   */
  readonly offload?: boolean
}

/** What software does for a device on a wire; and what need not be done where frames stay in memory. */
const WIRE: Offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0, launchTime: true }
const MEMORY: Offload = { transmitChecksum: true, receiveChecksum: true, segmentation: 65_535, launchTime: true }

/**
 * Sees each frame as it enters the segment, whole, even when nobody gets it so. `faults` says what will happen to it, in words,
 * and is borrowed until the tap returns.
 */
export type SegmentTap = (frame: NetBuf, now: Instant, faults: readonly string[]) => void

/** Frames that are delivered before others get a turn. */
const BATCH = 64
/** Bytes of two link addresses: what corruption spares. */
const ADDRESSES = 12
/** Bytes that wait for the line of an uplink, when nothing is said of a queue. */
const UPLINK_QUEUE = 128 * 1024
const QUEUE_FULL: readonly string[] = ['lost: queue is full']

/** Which of several hearers is meant. */
const by = (group: boolean, { address }: Port): string => (group ? ` by ${address}` : '')

/** One Ethernet: a switch in memory. Made by `net.ethernet()`, or by hand over any `Env`, such as `system`. */
export class EthernetSegment {
  readonly name: string
  /** Its devices take partial checksums and large segments. */
  readonly offload: boolean
  /** The segments to which a bridge joins it. */
  readonly neighbours = new Set<EthernetSegment>()
  readonly #env: Env
  readonly #mtu: number
  readonly #way: WayOptions
  readonly #ports: Port[] = []
  readonly #timer: Timer
  readonly #taps: SegmentTap[] = []
  readonly #deliveries = new Deliveries<Path>()
  /** Frames that wait for their instant in the port that is to send them. */
  readonly #held = new Deliveries<Port>()
  readonly #launches: Timer
  /** What happens to the frame in hand. */
  readonly #faults: string[] = []
  /** Some port waits until less of it is under way. */
  #waiting = false

  constructor(env: Env, { mtu = 1500, offload = false, ...way }: SegmentOptions = {}, name = 'wire') {
    if (offload && (way.corrupt ?? 0) > 0) throw new RangeError('offload with corrupt: nobody would find what is corrupted; leave one of them out')
    if (!(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535)) throw new RangeError(`mtu is ${mtu}; it must be 68 to 65535 bytes`)
    checkWay(env, way)
    this.name = name
    this.#env = env
    this.#mtu = mtu
    this.offload = offload
    this.#way = way
    this.#timer = env.clock.timer((now) => this.#deliver(now))
    this.#launches = env.clock.timer((now) => this.#launch(now))
  }

  /** A new device on this segment; its address is `02:00:00:00:00:<number>` unless given, and the number the next one. */
  device(address?: LinkAddress, number = this.#ports.length + 1): SegmentDevice {
    return this.#join(this.#port(address ?? linkAddress(6, 0x0200, number), this.wayFrom(this.#ports.length)))
  }

  /**
   * A device with no address of its own, for what connects this segment with others: it hears groups, what no station here has
   * the address of, and, alone, what `beyond` says is beyond it. It cannot make anyone wait, so it is never refused: a line with
   * a rate has a queue of 128 KiB unless the segment has another.
   */
  uplink(beyond: Beyond): SegmentDevice {
    const way = this.wayFrom(this.#ports.length)
    const queued = way.rate === undefined || way.rate === Infinity ? way : { queue: UPLINK_QUEUE, ...way }
    return this.#join(this.#port(linkAddress(6, 0, 0), queued, beyond))
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
    this.#launches.cancel()
    while (this.#deliveries.length > 0) this.#take().unref()
    while (this.#held.length > 0) this.#held.take().unref()
  }

  /** How the frames are treated that device number `index`, from 0, will send. */
  protected wayFrom(_index: number): WayOptions {
    return this.#way
  }

  #port(address: LinkAddress, way: WayOptions, beyond?: Beyond): Port {
    return new Port(this.#env, { address, mtu: this.#mtu, offload: this.offload ? MEMORY : WIRE, beyond, carry: this.#carry }, way)
  }

  #join(port: Port): Port {
    for (const other of this.#ports) {
      other.paths.push({ from: other, to: port })
      port.paths.push({ from: port, to: other })
    }
    this.#ports.push(port)
    return port
  }

  /** A frame from one port to those it is for. False when its line, or the wire, has enough to do. */
  readonly #carry = (from: Port, frame: NetBuf): boolean => {
    if (!from.plugged || from.sink === undefined) {
      frame.unref()
      return true
    }
    const { line } = from
    const now = this.#env.clock.now()
    if (frame.launch > now) return this.#hold(from, frame)
    if (line !== undefined && now < line.opens) {
      from.awaitLine(line)
      return false
    }
    return (line !== undefined || this.#hasRoom(from)) && this.#leave(from, frame, now)
  }

  /** False when too much of a port is under way; it is told when that is over. */
  #hasRoom(from: Port): boolean {
    if (from.underWay < from.limit) return true
    from.waits = this.#waiting = true
    return false
  }

  /** Keeps a frame in its port until its instant. False when it keeps too many. */
  #hold(from: Port, frame: NetBuf): boolean {
    if (!this.#hasRoom(from)) return false
    from.underWay++
    if (this.#held.put(frame, from, frame.launch)) this.#launches.schedule(frame.launch)
    return true
  }

  /** The instants of frames have come. What a port has taken goes before what it has refused, however busy its line is. */
  #launch(now: Instant): void {
    const held = this.#held
    while (held.length > 0 && held.due <= now) {
      const from = held.path
      const frame = held.take()
      from.underWay--
      if (from.plugged && from.sink !== undefined) this.#leave(from, frame, now)
      else frame.unref()
    }
    if (held.length > 0) this.#launches.schedule(held.due)
    if (this.#waiting) this.#wake()
  }

  /** A frame leaves its port, behind what its line has taken. */
  #leave(from: Port, frame: NetBuf, now: Instant): true {
    const sent = from.line === undefined ? now : from.line.send(frame.total(), now)
    if (sent !== undefined) return this.#send(from, frame, now, sent)
    this.#show(frame, now, QUEUE_FULL)
    frame.unref()
    from.sink!.lost('queue is full')
    return true
  }

  /** Whom a frame reaches whose last byte leaves at `sent`, in what state, and when. */
  #send(from: Port, frame: NetBuf, now: Instant, sent: Instant): true {
    const { dv, offset } = frame
    const hi = frame.length >= 6 ? dv.getUint16(offset) : 0
    const lo = frame.length >= 6 ? dv.getInt32(offset + 2) : 0
    const group = (hi & 0x0100) !== 0
    const known = !group && this.#claimed(hi, lo)
    const faults = from.faults.clean ? undefined : from.faults
    const told = this.#faults
    if (told.length > 0) told.length = 0
    let due = sent + from.faults.latency
    if (faults !== undefined) {
      const heldBack = faults.heldBack()
      due = faults.arrival(sent, heldBack)
      if (heldBack) told.push(`held back ${faults.holdBack} ms`)
    }
    let first: Path | undefined
    let mirrored = false
    for (const path of from.paths) {
      const { to } = path
      if (!to.plugged || to.sink === undefined) continue
      if (known && !to.claims(hi, lo)) {
        mirrored ||= to.hearsAll
        continue
      }
      if (faults !== undefined) {
        if (faults.lost()) {
          told.push(`lost${by(group, to)}`)
          continue
        }
        if (faults.duplicated() && this.#copy(frame, path, due)) told.push(`heard twice${by(group, to)}`)
        if (faults.corrupted(frame.total() - ADDRESSES)) {
          const copy = this.#copy(frame, path, due)
          if (copy) told.push(`corrupted${by(group, to)}: ${faults.corrupt(copy, ADDRESSES)}`)
          continue
        }
      }
      if (first === undefined) first = path
      else this.#copy(frame, path, due)
    }
    this.#show(frame, now, told)
    if (mirrored) this.#mirror(from, frame, hi, lo, due)
    if (first === undefined) frame.unref()
    else this.#put(frame, first, due)
    return true
  }

  /** Some port here takes frames to this address. */
  #claimed(hi: number, lo: number): boolean {
    const ports = this.#ports
    for (let i = 0; i < ports.length; i++) if (ports[i]!.claims(hi, lo)) return true
    return false
  }

  #show(frame: NetBuf, now: Instant, faults: readonly string[]): void {
    for (const tap of this.#taps) tap(frame, now, faults)
  }

  /** Copies for those who listen in on a frame to another port. Nothing is drawn for them: that they listen changes nothing for others. */
  #mirror(from: Port, frame: NetBuf, hi: number, lo: number, due: Instant): void {
    for (const { to } of from.paths) {
      if (to.hearsAll && to.plugged && to.sink !== undefined && !to.claims(hi, lo)) this.#copy(frame, to.mirror, due)
    }
  }

  /** A hearer's own copy, from the hearer's own buffers, put on the wire. */
  #copy(frame: NetBuf, path: Path, due: Instant): NetBuf | undefined {
    const copy = path.to.buffers!.alloc(frame.total(), frame.headroom())
    if (copy === undefined) {
      path.to.sink!.lost('no buffer')
      return undefined
    }
    for (let fragment: NetBuf | undefined = frame; fragment !== undefined; fragment = fragment.next) copy.write(fragment.view())
    if (this.offload) {
      const shift = copy.offset - frame.offset
      copy.checksum = frame.checksum
      copy.checksumStart = frame.checksumStart + shift
      copy.checksumAt = frame.checksumAt + shift
      copy.segmentSize = frame.segmentSize
    }
    this.#put(copy, path, due)
    return copy
  }

  #put(frame: NetBuf, path: Path, due: Instant): void {
    path.from.underWay++
    if (this.#deliveries.put(frame, path, due)) this.#timer.schedule(due)
  }

  /** Takes the first frame off the wire. */
  #take(): NetBuf {
    this.#deliveries.path.from.underWay--
    return this.#deliveries.take()
  }

  #deliver(now: Instant): void {
    const deliveries = this.#deliveries
    for (let n = 0; n < BATCH && deliveries.length > 0 && deliveries.due <= now; n++) {
      const { sink, plugged } = deliveries.path.to
      const frame = this.#take()
      if (sink === undefined || !plugged) {
        frame.unref()
        continue
      }
      // On the wire there are bytes alone: no priority but in a tag, and no instant.
      frame.priority = 0
      frame.launch = 0
      sink.frame(frame)
    }
    if (deliveries.length > 0) this.#timer.schedule(deliveries.due)
    if (this.#waiting) this.#wake()
  }

  /** Tells those to go on of whom less is under way now. */
  #wake(): void {
    this.#waiting = false
    for (const port of this.#ports) {
      if (!port.waits) continue
      if (port.underWay < port.limit) {
        port.waits = false
        port.sink?.ready() // who may be refused again, and wait again
      } else this.#waiting = true
    }
  }
}
