/** Numbers of pcapng (draft-ietf-opsawg-pcapng) and of classic pcap (draft-ietf-opsawg-pcap). */

import type { Medium } from '@favonius/contract'

/** Block types, pcapng §4. A section header reads the same in either byte order. */
export const blocks = {
  sectionHeader: 0x0a0d0d0a, interfaceDescription: 1, packet: 2, simplePacket: 3, interfaceStatistics: 5, enhancedPacket: 6,
} as const

/** What a section header's byte order is read from, pcapng §4.1. */
export const BYTE_ORDER = 0x1a2b3c4d

/** Option codes, pcapng §3.5 and the section of each block. */
export const options = {
  end: 0, comment: 1,
  application: 4,
  interfaceName: 2, timestampResolution: 9, timestampOffset: 14,
  packetFlags: 2,
  startTime: 2, endTime: 3, received: 4, dropped: 5,
} as const

/** Classic pcap's first four bytes, with microseconds and with nanoseconds. */
export const magic = { microseconds: 0xa1b2c3d4, nanoseconds: 0xa1b23c4d } as const

/** Link types of the registry at https://www.ietf.org/archive/id/draft-ietf-opsawg-pcaplinktype, those that our media have. */
export const linkTypes = {
  ethernet: 1, slip: 8, raw: 101, user0: 147, bluetooth: 187, can: 227,
  /** With its FCS; without; and behind a header that says how it was heard. */
  ieee802154Fcs: 195, ieee802154: 230, ieee802154Tap: 283,
} as const

/**
 * The link type for frames of a medium: 802.15.4 without its FCS, bare IP for TUN and loopback. 147, for private use, when
 * there is none; Wireshark can be told what that is.
 */
export function linkTypeOf(medium: Medium): number {
  switch (medium) {
    case 'ethernet': return linkTypes.ethernet
    case 'ieee802154': return linkTypes.ieee802154
    case 'can': return linkTypes.can
    case 'slip': return linkTypes.slip
    case 'ip': case 'loopback': return linkTypes.raw
    default: return linkTypes.user0
  }
}

/** Bytes up to the next 32-bit boundary: everything in pcapng is padded to it. */
export function padded(length: number): number {
  return (length + 3) & ~3
}
