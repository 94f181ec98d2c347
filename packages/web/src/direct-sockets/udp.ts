/** UDPSocket of Direct Sockets: bound, or connected to one peer. */

import type { DatagramOptions, DatagramSocket, Endpoint } from '@favonius/contract'
import { parseAddress } from '@favonius/inet'
import { checkPort, checkSizes, invalidState, networkError, resolve, told, type DirectParts, type DnsQueryType } from './parts.ts'

/** Bytes of datagrams that may wait to be read, */
const QUEUE = 262_144
/** each counted for so many more than it carries. */
const EACH = 128

/** A datagram. From and to one peer alone when the socket is connected: then without an address. */
export interface UDPMessage {
  readonly data: ArrayBuffer | ArrayBufferView
  readonly remoteAddress?: string
  readonly remotePort?: number
  readonly dnsQueryType?: DnsQueryType
}

export interface UDPSocketOptions {
  /** Connected: to whom, both of these. */
  readonly remoteAddress?: string
  readonly remotePort?: number
  readonly dnsQueryType?: DnsQueryType
  /** Bound: where, and at which port; one that is free unless given. */
  readonly localAddress?: string
  readonly localPort?: number
  /** At `::`, no IPv4 either. */
  readonly ipv6Only?: boolean
  readonly sendBufferSize?: number
  readonly receiveBufferSize?: number
  /** Shares its port with others that say so. */
  readonly multicastAllowAddressSharing?: boolean
  /** Of what is sent to groups; 1 unless given. */
  readonly multicastTimeToLive?: number
}

/** Which groups a socket is in. */
export interface MulticastController {
  joinGroup(group: string): Promise<void>
  leaveGroup(group: string): Promise<void>
  readonly joinedGroups: readonly string[]
}

export interface UDPSocketOpenInfo {
  readonly readable: ReadableStream<UDPMessage>
  readonly writable: WritableStream<UDPMessage>
  readonly remoteAddress?: string
  readonly remotePort?: number
  readonly localAddress: string
  readonly localPort: number
  /** Of a socket that is bound. */
  readonly multicastController?: MulticastController
}

/** As UDPSocket of the Direct Sockets API. */
export class DirectUDPSocket {
  /** Rejects with a NetworkError. */
  readonly opened: Promise<UDPSocketOpenInfo>
  /** Resolves when both streams have ended; rejects with a NetworkError when the socket failed. */
  readonly closed: Promise<void>
  /** Datagrams that came and were not given: they had waited too long to be read, or were of another than the peer. Not in the API. */
  dropped = 0
  readonly #parts: DirectParts
  readonly #options: UDPSocketOptions
  #reading!: ReadableStreamDefaultController<UDPMessage>
  #writing!: WritableStreamDefaultController
  #info: UDPSocketOpenInfo | undefined
  #socket!: DatagramSocket
  /** Whom it is connected to. */
  #peer: Endpoint | undefined
  /** Sides that have not ended. */
  #sides = 2
  #settle!: { readonly resolve: () => void; readonly reject: (error: unknown) => void }

