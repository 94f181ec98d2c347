/** What passes for a `dgram.Socket`, over a `DatagramNet`. */

import { Socket as NodeSocket, type SocketType } from 'node:dgram'
import { lookup as systemLookup } from 'node:dns'
import { EventEmitter } from 'node:events'
import { isIP, type LookupFunction } from 'node:net'
import type { DatagramInfo, DatagramNet, DatagramSink, DatagramSocket, Endpoint } from '@favonius/contract'
import { addressError, badPort, nodeError } from '../net/errors.ts'

/** What the face stands on. */
export interface DatagramFaceParts {
  readonly datagrams: DatagramNet
  /** Names to addresses, as `dns.lookup`; what the operating system knows unless given. */
  readonly lookup?: LookupFunction | undefined
  /** Called when Node's own queues have something to do: `Env.wake`. */
  readonly wake?: (() => void) | undefined
}

/** As in `dgram.createSocket(options)`. */
export interface DatagramFaceOptions {
  readonly type: SocketType
  readonly reuseAddr?: boolean
  readonly ipv6Only?: boolean
  readonly lookup?: LookupFunction
  readonly signal?: AbortSignal
}

type Bytes = string | Uint8Array | DataView
type Sent = (error: Error | null, bytes: number) => void
type BindArguments = readonly (number | string | { readonly port?: number; readonly address?: string; readonly exclusive?: boolean } | (() => void) | undefined)[]

/** As `dgram.Socket`. */
export class FaceDatagramSocket extends EventEmitter implements DatagramSink {
  readonly type: SocketType
  readonly #parts: DatagramFaceParts
  readonly #options: DatagramFaceOptions
  #socket: DatagramSocket | undefined
  #peer: Endpoint | undefined
  #state: 'fresh' | 'binding' | 'bound' | 'closed' = 'fresh'
  /** What is to be done when it is bound. */
  readonly #queue: (() => void)[] = []
  #hopLimit: number | undefined
  readonly #groups: { readonly group: string; readonly iface: string | undefined }[] = []

  constructor(parts: DatagramFaceParts, options: DatagramFaceOptions) {
    super()
    if (options.type !== 'udp4' && options.type !== 'udp6') throw nodeError('ERR_SOCKET_BAD_TYPE', 'Bad socket type specified. Valid types are: udp4, udp6', TypeError)
    this.type = options.type
    this.#parts = parts
    this.#options = options
    options.signal?.addEventListener('abort', () => this.close(), { once: true })
  }

  // ---- binding ----

