/**
 * The MAC of IEEE 802.15.4 without beacons: a device over a radio. Read IEEE 802.15.4-2015 §6.2.5.1 (CSMA-CA), §6.7.2 (what is heard), §6.7.4
 * (acknowledgments and retransmission) before touching it.
 *
 * It has one frame to send at a time, and one timer: until the channel is to be assessed, or until an acknowledgment is overdue.
 */

import type { BufferSource, Device, DeviceSink, Env, Instant, LinkAddress, NetBuf, Radio, RadioFilter, RadioOutcome, RadioSink, Timer } from '@favonius/contract'
import { settle, type Settings } from '@favonius/kconfig'
import { failure, linkAddress } from '@favonius/inet'
import { Duplicates } from './duplicates.ts'
import { passes } from './filter.ts'
import { ieee802154Options } from './options.ts'
import { CCA, DUPLICATE, LIFS, SHORT_FRAME, SIFS, UNIT_BACKOFF } from './timing.ts'
import {
  addressModes, asksForAcknowledgment, BROADCAST, control, FrameHeader, frameTypes, MAX_ACKNOWLEDGMENT, MAX_FRAME, NO_SHORT_ADDRESS, readFrame, versions,
  writeAcknowledgment,
} from './wire/frame.ts'
import { FCS } from './wire/fcs.ts'

/** How a MAC is set: the options of `ieee802154()`. */
export type MacSettings = Settings<typeof ieee802154Options>

/** What of a MAC may change while it runs; Zephyr's NET_REQUEST_IEEE802154_SET_* and UNSET_ACK. */
export interface MacAttributes {
  /** 0 to 0xfffe; 0xffff for none. */
  readonly panId: number
  readonly channel: number
  /** 0xffff for none, 0xfffe for a member of the PAN that has none: it then goes by its EUI-64. */
  readonly shortAddress: number
  /** Transmit power in dBm. */
  readonly power: number
  /** Acknowledgments are asked for. */
  readonly acknowledge: boolean
}

/** A device of medium `ieee802154`, as the link layer needs it. `Mac` is one. */
export interface MacDevice extends Device {
  readonly attributes: MacAttributes
  /** The short address as a link address; undefined when there is none. */
  readonly shortLink: LinkAddress | undefined
  /** Changes what is given. RangeError, and nothing changed, for what is out of range. */
  set(changes: Partial<MacAttributes>): void
  /** macDSN: the number of the next frame. */
  nextSequence(): number
  /** What is on the channel now, in dBm. */
  energy(): number
}

/** Takes beacons and MAC commands, with the header that was read (borrowed) and how they were heard; the buffer stays the MAC's. */
export type ControlInput = (header: FrameHeader, frame: NetBuf, rssi: number, lqi: number) => void

/** aMaxMacSafePayloadSize (IEEE 802.15.4-2015 §8.4.2): what fits into a frame whatever its header; RFC 4944 §4 reckons with it. */
const SAFE_PAYLOAD = 102
/** What the frame to be sent is waiting for. */
type Stage = 'idle' | 'backoff' | 'sending' | 'acknowledgment'

/** Every MAC reads what it hears into this one: what is heard is handled before the next one. */
const read = /* @__PURE__ */ new FrameHeader()

