/**
 * The DHCP client as a machine: RFC 2131 §4.4. Read it, and figure 5, before touching this file.
 *
 * ```text
 *   stopped --start--> init --delay--> selecting --offer--> requesting --ack--> checking --unique--> bound
 *                       ^                                                          | conflict: decline, 10 s
 *                       +----------------------------------------------------------+
 *   bound --T1--> renewing --T2--> rebinding --end--> init        (an ack leads back to bound, a nak to init)
 *   carrier returns with a lease: rebooting --ack--> bound, --nak or silence--> init
 * ```
 *
 * Zephyr 3.4 gives no address back (DECLINE, RELEASE), does not remember one (INIT-REBOOT), and believes an ACK of any server.
 */

import type { Address, Instant, Machine, Random } from '@favonius/contract'
import { ANY4, between, sameAddress } from '@favonius/inet'
import { leaseOf, type Lease } from './lease.ts'
import { BOOTREPLY, BOOTREQUEST, writeMessage, type DhcpMessage } from './wire/message.ts'
import { messageTypes, type DhcpOptions } from './wire/options.ts'

export type ClientState = 'stopped' | 'waiting' | 'init' | 'selecting' | 'requesting' | 'checking' | 'bound' | 'renewing' | 'rebinding' | 'rebooting'

/** RFC 2131 §4.1: 4, 8, 16, 32, 64 seconds, and a second more or less. */
const FIRST_WAIT = 4000
const LONGEST_WAIT = 64_000
const JITTER = 1000
/** RFC 2131 §3.1 (5): four requests, 60 seconds in all. */
const MAX_REQUESTS = 4
/** Requests for a remembered address before another will do: 12 seconds. */
const MAX_REBOOTS = 2
/** RFC 2131 §3.1 (5): after a DECLINE, and after a NAK too, so that a server that has nothing else is not asked in a circle. */
const DECLINE_WAIT = 10_000
/** RFC 2131 §4.4.5. */
const LEAST_RENEWAL_WAIT = 60_000

/** Why a message is not taken. */
export type Refusal = 'reply' | 'transaction' | 'server' | 'state' | 'lease'

/** What can be told to it. */
export type ClientInput =
  | { readonly type: 'start' | 'stop' }
  | { readonly type: 'carrier'; readonly up: boolean }
  | { readonly type: 'message'; readonly message: DhcpMessage }
  /** What came of `check`. */
  | { readonly type: 'checked'; readonly unique: boolean }
  /** Someone else uses our address (RFC 5227 §2.4). */
  | { readonly type: 'conflict' }

/** What it wants done. */
export type ClientOutput =
  /** Undefined: broadcast; from 0.0.0.0 unless the message has a client address. */
  | { readonly do: 'send'; readonly message: Uint8Array; readonly to: Address | undefined; readonly from: Address }
  /** Whether anyone has the address: answered by `checked`. */
  | { readonly do: 'check'; readonly address: Address }
  /** A lease is ours, anew or again. The one before, if any, is void. */
  | { readonly do: 'bind'; readonly lease: Lease }
  | { readonly do: 'unbind'; readonly lease: Lease }
  | { readonly do: 'refuse'; readonly why: Refusal }

/** Who asks, and for what. */
export interface ClientParts {
  readonly random: Random
  readonly hardwareType: number
  readonly hardware: Uint8Array
  readonly initialDelayMax: number
  /** Sent with each DISCOVER and REQUEST: parameters, host name, vendor class, client identifier, largest message. */
  readonly options: DhcpOptions
  readonly rapidCommit: boolean
  /** Whether an offer will do; the first that does is taken. */
  suits(offer: Lease): boolean
}

export class DhcpClient implements Machine<ClientInput, ClientOutput> {
  readonly #parts: ClientParts
  readonly #out: ClientOutput[] = []
  #state: ClientState = 'stopped'
  /** The lease that is ours, or that we ask to be ours again. */
  #lease: Lease | undefined
  /** What was offered, or acknowledged and is being checked. */
  #offer: Lease | undefined
  #carrier = false
  #xid = 0
  #began: Instant = 0
  #asked: Instant = 0
  #sent = 0
  #due: Instant | undefined

  constructor(parts: ClientParts) {
    this.#parts = parts
  }

  get state(): ClientState {
    return this.#state
  }

  /** The lease whose address is in use. */
  get lease(): Lease | undefined {
    return this.#lease
  }

