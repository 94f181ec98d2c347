/** The BSD datagram socket. What would block is a promise; with `nonblocking` it is EAGAIN. */

import type { Address, Interface, IpInfo, IcmpError, NetBuf, Peer, UdpSink, UdpSocket } from '@favonius/contract'
import { failure } from '@favonius/inet'
import { anyOf, toAddressOf, toInterface, toPort, toText, type AddressFamily, type SocketAddress } from './address.ts'
import { Memberships } from './groups.ts'
import type { SocketsParts } from './parts.ts'
import { bytesOf, destinationOf, hopsOf, ReceiveQueue, type Waiting } from './received.ts'
import { bool, hops, int } from './sockopt.ts'
import type { CallOptions, Datagram, DatagramMessage, GroupRequest, SendOptions, SocketActions, SocketOptions, TakenDatagram } from './sockopt.ts'
import { Waiters, type PollEvent } from './waiters.ts'

/** The public face of a datagram socket. */
export interface BsdDatagramSocket {
  readonly family: AddressFamily
  readonly type: 'dgram'
  /** O_NONBLOCK: every call fails with EAGAIN where it would wait. */
  nonblocking: boolean
  /** `::` or `0.0.0.0` and a free port unless given. EADDRINUSE, EADDRNOTAVAIL, EINVAL (bound already). */
  bind(address?: Partial<SocketAddress>): Promise<void>
  /** Sends to and hears this peer alone; ICMP errors from its way are then told. Undefined ends it. */
  connect(address: SocketAddress | undefined): Promise<void>
  /** Bytes sent. EDESTADDRREQ when not connected, EMSGSIZE, EAGAIN, ENOBUFS, or an error that a peer reported: ECONNREFUSED, EHOSTUNREACH… */
  send(data: Uint8Array, options?: SendOptions): Promise<number>
  sendto(data: Uint8Array, to: SocketAddress, options?: SendOptions): Promise<number>
  recv(options?: CallOptions): Promise<Uint8Array>
  recvfrom(options?: CallOptions): Promise<Datagram>
  recvmsg(options?: CallOptions): Promise<DatagramMessage>
  /** A packet buffer to write a payload of up to `length` bytes into (`add`), for `sendLent`. Undefined when there is no room or no way. */
  lend(length: number, to?: SocketAddress): NetBuf | undefined
  /** Sends a buffer that was lent for this peer, without a copy. It takes the buffer, whatever comes of it. */
  sendLent(packet: NetBuf, to?: SocketAddress, options?: SendOptions): Promise<number>
  /** The next datagram in its own packet buffer, without a copy. */
  take(options?: CallOptions): Promise<TakenDatagram>
  /** Resolves with those of `events` that are so, as soon as one is; with none after `timeout` ms. */
  poll(events: readonly PollEvent[], timeout?: number): Promise<readonly PollEvent[]>
  setsockopt<K extends keyof SocketOptions>(name: K, value: SocketOptions[K]): void
  setsockopt<K extends keyof SocketActions>(name: K, value: SocketActions[K]): void
  getsockopt<K extends keyof SocketOptions>(name: K): SocketOptions[K]
  getsockname(): SocketAddress
  getpeername(): SocketAddress
  /** What waits is freed; calls that wait reject with EBADF. */
  close(): void
}

