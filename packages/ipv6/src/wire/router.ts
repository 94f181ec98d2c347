/**
 * Router discovery messages and what they bring: RFC 4861 §4.1, §4.2, §4.6.2, §4.6.4; routes and preferences, RFC 4191 §2; name servers, RFC 8106
 * §5; contexts of 6LoWPAN, RFC 6775 §4.2. Read RFC 4861 §6.1 before changing this file. All times are milliseconds; those that never end are Infinity.
 */

import type { Address, LinkAddress, Malformed, Prefix } from '@favonius/contract'
import { isLinkLocal, isUnspecified, MutableAddress, networkOf, readAddress, writeAddress } from '@favonius/inet'
import { BAD_OPTION, common, linkOptionSize, ndOptionTypes, no, readLinkOption, walkOptions, writeLinkOption, type NdIp } from './ndoption.ts'

/** A router solicitation (RFC 4861 §4.1). */
export const ROUTER_SOLICITATION = { options: 8, size: 8 } as const
/** A router advertisement (RFC 4861 §4.2). */
export const ROUTER_ADVERTISEMENT = { hopLimit: 4, flags: 5, lifetime: 6, reachableTime: 8, retransTimer: 12, options: 16, size: 16 } as const
/** A prefix information option (RFC 4861 §4.6.2). */
export const PREFIX_INFORMATION = { length: 2, flags: 3, validLifetime: 4, preferredLifetime: 8, prefix: 16, size: 32 } as const

/** A 6LoWPAN context option (RFC 6775 §4.2). */
export const CONTEXT_OPTION = { length: 2, flags: 3, lifetime: 6, prefix: 8 } as const

/** Flags of an advertisement (RFC 4861 §4.2, RFC 4191 §2.2). */
const MANAGED = 0x80
const OTHER = 0x40
const PREFERENCE_SHIFT = 3
/** Flags of a prefix (RFC 4861 §4.6.2). */
const ON_LINK = 0x80
const AUTONOMOUS = 0x40
/** Of a context: it compresses, beside its number. */
const COMPRESS = 0x10
const CONTEXT_ID = 0x0f
/** Milliseconds of the unit that contexts' lifetimes are in, and how many there may be. */
const MINUTE = 60_000
const MOST_MINUTES = 0xffff
/** A lifetime without end (RFC 4861 §4.6.2, RFC 4191 §2.3, RFC 8106 §5.1). */
const INFINITE = 0xffffffff
/** RFC 1035 §3.1: of a name, and of a label. */
const MAX_NAME = 255
const MAX_LABEL = 63

/** Default Router Preference, and that of a route (RFC 4191 §2.1). */
export type RouterPreference = 'low' | 'medium' | 'high'

/** A prefix that is on the link, or that hosts make addresses of (RFC 4861 §4.6.2). */
export interface PrefixInformation {
  readonly prefix: Prefix
  /** Its addresses are on this link. */
  readonly onLink: boolean
  /** Hosts may make addresses of it (RFC 4862 §5.5.3). */
  readonly autonomous: boolean
  readonly validLifetime: number
  readonly preferredLifetime: number
}

/** A prefix behind the router (RFC 4191 §2.3). */
export interface RouteInformation {
  readonly prefix: Prefix
  readonly preference: RouterPreference
  readonly lifetime: number
}

/** Recursive name servers (RFC 8106 §5.1). */
export interface NameServers {
  readonly servers: readonly Address[]
  readonly lifetime: number
}

/** Domains in which short names are looked for (RFC 8106 §5.2). */
export interface SearchList {
  readonly domains: readonly string[]
  readonly lifetime: number
}

/** A prefix that 6LoWPAN has a number for (RFC 6775 §4.2). */
export interface ContextInformation {
  /** 0 to 15. */
  readonly id: number
  readonly prefix: Prefix
  /** Addresses may be compressed by it, and not only understood. */
  readonly compress: boolean
  /** Whole minutes, to 65 535; 0 removes it. */
  readonly lifetime: number
}

/** RFC 4861 §4.2. What is 0 is left for others to say, but for the lifetime. */
export interface RouterAdvertisement {
  readonly hopLimit: number
  /** Addresses are to be had by DHCPv6, or other settings are. */
  readonly managed: boolean
  readonly other: boolean
  readonly preference: RouterPreference
  /** For how long it is a default router; 0 when it is none. At most 65 535 seconds. */
  readonly lifetime: number
  readonly reachableTime: number
  readonly retransTimer: number
  /** The router's link address. */
  readonly link: LinkAddress | undefined
  readonly mtu: number | undefined
  readonly prefixes: readonly PrefixInformation[]
  readonly routes: readonly RouteInformation[]
  readonly nameServers: readonly NameServers[]
  readonly searchLists: readonly SearchList[]
  readonly contexts: readonly ContextInformation[]
}

