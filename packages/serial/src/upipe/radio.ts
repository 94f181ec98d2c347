/** A radio whose air is a line to one other radio. It acknowledges by itself, in the turn in which a frame arrives. */

import type { BufferSource, Endpoint, Env, LinkAddress, NetBuf, Radio, RadioFilter, RadioSink, StreamNet, Timer } from '@favonius/contract'
import { passes } from '@favonius/ieee802154'
import { asksForAcknowledgment, FrameHeader, frameTypes, readFrame, writeAcknowledgment } from '@favonius/ieee802154/wire'
import { failure, linkAddress } from '@favonius/inet'
import { Line, type LineOptions } from '../line.ts'
import { HEADER, LONGEST, MARK, UpipeReader } from './wire.ts'

/** How a UPIPE radio is set. */
export interface UpipeOptions extends LineOptions {
  /** EUI-64; at random unless given. */
  readonly address?: LinkAddress
}

/** Milliseconds that a program at the other end may take to acknowledge: Zephyr's wait. */
const ACK_WAIT = 10
/** Milliseconds a symbol takes at 2.4 GHz. */
const SYMBOL = 0.016
/** dBm of a channel on which there is nothing, which this one always is. */
const SILENCE = -100

/** A radio over any `StreamNet`: `stack.ieee802154.add(new UpipeRadio(system, nodeStreams(), { remote }))`. It has a carrier while somebody is at the other end. */
export class UpipeRadio implements Radio {
  readonly address: LinkAddress
  /** There are no collisions; who sent it has to send it again. */
  readonly abilities = { csma: true, acknowledge: true, retransmit: false }
  readonly symbol = SYMBOL
  readonly ackWait = ACK_WAIT / SYMBOL
  readonly #env: Env
  readonly #line: Line
  readonly #timer: Timer
  readonly #reader = new UpipeReader()
  readonly #read = new DataView(this.#reader.bytes.buffer)
  readonly #written = new Uint8Array(HEADER + LONGEST)
  readonly #dv = new DataView(this.#written.buffer)
  readonly #header = new FrameHeader()
  #sink: RadioSink | undefined
  #buffers: BufferSource | undefined
  #filter: RadioFilter
  /** A frame is on its way; the MAC is to be told. */
  #sending = false
  /** Sequence number of the frame that was sent last: its acknowledgment is ours; −1 when it had none. */
  #last = -1

  /** @throws Error (EINVAL) for an address that is no EUI-64, and unless one of `remote` and `local` is given. */
  constructor(env: Env, net: StreamNet, options: UpipeOptions) {
    const { address = randomAddress(env) } = options
    if (address.length !== 8) throw failure('EINVAL', `${address} cannot be the address of a radio: give it an EUI-64, eight bytes`)
    this.address = address
    this.#env = env
    this.#filter = { address, panId: 0xffff, shortAddress: 0xffff, promiscuous: false }
    this.#timer = env.clock.timer(() => this.#left())
    this.#line = new Line(env, net, options, {
      opened: () => this.#sink?.carrier(true),
      receive: (chunk) => this.#reader.take(chunk, this.#taken),
      drained: () => { if (this.#timer.due === undefined) this.#left() },
      closed: () => {
        if (this.#reader.reset()) this.#sink?.lost('upipe: cut short')
        this.#left()
        this.#sink?.carrier(false)
      },
    })
  }

  /** Where it listens; undefined when it does not. */
  get local(): Endpoint | undefined {
    return this.#line.local
  }

  async start(sink: RadioSink, buffers: BufferSource): Promise<void> {
    this.#sink = sink
    this.#buffers = buffers
    sink.carrier(false)
    await this.#line.start()
  }

  stop(): void {
    this.#timer.cancel()
    this.#line.stop()
    this.#reader.reset()
    this.#sending = false
    this.#sink = this.#buffers = undefined
  }

  transmit(frame: NetBuf): void {
    if (this.#sink === undefined) return frame.unref()
    const { u8, offset, length } = frame
    for (let i = 0; i < length; i++) this.#written[HEADER + i] = u8[offset + i]!
    frame.unref()
    const header = readFrame(this.#dv, HEADER, length, this.#header)
    this.#last = 'malformed' in header || !asksForAcknowledgment(header) ? -1 : header.sequence
    this.#sending = true
    this.#send(length)
    this.#timer.schedule(this.#env.clock.now())
  }

  clear(): boolean {
    return true
  }

  energy(): number {
    return SILENCE
  }

  /** A line has no channels. */
  tune(): void {}

  /** Nor strength. */
  power(): void {}

  filter(filter: RadioFilter): void {
    this.#filter = filter
  }

  /** Sends the frame of `length` bytes that stands behind the header. */
  #send(length: number): void {
    this.#written[0] = MARK
    this.#written[1] = length
    if (!this.#line.write(this.#written.subarray(0, HEADER + length))) this.#sink!.lost('upipe: not sent')
  }

  /** The MAC is told that its frame has left, once it has. */
  #left(): void {
    if (!this.#sending || this.#line.busy) return
    this.#timer.cancel()
    this.#sending = false
    this.#sink?.transmitted('sent', 1, false)
  }

  readonly #taken = {
    frame: (length: number): void => this.#receive(length),
    lost: (reason: string): void => this.#sink?.lost(reason),
  }

  #receive(length: number): void {
    const sink = this.#sink
    const buffers = this.#buffers
    if (sink === undefined || buffers === undefined) return
    const header = readFrame(this.#read, 0, length, this.#header)
    const { promiscuous } = this.#filter
    if ('malformed' in header) {
      if (!promiscuous) return sink.lost(header.malformed)
    } else if (!promiscuous) {
      if (header.type === frameTypes.acknowledgment) {
        if (header.sequence !== this.#last) return
        // It may be here before the turn in which the MAC would have been told that its frame has left.
        this.#left()
      } else if (!passes(header, this.#filter)) return
    }
    const frame = buffers.alloc(length)
    if (frame === undefined) return sink.lost('no buffer')
    // Who sent it waits for its acknowledgment: it goes out first. Where there was no buffer, the frame is to be sent again.
    if (!('malformed' in header) && !promiscuous && header.type !== frameTypes.acknowledgment && !header.security && asksForAcknowledgment(header)) {
      this.#send(writeAcknowledgment(header, this.#dv, HEADER))
    }
    frame.write(this.#reader.bytes.subarray(0, length))
    sink.frame(frame, Number.NaN, 0xff)
  }
}

/** A locally administered EUI-64 that is no group's. */
function randomAddress({ random }: Env): LinkAddress {
  return linkAddress(8, ((random.uint32() & ~0x0300_0000) | 0x0200_0000) | 0, random.uint32() | 0)
}
