/** The sockets of one stack. */

import type {
  DatagramNet, DatagramOptions, DatagramSink, DatagramSocket as SeamDatagramSocket, Endpoint, Env, Ip, Listener, NameResolver, Stream, StreamOptions,
  StreamSink, Udp,
} from '@favonius/contract'
import { failure } from '@favonius/inet'
import { checkFamily, type AddressFamily } from './address.ts'
import { DatagramSocket, type BsdDatagramSocket } from './datagram.ts'
import type { SocketsParts } from './parts.ts'
import { StackDatagrams } from './seam.ts'
import type { StreamSockets } from './stream/layer.ts'
import type { BsdStreamSocket } from './stream/socket.ts'
import type { Socket, SocketListener, WebAddress, WebListenOptions, WebOptions } from './stream/web.ts'

/** `stack.sockets`. It is a `DatagramNet` and a `StreamNet` too. */
export interface Sockets extends DatagramNet, StreamSockets {
  /** A BSD socket. EAFNOSUPPORT or EPROTONOSUPPORT when the composition lacks what it needs; the message names it. */
  socket(family: AddressFamily, type: 'dgram'): BsdDatagramSocket
  socket(family: AddressFamily, type: 'stream'): BsdStreamSocket
  /** Who finds the addresses of names; `dns()` puts itself here, and `names()` asks it. */
  resolver: NameResolver | undefined
}

/** Sockets over the transports it is given. `sockets()` makes one; so does whoever wires a stack by hand. */
export class SocketsLayer implements Sockets {
  resolver: NameResolver | undefined
  readonly #ip: Ip
  readonly #parts: SocketsParts | undefined
  readonly #seam: StackDatagrams | undefined
  readonly #streams: StreamSockets | undefined
  readonly #datagrams = new Set<DatagramSocket>()
  readonly #unlisten: () => void
  #turn = 0

  constructor(env: Env, ip: Ip, udp: Udp | undefined, options: { readonly receiveBuffer: number }, streams?: StreamSockets) {
    this.#ip = ip
    this.#streams = streams
    const { netif } = ip
    if (udp !== undefined) {
      const drops = netif.reasons({
        queueFull: ['sockets: receive queue is full', 'udp.drop'],
        busy: ['sockets: interface is busy'],
        'no buffer': ['sockets: no buffer to send from'],
        unreachable: ['sockets: no route'],
      })
      this.#parts = { env, netif, ip, udp, drops, receiveBuffer: options.receiveBuffer }
      this.#seam = new StackDatagrams(this.#parts)
    }
    this.#unlisten = netif.listen((event) => {
      // An interface that goes down forgets what waits: there is nothing to wait for any more.
      if (event.type === 'ready' || event.type === 'down') this.#ready()
    })
  }

  socket(family: AddressFamily, type: 'dgram'): BsdDatagramSocket
  socket(family: AddressFamily, type: 'stream'): BsdStreamSocket
  socket(family: AddressFamily, type: 'dgram' | 'stream'): BsdDatagramSocket | BsdStreamSocket {
    if (type === 'stream') return this.#needTcp().socket(family, type)
    if (type !== 'dgram') throw failure('EPROTONOSUPPORT', `${JSON.stringify(type)} is no socket type here: 'dgram' or 'stream'`)
    checkFamily(this.#ip, family)
    const socket: DatagramSocket = new DatagramSocket(this.#needUdp(), family, () => this.#datagrams.delete(socket))
    this.#datagrams.add(socket)
    return socket
  }

  /** Wakes those that wait to send, another one first each time: there may be room for that one alone. */
  #ready(): void {
    const sockets = [...this.#datagrams]
    this.#turn++
    for (let i = 0; i < sockets.length; i++) sockets[(i + this.#turn) % sockets.length]!.ready()
  }

  async open(local: Partial<Endpoint>, sink: DatagramSink, options?: DatagramOptions): Promise<SeamDatagramSocket> {
    this.#needUdp()
    return this.#seam!.open(local, sink, options)
  }

  connect(to: Endpoint, sink: StreamSink, options?: StreamOptions): Promise<Stream>
  connect(address: string | WebAddress, options?: WebOptions): Socket
  connect(...given: [never, never]): Promise<Stream> | Socket {
    return this.#needTcp().connect(...given)
  }

  listen(at: Partial<Endpoint>, accept: (stream: Stream) => StreamSink): Promise<Listener>
  listen(at?: Partial<Endpoint>, options?: WebListenOptions): Promise<SocketListener>
  async listen(...given: [never, never]): Promise<Listener | SocketListener> {
    return this.#needTcp().listen(...given)
  }

  #needTcp(): StreamSockets {
    if (this.#streams === undefined) throw failure('EPROTONOSUPPORT', 'stream sockets need tcp() in the composition')
    return this.#streams
  }

  #needUdp(): SocketsParts {
    if (this.#parts === undefined) throw failure('EPROTONOSUPPORT', 'datagram sockets need udp() in the composition')
    return this.#parts
  }

  stop(): void {
    for (const socket of [...this.#datagrams]) socket.close()
    this.#seam?.close()
    this.#unlisten()
  }
}
