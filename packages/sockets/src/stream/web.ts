/**
 * Streams in the shape of the web: the Sockets API of WinterTC, over any `StreamNet`, and its like for listeners. Nothing is read ahead: what nobody
 * reads stays in TCP, and shuts the window.
 */

import type { Endpoint, Env, Stream, StreamNet, StreamSink, TcpConnection, TcpListener, Timer } from '@favonius/contract'
import { deferred, type Deferred } from '@favonius/clock'
import { failure } from '@favonius/inet'

/** An address and a port: as WinterTC names them, or as the rest of Favonius does; `hostname` is an address too. */
export type WebAddress = Endpoint | { readonly hostname: string; readonly port: number }

/** WinterTC's SocketOptions, as far as they are TCP's, and the seam's `timeout`. */
export interface WebOptions {
  /** False unless given: when the peer has ended, and all that it sent was read, the writable side ends too. */
  readonly allowHalfOpen?: boolean
  /** Milliseconds to connect within. */
  readonly timeout?: number
}

export interface WebListenOptions {
  /** As in `WebOptions`, of the connections that are accepted. */
  readonly allowHalfOpen?: boolean
  /** Connections that may wait to be taken from the listener, 128 unless given; more are not answered. */
  readonly backlog?: number
}

/** WinterTC's SocketInfo: `192.0.2.1:80`, `[2001:db8::1]:80`. */
export interface SocketInfo {
  readonly remoteAddress: string
  readonly localAddress: string
}

/** WinterTC's Socket. */
export interface Socket {
  /** Bytes as they come, without a queue; also for readers that bring their own buffer. Cancelling it discards what comes. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>
  /** Takes views and buffers. A write is done when TCP has all of it. Closing it ends our side; aborting it resets the connection. */
  readonly writable: WritableStream<ArrayBuffer | ArrayBufferView>
  /** Rejects with the error of connecting: ECONNREFUSED, ETIMEDOUT… */
  readonly opened: Promise<SocketInfo>
  /** Resolves when both sides have ended, and what the peer sent was read; rejects with what ended the connection otherwise. */
  readonly closed: Promise<void>
  /** There is no TLS here. */
  readonly secureTransport: 'off'
  readonly upgraded: false
  /** Ends our side behind what was written, and reads no more: what the peer sends from now on resets the connection. Returns `closed`. */
  close(): Promise<void>
}

/** Connections as they come: `for await (const socket of listener)`. One that is not asked for waits in the backlog. */
export interface SocketListener extends AsyncIterable<Socket> {
  readonly local: Endpoint
  /** Ends the loops over it. Those who wait in the backlog are reset; sockets that were given go on. */
  close(): void
}

/** The address in `[2001:db8::1]:80`, `192.0.2.1:80`, or in an object. Throws EINVAL. */
export function toEndpoint(address: string | WebAddress): Endpoint {
  if (typeof address !== 'string') return { address: 'hostname' in address ? address.hostname : address.address, port: address.port }
  const match = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(address)
  if (match === null) throw failure('EINVAL', `${JSON.stringify(address)} is no address and port: write 192.0.2.1:80 or [2001:db8::1]:80`)
  return { address: (match[1] ?? match[2])!, port: Number(match[3]) }
}

/** Bytes that one chunk of a readable has at most and a segment: what waits is given as one, for chunks cost more than bytes do. */
const MOST = 65_536

/** Milliseconds without a write after which none is on its way from what was read. */
const IDLE = 1

