/** Addresses that a host makes of prefixes. Read RFC 4862 §5.5 and RFC 8981 §3 before changing this file. */

import type { Address, Env, Instant, Interface, InterfaceAddress, Netif, NetifEvent, Prefix, Timer } from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import { between, interfaceId, inPrefix, ipv6 as makeAddress, isLinkLocal, isMulticast, sameAddress } from '@favonius/inet'
import type { Ipv6 } from '../ipv6.ts'
import type { Nd } from '../nd/nd.ts'
import type { slaacOptions } from '../options.ts'
import type { Routers } from '../routers/routers.ts'
import type { PrefixInformation } from '../wire/router.ts'
import { randomIdentifier, StableIdentifiers, type Identifier } from './identifiers.ts'

/** The length of interface identifiers on all links that we know (RFC 4291 §2.5.1). */
const IDENTIFIER = 64
/** RFC 4862 §5.5.3 e: a lifetime may be made no shorter than this by whoever is on the link. */
const TWO_HOURS = 2 * 60 * 60 * 1000
/** RFC 7217 §7, RFC 8981 §3.8: so often is another identifier tried when one is in use, and so much later. */
const RETRIES = 3
const IDGEN_DELAY = 1000
/** RFC 8981 §3.8: the part of the preferred lifetime that is random; and seconds before its end that the next one is made, beside DAD's. */
const DESYNC = 0.4
const REGEN_ADVANCE = 2000

/** An address made of a prefix. */
export interface Autoconfigured {
  readonly iface: Interface
  readonly prefix: Prefix
  readonly address: Address
  readonly temporary: boolean
}

/** `stack.slaac`. */
export interface Slaac {
  readonly addresses: readonly Autoconfigured[]
  /** A prefix of the link, as a router advertises it: from `routers()`, or from whoever else knows one. Lifetimes are milliseconds from now on. */
  learned(iface: Interface, information: PrefixInformation): void
}

/** What autoconfiguration stands on. */
export interface SlaacParts {
  readonly ipv6: Ipv6
  readonly nd: Nd
  readonly netif: Netif
  readonly routers: Routers
}

interface Made extends Autoconfigured {
  /** When it was made. */
  readonly at: Instant
  /** How many before it were in use already. */
  readonly duplicates: number
  /** Of a temporary one: when it ceases to be preferred at the latest (RFC 8981 §3.4). */
  readonly preferredUntil: Instant
}

/** Makes addresses and keeps their lifetimes. `slaac()` makes one. */
export class AddressAutoconfiguration implements Slaac {
  readonly #env: Env
  readonly #ipv6: Ipv6
  readonly #nd: Nd
  readonly #settings: Settings<typeof slaacOptions>
  readonly #stable: StableIdentifiers | undefined
  readonly #timer: Timer
  readonly #drops
  #made: Made[] = []
  /** Addresses that turned out to be somebody else's: another is made at `due`. */
  #again: { readonly made: Made; readonly due: Instant }[] = []
  readonly #withdraw: (() => void)[]

