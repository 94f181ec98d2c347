/** Ports that stream sockets are bound to. TCP knows those of listeners and connections; a socket that is bound has neither yet. */

import type { Address, Interface } from '@favonius/contract'
import { dynamicPort, failure, isUnspecified, sameAddress } from '@favonius/inet'
import type { StreamParts } from './parts.ts'

/** Where something is, or wants to be. */
interface Place {
  readonly address: Address
  /** 0 for a free one. */
  readonly port: number
  readonly v6only: boolean
  readonly iface: Interface | undefined
}

/** What a socket asks to be bound to. */
export interface PortRequest extends Place {
  readonly reuse: boolean
}

export class Ports {
  readonly #parts: StreamParts
  readonly #taken = new Set<PortRequest>()

  constructor(parts: StreamParts) {
    this.#parts = parts
  }

  /** Reserves a port until `release`. EINVAL, EADDRNOTAVAIL, EADDRINUSE. */
  take(request: PortRequest): PortRequest {
    const { address, port, iface } = request
    if (!Number.isInteger(port) || port < 0 || port > 65_535) throw failure('EINVAL', `port ${port}: give a whole number from 0 (any free port) to 65535`)
    if (!isUnspecified(address) && !this.#parts.ip.layer(address.family)?.owns(address, iface)) {
      throw failure('EADDRNOTAVAIL', `${address} is no address of this stack${iface ? ` on ${iface.name}` : ''}: add it first, or bind to ${address.family === 6 ? '::' : '0.0.0.0'}`)
    }
    const taken = port === 0 ? this.#free(request) : request
    if (this.#isTaken(taken)) throw failure('EADDRINUSE', `TCP port ${port} is in use: choose another, or set SO_REUSEADDR where connections of before use it`)
    this.#taken.add(taken)
    return taken
  }

  release(taken: PortRequest): void {
    this.#taken.delete(taken)
  }

  #free(request: PortRequest): PortRequest {
    const port = dynamicPort(this.#parts.env.random, (one) => !this.#isTaken({ ...request, port: one, reuse: false }))
    if (port === undefined) throw failure('EADDRINUSE', 'every dynamic TCP port (49152 to 65535) is in use')
    return { ...request, port }
  }

  /** As Linux has it: SO_REUSEADDR shares a port with connections, and with who is bound and says so too, and never with who listens. */
  #isTaken(wanted: PortRequest): boolean {
    const { listeners, connections } = this.#parts.tcp
    for (const other of listeners) if (meets(wanted, other)) return true
    for (const other of this.#taken) if (!(other.reuse && wanted.reuse) && meets(wanted, other)) return true
    return !wanted.reuse && connections.some(({ local: { ip, port } }) => meets(wanted, { address: ip, port, v6only: true, iface: undefined }))
  }
}

/** Whether a segment could be for both. */
function meets(a: Place, b: Place): boolean {
  if (a.port !== b.port || (a.iface !== undefined && b.iface !== undefined && a.iface !== b.iface)) return false
  if (a.address.family === b.address.family) return isUnspecified(a.address) || isUnspecified(b.address) || sameAddress(a.address, b.address)
  const six = a.address.family === 6 ? a : b
  return isUnspecified(six.address) && !six.v6only
}
