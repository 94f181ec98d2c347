/**
 * CoAP over TCP: RFC 8323. The same client and server over connections: `new CoapClient(new CoapStreams(net, env), env)`.
 *
 * @packageDocumentation
 */

import type { Endpoint, Env, Listener, Stream, StreamNet, StreamSink } from '@favonius/contract'
import type { Settings } from '../serving.ts'
import { Connections, WAITING, type Link, type Pipe } from './connections.ts'
import { inStreams } from './wire.ts'

/** A stream under a connection, which may be still to come. */
class StreamPipe implements Pipe {
  stream: Stream | undefined
  readonly #waiting: Uint8Array[] = []
  /** Bytes in `#waiting`. */
  waiting = 0
  #ending = false

  write(data: Uint8Array): void {
    this.#waiting.push(data)
    this.waiting += data.length
    this.drain()
  }

  end(): void {
    this.#ending = true
    this.drain()
  }

  close(): void {
    this.stream?.close()
  }

  /** Writes what the stream takes. Who does not read what it is answered is not read from either, and beyond twice as much given up. */
  drain(): void {
    const { stream } = this
    const waiting = this.#waiting
    if (stream === undefined) return
    const before = this.waiting
    while (waiting.length > 0) {
      const taken = stream.write(waiting[0]!)
      this.waiting -= taken
      if (taken < waiting[0]!.length) {
        waiting[0] = waiting[0]!.subarray(taken)
        break
      }
      waiting.shift()
    }
    if (this.waiting > 2 * WAITING) return stream.abort()
    if (this.waiting > WAITING) stream.pause()
    else if (before > WAITING) stream.resume()
    if (this.#ending && waiting.length === 0) stream.end()
  }
}

/** TCP connections of one end, for either role, or both. */
export class CoapStreams extends Connections {
  readonly scheme = 'coap+tcp'
  readonly #net: StreamNet
  #listener: Listener | undefined

  /** Settings are those of `coapOptions`; those of messages are without meaning here. */
  constructor(net: StreamNet, env: Env, settings: Partial<Settings> = {}) {
    super(inStreams, env, settings)
    this.#net = net
  }

  get local(): Endpoint | undefined {
    return this.#listener?.local
  }

  /** Accepts connections; port 5683 unless given. Rejects as `StreamNet.listen` does. */
  async listen({ address, port = 5683 }: Partial<Endpoint> = {}): Promise<void> {
    this.#listener = await this.#net.listen({ port, ...(address === undefined ? {} : { address }) }, (stream) => {
      if (!this.admits(stream.remote)) {
        stream.abort()
        return { receive() {}, closed() {} }
      }
      const pipe = new StreamPipe()
      pipe.stream = stream
      return this.#sink(this.begin(stream.remote, () => pipe), pipe)
    })
    this.env.wake()
  }

  protected connect(link: Link): Pipe {
    const pipe = new StreamPipe()
    this.#net.connect(link.remote, this.#sink(link, pipe), { noDelay: true, timeout: this.settings.responseTimeout }).then((stream) => {
      this.env.wake()
      if (!this.knows(link)) return stream.abort()
      pipe.stream = stream
      pipe.drain()
    }, () => {
      this.env.wake()
      this.gone(link)
    })
    return pipe
  }

  #sink(link: Link, pipe: StreamPipe): StreamSink {
    return {
      receive: (data) => this.give(link, { kind: 'bytes', data }),
      drained: () => pipe.drain(),
      ended: () => this.ended(link),
      closed: () => this.gone(link),
    }
  }

  override close(): void {
    this.#listener?.close()
    super.close()
  }
}
