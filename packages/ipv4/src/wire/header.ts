/** The IPv4 header (RFC 791 §3.1); its layout is `IPV4` of `@favonius/inet`. */

import type { Address, Malformed } from '@favonius/contract'
import { finish, fold, IPV4, PROTOCOL_ICMP, readAddress, sum, writeAddress } from '@favonius/inet'
import { showIcmp } from './icmp.ts'

/** Don't Fragment. */
export const DONT_FRAGMENT = 0x4000
/** More Fragments. */
export const MORE_FRAGMENTS = 0x2000
/** More Fragments, and the fragment's offset in units of 8 bytes: any of these bits makes it a fragment. */
export const FRAGMENT_BITS = 0x3fff
/** The fragment's offset alone. */
export const OFFSET_BITS = 0x1fff
/** The largest datagram (RFC 791 §3.1, Total Length). */
export const MAX_TOTAL = 65_535
/** Every host takes datagrams of this size; errors quote no more than fits it (RFC 791 §3.1, RFC 1812 §4.3.2.3). */
export const ALWAYS_ACCEPTED = 576
/** No link carries less (RFC 791 §3.2). */
export const MINIMUM_MTU = 68

/** What can be wrong with a header. */
export type HeaderFault = 'short' | 'version' | 'headerLength' | 'totalLength' | 'truncated' | 'checksum'

/**
 * What is wrong with the header at `at`; undefined when nothing is. `length` bytes stand together from there, and
 * `total` in all (RFC 1122 §3.2.1.1, §3.2.1.2).
 */
export function faultOf(dv: DataView, at: number, length: number, total: number): HeaderFault | undefined {
  if (length < IPV4.size) return 'short'
  const first = dv.getInt32(at)
  if (first >>> 28 !== 4) return 'version'
  const size = headerSize(dv, at)
  if (size < IPV4.size || size > length) return 'headerLength'
  const claimed = first & 0xffff
  if (claimed < size) return 'totalLength'
  if (claimed > total) return 'truncated'
  return headerSum(dv, at, size) === 0xffff ? undefined : 'checksum'
}

/** Bytes of the header at `at`, its options included: 0–60, as it says. */
export function headerSize(dv: DataView, at: number): number {
  return (dv.getUint8(at + IPV4.versionLength) & 15) * 4
}

/** The sum of a header, folded: 0xffff when its checksum is right (RFC 1071 §1). */
function headerSum(dv: DataView, at: number, size: number): number {
  let n = 0
  for (let i = at; i < at + size; i += 4) {
    const word = dv.getInt32(i)
    n += (word >>> 16) + (word & 0xffff)
  }
  return fold(n)
}

/** Writes the checksum of the header of `size` bytes at `at`. */
export function writeChecksum(dv: DataView, at: number, size: number): void {
  dv.setUint16(at + IPV4.checksum, 0)
  dv.setUint16(at + IPV4.checksum, finish(headerSum(dv, at, size)))
}

/** A header as a record, for tests and people; the packet path reads fields in place. */
export interface Ipv4Header {
  readonly trafficClass: number
  readonly totalLength: number
  readonly identification: number
  readonly dontFragment: boolean
  readonly moreFragments: boolean
  /** In bytes. */
  readonly fragmentOffset: number
  readonly timeToLive: number
  readonly protocol: number
  readonly source: Address
  readonly destination: Address
  /** The options as they stand, padded to a multiple of four bytes. */
  readonly options: Uint8Array
}

const faults: Readonly<Record<HeaderFault, string>> = {
  short: 'shorter than a header',
  version: 'version is not 4',
  headerLength: 'bad header length',
  totalLength: 'total length is less than the header',
  truncated: 'shorter than its total length',
  checksum: 'bad header checksum',
}

/** Reads the header that `bytes` begin with. */
export function readHeader(bytes: Uint8Array): Ipv4Header | Malformed {
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fault = faultOf(dv, 0, bytes.length, bytes.length)
  if (fault !== undefined) return { malformed: faults[fault] }
  const fragment = dv.getUint16(IPV4.fragment)
  return {
    trafficClass: dv.getUint8(IPV4.typeOfService),
    totalLength: dv.getUint16(IPV4.totalLength),
    identification: dv.getUint16(IPV4.identification),
    dontFragment: (fragment & DONT_FRAGMENT) !== 0,
    moreFragments: (fragment & MORE_FRAGMENTS) !== 0,
    fragmentOffset: (fragment & OFFSET_BITS) * 8,
    timeToLive: dv.getUint8(IPV4.timeToLive),
    protocol: dv.getUint8(IPV4.protocol),
    source: readAddress(dv, IPV4.source, 4),
    destination: readAddress(dv, IPV4.destination, 4),
    options: bytes.slice(IPV4.size, headerSize(dv, 0)),
  }
}

/** Writes a header with its checksum at the front of `into`; returns its bytes, 20 and the options'. Options are given padded. */
export function writeHeader(header: Ipv4Header, into: Uint8Array): number {
  const dv = new DataView(into.buffer, into.byteOffset, into.byteLength)
  const size = IPV4.size + header.options.length
  dv.setUint8(IPV4.versionLength, 0x40 | (size >>> 2))
  dv.setUint8(IPV4.typeOfService, header.trafficClass)
  dv.setUint16(IPV4.totalLength, header.totalLength)
  dv.setUint16(IPV4.identification, header.identification)
  const flags = (header.dontFragment ? DONT_FRAGMENT : 0) | (header.moreFragments ? MORE_FRAGMENTS : 0)
  dv.setUint16(IPV4.fragment, flags | (header.fragmentOffset >>> 3))
  dv.setUint8(IPV4.timeToLive, header.timeToLive)
  dv.setUint8(IPV4.protocol, header.protocol)
  dv.setUint16(IPV4.checksum, 0)
  writeAddress(header.source, dv, IPV4.source)
  writeAddress(header.destination, dv, IPV4.destination)
  into.set(header.options, IPV4.size)
  dv.setUint16(IPV4.checksum, finish(sum(into, 0, size)))
  return size
}

/** One line, as tcpdump has it: `192.0.2.1 > 192.0.2.2: ICMP echo request, id 7, seq 1, length 64`. */
export function show(bytes: Uint8Array): string {
  const header = readHeader(bytes)
  if ('malformed' in header) return `IPv4, ${header.malformed}`
  const { source, destination, protocol, fragmentOffset, moreFragments, totalLength } = header
  const size = IPV4.size + header.options.length
  const way = `${source} > ${destination}: `
  const length = totalLength - size
  if (fragmentOffset > 0 || moreFragments) {
    return `${way}fragment of protocol ${protocol} at ${fragmentOffset}${moreFragments ? '+' : ''}, length ${length}`
  }
  return way + (protocol === PROTOCOL_ICMP ? showIcmp(bytes.subarray(size, totalLength)) : `protocol ${protocol}, length ${length}`)
}
