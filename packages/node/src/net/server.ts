/** What passes for a `net.Server`, over a `StreamNet`. */

import { EventEmitter } from 'node:events'
import type { Endpoint, Listener, Stream, StreamSink } from '@favonius/contract'
import { addressError, badPort, nodeError } from './errors.ts'
import { FaceSocket, type FaceParts, type FaceSocketOptions } from './socket.ts'

/** As in `net.createServer(options)`. */
export interface FaceServerOptions extends FaceSocketOptions {
  readonly pauseOnConnect?: boolean
}

/** As in `server.listen(options)`. */
export interface FaceListenOptions {
  readonly port?: number
  readonly host?: string
  readonly backlog?: number
  readonly signal?: AbortSignal
}

type Callback = (error?: Error) => void
type ListenArguments = readonly (FaceListenOptions | number | string | null | undefined | (() => void))[]

/** As `net.Server`. */
export class FaceServer extends EventEmitter {
  readonly #parts: FaceParts
  readonly #options: FaceServerOptions
  readonly #sockets = new Set<FaceSocket>()
  #listener: Listener | undefined
  #starting = false
  #closing = false
  /** Further connections are closed at once, and told of by 'drop'. */
  maxConnections: number | undefined

  constructor(parts: FaceParts, options: FaceServerOptions = {}, connection?: (socket: FaceSocket) => void) {
    super()
    this.#parts = parts
    this.#options = options
    if (connection !== undefined) this.on('connection', connection)
  }

  get listening(): boolean {
    return this.#listener !== undefined
  }

  /** As `server.listen(port, host, backlog, listening)`, or with options. */
  listen(...args: ListenArguments): this {
    if (this.#listener !== undefined || this.#starting) throw nodeError('ERR_SERVER_ALREADY_LISTEN', 'Listen method has been called more than once without closing.')
    const { port, host, signal } = readListen(args)
    const ready = args.find((one) => typeof one === 'function') as (() => void) | undefined
    if (ready !== undefined) this.once('listening', ready)
    if (port < 0 || port > 65_535 || !Number.isInteger(port)) throw badPort('options.port', port)
    signal?.addEventListener('abort', () => this.close(), { once: true })
    this.#starting = true
    this.#closing = false
    this.#parts.streams.listen({ port, ...(host === undefined ? {} : { address: host }) }, (stream) => this.#accept(stream)).then(
      (listener) => {
        this.#parts.wake?.()
        this.#starting = false
        if (this.#closing) return listener.close()
        this.#listener = listener
        this.emit('listening')
      },
      (error: unknown) => {
        this.#parts.wake?.()
        this.#starting = false
        this.emit('error', addressError(error, 'listen', host ?? '::', port))
      },
    )
    return this
  }

  #accept(stream: Stream): StreamSink {
    this.#parts.wake?.()
    if (this.maxConnections !== undefined && this.#sockets.size >= this.maxConnections) {
      const { local, remote } = stream
      queueMicrotask(() => stream.close())
      this.emit('drop', { localAddress: local.address, localPort: local.port, localFamily: family(local), remoteAddress: remote.address, remotePort: remote.port, remoteFamily: family(remote) })
      return { receive() {}, closed() {} }
    }
    const socket = new FaceSocket(this.#parts, this.#options)
    socket.server = this
    socket.accepted(stream)
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#finish()
    })
    // Not from within: whoever hears of it may end it, and the stream has no sink yet.
    setImmediate(() => {
      this.#parts.wake?.()
      if (socket.destroyed) return
      if (this.#options.pauseOnConnect) socket.pause()
      this.emit('connection', socket)
      if (!socket.destroyed && !socket.isPaused()) socket.read(0)
    })
    return socket.sink
  }

  address(): { address: string; family: string; port: number } | null {
    const local = this.#listener?.local
    return local === undefined ? null : { address: local.address, family: family(local), port: local.port }
  }

  getConnections(done: (error: Error | null, count: number) => void): this {
    process.nextTick(done, null, this.#sockets.size)
    return this
  }

  /** Accepts no more; 'close' when the last connection is over. */
  close(done?: Callback): this {
    const runs = this.#listener !== undefined || this.#starting
    if (done !== undefined) this.once('close', runs ? () => done() : () => done(nodeError('ERR_SERVER_NOT_RUNNING', 'Server is not running.')))
    this.#listener?.close()
    this.#listener = undefined
    this.#closing = true
    this.#finish()
    return this
  }

  #finish(): void {
    if (!this.#closing || this.#sockets.size > 0) return
    this.#closing = false
    setImmediate(() => {
      this.#parts.wake?.()
      this.emit('close')
    })
  }

  /** What keeps the process alive is the stack's devices and timers. */
  ref(): this { return this }
  unref(): this { return this }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.listening) await new Promise<void>((resolve, reject) => this.close((error) => (error ? reject(error) : resolve())))
  }
}

const family = ({ address }: Endpoint): string => (address.includes(':') ? 'IPv6' : 'IPv4')

function readListen(args: ListenArguments): { readonly port: number; readonly host: string | undefined; readonly signal: AbortSignal | undefined } {
  const [first, second] = args
  if (typeof first === 'object' && first !== null) {
    if (typeof (first as { path?: string | null }).path === 'string') throw nodeError('ERR_INVALID_ARG_VALUE', 'options.path is not supported: a stack has no local sockets; give a port', TypeError)
    return { port: Number(first.port ?? 0), host: first.host, signal: first.signal }
  }
  if (typeof first === 'string' && Number.isNaN(Number(first))) throw nodeError('ERR_INVALID_ARG_VALUE', `${JSON.stringify(first)} is a path: a stack has no local sockets; give a port`, TypeError)
  return { port: typeof first === 'function' ? 0 : Number(first ?? 0), host: typeof second === 'string' ? second : undefined, signal: undefined }
}