/** A MAC over a radio. Made by `stack.ieee802154.add(radio)`, or by hand. */
export class Mac implements MacDevice, RadioSink {
  readonly medium = 'ieee802154'
  readonly address: LinkAddress
  readonly mtu = SAFE_PAYLOAD
  readonly offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }
  /** Who takes beacons and MAC commands; until there is one, they are dropped and counted. */
  control: ControlInput | undefined
  readonly #env: Env
  readonly #radio: Radio
  readonly #settings: MacSettings
  readonly #timer: Timer
  readonly #duplicates: Duplicates
  #attributes: MacAttributes
  #shortLink: LinkAddress | undefined
  #promiscuous = false
  /** What is for us, as the radio was told. */
  #heard: RadioFilter
  #sink: DeviceSink | undefined
  #buffers: BufferSource | undefined
  /** macDSN. */
  #sequence: number

  #stage: Stage = 'idle'
  #frame: NetBuf | undefined
  /** It asks for an acknowledgment with this number; −1 when it does not. */
  #awaited = -1
  /** Whom it is for, where somebody wants to know whether it arrives; and its bytes, with the FCS. */
  #to: LinkAddress | undefined
  #length = 0
  #attempts = 0
  /** Of this attempt: NB and BE of §6.2.5.1. */
  #backoffs = 0
  #exponent = 0
  /** Before this instant the next backoff does not begin: the stations need the silence between frames (§6.2.4). */
  #gap: Instant = -Infinity
  /** The radio is busy with an acknowledgment of ours. */
  #acknowledging = false
  /** What the radio last said of its carrier; one that says nothing has it. */
  #carrier = true
  /** Frames were refused. */
  #refused = false

  /**
   * `address` is for a MAC that is not to go by its radio's EUI-64.
   *
   * @throws ConfigError for a setting that is none, or out of range.
   */
  constructor(env: Env, radio: Radio, settings: Partial<MacSettings> = {}, address: LinkAddress = radio.address) {
    if (address.length !== 8) throw failure('EINVAL', `${address} cannot be the address of a MAC: give it an EUI-64, eight bytes`)
    this.#env = env
    this.#radio = radio
    this.#settings = settle('ieee802154', ieee802154Options, settings)
    this.address = address
    const { panId, channel, power, acknowledge } = this.#settings
    this.#attributes = { panId, channel, power, acknowledge, shortAddress: BROADCAST }
    this.#heard = { address, panId, shortAddress: BROADCAST, promiscuous: false }
    this.#sequence = env.random.uint32() & 0xff
    this.#duplicates = new Duplicates(DUPLICATE * radio.symbol)
    this.#timer = env.clock.timer((now) => this.#fire(now))
  }

  // ---- what people set ----

  get attributes(): MacAttributes {
    return this.#attributes
  }

  get shortLink(): LinkAddress | undefined {
    return this.#shortLink
  }

  set(changes: Partial<MacAttributes>): void {
    const { panId, channel, shortAddress, power, acknowledge } = changes
    checked('panId', panId, 0, 0xffff)
    checked('channel', channel, ...ieee802154Options.channel.range)
    checked('shortAddress', shortAddress, 0, 0xffff)
    checked('power', power, ...ieee802154Options.power.range)
    const before = this.#attributes
    this.#attributes = {
      panId: panId ?? before.panId,
      channel: channel ?? before.channel,
      shortAddress: shortAddress ?? before.shortAddress,
      power: power ?? before.power,
      acknowledge: acknowledge ?? before.acknowledge,
    }
    const short = this.#attributes.shortAddress
    this.#shortLink = short >= NO_SHORT_ADDRESS ? undefined : linkAddress(2, 0, short)
    if (this.#sink !== undefined) this.#tune()
  }

  nextSequence(): number {
    return (this.#sequence = this.#sequence + 1 & 0xff)
  }

  energy(): number {
    return this.#radio.energy()
  }

  promiscuous(on: boolean): void {
    this.#promiscuous = on
    if (this.#sink !== undefined) this.#filter()
  }

  #tune(): void {
    this.#radio.tune(this.#attributes.channel)
    this.#radio.power(this.#attributes.power)
    this.#filter()
  }

  #filter(): void {
    const { panId, shortAddress } = this.#attributes
    this.#heard = { address: this.address, panId, shortAddress, promiscuous: this.#promiscuous }
    this.#radio.filter(this.#heard)
  }

  // ---- a device ----

  start(sink: DeviceSink, buffers: BufferSource): void | Promise<void> {
    this.#sink = sink
    this.#buffers = buffers
    this.#tune()
    return this.#radio.start(this, buffers)
  }

  stop(): void | Promise<void> {
    this.#sink = undefined
    this.#buffers = undefined
    this.#acknowledging = false
    this.#forget()
    this.#duplicates.forget()
    return this.#radio.stop()
  }

  transmit(frame: NetBuf): boolean {
    if (this.#sink === undefined || !this.#carrier) {
      frame.unref()
      this.#sink?.lost('no carrier')
      return true
    }
    if (this.#stage !== 'idle') {
      this.#refused = true
      return false
    }
    const whole = this.#whole(frame)
    if (whole === undefined) return true
    const word = whole.dv.getUint16(whole.offset, true)
    // A frame of 2015 may go without a number, and then nobody can say which one they acknowledge.
    const numberless = (word & (control.sequenceSuppression | 3 << control.version)) === (control.sequenceSuppression | versions.v2015 << control.version)
    const asks = (word & control.acknowledge) !== 0 && !numberless
    this.#frame = whole
    this.#awaited = asks ? whole.u8[whole.offset + 2]! : -1
    this.#to = asks && this.#sink.sent !== undefined ? destinationOf(whole) : undefined
    this.#length = whole.length + FCS
    this.#attempts = 0
    this.#access(this.#env.clock.now())
    return true
  }

  /** The frame in one run of bytes; undefined when it is gone, and counted. */
  #whole(frame: NetBuf): NetBuf | undefined {
    const size = frame.next === undefined ? frame.length : frame.total()
    if (size < 3 || size > MAX_FRAME - FCS) return this.#lose(frame, size < 3 ? 'too short' : 'too long')
    if (frame.next === undefined) return frame
    const copy = this.#buffers!.alloc(size)
    if (copy === undefined) return this.#lose(frame, 'no buffer')
    for (let fragment: NetBuf | undefined = frame; fragment !== undefined; fragment = fragment.next) copy.write(fragment.view())
    frame.unref()
    return copy
  }

  #lose(frame: NetBuf, reason: string): undefined {
    frame.unref()
    this.#sink!.lost(reason)
    return undefined
  }

  // ---- sending ----

  /** Begins an attempt: waits for the channel, unless the radio does, or nobody wants to. */
  #access(now: Instant): void {
    const { aloha, minBackoffExponent, maxBackoffExponent } = this.#settings
    if (aloha || this.#radio.abilities.csma) {
      this.#stage = 'backoff'
      // A radio that listens by itself keeps the silence too; or its medium needs none.
      const from = this.#radio.abilities.csma ? now : Math.max(now, this.#gap)
      if (now < from || this.#acknowledging) this.#timer.schedule(from)
      else this.#send()
      return
    }
    this.#backoffs = 0
    this.#exponent = Math.min(minBackoffExponent, maxBackoffExponent)
    this.#backOff(now)
  }

  #backOff(now: Instant): void {
    const periods = this.#exponent === 0 ? 0 : this.#env.random.uint32() >>> 32 - this.#exponent
    this.#stage = 'backoff'
    this.#timer.schedule(Math.max(now, this.#gap) + (periods * UNIT_BACKOFF + CCA) * this.#radio.symbol)
  }

  #fire(now: Instant): void {
    if (this.#stage === 'acknowledgment') return this.#again(now)
    const { aloha, maxBackoffs, maxBackoffExponent } = this.#settings
    if (aloha || this.#radio.abilities.csma) {
      // It goes out behind our acknowledgment, when one is on its way.
      if (!this.#acknowledging) this.#send()
    } else if (!this.#acknowledging && this.#radio.clear()) {
      this.#send()
    } else if (this.#backoffs++ < maxBackoffs) {
      this.#exponent = Math.min(this.#exponent + 1, maxBackoffExponent)
      this.#backOff(now)
    } else {
      this.#attempts++
      this.#done('channel busy', now)
    }
  }

  #send(): void {
    this.#stage = 'sending'
    this.#attempts++
    const frame = this.#frame!
    // A reference stays here, where it may have to be sent again.
    if (this.#mayRepeat()) frame.ref()
    else this.#frame = undefined
    this.#radio.transmit(frame)
  }

  #mayRepeat(): boolean {
    return this.#awaited >= 0 && !this.#radio.abilities.retransmit
  }

  transmitted(outcome: RadioOutcome, attempts: number, _pending: boolean): void {
    if (this.#sink === undefined) return
    const now = this.#env.clock.now()
    if (this.#acknowledging) {
      this.#acknowledging = false
      // A frame that the channel need not be assessed for waited for this.
      if (this.#stage === 'backoff' && this.#timer.due === undefined) this.#access(now)
      return
    }
    if (this.#stage !== 'sending') return
    if (outcome === 'sent' && this.#mayRepeat()) {
      this.#stage = 'acknowledgment'
      this.#timer.schedule(now + Math.max(this.#settings.ackWait, this.#radio.ackWait ?? 0) * this.#radio.symbol)
      return
    }
    if (attempts > 1) this.#attempts += attempts - 1
    this.#done(outcome === 'no-ack' ? 'no acknowledgment' : outcome === 'busy' ? 'channel busy' : undefined, now)
  }

  /** No acknowledgment came in time. */
  #again(now: Instant): void {
    if (this.#attempts > this.#settings.retries) return this.#done('no acknowledgment', now)
    this.#access(now)
  }

  /** The frame has arrived as far as can be known; or, for a reason, it has not. */
  #done(failed: string | undefined, now: Instant): void {
    const sink = this.#sink!
    const to = this.#to
    this.#gap = now + (this.#length > SHORT_FRAME ? LIFS : SIFS) * this.#radio.symbol
    this.#forget()
    if (failed !== undefined) sink.lost(failed)
    if (to !== undefined) sink.sent?.(to, this.#attempts, failed === undefined)
    if (!this.#refused) return
    this.#refused = false
    sink.ready()
  }

  #forget(): void {
    this.#timer.cancel()
    this.#frame?.unref()
    this.#frame = undefined
    this.#awaited = -1
    this.#stage = 'idle'
  }

  // ---- hearing ----

  frame(frame: NetBuf, rssi: number, lqi: number): void {
    const sink = this.#sink
    if (sink === undefined) return frame.unref()
    const header = readFrame(frame.dv, frame.offset, frame.length, read)
    if ('malformed' in header) return this.#hearAnyway(frame, sink, header.malformed)
    if (header.type === frameTypes.acknowledgment) {
      if (this.#stage === 'acknowledgment' && header.sequence === this.#awaited) this.#done(undefined, this.#env.clock.now())
      return this.#hearAnyway(frame, sink, undefined)
    }
    if (!passes(header, this.#heard)) return this.#hearAnyway(frame, sink, 'for another station')
    if (header.security) return this.#hearAnyway(frame, sink, 'secured, and there is no key')
    if (asksForAcknowledgment(header)) this.#acknowledge(header, sink)
    if (this.#duplicates.heard(header, this.#env.clock.now())) return void this.#lose(frame, 'heard before')
    if (header.type === frameTypes.data) return sink.frame(frame)
    if (this.control === undefined) return this.#hearAnyway(frame, sink, header.type === frameTypes.beacon ? 'beacon' : 'MAC command')
    this.control(header, frame, rssi, lqi)
    this.#hearAnyway(frame, sink, undefined)
  }

  carrier(up: boolean): void {
    this.#carrier = up
    this.#sink?.carrier(up)
    if (up) return
    this.#acknowledging = false
    if (this.#sink !== undefined && this.#stage !== 'idle') this.#done('no carrier', this.#env.clock.now())
  }

  lost(reason: string): void {
    this.#sink?.lost(reason)
  }

  /** What is not for the layers above: it goes up in promiscuous mode alone. */
  #hearAnyway(frame: NetBuf, sink: DeviceSink, reason: string | undefined): void {
    if (this.#promiscuous) return sink.frame(frame)
    frame.unref()
    if (reason !== undefined) sink.lost(reason)
  }

  #acknowledge(header: FrameHeader, sink: DeviceSink): void {
    if (!this.#settings.ackReply || (this.#radio.abilities.acknowledge && !this.#promiscuous)) return
    if (this.#stage === 'sending' || this.#acknowledging) return sink.lost('acknowledgment not sent: the radio is busy')
    const acknowledgment = this.#buffers!.alloc(MAX_ACKNOWLEDGMENT)
    if (acknowledgment === undefined) return sink.lost('no buffer')
    acknowledgment.add(writeAcknowledgment(header, acknowledgment.dv, acknowledgment.offset))
    this.#acknowledging = true
    this.#radio.transmit(acknowledgment)
  }
}

function checked(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return
  throw Object.assign(new RangeError(`${name} is ${value}; it must be a whole number from ${least} to ${most}`), { code: 'EINVAL' })
}

/** Whom a frame of ours is for; undefined when that is nobody, or everybody. */
function destinationOf(frame: NetBuf): LinkAddress | undefined {
  const header = readFrame(frame.dv, frame.offset, frame.length)
  return 'malformed' in header || header.destinationMode === addressModes.none || header.broadcast ? undefined : header.destination
}
