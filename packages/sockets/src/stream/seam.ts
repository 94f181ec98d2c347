/** `StreamNet` over our own TCP: what HTTP, MQTT, TLS and their like stand on. */

import type {
  Endpoint, Listener, Stream, StreamNet, StreamOptions, StreamSettings, StreamSink, TcpConnection, TcpEndpoint, TcpListener, TcpSink, Timer,
} from '@favonius/contract'
import { deferred, type Deferred } from '@favonius/clock'
import { ANY4, ANY6, failure } from '@favonius/inet'
import { toAddress, toPort, toText } from '../address.ts'
import { KEEP_ALIVE } from './options.ts'
import type { StreamParts } from './parts.ts'

/** Connections that wait to be accepted, unless it is said how many. */
const BACKLOG = 128

/** Who hears nothing: until `accept` has answered. */
const nobody: StreamSink = { receive() {}, closed() {} }

/** A connection under the seam. Nothing is queued here: what its owner does not take stays in TCP, and shuts the window. */
export class SeamStream implements Stream, TcpSink {
  readonly #parts: StreamParts
  readonly #streams: Set<SeamStream>
  #connection!: TcpConnection
  #sink: StreamSink
  /** Somebody waits for the handshake. */
  #opening: Deferred<Stream> | undefined
  /** Ends the wait for the handshake, then brings the later turn that the contract promises. */
  #timer: Timer | undefined
  #paused = false
  /** Its owner does not have it yet. */
  #held = true
  #delivering = false
  /** The peer's end was told; ours is given. */
  #heardEnd = false
  #ended = false
  #aborted: Error | undefined
  /** The connection is over in order, and its owner is to be told behind what waits. */
  #over = false
  #closed = false
  #local: Endpoint | undefined
  #remote: Endpoint | undefined

  constructor(parts: StreamParts, streams: Set<SeamStream>, sink: StreamSink) {
    this.#parts = parts
    this.#streams = streams
    this.#sink = sink
  }

  // ---- its beginning ----

