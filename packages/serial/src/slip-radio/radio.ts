/** The host of a SLIP radio: a mote that listens before it sends, waits for acknowledgments, and sends again. It tells how that ended. */

import { deferred } from '@favonius/clock'
import type { BufferSource, Endpoint, Env, LinkAddress, NetBuf, Radio, RadioFilter, RadioOutcome, RadioSink, StreamNet, Timer } from '@favonius/contract'
import { asksForAcknowledgment, FrameHeader, NO_SHORT_ADDRESS, readFrame } from '@favonius/ieee802154/wire'
import { failure, sameLink } from '@favonius/inet'
import type { LineOptions } from '../line.ts'
import { Messages } from './messages.ts'
import { commandOf, commands, LONGEST, parameters, readAddress, readReport, receiveModes, statuses, writeParameter, writeSend } from './wire.ts'

/** How the mote is reached. */
export interface SlipRadioOptions extends LineOptions {
  /** Milliseconds within which it must say who it is; 10 000 unless given. */
  readonly timeout?: number
}

/** Milliseconds within which it must say who it is. */
const TIMEOUT = 10_000
/** Milliseconds until it is asked again who it is: it may be starting. */
const ASK = 500
/** Milliseconds until a report is overdue: eight attempts with all their waiting are done in less than one second. */
const REPORT = 2000
/** Sessions that Contiki-NG's hosts use. */
const SESSIONS = 16
/** Milliseconds a symbol takes at 2.4 GHz. */
const SYMBOL = 0.016

/**
 * A mote with Contiki-NG's `examples/slip-radio`, behind ser2net, or in Cooja with its serial socket. Its address is the mote's, so there is none
 * before it has said so: `stack.ieee802154.add(await SlipRadio.open(system, nodeStreams(), { remote }))`.
 */
export class SlipRadio implements Radio {
  readonly abilities = { csma: true, acknowledge: true, retransmit: true }
  readonly symbol = SYMBOL
  readonly #env: Env
  readonly #messages: Messages
  readonly #report: Timer
  readonly #header = new FrameHeader()
  #address: LinkAddress | undefined
  /** Who waits for the address. */
  #known: (() => void) | undefined
  #sink: RadioSink | undefined
  #buffers: BufferSource | undefined
  #filter: RadioFilter | undefined
  #channel: number | undefined
  #power: number | undefined
  /** Of the frame that was sent last, and whether a report on it is awaited. */
  #session = 0
  #awaited = false
  #asks = false

