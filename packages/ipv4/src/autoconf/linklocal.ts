/** IPv4 link-local addresses of one interface as a machine: RFC 3927 §2. Probing itself is address conflict detection's (RFC 5227). */

import type { Address, Instant, LinkAddress, Machine } from '@favonius/contract'
import { ipv4 } from '@favonius/inet'

/** RFC 3927 §9: conflicts before attempts are spaced out, and how far; an address is defended once in this time. Milliseconds. */
const MAX_CONFLICTS = 10
const RATE_LIMIT_INTERVAL = 60_000
const DEFEND_INTERVAL = 10_000
/** §2.1: 169.254.1.0 to 169.254.254.255. */
const FIRST = 0xa9fe_0100
const COUNT = 254 * 256

/** What can be told to it. */
export type LinkLocalInput =
  /** Whether such an address is wanted: the link is up, and there is no better one (§1.9). */
  | { readonly type: 'wanted'; readonly wanted: boolean }
  /** What came of `check`. */
  | { readonly type: 'checked'; readonly unique: boolean }
  /** Someone else uses our address (§2.5); ARP has defended it, if it was the first time in a while. */
  | { readonly type: 'conflict' }

/** What it wants done. */
export interface LinkLocalOutput {
  readonly do: 'check' | 'cancel' | 'bind' | 'unbind'
  readonly address: Address
}

export class LinkLocal implements Machine<LinkLocalInput, LinkLocalOutput> {
  readonly #out: LinkLocalOutput[] = []
  #seed: number
  #address: Address
  #state: 'idle' | 'waiting' | 'checking' | 'bound' = 'idle'
  #conflicts = 0
  #lastConflict: Instant = -Infinity
  #due: Instant | undefined

  /** §2.1: the pseudo-random sequence begins with the link address, so that a host has the same address again. */
  constructor({ hi, lo }: LinkAddress) {
    this.#seed = Math.imul(hi ^ 0x9e37_79b9, 0x85eb_ca6b) ^ lo
    this.#address = this.#next()
  }

  get state(): 'idle' | 'waiting' | 'checking' | 'bound' {
    return this.#state
  }

  poll(): LinkLocalOutput | undefined {
    return this.#out.shift()
  }

  deadline(): Instant | undefined {
    return this.#due
  }

  handle(input: LinkLocalInput, now: Instant): void {
    if (input.type === 'wanted') return input.wanted ? this.#begin() : this.#end()
    if (input.type === 'checked') {
      if (this.#state !== 'checking') return
      if (!input.unique) return this.#another(now)
      this.#state = 'bound'
      this.#say('bind')
      return
    }
    if (this.#state !== 'bound') return
    const again = now - this.#lastConflict < DEFEND_INTERVAL
    this.#lastConflict = now
    if (!again) return
    this.#say('unbind')
    this.#another(now)
  }

  tick(now: Instant): void {
    if (this.#due === undefined || now < this.#due) return
    this.#due = undefined
    this.#check()
  }

  #begin(): void {
    if (this.#state === 'idle') this.#check()
  }

  #end(): void {
    if (this.#state === 'bound') this.#say('unbind')
    if (this.#state === 'checking') this.#say('cancel')
    this.#state = 'idle'
    this.#due = undefined
    this.#conflicts = 0
  }

  #check(): void {
    this.#state = 'checking'
    this.#say('check')
  }

  /** §2.2.1: another address; after ten conflicts no more than one a minute. */
  #another(now: Instant): void {
    this.#address = this.#next()
    this.#conflicts++
    if (this.#conflicts < MAX_CONFLICTS) return this.#check()
    this.#state = 'waiting'
    this.#due = now + RATE_LIMIT_INTERVAL
  }

  /** xorshift32 (Marsaglia 2003), of which zero is no state. */
  #next(): Address {
    let x = this.#seed | 0 || 1
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#seed = x
    return ipv4(FIRST + ((x >>> 0) % COUNT))
  }

  #say(what: LinkLocalOutput['do']): void {
    this.#out.push({ do: what, address: this.#address })
  }
}
