/**
 * The air: radios at places, what they send, and what becomes of it. It wants virtual time, for no timer of a platform is as fine as a radio's
 * times; `pace` of `@favonius/clock` lets that run as the real one does.
 *
 * A frame costs two events, its first symbol and its last, and arithmetic for each radio within reach. A radio that a frame is not for
 * costs no more than that: no buffer, and nothing it is told. The one that it is for gets the buffer itself, where nobody else holds it; others
 * get copies.
 */

import type { Env, Instant, LinkAddress, NetBuf, Timer } from '@favonius/contract'
import { addressModes, FrameHeader, frameTypes, readFrame } from '@favonius/ieee802154/wire'
import { linkAddress } from '@favonius/inet'
import { Cells } from './cells.ts'
import { Ears } from './ears.ts'
import { quality, understood } from './errors.ts'
import { Filters } from './filters.ts'
import { Interferer, type InterfererOptions } from './interferer.ts'
import { unitDisk, type Medium } from './media.ts'
import { AirRadio, HEADROOM, type RadioHost } from './radio.ts'
import type { Place } from './topology.ts'
import { fates, reasonOf, type AirLoss, type AirLossReason, type Links, type Transmission } from './transmission.ts'

/** What the air is like. */
export interface AirOptions {
  /** Who hears whom, and how well; a disk of 100 m unless given. */
  readonly medium?: Medium
  /** The share of frames that is lost at each hearer beside all else; 0 unless given. */
  readonly loss?: number
  /** dB by which a frame must be stronger than all that disturbs it; 3 unless given. */
  readonly capture?: number
}

/** How a frame was heard by the one station that it was for. */
export interface Heard {
  readonly channel: number
  /** dBm and 0 to 255; undefined where that station did not hear it, or it was for everyone. */
  readonly rssi: number | undefined
  readonly lqi: number | undefined
}

/** Sees each frame as it ends, whole. `notes` say where it was lost, and why; they and the frame are borrowed until the tap returns. */
export type AirTap = (frame: NetBuf, now: Instant, notes: readonly string[], heard: Heard) => void

/** Frames by what became of them. */
export interface AirStatistics {
  /** That left a radio. */
  readonly sent: number
  /** By radios that they were for; a frame for everyone by each. */
  readonly heard: number
  /** At radios that they were for. */
  readonly lost: Readonly<Partial<Record<AirLossReason, number>>>
}

/** Bytes beside a frame on the air whose bits can be wrong: preamble, start, length, FCS. */
const OVERHEAD = 8
/** Metres of a disk, unless another medium is given. */
const RANGE = 100

/** Made by `net.air()`, or by hand over any `Env`. */
export class Air {
  readonly name: string
  readonly #env: Env
  readonly #medium: Medium
  readonly #loss: number
  readonly #host: RadioHost
  readonly #radios: AirRadio[] = []
  readonly #interferers: Interferer[] = []
  readonly #cells: Cells<AirRadio>
  readonly #traces: ((loss: AirLoss) => void)[] = []
  readonly #taps: AirTap[] = []
  readonly #header = new FrameHeader()
  readonly #counts = { sent: 0, heard: 0, lost: {} as Partial<Record<AirLossReason, number>> }
  readonly #ears: Ears
  readonly #filters = new Filters()
  /** Places of hearers in the list of the frame in hand, and what is noted of it. */
  readonly #hearers: number[] = []
  readonly #notes: string[] = []
  /** The most power of any station. */
  #loudest = 0
  /** Some station knows whom it reaches. */
  #linked = false

  /** @throws RangeError for a share that is none. */
  constructor(env: Env, { medium = unitDisk({ range: RANGE }), loss = 0, capture = 3 }: AirOptions = {}, name = 'air') {
    if (!(loss >= 0 && loss <= 1)) throw new RangeError(`loss is ${loss}; it must be a share from 0 to 1`)
    this.name = name
    this.#env = env
    this.#medium = medium
    this.#loss = loss
    const reach = medium.reach(0)
    this.#cells = new Cells(Number.isFinite(reach) && reach > 0 ? reach : 1)
    const active = new Set<Transmission>()
    this.#ears = new Ears(medium, capture, active, (number) => this.#radios[number]!.transmission)
    this.#host = {
      medium,
      ears: this.#ears,
      filters: this.#filters,
      active,
      near: (station, reach, visit) => {
        this.#linked = true
        this.#cells.near(station.x, station.y, reach, visit)
      },
      radio: (number) => {
        this.#linked = true
        return this.#radios[number]
      },
      now: () => env.clock.now(),
      timer: (fire): Timer => env.clock.timer(fire),
      deliver: (from, now) => this.#deliver(from, now),
      cut: (from, now) => this.#cut(from, now),
      louder: (power) => { this.#loudest = Math.max(this.#loudest, power) },
    }
  }

