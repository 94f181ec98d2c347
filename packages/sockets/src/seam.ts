/** `DatagramNet` over our own stack: what CoAP, DNS and their like stand on. */

import type {
  DatagramInfo, DatagramNet, DatagramOptions, DatagramSink, DatagramSocket, Endpoint, IcmpError, IpInfo, NetBuf, Peer,
  UdpSink, UdpSocket,
} from '@favonius/contract'
import { ANY4, ANY6, failure } from '@favonius/inet'
import { toAddress, toInterface, toPort, toText } from './address.ts'
import { Memberships } from './groups.ts'
import type { SocketsParts } from './parts.ts'
import { bytesOf } from './received.ts'

/** The record that every `receive` is given: it reads from the packet that is being received when it is asked. */
class Info implements DatagramInfo {
  readonly #parts: SocketsParts
  ip: IpInfo | undefined

  constructor(parts: SocketsParts) {
    this.#parts = parts
  }

  get local(): string | undefined {
    return this.ip && toText(this.#parts.netif, this.ip.destination)
  }

  get iface(): string | undefined {
    return this.ip?.iface.name
  }

  get multicast(): boolean | undefined {
    return this.ip?.multicast
  }

  get hopLimit(): number | undefined {
    return this.ip?.hopLimit
  }
}

class SeamSocket implements DatagramSocket, UdpSink {
  readonly #parts: SocketsParts
  readonly #sink: DatagramSink
  readonly #info: Info
  readonly #onClose: () => void
  readonly #groups: Memberships
  /** Peers of endpoints that others made. */
  readonly #known = new WeakMap<Endpoint, Peer>()
  #socket: UdpSocket | undefined

  constructor(parts: SocketsParts, sink: DatagramSink, onClose: () => void) {
    this.#parts = parts
    this.#sink = sink
    this.#info = new Info(parts)
    this.#groups = new Memberships(parts.ip)
    this.#onClose = onClose
  }

  bind(local: Partial<Endpoint>, options: DatagramOptions): void {
    const { netif, ip, udp } = this.#parts
    const any = ip.layer(6) ? ANY6 : ANY4
    const socket = udp.open({
      address: local.address === undefined ? any : toAddress(netif, local.address),
      port: local.port ?? 0,
      v6only: options.v6only ?? false,
      reuse: options.reuse ?? false,
      iface: options.iface === undefined ? undefined : toInterface(netif, options.iface),
    }, this)
    socket.hopLimit = options.hopLimit
    socket.multicastHopLimit = options.hopLimit
    this.#socket = socket
  }

  get #open(): UdpSocket {
    if (this.#socket === undefined) throw failure('EBADF', 'the socket is closed')
    return this.#socket
  }

  get local(): Endpoint {
    const { address, port } = this.#open
    return { address: toText(this.#parts.netif, address), port }
  }

  send(data: Uint8Array, to: Endpoint): boolean {
    const sent = this.#open.send(data, (to as Partial<Peer>).udp === this.#parts.udp ? (to as Peer) : this.#peer(to))
    if (sent === 'sent') return true
    if (sent === 'too long') throw failure('EMSGSIZE', `${data.length} bytes are more than the path to ${to.address} carries whole`)
    const { netif, drops } = this.#parts
    if (sent !== 'dropped') netif.default?.lose(drops[sent])
    return false
  }

  #peer(to: Endpoint): Peer {
    let peer = this.#known.get(to)
    if (peer === undefined) {
      peer = this.#parts.udp.peer(toAddress(this.#parts.netif, to.address), toPort(to.port))
      this.#known.set(to, peer)
    }
    return peer
  }

  receive(packet: NetBuf, from: Peer, ip: IpInfo): void {
    const { times } = this.#parts.netif
    times?.delivered(packet)
    times?.read(packet)
    this.#info.ip = ip
    try {
      this.#sink.receive(packet.next === undefined ? packet.view() : bytesOf(packet), from, this.#info)
    } finally {
      this.#info.ip = undefined
      packet.unref()
    }
  }

  error(error: IcmpError, peer: Peer): void {
    this.#sink.error?.(failure(error.code, `${peer}: ${error.message}`))
  }

  join(group: string, iface?: string): void {
    this.#groups.join(group, iface, this.#open.iface)
  }

  leave(group: string, iface?: string): void {
    this.#groups.leave(group, iface, this.#open.iface)
  }

  close(): void {
    if (this.#socket === undefined) return
    this.#groups.leaveAll()
    this.#socket.close()
    this.#socket = undefined
    this.#onClose()
  }
}

/** The seam over one stack. */
export class StackDatagrams implements DatagramNet {
  readonly #parts: SocketsParts
  readonly #sockets = new Set<SeamSocket>()

  constructor(parts: SocketsParts) {
    this.#parts = parts
  }

  async open(local: Partial<Endpoint>, sink: DatagramSink, options: DatagramOptions = {}): Promise<DatagramSocket> {
    const socket: SeamSocket = new SeamSocket(this.#parts, sink, () => this.#sockets.delete(socket))
    socket.bind(local, options)
    this.#sockets.add(socket)
    return socket
  }

  close(): void {
    for (const socket of [...this.#sockets]) socket.close()
  }
}
