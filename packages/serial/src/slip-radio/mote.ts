/**
 * A SLIP radio: what Contiki-NG's border router (`rpl-border-router` of the target `native`, `-a <host> -p <port>`) has for its own. It is a MAC over any
 * `Radio`, whose frames go to a host, and which sends what that wants sent.
 */

import type { BufferSource, DeviceSink, Endpoint, Env, LinkAddress, NetBuf, Radio, StreamNet } from '@favonius/contract'
import { ieee802154Options, Mac, type MacSettings } from '@favonius/ieee802154'
import { addressModes, asksForAcknowledgment, FrameHeader, readFrame } from '@favonius/ieee802154/wire'
import type { LineOptions } from '../line.ts'
import { Messages } from './messages.ts'
import {
  commandOf, commands, parameters, readAsk, readParameter, readSend, receiveModes, statuses, writeAddress, writeParameter, writeReport, type Parameter,
} from './wire.ts'

/** How a mote is set. */
export interface SlipMoteOptions extends LineOptions {
  /** The EUI-64 that the host learns and goes by; the radio's own unless given. */
  readonly address?: LinkAddress
  /** Of its MAC. The host may set PAN, channel and power. */
  readonly mac?: Partial<MacSettings>
}

/** The port that Cooja serves such motes at, and border routers look for. */
export const SLIP_RADIO_PORT = 60_001

/** Frames that wait to be sent: Contiki-NG's hosts have so many sessions. */
const QUEUE = 16

interface Waiting {
  readonly session: number
  readonly frame: NetBuf
  /** The MAC tells how it ended. */
  readonly told: boolean
}

/** Serves one host at a time. */
export class SlipMote {
  readonly #mac: Mac
  readonly #messages: Messages
  readonly #header = new FrameHeader()
  readonly #queue: Waiting[] = []
  readonly #losses = new Map<string, number>()
  #buffers: BufferSource | undefined
  #promiscuous = false
  /** Session of the frame that the MAC will tell of; −1 for none. */
  #session = -1
  /** Why the MAC has lost a frame, while it is being asked. */
  #reason: string | undefined