const shown = ({ address, port }: Endpoint): string => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`)

/** A promise whose rejection is nobody's fault when nobody looks at it. */
function told<T>(env: Env): Deferred<T> {
  const made = deferred<T>(env)
  made.promise.catch(() => {})
  return made
}

/** Between a stream of the seam and the web's shape of it. */
class Bridge implements StreamSink {
  readonly socket: Socket
  readonly #env: Env
  readonly #halfOpen: boolean
  readonly #opened: Deferred<SocketInfo>
  readonly #closed: Deferred<void>
  #stream: Stream | undefined
  #reading!: ReadableByteStreamController
  #writing!: WritableStreamDefaultController
  /** What has come of the chunk that is being asked for; undefined while none is. */
  #parts: Uint8Array[] | undefined
  #size = 0
  /** What the write under way still has, and who waits for it. */
  #rest: Uint8Array | undefined
  #written: Deferred<void> | undefined
  /** Our side ends, behind the write under way. */
  #ends = false
  /** It ends once nothing is being written any more; how many writes there were, and who looks whether there are more. */
  #endsIdle = false
  #writes = 0
  #idle: Timer | undefined
  /** The readable side is over: by the peer's end, by `cancel`, by `close`, by an error. */
  #read = false
  /** `close` was called. */
  #leaving = false

  constructor(env: Env, { allowHalfOpen = false }: Pick<WebOptions, 'allowHalfOpen'>) {
    this.#env = env
    this.#halfOpen = allowHalfOpen
    this.#opened = told(env)
    this.#closed = told(env)
    // Neither side begins, and neither is read or written, until there is a stream.
    const open = this.#opened.promise.then(() => {})
    open.catch(() => {})
    const readable = new ReadableStream({
      type: 'bytes',
      start: (controller) => {
        this.#reading = controller
        return open
      },
      pull: () => this.#pull(),
      cancel: () => this.#discard(),
    }, { highWaterMark: 0 })
    const writable = new WritableStream<ArrayBuffer | ArrayBufferView>({
      start: (controller) => {
        this.#writing = controller
        return open
      },
      write: (chunk) => this.#write(chunk),
      close: () => this.#end(),
      abort: (reason) => this.#abort(reason),
    })
    this.socket = {
      readable, writable, opened: this.#opened.promise, closed: this.#closed.promise, secureTransport: 'off', upgraded: false,
      close: () => this.#close(),
    }
  }

  // ---- its beginning ----

  /** Nothing is received until somebody reads. */
  open(stream: Stream): this {
    this.#stream = stream
    stream.pause()
    this.#opened.resolve({ remoteAddress: shown(stream.remote), localAddress: shown(stream.local) })
    if (this.#leaving) this.#leave()
    else if (this.#read) stream.resume()
    return this
  }

  refuse(error: Error): void {
    this.#opened.reject(error)
    this.#closed.reject(error)
  }

  // ---- reading ----

  receive(chunk: Uint8Array): void {
    if (this.#leaving) return this.#stream!.abort(failure('ECONNABORTED', 'the peer sent more, and the socket was closed'))
    if (this.#read) return
    if (this.#parts === undefined) return this.#give(chunk.slice() as Uint8Array<ArrayBuffer>)
    this.#parts.push(chunk.slice())
    this.#size += chunk.length
    if (this.#size >= MOST) this.#stream!.pause()
  }

  /** Somebody reads: has what waits, or the next that comes. */
  #pull(): void {
    this.#parts = []
    this.#stream!.resume()
    this.#gather()
  }

  #gather(): void {
    const parts = this.#parts
    this.#parts = undefined
    if (parts === undefined || parts.length === 0) return
    let chunk = parts[0]!
    if (parts.length > 1) {
      chunk = new Uint8Array(this.#size)
      let at = 0
      // Copied twice, which costs less than a chunk for each of them does.
      for (const part of parts) {
        chunk.set(part, at)
        at += part.length
      }
    }
    this.#size = 0
    this.#give(chunk as Uint8Array<ArrayBuffer>)
  }

  #give(chunk: Uint8Array<ArrayBuffer>): void {
    this.#stream!.pause()
    this.#reading.enqueue(chunk)
    this.#env.wake()
  }

  ended(): void {
    this.#gather()
    this.#finish()
    // There is nothing more to wait for than the end of it all.
    this.#stream!.resume()
    if (!this.#halfOpen) this.#endIdle()
  }

  #finish(): void {
    if (this.#read) return
    this.#read = true
    this.#reading.close()
    // Who brought a buffer of its own has it back, empty.
    this.#reading.byobRequest?.respond(0)
    this.#env.wake()
  }

  #discard(): void {
    this.#read = true
    this.#stream?.resume()
  }

  // ---- writing ----

  #write(chunk: ArrayBuffer | ArrayBufferView): void | Promise<void> {
    const bytes = toBytes(chunk)
    this.#writes++
    const taken = this.#stream!.write(bytes)
    if (taken === bytes.length) return
    this.#rest = bytes.subarray(taken)
    this.#written = deferred(this.#env)
    return this.#written.promise
  }

  drained(): void {
    const rest = this.#rest
    if (rest === undefined) return
    const taken = this.#stream!.write(rest)
    if (taken < rest.length) {
      this.#rest = rest.subarray(taken)
      return
    }
    this.#rest = undefined
    this.#written!.resolve()
    if (this.#ends) this.#stream!.end()
    else if (this.#endsIdle) this.#endIdle()
  }

  /**
   * Ends our side when no further write has come for a moment: what was read last may be on its way here, through a pipe, and writes
   * may wait in the stream. Whoever has locked the writable is the only one who knows.
   */
  #endIdle(): void {
    this.#endsIdle = true
    const { clock } = this.#env
    const writes = this.#writes
    this.#idle?.cancel()
    this.#idle = clock.timer(() => {
      // A write that is under way comes back here when it is done.
      if (this.#rest !== undefined) return
      if (this.#writes === writes) this.#end()
      else this.#endIdle()
    })
    this.#idle.schedule(clock.now() + IDLE)
  }

  #end(): void {
    this.#ends = true
    if (this.#rest === undefined) this.#stream?.end()
  }

  // ---- the end ----

  #abort(reason: unknown): void {
    this.#stream?.abort(failure('ECONNABORTED', `the writable side was aborted${reason === undefined ? '' : `: ${String((reason as Partial<Error>)?.message ?? reason)}`}`))
  }

  #close(): Promise<void> {
    if (!this.#leaving) {
      this.#leaving = true
      if (this.#stream !== undefined) this.#leave()
    }
    return this.#closed.promise
  }

  #leave(): void {
    this.#finish()
    const { writable } = this.socket
    // What waits to be written goes before the end; a writer that has the lock says itself when it is done, and might never be.
    if (writable.locked) this.#end()
    else writable.close().catch(() => this.#end())
    this.#stream!.resume()
  }

  closed(error?: Error): void {
    this.#idle?.cancel()
    this.#env.wake()
    if (error === undefined) {
      this.#finish()
      return this.#closed.resolve()
    }
    if (!this.#read) this.#reading.error(error)
    this.#read = true
    this.#writing.error(error)
    this.#rest = undefined
    this.#written?.reject(error)
    this.#closed.reject(error)
  }
}

/**
 * WinterTC's `connect`, over any net: what comes and goes as Web Streams. Throws EINVAL when `address` is no address and port; the net's errors are
 * those of `opened`.
 */
export function connect(env: Env, net: Pick<StreamNet, 'connect'>, address: string | WebAddress, options: WebOptions = {}): Socket {
  const bridge = new Bridge(env, options)
  net.connect(toEndpoint(address), bridge, options).then((stream) => bridge.open(stream), (error: Error) => bridge.refuse(error))
  return bridge.socket
}

/** A connection that was accepted, in the web's shape. */
export interface AcceptedSocket {
  readonly socket: Socket
  /** What `accept` of `StreamNet.listen` answers with. */
  readonly sink: StreamSink
}

/** The web's shape of a stream that a listener of any net has given. */
export function accepted(env: Env, stream: Stream, options: Pick<WebOptions, 'allowHalfOpen'> = {}): AcceptedSocket {
  const bridge = new Bridge(env, options).open(stream)
  return { socket: bridge.socket, sink: bridge }
}

/** Who gives connections out one by one. */
export interface Port {
  readonly listener: TcpListener
  readonly local: Endpoint
  /** Puts a connection that was accepted under the seam. */
  accepted(connection: TcpConnection, accept: (stream: Stream) => StreamSink): void
}

/** A listener that loops go over. */
export class WebListener implements SocketListener {
  readonly #env: Env
  readonly #port: Port
  readonly #options: WebListenOptions
  readonly #onClose: () => void
  /** Loops that wait for a connection. */
  readonly #waiting: Deferred<void>[] = []
  #isClosed = false

  constructor(env: Env, options: WebListenOptions, open: (acceptable: () => void) => Port, onClose: () => void) {
    this.#env = env
    this.#options = options
    this.#onClose = onClose
    this.#port = open(() => this.#waiting.shift()?.resolve())
  }

  get local(): Endpoint {
    return this.#port.local
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Socket, void, undefined> {
    while (!this.#isClosed) {
      const connection = this.#port.listener.accept()
      if (connection !== undefined) {
        const bridge = new Bridge(this.#env, this.#options)
        this.#port.accepted(connection, (stream) => bridge.open(stream))
        yield bridge.socket
      } else {
        const waiting = deferred<void>(this.#env)
        this.#waiting.push(waiting)
        await waiting.promise
      }
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#port.listener.close()
    for (const waiting of this.#waiting.splice(0)) waiting.resolve()
    this.#onClose()
  }
}

/** The bytes of a chunk. Throws EINVAL. */
function toBytes(chunk: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk)
  throw failure('EINVAL', 'a socket takes bytes: a Uint8Array, another view, or an ArrayBuffer; text by new TextEncoder().encode(text)')
}
