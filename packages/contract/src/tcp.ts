/** TCP as sockets see it. */

import type { Address } from './address.ts'
import type { Interface } from './netif.ts'
import type { NetBuf } from './netbuf.ts'

/** RFC 9293 §3.3.2. */
export type TcpState =
  | 'CLOSED' | 'LISTEN' | 'SYN-SENT' | 'SYN-RECEIVED' | 'ESTABLISHED' | 'FIN-WAIT-1' | 'FIN-WAIT-2' | 'CLOSE-WAIT' | 'CLOSING' | 'LAST-ACK'
  | 'TIME-WAIT'

/** One end of a connection. */
export interface TcpEndpoint {
  readonly ip: Address
  readonly port: number
}

/**
 * What a connection tells its owner. Each call is made when the connection is done with what it was doing, so its owner may write, take, end or
 * abort from within it.
 */
export interface TcpSink {
  /** The handshake is done. Connections that a listener gives are past it. */
  established?(): void
  /** Data that was not there before waits for `take` or `read`. */
  readable(): void
  /** A `write` that took less than it was given may go on. */
  writable(): void
  /** The peer sent its FIN: nothing follows what waits. Writing may go on. */
  ended(): void
  /** The connection is over, and nothing follows. Undefined when both directions ended in order; otherwise an error with errno's code. */
  closed(error: (Error & { readonly code: string }) | undefined): void
}

/** RFC 9293 §3.8.4, RFC 1122 §4.2.3.6: how an idle connection is looked after. */
export interface TcpKeepAlive {
  /** Milliseconds without a segment before the first probe. */
  readonly idle: number
  /** Milliseconds between probes. */
  readonly interval: number
  /** Probes without an answer until the connection is given up with ETIMEDOUT. */
  readonly count: number
}

/** What may be changed of a connection while it lasts. */
export interface TcpSettings {
  /** Send small segments at once, though others are not acknowledged yet: RFC 9293 §3.7.4 (Nagle's algorithm) off. */
  noDelay: boolean
  /** Undefined: no probes. */
  keepAlive: TcpKeepAlive | undefined
  /** RFC 5482, RFC 9293 §3.9.1: milliseconds that data may stay unacknowledged until ETIMEDOUT; 0 leaves it to the retransmissions. */
  userTimeout: number
  /** 802.1Q priority of what is sent, 0–7. */
  priority: number
  /** Undefined: the network layer's default. */
  hopLimit: number | undefined
  /** DSCP and ECN, 0–255. */
  trafficClass: number
}

/** A connection. */
export interface TcpConnection extends TcpSettings {
  readonly local: TcpEndpoint
  readonly remote: TcpEndpoint
  readonly state: TcpState
  /** Who is told. */
  sink: TcpSink

  /** Bytes of data in a whole segment that it sends (TCP_MAXSEG). */
  readonly mss: number
  /** Bytes that `write` would take now. */
  readonly room: number
  /** Bytes written and not acknowledged yet. */
  readonly unacknowledged: number
  /** Copies what there is room for, and returns how many bytes. When it is fewer than given, `writable` follows. EPIPE once it cannot be sent any more. */
  write(data: Uint8Array): number
  /** An empty buffer of up to `length` bytes of room, to fill with `add` and give to `writeBuffer`, without a copy. Undefined when there is no room; `writable` follows. */
  lend(length: number): NetBuf | undefined
  /** Sends a buffer that was lent. Takes the reference. EPIPE. */
  writeBuffer(packet: NetBuf): void
  /** Nothing more will be written: FIN follows what was. Harmless when repeated. */
  end(): void

  /** Bytes in order that wait. */
  readonly readable: number
  /** The peer's FIN has come; what waits is all that follows. */
  readonly ended: boolean
  /** The next bytes that wait, in the buffer in which they came. Its reference passes, and the window opens by so much. */
  take(): NetBuf | undefined
  /** Copies what waits, as much as fits, and opens the window by so much. Returns how many bytes. */
  read(into: Uint8Array): number

  /** Nobody will read or write any more. RST when data was not read (RFC 9293 §3.10.4, RFC 2525 §2.17), otherwise as `end`; TCP goes on alone. */
  close(): void
  /** RST: everything that waits is forgotten. `closed` is not called. Harmless when it is over. */
  abort(): void
}

/** How a connection begins. */
export interface TcpConnectOptions extends Partial<TcpSettings> {
  /** From this address; chosen by the network layer unless given. */
  readonly source?: Address | undefined
  /** From this port; a free one unless given. */
  readonly sourcePort?: number | undefined
  /** By this interface alone. */
  readonly iface?: Interface | undefined
  /** Bytes that may wait to be read: the largest window; the option's default unless given. */
  readonly receiveBuffer?: number | undefined
  /** Bytes that may wait to be acknowledged; grows by itself unless given. */
  readonly sendBuffer?: number | undefined
}

/** Where a listener hears. */
export interface TcpBinding {
  /** Our address, or the unspecified one; `::` takes both families unless `v6only`. */
  readonly address: Address
  /** 0 for a free one. */
  readonly port: number
  readonly v6only: boolean
  readonly iface: Interface | undefined
  /** Established connections that may wait to be accepted; more are not answered until there is room. */
  readonly backlog: number
  /** For the connections it makes, as in `TcpConnectOptions`. */
  readonly receiveBuffer?: number | undefined
  readonly sendBuffer?: number | undefined
}

/** A port that connections are accepted on. */
export interface TcpListener {
  readonly address: Address
  readonly port: number
  /** It hears no IPv4, though its address be `::`. */
  readonly v6only: boolean
  /** It hears by this interface alone. */
  readonly iface: Interface | undefined
  /** Connections that wait to be accepted. */
  readonly waiting: number
  /** The connection that has waited for longest. Give it a sink at once; data may have come already. */
  accept(): TcpConnection | undefined
  /** What was not accepted is reset. */
  close(): void
}

/** `stack.tcp`. */
export interface Tcp {
  /**
   * Begins a connection; `sink.established`, or `sink.closed` with ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH… follows on a later turn. Throws ENETUNREACH
   * (no route, or no address to send from), EADDRNOTAVAIL, EADDRINUSE, ENOBUFS (`maxConnections`), EINVAL.
   */
  connect(to: Address, port: number, sink: TcpSink, options?: TcpConnectOptions): TcpConnection
  /** Throws EADDRINUSE, EADDRNOTAVAIL, ENOBUFS (`maxListeners`), EINVAL. `acceptable` is called when a connection waits that did not wait before. */
  listen(binding: TcpBinding, acceptable: () => void): TcpListener
  /** All connections, but for those in TIME-WAIT. */
  readonly connections: readonly TcpConnection[]
  readonly listeners: readonly TcpListener[]
}
