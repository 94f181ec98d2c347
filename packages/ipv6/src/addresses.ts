/** The unicast addresses of interfaces: how they come, are tried for duplicates (RFC 4862 §5.4), age (§5.5.4) and go. */

import type {
  Address, AddressState, Env, Hold, Instant, Interface, InterfaceAddress, Ip, LinkAddress, Netif, NetifEvent, RouteEntry, Timer,
} from '@favonius/contract'
import {
  address as parse, ALL_NODES, failure, interfaceId, inPrefix, ipv6, isLinkLocal, isLoopback, isMapped, isMulticast, isUnspecified,
  LOOPBACK6, networkOf, prefix as parsed, sameAddress, solicitedNode, withZone,
} from '@favonius/inet'
import type { Groups } from './groups.ts'
import type { DuplicateDetector, IdentifierMaker, NewAddress } from './ipv6.ts'
import { MINIMUM_MTU } from './wire/header.ts'

/** An address given to an interface, and what goes with it. */
interface Assigned {
  readonly iface: Interface
  entry: InterfaceAddress
  readonly delayed: boolean
  /** The route to its prefix, when it is this address that brought it. */
  route: RouteEntry | undefined
  hold: Hold | undefined
  /** Its solicited-node group is joined. */
  listening: boolean
}

/** The length of a link-local prefix (RFC 4291 §2.5.6), and of interface identifiers (§2.5.4). */
const PREFIX_LENGTH = 64

const usable = (state: AddressState): boolean => state === 'preferred' || state === 'deprecated'

/** All unicast addresses of the layer. The entries themselves stand in their interfaces, for all to read. */
export class Addresses {
  readonly #env: Env
  readonly #netif: Netif
  readonly #ip: Ip
  readonly #groups: Groups
  readonly #max: number
  readonly #assigned: Assigned[] = []
  /** Interfaces whose all-nodes group is joined. */
  readonly #ready = new Set<Interface>()
  readonly #timer: Timer
  detector: DuplicateDetector | undefined
  identify: IdentifierMaker | undefined

  constructor(env: Env, netif: Netif, ip: Ip, groups: Groups, max: number) {
    this.#env = env
    this.#netif = netif
    this.#ip = ip
    this.#groups = groups
    this.#max = max
    this.#timer = env.clock.timer((now) => this.#age(now))
  }

  // ---- asking ----

  /** The entry of `iface`, whatever its state. */
  find(address: Address, iface: Interface): InterfaceAddress | undefined {
    const { addresses } = iface
    for (let i = 0; i < addresses.length; i++) if (sameAddress(addresses[i]!.address, address)) return addresses[i]
    return undefined
  }

  usable(address: Address, iface: Interface): boolean {
    const entry = this.find(address, iface)
    return entry !== undefined && usable(entry.state)
  }

  owns(address: Address, iface?: Interface): boolean {
    if (address.family !== 6) return false
    if (isLoopback(address)) return true
    if (iface !== undefined) return this.usable(address, iface)
    if (isLinkLocal(address) && address.zone !== 0) {
      const link = this.#netif.find(address.zone)
      return link !== undefined && this.usable(address, link)
    }
    const { interfaces } = this.#netif
    for (let i = 0; i < interfaces.length; i++) if (this.usable(address, interfaces[i]!)) return true
    return false
  }

  // ---- adding and removing ----

  add(iface: Interface, given: string | NewAddress): InterfaceAddress {
    const wanted = this.#read(iface, given)
    const { address, prefixLength } = wanted
    if (this.find(address, iface)) throw failure('EEXIST', `${iface.name} has ${address} already`)
    const taken = iface.addresses.filter((entry) => entry.address.family === 6)
    const reserved = isLinkLocal(address) || iface.medium === 'loopback' || taken.some((entry) => isLinkLocal(entry.address)) ? 0 : 1
    if (taken.length + reserved >= this.#max) {
      const room = `${iface.name} has room for ${this.#max} IPv6 addresses, its link-local one among them`
      throw failure('ENOBUFS', `${room}: compose ipv6({ maxAddresses: ${this.#max + 1} })`)
    }
    const prefix = { address: networkOf(address, prefixLength), length: prefixLength }
    const onLink = (wanted.onLink ?? true) && prefixLength > 0 && prefixLength < 128 && !isLinkLocal(address) && !this.#routed(iface, address, prefixLength)
    const entry: InterfaceAddress = {
      address,
      prefixLength,
      origin: wanted.origin ?? 'manual',
      state: 'tentative',
      preferredUntil: wanted.preferredUntil ?? Infinity,
      validUntil: wanted.validUntil ?? Infinity,
      ...(wanted.temporary ? { temporary: true } : {}),
    }
    const route = onLink ? this.#ip.addRoute({ prefix, iface }) : undefined
    const assigned: Assigned = { iface, entry, delayed: wanted.delayed ?? false, route, hold: undefined, listening: false }
    this.#assigned.push(assigned)
    iface.addAddress(entry)
    if (iface.enabled) this.#wait(assigned)
    if (iface.running) this.#try(assigned, assigned.delayed)
    this.#arm()
    return assigned.entry
  }