  /** Its radios, by number. */
  get radios(): readonly AirRadio[] {
    return this.#radios
  }

  get statistics(): AirStatistics {
    return this.#counts
  }

  /** A radio at a place; its EUI-64 is `02:00:00:00:00:00:00:<number>` unless given, and the number the next one, from 1. */
  radio({ at = [0, 0], address }: { readonly at?: Place; readonly address?: LinkAddress | undefined } = {}): AirRadio {
    const number = this.#radios.length
    const radio = new AirRadio(this.#host, number, at[0], at[1], address ?? linkAddress(8, 0x0200_0000, number + 1))
    this.#radios.push(radio)
    this.#cells.add(radio)
    this.#forget(radio)
    return radio
  }

  /** Something that disturbs, in bursts drawn from the seed, until the air stops. */
  interferer(options: InterfererOptions): Interferer {
    const interferer = new Interferer(this.#env, this.#host, -2 - this.#interferers.length, options)
    this.#interferers.push(interferer)
    this.#host.louder(options.power ?? 0)
    return interferer
  }

  /** A radio is somewhere else from now on; what is on the air already arrives as from where it was. */
  move(radio: AirRadio, [x, y]: Place): void {
    this.#forget(radio)
    this.#cells.remove(radio)
    radio.x = x
    radio.y = y
    this.#cells.add(radio)
    this.#forget(radio)
  }

  /** A radio fails: a frame of its is cut off, and it neither sends nor hears until it is repaired. Its interface loses its carrier. */
  fail(radio: AirRadio): void {
    radio.work(false)
  }

  repair(radio: AirRadio): void {
    radio.work(true)
  }

  /** Calls `listener` for each frame that is lost at a radio that it is for. Returns how to end that. */
  trace(listener: (loss: AirLoss) => void): () => void {
    this.#traces.push(listener)
    return () => void this.#traces.splice(this.#traces.indexOf(listener), 1)
  }

  tap(tap: AirTap): void {
    this.#taps.push(tap)
  }

  has(radio: unknown): boolean {
    return this.#radios.includes(radio as AirRadio)
  }

  /** Ends what is on the air. */
  stop(): void {
    for (const interferer of this.#interferers) interferer.stop()
    for (const radio of this.#radios) radio.stop()
  }

  /** Whom a radio reaches, with the strength in dBm at which they hear it. */
  neighbours(radio: AirRadio): { readonly radio: AirRadio; readonly strength: number }[] {
    const { to, strengths } = radio.reach()
    return to.map((number, i) => ({ radio: this.#radios[number]!, strength: strengths[i]! }))
  }

  /** Whoever reaches a place must find out anew. */
  #forget(radio: AirRadio): void {
    if (!this.#linked) return
    radio.links = undefined
    for (const interferer of this.#interferers) interferer.links = undefined
    const reach = this.#medium.reach(this.#loudest)
    if (Number.isFinite(reach)) this.#cells.near(radio.x, radio.y, reach, (near) => { near.links = undefined })
    else for (const each of this.#radios) each.links = undefined
  }

  // ---- what becomes of a frame ----

  /** A radio's frame has left it whole: it goes to those that it is for, and that have understood it. */
  #deliver(from: AirRadio, now: Instant): void {
    const { transmission } = from
    const frame = transmission.frame!
    const links = transmission.links!
    const header = this.#header
    const malformed = 'malformed' in readFrame(frame.dv, frame.offset, frame.length, header)
    const { to, losses } = links
    const hearers = this.#hearers
    transmission.frame = undefined
    this.#counts.sent++
    hearers.length = 0
    if (this.#notes.length > 0) this.#notes.length = 0
    let intended = 0
    for (let i = 0; i < to.length; i++) {
      const number = to[i]!
      if (!(malformed ? this.#filters.isPromiscuous(number) : this.#filters.pass(number, header))) continue
      const fate = transmission.fates[i]!
      // To everyone who can hear it, that is.
      if (fate === fates.weak && header.broadcast) continue
      intended++
      if (fate !== fates.heard) this.#lose(reasonOf[fate]!, from, number, transmission.by[i]!, frame, now)
      else if (this.#chance(losses?.[i] ?? 0)) this.#lose('by chance', from, number, -1, frame, now)
      else if (this.#garbled(number, frame.length)) this.#lose('noise', from, number, -1, frame, now)
      else hearers.push(i)
    }
    if (intended === 0 && !malformed && isToOne(header)) this.#lose('out of reach', from, -1, -1, frame, now)
    if (header.type !== frameTypes.acknowledgment) this.#filters.awaits(from.number, !malformed && header.acknowledge ? header.sequence : -1)
    if (this.#taps.length > 0) this.#show(frame, now, transmission, header.broadcast)
    this.#counts.heard += hearers.length
    this.#hand(frame, from, links, header.type === frameTypes.acknowledgment, now)
  }

  /** To each that heard it: copies, but for the last one, when nobody else has the frame. */
  #hand(frame: NetBuf, from: AirRadio, { to, strengths }: Links, acknowledges: boolean, now: Instant): void {
    const hearers = this.#hearers
    const last = frame.references === 1 ? hearers.length - 1 : -1
    for (let n = 0; n < hearers.length; n++) {
      const hearer = this.#radios[to[hearers[n]!]!]!
      if (!hearer.on) continue
      const given = n === last ? frame : this.#copy(frame, hearer)
      if (given === undefined) {
        this.#lose('no buffer', from, hearer.number, -1, frame, now)
        hearer.sink!.lost('no buffer')
        continue
      }
      // On the air there are bytes alone.
      given.priority = 0
      given.launch = 0
      if (acknowledges) this.#filters.awaits(hearer.number, -1)
      hearer.sink!.frame(given, strengths[hearers[n]!]!, quality(this.#ears.snr(hearer.number)))
      if (n === last) return
    }
    frame.unref()
  }

  #copy(frame: NetBuf, hearer: AirRadio): NetBuf | undefined {
    const { length, offset, u8 } = frame
    const copy = hearer.buffers!.alloc(length, HEADROOM)
    if (copy === undefined) return undefined
    const at = copy.add(length)
    if (copy.u8 === u8) u8.copyWithin(at, offset, offset + length)
    else copy.u8.set(u8.subarray(offset, offset + length), at)
    return copy
  }

  #chance(loss: number): boolean {
    const share = 1 - (1 - loss) * (1 - this.#loss)
    return share > 0 && this.#env.random.uint32() < share * 2 ** 32
  }

  /** Drawn for, where noise makes it neither sure nor hopeless. */
  #garbled(number: number, length: number): boolean {
    if (this.#medium.noise === -Infinity) return false
    const share = understood(this.#ears.snr(number), length + OVERHEAD)
    return share < 1 && this.#env.random.uint32() >= share * 2 ** 32
  }

  #cut(from: AirRadio, now: Instant): void {
    const { frame } = from.transmission
    this.#counts.sent++
    this.#lose('cut off', from, -1, -1, frame!, now)
  }

  /** `number` is of who was to hear it, `by` of whose signal it was; −1 for nobody. */
  #lose(why: AirLossReason, from: AirRadio, number: number, by: number, frame: NetBuf, at: Instant): void {
    const to = this.#radios[number]
    const { lost } = this.#counts
    lost[why] = (lost[why] ?? 0) + 1
    if (this.#taps.length > 0) {
      const cause = by >= 0 ? ` with ${this.#radios[by]!.address}` : ''
      this.#notes.push(`lost${to === undefined ? '' : ` by ${to.address}`}: ${why}${why === 'collision' ? cause : ''}`)
    }
    for (let i = 0; i < this.#traces.length; i++) this.#traces[i]!({ why, at, from, to, by: this.#radios[by], frame })
  }

  #show(frame: NetBuf, now: Instant, { channel, links }: Transmission, broadcast: boolean): void {
    const ear = broadcast ? undefined : this.#hearers[0]
    const heard: Heard = {
      channel,
      rssi: ear === undefined ? undefined : links!.strengths[ear],
      lqi: ear === undefined ? undefined : quality(this.#ears.snr(links!.to[ear]!)),
    }
    for (const tap of this.#taps) tap(frame, now, this.#notes, heard)
  }
}

/** It is for one station, which might have been there. */
const isToOne = ({ type, destinationMode, broadcast }: FrameHeader): boolean =>
  type !== frameTypes.acknowledgment && destinationMode !== addressModes.none && !broadcast
