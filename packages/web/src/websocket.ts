/** Frames over a WebSocket (RFC 6455): a binary message is one. */

import { failure } from '@favonius/inet'
import type { Device, Env, Timer } from '@favonius/contract'
import { MessageDevice } from './messages.ts'
import { partsOf, type LinkOptions, type Parts } from './options.ts'

/** Of the WebSocket interface, what a link needs: a browser's, Deno's, Bun's, or that of `ws`. */
export interface WebSocketLike {
  binaryType: string
  /** 0 while connecting, 1 when open. */
  readonly readyState: number
  /** Bytes that were given to `send` and have not left. */
  readonly bufferedAmount: number
  send(data: Uint8Array<ArrayBuffer>): void
  close(): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'open' | 'close' | 'error', listener: () => void): void
}

export interface WebSocketOptions extends LinkOptions {
  /** Bytes that may wait in the socket, 0 to 2³⁰; 65 536 unless given. While there are more, frames are refused. */
  readonly buffered?: number
}

export interface ConnectOptions extends WebSocketOptions {
  /**
   * Milliseconds to wait before each attempt to connect again, once a connection is lost or did not come about; the last one is used again
   * and again: `[100, 1000, 5000]`, or one number. Unless given it does not connect again.
   */
  readonly reconnect?: number | readonly number[]
}

/** An Ethernet device over a WebSocket. It has carrier while that is open. */
export interface WebSocketDevice extends Device {
  readonly medium: 'ethernet'
  /** Resolves when it is of no use any more: it was stopped, or the socket is closed and none is opened again. */
  readonly closed: Promise<void>
}

const OPEN = 1
/** Milliseconds between two looks at whether the socket has drained: a WebSocket tells nobody. */
const POLL = 4

class SocketDevice extends MessageDevice implements WebSocketDevice {
  readonly closed: Promise<void>
  readonly #env: Env
  /** Makes a socket; undefined for one that was accepted. */
  readonly #open: (() => WebSocketLike) | undefined
  readonly #delays: readonly number[]
  readonly #buffered: number
  readonly #drained: Timer
  readonly #again: Timer
  #socket: WebSocketLike | undefined
  /** Attempts since it was connected. */
  #attempts = 0
  #resolveClosed!: () => void

