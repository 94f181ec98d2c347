/** Link-layer addresses: EUI-48, EUI-64, the 16-bit short addresses of IEEE 802.15.4, and none. */

import type { LinkAddress } from '@favonius/contract'
import { misformed } from './errno.ts'

class Link implements LinkAddress {
  readonly length: LinkAddress['length']
  readonly hi: number
  readonly lo: number

  constructor(length: LinkAddress['length'], hi: number, lo: number) {
    this.length = length
    this.hi = hi | 0
    this.lo = lo | 0
  }

  toString(): string {
    const hex = (word: number, bytes: number): string[] =>
      Array.from({ length: bytes }, (_, i) => ((word >>> (8 * (bytes - 1 - i))) & 255).toString(16).padStart(2, '0'))
    const low = Math.min(this.length, 4)
    return [...hex(this.hi, this.length - low), ...hex(this.lo, low)].join(':')
  }
}

/** A link address of `length` bytes, from all but its last four bytes (`hi`) and its last four (`lo`). */
export function linkAddress(length: LinkAddress['length'], hi: number, lo: number): LinkAddress {
  return new Link(length, hi, lo)
}

/** No link address at all: a TUN, a PPP link. */
export const NO_LINK_ADDRESS: LinkAddress = /* @__PURE__ */ linkAddress(0, 0, 0)
/** ff:ff:ff:ff:ff:ff, every station of an Ethernet. */
export const ETHERNET_BROADCAST: LinkAddress = /* @__PURE__ */ linkAddress(6, 0xffff, 0xffffffff)

/** Reads two, six or eight bytes in hexadecimal, two digits each, between colons or hyphens. Undefined for anything else. */
export function parseLinkAddress(text: string): LinkAddress | undefined {
  if (!/^[0-9a-f]{2}(([:-])[0-9a-f]{2}(\2[0-9a-f]{2})*)$/i.test(text)) return undefined
  const bytes = text.split(/[:-]/).map((digits) => parseInt(digits, 16))
  return bytes.length === 2 || bytes.length === 6 || bytes.length === 8 ? fromBytes(bytes) : undefined
}

function fromBytes(bytes: ArrayLike<number>): LinkAddress {
  const word = (from: number, to: number): number => {
    let w = 0
    for (let i = from; i < to; i++) w = (w << 8) | bytes[i]!
    return w
  }
  const split = Math.max(bytes.length - 4, 0)
  return new Link(bytes.length as LinkAddress['length'], word(0, split), word(split, bytes.length))
}

function eui(length: 6 | 8, from: string | Uint8Array, example: string): LinkAddress {
  const made = typeof from === 'string' ? parseLinkAddress(from) : from.length === length ? fromBytes(from) : undefined
  if (made?.length === length) return made
  const given = typeof from === 'string' ? JSON.stringify(from) : `a run of ${from.length} bytes`
  throw misformed(`${given} is not an EUI-${8 * length}; write ${length} bytes in hexadecimal: ${example}`)
}

/**
 * An EUI-48 (a MAC address) from text such as `00:00:5e:00:53:01`, or from its six bytes.
 *
 * @throws TypeError with code EINVAL.
 */
export function eui48(from: string | Uint8Array): LinkAddress {
  return eui(6, from, '00:00:5e:00:53:01')
}

/**
 * An EUI-64 from text such as `00:00:5e:ff:fe:00:53:01`, or from its eight bytes.
 *
 * @throws TypeError with code EINVAL.
 */
export function eui64(from: string | Uint8Array): LinkAddress {
  return eui(8, from, '00:00:5e:ff:fe:00:53:01')
}

/** Whether two link addresses are the same. */
export function sameLink(a: LinkAddress, b: LinkAddress): boolean {
  return a.lo === b.lo && a.hi === b.hi && a.length === b.length
}

/** The link address whose `length` bytes stand at `at`. */
export function readLink(dv: DataView, at: number, length: LinkAddress['length']): LinkAddress {
  switch (length) {
    case 0: return NO_LINK_ADDRESS
    case 2: return new Link(2, 0, dv.getUint16(at))
    case 6: return new Link(6, dv.getUint16(at), dv.getInt32(at + 2))
    case 8: return new Link(8, dv.getInt32(at), dv.getInt32(at + 4))
  }
}

/** Writes the bytes of a link address at `at`. */
export function writeLink(a: LinkAddress, dv: DataView, at: number): void {
  switch (a.length) {
    case 0: return
    case 2:
      dv.setInt16(at, a.lo)
      return
    case 6:
      dv.setInt16(at, a.hi)
      dv.setInt32(at + 2, a.lo)
      return
    case 8:
      dv.setInt32(at, a.hi)
      dv.setInt32(at + 4, a.lo)
  }
}

/**
 * The interface identifier of a link address, as the last two words of an IPv6 address.
 *
 * Modified EUI-64 (RFC 4291 appendix A): fffe goes into the middle of an EUI-48, and the universal/local bit is turned
 * over. A short address becomes 0000:00ff:fe00:XXXX (RFC 4944 §6, without a PAN id as RFC 6282 §3.2.2 has it).
 * Undefined when there is no link address to make it of.
 */
export function interfaceId(link: LinkAddress): readonly [number, number] | undefined {
  const UNIVERSAL_LOCAL = 0x02000000
  switch (link.length) {
    case 0: return undefined
    case 2: return [0xff, 0xfe000000 | link.lo]
    case 6: return [((link.hi << 16) | ((link.lo >>> 24) << 8) | 0xff) ^ UNIVERSAL_LOCAL, 0xfe000000 | (link.lo & 0xffffff)]
    case 8: return [link.hi ^ UNIVERSAL_LOCAL, link.lo]
  }
}
