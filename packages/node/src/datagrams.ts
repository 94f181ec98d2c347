/** `DatagramNet` over node:dgram: the kernel's UDP under the same seam as our own. */

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import type { DatagramInfo, DatagramNet, DatagramOptions, DatagramSink, DatagramSocket, Endpoint } from '@favonius/contract'
import { checkPort, failure, familyOf, type ErrorCode } from '@favonius/inet'
import { plain } from './addresses.ts'
import { bytesOf } from './bytes.ts'

/** Bytes that may wait in Node before `send` answers false. */
const SEND_QUEUE = 1 << 20
/** Remote endpoints remembered by one socket; all are forgotten when there are more. */
const ENDPOINTS = 4096
/** RFC 768: the length field counts eight bytes of header. */
const MAX_PAYLOAD = 65_527

/** What the kernel's socket tells of a datagram through Node: nothing but its sender. */
const UNKNOWN: DatagramInfo = { local: undefined, iface: undefined, multicast: undefined, hopLimit: undefined }

class NodeDatagramSocket implements DatagramSocket {
  readonly #socket: Socket
  readonly #family: 4 | 6
  readonly #sink: DatagramSink
  readonly #iface: string | undefined
  /** Of each remote port who sent from it last, as Node writes its address: one object for all datagrams of a peer. */
  readonly #heard = new Map<number, { readonly text: string; readonly endpoint: Endpoint; readonly family: 4 | 6 }>()
  #local: Endpoint | undefined
  /** Bytes that Node has and the kernel has not. Counted here: Deno's sockets do not tell. */
  #waiting = 0

  constructor(socket: Socket, family: 4 | 6, sink: DatagramSink, iface: string | undefined) {
    this.#socket = socket
    this.#family = family
    this.#sink = sink
    this.#iface = iface
  }

  /** Bound: from here on it hears. */
  begin(): void {
    const { address, port } = this.#socket.address()
    this.#local = { address: plain(address), port }
    this.#socket.on('message', (data, from) => this.#sink.receive(bytesOf(data), this.#endpoint(from), UNKNOWN))
    this.#socket.on('error', (error) => this.#sink.error?.(Object.assign(error, { code: (error as { code?: string }).code ?? 'EIO' })))
  }

  get local(): Endpoint {
    if (this.#local === undefined) throw failure('EBADF', 'the socket is closed')
    return this.#local
  }

  #endpoint({ address, port }: RemoteInfo): Endpoint {
    const known = this.#heard.get(port)
    if (known?.text === address) return known.endpoint
    if (this.#heard.size >= ENDPOINTS) this.#heard.clear()
    const endpoint = { address: plain(address), port }
    this.#heard.set(port, { text: address, endpoint, family: familyOf(endpoint.address) })
    return endpoint
  }

  send(data: Uint8Array, to: Endpoint): boolean {
    if (this.#local === undefined) throw failure('EBADF', 'the socket is closed')
    const known = this.#heard.get(to.port)
    // Who was heard has an address.
    const family = known?.endpoint.address === to.address ? known.family : familyOf(to.address)
    checkPort(to.port, 1)
    if (data.length > MAX_PAYLOAD) throw failure('EMSGSIZE', `${data.length} bytes are more than a datagram carries (${MAX_PAYLOAD})`)
    if (family === 6 && this.#family === 4) throw failure('EINVAL', `${to.address} is an IPv6 address, and the socket is bound to an IPv4 one`)
    if (this.#waiting > SEND_QUEUE) return false
    this.#waiting += data.length
    // Node keeps the bytes it is given until the kernel has taken them: the copy is the contract's.
    this.#socket.send(Buffer.from(data), to.port, family === 4 && this.#family === 6 ? `::ffff:${to.address}` : to.address, (error) => {
      this.#waiting -= data.length
      if (error && this.#local !== undefined) this.#sink.error?.(Object.assign(error, { code: (error as { code?: string }).code ?? 'EIO' }))
    })
    return true
  }

  join(group: string, iface?: string): void {
    this.#membership('addMembership', group, iface)
  }

  leave(group: string, iface?: string): void {
    this.#membership('dropMembership', group, iface)
  }

  #membership(verb: 'addMembership' | 'dropMembership', group: string, iface = this.#iface): void {
    if (this.#local === undefined) throw failure('EBADF', 'the socket is closed')
    const family = familyOf(group)
    if (family !== this.#family) throw failure('EINVAL', `${group} is an IPv${family} group, and the socket is IPv${this.#family}: open one at ${family === 4 ? '0.0.0.0' : '::'}`)
    try {
      this.#socket[verb](group, iface === undefined ? undefined : family === 6 ? `::%${iface}` : ipv4Of(iface))
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      throw failure((code ?? 'EINVAL') as ErrorCode, `${verb === 'addMembership' ? 'joining' : 'leaving'} ${group}: ${message}`)
    }
  }

  close(): void {
    if (this.#local === undefined) return
    this.#local = undefined
    this.#socket.removeAllListeners('message')
    this.#socket.close()
  }
}

/** node:dgram wants the IPv4 address of an interface, not its name. */
function ipv4Of(iface: string): string {
  const found = networkInterfaces()[iface]?.find((entry) => entry.family === 'IPv4')
  if (found !== undefined) return found.address
  throw failure('ENODEV', `there is no interface ${iface} with an IPv4 address; there are ${Object.keys(networkInterfaces()).join(', ')}`)
}

/**
 * The kernel's UDP as a `DatagramNet`.
 *
 * `info` is unknown here, as Node does not tell; `{ iface }` serves multicast alone, as Node cannot bind to a device.
 */
export function nodeDatagrams(): DatagramNet {
  return {
    async open(local, sink, options: DatagramOptions = {}): Promise<DatagramSocket> {
      const family = local.address === undefined ? 6 : familyOf(local.address)
      checkPort(local.port ?? 0, 0)
      const socket = createSocket({
        type: family === 4 ? 'udp4' : 'udp6',
        reuseAddr: options.reuse ?? false,
        ipv6Only: family === 6 && (options.v6only ?? false),
        // Addresses are literal here: nothing is to be looked up, and not on a later turn.
        lookup: (host, _options, done) => done(null, host, family),
      })
      const made = new NodeDatagramSocket(socket, family, sink, options.iface)
      await new Promise<void>((resolve, reject) => {
        socket.once('error', (error: Error & { code?: string }) => {
          socket.close()
          reject(failure(error.code ?? 'EINVAL', `UDP ${local.address ?? '::'} port ${local.port ?? 0}: ${error.message}`))
        })
        socket.bind({ address: local.address ?? '::', port: local.port ?? 0, exclusive: true }, resolve)
      })
      socket.removeAllListeners('error')
      if (options.hopLimit !== undefined) {
        socket.setTTL(options.hopLimit)
        socket.setMulticastTTL(options.hopLimit)
      }
      if (options.iface !== undefined) socket.setMulticastInterface(family === 6 ? `::%${options.iface}` : ipv4Of(options.iface))
      made.begin()
      return made
    },
  }
}
