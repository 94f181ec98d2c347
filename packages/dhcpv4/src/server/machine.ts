/** The DHCP server as a machine: RFC 2131 §4.3. */

import type { Address, Instant, Machine } from '@favonius/contract'
import { ANY4, BROADCAST4, broadcastOf, inPrefix, ipv4, isUnspecified, netmask, networkOf, sameAddress } from '@favonius/inet'
import { BOOTREPLY, BOOTREQUEST, writeMessage, type DhcpMessage } from '../wire/message.ts'
import { messageTypes, type DhcpOptions } from '../wire/options.ts'

/** An address that is offered is kept for the client this long, in milliseconds: as long as its requests may take (RFC 2131 §3.1). */
const OFFER_TIME = 60_000

/** An address that always goes to one client. */
export interface Reservation {
  /** Of the client's identifier, or of its link address: bytes. */
  readonly client: Uint8Array
  readonly address: Address
}

/** What is served on a link. */
export interface Pool {
  /** Ours on the link, and its prefix's length. */
  readonly server: Address
  readonly prefixLength: number
  /** The first and last address that is given; both in the subnet. */
  readonly first: Address
  readonly last: Address
  readonly reservations: readonly Reservation[]
  /** Given beside the lease: routers, DNS servers and what else clients may ask for. */
  readonly options: DhcpOptions
}

export interface ServerSettings {
  readonly maxLeases: number
  readonly leaseTime: number
  readonly declineTime: number
  /** An address is probed before it is offered. */
  readonly probes: boolean
}

/** An address and its use. */
export interface Binding {
  readonly address: Address
  /** Hexadecimal: of the identifier after `id-`, of the link address after `hw-`. Empty when `declined`. */
  readonly client: string
  readonly state: 'probing' | 'offered' | 'leased' | 'declined'
  readonly until: Instant
}

export type ServerRefusal = 'request' | 'server' | 'full' | 'unknown'

export type ServerInput =
  | { readonly type: 'message'; readonly message: DhcpMessage }
  /** What came of `probe`. */
  | { readonly type: 'probed'; readonly address: Address; readonly free: boolean }

export type ServerOutput =
  /** Undefined: broadcast, for the client has no address that it hears. */
  | { readonly do: 'send'; readonly message: Uint8Array; readonly to: Address | undefined }
  | { readonly do: 'probe'; readonly address: Address }
  | { readonly do: 'refuse'; readonly why: ServerRefusal }

interface Kept {
  readonly address: Address
  client: string
  state: Binding['state']
  until: Instant
  /** What is answered when the probe is over. */
  discover: DhcpMessage | undefined
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

export class DhcpServer implements Machine<ServerInput, ServerOutput> {
  readonly #pool: Pool
  readonly #settings: ServerSettings
  readonly #byAddress = new Map<number, Kept>()
  readonly #byClient = new Map<string, Kept>()
  readonly #reserved = new Map<string, Address>()
  readonly #taken = new Set<number>()
  readonly #out: ServerOutput[] = []

  constructor(pool: Pool, settings: ServerSettings) {
    this.#pool = pool
    this.#settings = settings
    for (const { client, address } of pool.reservations) {
      this.#reserved.set(hex(client), address)
      this.#taken.add(address.w3)
    }
  }

