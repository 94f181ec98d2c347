/**
 * The two seams that applications stand on: datagrams and streams.
 * Our sockets, node:dgram, node:net, a WebSocket or DTLS may be behind them.
 *
 * Sinks, not promises: a call is synchronous, so virtual time stays exact and no queue is added.
 */

/** An address and a port. Interned per peer by who makes it, so that it can be a Map's key; its text is made lazily. */
export interface Endpoint {
  /** `192.0.2.1`, `2001:db8::1`, `fe80::1%eth0`. */
  readonly address: string
  readonly port: number
}

export interface DatagramOptions {
  /** Dual stack off: an IPv6 socket that takes no IPv4. */
  readonly v6only?: boolean
  /** Share the port with others that say so too. */
  readonly reuse?: boolean
  /** Send and receive on this interface alone. */
  readonly iface?: string
  /** Of what is sent; unicast 64 and multicast 1 unless given. */
  readonly hopLimit?: number
}

/** What is known of a datagram beyond its bytes. One record is reused: copy what you keep. */
export interface DatagramInfo {
  /** The address it was sent to. */
  readonly local: string | undefined
  readonly iface: string | undefined
  readonly multicast: boolean | undefined
  readonly hopLimit: number | undefined
}

export interface DatagramSink {
  /** `data` is borrowed until the call returns. */
  receive(data: Uint8Array, from: Endpoint, info: DatagramInfo): void
  /** An error of the socket, or an ICMP error of a peer; `code` has errno's name. */
  error?(error: Error & { readonly code: string }): void
}

export interface DatagramSocket {
  readonly local: Endpoint
  /** Copied before it returns. False: not sent (no room, no route), and counted. Throws only on a malformed endpoint, oversize data, or a closed socket. */
  send(data: Uint8Array, to: Endpoint): boolean
  join(group: string, iface?: string): void
  leave(group: string, iface?: string): void
  close(): void
}

export interface DatagramNet {
  /** Rejects with EADDRINUSE, EADDRNOTAVAIL, EINVAL. Address `::` (both families where composed) and a free port unless given. */
  open(local: Partial<Endpoint>, sink: DatagramSink, options?: DatagramOptions): Promise<DatagramSocket>
}

/** How a stream is sent, where the transport knows of it. */
export interface StreamSettings {
  /** Send what is written at once, small as it may be (RFC 9293 §3.7.4: Nagle's algorithm off). */
  readonly noDelay?: boolean
  /** Milliseconds without a word of the peer until it is asked whether it is there (RFC 9293 §3.8.4); 0 for never. */
  readonly keepAlive?: number
}

export interface StreamOptions extends StreamSettings {
  /** From this address and port; chosen by the transport unless given. */
  readonly local?: Partial<Endpoint>
  /** Milliseconds to connect within; ETIMEDOUT after them. As long as the transport tries unless given. */
  readonly timeout?: number
}

/**
 * What a stream tells its owner: `receive` for what comes, `ended` once at most, `closed` once, in this order. From within each call its owner may
 * write, pause, end or abort.
 */
export interface StreamSink {
  /** `chunk` is borrowed until the call returns. */
  receive(chunk: Uint8Array): void
  /** A `write` that took less than given may go on. */
  drained?(): void
  /** The peer sent its end, and all before it was received; writing may go on. */
  ended?(): void
  /**
   * Nothing follows. Undefined when both directions ended in order; otherwise an error with errno's code: ECONNRESET, ETIMEDOUT, EHOSTUNREACH,
   * ECANCELED…, and at once, though the stream be paused: what was not received is gone.
   */
  closed(error?: Error): void
}

/** One connection, both directions. */
export interface Stream {
  readonly local: Endpoint
  readonly remote: Endpoint
  /**
   * Copies what there is room for before it returns. How many bytes were taken: when fewer than given, `drained()` says that more fit, or `closed()`
   * that none will. Throws EPIPE behind `end` or `abort`.
   */
  write(chunk: Uint8Array): number
  /** After it returns neither `receive` nor `ended` comes, and the window stays shut for what is undelivered. */
  pause(): void
  /** What waits may be received before it returns. */
  resume(): void
  /** Nothing more will be written: the end follows what was. Harmless when repeated. */
  end(): void
  /** Changes how it is sent from now on. */
  configure(settings: StreamSettings): void
  /**
   * Its owner leaves: what was written is still sent, and the end follows it; what still comes is refused, or was not read, and then the peer is told
   * so by a reset. The sink hears nothing any more. Harmless when it is over.
   */
  close(): void
  /** Gives it up, both directions at once. `closed` follows on a later turn, with `error`, or ECONNABORTED. Harmless when it is over. */
  abort(error?: Error): void
}

export interface Listener {
  readonly local: Endpoint
  /** No connection is accepted any more; those that were go on. */
  close(): void
}

export interface StreamNet {
  /**
   * Nothing is received before the caller has the stream, and the next turn has begun. Rejects with ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH,
   * ENOBUFS, EINVAL…; the sink then hears nothing.
   */
  connect(to: Endpoint, sink: StreamSink, options?: StreamOptions): Promise<Stream>
  /** Calls `accept` for each connection. Address `::` (both families where composed) and a free port unless given. EADDRINUSE, EADDRNOTAVAIL, EINVAL. */
  listen(at: Partial<Endpoint>, accept: (stream: Stream) => StreamSink): Promise<Listener>
}

/** Who finds the addresses of names: `stack.sockets.resolver`. `dns()` is one. */
export interface NameResolver {
  /** At least one; rejects with the codes of node:dns, ENOTFOUND and its like. */
  lookup(name: string, options?: { readonly family?: 4 | 6 | undefined; readonly signal?: AbortSignal | undefined }): Promise<readonly { readonly address: string; readonly family: 4 | 6 }[]>
}
