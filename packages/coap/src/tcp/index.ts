/**
 * CoAP over TCP: RFC 8323. The same client and server over connections: `new CoapClient(new CoapStreams(net, env), env)`.
 *
 * @packageDocumentation
 */

import type { Endpoint, Env, Instant, Listener, Stream, StreamNet, StreamSink, Timer } from '@favonius/contract'
import type { Carrier, Told } from '../endpoint.ts'
import type { CoapInput, CoapStatistics } from '../machine.ts'
import { defaults, type Settings } from '../settings.ts'
import { Connection, type ConnectionInput } from './machine.ts'

/** Bytes that may wait for a peer that does not read; then it is read from no longer, and beyond twice as many given up. */
const WAITING = 1 << 18

/** One connection, and what is under it. */
interface Link {
  readonly connection: Connection
  readonly timer: Timer
  readonly waiting: Uint8Array[]
  stream: Stream | undefined
  /** Bytes in `waiting`. */
  bytes: number
  /** It ends when what waits is written. */
  ending: boolean
  draining: boolean
}

const keyOf = ({ address, port }: Endpoint): string => `${address} ${port}`

/** Connections of one end, for either role, or both. */
export class CoapStreams implements Carrier {
  readonly scheme = 'coap+tcp'
  readonly env: Env
  readonly settings: Settings
  readonly statistics: CoapStatistics = {
    sent: 0, received: 0, retransmitted: 0, forgotten: 0,
    dropped: { malformed: 0, type: 0, duplicate: 0, token: 0, unexpected: 0, peers: 0, option: 0, unsent: 0 },
  }
  client: ((told: Told) => void) | undefined
  server: ((told: Told) => void) | undefined
  readonly #net: StreamNet
  readonly #links = new Map<string, Link>()
  #listener: Listener | undefined
  #closed = false

  /** Settings are those of `coapOptions`; those of messages are without meaning here. */
  constructor(net: StreamNet, env: Env, settings: Partial<Settings> = {}) {
    this.#net = net
    this.env = env
    this.settings = { ...defaults, ...settings }
  }

  /** Nothing is to be opened before somebody is asked. */
  async open(): Promise<void> {}

  get local(): Endpoint | undefined {
    return this.#listener?.local
  }

  /** Connections now. */
  get connections(): number {
    return this.#links.size
  }

  /** Accepts connections; port 5683 unless given. Rejects as `StreamNet.listen` does. */
  async listen({ address, port = 5683 }: Partial<Endpoint> = {}): Promise<void> {
    this.#listener = await this.#net.listen({ port, ...(address === undefined ? {} : { address }) }, (stream) => {
      if (this.#links.size >= this.settings.maxPeers) {
        this.statistics.dropped.peers++
        stream.abort()
        return { receive() {}, closed() {} }
      }
      const link = this.#link(stream.remote)
      link.stream = stream
      // What is said first goes when the caller has the stream.
      this.#drain(link)
      return this.#sink(link, stream.remote)
    })
    this.env.wake()
  }

  has(exchange: number): boolean {
    for (const { connection } of this.#links.values()) if (connection.has(exchange)) return true
    return false
  }

  handle(input: CoapInput): void {
    switch (input.kind) {
      case 'request': case 'ping': return this.#give(this.#links.get(keyOf(input.to)) ?? this.#connect(input.to), input)
      case 'respond': return this.#give(this.#links.get(keyOf(input.request.from)), input)
      case 'notify': {
        const link = this.#links.get(keyOf(input.to))
        // RFC 8323 §7.4: with the connection its observations are over.
        if (link === undefined) this.server?.({ kind: 'notified', observer: input.observer, code: 'ECONNRESET' })
        else this.#give(link, input)
        return
      }
      case 'cancel': for (const link of this.#links.values()) if (link.connection.has(input.exchange)) this.#give(link, input)
    }
  }

  #give(link: Link | undefined, input: ConnectionInput): void {
    if (link === undefined) return
    link.connection.handle(input, this.env.clock.now())
    this.#drain(link)
  }

  #link(remote: Endpoint): Link {
    const connection = new Connection(remote, this.settings, this.statistics, this.server !== undefined)
    const timer = this.env.clock.timer((now: Instant) => {
      connection.tick(now)
      this.#drain(link)
    })
    const link: Link = { connection, timer, waiting: [], stream: undefined, bytes: 0, ending: false, draining: false }
    this.#links.set(keyOf(remote), link)
    return link
  }

  #connect(to: Endpoint): Link {
    const link = this.#link(to)
    this.#net.connect(to, this.#sink(link, to), { noDelay: true, timeout: this.settings.responseTimeout }).then((stream) => {
      this.env.wake()
      if (this.#links.get(keyOf(to)) !== link) return stream.abort()
      link.stream = stream
      this.#write(link)
    }, () => {
      this.env.wake()
      this.#gone(link, to)
    })
    return link
  }

  #sink(link: Link, remote: Endpoint): StreamSink {
    return {
      receive: (data) => this.#give(link, { kind: 'bytes', data }),
      drained: () => this.#write(link),
      ended: () => {
        link.ending = true
        this.#write(link)
      },
      closed: () => this.#gone(link, remote),
    }
  }

  #gone(link: Link, remote: Endpoint): void {
    if (this.#links.get(keyOf(remote)) === link) this.#links.delete(keyOf(remote))
    link.waiting.length = 0
    this.#give(link, { kind: 'closed' })
    link.timer.cancel()
  }

  #drain(link: Link): void {
    if (link.draining) return
    link.draining = true
    const { connection } = link
    for (let out = connection.poll(); out !== undefined; out = connection.poll()) {
      switch (out.kind) {
        case 'write': {
          link.waiting.push(out.data)
          link.bytes += out.data.length
          break
        }
        case 'end': {
          link.ending = true
          break
        }
        case 'request': case 'notified': this.server?.(out); break
        default: this.client?.(out)
      }
    }
    link.draining = false
    this.#write(link)
    const due = connection.deadline()
    if (due === undefined) link.timer.cancel()
    else if (due !== link.timer.due) link.timer.schedule(due)
  }

  /** Writes what the stream takes. Who does not read what it is answered is not read from either. */
  #write(link: Link): void {
    const { stream, waiting } = link
    if (stream === undefined) return
    const before = link.bytes
    while (waiting.length > 0) {
      const taken = stream.write(waiting[0]!)
      link.bytes -= taken
      if (taken < waiting[0]!.length) {
        waiting[0] = waiting[0]!.subarray(taken)
        break
      }
      waiting.shift()
    }
    if (link.bytes > 2 * WAITING) return stream.abort()
    if (link.bytes > WAITING) stream.pause()
    else if (before > WAITING) stream.resume()
    if (link.ending && waiting.length === 0) stream.end()
  }

  /** Connections end, and no more are accepted. Harmless when repeated. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#listener?.close()
    for (const link of this.#links.values()) {
      link.timer.cancel()
      link.stream?.close()
    }
    this.#links.clear()
  }
}
