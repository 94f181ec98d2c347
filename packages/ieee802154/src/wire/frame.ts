/**
 * MAC frames (IEEE 802.15.4-2015 §7.2), of the versions of 2003, 2006 and 2015, without their FCS. All numbers are little-endian; so are
 * extended addresses on the air, which people write the other way round.
 */

import type { LinkAddress, Malformed } from '@favonius/contract'
import { linkAddress, NO_LINK_ADDRESS } from '@favonius/inet'

/** Where the fields of a frame stand that always stand there. The sequence number may be missing, and addresses follow it. */
export const at = { control: 0, sequence: 2 } as const

/** Fields of the frame control field (§7.2.2): bits, and by how many those above them are shifted. */
export const control = {
  type: 0x0007, security: 0x0008, pending: 0x0010, acknowledge: 0x0020, panIdCompression: 0x0040, sequenceSuppression: 0x0100, elements: 0x0200,
  destinationMode: 10, version: 12, sourceMode: 14,
} as const

/** Table 7-1. */
export const frameTypes = { beacon: 0, data: 1, acknowledgment: 2, command: 3, multipurpose: 5, fragment: 6, extended: 7 } as const

/** §7.2.2.10: which edition of the standard a frame follows. */
export const versions = { v2003: 0, v2006: 1, v2015: 2 } as const

/** Table 7-3. */
export const addressModes = { none: 0, short: 2, extended: 3 } as const

/** Table 7-49: identifiers of MAC commands, the first byte of their payload. */
export const commands = {
  associationRequest: 1, associationResponse: 2, disassociation: 3, dataRequest: 4, panIdConflict: 5, orphan: 6, beaconRequest: 7,
  realignment: 8, gtsRequest: 9,
} as const

/** aMaxPhyPacketSize (§11.3): the longest frame, its FCS included. */
export const MAX_FRAME = 127
/** All PANs, and, as a short address, all stations. */
export const BROADCAST = 0xffff
/** The short address of a station that is in a PAN, and has none (§6.4.1). */
export const NO_SHORT_ADDRESS = 0xfffe
/** Bytes of the longest header that `writeData` makes: two extended addresses in one PAN. */
export const MAX_HEADER = 21
/** The link address of all stations of a PAN. Groups have no other (RFC 4944 §9, outside of a mesh). */
export const EVERYONE: LinkAddress = /* @__PURE__ */ linkAddress(2, 0, BROADCAST)

const no = (malformed: string): Malformed => ({ malformed })
const SHORT = /* @__PURE__ */ no('shorter than its header')
const RESERVED_TYPE = /* @__PURE__ */ no('a frame type that is reserved, or not of the general form')
const RESERVED_VERSION = /* @__PURE__ */ no('a frame version that is reserved')
const RESERVED_MODE = /* @__PURE__ */ no('an addressing mode that is reserved')
const LONE_COMPRESSION = /* @__PURE__ */ no('PAN ID compression with a single address')
const BAD_ELEMENTS = /* @__PURE__ */ no('information elements that are cut short')

/** A frame's header, read. One record may serve many frames: it is written anew by each `readFrame`. */
export class FrameHeader {
  type = 0
  version = 0
  security = false
  pending = false
  acknowledge = false
  panIdCompression = false
  /** Header or payload information elements are there; they were skipped. */
  elements = false
  /** −1 when it is suppressed. */
  sequence = -1
  destinationMode = 0
  sourceMode = 0
  /** −1 when it is not in the frame. */
  destinationPan = -1
  /** −1 when it is not in the frame: where both addresses are, it is then the destination's. */
  sourcePan = -1
  destinationHi = 0
  destinationLo = 0
  sourceHi = 0
  sourceLo = 0
  /** Security level (§9.4.2.2), and how the key is told of (§9.4.2.3). −1 without security, and in frames of 2003, which have no such header. */
  securityLevel = -1
  keyIdMode = -1
  /** −1 where there is none. */
  frameCounter = -1
  /** Bytes before the payload, elements included. */
  length = 0

