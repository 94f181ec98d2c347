/** What both ends of a link know, so that it need not be sent: prefixes, by numbers from 0 to 15 (RFC 6282 §3.1.2, RFC 6775 §4.2). */

import type { Clock, Instant, Interface, Prefix } from '@favonius/contract'
import { failure, formatPrefix, networkOf, prefix as parsePrefix } from '@favonius/inet'

/** RFC 6282 §3.1.2: four bits. */
export const MAX_CONTEXTS = 16

/** What is said of a context beside its prefix. */
export interface ContextSettings {
  /** Whether to compress with it (C, RFC 6775 §4.2). One that is new, or going, serves only to understand others. True unless given. */
  readonly compress?: boolean
  /** Milliseconds for which it may be used to compress; Infinity unless given. 0 removes it (RFC 6775 §5.4.2). */
  readonly lifetime?: number
  /** Milliseconds after these for which others are still understood; an hour unless given, twice the usual lifetime of a router (RFC 6775 §5.4.3). */
  readonly grace?: number
}

/** A context of an interface, as it is now. */
export interface ContextInfo {
  /** 0 to 15. */
  readonly id: number
  readonly prefix: Prefix
  /** Whether it is used to compress now. */
  readonly compress: boolean
  /** When that ends. */
  readonly compressUntil: Instant
  /** When it is gone. */
  readonly validUntil: Instant
}

const HOUR = 3_600_000

/** One context: the prefix as words, and which of their bits it covers. */
export class Context {
  readonly id: number
  readonly prefix: Prefix
  readonly compressUntil: Instant
  readonly validUntil: Instant
  readonly p0: number
  readonly p1: number
  readonly p2: number
  readonly p3: number
  readonly m0: number
  readonly m1: number
  readonly m2: number
  readonly m3: number

  constructor(id: number, { address, length }: Prefix, compressUntil: Instant, validUntil: Instant) {
    this.id = id
    const network = networkOf(address, length)
    this.prefix = { address: network, length }
    this.compressUntil = compressUntil
    this.validUntil = validUntil
    this.p0 = network.w0
    this.p1 = network.w1
    this.p2 = network.w2
    this.p3 = network.w3
    this.m0 = maskOf(length)
    this.m1 = maskOf(length - 32)
    this.m2 = maskOf(length - 64)
    this.m3 = maskOf(length - 96)
  }
}

/** Whether an instant is still to come. Most contexts stay, and for them nobody need look at the clock. */
export const isUntil = (instant: Instant, clock: Clock): boolean => instant === Infinity || clock.now() < instant

/** A word whose first `bits` bits are set. */
const maskOf = (bits: number): number => (bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits))

/** The contexts of an interface, each at the place of its number. */
export type ContextTable = readonly (Context | undefined)[]

/** The contexts of every interface. They age by themselves: who looks at one looks at the clock. */
export class Contexts {
  readonly #clock: Clock
  readonly #most: number
  readonly #tables = new Map<Interface, (Context | undefined)[]>()

  /** `most` for each interface; with 0 there are none. */
  constructor(clock: Clock, most: number) {
    this.#clock = clock
    this.#most = most
  }

  of(iface: Interface): ContextTable | undefined {
    return this.#tables.size === 0 ? undefined : this.#tables.get(iface)
  }

  set(iface: Interface, id: number, given: string | Prefix, { compress = true, lifetime = Infinity, grace = HOUR }: ContextSettings): void {
    const prefix = typeof given === 'string' ? parsePrefix(given) : given
    if (this.#most === 0) throw failure('EOPNOTSUPP', 'contexts are switched off: compose sixlowpan({ contexts: true }) (CONFIG_NET_6LO_CONTEXT)')
    if (!Number.isInteger(id) || id < 0 || id >= MAX_CONTEXTS) throw failure('EINVAL', `${id} is no number of a context: they are 0 to 15`)
    if (prefix.address.family !== 6) throw failure('EINVAL', `${formatPrefix(prefix)} is no IPv6 prefix: write one such as 2001:db8::/64`)
    if (!(lifetime >= 0 && grace >= 0)) throw failure('EINVAL', `a context cannot live for ${lifetime} + ${grace} ms: write 0 or more`)
    if (lifetime === 0) return this.remove(iface, id)
    const now = this.#clock.now()
    let table = this.#tables.get(iface)
    if (table === undefined) this.#tables.set(iface, (table = new Array<Context | undefined>(MAX_CONTEXTS).fill(undefined)))
    const count = table.filter((each, i) => i !== id && each !== undefined && now < each.validUntil).length
    if (count >= this.#most) {
      throw failure('ENOBUFS', `${iface.name} has ${count} contexts already: remove one, or compose sixlowpan({ maxContexts: ${count + 1} })`)
    }
    const until = now + lifetime
    table[id] = new Context(id, prefix, compress ? until : now, until + grace)
  }

  remove(iface: Interface, id: number): void {
    const table = this.#tables.get(iface)
    if (table === undefined) return
    table[id] = undefined
    if (table.every((each) => each === undefined)) this.#tables.delete(iface)
  }

  forget(iface: Interface): void {
    this.#tables.delete(iface)
  }

  list(iface: Interface): ContextInfo[] {
    const now = this.#clock.now()
    const live = (this.of(iface) ?? []).filter((each) => each !== undefined && now < each.validUntil) as Context[]
    return live.map(({ id, prefix, compressUntil, validUntil }) => ({ id, prefix, compress: now < compressUntil, compressUntil, validUntil }))
  }
}
