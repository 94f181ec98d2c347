/** The stream sockets of one stack. */

import type {
  Endpoint, Env, Ip, Listener, Stream, StreamNet, StreamOptions, StreamSink, Tcp, TcpConnection, Timer,
} from '@favonius/contract'
import { failure } from '@favonius/inet'
import { checkFamily, type AddressFamily } from '../address.ts'
import { StreamSettings } from './options.ts'
import type { StreamParts } from './parts.ts'
import { Ports } from './ports.ts'
import { StackStreams } from './seam.ts'
import { StreamSocket, type BsdStreamSocket, type StreamOwner } from './socket.ts'

/** `stack.streamSockets`, which `stack.sockets` offers as well. */
export interface StreamSockets extends StreamNet {
  /** A BSD stream socket. EAFNOSUPPORT when the composition lacks the family. */
  socket(family: AddressFamily, type: 'stream'): BsdStreamSocket
}

/** Stream sockets over TCP. `tcp()` brings one; so does whoever wires a stack by hand. */
export class StreamSocketsLayer implements StreamSockets, StreamOwner {
  readonly ports: Ports
  readonly #parts: StreamParts
  readonly #seam: StackStreams
  readonly #sockets = new Set<StreamSocket>()
  readonly #lingering = new Set<Timer>()

  constructor(env: Env, ip: Ip, tcp: Tcp) {
    this.#parts = { env, netif: ip.netif, ip, tcp }
    this.ports = new Ports(this.#parts)
    this.#seam = new StackStreams(this.#parts)
  }

  socket(family: AddressFamily, type: 'stream'): BsdStreamSocket {
    if (type !== 'stream') throw failure('EPROTONOSUPPORT', `${JSON.stringify(type)} is no socket type here: 'stream'`)
    checkFamily(this.#parts.ip, family)
    return this.#made(new StreamSocket(this.#parts, this, family, new StreamSettings()))
  }

  connect(to: Endpoint, sink: StreamSink, options?: StreamOptions): Promise<Stream> {
    return this.#seam.connect(to, sink, options)
  }

  listen(at: Partial<Endpoint>, accept: (stream: Stream) => StreamSink): Promise<Listener> {
    return this.#seam.listen(at, accept)
  }

  // ---- what sockets ask of it ----

  adopt(family: AddressFamily, settings: StreamSettings, connection: TcpConnection): StreamSocket {
    return this.#made(new StreamSocket(this.#parts, this, family, settings, connection))
  }

  #made(socket: StreamSocket): StreamSocket {
    this.#sockets.add(socket)
    return socket
  }

  closed(socket: StreamSocket): void {
    this.#sockets.delete(socket)
  }

  linger(connection: TcpConnection, ms: number): void {
    const { clock } = this.#parts.env
    const timer = clock.timer(() => {
      this.#lingering.delete(timer)
      if (connection.unacknowledged > 0) connection.abort()
    })
    timer.schedule(clock.now() + ms)
    this.#lingering.add(timer)
  }

  stop(): void {
    for (const socket of [...this.#sockets]) socket.close()
    for (const timer of this.#lingering) timer.cancel()
    this.#seam.stop()
  }
}
