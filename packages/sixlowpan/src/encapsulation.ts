import type { LinkAddress } from '@favonius/contract'

/**
 * Who sends and receives what encloses an IPv6 header, as the interface identifiers that follow from it. Those that are the same within
 * are elided (RFC 6282 §3.2.2).
 */
export class Encapsulation {
  /** False when there is nothing to make one of. */
  fromKnown = false
  fromHi = 0
  fromLo = 0
  toKnown = false
  toHi = 0
  toLo = 0

  /** A frame, or a mesh header. */
  setLinks(from: LinkAddress, to: LinkAddress): void {
    this.fromKnown = from.length > 0
    this.fromHi = identifierHi(from)
    this.fromLo = identifierLo(from)
    this.toKnown = to.length > 0
    this.toHi = identifierHi(to)
    this.toLo = identifierLo(to)
  }

  /** An IPv6 header, whose addresses end in these words. */
  setAddresses(fromHi: number, fromLo: number, toHi: number, toLo: number): void {
    this.fromKnown = true
    this.fromHi = fromHi
    this.fromLo = fromLo
    this.toKnown = true
    this.toHi = toHi
    this.toLo = toLo
  }
}

/*
 * RFC 6282 §3.2.2: an EUI-64 with its universal/local bit turned over, a short address behind 0000:00ff:fe00. RFC 7668 §3.2.2: ff:fe goes
 * into the middle of the six bytes of a Bluetooth address, and no bit is turned over, unlike Ethernet's.
 */

function identifierHi({ length, hi, lo }: LinkAddress): number {
  return length === 8 ? hi ^ 0x0200_0000 : length === 6 ? (hi << 16) | ((lo >>> 24) << 8) | 0xff : 0xff
}

function identifierLo({ length, lo }: LinkAddress): number {
  return length === 8 ? lo : length === 6 ? 0xfe00_0000 | (lo & 0xff_ffff) : 0xfe00_0000 | (lo & 0xffff)
}