  remove(iface: Interface, address: Address): void {
    const at = this.#assigned.findIndex((each) => each.iface === iface && sameAddress(each.entry.address, address))
    if (at < 0) return
    const [gone] = this.#assigned.splice(at, 1)
    this.#end(gone!)
    iface.removeAddress(gone!.entry)
    this.#arm()
  }

  setLifetimes(iface: Interface, address: Address, preferredUntil: Instant, validUntil: Instant): void {
    const assigned = this.#assigned.find((each) => each.iface === iface && sameAddress(each.entry.address, address))
    if (assigned === undefined) throw failure('ENOENT', `${iface.name} has no address ${address}`)
    const { state } = assigned.entry
    this.#update(assigned, { preferredUntil, validUntil, state: state === 'deprecated' ? 'preferred' : state })
    this.#age(this.#env.clock.now())
  }

  #read(iface: Interface, given: string | NewAddress): NewAddress & { readonly address: Address } {
    const wanted = typeof given === 'string' ? this.#readText(given) : given
    const raw = typeof wanted.address === 'string' ? parse(wanted.address) : wanted.address
    if (raw.family !== 6 || isUnspecified(raw) || isMulticast(raw) || isMapped(raw) || (isLoopback(raw) && iface.medium !== 'loopback')) {
      throw failure('EINVAL', `${raw} cannot be the IPv6 address of ${iface.name}: it takes a unicast address such as 2001:db8::1/64`)
    }
    if (!Number.isInteger(wanted.prefixLength) || wanted.prefixLength < 0 || wanted.prefixLength > 128) {
      throw failure('EINVAL', `${wanted.prefixLength} is no prefix length: write 0 to 128 bits`)
    }
    if (iface.mtu < MINIMUM_MTU) throw failure('EINVAL', `${iface.name} carries ${iface.mtu} bytes; IPv6 needs 1280 (RFC 8200 §5)`)
    return { ...wanted, address: withZone(raw, isLinkLocal(raw) ? iface.index : 0) }
  }

  #readText(text: string): NewAddress {
    if (!text.includes('/')) throw failure('EINVAL', `write the prefix length too: ${parse(text)}/64, or /128 for the address alone`)
    const { address, length } = parsed(text)
    return { address, prefixLength: length }
  }

  #routed(iface: Interface, address: Address, length: number): boolean {
    return this.#ip.routes.some((route) =>
      route.iface === iface && route.gateway === undefined && route.prefix.length === length && inPrefix(route.prefix, address))
  }

  /** Ends what goes with an address, but for its entry in the interface. */
  #end(gone: Assigned): void {
    const { iface, entry, route } = gone
    this.detector?.cancel(iface, entry.address)
    gone.hold?.release()
    this.#deafen(gone)
    if (route === undefined) return
    // Another address may still need the route to their prefix.
    const heir = this.#assigned.find((each) =>
      each.iface === iface && each.entry.prefixLength === entry.prefixLength && inPrefix(route.prefix, each.entry.address))
    if (heir) heir.route = route
    else this.#ip.removeRoute(route)
  }

  // ---- interfaces that come and go ----

  readonly listen = (event: NetifEvent): void => {
    const { iface } = event
    switch (event.type) {
      case 'enabled':
        this.#prepare(iface)
        for (const assigned of this.#of(iface)) this.#wait(assigned)
        break
      case 'up':
        this.#prepare(iface)
        for (const assigned of this.#of(iface)) {
          this.#wait(assigned)
          this.#try(assigned, true)
        }
        break
      case 'down':
        for (const assigned of this.#of(iface)) this.#doubt(assigned)
        break
      case 'disabled':
        for (const assigned of this.#of(iface)) assigned.hold = undefined
        break
      case 'removed':
        for (const assigned of this.#of(iface)) {
          this.#assigned.splice(this.#assigned.indexOf(assigned), 1)
          this.#end(assigned)
        }
        this.#ready.delete(iface)
        break
      default: return
    }
    this.#arm()
  }

  #of(iface: Interface): Assigned[] {
    return this.#assigned.filter((assigned) => assigned.iface === iface)
  }

  /** What every IPv6 interface has: its link-local address and the group of all nodes (RFC 4291 §2.8). */
  #prepare(iface: Interface): void {
    if (iface.mtu < MINIMUM_MTU || this.#ready.has(iface)) return
    this.#ready.add(iface)
    if (iface.l2.flags.multicast) this.#groups.join(iface, withZone(ALL_NODES, iface.index))
    if (iface.medium === 'loopback') {
      if (!this.find(LOOPBACK6, iface)) this.add(iface, { address: LOOPBACK6, prefixLength: 128 })
      return
    }
    if (iface.addresses.some((entry) => entry.address.family === 6 && isLinkLocal(entry.address))) return
    const { random } = this.#env
    const prefix = ipv6(0xfe800000, 0, 0, 0, iface.index)
    // A random identifier has the local bit clear, as RFC 7136 allows and tcpdump's readers expect.
    const [hi, lo] = this.identify?.(iface, prefix) ?? interfaceId(iface.address) ?? [random.uint32() & ~0x02000000, random.uint32()]
    this.add(iface, { address: ipv6(prefix.w0, prefix.w1, hi, lo, prefix.zone), prefixLength: PREFIX_LENGTH, origin: 'autoconf' })
  }

  // ---- states ----

  /** Makes `up()` wait until it is decided; but not for what a router told of. */
  #wait(assigned: Assigned): void {
    const { iface, entry } = assigned
    if (entry.origin !== 'manual' && !isLinkLocal(entry.address)) return
    if (entry.state === 'tentative') assigned.hold ??= iface.hold(`duplicate address detection of ${entry.address}`)
  }

  #try(assigned: Assigned, delayed: boolean): void {
    const { iface, entry } = assigned
    if (entry.state !== 'tentative') return
    const { detector } = this
    if (detector === undefined || !iface.l2.flags.multicast || iface.medium === 'loopback') {
      this.#hear(assigned)
      this.#settle(assigned)
      return
    }
    // Heard from the start, delay or not (RFC 4862 §5.4.2, last paragraph).
    this.#hear(assigned)
    detector.begin(iface, entry.address, delayed, (unique, by) => {
      if (unique) this.#settle(assigned)
      else this.#refuse(assigned, by)
      this.#arm()
    })
  }

  #settle(assigned: Assigned): void {
    this.#update(assigned, { state: assigned.entry.preferredUntil <= this.#env.clock.now() ? 'deprecated' : 'preferred' })
    assigned.hold?.release()
    assigned.hold = undefined
  }

  #refuse(assigned: Assigned, by: LinkAddress | undefined): void {
    const { iface, entry } = assigned
    this.#deafen(assigned)
    this.#update(assigned, { state: 'duplicate' })
    this.#netif.conflict(iface, entry.address, by)
    const taken = `${entry.address} is in use on ${iface.name}${by?.length ? ` by ${by}` : ''}`
    assigned.hold?.fail(failure('EADDRINUSE', `${taken}: remove it, or give ${iface.name} another`))
  }

  /** After the link was away, anyone may have taken the address. */
  #doubt(assigned: Assigned): void {
    this.detector?.cancel(assigned.iface, assigned.entry.address)
    // `up()` cannot resolve now that it does not run; it waits again from the next 'up' on.
    assigned.hold?.release()
    assigned.hold = undefined
    if (assigned.entry.state !== 'tentative') this.#update(assigned, { state: 'tentative' })
  }

  #hear(assigned: Assigned): void {
    if (assigned.listening || !assigned.iface.l2.flags.multicast || assigned.iface.medium === 'loopback') return
    assigned.listening = true
    this.#groups.join(assigned.iface, solicitedNode(withZone(assigned.entry.address, assigned.iface.index)))
  }

  #deafen(assigned: Assigned): void {
    if (!assigned.listening) return
    assigned.listening = false
    this.#groups.leave(assigned.iface, solicitedNode(assigned.entry.address))
  }

  #update(assigned: Assigned, changes: Partial<InterfaceAddress>): void {
    const changed = { ...assigned.entry, ...changes }
    const old = assigned.entry
    assigned.entry = changed
    assigned.iface.updateAddress(old, changed)
  }

  // ---- lifetimes ----

  /** Called after every change: the timer is for the first lifetime to end. */
  #arm(): void {
    let next = Infinity
    for (const { entry } of this.#assigned) {
      next = Math.min(next, entry.validUntil, entry.state === 'preferred' ? entry.preferredUntil : Infinity)
    }
    if (next === Infinity) this.#timer.cancel()
    else this.#timer.schedule(next)
  }

  /** Deprecates and removes what has had its time (RFC 4862 §5.5.4). */
  #age(now: Instant): void {
    for (const assigned of [...this.#assigned]) {
      const { entry, iface } = assigned
      if (entry.validUntil <= now) this.remove(iface, entry.address)
      else if (entry.state === 'preferred' && entry.preferredUntil <= now) this.#update(assigned, { state: 'deprecated' })
    }
    this.#arm()
  }

  stop(): void {
    this.#timer.cancel()
  }
}
