/** DHCP's ports on an interface: what UDP does not do for who has no address. */

import type { Address, BufferPool, Interface, Udp, UdpSink, UdpSocket } from '@favonius/contract'
import { ANY4, BROADCAST4, fold, PROTOCOL_UDP } from '@favonius/inet'
import type { Ipv4 } from '@favonius/ipv4'
import { CLIENT_PORT, SERVER_PORT } from './wire/message.ts'

/** RFC 768. */
const UDP_HEADER = 8

/** A DHCP port bound on one interface. */
export class DhcpPort {
  readonly #ipv4: Ipv4
  readonly #udp: Udp
  readonly #buffers: BufferPool
  readonly #iface: Interface
  readonly #socket: UdpSocket
  readonly #toPort: number

  constructor(parts: { readonly ipv4: Ipv4; readonly udp: Udp; readonly buffers: BufferPool }, iface: Interface, port: number, sink: UdpSink) {
    this.#ipv4 = parts.ipv4
    this.#udp = parts.udp
    this.#buffers = parts.buffers
    this.#iface = iface
    this.#toPort = port === CLIENT_PORT ? SERVER_PORT : CLIENT_PORT
    this.#socket = parts.udp.open({ address: ANY4, port, v6only: false, reuse: false, iface }, sink)
  }

  /** To one host, from our address. False: not sent. */
  send(message: Uint8Array, to: Address): boolean {
    return this.#socket.send(message, this.#udp.peer(to, this.#toPort)) === 'sent'
  }

  /** To everyone on the link, from an address of ours or from 0.0.0.0 (RFC 2131 §4.1), whatever others we have. False: not sent. */
  broadcast(message: Uint8Array, from: Address): boolean {
    const route = this.#ipv4.route(BROADCAST4, { protocol: PROTOCOL_UDP, iface: this.#iface, source: from })
    if (route === undefined || message.length + UDP_HEADER > route.maxPayload) return false
    const packet = this.#buffers.alloc(message.length, route.headroom + UDP_HEADER)
    if (packet === undefined) return false
    packet.write(message)
    const at = packet.push(UDP_HEADER)
    const length = packet.total()
    packet.dv.setInt32(at, this.#socket.port << 16 | this.#toPort)
    packet.dv.setInt32(at + 4, length << 16 | fold(route.pseudo + length))
    packet.checksum = 1
    packet.checksumStart = at
    packet.checksumAt = at + 6
    packet.transport = at
    return route.send(packet)
  }

  close(): void {
    this.#socket.close()
  }
}
