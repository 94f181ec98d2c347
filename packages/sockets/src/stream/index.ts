/**
 * Stream sockets: BSD's shape, and the `StreamNet` seam, over TCP. `tcp()` brings them along, so that they are in a program that has TCP, and in no other.
 *
 * @packageDocumentation
 */

import type { Ip, Tcp } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import { StreamSocketsLayer, type NamedStreamSockets } from './layer.ts'

/** Stream sockets over the TCP that is composed. `tcp()` selects them, and `sockets()` offers them. */
export const streamSockets = /* @__PURE__ */ feature({
  name: 'streamSockets',
  symbol: 'CONFIG_NET_SOCKETS_STREAM',
  needs: { ip: type<Ip>(), tcp: type<Tcp>() },
  create({ ip, tcp }, { env, onStop }): NamedStreamSockets {
    const layer = new StreamSocketsLayer(env, ip, tcp)
    onStop(() => layer.stop())
    return layer
  },
})

export { StreamSocketsLayer, type NamedStreamSockets, type StreamSockets } from './layer.ts'
export type { BsdStreamSocket } from './socket.ts'
export type { Socket, SocketInfo, SocketListener, WebAddress, WebListenOptions, WebOptions } from './web.ts'
export type { StreamSocketOptions } from './options.ts'
export type { PollEvent } from '../waiters.ts'
export type { AddressFamily, SocketAddress } from '../address.ts'
export type { CallOptions } from '../sockopt.ts'
