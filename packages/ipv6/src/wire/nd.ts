/**
 * Neighbour discovery messages, RFC 4861 §4, with the validation that each must pass before anything is done with it.
 * Read §4.3, §4.4, §4.5, §4.6 and §7.1 before changing this file.
 */

import type { Address, LinkAddress, Malformed } from '@favonius/contract'
import { isLinkLocal, isMulticast, isUnspecified, readAddress, sameAddress } from '@favonius/inet'
import { BAD_OPTION, common, ndOptionTypes, no, readLinkOption, walkOptions, type NdIp } from './ndoption.ts'

/** A neighbour solicitation (RFC 4861 §4.3). */
export const SOLICITATION = { target: 8, options: 24, size: 24 } as const
/** A neighbour advertisement (RFC 4861 §4.4). */
export const ADVERTISEMENT = { flags: 4, target: 8, options: 24, size: 24 } as const
/** Flags of an advertisement (RFC 4861 §4.4). */
export const FLAG_ROUTER = 0x80
/** RFC 4861 §4.4. */
export const FLAG_SOLICITED = 0x40
/** RFC 4861 §4.4. */
export const FLAG_OVERRIDE = 0x20
/** A redirect (RFC 4861 §4.5). */
export const REDIRECT = { target: 8, destination: 24, options: 40, size: 40 } as const

/** Six bytes that tell our own solicitation from another's (RFC 7527 §4.1): the first two, and the last four. */
export type Nonce = readonly [number, number]

/** RFC 4861 §4.3. */
export interface Solicitation {
  readonly target: Address
  /** The sender's link address; absent when it sends from `::`. */
  readonly link: LinkAddress | undefined
  /** Where there is one of six bytes. */
  readonly nonce: Nonce | undefined
}

/** RFC 4861 §4.4. */
export interface Advertisement {
  readonly target: Address
  readonly router: boolean
  readonly solicited: boolean
  readonly override: boolean
  /** The target's link address. */
  readonly link: LinkAddress | undefined
}

/** RFC 4861 §4.5. */
export interface Redirect {
  /** The better first hop: a router, or the destination itself. */
  readonly target: Address
  readonly destination: Address
  readonly link: LinkAddress | undefined
}

interface Found {
  source: LinkAddress | undefined
  target: LinkAddress | undefined
  nonce: Nonce | undefined
}

/** Reads the options in `from … end`. Undefined when one has length 0 or runs past the end (RFC 4861 §4.6). */
function readOptions(dv: DataView, from: number, end: number, own: LinkAddress): Found | undefined {
  const found: Found = { source: undefined, target: undefined, nonce: undefined }
  const whole = walkOptions(dv, from, end, (type, at, units) => {
    if (type === ndOptionTypes.sourceLink) found.source ??= readLinkOption(dv, at, units, own)
    else if (type === ndOptionTypes.targetLink) found.target ??= readLinkOption(dv, at, units, own)
    else if (type === ndOptionTypes.nonce && units === 1) found.nonce ??= [dv.getUint16(at + 2), dv.getInt32(at + 4)]
  })
  return whole ? found : undefined
}

/** Whether `a` is a solicited-node group, ff02::1:ff00:0/104 (RFC 4291 §2.7.1). */
export function isSolicitedNode(a: Address): boolean {
  return a.w0 === (0xff020000 | 0) && a.w1 === 0 && a.w2 === 1 && a.w3 >>> 24 === 0xff
}

/** Reads and validates (RFC 4861 §7.1.1) the solicitation at `at`. `own` is the receiving interface's link address. */
export function readSolicitation(dv: DataView, at: number, end: number, ip: NdIp, own: LinkAddress): Solicitation | Malformed {
  const wrong = common(dv, at, end, SOLICITATION.size, ip)
  if (wrong) return wrong
  const target = readAddress(dv, at + SOLICITATION.target, 6)
  if (isMulticast(target)) return no('target is a group')
  const options = readOptions(dv, at + SOLICITATION.options, end, own)
  if (!options) return BAD_OPTION
  if (isUnspecified(ip.source)) {
    if (!isSolicitedNode(ip.destination)) return no('from :: to another address than a solicited-node group')
    if (options.source) return no('from :: with a source link-layer address')
  }
  return { target, link: options.source, nonce: options.nonce }
}

/** Reads and validates (RFC 4861 §7.1.2) the advertisement at `at`. */
export function readAdvertisement(dv: DataView, at: number, end: number, ip: NdIp, own: LinkAddress): Advertisement | Malformed {
  const wrong = common(dv, at, end, ADVERTISEMENT.size, ip)
  if (wrong) return wrong
  const target = readAddress(dv, at + ADVERTISEMENT.target, 6)
  if (isMulticast(target)) return no('target is a group')
  const flags = dv.getUint8(at + ADVERTISEMENT.flags)
  const solicited = (flags & FLAG_SOLICITED) !== 0
  if (ip.multicast && solicited) return no('solicited, and sent to a group')
  const options = readOptions(dv, at + ADVERTISEMENT.options, end, own)
  if (!options) return BAD_OPTION
  return { target, router: (flags & FLAG_ROUTER) !== 0, solicited, override: (flags & FLAG_OVERRIDE) !== 0, link: options.target }
}

/**
 * Reads and validates (RFC 4861 §8.1) the redirect at `at`. That its sender is the present first hop to the destination
 * is for the caller to check.
 */
export function readRedirect(dv: DataView, at: number, end: number, ip: NdIp, own: LinkAddress): Redirect | Malformed {
  const wrong = common(dv, at, end, REDIRECT.size, ip)
  if (wrong) return wrong
  if (!isLinkLocal(ip.source)) return no('not from a link-local address')
  const target = readAddress(dv, at + REDIRECT.target, 6)
  const destination = readAddress(dv, at + REDIRECT.destination, 6)
  if (isMulticast(destination)) return no('destination is a group')
  if (!isLinkLocal(target) && !sameAddress(target, destination)) return no('target is neither link-local nor the destination')
  const options = readOptions(dv, at + REDIRECT.options, end, own)
  if (!options) return BAD_OPTION
  return { target, destination, link: options.target }
}

/** Writes the nonce option of RFC 3971 §5.3.2 with six bytes, as RFC 7527 §4.1 uses it. */
export function writeNonce(dv: DataView, at: number, [hi, lo]: Nonce): void {
  dv.setUint8(at, ndOptionTypes.nonce)
  dv.setUint8(at + 1, 1)
  dv.setUint16(at + 2, hi)
  dv.setInt32(at + 4, lo)
}
