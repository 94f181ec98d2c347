/** The BSD stream socket. What would block is a promise; with `nonblocking` it is EAGAIN. Where POSIX leaves a choice, it is Linux's. */

import type { Address, NetBuf, TcpConnection, TcpEndpoint, TcpListener, TcpSink } from '@favonius/contract'
import { failure } from '@favonius/inet'
import { anyOf, toAddressOf, toInterface, toPort, toText, type AddressFamily, type SocketAddress } from '../address.ts'
import { bool, hops, int, type CallOptions } from '../sockopt.ts'
import { Waiters, type PollEvent } from '../waiters.ts'
import type { StreamSettings, StreamSocketOptions } from './options.ts'
import type { StreamParts } from './parts.ts'
import type { PortRequest, Ports } from './ports.ts'

/** SOMAXCONN of BSD, where Linux has 4096. */
const BACKLOG = 128
/** Bytes that `recv` gives at most unless it is told how many. */
const RECEIVE = 65_536

/** The public face of a stream socket. */
export interface BsdStreamSocket {
  readonly family: AddressFamily
  readonly type: 'stream'
  /** O_NONBLOCK: every call fails with EAGAIN where it would wait; `connect` with EINPROGRESS. */
  nonblocking: boolean
  /** `::` or `0.0.0.0` and a free port unless given. EADDRINUSE, EADDRNOTAVAIL, EINVAL (bound already). */
  bind(address?: Partial<SocketAddress>): Promise<void>
  /**
   * Resolves when the connection is established. ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, EADDRINUSE, EISCONN, EALREADY. EINPROGRESS when it does
   * not wait, or not any longer: the connection goes on to be made, `poll` for `out` tells when it is, and SO_ERROR whether.
   */
  connect(address: SocketAddress, options?: CallOptions): Promise<void>
  /** Accepts connections from now on; `backlog` of them wait at most (128 unless given), and more are not answered. A free port unless bound. EADDRINUSE, EINVAL. */
  listen(backlog?: number): Promise<void>
  /** The connection that has waited for longest, as a socket with the options of this one. EINVAL unless it listens. */
  accept(options?: CallOptions): Promise<BsdStreamSocket>
  /**
   * Resolves when all of `data` was taken, in the order of the calls, with how many bytes that is; a nonblocking socket takes what it has room for. Fewer
   * than all also when the wait ends early (SO_SNDTIMEO, an error): the next call tells why. EPIPE, ECONNRESET, ETIMEDOUT…
   */
  send(data: Uint8Array, options?: CallOptions): Promise<number>
  /** Up to `size` bytes, 65 536 unless given, as soon as there are any; none when the peer has ended. ENOTCONN, ECONNRESET, ETIMEDOUT… */
  recv(size?: number, options?: CallOptions): Promise<Uint8Array>
  /** A packet buffer to write up to `length` bytes into (`add`), for `sendLent`. Undefined when there is no room: `poll` for `out`. EPIPE. */
  lend(length: number): NetBuf | undefined
  /** Sends a buffer that was lent, without a copy. It takes the buffer, whatever comes of it. */
  sendLent(packet: NetBuf): Promise<number>
  /** The next bytes in the packet buffer in which they came, without a copy: `unref` it. Undefined when the peer has ended. */
  take(options?: CallOptions): Promise<NetBuf | undefined>
  /** `write`: nothing more will be sent, and the peer hears so. `read`: nothing more will be received than waits. A listener stops listening by `read`. ENOTCONN. */
  shutdown(how: 'read' | 'write' | 'both'): void
  /** Resolves with those of `events` that are so, as soon as one is; with none after `timeout` ms. */
  poll(events: readonly PollEvent[], timeout?: number): Promise<readonly PollEvent[]>
  setsockopt<K extends keyof StreamSocketOptions>(name: K, value: StreamSocketOptions[K]): void
  getsockopt<K extends keyof StreamSocketOptions>(name: K): StreamSocketOptions[K]
  getsockname(): SocketAddress
  /** ENOTCONN. */
  getpeername(): SocketAddress
  /** What was sent is still delivered, as SO_LINGER says; what was not received resets the connection. Calls that wait reject with EBADF. */
  close(): void
}

