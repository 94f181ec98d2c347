/** A radio whose air is a line to one other radio. It acknowledges by itself, in the turn in which a frame arrives. */

import type { BufferSource, Endpoint, Env, LinkAddress, RadioSink, StreamNet } from '@favonius/contract'
import { TunnelRadio } from '@favonius/ieee802154/tunnel'
import { Line, type LineOptions } from '../line.ts'
import { HEADER, LONGEST, MARK, UpipeReader } from './wire.ts'

/** How a UPIPE radio is set. */
export interface UpipeOptions extends LineOptions {
  /** EUI-64; at random unless given. */
  readonly address?: LinkAddress
}

/** A radio over any `StreamNet`: `stack.ieee802154.add(new UpipeRadio(system, nodeStreams(), { remote }))`. It has a carrier while somebody is at the other end. */
export class UpipeRadio extends TunnelRadio {
  readonly #line: Line
  readonly #reader = new UpipeReader()
  readonly #read = new DataView(this.#reader.bytes.buffer)

  /** @throws Error (EINVAL) for an address that is no EUI-64, and unless one of `remote` and `local` is given. */
  constructor(env: Env, net: StreamNet, options: UpipeOptions) {
    super(env, options.address, HEADER + LONGEST, HEADER)
    this.#line = new Line(env, net, options, {
      opened: () => this.sink?.carrier(true),
      receive: (chunk) => this.#reader.take(chunk, this.#taken),
      drained: () => this.drained(),
      closed: () => {
        if (this.#reader.reset()) this.sink?.lost('upipe: cut short')
        this.left()
        this.sink?.carrier(false)
      },
    })
  }

  /** Where it listens; undefined when it does not. */
  get local(): Endpoint | undefined {
    return this.#line.local
  }

  async start(sink: RadioSink, buffers: BufferSource): Promise<void> {
    this.sink = sink
    this.buffers = buffers
    sink.carrier(false)
    await this.#line.start()
  }

  override stop(): void {
    super.stop()
    this.#line.stop()
    this.#reader.reset()
  }

  /** A line has no channels. */
  tune(): void {}

  protected override get busy(): boolean {
    return this.#line.busy
  }

  protected send(length: number): void {
    this.written[0] = MARK
    this.written[1] = length
    if (!this.#line.write(this.written.subarray(0, HEADER + length))) this.sink!.lost('upipe: not sent')
  }

  readonly #taken = {
    frame: (length: number): void => this.hear(this.#read, 0, length, Number.NaN, 0xff),
    lost: (reason: string): void => this.sink?.lost(reason),
  }
}