  constructor(env: Env, { ipv6, nd, netif, routers }: SlaacParts, settings: Settings<typeof slaacOptions>) {
    this.#env = env
    this.#ipv6 = ipv6
    this.#nd = nd
    this.#settings = settings
    const stable = settings.identifier === 'stable' ? new StableIdentifiers(settings.secret, env.random) : undefined
    this.#stable = stable
    this.#timer = env.clock.timer((now) => this.#tick(now))
    this.#drops = netif.reasons({
      lifetimes: ['slaac: prefix that is preferred for longer than it is valid'],
      length: ['slaac: prefix that is not 64 bits long'],
      full: ['slaac: no room for another address'],
    })
    this.#withdraw = [
      routers.onPrefix((iface, information) => this.learned(iface, information)),
      netif.listen((event) => this.#happened(event)),
      ...(stable ? [ipv6.registerIdentifier((iface, prefix) => stable.make(prefix, iface.name, 0))] : []),
    ]
  }

  stop(): void {
    this.#timer.cancel()
    for (const withdraw of this.#withdraw) withdraw()
  }

  get addresses(): readonly Autoconfigured[] {
    return this.#made.map(({ iface, prefix, address, temporary }) => ({ iface, prefix, address, temporary }))
  }

  /** RFC 4862 §5.5.3. */
  learned(iface: Interface, { prefix, autonomous, validLifetime, preferredLifetime }: PrefixInformation): void {
    if (!autonomous || isLinkLocal(prefix.address) || isMulticast(prefix.address)) return
    if (preferredLifetime > validLifetime) return iface.lose(this.#drops.lifetimes)
    if (prefix.length + IDENTIFIER !== 128) return iface.lose(this.#drops.length)
    const now = this.#env.clock.now()
    const of = this.#made.filter((made) => made.iface === iface && sameAddress(made.prefix.address, prefix.address))
    const stable = of.find(({ temporary }) => !temporary)
    if (stable !== undefined) this.#renew(stable, now, validLifetime, preferredLifetime)
    else if (validLifetime > 0 && !this.#again.some(({ made }) => made.iface === iface && sameAddress(made.prefix.address, prefix.address))) {
      this.#make(iface, prefix, 0, now + preferredLifetime, now + validLifetime)
    }
    for (const made of of) if (made.temporary) this.#renewTemporary(made, now, validLifetime, preferredLifetime)
    this.#regenerate(now)
    this.#arm()
  }

  /** RFC 4862 §5.5.3 e: the preferred lifetime as it was told; the valid one too, but nobody on the link may end an address at once. */
  #renew({ iface, address }: Made, now: Instant, valid: number, preferred: number): void {
    const entry = this.#ipv6.find(address, iface)
    if (entry === undefined) return
    const remaining = entry.validUntil - now
    const validUntil = valid > TWO_HOURS || valid > remaining ? now + valid : remaining <= TWO_HOURS ? entry.validUntil : now + TWO_HOURS
    this.#ipv6.setLifetimes(iface, address, now + preferred, validUntil)
  }

  /** RFC 8981 §3.4: as advertised, but never beyond what it was given when it was made. */
  #renewTemporary({ iface, address, at, preferredUntil }: Made, now: Instant, valid: number, preferred: number): void {
    const entry = this.#ipv6.find(address, iface)
    if (entry === undefined) return
    const validUntil = Math.min(at + this.#settings.temporaryValidLifetime, Math.max(now + valid, Math.min(entry.validUntil, now + TWO_HOURS)))
    this.#ipv6.setLifetimes(iface, address, Math.min(now + preferred, preferredUntil), validUntil)
  }

  #make(iface: Interface, prefix: Prefix, duplicates: number, preferredUntil: Instant, validUntil: Instant): void {
    const identifier = this.#stable?.make(prefix.address, iface.name, duplicates) ?? interfaceId(iface.address) ?? randomIdentifier(this.#env.random)
    this.#add({ iface, prefix, temporary: false, at: this.#env.clock.now(), duplicates, preferredUntil }, identifier, preferredUntil, validUntil)
  }

  /** RFC 8981 §3.4: one beside the other address of its prefix, for less time. */
  #makeTemporary({ iface, prefix }: Made, duplicates: number, entry: InterfaceAddress): void {
    const { random, clock } = this.#env
    const now = clock.now()
    const { temporaryPreferredLifetime, temporaryValidLifetime } = this.#settings
    const lasts = temporaryPreferredLifetime * (1 - between(random, 0, DESYNC))
    const preferredUntil = Math.min(entry.preferredUntil, now + lasts)
    // It would have to be replaced at once.
    if (preferredUntil - now <= this.#advance(iface)) return
    this.#add({ iface, prefix, temporary: true, at: now, duplicates, preferredUntil: now + lasts }, randomIdentifier(random), preferredUntil, Math.min(entry.validUntil, now + temporaryValidLifetime))
  }

  #add(made: Omit<Made, 'address'>, [hi, lo]: Identifier, preferredUntil: Instant, validUntil: Instant): void {
    const { iface, prefix, temporary } = made
    const address = makeAddress(prefix.address.w0, prefix.address.w1, hi, lo)
    // Given by hand, and so not for us to look after.
    if (this.#ipv6.find(address, iface)) return
    this.#made.push({ ...made, address })
    try {
      // Many heard the advertisement, and would all probe at once (RFC 4862 §5.4.2).
      this.#ipv6.addAddress(iface, { address, prefixLength: prefix.length, origin: 'autoconf', preferredUntil, validUntil, temporary, onLink: false, delayed: true })
    } catch {
      // There are as many as `maxAddresses` allows: a peer cannot make us throw.
      this.#made.pop()
      iface.lose(this.#drops.full)
    }
  }

  /** RFC 8981 §3.4, §3.8: milliseconds before the end of the old one that a new one is made. */
  #advance(iface: Interface): number {
    return REGEN_ADVANCE + RETRIES * this.#nd.retransTimer(iface)
  }

  /** Where temporary addresses are wanted, each prefix has one that is not about to be deprecated (RFC 8981 §3.6). */
  #regenerate(now: Instant): void {
    if (!this.#settings.temporary) return
    for (const made of [...this.#made]) {
      if (made.temporary) continue
      const entry = this.#ipv6.find(made.address, made.iface)
      if (entry === undefined || entry.preferredUntil <= now) continue
      if (this.#renewal(made) <= now) this.#makeTemporary(made, 0, entry)
    }
  }

  /** When the next temporary address of a prefix is to be made; −Infinity while there is none. */
  #renewal({ iface, prefix }: Made): Instant {
    let last = -Infinity
    for (const made of this.#made) {
      if (!made.temporary || made.iface !== iface || !sameAddress(made.prefix.address, prefix.address)) continue
      const entry = this.#ipv6.find(made.address, iface)
      if (entry !== undefined && entry.state !== 'duplicate') last = Math.max(last, entry.preferredUntil - this.#advance(iface))
    }
    return last
  }

  #happened(event: NetifEvent): void {
    const { iface } = event
    switch (event.type) {
      case 'address-removed':
        this.#made = this.#made.filter((made) => made.iface !== iface || !sameAddress(made.address, event.entry.address))
        return
      case 'address-conflict': {
        const made = this.#made.find((one) => one.iface === iface && sameAddress(one.address, event.address))
        // What is made of a link address would be the same again; and an address that was in use by us is not given up for one who says so.
        if (made === undefined || (this.#stable === undefined && !made.temporary) || made.duplicates >= RETRIES) return
        if (this.#ipv6.find(made.address, iface)?.state !== 'duplicate') return
        this.#again.push({ made, due: this.#env.clock.now() + IDGEN_DELAY })
        return this.#arm()
      }
      case 'disabled': case 'removed':
        for (const made of this.#made.filter((one) => one.iface === iface)) this.#ipv6.removeAddress(iface, made.address)
        this.#made = this.#made.filter((one) => one.iface !== iface)
        this.#again = this.#again.filter(({ made }) => made.iface !== iface)
        this.#arm()
    }
  }

  #tick(now: Instant): void {
    for (const { made } of this.#again.filter(({ due }) => due <= now)) {
      const entry = this.#ipv6.find(made.address, made.iface)
      this.#again = this.#again.filter((one) => one.made !== made)
      if (entry === undefined) continue
      this.#ipv6.removeAddress(made.iface, made.address)
      if (!made.temporary) this.#make(made.iface, made.prefix, made.duplicates + 1, entry.preferredUntil, entry.validUntil)
      else {
        const stable = this.#made.find((one) => !one.temporary && one.iface === made.iface && inPrefix(made.prefix, one.address))
        const beside = stable && this.#ipv6.find(stable.address, stable.iface)
        if (stable !== undefined && beside !== undefined) this.#makeTemporary(stable, made.duplicates + 1, beside)
      }
    }
    this.#regenerate(now)
    this.#arm()
  }

  #arm(): void {
    const now = this.#env.clock.now()
    let next = Infinity
    for (const { due } of this.#again) next = Math.min(next, due)
    if (this.#settings.temporary) {
      for (const made of this.#made) {
        const due = made.temporary ? -Infinity : this.#renewal(made)
        if (due > now) next = Math.min(next, due)
      }
    }
    if (next === Infinity) this.#timer.cancel()
    else this.#timer.schedule(next)
  }
}