/** What sockets ask of who made them. */
export interface StreamOwner {
  readonly ports: Ports
  /** A socket for a connection that was accepted. */
  adopt(family: AddressFamily, settings: StreamSettings, connection: TcpConnection): StreamSocket
  /** Resets a connection that is closed, unless everything is acknowledged within `ms`. */
  linger(connection: TcpConnection, ms: number): void
  closed(socket: StreamSocket): void
}

export class StreamSocket implements BsdStreamSocket, TcpSink {
  readonly family: AddressFamily
  readonly type = 'stream'
  nonblocking = false
  readonly #parts: StreamParts
  readonly #owner: StreamOwner
  readonly #waiters: Waiters
  readonly #settings: StreamSettings
  #bound: PortRequest | undefined
  #listener: TcpListener | undefined
  #connection: TcpConnection | undefined
  #connecting = false
  /** The connection is over; what waits may still be received. */
  #over = false
  #shutRead = false
  #shutWrite = false
  #closed = false
  /** What the next call tells of (SO_ERROR). */
  #error: (Error & { code: string }) | undefined
  /** Calls of `send` that are not done: the first one writes. */
  readonly #senders = new Set<object>()

  constructor(parts: StreamParts, owner: StreamOwner, family: AddressFamily, settings: StreamSettings, connection?: TcpConnection) {
    this.#parts = parts
    this.#owner = owner
    this.family = family
    this.#settings = settings
    this.#waiters = new Waiters(parts.env)
    if (connection === undefined) return
    this.#connection = connection
    connection.sink = this
    settings.apply(connection)
  }

  // ---- names ----

  async bind({ address, port = 0 }: Partial<SocketAddress> = {}): Promise<void> {
    this.#open()
    if (this.#bound !== undefined || this.#connection !== undefined) throw failure('EINVAL', `the socket is bound to port ${this.getsockname().port} already`)
    this.#bind(address === undefined ? anyOf(this.family) : this.#address(address), port)
  }

  #bind(address: Address, port: number): PortRequest {
    const { v6only, reuse, iface } = this.#settings
    return this.#bound = this.#owner.ports.take({ address, port, v6only: v6only && this.family === 'inet6', reuse, iface })
  }

  #address(text: string): Address {
    return toAddressOf(this.#parts.netif, text, this.family, this.#settings.v6only)
  }

  getsockname(): SocketAddress {
    const local = this.#connection?.local
    return local ? this.#shown(local) : { address: toText(this.#parts.netif, this.#bound?.address ?? anyOf(this.family), this.family), port: this.#bound?.port ?? 0 }
  }

  getpeername(): SocketAddress {
    return this.#shown(this.#connected().remote)
  }