/** A router solicitation. */
export interface RouterSolicitation {
  /** The sender's link address; absent when it sends from `::`. */
  readonly link: LinkAddress | undefined
}

// ---- reading ----

/** Reads and validates (RFC 4861 §6.1.1) the solicitation at `at`. */
export function readRouterSolicitation(dv: DataView, at: number, end: number, ip: NdIp, own: LinkAddress): RouterSolicitation | Malformed {
  const wrong = common(dv, at, end, ROUTER_SOLICITATION.size, ip)
  if (wrong) return wrong
  let link: LinkAddress | undefined
  const whole = walkOptions(dv, at + ROUTER_SOLICITATION.options, end, (type, option, units) => {
    if (type === ndOptionTypes.sourceLink) link ??= readLinkOption(dv, option, units, own)
  })
  if (!whole) return BAD_OPTION
  return isUnspecified(ip.source) && link ? no('from :: with a source link-layer address') : { link }
}

/** Reads and validates (RFC 4861 §6.1.2) the advertisement at `at`. Options that make no sense are passed over. */
export function readRouterAdvertisement(dv: DataView, at: number, end: number, ip: NdIp, own: LinkAddress): RouterAdvertisement | Malformed {
  const wrong = common(dv, at, end, ROUTER_ADVERTISEMENT.size, ip)
  if (wrong) return wrong
  if (!isLinkLocal(ip.source)) return no('not from a link-local address')
  let link: LinkAddress | undefined
  let mtu: number | undefined
  const prefixes: PrefixInformation[] = []
  const routes: RouteInformation[] = []
  const nameServers: NameServers[] = []
  const searchLists: SearchList[] = []
  const contexts: ContextInformation[] = []
  const whole = walkOptions(dv, at + ROUTER_ADVERTISEMENT.options, end, (type, option, units) => {
    switch (type) {
      case ndOptionTypes.sourceLink:
        link ??= readLinkOption(dv, option, units, own)
        return
      case ndOptionTypes.mtu:
        if (units === 1) mtu ??= dv.getUint32(option + 4)
        return
      case ndOptionTypes.prefix: {
        const length = dv.getUint8(option + PREFIX_INFORMATION.length)
        if (units !== 4 || length > 128) return
        const flags = dv.getUint8(option + PREFIX_INFORMATION.flags)
        prefixes.push({
          prefix: { address: networkOf(readAddress(dv, option + PREFIX_INFORMATION.prefix, 6), length), length },
          onLink: (flags & ON_LINK) !== 0,
          autonomous: (flags & AUTONOMOUS) !== 0,
          validLifetime: readLifetime(dv, option + PREFIX_INFORMATION.validLifetime),
          preferredLifetime: readLifetime(dv, option + PREFIX_INFORMATION.preferredLifetime),
        })
        return
      }
      case ndOptionTypes.route: {
        const route = readRoute(dv, option, units)
        if (route !== undefined) routes.push(route)
        return
      }
      case ndOptionTypes.nameServers: {
        // Each takes two units, behind one for the header (RFC 8106 §5.1, §5.3.1).
        const servers: Address[] = []
        for (let n = 1; n + 1 < units; n += 2) servers.push(readAddress(dv, option + n * 8, 6))
        if (units >= 3 && units % 2 === 1) nameServers.push({ servers, lifetime: readLifetime(dv, option + 4) })
        return
      }
      case ndOptionTypes.searchList: {
        const domains = units < 2 ? undefined : readNames(dv, option + 8, option + units * 8)
        if (domains?.length) searchLists.push({ domains, lifetime: readLifetime(dv, option + 4) })
        return
      }
      case ndOptionTypes.context: {
        const length = dv.getUint8(option + CONTEXT_OPTION.length)
        if ((units !== 2 && units !== 3) || length > (units - 1) * 64) return
        const flags = dv.getUint8(option + CONTEXT_OPTION.flags)
        contexts.push({
          id: flags & CONTEXT_ID,
          prefix: { address: readNetwork(dv, option + CONTEXT_OPTION.prefix, units - 1, length), length },
          compress: (flags & COMPRESS) !== 0,
          lifetime: dv.getUint16(option + CONTEXT_OPTION.lifetime) * MINUTE,
        })
      }
    }
  })
  if (!whole) return BAD_OPTION
  const flags = dv.getUint8(at + ROUTER_ADVERTISEMENT.flags)
  return {
    hopLimit: dv.getUint8(at + ROUTER_ADVERTISEMENT.hopLimit),
    managed: (flags & MANAGED) !== 0,
    other: (flags & OTHER) !== 0,
    preference: preferenceOf(flags) ?? 'medium',
    lifetime: dv.getUint16(at + ROUTER_ADVERTISEMENT.lifetime) * 1000,
    reachableTime: dv.getUint32(at + ROUTER_ADVERTISEMENT.reachableTime),
    retransTimer: dv.getUint32(at + ROUTER_ADVERTISEMENT.retransTimer),
    link, mtu, prefixes, routes, nameServers, searchLists, contexts,
  }
}

