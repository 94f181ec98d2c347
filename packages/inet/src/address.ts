/** IP addresses of both families: from and to text, from and to the wire, and what RFC 4291 and RFC 6724 say of them. */

import type { Address, Family } from '@favonius/contract'
import { misformed } from './errno.ts'
import { parseIpv4, parseIpv6, showIpv4, showIpv6 } from './text.ts'

/**
 * An address whose holder changes it in place: the one record that a receive path fills again for every packet.
 *
 * All addresses are of this one class, so that code on the packet path sees one shape; those that must not change are
 * handed out as `Address`, which is read-only. Keep what you borrow with `copyAddress`.
 */
export class MutableAddress implements Address {
  family: Family
  w0: number
  w1: number
  w2: number
  w3: number
  zone: number

  /** `::`, or what the words say. Words are taken as signed 32-bit numbers in network order. */
  constructor(family: Family = 6, w0 = 0, w1 = 0, w2 = 0, w3 = 0, zone = 0) {
    this.family = family
    this.w0 = w0 | 0
    this.w1 = w1 | 0
    this.w2 = w2 | 0
    this.w3 = w3 | 0
    this.zone = zone
  }

  /** Becomes the four bytes at `at`: an IPv4 address. */
  set4(dv: DataView, at: number): this {
    this.family = 4
    this.w0 = 0
    this.w1 = 0
    this.w2 = 0xffff
    this.w3 = dv.getInt32(at)
    this.zone = 0
    return this
  }

  /** Becomes the sixteen bytes at `at`: an IPv6 address of `zone` (an interface's index, 0 for none). */
  set6(dv: DataView, at: number, zone = 0): this {
    this.family = 6
    this.w0 = dv.getInt32(at)
    this.w1 = dv.getInt32(at + 4)
    this.w2 = dv.getInt32(at + 8)
    this.w3 = dv.getInt32(at + 12)
    this.zone = zone
    return this
  }

  /** Becomes what `a` is now. */
  copyFrom(a: Address): this {
    this.family = a.family
    this.w0 = a.w0
    this.w1 = a.w1
    this.w2 = a.w2
    this.w3 = a.w3
    this.zone = a.zone
    return this
  }

  toString(): string {
    return this.family === 4 ? showIpv4(this.w3) : showIpv6(this.w0, this.w1, this.w2, this.w3, this.zone)
  }
}

/** An IPv4 address from its 32 bits in network order: `ipv4(0xc0000201)` is 192.0.2.1. */
export function ipv4(word: number): Address {
  return new MutableAddress(4, 0, 0, 0xffff, word)
}

/** An IPv6 address from its four 32-bit words in network order, of a zone (RFC 4007 §6: an interface's index; 0 for none). */
export function ipv6(w0: number, w1: number, w2: number, w3: number, zone = 0): Address {
  return new MutableAddress(6, w0, w1, w2, w3, zone)
}

/** 0.0.0.0 (RFC 1122 §3.2.1.3): no address yet; or, to bind, every one. */
export const ANY4: Address = /* @__PURE__ */ ipv4(0)
/** :: (RFC 4291 §2.5.2). */
export const ANY6: Address = /* @__PURE__ */ ipv6(0, 0, 0, 0)
/** 127.0.0.1 (RFC 1122 §3.2.1.3). */
export const LOOPBACK4: Address = /* @__PURE__ */ ipv4(0x7f000001)
/** ::1 (RFC 4291 §2.5.3). */
export const LOOPBACK6: Address = /* @__PURE__ */ ipv6(0, 0, 0, 1)
/** 255.255.255.255, the limited broadcast (RFC 919 §7). */
export const BROADCAST4: Address = /* @__PURE__ */ ipv4(0xffffffff)
/** ff02::1, all nodes on the link (RFC 4291 §2.7.1). */
export const ALL_NODES: Address = /* @__PURE__ */ ipv6(0xff020000, 0, 0, 1)
/** ff02::2, all routers on the link (RFC 4291 §2.7.1). */
export const ALL_ROUTERS: Address = /* @__PURE__ */ ipv6(0xff020000, 0, 0, 2)
/** 224.0.0.1, all systems on the subnet (RFC 1112 §4). */
export const ALL_SYSTEMS4: Address = /* @__PURE__ */ ipv4(0xe0000001)

/** Finds the index of the interface that a zone names (RFC 4007 §11.2): `eth0` of `fe80::1%eth0`. */
export type ZoneOf = (name: string) => number | undefined

/**
 * Reads an address of either family: dotted decimal without leading zeros (RFC 6943 §3.1.1), or the forms of RFC 4291
 * §2.2, with a zone after `%` (RFC 4007 §11) that is a number or what `zoneOf` knows. Undefined for anything else.
 */
export function parseAddress(text: string, zoneOf?: ZoneOf): Address | undefined {
  const word = parseIpv4(text)
  if (word !== undefined) return ipv4(word)
  const percent = text.indexOf('%')
  const words = parseIpv6(percent < 0 ? text : text.slice(0, percent))
  if (!words) return undefined
  const zone = percent < 0 ? 0 : zoneIndex(text.slice(percent + 1), zoneOf)
  return zone === undefined ? undefined : ipv6(words[0], words[1], words[2], words[3], zone)
}

const zoneIndex = (name: string, zoneOf: ZoneOf | undefined): number | undefined =>
  /^(0|[1-9][0-9]{0,8})$/.test(name) ? Number(name) : name === '' ? undefined : zoneOf?.(name)

