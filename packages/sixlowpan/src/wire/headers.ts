/** What a frame's payload says of itself, as a record: for tests and tools. Nothing is made of what it leaves out. */

import type { Malformed } from '@favonius/contract'
import { BROADCAST, dispatches, extensionIds, EID_IPV6, FRAGMENT, hopLimits, IPHC, kinds, MESH, NHC, PORTS } from './dispatch.ts'

/** An address of a mesh header: how many bytes, and these in hexadecimal between colons. */
export interface MeshHeader {
  readonly hopsLeft: number
  readonly originator: string
  readonly final: string
}

/** Of the datagram that it is a part of; the first one has no offset. */
export interface FragmentHeader {
  readonly size: number
  readonly tag: number
  /** Bytes; undefined in the first. */
  readonly offset: number | undefined
}

/** The bits of LOWPAN_IPHC (RFC 6282 §3.1.1), what follows them, and the next header where that is compressed. */
export interface IphcHeader {
  readonly trafficFlow: number
  readonly nextHeaderCompressed: boolean
  readonly contextExtension: boolean
  readonly sourceStateful: boolean
  readonly sourceMode: number
  readonly multicast: boolean
  readonly destinationStateful: boolean
  readonly destinationMode: number
  /** 0 unless said. */
  readonly sourceContext: number
  readonly destinationContext: number
  readonly ecn: number
  readonly dscp: number
  readonly flowLabel: number
  /** Undefined when it is compressed. */
  readonly nextHeader: number | undefined
  readonly hopLimit: number
  /** Bytes of the addresses that are there. */
  readonly source: Uint8Array
  readonly destination: Uint8Array
}

/** A header behind LOWPAN_IPHC (RFC 6282 §4). */
export type NhcHeader =
  | { readonly type: 'extension'; readonly protocol: number; readonly nextHeader: number | undefined; readonly length: number }
  | { readonly type: 'ipv6'; readonly iphc: IphcHeader }
  | { readonly type: 'udp'; readonly source: number; readonly destination: number; readonly checksum: number | undefined }

/** A payload, header by header. */
export interface Headers {
  readonly mesh?: MeshHeader
  /** Sequence number of the broadcast header. */
  readonly broadcast?: number
  readonly fragment?: FragmentHeader
  /** What comes then; of a fragment that is not the first, nothing but data. */
  readonly kind: 'ipv6' | 'iphc' | 'data' | 'hc1' | 'other'
  /** The byte that says so. */
  readonly dispatch?: number
  readonly iphc?: IphcHeader
  readonly nhc: readonly NhcHeader[]
  /** Where the headers end that are described here. */
  readonly at: number
}

class Short extends Error {}

/** Reads bytes one after another; throws `Short` at the end, which `readHeaders` turns into what it returns. */
class Reader {
  readonly bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get peek(): number {
    return this.bytes[this.at] ?? this.#end()
  }

  number(size: number): number {
    let n = 0
    for (let i = 0; i < size; i++) n = n * 256 + (this.bytes[this.at++] ?? this.#end())
    return n
  }

  take(size: number): Uint8Array {
    if (this.at + size > this.bytes.length) this.#end()
    return this.bytes.subarray(this.at, (this.at += size))
  }

  #end(): never {
    throw new Short()
  }
}

/** Reads the headers that a payload begins with. */
export function readHeaders(bytes: Uint8Array): Headers | Malformed {
  try {
    return readAll(new Reader(bytes))
  } catch (error) {
    if (error instanceof Short) return { malformed: `cut short after ${bytes.length} bytes` }
    throw error
  }
}

function readAll(from: Reader): Headers | Malformed {
  const mesh = (from.peek & kinds.meshMask) === kinds.mesh ? readMesh(from) : undefined
  const broadcast = from.peek === dispatches.broadcast ? (from.number(BROADCAST.size) & 0xff) : undefined
  const isFirst = (from.peek & kinds.fragmentMask) === kinds.first
  const isNext = (from.peek & kinds.fragmentMask) === kinds.next
  const fragment = isFirst || isNext ? readFragment(from, isFirst) : undefined
  const before = { ...(mesh && { mesh }), ...(broadcast !== undefined && { broadcast }), ...(fragment && { fragment }) }
  if (isNext) return { ...before, kind: 'data', nhc: [], at: from.at }
  const dispatch = from.peek
  if ((dispatch & kinds.iphcMask) !== kinds.iphc) {
    const kind = dispatch === dispatches.ipv6 ? 'ipv6' : dispatch === dispatches.hc1 ? 'hc1' : 'other'
    return { ...before, kind, dispatch, nhc: [], at: from.at + 1 }
  }
  const iphc = readIphc(from)
  if (iphc === undefined) return { malformed: 'a reserved address mode' }
  const nhc: NhcHeader[] = []
  let followed = iphc.nextHeaderCompressed
  while (followed) {
    const header = readNhc(from)
    if (header === undefined) return { malformed: `next header compression 0x${from.bytes[from.at - 1]!.toString(16)} is not known` }
    nhc.push(header)
    followed = header.type === 'extension' ? header.nextHeader === undefined : header.type === 'ipv6' && header.iphc.nextHeaderCompressed
  }
  return { ...before, kind: 'iphc', dispatch, iphc, nhc, at: from.at }
}