export class DatagramSocket implements BsdDatagramSocket, UdpSink {
  readonly family: AddressFamily
  readonly type = 'dgram'
  nonblocking = false
  readonly #parts: SocketsParts
  readonly #queue: ReceiveQueue
  readonly #waiters: Waiters
  readonly #groups: Memberships
  readonly #onClose: () => void
  #socket: UdpSocket | undefined
  #closed = false
  /** The peer's error that the next call tells of (SO_ERROR). */
  #error: (Error & { code: string }) | undefined
  #reuse = false
  #v6only = false
  #device: Interface | undefined
  #timestamp = false
  #txtime = false
  #receiveTimeout = 0
  #sendTimeout = 0
  /** What is set before there is a socket to set it on. */
  readonly #sending: { hopLimit: number | undefined; multicastHopLimit: number | undefined; multicastInterface: Interface | undefined; multicastLoop: boolean; trafficClass: number | undefined; priority: number } = {
    hopLimit: undefined, multicastHopLimit: undefined, multicastInterface: undefined, multicastLoop: true, trafficClass: undefined, priority: 0,
  }

  constructor(parts: SocketsParts, family: AddressFamily, onClose: () => void) {
    this.#parts = parts
    this.family = family
    this.#queue = new ReceiveQueue(parts.netif.buffers, parts.receiveBuffer)
    this.#waiters = new Waiters(parts.env)
    this.#groups = new Memberships(parts.ip)
    this.#onClose = onClose
  }

  // ---- names ----

  async bind({ address, port = 0 }: Partial<SocketAddress> = {}): Promise<void> {
    this.#open()
    if (this.#socket) throw failure('EINVAL', `the socket is bound to port ${this.#socket.port} already`)
    this.#bind(address === undefined ? this.#any() : this.#address(address), port)
  }

  #bind(address: Address, port: number): UdpSocket {
    const binding = { address, port, v6only: this.#v6only, reuse: this.#reuse, iface: this.#device }
    this.#socket = Object.assign(this.#parts.udp.open(binding, this), this.#sending)
    return this.#socket
  }

  /** The bound socket; an unbound one takes a free port, as the first send or connect does. */
  #bound(): UdpSocket {
    this.#open()
    return this.#socket ?? this.#bind(this.#any(), 0)
  }

  #any(): Address {
    return anyOf(this.family)
  }

  #address(text: string): Address {
    return toAddressOf(this.#parts.netif, text, this.family, this.#v6only)
  }

  #peer(to: SocketAddress): Peer {
    const { udp } = this.#parts
    const known = to as Partial<Peer>
    return known.udp === udp ? (to as Peer) : udp.peer(this.#address(to.address), toPort(to.port))
  }

  async connect(to: SocketAddress | undefined): Promise<void> {
    const socket = this.#bound()
    if (to === undefined) {
      socket.peer = undefined
      return
    }
    const peer = this.#peer(to)
    if (socket.routeTo(peer) === undefined) throw this.#noRoute(peer)
    socket.peer = peer
  }

  getsockname(): SocketAddress {
    const socket = this.#socket
    const address = socket?.address ?? this.#any()
    return { address: toText(this.#parts.netif, address, this.family), port: socket?.port ?? 0 }
  }

  getpeername(): SocketAddress {
    const peer = this.#socket?.peer
    if (peer === undefined) throw failure('ENOTCONN', 'the socket has no peer: connect it first')
    return this.#shown(peer)
  }

  #shown(peer: Peer): SocketAddress {
    return this.family === 'inet6' && peer.ip.family === 4 ? { address: toText(this.#parts.netif, peer.ip, 'inet6'), port: peer.port } : peer
  }

  // ---- sending ----

  send(data: Uint8Array, options?: SendOptions): Promise<number> {
    return this.#send(data, undefined, options)
  }

  sendto(data: Uint8Array, to: SocketAddress, options?: SendOptions): Promise<number> {
    return this.#send(data, to, options)
  }

  async #send(data: Uint8Array, to: SocketAddress | undefined, options: SendOptions = {}): Promise<number> {
    const socket = this.#bound()
    const peer = this.#destination(socket, to)
    const launch = this.#launch(socket, peer, options)
    this.#throwError()
    for (;;) {
      const sent = socket.send(data, peer, launch)
      if (sent === 'sent') return data.length
      if (sent !== 'busy') throw this.#notSent(sent, peer, data.length)
      await this.#wait('out', options, this.#sendTimeout)
    }
  }

  lend(length: number, to?: SocketAddress): NetBuf | undefined {
    const socket = this.#bound()
    return socket.lend(length, this.#destination(socket, to))
  }

  async sendLent(packet: NetBuf, to?: SocketAddress, options: SendOptions = {}): Promise<number> {
    const length = packet.total()
    try {
      const socket = this.#bound()
      const peer = this.#destination(socket, to)
      packet.launch = this.#launch(socket, peer, options)
      this.#throwError()
      for (;;) {
        packet.ref()
        const sent = socket.sendBuffer(packet, peer)
        if (sent === 'sent') return length
        if (sent !== 'busy') throw this.#notSent(sent, peer, length)
        packet.unref()
        await this.#wait('out', options, this.#sendTimeout)
      }
    } finally {
      packet.unref()
    }
  }

  #destination(socket: UdpSocket, to: SocketAddress | undefined): Peer {
    if (to !== undefined) return this.#peer(to)
    if (socket.peer !== undefined) return socket.peer
    throw failure('EDESTADDRREQ', 'the socket has no peer: connect it, or give the address to sendto')
  }

  #launch(socket: UdpSocket, peer: Peer, { txtime }: SendOptions): number {
    if (txtime === undefined) return 0
    if (!this.#txtime) throw failure('EINVAL', 'txtime needs setsockopt(\'SO_TXTIME\', true) before')
    if (!Number.isFinite(txtime)) throw failure('EINVAL', `txtime is ${txtime}; it is an instant of the stack's clock, in milliseconds`)
    const iface = socket.routeTo(peer)?.iface
    if (iface !== undefined && !iface.offload.launchTime) {
      throw failure('EOPNOTSUPP', `the device of ${iface.name} cannot hold a frame until an instant: wait for it, and send without txtime`)
    }
    return txtime
  }

  #notSent(sent: 'no buffer' | 'unreachable' | 'too long' | 'dropped', peer: Peer, length: number): Error {
    switch (sent) {
      case 'too long': return failure('EMSGSIZE', `${length} bytes are more than the path to ${peer} carries whole`)
      case 'no buffer': return failure('ENOBUFS', 'no packet buffer is free: receive what waits, or raise netbuf({ quota })')
      case 'unreachable': return this.#noRoute(peer)
      case 'dropped': return failure('ENETDOWN', `the datagram to ${peer} was dropped on its way down: see netif.statistics().drops`)
    }
  }

  #noRoute(peer: Peer): Error {
    const composed = this.#parts.ip.layer(peer.ip.family)
    return composed === undefined
      ? failure('EAFNOSUPPORT', `${peer.address} needs ipv${peer.ip.family}() in the composition`)
      : failure('ENETUNREACH', `there is no way to ${peer.address}: is the interface up, with an address, and a route or a gateway?`)
  }

  // ---- receiving ----

  receive(packet: NetBuf, from: Peer, ip: IpInfo): void {
    this.#parts.netif.times?.delivered(packet)
    if (!this.#queue.push(packet, from)) return ip.iface.drop(packet, this.#parts.drops.queueFull)
    this.#waiters.wake('in')
  }

  error(error: IcmpError, peer: Peer): void {
    // As BSD has it: only a connected socket learns of its peer's errors.
    if (this.#socket?.peer !== peer) return
    this.#error = failure(error.code, `${peer}: ${error.message}`)
    this.#waiters.wake('error')
    this.#waiters.wake('in')
  }

  async recv(options?: CallOptions): Promise<Uint8Array> {
    return this.#copied(await this.#next(options))
  }

  async recvfrom(options?: CallOptions): Promise<Datagram> {
    const waiting = await this.#next(options)
    const from = this.#shown(waiting.from)
    const { timestamp } = waiting.packet
    const data = this.#copied(waiting)
    return this.#timestamp ? { data, from, timestamp } : { data, from }
  }

  async recvmsg(options?: CallOptions): Promise<DatagramMessage> {
    const waiting = await this.#next(options)
    const { packet } = waiting
    const message = {
      from: this.#shown(waiting.from),
      local: toText(this.#parts.netif, destinationOf(packet), this.family),
      iface: packet.iface!.name,
      ...hopsOf(packet),
      ...(this.#timestamp ? { timestamp: packet.timestamp } : {}),
    }
    return { ...message, data: this.#copied(waiting) }
  }

  async take(options?: CallOptions): Promise<TakenDatagram> {
    const { packet, from } = await this.#next(options)
    return { packet, from: this.#shown(from) }
  }

  /** The one copy on the way up. */
  #copied({ packet }: Waiting): Uint8Array {
    const data = bytesOf(packet)
    packet.unref()
    return data
  }

  async #next(options: CallOptions = {}): Promise<Waiting> {
    for (;;) {
      this.#open()
      this.#throwError()
      const waiting = this.#queue.shift()
      if (waiting !== undefined) {
        this.#parts.netif.times?.read(waiting.packet)
        return waiting
      }
      await this.#wait('in', options, this.#receiveTimeout)
    }
  }

  // ---- waiting ----

  #throwError(): void {
    const error = this.#error
    this.#error = undefined
    if (error !== undefined) throw error
  }

  #is(event: PollEvent): boolean {
    switch (event) {
      case 'in': return this.#queue.length > 0 || this.#error !== undefined
      case 'error': return this.#error !== undefined
      case 'hup': return false
      case 'out': {
        const peer = this.#socket?.peer
        const route = peer && this.#socket!.routeTo(peer)
        return route === undefined || !route.iface.isFull(this.#sending.priority)
      }
    }
  }

  /** An interface has room again. */
  ready(): void {
    this.#waiters.wake('out')
  }

  #wait(event: PollEvent, { nonblocking = this.nonblocking, signal }: CallOptions, timeout: number): Promise<void> {
    return this.#waiters.wait(event, nonblocking, signal, timeout)
  }

  async poll(events: readonly PollEvent[], timeout?: number): Promise<readonly PollEvent[]> {
    this.#open()
    return this.#waiters.poll(events, (event) => this.#is(event), timeout)
  }

  // ---- options ----

  setsockopt<K extends keyof (SocketOptions & SocketActions)>(name: K, value: (SocketOptions & SocketActions)[K]): void {
    this.#open()
    const { netif } = this.#parts
    const given = value as never
    switch (name as keyof (SocketOptions & SocketActions)) {
      case 'SO_REUSEADDR': this.#beforeBind(name); this.#reuse = bool(name, given); return
      case 'IPV6_V6ONLY': this.#beforeBind(name); this.#v6only = bool(name, given); return
      case 'SO_BINDTODEVICE':
        this.#device = given === '' ? undefined : toInterface(netif, given)
        if (this.#socket) this.#socket.iface = this.#device
        this.#socket?.reroute()
        return
      case 'SO_PRIORITY': return this.#set({ priority: int(name, given, 0, 7) })
      case 'SO_TXTIME': this.#txtime = bool(name, given); return
      case 'SO_TIMESTAMP': this.#timestamp = bool(name, given); return
      case 'SO_RCVBUF': this.#queue.limit = int(name, given, 1, 2 ** 30); return
      case 'SO_RCVTIMEO': this.#receiveTimeout = int(name, given, 0, 2 ** 31); return
      case 'SO_SNDTIMEO': this.#sendTimeout = int(name, given, 0, 2 ** 31); return
      case 'IPV6_UNICAST_HOPS': case 'IP_TTL': return this.#set({ hopLimit: hops(name, given, 1) })
      case 'IPV6_MULTICAST_HOPS': case 'IP_MULTICAST_TTL': return this.#set({ multicastHopLimit: hops(name, given, 0) })
      case 'IPV6_MULTICAST_IF': case 'IP_MULTICAST_IF':
        return this.#set({ multicastInterface: given === '' ? undefined : toInterface(netif, given) })
      case 'IPV6_MULTICAST_LOOP': case 'IP_MULTICAST_LOOP': return this.#set({ multicastLoop: bool(name, given) })
      case 'IPV6_TCLASS': case 'IP_TOS': return this.#set({ trafficClass: int(name, given, 0, 255) })
      case 'IPV6_JOIN_GROUP': case 'IP_ADD_MEMBERSHIP': return this.#groups.join((given as GroupRequest).group, (given as GroupRequest).iface, this.#device)
      case 'IPV6_LEAVE_GROUP': case 'IP_DROP_MEMBERSHIP': return this.#groups.leave((given as GroupRequest).group, (given as GroupRequest).iface, this.#device)
      default: throw failure('ENOPROTOOPT', `${name} cannot be set on a datagram socket`)
    }
  }

  getsockopt<K extends keyof SocketOptions>(name: K): SocketOptions[K] {
    return this.#option(name) as SocketOptions[K]
  }

  #option(name: keyof SocketOptions): SocketOptions[keyof SocketOptions] {
    const sending = this.#sending
    switch (name) {
      case 'SO_REUSEADDR': return this.#reuse
      case 'SO_BINDTODEVICE': return this.#device?.name ?? ''
      case 'SO_PRIORITY': return sending.priority
      case 'SO_TXTIME': return this.#txtime
      case 'SO_TIMESTAMP': return this.#timestamp
      case 'SO_RCVBUF': return this.#queue.limit
      case 'SO_RCVTIMEO': return this.#receiveTimeout
      case 'SO_SNDTIMEO': return this.#sendTimeout
      case 'SO_TYPE': return this.type
      case 'SO_DOMAIN': return this.family
      case 'IPV6_V6ONLY': return this.#v6only
      case 'IPV6_UNICAST_HOPS': case 'IP_TTL': return sending.hopLimit ?? -1
      case 'IPV6_MULTICAST_HOPS': case 'IP_MULTICAST_TTL': return sending.multicastHopLimit ?? -1
      case 'IPV6_MULTICAST_IF': case 'IP_MULTICAST_IF': return sending.multicastInterface?.name ?? ''
      case 'IPV6_MULTICAST_LOOP': case 'IP_MULTICAST_LOOP': return sending.multicastLoop
      case 'IPV6_TCLASS': case 'IP_TOS': return sending.trafficClass ?? 0
      case 'SO_ERROR': {
        const code = this.#error?.code ?? ''
        this.#error = undefined
        return code
      }
      default: throw failure('ENOPROTOOPT', `a datagram socket has no option ${name}`)
    }
  }

  #set(changed: Partial<Pick<UdpSocket, 'hopLimit' | 'multicastHopLimit' | 'multicastInterface' | 'multicastLoop' | 'trafficClass' | 'priority'>>): void {
    Object.assign(this.#sending, changed)
    if (!this.#socket) return
    Object.assign(this.#socket, changed)
    this.#socket.reroute()
  }

  #beforeBind(name: string): void {
    if (this.#socket) throw failure('EINVAL', `${name} must be set before the socket is bound`)
  }

  // ---- the end ----

  #open(): void {
    if (this.#closed) throw failure('EBADF', 'the socket is closed')
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#groups.leaveAll()
    this.#socket?.close()
    this.#queue.clear()
    this.#waiters.close()
    this.#onClose()
  }
}
