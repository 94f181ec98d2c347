/** Extension headers, RFC 8200 §4: their layout, and how to get past them. */

import {
  IPV6, PROTOCOL_AH, PROTOCOL_DESTINATION_OPTIONS, PROTOCOL_FRAGMENT, PROTOCOL_HOP_BY_HOP, PROTOCOL_ROUTING,
} from '@favonius/inet'

/** What extension headers begin with (RFC 8200 §4.3). */
export const EXTENSION = {
  nextHeader: 0,
  /** In units of 8 bytes, the first 8 not counted; reserved in a fragment header. */
  length: 1,
  /** Options of a hop-by-hop or destination options header begin here. */
  options: 2,
  /** The least an extension header is. */
  size: 8,
} as const

/** A routing header (RFC 8200 §4.4). */
export const ROUTING = { nextHeader: 0, length: 1, type: 2, segmentsLeft: 3, data: 4 } as const

/** A fragment header (RFC 8200 §4.5). */
export const FRAGMENT = {
  nextHeader: 0,
  /** 16 bits: the offset in units of 8 bytes in the high thirteen, and More Fragments in the lowest. */
  offset: 2,
  identification: 4,
  size: 8,
} as const

/** One option (RFC 8200 §4.2). Pad1 is its type alone. */
export const OPTION = { type: 0, length: 1, data: 2 } as const

/** RFC 8200 §4.2. */
export const OPTION_PAD1 = 0
/** RFC 8200 §4.2. */
export const OPTION_PADN = 1
/** RFC 2711 §2.1: a router should look into this packet. */
export const OPTION_ROUTER_ALERT = 5

/** What to do with an option that is not known, by the two high bits of its type (RFC 8200 §4.2). */
export const unknownOption = ['skip', 'discard', 'report', 'report-unicast'] as const

/** Most extension headers that are walked through, and most options of one header other than padding (RFC 8504 §5.3). */
export const MAX_EXTENSIONS = 8
/** RFC 8504 §5.3. */
export const MAX_OPTIONS = 8

/** Whether a next-header number names an extension header that has RFC 6564's uniform layout. */
export function isExtension(nextHeader: number): boolean {
  return nextHeader === PROTOCOL_HOP_BY_HOP || nextHeader === PROTOCOL_ROUTING || nextHeader === PROTOCOL_FRAGMENT ||
    nextHeader === PROTOCOL_DESTINATION_OPTIONS
}

/** Where a packet's upper-layer header is. */
export interface UpperLayer {
  readonly protocol: number
  /** Absolute position. */
  readonly at: number
}

/**
 * Walks over the extension headers of the packet whose IPv6 header is at `at`. `end` is the absolute position after the
 * last byte that may be read. Undefined when the headers are cut short, too many, or those of a fragment other than the first.
 */
export function upperLayer(dv: DataView, at: number, end: number): UpperLayer | undefined {
  if (end - at < IPV6.size) return undefined
  let protocol = dv.getUint8(at + IPV6.nextHeader)
  let here = at + IPV6.size
  for (let n = 0; n <= MAX_EXTENSIONS; n++) {
    const authentication = protocol === PROTOCOL_AH
    if (!authentication && !isExtension(protocol)) return { protocol, at: here }
    if (end - here < EXTENSION.size) return undefined
    const length = dv.getUint8(here + EXTENSION.length)
    if (protocol === PROTOCOL_FRAGMENT) {
      if (dv.getUint16(here + FRAGMENT.offset) >>> 3 !== 0) return undefined
      protocol = dv.getUint8(here + FRAGMENT.nextHeader)
      here += FRAGMENT.size
      continue
    }
    protocol = dv.getUint8(here + EXTENSION.nextHeader)
    // RFC 4302 §2.2: the Authentication Header counts in units of 4 bytes, less 2.
    here += authentication ? (length + 2) * 4 : (length + 1) * 8
    if (here > end) return undefined
  }
  return undefined
}
