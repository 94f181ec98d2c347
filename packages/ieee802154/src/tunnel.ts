/**
 * What radios have in common whose air is another network: what they hear is filtered and acknowledged by them, in the turn in which it arrives,
 * for whoever sent it waits.
 *
 * @packageDocumentation
 */

import type { BufferSource, Env, LinkAddress, NetBuf, Radio, RadioFilter, RadioSink, Timer } from '@favonius/contract'
import { failure, linkAddress } from '@favonius/inet'
import { passes } from './filter.ts'
import { asksForAcknowledgment, FrameHeader, frameTypes, readFrame, writeAcknowledgment } from './wire/frame.ts'

/** Milliseconds that a program at the other end may take to acknowledge: Zephyr's wait. */
const ACK_WAIT = 10
/** Milliseconds a symbol takes at 2.4 GHz. */
const SYMBOL = 0.016
/** dBm of a channel on which there is nothing, which this one always is. */
const SILENCE = -100

/** Made by who knows how frames are carried: it calls `hear` for each that comes, and carries what `send` is called for. */
export abstract class TunnelRadio implements Radio {
  readonly address: LinkAddress
  /** There are no collisions; who sent it has to send it again. */
  readonly abilities = { csma: true, acknowledge: true, retransmit: false }
  readonly symbol = SYMBOL
  readonly ackWait = ACK_WAIT / SYMBOL
  protected readonly env: Env
  /** Undefined before `start` and after `stop`. */
  protected sink: RadioSink | undefined
  protected buffers: BufferSource | undefined
  /** What is sent stands here, from `#at` on. */
  protected readonly written: Uint8Array<ArrayBuffer>
  protected readonly writtenView: DataView
  readonly #at: number
  readonly #header = new FrameHeader()
  readonly #timer: Timer
  #filter: RadioFilter
  /** A frame is on its way; the MAC is to be told. */
  #sending = false
  /** Sequence number of the frame that was sent last: its acknowledgment is ours; −1 when it had none. */
  #last = -1

  /**
   * An address at random unless given; `room` for the longest that is carried, in which a frame stands from `at` on.
   *
   * @throws Error (EINVAL) for an address that is no EUI-64.
   */
  constructor(env: Env, address: LinkAddress = randomAddress(env), room: number, at: number) {
    if (address.length !== 8) throw failure('EINVAL', `${address} cannot be the address of a radio: give it an EUI-64, eight bytes`)
    this.address = address
    this.env = env
    this.written = new Uint8Array(room)
    this.writtenView = new DataView(this.written.buffer)
    this.#at = at
    this.#filter = { address, panId: 0xffff, shortAddress: 0xffff, promiscuous: false }
    this.#timer = env.clock.timer(() => this.left())
  }

  abstract start(sink: RadioSink, buffers: BufferSource): Promise<void>
  abstract tune(channel: number): void

  /** Carries the frame of `length` bytes that was written. */
  protected abstract send(length: number): void

  /** Something that was sent waits to leave. */
  protected get busy(): boolean {
    return false
  }

  stop(): void {
    this.#timer.cancel()
    this.#sending = false
    this.sink = this.buffers = undefined
  }

  transmit(frame: NetBuf): void {
    if (this.sink === undefined) return frame.unref()
    const { u8, offset, length } = frame
    for (let i = 0; i < length; i++) this.written[this.#at + i] = u8[offset + i]!
    frame.unref()
    const header = readFrame(this.writtenView, this.#at, length, this.#header)
    this.#last = 'malformed' in header || !asksForAcknowledgment(header) ? -1 : header.sequence
    this.#sending = true
    this.send(length)
    this.#timer.schedule(this.env.clock.now())
  }

  clear(): boolean {
    return true
  }

  energy(): number {
    return SILENCE
  }

  /** There is no strength on this air. */
  power(): void {}

  filter(filter: RadioFilter): void {
    this.#filter = filter
  }

  /** The MAC is told that its frame has left, once it has. */
  protected left(): void {
    if (!this.#sending || this.busy) return
    this.#timer.cancel()
    this.#sending = false
    this.sink?.transmitted('sent', 1, false)
  }

  /** What waited has left. What left in the turn in which it was sent is told of on the next. */
  protected drained(): void {
    if (this.#timer.due === undefined) this.left()
  }

  /** A frame with a good FCS, without it: `length` bytes that begin at `at`. */
  protected hear(dv: DataView<ArrayBufferLike>, at: number, length: number, rssi: number, lqi: number): void {
    const { sink, buffers } = this
    if (sink === undefined || buffers === undefined) return
    const header = readFrame(dv, at, length, this.#header)
    const { promiscuous } = this.#filter
    if ('malformed' in header) {
      if (!promiscuous) return sink.lost(header.malformed)
    } else if (!promiscuous) {
      if (header.type === frameTypes.acknowledgment) {
        if (header.sequence !== this.#last) return
        // It may be here before the turn in which the MAC would have been told that its frame has left.
        this.left()
      } else if (!passes(header, this.#filter)) return
    }
    const frame = buffers.alloc(length)
    if (frame === undefined) return sink.lost('no buffer')
    // Who sent it waits for its acknowledgment: it goes out first. Where there was no buffer, the frame is to be sent again.
    if (!('malformed' in header) && !promiscuous && header.type !== frameTypes.acknowledgment && !header.security && asksForAcknowledgment(header)) {
      this.send(writeAcknowledgment(header, this.writtenView, this.#at))
    }
    frame.write(new Uint8Array(dv.buffer, dv.byteOffset + at, length))
    sink.frame(frame, rssi, lqi)
  }
}

/** A locally administered EUI-64 that is no group's. */
function randomAddress({ random }: Env): LinkAddress {
  return linkAddress(8, ((random.uint32() & ~0x0300_0000) | 0x0200_0000) | 0, random.uint32() | 0)
}
