/** The stream sockets of one stack. */

import type { Endpoint, Env, Ip, Listener, Stream, StreamNet, StreamOptions, StreamSink, Tcp } from '@favonius/contract'
import type { StreamParts } from './parts.ts'
import { StackStreams } from './seam.ts'

/** `stack.streamSockets`, which `stack.sockets` offers as well. */
export interface StreamSockets extends StreamNet {}

/** Stream sockets over TCP. `tcp()` brings one; so does whoever wires a stack by hand. */
export class StreamSocketsLayer implements StreamSockets {
  readonly #seam: StackStreams

  constructor(env: Env, ip: Ip, tcp: Tcp) {
    const parts: StreamParts = { env, netif: ip.netif, ip, tcp }
    this.#seam = new StackStreams(parts)
  }

  connect(to: Endpoint, sink: StreamSink, options?: StreamOptions): Promise<Stream> {
    return this.#seam.connect(to, sink, options)
  }

  listen(at: Partial<Endpoint>, accept: (stream: Stream) => StreamSink): Promise<Listener> {
    return this.#seam.listen(at, accept)
  }

  stop(): void {
    this.#seam.stop()
  }
}
