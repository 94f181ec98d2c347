/** TCPSocket of Direct Sockets, around a socket of WinterTC's. */

import { connect, type Socket } from '@favonius/sockets/web'
import { checkPort, checkSizes, endpointOf, invalidState, networkError, resolve, told, type DirectParts, type DnsQueryType } from './parts.ts'

export interface TCPSocketOptions {
  /** Send what is written at once (Nagle's algorithm off); false unless given. */
  readonly noDelay?: boolean
  /** Milliseconds of silence until the peer is asked whether it is there, 1000 at least; never unless given. */
  readonly keepAliveDelay?: number
  readonly sendBufferSize?: number
  readonly receiveBufferSize?: number
  /** Of a host that is a name: its address of this family. */
  readonly dnsQueryType?: DnsQueryType
}

export interface TCPSocketOpenInfo {
  readonly readable: Socket['readable']
  readonly writable: Socket['writable']
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
}

/** As TCPSocket of the Direct Sockets API. `new TCPSocket(host, port, options)` connects; one that a server socket gives is open. */
export class DirectTCPSocket {
  /** Rejects with a NetworkError. */
  readonly opened: Promise<TCPSocketOpenInfo>
  /** Resolves when both sides have ended; rejects with a NetworkError when they were cut off. */
  readonly closed: Promise<void>
  readonly #socket: Promise<Socket>
  #open: Socket | undefined

  constructor(socket: Promise<Socket>) {
    this.#socket = told(socket)
    this.opened = told(socket.then(async (it) => {
      const { remoteAddress, localAddress } = await it.opened
      this.#open = it
      const [remote, local] = [endpointOf(remoteAddress), endpointOf(localAddress)]
      return { readable: it.readable, writable: it.writable, remoteAddress: remote.address, remotePort: remote.port, localAddress: local.address, localPort: local.port }
    }).catch((error: unknown) => {
      throw networkError(error)
    }))
    this.closed = told(this.#socket.then((it) => it.closed).catch((error: unknown) => {
      throw networkError(error)
    }))
  }

  /** Ends both sides. Rejects with an InvalidStateError while it is not open, or one of its streams is locked. Returns `closed`. */
  close(): Promise<void> {
    const socket = this.#open
    if (socket === undefined) return Promise.reject(invalidState('the socket is not open: await opened'))
    if (socket.readable.locked || socket.writable.locked) return Promise.reject(invalidState('a stream of the socket is locked: release its reader or writer'))
    told(socket.close())
    return this.closed
  }
}

/** Connects as `new TCPSocket` says. Throws TypeError. */
export function open(parts: DirectParts, remoteAddress: string, remotePort: number, options: TCPSocketOptions): Promise<Socket> {
  const { noDelay = false, keepAliveDelay, dnsQueryType } = options
  checkPort('remotePort', remotePort, 1)
  checkSizes(options)
  if (keepAliveDelay !== undefined && !(keepAliveDelay >= 1000)) throw new TypeError(`keepAliveDelay ${keepAliveDelay}: give milliseconds, 1000 or more`)
  const settings = { noDelay, ...(keepAliveDelay === undefined ? {} : { keepAlive: keepAliveDelay }) }
  const net = { connect: (to, sink, more) => parts.streams.connect(to, sink, { ...more, ...settings }) } satisfies Pick<DirectParts['streams'], 'connect'>
  return resolve(parts, remoteAddress, dnsQueryType).then((address) => connect(parts.env, net, { address, port: remotePort }, { allowHalfOpen: true }))
}