  connect(to: Endpoint, options: StreamOptions): Promise<Stream> {
    const { env, netif, tcp } = this.#parts
    const { timeout, local } = options
    if (timeout !== undefined && !(timeout > 0)) throw failure('EINVAL', `timeout ${timeout}: give milliseconds, more than 0`)
    this.#connection = tcp.connect(toAddress(netif, to.address), toPort(to.port), this, {
      source: local?.address === undefined ? undefined : toAddress(netif, local.address), sourcePort: local?.port,
    })
    this.configure(options)
    this.#streams.add(this)
    this.#opening = deferred<Stream>(env)
    this.#timer = env.clock.timer(() => this.#turn())
    if (timeout !== undefined) this.#timer.schedule(env.clock.now() + timeout)
    return this.#opening.promise
  }

  /** Begins with a connection that is established; `accept` says whose it is. */
  accepted(connection: TcpConnection, accept: (stream: Stream) => StreamSink): void {
    this.#connection = connection
    this.#streams.add(this)
    connection.sink = this
    try {
      this.#sink = accept(this)
    } catch (error) {
      this.#end()
      connection.abort()
      throw error
    }
    this.#held = false
    this.#deliver()
  }

  established(): void {
    const opening = this.#opening!
    this.#opening = undefined
    this.#timer!.cancel()
    opening.resolve(this)
    // What comes until then waits: who awaits the stream has it by the next turn.
    void opening.promise.then(() => this.#later())
  }

  #later(): void {
    const { clock } = this.#parts.env
    this.#timer ??= clock.timer(() => this.#turn())
    if (!this.#closed) this.#timer.schedule(clock.now())
  }

  #turn(): void {
    if (this.#aborted !== undefined) return this.#close(this.#aborted)
    if (this.#opening !== undefined) return this.#give(failure('ETIMEDOUT', `${this.remote.address} port ${this.remote.port} did not answer in time`))
    this.#held = false
    this.#deliver()
  }

  /** The handshake will not be waited for any more. */
  #give(error: Error): void {
    this.#connection.abort()
    this.#refused(error)
  }

  #refused(error: Error): void {
    this.#end()
    this.#opening!.reject(error)
  }

  // ---- what TCP tells ----

  readable(): void {
    this.#deliver()
  }

  ended(): void {
    this.#deliver()
  }

  writable(): void {
    if (this.#aborted === undefined) this.#sink.drained?.()
  }

  closed(error: (Error & { readonly code: string }) | undefined): void {
    if (this.#opening !== undefined) return this.#refused(error ?? failure('ECONNABORTED', 'the connection was given up'))
    if (error !== undefined && !this.#held) return this.#close(error)
    this.#over = true
    // Its owner is on the way to learn that there is a stream at all.
    if (error !== undefined) this.#aborted = error
    this.#deliver()
  }

  get #flows(): boolean {
    return !this.#paused && !this.#held && !this.#closed && this.#aborted === undefined
  }

  /** Hands on what waits, for as long as it is wanted; then the ends. */
  #deliver(): void {
    if (this.#delivering) return
    this.#delivering = true
    const connection = this.#connection
    try {
      while (this.#flows) {
        const packet = connection.take()
        if (packet === undefined) break
        try {
          this.#sink.receive(packet.view())
        } finally {
          packet.unref()
        }
      }
      if (this.#flows && connection.ended && !this.#heardEnd) {
        this.#heardEnd = true
        this.#sink.ended?.()
      }
    } finally {
      this.#delivering = false
    }
    if (this.#flows && this.#over) this.#close(undefined)
  }

  #close(error: Error | undefined): void {
    if (this.#closed) return
    this.#end()
    this.#connection.close()
    this.#sink.closed(error)
  }

  #end(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#streams.delete(this)
  }

  // ---- what its owner does ----

  get local(): Endpoint {
    return this.#local ??= this.#shown(this.#connection.local)
  }

  get remote(): Endpoint {
    return this.#remote ??= this.#shown(this.#connection.remote)
  }

  #shown({ ip, port }: TcpEndpoint): Endpoint {
    return { address: toText(this.#parts.netif, ip), port }
  }

  write(chunk: Uint8Array): number {
    if (this.#ended) throw failure('EPIPE', 'the stream was ended: nothing can be written behind its end')
    return this.#connection.state === 'CLOSED' ? 0 : this.#connection.write(chunk)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#deliver()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#connection.end()
  }

  configure({ noDelay, keepAlive }: StreamSettings): void {
    if (noDelay !== undefined) this.#connection.noDelay = noDelay
    if (keepAlive !== undefined) this.#connection.keepAlive = keepAlive === 0 ? undefined : { ...KEEP_ALIVE, idle: keepAlive }
  }

  close(): void {
    if (this.#closed) return
    this.#ended = true
    this.#end()
    this.#connection.close()
  }

  abort(error: Error = failure('ECONNABORTED', 'the connection was given up on our side')): void {
    if (this.#closed || this.#aborted !== undefined) return
    this.#ended = true
    this.#aborted = error
    this.#connection.abort()
    this.#later()
  }

  /** The stack stops. */
  cancel(): void {
    const error = failure('ECANCELED', 'the stack was stopped')
    if (this.#opening !== undefined) return this.#give(error)
    this.#ended = true
    this.#connection.abort()
    this.#close(this.#aborted ?? error)
  }
}

/** The seam over one stack. */
export class StackStreams implements StreamNet {
  readonly #parts: StreamParts
  readonly #streams = new Set<SeamStream>()

  constructor(parts: StreamParts) {
    this.#parts = parts
  }

  async connect(to: Endpoint, sink: StreamSink, options: StreamOptions = {}): Promise<Stream> {
    return new SeamStream(this.#parts, this.#streams, sink).connect(to, options)
  }

  async listen(at: Partial<Endpoint>, accept: (stream: Stream) => StreamSink): Promise<Listener> {
    const listener = this.open(at, undefined, () => {
      for (let connection = listener.accept(); connection !== undefined; connection = listener.accept()) this.accepted(connection, accept)
    })
    return { local: this.localOf(listener), close: () => listener.close() }
  }

  /** A port of TCP to accept connections on. */
  open({ address, port = 0 }: Partial<Endpoint>, backlog: number | undefined, acceptable: () => void): TcpListener {
    const { netif, ip, tcp } = this.#parts
    const any = ip.layer(6) ? ANY6 : ANY4
    return tcp.listen({ address: address === undefined ? any : toAddress(netif, address), port, v6only: false, iface: undefined, backlog: backlog ?? BACKLOG }, acceptable)
  }

  localOf({ address, port }: TcpListener): Endpoint {
    return { address: toText(this.#parts.netif, address), port }
  }

  /** Puts a connection that was accepted under the seam. */
  accepted(connection: TcpConnection, accept: (stream: Stream) => StreamSink): void {
    new SeamStream(this.#parts, this.#streams, nobody).accepted(connection, accept)
  }

  stop(): void {
    for (const stream of [...this.#streams]) stream.cancel()
  }
}