/** Undefined for the value that is reserved (RFC 4191 §2.1). */
function preferenceOf(flags: number): RouterPreference | undefined {
  return ([ 'medium', 'high', undefined, 'low' ] as const)[(flags >>> PREFERENCE_SHIFT) & 3]
}

function readLifetime(dv: DataView, at: number): number {
  const seconds = dv.getUint32(at)
  return seconds === INFINITE ? Infinity : seconds * 1000
}

/** A route information option. Undefined when it must be ignored: a reserved preference, or a prefix that is cut short (RFC 4191 §2.3). */
function readRoute(dv: DataView, at: number, units: number): RouteInformation | undefined {
  const length = dv.getUint8(at + 2)
  const preference = preferenceOf(dv.getUint8(at + 3))
  if (preference === undefined || length > 128 || units > 3 || length > (units - 1) * 64) return undefined
  return { prefix: { address: readNetwork(dv, at + 8, units - 1, length), length }, preference, lifetime: readLifetime(dv, at + 4) }
}

/** The address of a prefix of which only the first `units` times 8 bytes are there. */
function readNetwork(dv: DataView, at: number, units: number, length: number): Address {
  const word = (n: number): number => (n < units * 2 ? dv.getInt32(at + n * 4) : 0)
  return networkOf(new MutableAddress(6, word(0), word(1), word(2), word(3)), length)
}

/** Names one behind the other, up to padding of zeros (RFC 8106 §5.2). Those with more than letters, digits, hyphens and underscores are left out. */
function readNames(dv: DataView, at: number, end: number): string[] | undefined {
  const names: string[] = []
  while (at < end && dv.getUint8(at) !== 0) {
    const labels: string[] = []
    let size = 0
    for (let length = dv.getUint8(at++); length !== 0; length = dv.getUint8(at++)) {
      size += length + 1
      if (length > MAX_LABEL || size >= MAX_NAME || at + length >= end) return undefined
      let label = ''
      for (let i = 0; i < length; i++) label += String.fromCharCode(dv.getUint8(at + i))
      labels.push(label)
      at += length
    }
    if (labels.every((label) => /^[\w-]+$/.test(label))) names.push(labels.join('.').toLowerCase())
  }
  return names
}

// ---- writing ----

/** Bytes of an advertisement with all its options. */
export function routerAdvertisementSize({ link, mtu, prefixes, routes, nameServers, searchLists, contexts }: RouterAdvertisement): number {
  let size = ROUTER_ADVERTISEMENT.size + (link === undefined ? 0 : linkOptionSize(link)) + (mtu === undefined ? 0 : 8) + prefixes.length * PREFIX_INFORMATION.size
  for (const { prefix } of routes) size += routeUnits(prefix.length) * 8
  for (const { servers } of nameServers) size += 8 + servers.length * 16
  for (const { domains } of searchLists) size += 8 + namesSize(domains)
  for (const { prefix } of contexts) size += contextUnits(prefix.length) * 8
  return size
}