  /** To all stations. */
  get broadcast(): boolean {
    return this.destinationMode === addressModes.short && this.destinationLo === BROADCAST
  }

  get destination(): LinkAddress {
    return addressOf(this.destinationMode, this.destinationHi, this.destinationLo)
  }

  get source(): LinkAddress {
    return addressOf(this.sourceMode, this.sourceHi, this.sourceLo)
  }
}

function addressOf(mode: number, hi: number, lo: number): LinkAddress {
  return mode === addressModes.none ? NO_LINK_ADDRESS : linkAddress(mode === addressModes.short ? 2 : 8, hi, lo)
}

/** Bytes of a key identifier (§9.4.3), by its mode. */
const KEY_IDENTIFIER = [0, 1, 5, 9] as const
/** Identifiers that end the list of header elements (Table 7-7), and of payload elements (Table 7-17). */
const TERMINATION = { payloadElementsFollow: 0x7e, payloadFollows: 0x7f, payload: 0xf } as const

/** Which PAN IDs a frame has, as bits. */
const PAN = { destination: 1, source: 2 } as const

/** Table 7-2 for frames of 2015; §7.2.1.5 of the edition of 2006 for others. */
function pansIn(version: number, destinationMode: number, sourceMode: number, compression: boolean): number {
  const beside = (destinationMode !== 0 ? PAN.destination : 0) | (sourceMode !== 0 ? PAN.source : 0)
  const modern = version === versions.v2015
  if (beside !== (PAN.destination | PAN.source)) {
    if (!modern) return beside
    return beside === 0 && compression ? PAN.destination : compression ? 0 : beside
  }
  if (modern && destinationMode === addressModes.extended && sourceMode === addressModes.extended) return compression ? 0 : PAN.destination
  return compression ? PAN.destination : beside
}

/** Reads the header of the frame of `length` bytes, without its FCS, that begins at `from`. */
export function readFrame(dv: DataView, from: number, length: number, into: FrameHeader = new FrameHeader()): FrameHeader | Malformed {
  if (length < 2) return SHORT
  const end = from + length
  const word = dv.getUint16(from, true)
  const type = word & control.type
  const version = word >>> control.version & 3
  const destinationMode = word >>> control.destinationMode & 3
  const sourceMode = word >>> control.sourceMode & 3
  if (type > frameTypes.command) return RESERVED_TYPE
  if (version > versions.v2015) return RESERVED_VERSION
  if (destinationMode === 1 || sourceMode === 1) return RESERVED_MODE
  const modern = version === versions.v2015
  const compression = (word & control.panIdCompression) !== 0
  into.type = type
  into.version = version
  into.security = (word & control.security) !== 0
  into.pending = (word & control.pending) !== 0
  into.acknowledge = (word & control.acknowledge) !== 0
  into.panIdCompression = compression
  into.elements = modern && (word & control.elements) !== 0
  into.destinationMode = destinationMode
  into.sourceMode = sourceMode

  const lone = (destinationMode === 0) !== (sourceMode === 0)
  if (!modern && compression && lone) return LONE_COMPRESSION
  const pans = pansIn(version, destinationMode, sourceMode, compression)
  const destinationPan = (pans & PAN.destination) !== 0
  const sourcePan = (pans & PAN.source) !== 0

  let position = from + at.sequence
  into.sequence = -1
  if (!modern || (word & control.sequenceSuppression) === 0) {
    if (position >= end) return SHORT
    into.sequence = dv.getUint8(position++)
  }
  const addresses = (destinationPan ? 2 : 0) + (sourcePan ? 2 : 0) + bytesOf(destinationMode) + bytesOf(sourceMode)
  if (position + addresses > end) return SHORT
  into.destinationPan = destinationPan ? dv.getUint16(position, true) : -1
  if (destinationPan) position += 2
  if (destinationMode === addressModes.extended) {
    into.destinationLo = dv.getInt32(position, true)
    into.destinationHi = dv.getInt32(position + 4, true)
    position += 8
  } else {
    into.destinationHi = into.destinationLo = 0
    if (destinationMode === addressModes.short) {
      into.destinationLo = dv.getUint16(position, true)
      position += 2
    }
  }
  into.sourcePan = sourcePan ? dv.getUint16(position, true) : -1
  if (sourcePan) position += 2
  if (sourceMode === addressModes.extended) {
    into.sourceLo = dv.getInt32(position, true)
    into.sourceHi = dv.getInt32(position + 4, true)
    position += 8
  } else {
    into.sourceHi = into.sourceLo = 0
    if (sourceMode === addressModes.short) {
      into.sourceLo = dv.getUint16(position, true)
      position += 2
    }
  }

  into.securityLevel = into.keyIdMode = into.frameCounter = -1
  if (into.security && version !== versions.v2003) {
    position = readSecurity(dv, position, end, modern, into)
    if (position < 0) return SHORT
  }
  if (into.elements) {
    position = skipElements(dv, position, end, !into.security)
    if (position < 0) return BAD_ELEMENTS
  }
  into.length = position - from
  return into
}

