/** TCPServerSocket of Direct Sockets. */

import type { Listener, Stream, StreamSink } from '@favonius/contract'
import { accepted } from '@favonius/sockets/web'
import { checkPort, invalidState, networkError, told, type DirectParts } from './parts.ts'
import { DirectTCPSocket } from './tcp.ts'

export interface TCPServerSocketOptions {
  /** Chosen unless given. */
  readonly localPort?: number
  /** Connections that may wait until they are read, 128 unless given; more are reset. */
  readonly backlog?: number
}

export interface TCPServerSocketOpenInfo {
  /** Connections as they come. Cancelling it closes the socket. */
  readonly readable: ReadableStream<DirectTCPSocket>
  readonly localAddress: string
  readonly localPort: number
}

/** As TCPServerSocket of the Direct Sockets API. */
export class DirectTCPServerSocket {
  /** Rejects with a NetworkError. */
  readonly opened: Promise<TCPServerSocketOpenInfo>
  /** Resolves when it is closed. */
  readonly closed: Promise<void>
  readonly #parts: DirectParts
  readonly #backlog: number
  /** Connections that nobody has read yet. */
  readonly #waiting: { readonly stream: Stream; readonly socket: DirectTCPSocket }[] = []
  #reading!: ReadableStreamDefaultController<DirectTCPSocket>
  #wanted = false
  #info: TCPServerSocketOpenInfo | undefined
  #listener: Listener | undefined
  #resolveClosed!: () => void

  /** Throws TypeError. */
  constructor(parts: DirectParts, localAddress: string, { localPort = 0, backlog = 128 }: TCPServerSocketOptions = {}) {
    checkPort('localPort', localPort, 0)
    if (!(Number.isInteger(backlog) && backlog > 0)) throw new TypeError(`backlog ${backlog}: give a whole number, 1 or more`)
    this.#parts = parts
    this.#backlog = backlog
    let refuse!: (error: unknown) => void
    this.closed = told(new Promise((resolve, reject) => {
      this.#resolveClosed = resolve
      refuse = reject
    }))
    const readable = new ReadableStream<DirectTCPSocket>({
      start: (controller) => { this.#reading = controller },
      pull: () => {
        this.#wanted = true
        this.#give()
      },
      cancel: () => this.#end(),
    }, { highWaterMark: 0 })
    this.opened = told(parts.streams.listen({ address: localAddress, port: localPort }, (stream) => this.#accept(stream)).then((listener) => {
      this.#listener = listener
      const { local } = listener
      return this.#info = { readable, localAddress: local.address, localPort: local.port }
    }, (error: unknown) => {
      refuse(networkError(error))
      throw networkError(error)
    }))
  }

  #accept(stream: Stream): StreamSink {
    if (this.#waiting.length >= this.#backlog) {
      // Not from within: the stream has no sink yet.
      queueMicrotask(() => stream.abort())
      return { receive() {}, closed() {} }
    }
    const { socket, sink } = accepted(this.#parts.env, stream, { allowHalfOpen: true })
    this.#waiting.push({ stream, socket: new DirectTCPSocket(Promise.resolve(socket)) })
    this.#give()
    return sink
  }

  #give(): void {
    if (!this.#wanted) return
    const next = this.#waiting.shift()
    if (next === undefined) return
    this.#wanted = false
    this.#reading.enqueue(next.socket)
    this.#parts.env.wake()
  }

  #end(): void {
    this.#listener!.close()
    for (const { stream } of this.#waiting.splice(0)) stream.abort()
    this.#resolveClosed()
    this.#parts.env.wake()
  }

  /** Accepts no more; those that wait are reset, those that were read go on. Rejects with an InvalidStateError while it is not open, or its stream is locked. */
  close(): Promise<void> {
    if (this.#info === undefined) return Promise.reject(invalidState('the socket is not open: await opened'))
    if (this.#info.readable.locked) return Promise.reject(invalidState('the stream of the socket is locked: release its reader'))
    told(this.#info.readable.cancel())
    return this.closed
  }
}