  poll(): ClientOutput | undefined {
    return this.#out.shift()
  }

  deadline(): Instant | undefined {
    return this.#due
  }

  handle(input: ClientInput, now: Instant): void {
    switch (input.type) {
      case 'start':
        if (this.#state !== 'stopped') return
        this.#state = 'waiting'
        if (this.#carrier) this.#begin(now, this.#random(this.#parts.initialDelayMax))
        return
      case 'stop': return this.#stop()
      case 'carrier': return this.#carried(input.up, now)
      case 'message': return this.#receive(input.message, now)
      case 'checked':
        if (this.#state !== 'checking') return
        if (input.unique) return this.#bind(this.#offer!)
        return this.#decline(this.#offer!, now)
      case 'conflict':
        if (this.#lease !== undefined && this.#carrier) this.#decline(this.#lease, now)
    }
  }

  tick(now: Instant): void {
    if (this.#due === undefined || now < this.#due) return
    this.#due = undefined
    switch (this.#state) {
      case 'init': return this.#discover(now)
      case 'selecting': return this.#discover(now)
      case 'requesting': return this.#sent < MAX_REQUESTS ? this.#request(now) : this.#begin(now, 0)
      case 'rebooting': return this.#sent < MAX_REBOOTS && now < this.#lease!.expiresAt ? this.#reboot(now) : this.#begin(now, 0)
      case 'bound':
      case 'renewing':
      case 'rebinding': return this.#keep(now)
    }
  }

  #random(below: number): number {
    return between(this.#parts.random, 0, below)
  }

  // ---- getting a lease ----

  /** INIT, after a while: whatever we had is not ours. */
  #begin(now: Instant, delay: number): void {
    this.#unbind()
    this.#state = 'init'
    this.#offer = undefined
    this.#sent = 0
    this.#due = now + delay
  }

  #transaction(now: Instant): void {
    this.#xid = this.#parts.random.uint32()
    this.#began = now
    this.#sent = 0
  }

  #discover(now: Instant): void {
    if (this.#state === 'init') this.#transaction(now)
    this.#state = 'selecting'
    this.#send(now, messageTypes.discover, this.#parts.rapidCommit ? { rapidCommit: true } : {})
    this.#wait(now)
  }

  #request(now: Instant): void {
    const { address, server } = this.#offer!
    this.#send(now, messageTypes.request, { requestedAddress: address, serverId: server })
    this.#wait(now)
  }

  /** RFC 2131 §3.2, §4.3.2: no server is named, the address is. */
  #reboot(now: Instant): void {
    this.#send(now, messageTypes.request, { requestedAddress: this.#lease!.address })
    this.#wait(now)
  }

  #wait(now: Instant): void {
    const wait = Math.min(FIRST_WAIT * 2 ** (this.#sent - 1), LONGEST_WAIT)
    this.#due = now + wait - JITTER + this.#random(2 * JITTER)
  }

  // ---- keeping it ----

  /** RFC 2131 §4.4.5: at T1 its server is asked, at T2 anyone; each time half of what remains is waited, a minute at least. */
  #keep(now: Instant): void {
    const { address, server, renewAt, rebindAt, expiresAt } = this.#lease!
    if (now >= expiresAt) return this.#begin(now, 0)
    if (now < renewAt) {
      this.#due = renewAt
      return
    }
    const rebinds = now >= rebindAt
    const state = rebinds ? 'rebinding' : 'renewing'
    if (this.#state === 'bound') this.#transaction(now)
    this.#state = state
    this.#send(now, messageTypes.request, {}, rebinds ? undefined : server, address)
    const end = rebinds ? expiresAt : rebindAt
    this.#due = Math.min(end, now + Math.max((end - now) / 2, LEAST_RENEWAL_WAIT))
  }

  #bind(lease: Lease): void {
    this.#state = 'bound'
    this.#offer = undefined
    this.#lease = lease
    this.#due = Number.isFinite(lease.renewAt) ? lease.renewAt : undefined
    this.#out.push({ do: 'bind', lease })
  }

  #unbind(): void {
    const lease = this.#lease
    this.#lease = undefined
    if (lease !== undefined) this.#out.push({ do: 'unbind', lease })
  }