  constructor(env: Env, open: (() => WebSocketLike) | undefined, parts: Parts, delays: readonly number[], buffered: number) {
    super(parts)
    this.#env = env
    this.#open = open
    this.#delays = delays
    this.#buffered = buffered
    this.#drained = env.clock.timer(() => this.#look())
    this.#again = env.clock.timer(() => this.dial())
    this.closed = new Promise((resolve) => { this.#resolveClosed = resolve })
  }

  protected get connected(): boolean {
    return this.#socket?.readyState === OPEN
  }

  protected begin(): void {
    this.sink!.carrier(this.connected)
  }

  /** Makes a socket, and another one whenever that is lost. */
  dial(): void {
    let socket: WebSocketLike | undefined
    try {
      socket = this.#open?.()
    } catch {
      // A page's policy may forbid it. It is as good as nobody there.
    }
    if (socket === undefined) this.#over()
    else this.attach(socket)
  }

  /** Goes over this socket, which may be open already. */
  attach(socket: WebSocketLike): this {
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('open', () => {
      if (this.#socket !== socket) return
      this.#attempts = 0
      this.sink?.carrier(true)
    })
    socket.addEventListener('message', ({ data }) => { if (this.#socket === socket) this.received(data) })
    // 'close' follows, and says it all.
    socket.addEventListener('error', () => {})
    socket.addEventListener('close', () => { if (this.#socket === socket) this.#over() })
    // One that was closed before we listened says nothing any more.
    if (socket.readyState > OPEN) this.#over()
    return this
  }

  /** The connection is lost, or did not come about. */
  #over(): void {
    const refused = this.#drained.due !== undefined
    this.#socket = undefined
    this.#drained.cancel()
    this.sink?.carrier(false)
    // What was refused may be lost now, as what comes later is.
    if (refused) this.sink?.ready()
    // Who heard that may have stopped it.
    if (this.stopped) return
    const delay = this.#delays[Math.min(this.#attempts++, this.#delays.length - 1)]
    if (delay !== undefined) return this.#again.schedule(this.#env.clock.now() + delay)
    this.#resolveClosed()
    this.#env.wake()
  }

  protected room(length: number): boolean {
    const { bufferedAmount } = this.#socket!
    // A frame longer than the bound has the socket to itself.
    if (bufferedAmount === 0 || bufferedAmount + length <= this.#buffered) return true
    if (this.#drained.due === undefined) this.#drained.schedule(this.#env.clock.now() + POLL)
    return false
  }

  #look(): void {
    // Half of it free: a poll for each frame would be slow.
    if (this.#socket!.bufferedAmount * 2 > this.#buffered) this.#drained.schedule(this.#env.clock.now() + POLL)
    else this.sink?.ready()
  }

  protected send(bytes: Uint8Array<ArrayBuffer>): void {
    this.#socket!.send(bytes)
  }

  protected finish(): void {
    this.#drained.cancel()
    this.#again.cancel()
    this.#socket?.close()
    this.#socket = undefined
    this.#resolveClosed()
    this.#env.wake()
  }
}

/** Throws EINVAL. */
function bufferedOf({ buffered = 65_536 }: WebSocketOptions): number {
  if (Number.isInteger(buffered) && buffered >= 0 && buffered <= 2 ** 30) return buffered
  throw failure('EINVAL', `buffered is ${buffered}; it must be a whole number of bytes from 0 to ${2 ** 30}`)
}

/**
 * An Ethernet device over the WebSocket at `to`, which is opened at once: its URL, or what makes a socket, where a runtime
 * has no WebSocket (Node 20), or one is to be made otherwise: `() => new WebSocket(url, { headers })` of `ws`.
 *
 * Lost frames are counted by their reason: `not connected`, `not a frame` (a message of text), `too short`, `too long`, `no buffer`.
 * Throws EINVAL for options that cannot be, EOPNOTSUPP where there is no WebSocket.
 */
export function connectWebSocket(env: Env, to: string | (() => WebSocketLike), options: ConnectOptions = {}): WebSocketDevice {
  const { reconnect = [] } = options
  const delays = typeof reconnect === 'number' ? [reconnect] : reconnect
  for (const delay of delays) {
    if (!(delay >= 0 && delay < 2 ** 31)) throw failure('EINVAL', `reconnect is ${delay}; it must be milliseconds, 0 to ${2 ** 31 - 1}`)
  }
  const device = new SocketDevice(env, typeof to === 'string' ? opener(to) : to, partsOf(env, options), delays, bufferedOf(options))
  device.dial()
  return device
}

/**
 * What makes an Ethernet device of each WebSocket that a server accepted. A device ends with its socket. The options are looked at once, here:
 * throws EINVAL for those that cannot be, and nothing when a client connects.
 */
export function webSocketAcceptor(env: Env, options: WebSocketOptions = {}): (socket: WebSocketLike) => WebSocketDevice {
  const buffered = bufferedOf(options)
  partsOf(env, options)
  return (socket) => new SocketDevice(env, undefined, partsOf(env, options), [], buffered).attach(socket)
}

function opener(url: string): () => WebSocketLike {
  const { WebSocket } = globalThis as { WebSocket?: new (url: string) => WebSocketLike }
  if (WebSocket === undefined) throw failure('EOPNOTSUPP', 'there is no WebSocket here: give a function that makes one, as () => new WebSocket(url) of the package ws')
  // What is wrong with the URL is said at once, and not by a device that never comes up.
  if (!URL.canParse(url) || !/^(ws|http)s?:$/.test(new URL(url).protocol)) throw failure('EINVAL', `${url} is no address of a WebSocket: wss://host/path, or ws://`)
  return () => new WebSocket(url)
}
