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
import { StreamSocket, type BsdStreamSocket } from './socket.ts'
import { connect, WebListener, type Socket, type SocketListener, type WebAddress, type WebListenOptions, type WebOptions } from './web.ts'

/** `stack.streamSockets`, which `stack.sockets` offers as well. */
export interface StreamSockets extends StreamNet {
  connect(to: Endpoint, sink: StreamSink, options?: StreamOptions): Promise<Stream>
  /** WinterTC's `connect`: what comes and goes as Web Streams. Throws EINVAL when `address` is no address and port; its errors are those of `opened`. */
  connect(address: string | WebAddress, options?: WebOptions): Socket
  listen(at: Partial<Endpoint>, accept: (stream: Stream) => StreamSink): Promise<Listener>
  /** Connections to loop over, as Web Streams. Address and port as in the other form. EADDRINUSE, EADDRNOTAVAIL, EINVAL. */
  listen(at?: Partial<Endpoint>, options?: WebListenOptions): Promise<SocketListener>
  /** A BSD stream socket. EAFNOSUPPORT when the composition lacks the family. */
  socket(family: AddressFamily, type: 'stream'): BsdStreamSocket
}

/** The layer itself, for who connects by name. */
export interface NamedStreamSockets extends StreamSockets {
  /** How `connect` goes to an endpoint: to an address alone, until `names()` puts itself before it. */
  connector: Pick<StreamNet, 'connect'>
}

/** A sink has `receive`, and options have not. */
const isSink = (how: StreamSink | WebOptions | undefined): how is StreamSink => how !== undefined && 'receive' in how

/** Stream sockets over TCP. `tcp()` brings one; so does whoever wires a stack by hand. */
export class StreamSocketsLayer implements NamedStreamSockets {
  connector: Pick<StreamNet, 'connect'>
  /** @internal Who listens where. */
  readonly ports: Ports
  readonly #parts: StreamParts
  readonly #seam: StackStreams
  readonly #sockets = new Set<StreamSocket>()
  readonly #listeners = new Set<WebListener>()
  readonly #lingering = new Set<Timer>()

  constructor(env: Env, ip: Ip, tcp: Tcp) {
    this.#parts = { env, netif: ip.netif, ip, tcp }
    this.ports = new Ports(this.#parts)
    this.#seam = new StackStreams(this.#parts)
    this.connector = this.#seam
  }

  socket(family: AddressFamily, type: 'stream'): BsdStreamSocket {
    if (type !== 'stream') throw failure('EPROTONOSUPPORT', `${JSON.stringify(type)} is no socket type here: 'stream'`)
    checkFamily(this.#parts.ip, family)
    return this.#made(new StreamSocket(this.#parts, this, family, new StreamSettings()))
  }

  connect(to: Endpoint, sink: StreamSink, options?: StreamOptions): Promise<Stream>
  connect(address: string | WebAddress, options?: WebOptions): Socket
  connect(to: string | WebAddress, how?: StreamSink | WebOptions, options?: StreamOptions): Promise<Stream> | Socket {
    return isSink(how) ? this.connector.connect(to as Endpoint, how, options) : connect(this.#parts.env, this.connector, to, how)
  }

  listen(at: Partial<Endpoint>, accept: (stream: Stream) => StreamSink): Promise<Listener>
  listen(at?: Partial<Endpoint>, options?: WebListenOptions): Promise<SocketListener>
  async listen(at: Partial<Endpoint> = {}, how: ((stream: Stream) => StreamSink) | WebListenOptions = {}): Promise<Listener | SocketListener> {
    if (typeof how === 'function') return this.#seam.listen(at, how)
    const listener: WebListener = new WebListener(this.#parts.env, how, (acceptable) => {
      const port = this.#seam.open(at, how.backlog, acceptable)
      return { listener: port, local: this.#seam.localOf(port), accepted: (connection, accept) => this.#seam.accepted(connection, accept) }
    }, () => this.#listeners.delete(listener))
    this.#listeners.add(listener)
    return listener
  }

  // ---- what sockets ask of it ----

  /** @internal A connection that was accepted. */
  adopt(family: AddressFamily, settings: StreamSettings, connection: TcpConnection): StreamSocket {
    return this.#made(new StreamSocket(this.#parts, this, family, settings, connection))
  }

  #made(socket: StreamSocket): StreamSocket {
    this.#sockets.add(socket)
    return socket
  }

  /** @internal A socket was closed. */
  closed(socket: StreamSocket): void {
    this.#sockets.delete(socket)
  }

  /** @internal Resets a connection whose end is not acknowledged in time (SO_LINGER). */
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
    for (const listener of [...this.#listeners]) listener.close()
    for (const socket of [...this.#sockets]) socket.close()
    for (const timer of this.#lingering) timer.cancel()
    this.#seam.stop()
  }
}