  get bindings(): readonly Binding[] {
    return [...this.#byAddress.values()].map(({ address, client, state, until }) => ({ address, client, state, until }))
  }

  poll(): ServerOutput | undefined {
    return this.#out.shift()
  }

  deadline(): Instant | undefined {
    let due: Instant | undefined
    for (const { until } of this.#byAddress.values()) if (due === undefined || until < due) due = until
    return due
  }

  /** What has run out is free. */
  tick(now: Instant): void {
    for (const kept of [...this.#byAddress.values()]) if (kept.until <= now) this.#forget(kept)
  }

  handle(input: ServerInput, now: Instant): void {
    this.tick(now)
    if (input.type === 'probed') return this.#probed(input.address, input.free, now)
    const why = this.#receive(input.message, now)
    if (why !== undefined) this.#out.push({ do: 'refuse', why })
  }

  #receive(message: DhcpMessage, now: Instant): ServerRefusal | undefined {
    if (message.op !== BOOTREQUEST || message.hardware.length === 0) return 'request'
    // Relays are not served: the pool is of this link.
    if (!isUnspecified(message.relay)) return 'request'
    switch (message.options.messageType) {
      case messageTypes.discover: return this.#discover(message, now)
      case messageTypes.request: return this.#request(message, now)
      case messageTypes.decline: return this.#decline(message, now)
      case messageTypes.release: return this.#release(message)
      case messageTypes.inform: return this.#inform(message)
      default: return 'request'
    }
  }

  // ---- choosing ----

  #nameOf({ options: { clientId }, hardware }: DhcpMessage): string {
    return clientId === undefined ? `hw-${hex(hardware)}` : `id-${hex(clientId)}`
  }

  #reservationOf({ options: { clientId }, hardware }: DhcpMessage): Address | undefined {
    return (clientId && this.#reserved.get(hex(clientId))) ?? this.#reserved.get(hex(hardware))
  }

  #isFree(address: Address): boolean {
    const { first, last, server } = this.#pool
    const word = address.w3 >>> 0
    if (word < first.w3 >>> 0 || word > last.w3 >>> 0 || sameAddress(address, server)) return false
    return !this.#byAddress.has(address.w3) && !this.#taken.has(address.w3)
  }

  /** RFC 2131 §4.3.1: what it has, what it asks for, or any other. */
  #choose(message: DhcpMessage): Address | undefined {
    const reserved = this.#reservationOf(message)
    if (reserved !== undefined) return this.#byAddress.has(reserved.w3) ? undefined : reserved
    const { requestedAddress } = message.options
    if (requestedAddress !== undefined && this.#isFree(requestedAddress)) return requestedAddress
    const { first, last } = this.#pool
    for (let word = first.w3 >>> 0; word <= last.w3 >>> 0; word++) {
      const address = ipv4(word)
      if (this.#isFree(address)) return address
    }
    return undefined
  }

  /** Room in the table: leases are never taken for it. */
  #keep(address: Address, client: string, state: Binding['state'], until: Instant): Kept | undefined {
    if (this.#byAddress.size >= this.#settings.maxLeases) return undefined
    const kept: Kept = { address, client, state, until, discover: undefined }
    this.#byAddress.set(address.w3, kept)
    if (client !== '') this.#byClient.set(client, kept)
    return kept
  }

  #forget(kept: Kept): void {
    this.#byAddress.delete(kept.address.w3)
    if (this.#byClient.get(kept.client) === kept) this.#byClient.delete(kept.client)
  }

  #block(kept: Kept, now: Instant): void {
    this.#byClient.delete(kept.client)
    kept.client = ''
    kept.state = 'declined'
    kept.discover = undefined
    kept.until = now + this.#settings.declineTime * 1000
  }

  // ---- the messages ----

  #discover(message: DhcpMessage, now: Instant): ServerRefusal | undefined {
    const client = this.#nameOf(message)
    const known = this.#byClient.get(client)
    if (known?.state === 'probing') {
      known.discover = message
      return undefined
    }
    if (known !== undefined) {
      if (known.state === 'offered') known.until = now + OFFER_TIME
      this.#answer(message, messageTypes.offer, known.address)
      return undefined
    }
    const address = this.#choose(message)
    const kept = address && this.#keep(address, client, this.#settings.probes ? 'probing' : 'offered', now + OFFER_TIME)
    if (kept === undefined) return 'full'
    if (kept.state === 'probing') {
      kept.discover = message
      this.#out.push({ do: 'probe', address: kept.address })
    } else this.#answer(message, messageTypes.offer, kept.address)
    return undefined
  }

  #probed(address: Address, free: boolean, now: Instant): void {
    const kept = this.#byAddress.get(address.w3)
    if (kept?.state !== 'probing') return
    const message = kept.discover!
    kept.discover = undefined
    if (free) {
      kept.state = 'offered'
      kept.until = now + OFFER_TIME
      return this.#answer(message, messageTypes.offer, address)
    }
    this.#block(kept, now)
    const why = this.#discover(message, now)
    if (why !== undefined) this.#out.push({ do: 'refuse', why })
  }