  #shown({ ip, port }: TcpEndpoint): SocketAddress {
    return { address: toText(this.#parts.netif, ip, this.family), port }
  }

  /** The connection, once it is one. */
  #connected(): TcpConnection {
    if (this.#connection !== undefined && !this.#connecting) return this.#connection
    throw failure('ENOTCONN', this.#connecting ? 'the connection is not established yet' : 'the socket has no peer: connect it first')
  }

  // ---- beginning ----

  async connect(to: SocketAddress, options: CallOptions = {}): Promise<void> {
    this.#open()
    this.#throwError()
    if (this.#connecting) throw failure('EALREADY', 'the socket is being connected: poll it for out')
    if (this.#connection !== undefined) throw failure('EISCONN', 'the socket is connected already: a new connection needs a new socket')
    if (this.#listener !== undefined) throw failure('EISCONN', 'the socket listens: a new connection needs a new socket')
    const { keepAlive, probes, ...settings } = this.#settings
    this.#connection = this.#parts.tcp.connect(this.#address(to.address), toPort(to.port), this, {
      ...settings, keepAlive: probes ? keepAlive : undefined, source: this.#bound?.address, sourcePort: this.#bound?.port,
    })
    this.#connecting = true
    try {
      while (this.#connecting) await this.#wait('out', options, settings.sendTimeout)
    } catch (error) {
      throw (error as { code?: string }).code === 'EAGAIN' ? failure('EINPROGRESS', 'the connection is being made: poll the socket for out') : error
    }
    this.#throwError()
  }

  async listen(backlog = BACKLOG): Promise<void> {
    this.#open()
    if (this.#connection !== undefined || this.#listener !== undefined) throw failure('EINVAL', `the socket ${this.#listener ? 'listens already' : 'has a connection'}: make another one`)
    int('backlog', backlog, 0, 65_535)
    const { receiveBuffer, sendBuffer } = this.#settings
    const { address, port, v6only, iface } = this.#bound ?? this.#bind(anyOf(this.family), 0)
    const binding = { address, port, v6only, iface, backlog, receiveBuffer, sendBuffer }
    this.#listener = this.#parts.tcp.listen(binding, () => this.#waiters.wake('in'))
  }

  async accept(options: CallOptions = {}): Promise<BsdStreamSocket> {
    for (;;) {
      this.#open()
      if (this.#listener === undefined) throw failure('EINVAL', 'the socket does not listen: call listen first')
      const connection = this.#listener.accept()
      if (connection !== undefined) return this.#owner.adopt(this.family, this.#settings.copy(), connection)
      await this.#wait('in', options, this.#settings.receiveTimeout)
    }
  }

  // ---- what TCP tells ----

  established(): void {
    this.#connecting = false
    this.#waiters.wake('out')
  }

  readable(): void {
    this.#waiters.wake('in')
  }

  writable(): void {
    this.#waiters.wake('out')
  }

  ended(): void {
    this.#waiters.wake('in')
    this.#waiters.wake('hup')
  }

  closed(error: (Error & { readonly code: string }) | undefined): void {
    this.#error = error
    // Who was refused may try once more.
    if (this.#connecting) this.#connection = undefined
    else this.#over = true
    this.#connecting = false
    for (const event of ['in', 'out', 'error', 'hup'] as const) this.#waiters.wake(event)
  }

  // ---- sending ----

  async send(data: Uint8Array, options: CallOptions = {}): Promise<number> {
    let sent = 0
    if (this.#senders.size === 0 && !this.#connecting) {
      this.#writable()
      sent = this.#connection!.write(data)
      if (sent === data.length) return sent
    }
    const me = {}
    this.#senders.add(me)
    try {
      for (;;) {
        if (sent > 0 && this.#error !== undefined) return sent
        if (this.#maySend(me)) {
          sent += this.#connection!.write(sent === 0 ? data : data.subarray(sent))
          if (sent === data.length) return sent
        }
        await this.#wait('out', options, this.#settings.sendTimeout)
      }
    } catch (error) {
      if (sent === 0) throw error
      // As BSD has it: what was taken counts, and what ended the wait is told by the next call.
      return sent
    } finally {
      this.#senders.delete(me)
      if (this.#senders.size > 0) this.#waiters.wake('out')
    }
  }

  /** Whether it is the turn of this call, and there is a connection to write to. Throws when there will be none. */
  #maySend(me: object): boolean {
    this.#writable()
    const [first] = this.#senders
    return first === me && !this.#connecting
  }

  /** Throws what stands against writing: an error, or EPIPE. */
  #writable(): void {
    this.#open()
    if (this.#connection !== undefined && !this.#over && !this.#shutWrite) return
    this.#throwError()
    throw failure('EPIPE', this.#shutWrite ? 'the socket was shut down: nothing can be sent any more' : this.#over ? 'the connection is over' : 'the socket has no peer: connect it first')
  }

  lend(length: number): NetBuf | undefined {
    this.#writable()
    return this.#connecting || this.#senders.size > 0 ? undefined : this.#connection!.lend(length)
  }

  async sendLent(packet: NetBuf): Promise<number> {
    const length = packet.total()
    try {
      this.#writable()
      this.#connected()
    } catch (error) {
      packet.unref()
      throw error
    }
    this.#connection!.writeBuffer(packet)
    return length
  }

  // ---- receiving ----

  async recv(size = RECEIVE, options: CallOptions = {}): Promise<Uint8Array> {
    int('size', size, 0, 2 ** 31)
    let connection = size === 0 ? this.#connected() : this.#ready()
    while (connection === undefined) {
      await this.#wait('in', options, this.#settings.receiveTimeout)
      connection = this.#ready()
    }
    const data = new Uint8Array(Math.min(size, connection.readable))
    connection.read(data)
    return data
  }

  async take(options: CallOptions = {}): Promise<NetBuf | undefined> {
    let connection = this.#ready()
    while (connection === undefined) {
      await this.#wait('in', options, this.#settings.receiveTimeout)
      connection = this.#ready()
    }
    return connection.take()
  }

  /** The connection, when bytes wait or none will come. */
  #ready(): TcpConnection | undefined {
    this.#open()
    if (this.#connection === undefined) this.#throwError()
    if (this.#connecting) return undefined
    const connection = this.#connected()
    if (connection.readable > 0) return connection
    this.#throwError()
    return this.#atEnd ? connection : undefined
  }

  /** Nothing more will come than waits. */
  get #atEnd(): boolean {
    return this.#shutRead || this.#over || this.#connection!.ended
  }

  shutdown(how: 'read' | 'write' | 'both'): void {
    this.#open()
    if (how !== 'read' && how !== 'write' && how !== 'both') throw failure('EINVAL', `${JSON.stringify(how)} is no direction: 'read', 'write' or 'both'`)
    if (this.#listener !== undefined && how !== 'write') {
      this.#listener.close()
      this.#listener = undefined
      return this.#waiters.wake('in')
    }
    const connection = this.#connected()
    if (how !== 'read') {
      this.#shutWrite = true
      connection.end()
      this.#waiters.wake('out')
    }
    if (how !== 'write') {
      this.#shutRead = true
      this.#waiters.wake('in')
    }
    this.#waiters.wake('hup')
  }

  // ---- waiting ----

  #throwError(): void {
    const error = this.#error
    this.#error = undefined
    if (error !== undefined) throw error
  }

  #is(event: PollEvent): boolean {
    const connection = this.#connection
    switch (event) {
      case 'error': return this.#error !== undefined
      case 'in':
        if (this.#listener !== undefined) return this.#listener.waiting > 0
        return this.#error !== undefined || connection === undefined || (!this.#connecting && (connection.readable > 0 || this.#atEnd))
      case 'out':
        if (this.#listener !== undefined || this.#connecting) return false
        // `lend` that has no room is promised word of when there is.
        return this.#error !== undefined || connection === undefined || this.#over || this.#shutWrite || this.#hasRoom(connection)
      case 'hup': return this.#listener === undefined && !this.#connecting && (connection === undefined || this.#over || (this.#shutWrite && this.#atEnd))
    }
  }

  #hasRoom(connection: TcpConnection): boolean {
    if (connection.room > 0) return true
    connection.lend(1)?.unref()
    return false
  }

  #wait(event: PollEvent, { nonblocking = this.nonblocking, signal }: CallOptions, timeout: number): Promise<void> {
    return this.#waiters.wait(event, nonblocking, signal, timeout)
  }

  async poll(events: readonly PollEvent[], timeout?: number): Promise<readonly PollEvent[]> {
    this.#open()
    return this.#waiters.poll(events, (event) => this.#is(event), timeout)
  }

  // ---- options ----

  setsockopt<K extends keyof StreamSocketOptions>(name: K, value: StreamSocketOptions[K]): void {
    this.#open()
    const settings = this.#settings
    const given = value as never
    switch (name as keyof StreamSocketOptions) {
      case 'SO_REUSEADDR': this.#before(this.#bound, name, 'bound'); settings.reuse = bool(name, given); return
      case 'IPV6_V6ONLY': this.#before(this.#bound, name, 'bound'); settings.v6only = bool(name, given); return
      case 'SO_BINDTODEVICE': this.#beforeUse(name); settings.iface = given === '' ? undefined : toInterface(this.#parts.netif, given); return
      case 'SO_RCVBUF': this.#beforeUse(name); settings.receiveBuffer = buffer(name, given); return
      case 'SO_SNDBUF': this.#beforeUse(name); settings.sendBuffer = buffer(name, given); return
      case 'SO_RCVTIMEO': settings.receiveTimeout = int(name, given, 0, 2 ** 31); return
      case 'SO_SNDTIMEO': settings.sendTimeout = int(name, given, 0, 2 ** 31); return
      case 'SO_LINGER': settings.linger = int(name, given, -1, 2 ** 31); return
      case 'SO_PRIORITY': settings.priority = int(name, given, 0, 7); break
      case 'SO_KEEPALIVE': settings.probes = bool(name, given); break
      case 'TCP_KEEPIDLE': settings.keepAlive = { ...settings.keepAlive, idle: int(name, given, 1, 2 ** 31) }; break
      case 'TCP_KEEPINTVL': settings.keepAlive = { ...settings.keepAlive, interval: int(name, given, 1, 2 ** 31) }; break
      case 'TCP_KEEPCNT': settings.keepAlive = { ...settings.keepAlive, count: int(name, given, 1, 127) }; break
      case 'TCP_NODELAY': settings.noDelay = bool(name, given); break
      case 'TCP_USER_TIMEOUT': settings.userTimeout = int(name, given, 0, 2 ** 31); break
      case 'IPV6_UNICAST_HOPS': case 'IP_TTL': settings.hopLimit = hops(name, given, 1); break
      case 'IPV6_TCLASS': case 'IP_TOS': settings.trafficClass = int(name, given, 0, 255); break
      default: throw failure('ENOPROTOOPT', `${name} cannot be set on a stream socket`)
    }
    if (this.#connection !== undefined && !this.#over) settings.apply(this.#connection)
  }

  getsockopt<K extends keyof StreamSocketOptions>(name: K): StreamSocketOptions[K] {
    return this.#option(name) as StreamSocketOptions[K]
  }

  #option(name: keyof StreamSocketOptions): StreamSocketOptions[keyof StreamSocketOptions] {
    const settings = this.#settings
    switch (name) {
      case 'SO_REUSEADDR': return settings.reuse
      case 'IPV6_V6ONLY': return settings.v6only
      case 'SO_BINDTODEVICE': return settings.iface?.name ?? ''
      case 'SO_RCVBUF': return settings.receiveBuffer ?? -1
      case 'SO_SNDBUF': return settings.sendBuffer ?? -1
      case 'SO_RCVTIMEO': return settings.receiveTimeout
      case 'SO_SNDTIMEO': return settings.sendTimeout
      case 'SO_LINGER': return settings.linger
      case 'SO_PRIORITY': return settings.priority
      case 'SO_KEEPALIVE': return settings.probes
      case 'SO_TYPE': return this.type
      case 'SO_DOMAIN': return this.family
      case 'SO_ACCEPTCONN': return this.#listener !== undefined
      case 'TCP_KEEPIDLE': return settings.keepAlive.idle
      case 'TCP_KEEPINTVL': return settings.keepAlive.interval
      case 'TCP_KEEPCNT': return settings.keepAlive.count
      case 'TCP_NODELAY': return settings.noDelay
      case 'TCP_USER_TIMEOUT': return settings.userTimeout
      case 'TCP_MAXSEG': return this.#connection?.mss ?? 0
      case 'IPV6_UNICAST_HOPS': case 'IP_TTL': return settings.hopLimit ?? -1
      case 'IPV6_TCLASS': case 'IP_TOS': return settings.trafficClass
      case 'SO_ERROR': {
        const code = this.#error?.code ?? ''
        this.#error = undefined
        return code
      }
      default: throw failure('ENOPROTOOPT', `a stream socket has no option ${String(name)}`)
    }
  }

  #before(done: unknown, name: string, what: string): void {
    if (done !== undefined) throw failure('EINVAL', `${name} must be set before the socket is ${what}`)
  }

  #beforeUse(name: string): void {
    this.#before(this.#connection ?? this.#listener, name, 'connected, and before it listens')
  }

  // ---- the end ----

  #open(): void {
    if (this.#closed) throw failure('EBADF', 'the socket is closed')
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#listener?.close()
    if (this.#bound !== undefined) this.#owner.ports.release(this.#bound)
    const connection = this.#connection
    const { linger } = this.#settings
    if (linger === 0) connection?.abort()
    else connection?.close()
    if (linger > 0 && connection !== undefined && connection.unacknowledged > 0) this.#owner.linger(connection, linger)
    this.#waiters.close()
    this.#owner.closed(this)
  }
}

/** Bytes of a buffer, undefined for −1: the default. */
const buffer = (name: string, value: unknown): number | undefined => (value === -1 ? undefined : int(name, value, 2048, 2 ** 28))
