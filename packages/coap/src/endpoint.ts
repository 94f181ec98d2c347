/** The machine with a loop: a socket under it, and the two roles above it, either or both. */

import type { DatagramNet, DatagramSocket, Endpoint, Env, Instant, Timer } from '@favonius/contract'
import { failure } from '@favonius/inet'
import type { CoapInput, CoapOutput } from './events.ts'
import { CoapMachine } from './machine.ts'
import type { EndSettings } from './serving.ts'
import type { CoapStatistics } from './statistics.ts'

/** What a role hears of. */
export type Told = Exclude<CoapOutput, { readonly kind: 'send' }>

/** What carries messages for either role, or both: a UDP port, TCP connections, or WebSockets. */
export interface Carrier {
  /** Of URIs that it may ask: `coap`. */
  readonly scheme: string
  /** Of URIs that have none: 5683 unless given. */
  readonly port?: number
  /** Whether an endpoint's address may be a name: it is found below, as a browser does. */
  readonly names?: boolean
  readonly env: Env
  readonly settings: EndSettings
  readonly statistics: CoapStatistics
  /** Where it hears; undefined before it is open. */
  readonly local: Endpoint | undefined
  /** What a client hears of: its exchanges. */
  client: ((told: Told) => void) | undefined
  /** What a server hears of: requests, and what becomes of notifications. */
  server: ((told: Told) => void) | undefined
  /** Requests may be given to it. */
  readonly isOpen: boolean
  /** To be called before a request, unless it is open. */
  open(local?: Partial<Endpoint>): Promise<void>
  handle(input: CoapInput): void
  /**
   * Bytes of a body that may go to a peer at once now: one block of less than 1024, or as many of 1024 as that is (RFC 8323 §6). 0 until the peer has said how many it
   * takes. Unless given a block of 1024, and no more.
   */
  room?(to: Endpoint): number
  close(): void
}

/** One UDP port that speaks CoAP. */
export class CoapEndpoint implements Carrier {
  readonly scheme = 'coap'
  readonly env: Env
  readonly settings: EndSettings
  readonly machine: CoapMachine
  client: ((told: Told) => void) | undefined
  server: ((told: Told) => void) | undefined
  /** @internal */
  readonly net: DatagramNet
  readonly #timer: Timer
  #opening: Promise<void> | undefined
  #socket: DatagramSocket | undefined
  #draining = false
  #now: Instant = 0
  #closed = false

  /** Without `Answers` it serves nothing. */
  constructor(net: DatagramNet, env: Env, settings: EndSettings, answers?: ConstructorParameters<typeof CoapMachine>[2]) {
    this.net = net
    this.env = env
    this.settings = settings
    this.machine = new CoapMachine(env.random, settings, answers)
    this.#timer = env.clock.timer((now) => {
      this.#now = now
      this.machine.tick(now)
      this.#drain()
    })
  }

  /** Opens its socket, once. Rejects as `DatagramNet.open` does, and with EBADF when it was closed. */
  async open(local: Partial<Endpoint> = {}): Promise<void> {
    if (this.#closed) throw failure('EBADF', 'the endpoint is closed')
    this.#opening ??= (async () => {
      const opening = this.net.open(local, { receive: (data, from, info) => this.handle({ kind: 'received', data, from, multicast: info.multicast === true }) })
      const socket = await opening.catch((error: Error) => {
        this.#opening = undefined
        throw error
      })
      this.env.wake()
      if (this.#closed) {
        socket.close()
        throw failure('ECANCELED', 'the endpoint is closed')
      }
      this.#socket = socket
    })()
    return this.#opening
  }

  get isOpen(): boolean {
    return this.#socket !== undefined
  }

  handle(input: CoapInput): void {
    // What comes of a datagram comes at once.
    if (!this.#draining) this.#now = this.env.clock.now()
    this.machine.handle(input, this.#now)
    this.#drain()
  }

  #drain(): void {
    // Whoever is told may call `handle`: what comes of that is polled by the loop that told it.
    if (this.#draining) return
    this.#draining = true
    try {
      for (let out = this.machine.poll(); out !== undefined; out = this.machine.poll()) this.#do(out)
    } finally {
      this.#draining = false
    }
    const due = this.#closed ? undefined : this.machine.deadline()
    if (due === undefined) this.#timer.cancel()
    else if (due !== this.#timer.due) this.#timer.schedule(due)
  }

  #do(out: CoapOutput): void {
    switch (out.kind) {
      case 'send': {
        try {
          // What is not sent for want of room is counted below, and sent again if it is confirmable.
          this.#socket?.send(out.data, out.to)
        } catch (error) {
          // It is too large, or the address none of this socket's.
          this.machine.handle({ kind: 'unsent', to: out.to, code: (error as { code: string }).code }, this.#now)
        }
        return
      }
      case 'request':
      case 'notified': return this.server?.(out)
      default: this.client?.(out)
    }
  }

  get statistics(): CoapStatistics {
    return this.machine.statistics
  }

  get local(): Endpoint | undefined {
    return this.#socket?.local
  }

  /** @internal */
  get socket(): DatagramSocket | undefined {
    return this.#socket
  }

  /** Nothing is sent or heard any more. Harmless when repeated. */
  close(): void {
    this.#closed = true
    this.#timer.cancel()
    this.#socket?.close()
    this.#socket = undefined
  }
}