/** Writes an advertisement behind its type, code and checksum, into memory that is all zeros. */
export function writeRouterAdvertisement(advertisement: RouterAdvertisement, dv: DataView, at: number): void {
  const { hopLimit, managed, other, preference, lifetime, reachableTime, retransTimer, link, mtu } = advertisement
  dv.setUint8(at + ROUTER_ADVERTISEMENT.hopLimit, hopLimit)
  // RFC 4191 §2.2: who is no default router has no preference.
  dv.setUint8(at + ROUTER_ADVERTISEMENT.flags, (managed ? MANAGED : 0) | (other ? OTHER : 0) | (lifetime > 0 ? preferenceBits(preference) : 0))
  dv.setUint16(at + ROUTER_ADVERTISEMENT.lifetime, Math.min(0xffff, Math.ceil(lifetime / 1000)))
  dv.setUint32(at + ROUTER_ADVERTISEMENT.reachableTime, reachableTime)
  dv.setUint32(at + ROUTER_ADVERTISEMENT.retransTimer, retransTimer)
  let to = at + ROUTER_ADVERTISEMENT.options
  const begin = (type: number, size: number): number => {
    dv.setUint8(to, type)
    dv.setUint8(to + 1, size / 8)
    to += size
    return to - size
  }
  if (link !== undefined && link.length > 0) writeLinkOption(dv, begin(ndOptionTypes.sourceLink, linkOptionSize(link)), ndOptionTypes.sourceLink, link)
  if (mtu !== undefined) dv.setUint32(begin(ndOptionTypes.mtu, 8) + 4, mtu)
  for (const { prefix, onLink, autonomous, validLifetime, preferredLifetime } of advertisement.prefixes) {
    const option = begin(ndOptionTypes.prefix, PREFIX_INFORMATION.size)
    dv.setUint8(option + PREFIX_INFORMATION.length, prefix.length)
    dv.setUint8(option + PREFIX_INFORMATION.flags, (onLink ? ON_LINK : 0) | (autonomous ? AUTONOMOUS : 0))
    writeLifetime(validLifetime, dv, option + PREFIX_INFORMATION.validLifetime)
    writeLifetime(preferredLifetime, dv, option + PREFIX_INFORMATION.preferredLifetime)
    writeAddress(prefix.address, dv, option + PREFIX_INFORMATION.prefix)
  }
  for (const { prefix: { address, length }, preference: how, lifetime: lasts } of advertisement.routes) {
    const units = routeUnits(length)
    const option = begin(ndOptionTypes.route, units * 8)
    dv.setUint8(option + 2, length)
    dv.setUint8(option + 3, preferenceBits(how))
    writeLifetime(lasts, dv, option + 4)
    writeNetwork(address, dv, option + 8, units - 1)
  }
  for (const { servers, lifetime: lasts } of advertisement.nameServers) {
    const option = begin(ndOptionTypes.nameServers, 8 + servers.length * 16)
    writeLifetime(lasts, dv, option + 4)
    for (const [n, server] of servers.entries()) writeAddress(server, dv, option + 8 + n * 16)
  }
  for (const { domains, lifetime: lasts } of advertisement.searchLists) {
    const option = begin(ndOptionTypes.searchList, 8 + namesSize(domains))
    writeLifetime(lasts, dv, option + 4)
    let name = option + 8
    for (const domain of domains) {
      for (const label of domain.split('.')) {
        dv.setUint8(name++, label.length)
        for (let i = 0; i < label.length; i++) dv.setUint8(name++, label.charCodeAt(i))
      }
      name++
    }
  }
  for (const { id, prefix: { address, length }, compress, lifetime: lasts } of advertisement.contexts) {
    const units = contextUnits(length)
    const option = begin(ndOptionTypes.context, units * 8)
    dv.setUint8(option + CONTEXT_OPTION.length, length)
    dv.setUint8(option + CONTEXT_OPTION.flags, id | (compress ? COMPRESS : 0))
    dv.setUint16(option + CONTEXT_OPTION.lifetime, Math.min(MOST_MINUTES, Math.ceil(lasts / MINUTE)))
    writeNetwork(address, dv, option + CONTEXT_OPTION.prefix, units - 1)
  }
}

/** Writes the first `units` times 8 bytes of a prefix's address. */
function writeNetwork({ w0, w1, w2, w3 }: Address, dv: DataView, at: number, units: number): void {
  const words = [w0, w1, w2, w3]
  for (let n = 0; n < units * 2; n++) dv.setInt32(at + n * 4, words[n]!)
}

function preferenceBits(preference: RouterPreference): number {
  return { medium: 0, high: 1, low: 3 }[preference] << PREFERENCE_SHIFT
}

/** Rounded up: what is left of a lifetime must not become none. */
function writeLifetime(lifetime: number, dv: DataView, at: number): void {
  dv.setUint32(at, lifetime === Infinity ? INFINITE : Math.min(INFINITE - 1, Math.ceil(lifetime / 1000)))
}

/** A route option leaves out the half of the prefix that is not needed, or all of it (RFC 4191 §2.3). */
function routeUnits(length: number): number {
  return length === 0 ? 1 : length <= 64 ? 2 : 3
}

/** A context leaves out the half that is not needed (RFC 6775 §4.2). */
function contextUnits(length: number): number {
  return length <= 64 ? 2 : 3
}

function namesSize(domains: readonly string[]): number {
  let size = 0
  for (const domain of domains) size += domain.length + 2
  return (size + 7) & ~7
}