  /** Throws TypeError. */
  constructor(parts: DirectParts, options: UDPSocketOptions) {
    check(options)
    this.#parts = parts
    this.#options = options
    this.closed = told(new Promise((resolve, reject) => { this.#settle = { resolve, reject } }))
    this.opened = told(this.#open().catch((error: unknown) => {
      const why = networkError(error)
      this.#settle.reject(why)
      throw why
    }))
  }

  async #open(): Promise<UDPSocketOpenInfo> {
    const { remoteAddress, remotePort, dnsQueryType, localAddress, localPort = 0, ipv6Only, multicastAllowAddressSharing, multicastTimeToLive } = this.#options
    if (remoteAddress !== undefined) this.#peer = { address: await resolve(this.#parts, remoteAddress, dnsQueryType), port: remotePort! }
    const peer = this.#peer
    const address = localAddress ?? (peer!.address.includes(':') ? '::' : '0.0.0.0')
    const how: DatagramOptions = {
      ...(ipv6Only === undefined ? {} : { v6only: ipv6Only }), ...(multicastAllowAddressSharing ? { reuse: true } : {}),
      ...(multicastTimeToLive === undefined ? {} : { hopLimit: multicastTimeToLive }),
    }
    const readable = new ReadableStream<UDPMessage>({
      start: (controller) => { this.#reading = controller },
      cancel: () => this.#end(),
    }, { highWaterMark: QUEUE, size: (message) => (message?.data.byteLength ?? 0) + EACH })
    const writable = new WritableStream<UDPMessage>({
      start: (controller) => { this.#writing = controller },
      write: (message) => this.#send(message).catch((error: unknown) => {
        // The stream is of no use any more: who is told so here does not hear of `close`.
        this.#end()
        throw error
      }),
      close: () => this.#end(),
      abort: () => this.#end(),
    })
    this.#socket = await this.#parts.datagrams.open({ address, port: localPort }, {
      receive: (data, from) => this.#receive(data, from),
      error: (error) => { if (peer !== undefined) this.#fail(error) },
    }, how)
    const { local } = this.#socket
    return this.#info = {
      readable, writable, localAddress: local.address, localPort: local.port,
      ...(peer === undefined ? { multicastController: groupsOf(this.#socket) } : { remoteAddress: peer.address, remotePort: peer.port }),
    }
  }

  #receive(data: Uint8Array, from: Endpoint): void {
    const peer = this.#peer
    const foreign = peer !== undefined && (from.port !== peer.port || canonical(from.address) !== canonical(peer.address))
    // No room, or nobody reads any more.
    if (foreign || (this.#reading.desiredSize ?? 0) <= 0) {
      this.dropped++
      return
    }
    const bytes = data.slice()
    this.#reading.enqueue(peer === undefined ? { data: bytes, remoteAddress: from.address, remotePort: from.port } : { data: bytes })
    this.#parts.env.wake()
  }

  async #send({ data, remoteAddress, remotePort, dnsQueryType }: UDPMessage): Promise<void> {
    const bytes = ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
    let to = this.#peer
    if (to === undefined) {
      if (remoteAddress === undefined || remotePort === undefined) throw new TypeError('a bound socket is told with each message to whom: remoteAddress and remotePort')
      to = { address: await resolve(this.#parts, remoteAddress, dnsQueryType), port: remotePort }
    } else if (remoteAddress !== undefined || remotePort !== undefined) throw new TypeError('a connected socket sends to its peer alone: leave remoteAddress and remotePort out')
    // What finds no room or no way is lost, as datagrams are; what cannot be sent at all is the writer's mistake.
    this.#socket.send(bytes, to)
  }

  /** A side has ended: the socket when both have. */
  #end(): void {
    if (--this.#sides > 0) return
    this.#socket.close()
    this.#settle.resolve()
    this.#parts.env.wake()
  }

  #fail(error: Error): void {
    if (this.#sides === 0) return
    this.#sides = 0
    const why = networkError(error)
    this.#socket.close()
    this.#reading.error(why)
    this.#writing.error(why)
    this.#settle.reject(why)
    this.#parts.env.wake()
  }

  /** Ends both streams. Rejects with an InvalidStateError while it is not open, or one of them is locked. Returns `closed`. */
  close(): Promise<void> {
    if (this.#info === undefined) return Promise.reject(invalidState('the socket is not open: await opened'))
    const { readable, writable } = this.#info
    if (readable.locked || writable.locked) return Promise.reject(invalidState('a stream of the socket is locked: release its reader or writer'))
    told(readable.cancel())
    told(writable.close())
    return this.closed
  }
}

const canonical = (text: string): string => {
  const [address, zone] = text.split('%', 2)
  return `${String(parseAddress(address!) ?? address)}%${zone ?? ''}`
}

/** Throws TypeError. */
function check(options: UDPSocketOptions): void {
  const { remoteAddress, remotePort, localAddress, localPort, ipv6Only } = options
  checkSizes(options)
  if ((remoteAddress === undefined) !== (remotePort === undefined)) throw new TypeError('remoteAddress and remotePort go together')
  if ((remoteAddress === undefined) === (localAddress === undefined)) throw new TypeError('a socket is connected, by remoteAddress and remotePort, or bound, by localAddress: give one of the two')
  if (localPort !== undefined && localAddress === undefined) throw new TypeError('localPort goes with localAddress')
  if (ipv6Only !== undefined && localAddress !== '::') throw new TypeError('ipv6Only goes with localAddress ::')
  if (remotePort !== undefined) checkPort('remotePort', remotePort, 1)
  if (localPort !== undefined) checkPort('localPort', localPort, 0)
}

function groupsOf(socket: DatagramSocket): MulticastController {
  const joined = new Set<string>()
  return {
    async joinGroup(group) {
      if (joined.has(group)) throw invalidState(`the socket is in ${group} already`)
      try {
        socket.join(group)
      } catch (error) {
        throw networkError(error)
      }
      joined.add(group)
    },
    async leaveGroup(group) {
      if (!joined.delete(group)) throw invalidState(`the socket is not in ${group}`)
      try {
        socket.leave(group)
      } catch (error) {
        throw networkError(error)
      }
    },
    get joinedGroups() { return [...joined] },
  }
}
