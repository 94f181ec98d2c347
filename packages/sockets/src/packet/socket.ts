/** The packet socket, after packet(7). What would block is a promise; with `nonblocking` it is EAGAIN. */

import type { Interface, LinkAddress, LinkHeader, NetBuf } from '@favonius/contract'
import { failure, NO_LINK_ADDRESS } from '@favonius/inet'
import { toInterface } from '../address.ts'
import { ByteQueue } from '../queue.ts'
import { bool, int, type CallOptions } from '../sockopt.ts'
import { Waiters, type PollEvent } from '../waiters.ts'
import { ALL, toEtherType, toProtocol, toStation } from './address.ts'
import type { PacketBinding, PacketDestination, PacketSource, PacketType } from './address.ts'
import { bytesFrom } from './bytes.ts'
import type { PacketParts } from './layer.ts'
import type { PacketActions, PacketMembership, PacketOptions } from './options.ts'

/** A packet as it was received. */
export interface ReceivedPacket {
  /** The caller's own: a whole frame on a `raw` socket, what follows the link header on a `dgram` one. */
  readonly data: Uint8Array<ArrayBuffer>
  readonly from: PacketSource
  /** Milliseconds of the stack's clock, with SO_TIMESTAMP. */
  readonly timestamp?: number
}

/** The public face of a packet socket. */
export interface BsdPacketSocket {
  readonly family: 'packet'
  readonly type: 'raw' | 'dgram'
  /** O_NONBLOCK: every call fails with EAGAIN where it would wait. */
  nonblocking: boolean
  /** Chooses what it hears from now on; may be called again. EINVAL, ENODEV, EOPNOTSUPP (`raw` where there are no frames, as on a VLAN). */
  bind(binding: PacketBinding): Promise<void>
  /** As `sendto`, by the interface that it is bound to. */
  send(data: Uint8Array, options?: CallOptions): Promise<number>
  /**
   * Sends a copy of `data`, and returns its bytes: a whole frame on a `raw` socket, on a `dgram` one a packet to which the link layer adds
   * its header. ENODEV, ENETDOWN, EMSGSIZE, EINVAL (shorter than a header, a protocol that is none), EDESTADDRREQ, EAGAIN, ENOBUFS.
   */
  sendto(data: Uint8Array, to: PacketDestination, options?: CallOptions): Promise<number>
  recv(options?: CallOptions): Promise<Uint8Array<ArrayBuffer>>
  /** The next packet, and where it came from. ENETDOWN, once, after the interface that it is bound to went down. */
  recvfrom(options?: CallOptions): Promise<ReceivedPacket>
  /** Resolves with those of `events` that are so, as soon as one is; with none after `timeout` ms. */
  poll(events: readonly PollEvent[], timeout?: number): Promise<readonly PollEvent[]>
  setsockopt<K extends keyof PacketOptions>(name: K, value: PacketOptions[K]): void
  setsockopt<K extends keyof PacketActions>(name: K, value: PacketActions[K]): void
  getsockopt<K extends keyof PacketOptions>(name: K): PacketOptions[K]
  /** What it is bound to; `iface` is '' for all. */
  getsockname(): { readonly iface: string; readonly protocol: number }
  /** What waits is forgotten, memberships end; calls that wait reject with EBADF. */
  close(): void
}

interface Member {
  readonly iface: Interface
  end(): void
}

export class PacketSocket implements BsdPacketSocket {
  readonly family = 'packet'
  readonly type: 'raw' | 'dgram'
  nonblocking = false
  /** 0 while it hears nothing. */
  protocol: number
  ignoresOutgoing = false
  /** What goes out now is its own. */
  sending = false
  readonly #parts: PacketParts
  readonly #queue: ByteQueue<ReceivedPacket>
  readonly #waiters: Waiters
  readonly #members: Member[] = []
  readonly #onClose: () => void
  #iface: Interface | undefined
  #closed = false
  #error: (Error & { code: string }) | undefined
  #packets = 0
  #drops = 0
  #priority = 0
  #timestamp = false
  #receiveTimeout = 0
  #sendTimeout = 0

  constructor(parts: PacketParts, type: 'raw' | 'dgram', protocol: number, onClose: () => void) {
    this.#parts = parts
    this.type = type
    this.protocol = protocol
    this.#queue = new ByteQueue(parts.receiveBuffer, ({ data }) => data.length)
    this.#waiters = new Waiters(parts.env)
    this.#onClose = onClose
  }

  // ---- names ----