const bytesOf = (mode: number): number => (mode === 0 ? 0 : mode === addressModes.short ? 2 : 8)

/** The auxiliary security header (§9.4). Returns where it ends; −1 when it is cut short. */
function readSecurity(dv: DataView, from: number, end: number, modern: boolean, into: FrameHeader): number {
  if (from >= end) return -1
  const byte = dv.getUint8(from)
  into.securityLevel = byte & 7
  into.keyIdMode = byte >>> 3 & 3
  const counted = !modern || (byte & 0x20) === 0
  const after = from + 1 + (counted ? 4 : 0) + KEY_IDENTIFIER[into.keyIdMode]!
  if (after > end) return -1
  if (counted) into.frameCounter = dv.getUint32(from + 1, true)
  return after
}

/** Header elements (§7.4.2), and, where they can be read, payload elements (§7.4.3). Returns where they end; −1 when they are no such list. */
function skipElements(dv: DataView, from: number, end: number, readable: boolean): number {
  let position = from
  for (;;) {
    if (position === end) return end
    if (position + 2 > end) return -1
    const word = dv.getUint16(position, true)
    if ((word & 0x8000) !== 0) return -1
    position += 2 + (word & 0x7f)
    if (position > end) return -1
    const id = word >>> 7 & 0xff
    if (id === TERMINATION.payloadFollows || (id === TERMINATION.payloadElementsFollow && !readable)) return position
    if (id === TERMINATION.payloadElementsFollow) break
  }
  for (;;) {
    if (position === end) return end
    if (position + 2 > end) return -1
    const word = dv.getUint16(position, true)
    if ((word & 0x8000) === 0) return -1
    position += 2 + (word & 0x7ff)
    if (position > end) return -1
    if ((word >>> 11 & 0xf) === TERMINATION.payload) return position
  }
}

/** What a header is to say, for `writeFrame`. */
export interface FrameFields {
  readonly type: number
  /** Of 2006 unless given. */
  readonly version?: number
  readonly pending?: boolean
  readonly acknowledge?: boolean
  /** Undefined to suppress it, which frames of 2015 alone can do. */
  readonly sequence: number | undefined
  readonly destinationPan?: number | undefined
  readonly destination?: LinkAddress
  /** As the destination's, unless given. */
  readonly sourcePan?: number | undefined
  readonly source?: LinkAddress
}

/**
 * Writes a header without security and elements at `from`, and returns its length in bytes. PAN IDs are compressed where the version allows
 * it: where both are the same, and where none was given.
 *
 * @throws RangeError for a PAN ID that the version wants and that was not given.
 */
