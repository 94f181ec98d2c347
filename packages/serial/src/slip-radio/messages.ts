/** Messages of SLIP over a line, which are what both roles of a SLIP radio send and hear. */

import type { Endpoint, Env, StreamNet } from '@favonius/contract'
import { Line, type LineOptions } from '../line.ts'
import { SlipReader, slipRoom, writeSlip } from '../slip.ts'
import { LONGEST_MESSAGE } from './wire.ts'

/** What hears messages. */
export interface MessagesSink {
  opened(): void
  /** Of so many bytes, in `Messages.heard` until the call returns. */
  message(length: number): void
  lost(reason: string): void
  drained(): void
  closed(): void
}

/** One line, with a message at a time in each direction. */
export class Messages {
  readonly line: Line
  /** The message that is being heard. */
  readonly heard: Uint8Array<ArrayBuffer>
  readonly heardView: DataView
  /** Where the next message is to be written. */
  readonly next = new Uint8Array(LONGEST_MESSAGE)
  readonly nextView = new DataView(this.next.buffer)
  readonly #escaped = new Uint8Array(slipRoom(LONGEST_MESSAGE))

  constructor(env: Env, net: StreamNet, options: LineOptions, sink: MessagesSink) {
    const reader = new SlipReader(LONGEST_MESSAGE)
    this.heard = reader.bytes
    this.heardView = new DataView(reader.bytes.buffer)
    this.line = new Line(env, net, options, {
      opened: () => {
        reader.reset()
        sink.opened()
      },
      receive: (chunk) => reader.take(chunk, sink),
      drained: () => sink.drained(),
      closed: () => sink.closed(),
    })
  }

  get local(): Endpoint | undefined {
    return this.line.local
  }

  /** Sends the first `length` bytes of `next`: false when that could not be. */
  send(length: number): boolean {
    return this.line.write(this.#escaped.subarray(0, writeSlip(this.next, length, this.#escaped)))
  }
}
