/** The IPv6 header, RFC 8200 §3. On the packet path its fields are read and written in place; the record is for tests and tools. */

import type { Address, Malformed } from '@favonius/contract'
import { IPV6, readAddress, writeAddress } from '@favonius/inet'

/** RFC 8200 §3, as a record. */
export interface Ipv6Header {
  /** DSCP and ECN, 0–255. */
  readonly trafficClass: number
  /** 20 bits. */
  readonly flowLabel: number
  /** Bytes after this header, 0–65 535. */
  readonly payloadLength: number
  readonly nextHeader: number
  readonly hopLimit: number
  readonly source: Address
  readonly destination: Address
}

/** The smallest MTU a link may have (RFC 8200 §5), and the longest an ICMPv6 error may be (RFC 4443 §2.4 c). */
export const MINIMUM_MTU = 1280

/** Version, traffic class and flow label as the header's first word. */
export function firstWord(trafficClass: number, flowLabel: number): number {
  return 0x60000000 | ((trafficClass & 0xff) << 20) | (flowLabel & 0xfffff)
}

/** Reads the header at `at`. */
export function readHeader(dv: DataView, at = 0): Ipv6Header | Malformed {
  if (dv.byteLength - at < IPV6.size) return { malformed: `an IPv6 header has ${IPV6.size} bytes, not ${dv.byteLength - at}` }
  const first = dv.getUint32(at)
  if (first >>> 28 !== 6) return { malformed: `version ${first >>> 28} is not 6` }
  return {
    trafficClass: (first >>> 20) & 0xff,
    flowLabel: first & 0xfffff,
    payloadLength: dv.getUint16(at + IPV6.payloadLength),
    nextHeader: dv.getUint8(at + IPV6.nextHeader),
    hopLimit: dv.getUint8(at + IPV6.hopLimit),
    source: readAddress(dv, at + IPV6.source, 6),
    destination: readAddress(dv, at + IPV6.destination, 6),
  }
}

/** Writes the header's forty bytes at `at`. */
export function writeHeader(header: Ipv6Header, dv: DataView, at = 0): void {
  dv.setInt32(at, firstWord(header.trafficClass, header.flowLabel))
  dv.setUint16(at + IPV6.payloadLength, header.payloadLength)
  dv.setUint8(at + IPV6.nextHeader, header.nextHeader)
  dv.setUint8(at + IPV6.hopLimit, header.hopLimit)
  writeAddress(header.source, dv, at + IPV6.source)
  writeAddress(header.destination, dv, at + IPV6.destination)
}
