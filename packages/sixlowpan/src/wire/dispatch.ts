/** The layout of what frames carry, as data: RFC 4944 §5, RFC 6282 §2 to §4, RFC 8025, RFC 8066. */

/** What a payload begins with, and what follows the mesh, broadcast and fragment headers. */
export const dispatches = {
  /** RFC 8066 §3; RFC 4944 had it at 0x7f, which is a form of IPHC now. */
  escape: 0x40,
  /** An IPv6 header as it is. */
  ipv6: 0x41,
  /** RFC 4944 §10, which RFC 6282 replaces. */
  hc1: 0x42,
  /** RFC 4944 §11.1: BC0. */
  broadcast: 0x50,
} as const

/** Dispatches of which the high bits count, and the mask that leaves these. */
export const kinds = {
  /** Not a LoWPAN frame (RFC 4944 §5.1). */
  foreign: 0x00, foreignMask: 0xc0,
  /** LOWPAN_IPHC (RFC 6282 §3.1). */
  iphc: 0x60, iphcMask: 0xe0,
  mesh: 0x80, meshMask: 0xc0,
  first: 0xc0, next: 0xe0, fragmentMask: 0xf8,
  /** Another page of dispatches (RFC 8025 §3). */
  page: 0xf0, pageMask: 0xf0,
} as const

/** The broadcast header (RFC 4944 §11.1): a dispatch and a sequence number. */
export const BROADCAST = { sequence: 1, size: 2 } as const

/** The mesh header (RFC 4944 §5.2). Originator and final address follow, and before them a byte of hops when four bits are too few. */
export const MESH = {
  /** In the first byte: the originator's address is a short one. */
  shortOriginator: 0x20,
  /** The final destination's address is a short one. */
  shortFinal: 0x10,
  /** In the first byte; all ones when a byte of its own follows. */
  hopsMask: 0x0f,
} as const

/** The fragment headers (RFC 4944 §5.3). */
export const FRAGMENT = {
  /** 16 bits, of which the low eleven are the size of the datagram before it was compressed. */
  size: 0,
  tag: 2,
  /** In units of 8 bytes; not in the first fragment. */
  offset: 4,
  sizeMask: 0x07ff,
  /** Bytes of the first fragment's header, and of the others'. */
  first: 4,
  next: 5,
} as const

/** The first two bytes of LOWPAN_IPHC (RFC 6282 §3.1.1), as one number of 16 bits: how far each field is to be shifted. */
export const IPHC = {
  trafficFlow: 11, nextHeader: 10, hopLimit: 8, contextExtension: 7, sourceContext: 6, sourceMode: 4, multicast: 3, destinationContext: 2,
  destinationMode: 0,
  size: 2,
} as const

/** What the hop limit's code stands for; 0 for one that follows (RFC 6282 §3.1.1). */
export const hopLimits = [0, 1, 64, 255] as const

/** LOWPAN_NHC (RFC 6282 §4): which header follows, and how it was compressed. */
export const NHC = {
  extension: 0xe0, extensionMask: 0xf0,
  /** In an extension's byte: the header after it is compressed too. */
  followed: 0x01,
  udp: 0xf0, udpMask: 0xf8,
  checksumElided: 0x04,
  portsMask: 0x03,
} as const

/** Protocol numbers by extension header id, EID (RFC 6282 §4.2); −1 for those that are reserved. */
export const extensionIds = [0, 43, 44, 60, 135, -1, -1, 41] as const
/** The id of an IPv6 header within another. */
export const EID_IPV6 = 7
/** The ports that a byte, and half of one, can say (RFC 6282 §4.3.3). */
export const PORTS = { byte: 0xf000, nibble: 0xf0b0 } as const
