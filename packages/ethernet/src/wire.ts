/** The Ethernet header: IEEE 802.3 §3.2, with the type of RFC 894 and RFC 2464. */

import { readLink } from '@favonius/inet'

/** Where the fields of a frame stand. */
export const at = { destination: 0, source: 6, type: 12 } as const
/** Bytes of header before the payload. */
export const HEADER = 14
/** A smaller type field is an 802.3 length (IEEE 802.3 §3.2.6). */
export const LEAST_TYPE = 0x0600
/** What the layers above are told instead of a length: LLC follows (IEEE 802.2). Linux calls it ETH_P_802_2. */
export const LLC = 0x0004
/** In the first byte of an address: it is a group's. */
export const GROUP_BIT = 0x01

/** One line, as tcpdump prints it; says so when the bytes are no header. */
export function show(bytes: Uint8Array<ArrayBuffer>): string {
  if (bytes.length < HEADER) return `ethernet: only ${bytes.length} bytes`
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const type = dv.getUint16(at.type).toString(16).padStart(4, '0')
  return `${readLink(dv, at.source, 6)} > ${readLink(dv, at.destination, 6)}, type 0x${type}, length ${bytes.length}`
}