  async bind({ iface: name, protocol = this.protocol }: PacketBinding): Promise<void> {
    this.#open()
    const wanted = toProtocol(protocol)
    const iface = name === undefined ? undefined : toInterface(this.#parts.netif, name)
    if (iface !== undefined && !this.#fits(iface)) throw this.#noFrames(iface)
    this.#iface = iface
    this.protocol = wanted
  }

  getsockname(): { readonly iface: string; readonly protocol: number } {
    return { iface: this.#iface?.name ?? '', protocol: this.protocol }
  }

  /** Frames are of devices; an interface without one has packets alone. */
  #fits(iface: Interface): boolean {
    return this.type === 'dgram' || iface.device !== undefined
  }

  #noFrames({ name }: Interface): Error {
    return failure('EOPNOTSUPP', `${name} has no frames of its own: use a 'dgram' socket, or the interface below it`)
  }

  // ---- sending ----

  send(data: Uint8Array, options?: CallOptions): Promise<number> {
    return this.sendto(data, {}, options)
  }

  async sendto(data: Uint8Array, to: PacketDestination, { nonblocking = this.nonblocking, signal }: CallOptions = {}): Promise<number> {
    this.#open()
    this.#throwError()
    const iface = this.#leaves(to)
    const station = this.type === 'raw' ? NO_LINK_ADDRESS : toStation(iface, to.address)
    const protocol = this.type === 'raw' ? toProtocol(to.protocol ?? this.protocol) : toEtherType(to.protocol ?? this.protocol)
    this.#checkLength(data.length, iface)
    for (;;) {
      if (!iface.running) throw failure('ENETDOWN', `${iface.name} is down: bring it up first`)
      if (!iface.isFull(this.#priority)) break
      await this.#waiters.wait('out', nonblocking, signal, this.#sendTimeout)
      this.#open()
    }
    const packet = this.#parts.netif.buffers.alloc(data.length, iface.headroom)
    if (packet === undefined) throw failure('ENOBUFS', 'no packet buffer is free: receive what waits, or raise netbuf({ quota })')
    packet.write(data)
    packet.priority = this.#priority
    this.sending = true
    const sent = this.type === 'raw' ? sendFrame(iface, packet, protocol) : sendPacket(iface, packet, protocol, station)
    this.sending = false
    if (sent) return data.length
    throw failure('ENETDOWN', `the packet was dropped on its way to ${iface.name}: see netif.statistics().drops`)
  }

  #leaves({ iface: name }: PacketDestination): Interface {
    const { netif } = this.#parts
    const iface = name === undefined ? this.#iface : toInterface(netif, name)
    if (iface === undefined) throw failure('ENODEV', 'no interface to send by: bind the socket to one, or name it in sendto(data, { iface })')
    if (!this.#fits(iface)) throw this.#noFrames(iface)
    return iface
  }

  #checkLength(length: number, { name, mtu, headroom, l2 }: Interface): void {
    const raw = this.type === 'raw'
    if (raw && length < headroom) throw failure('EINVAL', `${length} bytes are no frame on ${name}: its header alone has ${headroom}`)
    const most = raw ? headroom + mtu + (l2.tagRoom ?? 0) : mtu
    if (length > most) throw failure('EMSGSIZE', `${length} bytes are more than ${name} carries: ${most}`)
  }

  // ---- receiving ----

  /** Whether packets of `protocol` on `iface` are for it. */
  hears(iface: Interface, protocol: number): boolean {
    return (this.protocol === protocol || this.protocol === ALL) && (this.#iface === undefined || this.#iface === iface) && this.#fits(iface)
  }

  /** Copies a packet from `from` on, when it fits: what waits takes none of the stack's buffers. Borrows `packet`. */
  receive(iface: Interface, packet: NetBuf, from: number, timestamp: number, { sender, protocol }: LinkHeader, type: PacketType): void {
    this.#packets++
    if (!this.#queue.fits(packet.offset - from + packet.total())) {
      this.#drops++
      return iface.lose(this.#parts.queueFull)
    }
    this.#queue.add({ data: bytesFrom(packet, from), from: { iface: iface.name, protocol, type, address: sender }, timestamp })
    this.#waiters.wake('in')
  }

  async recv(options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#next(options)).data
  }

  async recvfrom(options?: CallOptions): Promise<ReceivedPacket> {
    const received = await this.#next(options)
    return this.#timestamp ? received : { data: received.data, from: received.from }
  }

  async #next({ nonblocking = this.nonblocking, signal }: CallOptions = {}): Promise<ReceivedPacket> {
    for (;;) {
      this.#open()
      this.#throwError()
      const received = this.#queue.shift()
      if (received !== undefined) return received
      await this.#waiters.wait('in', nonblocking, signal, this.#receiveTimeout)
    }
  }

  // ---- waiting ----

  async poll(events: readonly PollEvent[], timeout?: number): Promise<readonly PollEvent[]> {
    this.#open()
    return this.#waiters.poll(events, (event) => this.#is(event), timeout)
  }

  #is(event: PollEvent): boolean {
    switch (event) {
      case 'in': return this.#queue.length > 0 || this.#error !== undefined
      case 'error': return this.#error !== undefined
      case 'hup': return false
      case 'out': return this.#iface === undefined || !this.#iface.isFull(this.#priority)
    }
  }

  /** An interface has room again. */
  ready(): void {
    this.#waiters.wake('out')
  }

  /** An interface went down: who is bound to it is told, and who waits for room in its queue, too. */
  lost(iface: Interface): void {
    if (iface === this.#iface) {
      this.#error = failure('ENETDOWN', `${iface.name} went down`)
      this.#waiters.wake('error')
      this.#waiters.wake('in')
    }
    this.#waiters.wake('out')
  }

  #throwError(): void {
    const error = this.#error
    this.#error = undefined
    if (error !== undefined) throw error
  }

  // ---- options ----

  setsockopt<K extends keyof (PacketOptions & PacketActions)>(name: K, value: (PacketOptions & PacketActions)[K]): void {
    this.#open()
    const given = value as never
    switch (name as keyof (PacketOptions & PacketActions)) {
      case 'SO_RCVBUF': this.#queue.limit = int(name, given, 1, 2 ** 30); return
      case 'SO_RCVTIMEO': this.#receiveTimeout = int(name, given, 0, 2 ** 31); return
      case 'SO_SNDTIMEO': this.#sendTimeout = int(name, given, 0, 2 ** 31); return
      case 'SO_PRIORITY': this.#priority = int(name, given, 0, 7); return
      case 'SO_TIMESTAMP': this.#timestamp = bool(name, given); return
      case 'PACKET_IGNORE_OUTGOING': this.ignoresOutgoing = bool(name, given); return
      case 'PACKET_ADD_MEMBERSHIP': return this.#join(given)
      case 'PACKET_DROP_MEMBERSHIP': return this.#leave(given)
      default: throw failure('ENOPROTOOPT', `${name} cannot be set on a packet socket`)
    }
  }

  getsockopt<K extends keyof PacketOptions>(name: K): PacketOptions[K] {
    return this.#option(name) as PacketOptions[K]
  }

  #option(name: keyof PacketOptions): PacketOptions[keyof PacketOptions] {
    switch (name) {
      case 'SO_RCVBUF': return this.#queue.limit
      case 'SO_RCVTIMEO': return this.#receiveTimeout
      case 'SO_SNDTIMEO': return this.#sendTimeout
      case 'SO_PRIORITY': return this.#priority
      case 'SO_TIMESTAMP': return this.#timestamp
      case 'SO_TYPE': return this.type
      case 'SO_DOMAIN': return this.family
      case 'PACKET_IGNORE_OUTGOING': return this.ignoresOutgoing
      case 'PACKET_STATISTICS': {
        const statistics = { packets: this.#packets, drops: this.#drops }
        this.#packets = this.#drops = 0
        return statistics
      }
      case 'SO_ERROR': {
        const code = this.#error?.code ?? ''
        this.#error = undefined
        return code
      }
      default: throw failure('ENOPROTOOPT', `a packet socket has no option ${String(name)}`)
    }
  }

  #join(request: PacketMembership): void {
    const iface = this.#memberOf(request)
    this.#members.push({ iface, end: iface.hearAll() })
  }

