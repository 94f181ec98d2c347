/** The IP headers as offsets in bytes, for all who read or write them in place: IP itself, forwarders, 6LoWPAN. */

/** The IPv4 header (RFC 791 §3.1). */
export const IPV4 = {
  /** Version, 4, in the high four bits; header length in 32-bit words in the low. */
  versionLength: 0,
  /** DSCP and ECN (RFC 2474 §3, RFC 3168 §5). */
  typeOfService: 1,
  /** 16 bits: header and data, in bytes. */
  totalLength: 2,
  /** 16 bits; means nothing in a datagram that is not and cannot be fragmented (RFC 6864 §4). */
  identification: 4,
  /** 16 bits: reserved, Don't Fragment 0x4000, More Fragments 0x2000, and the offset in units of 8 bytes. */
  fragment: 6,
  timeToLive: 8,
  protocol: 9,
  /** 16 bits: RFC 1071's checksum of the header alone. */
  checksum: 10,
  source: 12,
  destination: 16,
  /** Bytes of a header without options, and where they begin. */
  size: 20,
} as const

/** The IPv6 header (RFC 8200 §3). */
export const IPV6 = {
  /** 32 bits: version, 6, in the high four; traffic class in the next eight; flow label in the low twenty. */
  versionClassFlow: 0,
  /** 16 bits: bytes after this header. */
  payloadLength: 4,
  nextHeader: 6,
  hopLimit: 7,
  source: 8,
  destination: 24,
  /** Bytes of the header, and where the next one begins. */
  size: 40,
} as const
