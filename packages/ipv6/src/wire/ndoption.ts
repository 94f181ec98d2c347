/** Options of neighbour discovery messages (RFC 4861 §4.6), and what all of those messages must pass (§7.1, §6.1). */

import type { IpInfo, LinkAddress, Malformed } from '@favonius/contract'
import { readLink, writeLink } from '@favonius/inet'
import { ICMPV6 } from './icmp.ts'

/** Hop limit of every message: one that was forwarded has less (RFC 4861 §7.1.1). */
export const ND_HOP_LIMIT = 255

/** Option types (RFC 4861 §4.6, RFC 3971 §5.3.2, RFC 4191 §2.3, RFC 8106 §5, RFC 6775 §4.2). */
export const ndOptionTypes = {
  sourceLink: 1, targetLink: 2, prefix: 3, redirected: 4, mtu: 5, nonce: 14, route: 24, nameServers: 25, searchList: 31, context: 34,
} as const

/** Bytes that a link-layer address option takes, a multiple of 8; 0 for a link without addresses. */
export function linkOptionSize(link: LinkAddress): number {
  return link.length === 0 ? 0 : (link.length + 9) & ~7
}

/** Writes a source or target link-layer address option (RFC 4861 §4.6.1) at `at`, padded with zeros. */
export function writeLinkOption(dv: DataView, at: number, type: number, link: LinkAddress): void {
  const size = linkOptionSize(link)
  if (size === 0) return
  dv.setUint8(at, type)
  dv.setUint8(at + 1, size / 8)
  for (let i = at + 2 + link.length; i < at + size; i++) dv.setUint8(i, 0)
  writeLink(link, dv, at + 2)
}

/**
 * The link address in an option of `units` times 8 bytes at `at`. One unit holds an EUI-48, or the short address of a link
 * whose own address is short or EUI-64 (RFC 4944 §8); two hold an EUI-64.
 */
export function readLinkOption(dv: DataView, at: number, units: number, own: LinkAddress): LinkAddress | undefined {
  if (units === 1) return readLink(dv, at + 2, own.length === 6 || own.length === 0 ? 6 : 2)
  return units === 2 && own.length !== 6 ? readLink(dv, at + 2, 8) : undefined
}

/** Shows each option in `from … end` to `visit`. False when one has length 0 or runs past the end (RFC 4861 §4.6): then the message is none. */
export function walkOptions(dv: DataView, from: number, end: number, visit: (type: number, at: number, units: number) => void): boolean {
  for (let at = from; at < end;) {
    if (end - at < 2) return false
    const units = dv.getUint8(at + 1)
    if (units === 0 || at + units * 8 > end) return false
    visit(dv.getUint8(at), at, units)
    at += units * 8
  }
  return true
}

export const no = (malformed: string): Malformed => ({ malformed })
export const BAD_OPTION = /* @__PURE__ */ no('an option has length 0 or is cut short')

/** What all messages must have in common (RFC 4861 §7.1). */
export function common(dv: DataView, at: number, end: number, least: number, ip: Pick<IpInfo, 'hopLimit'>): Malformed | undefined {
  if (ip.hopLimit !== ND_HOP_LIMIT) return no(`hop limit ${ip.hopLimit} is not 255`)
  if (end - at < least) return no(`${end - at} bytes are fewer than ${least}`)
  return dv.getUint8(at + ICMPV6.code) === 0 ? undefined : no('code is not 0')
}

/** The facts of the IP header that validation asks for. */
export type NdIp = Pick<IpInfo, 'hopLimit' | 'source' | 'destination' | 'multicast'>
