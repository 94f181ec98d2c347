/**
 * WinterTC's sockets over any `StreamNet`: the kernel's, those of a stack in a worker, a tunnel's. `stack.sockets.connect` is the same over a stack.
 *
 * @packageDocumentation
 */

export { accepted, connect, type AcceptedSocket, type Socket, type SocketInfo, type WebAddress, type WebOptions } from '../stream/web.ts'
