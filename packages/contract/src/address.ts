/** Addresses as numbers. Text is for people, and made when a person asks. */

export type Family = 4 | 6

/**
 * An IP address of either family. Never changed by its holder.
 *
 * Four signed 32-bit words in network order. An IPv4 address is held IPv4-mapped, `(0, 0, 0xffff, address)` (RFC 4291
 * §2.5.5.2), so that one table, one hash and one comparison serve both families.
 */
export interface Address {
  readonly family: Family
  readonly w0: number
  readonly w1: number
  readonly w2: number
  readonly w3: number
  /** Index of the interface whose zone an IPv6 address belongs to (RFC 4007 §6); 0 = none given. */
  readonly zone: number
  /** RFC 5952 §4 or dotted decimal; a zone is appended as `%index`. */
  toString(): string
}

/** An address with a length in bits of its own family: 0–32 or 0–128. */
export interface Prefix {
  readonly address: Address
  readonly length: number
}

/** A link-layer address: EUI-48, EUI-64, an 802.15.4 short address, or none at all. */
export interface LinkAddress {
  /** Bytes on the wire. */
  readonly length: 0 | 2 | 6 | 8
  /** All but the last four bytes, as a signed 32-bit number; 0 for a short address. */
  readonly hi: number
  /** The last four bytes (the last two of a short address), signed 32-bit. */
  readonly lo: number
  /** `00:00:5e:00:53:01`; empty when there is none. */
  toString(): string
}
