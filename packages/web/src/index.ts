/**
 * Links for stacks in browsers, Deno, Bun and worker threads: BroadcastChannel and WebSocket.
 *
 * @packageDocumentation
 */

export { broadcastDevice } from './broadcast.ts'
export { type LinkOptions } from './options.ts'
export { connectWebSocket, webSocketAcceptor, type ConnectOptions, type WebSocketDevice, type WebSocketLike, type WebSocketOptions } from './websocket.ts'
