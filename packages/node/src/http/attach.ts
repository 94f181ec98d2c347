import type { EventEmitter } from 'node:events'
import type { FaceListenOptions, FaceServer, FaceServerOptions } from '../net/server.ts'
import type { FaceNet } from '../net/index.ts'

/** Where a server listens, and how its sockets are. */
export interface AttachOptions extends FaceListenOptions, Pick<FaceServerOptions, 'noDelay' | 'keepAlive' | 'keepAliveInitialDelay'> {}

/**
 * Lets a server of `node:http`, `node:https`, `node:http2` or `node:tls` serve the connections of `net`: it is written as ever, and its own `listen` is
 * not called. Closing what is returned ends the listening. Rejects with what `listen` emits: EADDRINUSE…
 */
export async function attach(server: EventEmitter, net: FaceNet, { noDelay = true, keepAlive, keepAliveInitialDelay, ...listen }: AttachOptions = {}): Promise<FaceServer> {
  // As http.Server's own: half-open, so that an answer may follow a request that was ended; and without Nagle's algorithm.
  const made = net.createServer({
    allowHalfOpen: true, noDelay, ...(keepAlive === undefined ? {} : { keepAlive }), ...(keepAliveInitialDelay === undefined ? {} : { keepAliveInitialDelay }),
  }, (socket) => server.emit('connection', socket))
  await new Promise<void>((resolve, reject) => made.once('error', reject).listen(listen, resolve))
  return made
}
