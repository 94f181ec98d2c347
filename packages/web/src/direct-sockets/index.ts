/**
 * What passes for the Direct Sockets API (WICG) over any nets: so a program for Isolated Web Apps runs over a stack in its page, in a worker, or elsewhere.
 *
 * @packageDocumentation
 */

import type { DirectParts } from './parts.ts'
import { DirectTCPServerSocket, type TCPServerSocketOptions } from './server.ts'
import { DirectTCPSocket, open, type TCPSocketOptions } from './tcp.ts'
import { DirectUDPSocket, type UDPSocketOptions } from './udp.ts'

export type { DirectParts, DnsQueryType } from './parts.ts'
export type { DirectTCPServerSocket, TCPServerSocketOpenInfo, TCPServerSocketOptions } from './server.ts'
export type { DirectTCPSocket, TCPSocketOpenInfo, TCPSocketOptions } from './tcp.ts'
export type { DirectUDPSocket, MulticastController, UDPMessage, UDPSocketOpenInfo, UDPSocketOptions } from './udp.ts'

/** What `directSockets` gives. */
export interface DirectSockets {
  /** Connects at once. Throws TypeError for options that cannot be; `opened` and `closed` reject with a NetworkError. */
  readonly TCPSocket: new (remoteAddress: string, remotePort: number, options?: TCPSocketOptions) => DirectTCPSocket
  /** Listens at once. */
  readonly TCPServerSocket: new (localAddress: string, options?: TCPServerSocketOptions) => DirectTCPServerSocket
  /** Bound by `localAddress`, or connected by `remoteAddress` and `remotePort`. */
  readonly UDPSocket: new (options: UDPSocketOptions) => DirectUDPSocket
}

/**
 * The classes of the Direct Sockets API over `parts`.
 *
 * ```ts no-run
 * const { TCPSocket } = directSockets({ env: system, streams: stack.sockets, datagrams: stack.sockets, names: stack.dns })
 * const { readable, writable } = await new TCPSocket('www.example.com', 80).opened
 * ```
 */
export function directSockets(parts: DirectParts): DirectSockets {
  return {
    TCPSocket: class TCPSocket extends DirectTCPSocket {
      constructor(remoteAddress: string, remotePort: number, options: TCPSocketOptions = {}) {
        super(open(parts, remoteAddress, remotePort, options))
      }
    },
    TCPServerSocket: class TCPServerSocket extends DirectTCPServerSocket {
      constructor(localAddress: string, options?: TCPServerSocketOptions) {
        super(parts, localAddress, options)
      }
    },
    UDPSocket: class UDPSocket extends DirectUDPSocket {
      constructor(options: UDPSocketOptions) {
        super(parts, options)
      }
    },
  }
}