  #leave(request: PacketMembership): void {
    const iface = this.#memberOf(request)
    const at = this.#members.findIndex((member) => member.iface === iface)
    if (at < 0) throw failure('EADDRNOTAVAIL', `the socket did not ask for promiscuous mode on ${iface.name}`)
    this.#members.splice(at, 1)[0]!.end()
  }

  #memberOf({ type, iface: name }: PacketMembership): Interface {
    if (type !== 'promiscuous') throw failure('EINVAL', `${JSON.stringify(type)} is no membership: 'promiscuous'; groups are heard without`)
    const iface = name === undefined ? this.#iface : toInterface(this.#parts.netif, name)
    if (iface === undefined) throw failure('ENODEV', 'no interface for the membership: bind the socket to one, or name it')
    return iface
  }

  // ---- the end ----

  #open(): void {
    if (this.#closed) throw failure('EBADF', 'the socket is closed')
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const { end } of this.#members.splice(0)) end()
    while (this.#queue.shift() !== undefined);
    this.#waiters.close()
    this.#onClose()
  }
}

/** A whole frame: what its own header says of its protocol is true. */
function sendFrame(iface: Interface, frame: NetBuf, protocol: number): boolean {
  frame.link = frame.offset
  frame.protocol = iface.l2.parse?.(frame, frame.offset).protocol ?? protocol
  return iface.transmit(frame)
}

/** A packet that the link layer puts its header on. */
function sendPacket(iface: Interface, packet: NetBuf, protocol: number, station: LinkAddress): boolean {
  packet.protocol = protocol
  packet.network = packet.offset
  return iface.l2.send(iface, packet, station)
}