  /** RFC 2131 §4.3.2: a client that selects, reboots, renews or rebinds. */
  #request(message: DhcpMessage, now: Instant): ServerRefusal | undefined {
    const { options: { serverId, requestedAddress }, client: inUse } = message
    const client = this.#nameOf(message)
    const known = this.#byClient.get(client)
    if (serverId !== undefined && !sameAddress(serverId, this.#pool.server)) {
      // It has chosen another: what was offered is free.
      if (known?.state === 'offered') this.#forget(known)
      return 'server'
    }
    const wanted = requestedAddress ?? inUse
    if (isUnspecified(wanted)) return 'request'
    if (known !== undefined && known.state !== 'probing' && sameAddress(known.address, wanted)) {
      this.#lease(message, known, now)
      return undefined
    }
    const { server, prefixLength } = this.#pool
    // What we do not know we do not deny, unless it is of another network, or of somebody else.
    const elsewhere = !inPrefix({ address: networkOf(server, prefixLength), length: prefixLength }, wanted)
    if (serverId !== undefined || elsewhere || known !== undefined || this.#byAddress.has(wanted.w3)) {
      this.#nak(message)
      return undefined
    }
    // We have lost our table, or its time was over: it may go on, when nobody else may have the address.
    const reserved = this.#reservationOf(message)
    const may = reserved === undefined ? this.#isFree(wanted) : sameAddress(reserved, wanted)
    const kept = may ? this.#keep(wanted, client, 'offered', now + OFFER_TIME) : undefined
    if (kept === undefined) return 'unknown'
    this.#lease(message, kept, now)
    return undefined
  }

  #lease(message: DhcpMessage, kept: Kept, now: Instant): void {
    kept.state = 'leased'
    kept.until = now + this.#settings.leaseTime * 1000
    this.#answer(message, messageTypes.ack, kept.address)
  }

  #decline(message: DhcpMessage, now: Instant): ServerRefusal | undefined {
    const known = this.#byClient.get(this.#nameOf(message))
    const { serverId, requestedAddress } = message.options
    if (serverId === undefined || !sameAddress(serverId, this.#pool.server)) return 'server'
    if (known === undefined || requestedAddress === undefined || !sameAddress(known.address, requestedAddress)) return 'unknown'
    this.#block(known, now)
    return undefined
  }

  #release(message: DhcpMessage): ServerRefusal | undefined {
    const known = this.#byClient.get(this.#nameOf(message))
    if (known === undefined || !sameAddress(known.address, message.client)) return 'unknown'
    this.#forget(known)
    return undefined
  }

  /** RFC 2131 §4.3.5: who has an address by other means is told the rest, without a lease. */
  #inform(message: DhcpMessage): ServerRefusal | undefined {
    if (isUnspecified(message.client)) return 'request'
    this.#push(message, { messageType: messageTypes.ack, ...this.#told() }, ANY4)
    return undefined
  }

  // ---- answering ----

  #told(): DhcpOptions {
    const { server, prefixLength, options } = this.#pool
    return { serverId: server, subnetMask: netmask(prefixLength), broadcast: broadcastOf(server, prefixLength), ...options }
  }

  #answer(message: DhcpMessage, messageType: number, your: Address): void {
    this.#push(message, { messageType, leaseTime: this.#settings.leaseTime, ...this.#told() }, your)
  }

  #nak(message: DhcpMessage): void {
    // RFC 2131 §4.3.2: to everyone, for the address it has may be of another network.
    this.#push(message, { messageType: messageTypes.nak, serverId: this.#pool.server }, ANY4)
  }

  #push(message: DhcpMessage, options: DhcpOptions, your: Address): void {
    const { xid, hardware, hardwareType, broadcast, client, options: { clientId } } = message
    const nak = options.messageType === messageTypes.nak
    this.#out.push({
      do: 'send',
      // RFC 2131 §4.1: who has no address yet is not asked by ARP; a broadcast reaches it whatever its flag.
      to: nak || isUnspecified(client) ? undefined : client,
      message: writeMessage({
        op: BOOTREPLY, xid, hardware, hardwareType, broadcast, your,
        client: nak ? ANY4 : client,
        // RFC 6842 §3: what identifies the client comes back.
        options: clientId === undefined ? options : { ...options, clientId },
      }),
    })
  }
}

/** Why a pool cannot be served; undefined when it can. */
export function faultOf({ server, prefixLength, first, last, reservations }: Pool): string | undefined {
  const subnet = { address: networkOf(server, prefixLength), length: prefixLength }
  const outside = [first, last, ...reservations.map(({ address }) => address)].find((address) => address.family !== 4 || !inPrefix(subnet, address))
  if (outside !== undefined) return `${outside} is not in the subnet of ${server}/${prefixLength}`
  if (first.w3 >>> 0 > last.w3 >>> 0) return `its first address ${first} is behind its last ${last}`
  const reach = (address: Address): boolean => sameAddress(address, subnet.address) || sameAddress(address, broadcastOf(server, prefixLength)) || sameAddress(address, BROADCAST4)
  if (prefixLength < 31 && (reach(first) || reach(last))) return 'the subnet\'s number and its broadcast address are nobody\'s: begin behind the one and end before the other'
  return undefined
}
