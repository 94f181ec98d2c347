/** Connections by their peers, and the loop of each: what CoAP over TCP and over WebSockets have in common (RFC 8323). */

import type { Endpoint, Env, Instant, Timer } from '@favonius/contract'
import { MAX_BLOCK } from '../blocks.ts'
import type { Carrier, Told } from '../endpoint.ts'
import type { CoapInput } from '../events.ts'
import { serverDefaults, type Settings } from '../serving.ts'
import { statistics } from '../statistics.ts'
import type { Framing } from './framing.ts'
import { Connection, type ConnectionInput } from './machine.ts'

/** Bytes that may wait for a peer that does not read. */
export const WAITING = 1 << 18

/** What is under a connection: messages leave by it, in order. */
export interface Pipe {
  /** Bytes that wait. */
  readonly waiting: number
  /** One message. What cannot go yet waits. */
  write(data: Uint8Array<ArrayBuffer>): void
  /** It ends when what waits is written. */
  end(): void
  /** It is over at once, on our side. */
  close(): void
}

/** What is under a connection as long as nothing is, or when nothing comes. */
export const NOWHERE: Pipe = { waiting: 0, write() {}, end() {}, close() {} }

/** One connection. */
export class Link {
  readonly remote: Endpoint
  readonly connection: Connection
  readonly timer: Timer
  pipe = NOWHERE
  draining = false

  constructor(remote: Endpoint, connection: Connection, env: Env, due: (link: Link) => void) {
    this.remote = remote
    this.connection = connection
    this.timer = env.clock.timer((now: Instant) => {
      connection.tick(now)
      due(this)
    })
  }
}

const keyOf = ({ address, port }: Endpoint): string => `${address} ${port}`

/** Connections of one end, for either role, or both. */
export abstract class Connections implements Carrier {
  abstract readonly scheme: string
  readonly env: Env
  readonly settings: Settings
  readonly statistics = statistics()
  client: ((told: Told) => void) | undefined
  server: ((told: Told) => void) | undefined
  readonly #framing: Framing
  readonly #links = new Map<string, Link>()
  #closed = false

  constructor(framing: Framing, env: Env, settings: Partial<Settings>) {
    this.#framing = framing
    this.env = env
    this.settings = { ...serverDefaults, ...settings }
  }

  abstract get local(): Endpoint | undefined

  /** Makes what is under a connection that is wanted; what comes of it is told by `give` and `gone`. */
  protected abstract connect(link: Link): Pipe

  /** Nothing is to be opened before somebody is asked. */
  readonly isOpen = true
  async open(): Promise<void> {}

  /** Connections now. */
  get connections(): number {
    return this.#links.size
  }

  /** The connection with a peer, unless it is over. */
  #with(peer: Endpoint): Link | undefined {
    const link = this.#links.get(keyOf(peer))
    return link?.connection.over ? undefined : link
  }

  /** As much as the peer takes, but what waits for it: many bodies at once are not more than may wait. */
  room(to: Endpoint): number {
    const link = this.#with(to)
    if (link === undefined) return 0
    const { connection: { room }, pipe: { waiting } } = link
    return room > MAX_BLOCK ? Math.max(2 * MAX_BLOCK, Math.min(room, WAITING - waiting) & -MAX_BLOCK) : room
  }

  handle(input: CoapInput): void {
    switch (input.kind) {
      case 'request': case 'ping': return this.give(this.#with(input.to) ?? this.begin(input.to, (link) => this.connect(link)), input)
      case 'respond': return this.give(this.#with(input.request.from), input)
      case 'notify': {
        const link = this.#with(input.to)
        // RFC 8323 §7.4: with the connection its observations are over.
        if (link === undefined) this.server?.({ kind: 'notified', observer: input.observer, code: 'ECONNRESET' })
        else this.give(link, input)
        return
      }
      case 'cancel': for (const link of this.#links.values()) if (link.connection.has(input.exchange)) this.give(link, input)
    }
  }

  /** Whether one may be accepted; it is counted when not. */
  protected admits(from: Endpoint): boolean {
    if (!this.#closed && (this.#links.size < this.settings.maxPeers || this.#links.has(keyOf(from)))) return true
    this.statistics.dropped.peers++
    return false
  }

  /** Begins a connection, over what `under` makes; what is said first goes as soon as that takes it. */
  protected begin(remote: Endpoint, under: (link: Link) => Pipe): Link {
    const before = this.#links.get(keyOf(remote))
    // Who comes again has lost the one before.
    if (before !== undefined) {
      before.pipe.close()
      this.gone(before)
    }
    const connection = new Connection(remote, this.settings, this.statistics, this.server !== undefined, this.#framing)
    const link = new Link(remote, connection, this.env, () => this.#drain(link))
    this.#links.set(keyOf(remote), link)
    link.pipe = under(link)
    this.#drain(link)
    return link
  }

  protected give(link: Link | undefined, input: ConnectionInput): void {
    if (link === undefined) return
    link.connection.handle(input, this.env.clock.now())
    this.#drain(link)
  }

  /** Whether it is one of those that are open. */
  protected knows(link: Link): boolean {
    return this.#links.get(keyOf(link.remote)) === link
  }

  /** The peer says no more: what was written goes, and nothing else. */
  protected ended(link: Link): void {
    link.pipe.end()
    this.give(link, { kind: 'closed' })
  }

  /** It is over, whoever ended it. */
  protected gone(link: Link): void {
    if (this.knows(link)) this.#links.delete(keyOf(link.remote))
    this.give(link, { kind: 'closed' })
    link.timer.cancel()
  }

  #drain(link: Link): void {
    if (link.draining) return
    link.draining = true
    const { connection } = link
    for (let out = connection.poll(); out !== undefined; out = connection.poll()) {
      switch (out.kind) {
        case 'write': link.pipe.write(out.data); break
        case 'end': link.pipe.end(); break
        case 'request': case 'notified': this.server?.(out); break
        default: this.client?.(out)
      }
    }
    link.draining = false
    const due = connection.deadline()
    if (due === undefined) link.timer.cancel()
    else if (due !== link.timer.due) link.timer.schedule(due)
  }

  /** Connections end, and no more are accepted. Harmless when repeated. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const link of this.#links.values()) {
      link.timer.cancel()
      link.pipe.close()
    }
    this.#links.clear()
  }
}
