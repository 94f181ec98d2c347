/** A radio whose air is the test, and what it takes to run a MAC over it. Times are symbols. */

import type { BufferSource, DeviceSink, Env, NetBuf, Radio, RadioFilter, RadioOutcome, RadioSink, Timer } from '@favonius/contract'
import { virtual, type VirtualEnv } from '@favonius/clock'
import { eui64, linkAddress } from '@favonius/inet'
import { Arena } from '@favonius/netbuf'
import { Mac, type MacSettings } from '../src/index.ts'
import { frameTypes, show, writeFrame, type FrameFields } from '../src/wire/index.ts'

export const SYMBOL = 0.016
export const OURS = eui64('02:00:00:00:00:00:00:01')
export const THEIRS = eui64('02:00:00:00:00:00:00:02')
export const PAN = 0xabcd
/** Symbols from `transmit` to the first one on the air. */
const TURNAROUND = 12
/** Symbols that a frame takes, with preamble, length and FCS. */
const airtime = (bytes: number): number => (6 + bytes + 2) * 2

export class ScriptedRadio implements Radio {
  readonly address = OURS
  readonly symbol = SYMBOL
  abilities = { csma: false, acknowledge: false, retransmit: false }
  /** `<symbol when it was handed over> <what>`, with what the MAC asked. */
  readonly log: string[] = []
  /** Answers of `clear`, in order; true when there is none. */
  readonly busy: boolean[] = []
  /** What becomes of the frames that are handed over, where the radio knows. */
  outcome: readonly [RadioOutcome, number] = ['sent', 1]
  readonly #env: Env
  readonly #timer: Timer
  readonly tuned: (string | number)[] = []
  filtered: RadioFilter | undefined
  sink: RadioSink | undefined
  buffers: BufferSource | undefined
  sending: NetBuf | undefined

  constructor(env: Env) {
    this.#env = env
    this.#timer = env.clock.timer(() => {
      this.sending?.unref()
      this.sending = undefined
      this.sink?.transmitted(...this.outcome, false)
    })
  }

  get at(): number {
    return Math.round(this.#env.clock.now() / SYMBOL)
  }

  start(sink: RadioSink, buffers: BufferSource): void {
    this.sink = sink
    this.buffers = buffers
  }

  stop(): void {
    this.sink = undefined
    this.#timer.cancel()
    this.sending?.unref()
    this.sending = undefined
  }

  transmit(frame: NetBuf): void {
    if (this.sending !== undefined) throw new Error('it is sending already')
    this.log.push(`${this.at} ${show(frame.view().slice())}`)
    this.sending = frame
    this.#timer.schedule(this.#env.clock.now() + (TURNAROUND + airtime(frame.length)) * SYMBOL)
  }

  clear(): boolean {
    const clear = !(this.busy.shift() ?? false)
    this.log.push(`${this.at} ${clear ? 'clear' : 'busy'}`)
    return clear
  }

  energy(): number {
    return -91
  }

  tune(channel: number): void {
    this.tuned.push(channel)
  }

  power(dBm: number): void {
    this.tuned.push(`${dBm} dBm`)
  }

  filter(filter: RadioFilter): void {
    this.filtered = filter
  }

  /** A frame comes in. */
  hear(bytes: Uint8Array): void {
    const frame = this.buffers!.alloc(bytes.length)!
    frame.write(bytes)
    this.sink!.frame(frame, -60, 255)
  }
}

/** A frame's bytes: a header, and a payload of letters. */
export function frameOf(fields: Partial<FrameFields>, payload = ''): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(127)
  const length = writeFrame({ type: frameTypes.data, sequence: 7, destinationPan: PAN, destination: OURS, source: THEIRS, ...fields }, new DataView(bytes.buffer), 0)
  bytes.set(new TextEncoder().encode(payload), length)
  return bytes.slice(0, length + payload.length)
}

export const ackOf = (sequence: number): Uint8Array => Uint8Array.of(2, 0, sequence)
export const short = (address: number) => linkAddress(2, 0, address)

/** A MAC over a scripted radio. `draws` are what backoffs become: how many periods of 20 symbols each waits. */
export function world(settings: Partial<MacSettings> = {}, { abilities = {}, draws = [] as number[], quota = 1 << 20 } = {}) {
  const env: VirtualEnv = virtual({ seed: 3 })
  const exponents: number[] = []
  const random = {
    // The MAC shifts by 32 − BE: a draw of `n` periods is `n` in the upper bits, whatever BE is; we give it for the BE that is next.
    uint32: () => {
      const periods = draws.shift() ?? 0
      return periods * 2 ** (32 - (exponents.shift() ?? settings.minBackoffExponent ?? 3)) >>> 0
    },
    fill: (into: Uint8Array) => into,
  }
  const scripted: Env = { clock: env.clock, random, wake: () => env.wake() }
  const buffers = new Arena({ chunkSize: 1 << 20 }).pool({ debug: true, quota })
  const radio = new ScriptedRadio(env)
  Object.assign(radio.abilities, abilities)
  const drawn = draws.splice(0) // none for the first sequence number
  const mac = new Mac(scripted, radio, settings)
  draws.push(...drawn)
  const told: string[] = []
  const sink: DeviceSink = {
    frame(frame) {
      told.push(`${radio.at} frame ${show(frame.view().slice())}`)
      frame.unref()
    },
    ready: () => void told.push(`${radio.at} ready`),
    carrier: (up) => void told.push(`${radio.at} carrier ${up}`),
    lost: (reason) => void told.push(`${radio.at} lost: ${reason}`),
    sent: (to, attempts, ok) => void told.push(`${radio.at} ${ok ? 'arrived' : 'did not arrive'} at ${to} after ${attempts}`),
  }
  void mac.start(sink, buffers)
  const send = (bytes: Uint8Array): boolean => {
    const frame = buffers.alloc(bytes.length, 4)!
    frame.write(bytes)
    const taken = mac.transmit(frame)
    if (!taken) frame.unref()
    return taken
  }
  const settle = (): void => { while (env.step()); }
  /** Ends it, and looks for what was left. */
  const end = (): void => {
    void mac.stop()
    if (buffers.live > 0) throw new Error(`${buffers.live} buffers were not given back: ${buffers.owners().join('; ')}`)
    if (env.armed > 0) throw new Error('a timer is still armed')
  }
  return { env, buffers, radio, mac, told, send, settle, end, exponents, until: (symbol: number) => env.runUntil(symbol * SYMBOL) }
}
