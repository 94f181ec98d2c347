/**
 * The server's end of Ethernet frames over WebSockets, by `ws`: for the stacks of browsers, which connect by `connectWebSocket` of
 * `@favonius/web`.
 *
 * @packageDocumentation
 */

import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { checkPort } from '@favonius/inet'
import { webSocketAcceptor, type WebSocketDevice, type WebSocketLike, type WebSocketOptions } from '@favonius/web'
import type { Env } from '@favonius/contract'

/** Where to listen: a port, 0 for one that is free; `host` is 127.0.0.1 unless given. */
export interface WebSocketPlace {
  readonly port: number
  readonly host?: string
}

/** How to listen. */
export interface ListenOptions extends WebSocketOptions {
  /** Pages that may connect, by their origin: `http://localhost:8080`. Any, and any program, unless given. */
  readonly origins?: readonly string[]
}

/** What listens. */
export interface WebSocketListener {
  /** Where: `ws://127.0.0.1:4000`. */
  readonly url: string
  /** Ends it, and the connections that it has accepted. */
  close(): Promise<void>
}

/** The longest message that is read at all, in bytes; for a longer one the connection is closed (RFC 6455 §7.4.1, 1009). */
const LONGEST = 131_072

/**
 * Listens for WebSockets. Whoever connects gets a device of its own, which `onDevice` is called with, and which is of no use any more when that
 * connection ends. Anyone who may connect may send what frames they like, and so may any page that a browser on this machine shows: give `origins`.
 *
 * Rejects with EADDRINUSE, EACCES, EADDRNOTAVAIL; with EINVAL for options that cannot be.
 *
 * ```ts no-run
 * const listener = await listenWebSocket(system, { port: 4000 }, (device) => {
 *   const tab = stack.netif.add(device)
 *   void device.closed.then(() => stack.netif.remove(tab))
 * }, { origins: ['http://localhost:8080'] })
 * ```
 */
export async function listenWebSocket(
  env: Env, { port, host = '127.0.0.1' }: WebSocketPlace, onDevice: (device: WebSocketDevice) => void, options: ListenOptions = {},
): Promise<WebSocketListener> {
  checkPort(port, 0)
  const { origins, ...rest } = options
  const accept = webSocketAcceptor(env, rest)
  const verifyClient = ({ origin }: { readonly origin: string }): boolean => origins === undefined || origins.includes(origin)
  const server = new WebSocketServer({ port, host, maxPayload: LONGEST, perMessageDeflate: false, verifyClient })
  server.on('connection', (socket) => {
    // A client that breaks the protocol is closed by ws, which says so here; nobody may be listening yet.
    socket.on('error', () => {})
    onDevice(accept(socket as WebSocketLike))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', resolve)
  })
  const bound = (server.address() as AddressInfo).port
  return {
    url: `ws://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () => new Promise((resolve) => {
      server.close(() => resolve())
      for (const socket of server.clients) socket.terminate()
    }),
  }
}
