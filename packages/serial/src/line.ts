/** A line: a byte stream to the one who is at its other end. It is opened anew when it is lost. */

import type { Endpoint, Env, Listener, Stream, StreamNet, StreamSink, Timer } from '@favonius/contract'
import { failure } from '@favonius/inet'

/** Which of the two opens the stream: give one. */
export interface LineOptions {
  /** Connects there: a TCP server of QEMU (`-serial tcp::4000,server`), Cooja or ser2net. `start` rejects when nobody listens. */
  readonly remote?: Endpoint
  /** Waits there for who connects. Who comes last has the line. */
  readonly local?: Partial<Endpoint>
}

/** What a line tells who writes and reads it. */
export interface LineSink {
  /** Somebody is at the other end. */
  opened(): void
  /** `chunk` is borrowed until the call returns; how bytes are cut says nothing. */
  receive(chunk: Uint8Array): void
  /** All that was written has left. */
  drained(): void
  /** Nobody is there any more. */
  closed(): void
}

/** Bytes that wait while the stream takes none: several of the longest frames. */
const ROOM = 2048
/** Milliseconds until a lost line is tried again. */
const RETRY = 1000

/** One stream at a time, and what has begun its way into it. */
export class Line {
  readonly #env: Env
  readonly #net: StreamNet
  readonly #options: LineOptions
  readonly #sink: LineSink
  readonly #retry: Timer
  readonly #rest = new Uint8Array(ROOM)
  /** Of what waits. */
  #length = 0
  #listener: Listener | undefined
  #stream: Stream | undefined
  /** Who speaks for the stream; another one is spoken for no more. */
  #end: StreamSink | undefined
  #stopped = true

  /** @throws Error (EINVAL) unless one of `remote` and `local` is given. */
  constructor(env: Env, net: StreamNet, options: LineOptions, sink: LineSink) {
    if ((options.remote === undefined) === (options.local === undefined)) {
      throw failure('EINVAL', 'one side of a line connects and the other one listens: give `remote` to connect, or `local` to listen, and not both')
    }
    this.#env = env
    this.#net = net
    this.#options = options
    this.#sink = sink
    this.#retry = env.clock.timer(() => void this.#connect().catch(() => this.#again()))
  }

  get open(): boolean {
    return this.#stream !== undefined
  }

  /** It was started. */
  get active(): boolean {
    return !this.#stopped
  }

  /** Something waits for the stream to take it. */
  get busy(): boolean {
    return this.#length > 0
  }

  /** Where it listens. */
  get local(): Endpoint | undefined {
    return this.#listener?.local
  }

  /** Resolves when it is connected, or when it listens. */
  async start(): Promise<void> {
    this.#stopped = false
    const { local } = this.#options
    if (local === undefined) return this.#connect()
    const listener = await this.#net.listen(local, (stream) => {
      const end = this.#newEnd()
      this.#attach(stream, end)
      return end
    })
    if (this.#stopped) return listener.close()
    this.#listener = listener
  }

  stop(): void {
    this.#stopped = true
    this.#retry.cancel()
    this.#listener?.close()
    this.#listener = undefined
    this.#forget()
  }

  /** Whole, or not at all: false when there is no room, or nobody at the other end. Copied before it returns. */
  write(bytes: Uint8Array): boolean {
    const stream = this.#stream
    if (stream === undefined || bytes.length > ROOM - this.#length) return false
    const taken = this.#length === 0 ? stream.write(bytes) : 0
    for (let i = taken; i < bytes.length; i++) this.#rest[this.#length++] = bytes[i]!
    return true
  }

  async #connect(): Promise<void> {
    const end = this.#newEnd()
    const stream = await this.#net.connect(this.#options.remote!, end)
    if (this.#stopped) return stream.close()
    this.#attach(stream, end)
  }

  #attach(stream: Stream, end: StreamSink): void {
    if (this.#stopped) return stream.abort()
    if (this.#stream !== undefined) {
      this.#forget()
      this.#sink.closed()
    }
    stream.configure({ noDelay: true })
    this.#stream = stream
    this.#end = end
    this.#sink.opened()
  }

  #newEnd(): StreamSink {
    const end: StreamSink = {
      receive: (chunk) => { if (this.#end === end) this.#sink.receive(chunk) },
      drained: () => { if (this.#end === end) this.#drain() },
      // Half a line serves nobody.
      ended: () => this.#lose(end),
      closed: () => this.#lose(end),
    }
    return end
  }

  #drain(): void {
    const taken = this.#stream!.write(this.#rest.subarray(0, this.#length))
    this.#rest.copyWithin(0, taken, this.#length)
    this.#length -= taken
    if (this.#length === 0) this.#sink.drained()
  }

  #lose(end: StreamSink): void {
    if (this.#end !== end) return
    this.#forget()
    this.#sink.closed()
    if (!this.#stopped) this.#again()
  }

  #forget(): void {
    this.#stream?.close()
    this.#stream = this.#end = undefined
    this.#length = 0
  }

  /** Who listens is come to. */
  #again(): void {
    if (!this.#stopped && this.#options.remote !== undefined) this.#retry.schedule(this.#env.clock.now() + RETRY)
  }
}