  /** @throws Error (EINVAL) for an address that is no EUI-64, and unless one of `remote` and `local` is given; ConfigError for a setting that is none. */
  constructor(env: Env, radio: Radio, net: StreamNet, { address, mac, ...line }: SlipMoteOptions) {
    this.#mac = new Mac(env, radio, mac, address)
    this.#messages = new Messages(env, net, line, {
      opened: () => this.#forget(),
      message: (length) => this.#message(length),
      lost: (reason) => this.#lose(reason),
      drained: () => {},
      closed: () => this.#forget(),
    })
  }

  /** The EUI-64 that its host goes by. */
  get address(): LinkAddress {
    return this.#mac.address
  }

  /** Where it listens; undefined when it does not. */
  get local(): Endpoint | undefined {
    return this.#messages.local
  }

  /** What was lost here, by reason: frames from the air, and messages of the host. */
  get lost(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#losses)
  }

  /** Begins, with buffers from this pool: `await mote.start(stack.netif.buffers)`. */
  async start(buffers: BufferSource): Promise<void> {
    this.#buffers = buffers
    await this.#mac.start(this.#sink, buffers)
    await this.#messages.line.start()
  }

  async stop(): Promise<void> {
    this.#forget()
    this.#buffers = undefined
    this.#messages.line.stop()
    await this.#mac.stop()
  }

  readonly #sink: DeviceSink = {
    frame: (frame) => {
      this.#messages.next.set(frame.view())
      const { length } = frame
      frame.unref()
      if (!this.#messages.send(length)) this.#lose('slip-radio: no host, or it does not read')
    },
    ready: () => this.#next(),
    carrier: () => {},
    lost: (reason) => {
      this.#reason = reason
      this.#lose(reason)
    },
    sent: (_to, attempts, ok) => {
      const session = this.#session
      this.#session = -1
      if (session >= 0) this.#report(session, ok ? statuses.ok : this.#reason === 'channel busy' ? statuses.collision : statuses.noAcknowledgment, attempts)
      this.#next()
    },
  }

  #lose(reason: string): void {
    this.#losses.set(reason, (this.#losses.get(reason) ?? 0) + 1)
  }

  #message(length: number): void {
    const { heardView, nextView } = this.#messages
    switch (commandOf(heardView, length)) {
      case commands.send: return this.#take(length)
      case commands.set: {
        const set = readParameter(heardView, length)
        return 'malformed' in set ? this.#lose(set.malformed) : this.#set(set)
      }
      case commands.ask: {
        const parameter = readAsk(heardView, length)
        if (typeof parameter !== 'number') return this.#lose(parameter.malformed)
        const value = this.#get(parameter)
        if (value === undefined) return this.#lose('slip-radio: a parameter that is unknown')
        return this.#answer(writeParameter({ parameter, value }, nextView))
      }
      case commands.askAddress: return this.#answer(writeAddress(this.address, nextView))
      default: return this.#lose('slip-radio: a command that is unknown')
    }
  }

  #answer(length: number): void {
    if (!this.#messages.send(length)) this.#lose('slip-radio: not answered')
  }

  #report(session: number, status: number, transmissions: number): void {
    this.#answer(writeReport({ session, status, transmissions: Math.min(transmissions, 0xff) }, this.#messages.nextView))
  }

  #set({ parameter, value }: Parameter): void {
    const { channel, power } = ieee802154Options
    const dBm = value << 16 >> 16
    if (parameter === parameters.channel && value >= channel.range[0] && value <= channel.range[1]) this.#mac.set({ channel: value })
    else if (parameter === parameters.panId) this.#mac.set({ panId: value })
    else if (parameter === parameters.shortAddress) this.#mac.set({ shortAddress: value })
    else if (parameter === parameters.power && dBm >= power.range[0] && dBm <= power.range[1]) this.#mac.set({ power: dBm })
    else if (parameter === parameters.receiveMode) {
      this.#promiscuous = (value & receiveModes.filter) === 0
      this.#mac.promiscuous(this.#promiscuous)
    } else this.#lose('slip-radio: a parameter that is unknown, or out of range')
  }

  #get(parameter: number): number | undefined {
    const { channel, panId, shortAddress, power } = this.#mac.attributes
    switch (parameter) {
      case parameters.channel: return channel
      case parameters.panId: return panId
      case parameters.shortAddress: return shortAddress
      case parameters.power: return power & 0xffff
      case parameters.receiveMode: return this.#promiscuous ? 0 : receiveModes.filter | receiveModes.acknowledge
      default: return undefined
    }
  }

  /** A frame that is to be sent. */
  #take(length: number): void {
    const { heard, heardView } = this.#messages
    const send = readSend(heardView, length)
    if ('malformed' in send) return this.#lose(send.malformed)
    const { session, frame: from } = send
    const header = readFrame(heardView, from, length - from, this.#header)
    if ('malformed' in header) {
      this.#lose(header.malformed)
      return this.#report(session, statuses.fatal, 0)
    }
    const told = asksForAcknowledgment(header) && header.destinationMode !== addressModes.none
    const frame = this.#queue.length < QUEUE ? this.#buffers?.alloc(length - from) : undefined
    if (frame === undefined) {
      this.#lose(this.#queue.length < QUEUE ? 'no buffer' : 'slip-radio: too many frames to send')
      return this.#report(session, statuses.queueFull, 0)
    }
    frame.write(heard.subarray(from, length))
    this.#queue.push({ session, frame, told })
    this.#next()
  }

  /** Gives the MAC what it takes. */
  #next(): void {
    for (let first = this.#queue[0]; first !== undefined && this.#session < 0; first = this.#queue[0]) {
      const { session, frame, told } = first
      this.#reason = undefined
      if (!this.#mac.transmit(frame)) return
      this.#queue.shift()
      if (this.#reason !== undefined) this.#report(session, statuses.error, 0)
      else if (told) this.#session = session
      else this.#report(session, statuses.ok, 1)
    }
  }

  /** The host is gone, and with it what it wanted. */
  #forget(): void {
    for (const { frame } of this.#queue.splice(0)) frame.unref()
    this.#session = -1
  }
}
