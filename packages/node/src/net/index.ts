/**
 * What passes for `node:net` over a `StreamNet`: so programs that are written to Node's sockets run over a composed stack, unchanged.
 *
 * @packageDocumentation
 */

import { isIP, isIPv4, isIPv6, type TcpNetConnectOpts } from 'node:net'
import { FaceServer, type FaceServerOptions } from './server.ts'
import { FaceSocket, type FaceParts, type FaceSocketOptions } from './socket.ts'

export { FaceServer, type FaceListenOptions, type FaceServerOptions } from './server.ts'
export { FaceSocket, type FaceParts, type FaceSocketOptions } from './socket.ts'
export type { SystemError } from './errors.ts'

type Accept = (socket: FaceSocket) => void

/** What `nodeNet` gives. */
export type FaceNet = ReturnType<typeof nodeNet>

/**
 * The parts of `node:net` that programs use, over `streams`: a stack's sockets, a simulated network's, or `nodeStreams()`.
 *
 * ```ts no-run
 * const net = nodeNet({ streams: stack.sockets })
 * net.createServer((socket) => socket.pipe(socket)).listen(7)
 * await attach(http.createServer(handler), net, { port: 80 })      // of @favonius/node/http
 * ```
 */
export function nodeNet(parts: FaceParts) {
  function createServer(options?: FaceServerOptions | Accept, accept?: Accept): FaceServer {
    return typeof options === 'function' ? new FaceServer(parts, {}, options) : new FaceServer(parts, options, accept)
  }
  function connect(options: TcpNetConnectOpts & FaceSocketOptions, ready?: () => void): FaceSocket
  function connect(port: number, host?: string, ready?: () => void): FaceSocket
  function connect(port: number, ready?: () => void): FaceSocket
  function connect(first: (TcpNetConnectOpts & FaceSocketOptions) | number, second?: string | (() => void), third?: () => void): FaceSocket {
    return new FaceSocket(parts, typeof first === 'object' ? first : {}).connect(first, second, third)
  }
  return {
    createServer,
    connect,
    createConnection: connect,
    /** `new net.Socket(options)`. */
    socket: (options?: FaceSocketOptions): FaceSocket => new FaceSocket(parts, options),
    isIP, isIPv4, isIPv6,
  }
}
