/**
 * Sockets: BSD's shape for people who know it, and the `DatagramNet` and `StreamNet` seams for protocols.
 *
 * @packageDocumentation
 */

import type { Ip, Udp } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import { SocketsLayer, type Sockets } from './layer.ts'
import { socketsOptions } from './options.ts'
import type { StreamSockets } from './stream/layer.ts'

/** BSD-like sockets over the transports that are composed. */
export const sockets = /* @__PURE__ */ feature({
  name: 'sockets',
  symbol: 'CONFIG_NET_SOCKETS',
  options: socketsOptions,
  needs: { ip: type<Ip>() },
  implies: { udp: type<Udp>(), streamSockets: type<StreamSockets>() },
  create({ ip, udp, streamSockets }, { env, options, onStop }): Sockets {
    const layer = new SocketsLayer(env, ip, udp, options, streamSockets)
    onStop(() => layer.stop())
    return layer
  },
})

export { socketsOptions } from './options.ts'
export { SocketsLayer, type Sockets } from './layer.ts'
export type { BsdDatagramSocket } from './datagram.ts'
export type { BsdStreamSocket } from './stream/socket.ts'
export type { Socket, SocketInfo, SocketListener, WebAddress, WebListenOptions, WebOptions } from './stream/web.ts'
export type { StreamSocketOptions } from './stream/options.ts'
export type { PollEvent } from './waiters.ts'
export type { AddressFamily, SocketAddress } from './address.ts'
export type { CallOptions, Datagram, DatagramMessage, GroupRequest, SendOptions, SocketActions, SocketOptions, TakenDatagram } from './sockopt.ts'
