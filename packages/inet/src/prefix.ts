/** Prefixes (RFC 4291 §2.3, RFC 4632 §3.1): an address and how many of its bits count. */

import type { Address, Prefix } from '@favonius/contract'
import { BROADCAST4, ipv4, MutableAddress, parseAddress, type ZoneOf } from './address.ts'
import { misformed } from './errno.ts'

/**
 * Reads `192.0.2.1/24`, `2001:db8::/32` or `fe80::1%2/64` (RFC 4007 §11.7). Bits beyond the length are kept, so that one
 * text can say both an address and its subnet. Undefined for anything else.
 */
export function parsePrefix(text: string, zoneOf?: ZoneOf): Prefix | undefined {
  const slash = text.lastIndexOf('/')
  if (slash < 0) return undefined
  const address = parseAddress(text.slice(0, slash), zoneOf)
  const digits = text.slice(slash + 1)
  if (!address || !/^(0|[1-9][0-9]{0,2})$/.test(digits)) return undefined
  const length = Number(digits)
  return length <= bits(address) ? { address, length } : undefined
}

/**
 * As `parsePrefix`, for text that the program itself wrote.
 *
 * @throws TypeError with code EINVAL; its message says what is expected.
 */
export function prefix(text: string, zoneOf?: ZoneOf): Prefix {
  const parsed = parsePrefix(text, zoneOf)
  if (parsed) return parsed
  const given = JSON.stringify(text)
  throw misformed(`${given} is not a prefix; write an address, a slash and a length in bits: 192.0.2.0/24 or 2001:db8::/32`)
}

/** `192.0.2.0/24`. */
export function formatPrefix(p: Prefix): string {
  return `${p.address}/${p.length}`
}

const bits = (a: Address): number => a.family === 4 ? 32 : 128

/** Whether the first `length` bits of `address` are the prefix's. Never across families; zones do not count. */
export function inPrefix(prefix: Prefix, address: Address): boolean {
  return prefix.address.family === address.family && commonPrefixLength(prefix.address, address) >= prefix.length
}

/** How many leading bits two addresses share (RFC 6724 §2.2): 0–32 or 0–128, and 0 across families. */
export function commonPrefixLength(a: Address, b: Address): number {
  if (a.family !== b.family) return 0
  if (a.family === 4) return Math.clz32(a.w3 ^ b.w3)
  if (a.w0 !== b.w0) return Math.clz32(a.w0 ^ b.w0)
  if (a.w1 !== b.w1) return 32 + Math.clz32(a.w1 ^ b.w1)
  if (a.w2 !== b.w2) return 64 + Math.clz32(a.w2 ^ b.w2)
  return 96 + Math.clz32(a.w3 ^ b.w3)
}

/** A word whose first `n` bits are ones; none when `n` is below 1, all when it is above 31. */
const ones = (n: number): number => n <= 0 ? 0 : n >= 32 ? -1 : -1 << (32 - n)

/** The address with all but its first `length` bits cleared. */
export function networkOf(address: Address, length: number): Address {
  const { family, w0, w1, w2, w3, zone } = address
  if (family === 4) return ipv4(w3 & ones(length))
  return new MutableAddress(6, w0 & ones(length), w1 & ones(length - 32), w2 & ones(length - 64), w3 & ones(length - 96), zone)
}

/** The IPv4 mask of a prefix length of 0–32: `netmask(24)` is 255.255.255.0. */
export function netmask(length: number): Address {
  return ipv4(ones(length))
}

/** The prefix length of an IPv4 mask; undefined unless its ones stand together at the front (RFC 4632 §5.1). */
export function maskLength(mask: Address): number | undefined {
  const length = Math.clz32(~mask.w3)
  return mask.family === 4 && mask.w3 === ones(length) ? length : undefined
}

/**
 * The directed broadcast address of an IPv4 subnet (RFC 919 §7). With 31 or 32 bits every address is a host's, and only
 * the limited broadcast, 255.255.255.255, is left (RFC 3021 §2).
 */
export function broadcastOf(address: Address, length: number): Address {
  return length > 30 ? BROADCAST4 : ipv4(address.w3 | ~ones(length))
}