  /** As `bind(port, address, listening)`, `bind(options, listening)`. */
  bind(...args: BindArguments): this {
    if (this.#state !== 'fresh') throw nodeError(this.#state === 'closed' ? 'ERR_SOCKET_DGRAM_NOT_RUNNING' : 'ERR_SOCKET_ALREADY_BOUND', this.#state === 'closed' ? 'Not running' : 'Socket is already bound')
    const [first, second] = args
    const ready = args.find((one) => typeof one === 'function') as (() => void) | undefined
    if (ready !== undefined) this.once('listening', ready)
    const wanted = typeof first === 'object' ? first : { ...(typeof first === 'number' || typeof first === 'string' ? { port: Number(first) } : {}), ...(typeof second === 'string' ? { address: second } : {}) }
    const port = wanted.port ?? 0
    if (!Number.isInteger(port) || port < 0 || port > 65_535) throw badPort('Port', port)
    this.#bind(port, wanted.address ?? (this.type === 'udp4' ? '0.0.0.0' : '::'))
    return this
  }

  #bind(port: number, host: string): void {
    this.#state = 'binding'
    this.#resolve(host, async (error, address) => {
      if (this.#state !== 'binding') return
      if (error) return void this.emit('error', error)
      try {
        const socket = await this.#parts.datagrams.open({ address, port }, this, {
          ...(this.#options.reuseAddr === undefined ? {} : { reuse: this.#options.reuseAddr }), ...(this.#options.ipv6Only === undefined ? {} : { v6only: this.#options.ipv6Only }),
          ...(this.#hopLimit === undefined ? {} : { hopLimit: this.#hopLimit }),
        })
        this.#parts.wake?.()
        if ((this.#state as string) === 'closed') return socket.close()
        this.#socket = socket
        this.#state = 'bound'
        for (const { group, iface } of this.#groups) socket.join(group, iface)
        this.emit('listening')
        for (const then of this.#queue.splice(0)) then()
      } catch (failed) {
        this.#parts.wake?.()
        this.#state = 'fresh'
        this.emit('error', addressError(failed, 'bind', address, port))
      }
    })
  }

  #resolve(host: string | undefined, then: (error: Error | null, address: string) => void): void {
    const own = this.type === 'udp4' ? '127.0.0.1' : '::1'
    const family = this.type === 'udp4' ? 4 : 6
    if (host === undefined || host === '') return then(null, own)
    if (isIP(host) !== 0) return then(null, host)
    const lookup = this.#options.lookup ?? this.#parts.lookup ?? (systemLookup as unknown as LookupFunction)
    lookup(host, { family }, (error, address) => {
      this.#parts.wake?.()
      then(error, address as string)
    })
  }

  /** Does it when it is bound; binds it first when nobody has. */
  #whenBound(then: () => void): void {
    if (this.#state === 'closed') throw nodeError('ERR_SOCKET_DGRAM_NOT_RUNNING', 'Not running')
    if (this.#state === 'bound') return then()
    this.#queue.push(then)
    if (this.#state === 'fresh') this.#bind(0, this.type === 'udp4' ? '0.0.0.0' : '::')
  }

  // ---- sending ----

  connect(port: number, address?: string | (() => void), connected?: () => void): void {
    const ready = typeof address === 'function' ? address : connected
    if (this.#peer !== undefined) throw nodeError('ERR_SOCKET_DGRAM_IS_CONNECTED', 'Already connected')
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw badPort('Port', port)
    if (ready !== undefined) this.once('connect', ready)
    this.#resolve(typeof address === 'string' ? address : undefined, (error, host) => {
      if (error) return void this.emit('error', error)
      this.#peer = { address: host, port }
      this.#whenBound(() => process.nextTick(() => this.emit('connect')))
    })
  }

  disconnect(): void {
    if (this.#peer === undefined) throw nodeError('ERR_SOCKET_DGRAM_NOT_CONNECTED', 'Not connected')
    this.#peer = undefined
  }

  remoteAddress(): { address: string; family: string; port: number } {
    if (this.#peer === undefined) throw nodeError('ERR_SOCKET_DGRAM_NOT_CONNECTED', 'Not connected')
    return { ...this.#peer, family: familyOf(this.#peer.address) }
  }

  /** As `send(data, [offset, length], port, address, sent)`; data may be an array of pieces. */
  send(data: Bytes | readonly Bytes[], ...rest: readonly unknown[]): void {
    const sent = rest.at(-1) !== undefined && typeof rest.at(-1) === 'function' ? rest.at(-1) as Sent : undefined
    const given = sent === undefined ? rest.filter((one) => one !== undefined) : rest.slice(0, -1).filter((one) => one !== undefined)
    let bytes: Buffer = Array.isArray(data) ? Buffer.concat(data.map(bytesOf)) : bytesOf(data as Bytes)
    // (offset, length) stand before (port, address), or alone when it is connected.
    const ranged = this.#peer === undefined ? given.length >= 3 && typeof given[1] === 'number' : given.length === 2
    if (ranged) {
      const [offset, length] = given as [number, number]
      if (offset + length > bytes.length) throw nodeError('ERR_BUFFER_OUT_OF_BOUNDS', '"length" is outside of buffer bounds', RangeError)
      bytes = bytes.subarray(offset, offset + length)
    } else bytes = Buffer.from(bytes)
    const [port, address] = ranged ? given.slice(2) : given
    if (this.#peer !== undefined && port !== undefined) throw nodeError('ERR_SOCKET_DGRAM_IS_CONNECTED', 'Already connected')
    if (this.#peer === undefined && !(Number(port) >= 1 && Number(port) <= 65_535)) throw badPort('Port', port)
    const failed = (error: Error): void => {
      if (sent !== undefined) process.nextTick(sent, error, 0)
      else process.nextTick(() => this.emit('error', error))
    }
    const go = (to: Endpoint): void => this.#whenBound(() => {
      try {
        if (!this.#socket!.send(bytes, to)) return failed(addressError({ code: 'ENOBUFS' }, 'send', to.address, to.port))
        if (sent !== undefined) process.nextTick(sent, null, bytes.length)
      } catch (error) {
        failed(addressError(error, 'send', to.address, to.port))
      }
    })
    if (this.#peer !== undefined) return go(this.#peer)
    this.#resolve(address as string | undefined, (error, host) => (error ? failed(error) : go({ address: host, port: Number(port) })))
  }

  // ---- hearing ----

  /** @internal */
  receive(data: Uint8Array, from: Endpoint, _info: DatagramInfo): void {
    if (this.#peer !== undefined && (from.port !== this.#peer.port || from.address !== this.#peer.address)) return
    this.#parts.wake?.()
    this.emit('message', Buffer.from(data), { address: from.address, family: familyOf(from.address), port: from.port, size: data.length })
  }

  /** @internal As Node: only one that is connected hears of what a peer's host says. */
  error(error: Error & { readonly code: string }): void {
    if (this.#peer === undefined) return
    this.#parts.wake?.()
    this.emit('error', addressError(error, 'recvmsg', this.#peer.address, this.#peer.port))
  }

  // ---- the rest of it ----

  address(): { address: string; family: string; port: number } {
    const local = this.#socket?.local
    if (local === undefined) throw nodeError(this.#state === 'closed' ? 'ERR_SOCKET_DGRAM_NOT_RUNNING' : 'EBADF', this.#state === 'closed' ? 'Not running' : 'getsockname EBADF')
    return { address: local.address, family: this.type === 'udp4' ? 'IPv4' : 'IPv6', port: local.port }
  }

  addMembership(group: string, iface?: string): void {
    if (this.#socket === undefined) {
      this.#groups.push({ group, iface })
      this.#whenBound(() => {})
    } else this.#socket.join(group, iface)
  }

  dropMembership(group: string, iface?: string): void {
    this.#socket?.leave(group, iface)
  }

  /** Of unicast and of groups. Before it is bound: the seam sets hop limits when it opens. */
  setTTL(ttl: number): number {
    if (this.#state !== 'fresh') throw notThere('setTTL of a socket that is bound')
    return this.#hopLimit = ttl
  }

  setMulticastTTL(ttl: number): number {
    return this.setTTL(ttl)
  }

  /** Nobody need ask for leave to broadcast here. */
  setBroadcast(): void {}
  /** What `send` has taken is with the stack: nothing waits in the face. */
  getSendQueueSize(): number { return 0 }
  getSendQueueCount(): number { return 0 }
  setMulticastLoopback(): never { throw notThere('setMulticastLoopback') }
  setMulticastInterface(): never { throw notThere('setMulticastInterface') }
  setRecvBufferSize(): never { throw notThere('setRecvBufferSize') }
  setSendBufferSize(): never { throw notThere('setSendBufferSize') }
  getRecvBufferSize(): never { throw notThere('getRecvBufferSize') }
  getSendBufferSize(): never { throw notThere('getSendBufferSize') }
  addSourceSpecificMembership(): never { throw notThere('addSourceSpecificMembership') }
  dropSourceSpecificMembership(): never { throw notThere('dropSourceSpecificMembership') }

  close(done?: () => void): this {
    if (this.#state === 'closed') throw nodeError('ERR_SOCKET_DGRAM_NOT_RUNNING', 'Not running')
    if (done !== undefined) this.once('close', done)
    this.#state = 'closed'
    this.#queue.length = 0
    this.#socket?.close()
    this.#socket = undefined
    process.nextTick(() => this.emit('close'))
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== 'closed') await new Promise<void>((resolve) => void this.close(resolve))
  }

  /** What keeps the process alive is the stack's devices and timers. */
  ref(): this { return this }
  unref(): this { return this }
}

// Some look whether a socket is one of Node's before they believe it (node-coap: `socket instanceof Socket`).
Object.setPrototypeOf(FaceDatagramSocket.prototype, NodeSocket.prototype as object)

/** What a `DatagramNet` cannot be asked for. */
const notThere = (what: string): Error => nodeError('ERR_METHOD_NOT_IMPLEMENTED', `The ${what} method is not implemented: the seam below has nothing like it`)

const familyOf = (address: string): string => (address.includes(':') ? 'IPv6' : 'IPv4')

function bytesOf(data: Bytes): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