export function writeFrame(fields: FrameFields, dv: DataView, from: number): number {
  const { type, version = versions.v2006, destination = NO_LINK_ADDRESS, source = NO_LINK_ADDRESS, sequence, destinationPan } = fields
  const sourcePan = fields.sourcePan ?? destinationPan
  const [to, by] = [modeOf(destination), modeOf(source)]
  const plain = pansIn(version, to, by, false)
  // Where both PAN IDs can be there, equal ones are written once; where one can be, it is written when it is given.
  const compression = plain === (PAN.destination | PAN.source) ? sourcePan === destinationPan
    : version === versions.v2015 && plain !== ((plain & PAN.source ? sourcePan : destinationPan) === undefined ? 0 : plain || PAN.destination)
  const pans = pansIn(version, to, by, compression)
  if ((pans & PAN.destination && destinationPan === undefined) || (pans & PAN.source && sourcePan === undefined)) {
    throw new RangeError('a PAN ID is missing: frames of this version have one beside such addresses')
  }

  let position = from + at.sequence
  if (sequence !== undefined) dv.setUint8(position++, sequence)
  if (pans & PAN.destination) position = writePan(destinationPan!, dv, position)
  position = writeAddress(destination, dv, position)
  if (pans & PAN.source) position = writePan(sourcePan!, dv, position)
  position = writeAddress(source, dv, position)
  dv.setUint16(from, type | version << control.version | to << control.destinationMode | by << control.sourceMode
    | (fields.pending ? control.pending : 0) | (fields.acknowledge ? control.acknowledge : 0) | (compression ? control.panIdCompression : 0)
    | (sequence === undefined ? control.sequenceSuppression : 0), true)
  return position - from
}

function writePan(panId: number, dv: DataView, position: number): number {
  dv.setUint16(position, panId, true)
  return position + 2
}

const modeOf = ({ length }: LinkAddress): number => (length === 0 ? addressModes.none : length === 2 ? addressModes.short : addressModes.extended)

function writeAddress(address: LinkAddress, dv: DataView, position: number): number {
  if (address.length === 2) dv.setUint16(position, address.lo, true)
  else if (address.length === 8) {
    dv.setInt32(position, address.lo, true)
    dv.setInt32(position + 4, address.hi, true)
  }
  return position + address.length
}

/** Bytes of the longest acknowledgment: one of 2015 to an extended address. */
export const MAX_ACKNOWLEDGMENT = 13

/** Whether an acknowledgment answers the frame (§6.7.4.2): where one is asked for, not by everyone, and there is a number to name. */
export function asksForAcknowledgment({ acknowledge, broadcast, sequence }: FrameHeader): boolean {
  return acknowledge && !broadcast && sequence >= 0
}

/** Writes the acknowledgment of a frame at `position`; returns its length in bytes. One of 2015 is answered in kind, by one that names its station. */
export function writeAcknowledgment({ version, sequence, source, sourcePan, destinationPan }: FrameHeader, dv: DataView, position: number): number {
  if (version === versions.v2015) {
    const panId = sourcePan >= 0 ? sourcePan : destinationPan
    return writeFrame({
      type: frameTypes.acknowledgment, version, sequence, destination: source, destinationPan: panId < 0 ? undefined : panId,
    }, dv, position)
  }
  dv.setUint16(position, frameTypes.acknowledgment, true)
  dv.setUint8(position + 2, sequence)
  return 3
}

/** Bytes of the header that `writeData` writes. */
export function dataLength(from: LinkAddress, to: LinkAddress): number {
  return 5 + from.length + to.length
}

/** Writes the header of a data frame of 2006 within one PAN, at `position`. */
export function writeData(dv: DataView, position: number, panId: number, sequence: number, from: LinkAddress, to: LinkAddress, acknowledge: boolean): void {
  dv.setUint16(position, frameTypes.data | versions.v2006 << control.version | control.panIdCompression | (acknowledge ? control.acknowledge : 0)
    | modeOf(to) << control.destinationMode | modeOf(from) << control.sourceMode, true)
  dv.setUint8(position + 2, sequence)
  dv.setUint16(position + 3, panId, true)
  writeAddress(from, dv, writeAddress(to, dv, position + 5))
}