/**
 * As `parseAddress`, for text that the program itself wrote.
 *
 * @throws TypeError with code EINVAL; its message says what is expected.
 */
export function address(text: string, zoneOf?: ZoneOf): Address {
  const parsed = parseAddress(text, zoneOf)
  if (parsed) return parsed
  const given = JSON.stringify(text)
  throw misformed(`${given} is not an IP address; write 192.0.2.1, 2001:db8::1, or fe80::1%2 with the zone of an interface`)
}

/** The address whose 4 or 16 bytes stand at `at`. */
export function readAddress(dv: DataView, at: number, family: Family): Address {
  return family === 4 ? new MutableAddress().set4(dv, at) : new MutableAddress().set6(dv, at, 0)
}

/** Writes the 4 or 16 bytes of an address at `at`. */
export function writeAddress(a: Address, dv: DataView, at: number): void {
  if (a.family === 4) {
    dv.setInt32(at, a.w3)
    return
  }
  dv.setInt32(at, a.w0)
  dv.setInt32(at + 4, a.w1)
  dv.setInt32(at + 8, a.w2)
  dv.setInt32(at + 12, a.w3)
}

/** Whether two addresses are the same but for their zones. */
export function sameAddress(a: Address, b: Address): boolean {
  return a.w3 === b.w3 && a.w2 === b.w2 && a.w1 === b.w1 && a.w0 === b.w0 && a.family === b.family
}

/** A signed 32-bit number, the same for the same address (zone aside), for hash tables. */
export function hashAddress(a: Address): number {
  let h = Math.imul(a.w0 ^ Math.imul(a.w1, 0x85ebca6b), 0x9e3779b1) ^ a.w2
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ a.w3
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** The same address in another zone. */
export function withZone(a: Address, zone: number): Address {
  return new MutableAddress(a.family, a.w0, a.w1, a.w2, a.w3, zone)
}

/** A copy that stays as it is when `a` is filled anew. */
export function copyAddress(a: Address): Address {
  return withZone(a, a.zone)
}

/** The IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2) of an IPv4 address; an IPv6 address itself. */
export function mapped(a: Address): Address {
  return a.family === 6 ? a : ipv6(0, 0, 0xffff, a.w3)
}

/** The IPv4 address in an IPv4-mapped IPv6 address; any other address itself. */
export function unmapped(a: Address): Address {
  return isMapped(a) ? ipv4(a.w3) : a
}

/** Whether it is an IPv6 address that stands for an IPv4 one, ::ffff:0:0/96 (RFC 4291 §2.5.5.2). */
export function isMapped(a: Address): boolean {
  return a.family === 6 && a.w0 === 0 && a.w1 === 0 && a.w2 === 0xffff
}

/** Whether it is 0.0.0.0 or ::. */
export function isUnspecified(a: Address): boolean {
  return a.w3 === 0 && a.w0 === 0 && a.w1 === 0 && (a.family === 4 || a.w2 === 0)
}

/** Whether it is in 127.0.0.0/8 (RFC 1122 §3.2.1.3) or ::1. */
export function isLoopback(a: Address): boolean {
  return a.family === 4 ? a.w3 >>> 24 === 127 : a.w3 === 1 && a.w2 === 0 && a.w1 === 0 && a.w0 === 0
}

/** Whether it is in 224.0.0.0/4 (RFC 1112 §4) or ff00::/8. A broadcast address is no multicast address. */
export function isMulticast(a: Address): boolean {
  return a.family === 4 ? a.w3 >>> 28 === 14 : a.w0 >>> 24 === 0xff
}

/** Whether it is in 169.254.0.0/16 (RFC 3927) or fe80::/10. */
export function isLinkLocal(a: Address): boolean {
  return a.family === 4 ? a.w3 >>> 16 === 0xa9fe : a.w0 >>> 22 === 0x3fa
}

/** Whether it is 255.255.255.255. */
export function isBroadcast4(a: Address): boolean {
  return a.family === 4 && a.w3 === -1
}

/**
 * How far an address reaches, in the numbers of RFC 4291 §2.7: 1 interface, 2 link, 3 realm, 4 admin, 5 site,
 * 8 organization, 14 global.
 *
 * Unicast addresses by RFC 6724 §3.1 and §3.4 (loopback counts as link-local), IPv4 ones and IPv4-mapped ones by §3.2,
 * and IPv4 groups by RFC 2365.
 */
export function scopeOf(a: Address): number {
  if (a.family === 4 || isMapped(a)) return scopeOfIpv4(a.w3)
  if (isMulticast(a)) return (a.w0 >>> 16) & 15
  if (isLinkLocal(a) || isLoopback(a)) return 2
  return a.w0 >>> 22 === 0x3fb ? 5 : 14
}

function scopeOfIpv4(word: number): number {
  if (word >>> 28 === 14) {
    if (word >>> 8 === 0xe00000) return 2
    if (word >>> 16 === 0xefff) return 3
    return word >>> 18 === 0xefc0 >>> 2 ? 8 : 14
  }
  return word >>> 24 === 127 || word >>> 16 === 0xa9fe || word === -1 ? 2 : 14
}

/** The solicited-node multicast address of a unicast address, ff02::1:ffXX:XXXX in its zone (RFC 4291 §2.7.1). */
export function solicitedNode(a: Address): Address {
  return ipv6(0xff020000, 0, 1, 0xff000000 | (a.w3 & 0xffffff), a.zone)
}