  #decline({ address, server }: Lease, now: Instant): void {
    this.#transaction(now)
    // RFC 2131 §4.4.1, table 5: nothing but who we are, the address and the server.
    this.#push(messageTypes.decline, { requestedAddress: address, serverId: server, ...this.#identity() }, undefined, ANY4, 0)
    this.#begin(now, DECLINE_WAIT)
  }

  #stop(): void {
    const lease = this.#lease
    if (lease !== undefined && this.#carrier) {
      this.#xid = this.#parts.random.uint32()
      this.#push(messageTypes.release, { serverId: lease.server, ...this.#identity() }, lease.server, lease.address, 0)
    }
    this.#unbind()
    this.#offer = undefined
    this.#state = 'stopped'
    this.#due = undefined
  }

  /** What survives a cable that is pulled: the lease, which is asked for again (INIT-REBOOT, RFC 2131 §3.7). */
  #carried(up: boolean, now: Instant): void {
    if (up === this.#carrier) return
    this.#carrier = up
    if (this.#state === 'stopped') return
    if (!up) {
      this.#state = 'waiting'
      this.#due = undefined
      return
    }
    if (this.#lease === undefined || now >= this.#lease.expiresAt) return this.#begin(now, this.#random(this.#parts.initialDelayMax))
    this.#state = 'rebooting'
    this.#transaction(now)
    this.#reboot(now)
  }

  // ---- hearing ----

  #receive(message: DhcpMessage, now: Instant): void {
    const why = this.#take(message, now)
    if (why !== undefined) this.#out.push({ do: 'refuse', why })
  }

  #take(message: DhcpMessage, now: Instant): Refusal | undefined {
    const { hardware, options: ours } = this.#parts
    const { options: { messageType, serverId, clientId, rapidCommit } } = message
    if (message.op !== BOOTREPLY) return 'reply'
    if (message.xid !== this.#xid || !sameBytes(message.hardware, hardware)) return 'transaction'
    // RFC 6842 §3: an identifier that comes back must be ours.
    if (clientId !== undefined && ours.clientId !== undefined && !sameBytes(clientId, ours.clientId)) return 'transaction'
    const state = this.#state
    const asks = state === 'requesting' || state === 'rebooting' || state === 'renewing' || state === 'rebinding'
    if (messageType === messageTypes.offer) {
      if (state !== 'selecting') return 'state'
      const offer = leaseOf(message, now)
      if (offer === undefined || !this.#parts.suits(offer)) return 'lease'
      this.#state = 'requesting'
      this.#offer = offer
      this.#sent = 0
      this.#request(now)
      return undefined
    }
    const committed = state === 'selecting' && this.#parts.rapidCommit && rapidCommit === true
    if (!asks && !(committed && messageType === messageTypes.ack)) return 'state'
    if (state === 'requesting' && (serverId === undefined || !sameAddress(serverId, this.#offer!.server))) return 'server'
    if (messageType === messageTypes.nak) {
      this.#begin(now, state === 'requesting' ? DECLINE_WAIT : 0)
      return undefined
    }
    if (messageType !== messageTypes.ack) return 'state'
    const lease = leaseOf(message, this.#asked)
    if (lease === undefined) return 'lease'
    if (this.#lease !== undefined && sameAddress(lease.address, this.#lease.address)) {
      this.#bind(lease)
      return undefined
    }
    this.#unbind()
    this.#state = 'checking'
    this.#offer = lease
    this.#due = undefined
    this.#out.push({ do: 'check', address: lease.address })
    return undefined
  }

  // ---- speaking ----

  #identity(): DhcpOptions {
    const { clientId } = this.#parts.options
    return clientId === undefined ? {} : { clientId }
  }

  #send(now: Instant, messageType: number, options: DhcpOptions, to?: Address, client: Address = ANY4): void {
    this.#sent++
    // RFC 2131 §4.4.1: the lease is counted from the first byte of the request.
    this.#asked = now
    this.#push(messageType, { ...this.#parts.options, ...options }, to, client, Math.min(Math.floor((now - this.#began) / 1000), 0xffff))
  }

  #push(messageType: number, options: DhcpOptions, to: Address | undefined, client: Address, secs: number): void {
    const { hardware, hardwareType } = this.#parts
    const message = writeMessage({
      op: BOOTREQUEST, xid: this.#xid, secs, hardware, hardwareType,
      // Who has no address hears no unicast to it.
      broadcast: client === ANY4 && messageType !== messageTypes.decline,
      // A DECLINE has none (RFC 2131 table 5).
      client,
      options: { messageType, ...options },
    })
    this.#out.push({ do: 'send', message, to, from: client })
  }
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
