/** Groups that a server hears: RFC 7252 §8.1. */

import type { DatagramSink, DatagramSocket } from '@favonius/contract'
import { failure } from '@favonius/inet'
import { CoapEndpoint, type Carrier } from './endpoint.ts'

export class Groups {
  readonly #endpoint: Carrier
  readonly #sockets = new Map<string, DatagramSocket>()

  constructor(endpoint: Carrier) {
    this.#endpoint = endpoint
  }

  async join(group: string, iface?: string): Promise<void> {
    const endpoint = this.#endpoint
    if (!(endpoint instanceof CoapEndpoint)) throw failure('EOPNOTSUPP', 'a group is heard by datagrams alone')
    const { socket, net, env } = endpoint
    if (socket === undefined) throw failure('EBADF', 'the server is closed')
    // A socket at the group's address hears nothing else: so it is known what came to a group where the kernel does not tell. Where there is no
    // such socket, the one of the server is told.
    const sink: DatagramSink = { receive: (data, from) => endpoint.handle({ kind: 'received', data, from, multicast: true }) }
    const own = await net.open({ address: group, port: socket.local.port }, sink, { reuse: true, ...(iface === undefined ? {} : { iface }) }).catch(() => undefined)
    env.wake()
    try {
      ;(own ?? socket).join(group, iface)
    } catch (error) {
      own?.close()
      throw error
    }
    if (own !== undefined) this.#sockets.set(`${group} ${iface ?? ''}`, own)
  }

  leave(group: string, iface?: string): void {
    const key = `${group} ${iface ?? ''}`
    const own = this.#sockets.get(key)
    if (own === undefined && this.#endpoint instanceof CoapEndpoint) this.#endpoint.socket?.leave(group, iface)
    own?.close()
    this.#sockets.delete(key)
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }
}
