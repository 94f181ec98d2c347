/** `StreamNet` over node:net and node:tls: the kernel's TCP under the same seam as our own. */

import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import type { Endpoint, Listener, Stream, StreamNet, StreamOptions, StreamSettings, StreamSink } from '@favonius/contract'
import { checkPort, failure, familyOf, type ErrorCode } from '@favonius/inet'
import { plain } from './addresses.ts'
import { bytesOf } from './bytes.ts'
import type { NodeTls } from './identity.ts'
import { secureClient, secureServer } from './tls.ts'

/** Bytes that may wait in Node until `write` takes no more. */
const SEND_QUEUE = 65_536
/** Connections that the kernel keeps until they are accepted. */
const BACKLOG = 511

class NodeStream implements Stream {
  readonly #socket: Socket
  /** TCP itself, beneath TLS where there is that. */
  readonly #tcp: Socket
  readonly #sink: StreamSink
  readonly local: Endpoint
  readonly remote: Endpoint
  #paused = false
  /** The last write took less than it was given. */
  #short = false
  #ended = false
  /** The peer's end has come, and was told. */
  #heardEnd = false
  #toldEnd = false
  #closed = false
  #toldClose = false
  /** What it was given up with, by us or by others. */
  #error: Error | undefined

  constructor(socket: Socket, tcp: Socket, accept: (stream: Stream) => StreamSink) {
    this.#socket = socket
    this.#tcp = tcp
    this.local = { address: plain(tcp.localAddress ?? ''), port: tcp.localPort ?? 0 }
    this.remote = { address: plain(tcp.remoteAddress ?? ''), port: tcp.remotePort ?? 0 }
    socket.on('error', (error) => { this.#error ??= named(error, this.remote) })
    socket.on('close', () => {
      this.#closed = true
      this.#tell()
    })
    socket.on('drain', () => this.#drained())
    this.#sink = accept(this)
    socket.on('end', () => {
      this.#heardEnd = true
      this.#tell()
    })
    // Data comes from the moment that somebody listens, unless accept has paused it.
    socket.on('data', (chunk: Buffer) => this.#sink.receive(bytesOf(chunk)))
  }

  /** Tells of the ends. Node tells of the peer's though it be paused, when nothing is left before it. */
  #tell(): void {
    if (!this.#paused && this.#heardEnd && !this.#toldEnd && this.#error === undefined) {
      this.#toldEnd = true
      this.#sink.ended?.()
    }
    if (!this.#closed || this.#toldClose || (this.#paused && this.#error === undefined)) return
    this.#toldClose = true
    this.#sink.closed(this.#error)
  }

  write(chunk: Uint8Array): number {
    if (this.#ended) throw failure('EPIPE', 'the stream was ended: nothing can be written behind its end')
    if (this.#closed || this.#socket.destroyed) return 0
    let taken = 0
    // What the kernel takes at once is gone from Node's queue: only when that is full does Node tell that it has drained.
    while (taken < chunk.length && this.#socket.writableLength < SEND_QUEUE) {
      const part = chunk.subarray(taken, taken + SEND_QUEUE - this.#socket.writableLength)
      // Node keeps the bytes it is given until the kernel has taken them: the copy is the contract's.
      this.#socket.write(Buffer.from(part))
      taken += part.length
    }
    this.#short = taken < chunk.length
    return taken
  }

  #drained(): void {
    if (!this.#short || this.#ended) return
    this.#short = false
    this.#sink.drained?.()
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#socket.resume()
    this.#tell()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#socket.end()
  }

  configure({ noDelay, keepAlive }: StreamSettings): void {
    if (noDelay !== undefined) this.#tcp.setNoDelay(noDelay)
    if (keepAlive !== undefined) this.#tcp.setKeepAlive(keepAlive > 0, keepAlive)
  }

  close(): void {
    if (this.#closed || this.#toldClose) return
    this.#ended = this.#toldClose = this.#toldEnd = true
    this.#socket.removeAllListeners('data').removeAllListeners('end')
    // What was written is still sent; what comes is not read, so that the kernel resets who sends more.
    this.#socket.pause()
    this.#socket.destroySoon()
  }

  abort(error: Error = failure('ECONNABORTED', 'the connection was given up on our side')): void {
    if (this.#closed || this.#error !== undefined) return
    this.#ended = true
    this.#error = error
    this.#socket.removeAllListeners('data').removeAllListeners('end')
    this.#tcp.resetAndDestroy()
  }
}

/** An error of Node's, saying whom it is about. */
function named(error: Error & { code?: string }, { address, port }: Endpoint): Error & { code: string } {
  // The kernel says EPIPE of what was written when the reset had been heard of already.
  const code = error.code === 'EPIPE' ? 'ECONNRESET' : error.code ?? 'EIO'
  return failure(code as ErrorCode, `${address} port ${port}: ${error.message}`)
}

async function connect(tls: NodeTls | undefined, to: Endpoint, sink: StreamSink, { timeout, local, noDelay = true, keepAlive = 0 }: StreamOptions): Promise<Stream> {
  const family = familyOf(to.address)
  checkPort(to.port, 1)
  if (timeout !== undefined && !(timeout > 0)) throw failure('EINVAL', `timeout ${timeout}: give milliseconds, more than 0`)
  const tcp = dial({
    host: to.address, port: to.port, family, allowHalfOpen: true, noDelay, keepAlive: keepAlive > 0, keepAliveInitialDelay: keepAlive,
    ...(local?.address === undefined ? {} : { localAddress: local.address }), ...(local?.port === undefined ? {} : { localPort: local.port }),
  })
  const socket = tls === undefined ? tcp : secureClient(tcp, to, tls)
  await new Promise<void>((resolve, reject) => {
    const timer = timeout === undefined ? undefined : setTimeout(() => {
      socket.destroy(failure('ETIMEDOUT', 'it did not answer in time'))
    }, timeout)
    const failed = (error: Error): void => {
      clearTimeout(timer)
      reject(named(error, to))
    }
    socket.once('error', failed)
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer)
      socket.removeListener('error', failed)
      resolve()
    })
  })
  return new NodeStream(socket, tcp, () => sink)
}

async function listen(tls: NodeTls | undefined, at: Partial<Endpoint>, accept: (stream: Stream) => StreamSink): Promise<Listener> {
  if (at.address !== undefined) familyOf(at.address)
  checkPort(at.port ?? 0, 0)
  const accepted = (socket: Socket, tcp: Socket): void => void new NodeStream(socket, tcp, accept)
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, tls === undefined ? (tcp) => accepted(tcp, tcp) : secureServer(tls, accepted))
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: Error & { code?: string }) => {
      reject(failure((error.code ?? 'EINVAL') as ErrorCode, `TCP ${at.address ?? '::'} port ${at.port ?? 0}: ${error.message}`))
    })
    server.listen({ host: at.address ?? '::', port: at.port ?? 0, backlog: BACKLOG, exclusive: true }, resolve)
  })
  const { address, port } = server.address() as Endpoint
  return { local: { address: plain(address), port }, close: () => void server.close() }
}

/** How streams are to be. */
export interface NodeStreamOptions {
  /**
   * Through TLS. `connect` then also rejects with Node's codes: DEPTH_ZERO_SELF_SIGNED_CERT, ERR_TLS_CERT_ALTNAME_INVALID…; its `timeout` is for the handshake
   * too. A listener does not tell of clients whose handshake fails.
   */
  readonly tls?: NodeTls
}

/** The kernel's TCP as a `StreamNet`. Small writes are sent at once (TCP_NODELAY), as Node's own HTTP does. */
export function nodeStreams({ tls }: NodeStreamOptions = {}): StreamNet {
  return {
    connect: (to, sink, options = {}) => connect(tls, to, sink, options),
    listen: (at, accept) => listen(tls, at, accept),
  }
}
