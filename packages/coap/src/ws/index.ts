/**
 * CoAP over WebSockets: RFC 8323 §4. The same client in a browser: `new CoapClient(new CoapWebSockets(env, (url) => new WebSocket(url, 'coap')), env)`;
 * and the same server over sockets that somebody accepts.
 *
 * @packageDocumentation
 */

import type { Endpoint, Env } from '@favonius/contract'
import type { Settings } from '../serving.ts'
import { Connections, NOWHERE, WAITING, type Link, type Pipe } from '../tcp/connections.ts'
import { inMessages } from './wire.ts'

/** RFC 8323 §11.5: the subprotocol to ask for, and to agree to. */
export const SUBPROTOCOL = 'coap'
/** RFC 8323 §8.3: the path of the WebSocket at any host. */
export const WELL_KNOWN_COAP = '/.well-known/coap'

/** Of the WebSocket interface, what messages need: a browser's, Deno's, Bun's, or that of `ws`. */
export interface WebSocketLike {
  binaryType: string
  /** 0 while connecting, 1 when open. */
  readonly readyState: number
  /** The subprotocol that both agreed to. */
  readonly protocol: string
  /** Bytes that were given to `send` and have not left. */
  readonly bufferedAmount: number
  send(data: Uint8Array<ArrayBuffer>): void
  close(): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'open' | 'close' | 'error', listener: () => void): void
}

export interface CoapWebSocketsOptions extends Partial<Settings> {
  /** URIs are those of `coap+wss`, and WebSockets those of `wss`: over TLS, which is the affair of whoever makes them. `coap+ws` unless given. */
  readonly secure?: boolean
}

const OPEN = 1
const NOTHING = /* @__PURE__ */ new Uint8Array(0)

/** A WebSocket under a connection, which may be still opening. */
class SocketPipe implements Pipe {
  readonly #socket: WebSocketLike
  readonly #waiting: Uint8Array<ArrayBuffer>[] = []

  constructor(socket: WebSocketLike) {
    this.#socket = socket
  }

  write(data: Uint8Array<ArrayBuffer>): void {
    const socket = this.#socket
    if (socket.readyState < OPEN) return void this.#waiting.push(data)
    if (socket.readyState > OPEN) return
    socket.send(data)
    // Nobody can be told to read, and a WebSocket cannot be read from less: who lets so much wait is given up.
    if (socket.bufferedAmount > 2 * WAITING) socket.close()
  }

  get waiting(): number {
    return this.#socket.bufferedAmount
  }

  opened(): void {
    for (const data of this.#waiting.splice(0)) this.write(data)
  }

  /** What was sent goes before it closes (RFC 6455 §1.4). */
  end(): void {
    this.#socket.close()
  }

  close(): void {
    this.#socket.close()
  }
}

/** WebSockets of one end, for either role, or both. */
export class CoapWebSockets extends Connections {
  readonly scheme: 'coap+ws' | 'coap+wss'
  /** RFC 8323 §8.3 and §8.4: the web's. */
  readonly port: 80 | 443
  /** A WebSocket finds names by itself. */
  readonly names = true
  readonly local = undefined
  readonly #open: ((url: string) => WebSocketLike) | undefined

  /**
   * `open` makes a WebSocket: `(url) => new WebSocket(url, SUBPROTOCOL)`; undefined where nobody is asked but who came. Settings are those of `coapOptions`;
   * those of messages are without meaning here.
   */
  constructor(env: Env, open: ((url: string) => WebSocketLike) | undefined, { secure = false, ...settings }: CoapWebSocketsOptions = {}) {
    super(inMessages, env, settings)
    this.#open = open
    this.scheme = secure ? 'coap+wss' : 'coap+ws'
    this.port = secure ? 443 : 80
  }

  /**
   * Takes a WebSocket that was accepted. `from` is whose it is, as handlers see it: one who comes again takes the place of the one before. One more than
   * `maxPeers`, and one that did not agree to `SUBPROTOCOL` (RFC 8323 §4.1), is closed and counted.
   */
  accept(socket: WebSocketLike, from: Endpoint): void {
    if (socket.protocol !== SUBPROTOCOL) {
      this.statistics.dropped.malformed++
      return socket.close()
    }
    if (!this.admits(from)) return socket.close()
    this.begin(from, (link) => this.#over(link, socket))
  }

  protected connect(link: Link): Pipe {
    const { address, port } = link.remote
    const host = address.includes(':') ? `[${address}]` : address
    try {
      if (this.#open !== undefined) return this.#over(link, this.#open(`${this.scheme.slice(5)}://${host}:${port}${WELL_KNOWN_COAP}`))
    } catch {
      // A page's policy may forbid it. It is as good as nobody there.
    }
    this.gone(link)
    return NOWHERE
  }

  #over(link: Link, socket: WebSocketLike): Pipe {
    const pipe = new SocketPipe(socket)
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('open', () => {
      // RFC 8323 §4.1: without it, it is none of CoAP.
      if (socket.protocol === SUBPROTOCOL) pipe.opened()
      else socket.close()
    })
    socket.addEventListener('message', ({ data }) => {
      // Text is as bad as no bytes.
      this.give(link, { kind: 'bytes', data: data instanceof ArrayBuffer ? new Uint8Array(data) : NOTHING })
    })
    // 'close' follows, and says it all.
    socket.addEventListener('error', () => {})
    socket.addEventListener('close', () => this.gone(link))
    // One that was closed before we listened says nothing any more.
    if (socket.readyState > OPEN) this.gone(link)
    return pipe
  }
}
