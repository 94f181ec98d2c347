/**
 * Packet sockets: whole frames, or what follows their link header, as AF_PACKET has them.
 *
 * @packageDocumentation
 */

import { feature } from '@favonius/kconfig'
import { netif } from '@favonius/netif'
import { socketsOptions } from '../options.ts'
import { PacketSocketsLayer, type PacketSockets } from './layer.ts'

/** Packet sockets (AF_PACKET) on every interface. They hear all protocols, also those that no layer takes. */
export const packetSockets = /* @__PURE__ */ feature({
  name: 'packetSockets',
  symbol: 'CONFIG_NET_SOCKETS_PACKET',
  options: socketsOptions,
  selects: [netif()],
  create({ netif }, { env, options, onStop }): PacketSockets {
    const layer = new PacketSocketsLayer(env, netif, options)
    onStop(() => layer.stop())
    return layer
  },
})

export { PacketSocketsLayer, type PacketSockets } from './layer.ts'
export type { BsdPacketSocket, ReceivedPacket } from './socket.ts'
export type { PacketBinding, PacketDestination, PacketSource, PacketType } from './address.ts'
export type { PacketActions, PacketMembership, PacketOptions, PacketStatistics } from './options.ts'
export type { PollEvent } from '../waiters.ts'
export type { CallOptions } from '../sockopt.ts'
