/** The packet sockets of one stack: who of them hears a packet. */

import type { DropReason, Env, Interface, LinkHeader, NetBuf, Netif } from '@favonius/contract'
import { failure, NO_LINK_ADDRESS } from '@favonius/inet'
import { ALL, toProtocol, typeOfCast } from './address.ts'
import { PacketSocket, type BsdPacketSocket } from './socket.ts'

/** `stack.packetSockets`. */
export interface PacketSockets {
  /**
   * A packet socket, as `socket(AF_PACKET, SOCK_RAW or SOCK_DGRAM, protocol)`: `raw` for whole frames with their link header, `dgram` for
   * what follows it. It hears the packets of `protocol` on every interface from now on, or nothing while that is 0. Throws EINVAL.
   */
  socket(type: 'raw' | 'dgram', protocol?: number | 'all'): BsdPacketSocket
}

/** What packet sockets stand on. */
export interface PacketParts {
  readonly env: Env
  readonly netif: Netif
  readonly receiveBuffer: number
  readonly queueFull: DropReason
}

/** `packetSockets()` makes one; so does whoever wires a stack by hand. */
export class PacketSocketsLayer implements PacketSockets {
  readonly #parts: PacketParts
  readonly #sockets = new Set<PacketSocket>()
  /** Ends what the first socket began, for the last one. */
  #ends: readonly (() => void)[] = []

  constructor(env: Env, netif: Netif, { receiveBuffer }: { readonly receiveBuffer: number }) {
    const { queueFull } = netif.reasons({ queueFull: ['packet sockets: receive queue is full'] })
    this.#parts = { env, netif, receiveBuffer, queueFull }
  }

  socket(type: 'raw' | 'dgram', protocol: number | 'all' = 0): BsdPacketSocket {
    if (type !== 'raw' && type !== 'dgram') throw failure('EINVAL', `${JSON.stringify(type)} is no packet socket's type: 'raw' or 'dgram'`)
    const socket: PacketSocket = new PacketSocket(this.#parts, type, toProtocol(protocol), () => this.#closed(socket))
    this.#sockets.add(socket)
    if (this.#sockets.size === 1) this.#begin()
    return socket
  }

  #begin(): void {
    const { netif } = this.#parts
    this.#ends = [
      netif.registerPacketHandler((iface, packet) => this.#receive(iface, packet)),
      netif.tap({
        frame: (iface, frame, direction) => { if (direction === 'out') this.#goesOut(iface, frame) },
        dropped() {},
      }),
      netif.listen(({ type, iface }) => {
        for (const socket of this.#sockets) {
          if (type === 'ready') socket.ready()
          else if (type === 'down') socket.lost(iface)
        }
      }),
    ]
  }

  #closed(socket: PacketSocket): void {
    this.#sockets.delete(socket)
    if (this.#sockets.size > 0) return
    for (const end of this.#ends) end()
  }

  /** A packet that came in. */
  #receive(iface: Interface, packet: NetBuf): boolean {
    let wanted = false
    let header: LinkHeader | undefined
    for (const socket of this.#sockets) {
      if (!socket.hears(iface, packet.protocol)) continue
      wanted = true
      header ??= headerOf(iface, packet, packet.link)
      socket.receive(iface, packet, socket.type === 'raw' ? packet.link : packet.offset, packet.timestamp, header, typeOfCast[packet.cast])
    }
    return wanted
  }

  /** A frame that leaves: as on Linux, those hear of it who hear all protocols, but for who sent it. */
  #goesOut(iface: Interface, frame: NetBuf): void {
    const { offset } = frame
    if (frame.length < iface.headroom) return
    let header: LinkHeader | undefined
    for (const socket of this.#sockets) {
      if (socket.protocol !== ALL || socket.sending || socket.ignoresOutgoing || !socket.hears(iface, ALL)) continue
      header ??= headerOf(iface, frame, offset)
      const now = this.#parts.env.clock.now()
      socket.receive(iface, frame, socket.type === 'raw' ? offset : offset + iface.headroom, now, header, 'outgoing')
    }
  }

  stop(): void {
    for (const socket of [...this.#sockets]) socket.close()
  }
}

/** The header of a frame, which begins at `at`; what is known without one, where there is none. */
const headerOf = ({ l2 }: Interface, packet: NetBuf, at: number): LinkHeader =>
  l2.parse?.(packet, at) ?? { sender: NO_LINK_ADDRESS, protocol: packet.protocol }
