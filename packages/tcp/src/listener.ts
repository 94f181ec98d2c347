/** A port that connections are accepted on: its handshakes, and those that are done and wait (RFC 9293 §3.10.7.2, RFC 4987 §3). */

import type { Address, Interface, IpInfo, TcpBinding, TcpConnection, TcpListener } from '@favonius/contract'
import { isUnspecified, sameAddress } from '@favonius/inet'
import type { Connection, Parent } from './connection.ts'
import type { TcpLayer } from './layer.ts'
import type { Segment } from './wire.ts'

/** A listening port. `stack.tcp.listen` makes one. */
export class Listener implements TcpListener, Parent {
  readonly address: Address
  readonly port: number
  readonly v6only: boolean
  readonly iface: Interface | undefined
  readonly #layer: TcpLayer
  readonly #binding: TcpBinding
  readonly #acceptable: () => void
  /** Handshakes under way, the oldest first; and connections that wait to be accepted. */
  readonly #opening: Connection[] = []
  readonly #established: Connection[] = []
  closed = false

  constructor(layer: TcpLayer, binding: TcpBinding, port: number, acceptable: () => void) {
    this.#layer = layer
    this.#binding = binding
    this.address = binding.address
    this.port = port
    this.v6only = binding.v6only
    this.iface = binding.iface
    this.#acceptable = acceptable
  }

  get waiting(): number {
    return this.#established.length
  }

  accept(): TcpConnection | undefined {
    const connection = this.#established.shift()
    if (connection !== undefined) connection.parent = undefined
    return connection
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.#layer.unlisten(this)
    for (const connection of [...this.#opening, ...this.#established]) connection.abort()
  }

  /** How well it fits, as Zephyr ranks connections: −1 not at all, else the more it insists on, the better. */
  rank(address: Address, iface: Interface): number {
    if (this.iface !== undefined && this.iface !== iface) return -1
    const named = this.iface === undefined ? 0 : 1
    if (isUnspecified(this.address)) {
      if (this.address.family === address.family) return named + 2
      return this.address.family === 6 && !this.v6only ? named : -1
    }
    return sameAddress(this.address, address) && (this.address.zone === 0 || this.address.zone === address.zone) ? named + 4 : -1
  }

  // ---- handshakes ----

  /** A SYN; in the place of a connection whose numbers ended at `after`. False when there is no room for what it asks. */
  knock(segment: Segment, ip: IpInfo, after?: number): boolean {
    // Who would have to wait is not let in (RFC 9293 has no word for it; it sends its SYN again).
    if (!this.admits()) return false
    const { synBacklog } = this.#layer.options
    if (this.#opening.length >= synBacklog) this.#opening[0]!.finish(undefined)
    const connection = this.#layer.welcome(segment, ip, this.#binding, after)
    if (connection === undefined) return false
    connection.parent = this
    this.#opening.push(connection)
    return true
  }

  admits(): boolean {
    return !this.closed && this.#established.length < Math.max(1, this.#binding.backlog)
  }

  established(connection: Connection): void {
    takeOut(this.#opening, connection)
    this.#established.push(connection)
  }

  announce(): void {
    this.#acceptable()
  }

  lost(connection: Connection): void {
    // It was reset before anybody accepted it: nobody need know.
    if (!takeOut(this.#opening, connection) && takeOut(this.#established, connection)) this.#layer.forget(connection)
  }
}

function takeOut(list: Connection[], connection: Connection): boolean {
  const at = list.lastIndexOf(connection)
  if (at === list.length - 1) list.pop()
  else if (at >= 0) list.splice(at, 1)
  return at >= 0
}