  private constructor(env: Env, net: StreamNet, options: LineOptions) {
    this.#env = env
    this.#report = env.clock.timer(() => this.#overdue())
    this.#messages = new Messages(env, net, options, {
      opened: () => {
        this.#ask()
        this.#configure()
        this.#sink?.carrier(true)
      },
      message: (length) => this.#message(length),
      lost: (reason) => this.#sink?.lost(reason),
      drained: () => {},
      closed: () => {
        this.#report.cancel()
        this.#ended('no-ack', 1)
        this.#sink?.carrier(false)
      },
    })
  }

  /**
   * Resolves when the mote has said who it is. Rejects with ETIMEDOUT when it does not, and with what the `StreamNet` says when there is no line.
   *
   * @throws Error (EINVAL) unless one of `remote` and `local` is given.
   */
  static async open(env: Env, net: StreamNet, options: SlipRadioOptions): Promise<SlipRadio> {
    const { timeout = TIMEOUT } = options
    const radio = new SlipRadio(env, net, options)
    const known = deferred<void>(env)
    radio.#known = () => known.resolve()
    const until = env.clock.now() + timeout
    const asking = env.clock.timer((now) => {
      if (now >= until) return known.reject(failure('ETIMEDOUT', `nobody said within ${timeout} ms which address a SLIP radio has: is Contiki-NG's examples/slip-radio at the other end?`))
      radio.#ask()
      asking.schedule(Math.min(until, now + ASK))
    })
    try {
      await radio.#messages.line.start()
      asking.schedule(Math.min(until, env.clock.now() + ASK))
      await known.promise
    } catch (error) {
      radio.stop()
      throw error
    } finally {
      radio.#known = undefined
      asking.cancel()
    }
    return radio
  }

  /** The mote's. */
  get address(): LinkAddress {
    return this.#address!
  }

  /** Where it listens; undefined when it does not. */
  get local(): Endpoint | undefined {
    return this.#messages.local
  }

  async start(sink: RadioSink, buffers: BufferSource): Promise<void> {
    this.#sink = sink
    this.#buffers = buffers
    // Stopped before, it has no line any more.
    if (!this.#messages.line.active) {
      sink.carrier(false)
      return this.#messages.line.start()
    }
    sink.carrier(this.#messages.line.open)
    this.#configure()
  }

  stop(): void {
    this.#report.cancel()
    this.#messages.line.stop()
    this.#awaited = false
    this.#sink = this.#buffers = undefined
  }

  transmit(frame: NetBuf): void {
    const sink = this.#sink
    if (sink === undefined) return frame.unref()
    const { next, nextView } = this.#messages
    const { u8, offset, length } = frame
    this.#session = (this.#session + 1) % SESSIONS
    const at = writeSend(this.#session, nextView)
    for (let i = 0; i < length; i++) next[at + i] = u8[offset + i]!
    frame.unref()
    const header = readFrame(nextView, at, length, this.#header)
    this.#asks = !('malformed' in header) && asksForAcknowledgment(header)
    this.#awaited = true
    const now = this.#env.clock.now()
    if (this.#messages.send(at + length)) return this.#report.schedule(now + REPORT)
    sink.lost('slip-radio: not sent')
    this.#report.schedule(now)
  }

  clear(): boolean {
    return true
  }

  /** It can be asked, but not at once. */
  energy(): number {
    return Number.NaN
  }

  tune(channel: number): void {
    this.#channel = channel
    this.#set(parameters.channel, channel)
  }

  power(dBm: number): void {
    this.#power = dBm
    this.#set(parameters.power, dBm & 0xffff)
  }

  /** @throws Error (EINVAL) for another EUI-64 than the mote's: it cannot be told one. */
  filter(filter: RadioFilter): void {
    if (!sameLink(filter.address, this.address)) {
      throw failure('EINVAL', `a SLIP radio goes by its own address, ${this.address}, and cannot be told ${filter.address}: add it without \`address\``)
    }
    this.#filter = filter
    this.#setFilter(filter)
  }

  #ask(): void {
    this.#messages.nextView.setUint16(0, commands.askAddress)
    this.#messages.send(2)
  }

  /** Tells all that was set: whoever is at the other end now may have just begun. */
  #configure(): void {
    if (this.#channel !== undefined) this.tune(this.#channel)
    if (this.#power !== undefined) this.power(this.#power)
    if (this.#filter !== undefined) this.#setFilter(this.#filter)
  }

  #setFilter({ panId, shortAddress, promiscuous }: RadioFilter): void {
    this.#set(parameters.panId, panId)
    if (shortAddress < NO_SHORT_ADDRESS) this.#set(parameters.shortAddress, shortAddress)
    this.#set(parameters.receiveMode, promiscuous ? 0 : receiveModes.filter | receiveModes.acknowledge)
  }

  #set(parameter: number, value: number): void {
    // What is set before is told when there is someone to tell.
    if (this.#sink === undefined || !this.#messages.line.open) return
    if (!this.#messages.send(writeParameter({ parameter, value }, this.#messages.nextView))) this.#sink?.lost('slip-radio: not set')
  }

  #message(length: number): void {
    const { heard, heardView } = this.#messages
    switch (commandOf(heardView, length)) {
      case -1: return this.#frame(heard, length)
      case commands.address: {
        const address = readAddress(heardView, length)
        if ('malformed' in address) return this.#sink?.lost(address.malformed)
        this.#address ??= address
        if (!sameLink(this.#address, address)) this.#sink?.lost('slip-radio: another mote is at the other end')
        return this.#known?.()
      }
      case commands.report: {
        const report = readReport(heardView, length)
        if ('malformed' in report) return this.#sink?.lost(report.malformed)
        if (!this.#awaited || report.session !== this.#session) return
        this.#report.cancel()
        const outcome = report.status === statuses.ok ? (this.#asks ? 'acknowledged' : 'sent') : report.status === statuses.collision ? 'busy' : 'no-ack'
        return this.#ended(outcome, Math.max(1, report.transmissions))
      }
      // The answer to what nobody here asks.
      case commands.set: return
      default: return this.#sink?.lost('slip-radio: a command that is unknown')
    }
  }

  #frame(bytes: Uint8Array, length: number): void {
    const sink = this.#sink
    if (sink === undefined) return
    if (length > LONGEST) return sink.lost('too long')
    const frame = this.#buffers!.alloc(length)
    if (frame === undefined) return sink.lost('no buffer')
    frame.write(bytes.subarray(0, length))
    sink.frame(frame, Number.NaN, 0xff)
  }

  /** No report came in time. */
  #overdue(): void {
    this.#ended('no-ack', 1)
  }

  #ended(outcome: RadioOutcome, attempts: number): void {
    if (!this.#awaited) return
    this.#awaited = false
    this.#sink?.transmitted(outcome, attempts, false)
  }
}