function readMesh(from: Reader): MeshHeader {
  const first = from.number(1)
  const few = first & MESH.hopsMask
  const hopsLeft = few === MESH.hopsMask ? from.number(1) : few
  const address = (short: number): string => Array.from(from.take((first & short) !== 0 ? 2 : 8), (byte) => byte.toString(16).padStart(2, '0')).join(':')
  return { hopsLeft, originator: address(MESH.shortOriginator), final: address(MESH.shortFinal) }
}

function readFragment(from: Reader, isFirst: boolean): FragmentHeader {
  const size = from.number(2) & FRAGMENT.sizeMask
  return { size, tag: from.number(2), offset: isFirst ? undefined : from.number(1) * 8 }
}

/** Undefined for a reserved form. */
function readIphc(from: Reader): IphcHeader | undefined {
  const bits = from.number(2)
  const field = (shift: number, width: number): number => (bits >> shift) & ((1 << width) - 1)
  const trafficFlow = field(IPHC.trafficFlow, 2)
  const nextHeaderCompressed = field(IPHC.nextHeader, 1) === 1
  const hopCode = field(IPHC.hopLimit, 2)
  const contextExtension = field(IPHC.contextExtension, 1) === 1
  const sourceStateful = field(IPHC.sourceContext, 1) === 1
  const sourceMode = field(IPHC.sourceMode, 2)
  const multicast = field(IPHC.multicast, 1) === 1
  const destinationStateful = field(IPHC.destinationContext, 1) === 1
  const destinationMode = field(IPHC.destinationMode, 2)
  if (destinationStateful && multicast !== (destinationMode === 0)) return undefined
  const ids = contextExtension ? from.number(1) : 0
  const word = [() => from.number(4), () => from.number(3), () => from.number(1), () => 0][trafficFlow]!()
  const [ecn, dscp, flowLabel] = trafficFlow === 0 ? [word >>> 30, (word >>> 24) & 63, word & 0xf_ffff]
    : trafficFlow === 1 ? [word >>> 22, 0, word & 0xf_ffff] : [word >>> 6, word & 63, 0]
  const nextHeader = nextHeaderCompressed ? undefined : from.number(1)
  const hopLimit = hopCode === 0 ? from.number(1) : hopLimits[hopCode]!
  const source = from.take(sourceStateful && sourceMode === 0 ? 0 : [16, 8, 2, 0][sourceMode]!)
  const destination = from.take(!multicast ? [16, 8, 2, 0][destinationMode]! : destinationStateful ? 6 : [16, 6, 4, 1][destinationMode]!)
  return {
    trafficFlow, nextHeaderCompressed, contextExtension, sourceStateful, sourceMode, multicast, destinationStateful, destinationMode,
    sourceContext: ids >> 4, destinationContext: ids & 15, ecn, dscp, flowLabel, nextHeader, hopLimit, source, destination,
  }
}

/** Undefined for one that is not known. */
function readNhc(from: Reader): NhcHeader | undefined {
  const code = from.number(1)
  if ((code & NHC.udpMask) === NHC.udp) {
    const ports = code & NHC.portsMask
    const both = ports === 3 ? from.number(1) : 0
    const source = ports === 3 ? PORTS.nibble | (both >> 4) : ports === 2 ? PORTS.byte | from.number(1) : from.number(2)
    const destination = ports === 3 ? PORTS.nibble | (both & 15) : ports === 1 ? PORTS.byte | from.number(1) : from.number(2)
    return { type: 'udp', source, destination, checksum: (code & NHC.checksumElided) !== 0 ? undefined : from.number(2) }
  }
  const protocol = (code & NHC.extensionMask) === NHC.extension ? extensionIds[(code >> 1) & 7]! : -1
  if (protocol < 0) return undefined
  if (protocol === extensionIds[EID_IPV6]) {
    if ((from.peek & kinds.iphcMask) !== kinds.iphc) return undefined
    const iphc = readIphc(from)
    return iphc && { type: 'ipv6', iphc }
  }
  const nextHeader = (code & NHC.followed) !== 0 ? undefined : from.number(1)
  const said = from.number(1)
  const length = protocol === extensionIds[2] ? 6 : said
  from.take(length)
  return { type: 'extension', protocol, nextHeader, length }
}
