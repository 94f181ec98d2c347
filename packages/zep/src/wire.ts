/**
 * ZEP, the ZigBee Encapsulation Protocol: frames of IEEE 802.15.4 in UDP datagrams. There is no standard; this is what RIOT's native boards, lwIP
 * and Wireshark take it to be. All numbers are big-endian.
 *
 * ```text
 *   version 2   | E X | 2 | type | channel | device id | mode | LQI | NTP time | number | reserved | length | frame, FCS
 *   bytes         2     1   1      1         2           1      1     8          4        10         1
 *   version 1   | E X | 1 | channel | device id | mode | LQI | reserved | length | frame, FCS
 *   bytes         2     1   1         2           1      1     7          1
 * ```
 */

import type { Malformed } from '@favonius/contract'

/** UDP port of who listens. */
export const ZEP_PORT = 17_754

/** Where the fields of version 2 stand. */
export const at = {
  preamble: 0, version: 2, type: 3, channel: 4, device: 5, mode: 7, lqi: 8, seconds: 9, fraction: 13, number: 17, reserved: 21, length: 31,
} as const
/** Where they stand in version 1. */
export const at1 = { channel: 3, device: 4, mode: 6, lqi: 7, length: 15 } as const

/** Bytes before the frame. */
export const HEADER = 32
/** The same in version 1. */
export const HEADER_1 = 16

/** What a datagram of version 2 is. An acknowledgment is of datagrams, not of frames, and nobody sends one. */
export const types = { data: 1, acknowledgment: 2 } as const

/** What the last two bytes of the frame are: the strength and quality that a CC24xx radio puts there, or the FCS. */
export const modes = { lqi: 0, fcs: 1 } as const

const EX = 0x4558
/** Seconds from 1900, where NTP's time begins, to 1970 (RFC 5905 §6). */
const NTP_EPOCH = 2_208_988_800
/** What a CC2420 takes off the strength that it tells (data sheet, §23). */
const RSSI_OFFSET = 45

const no = (malformed: string): Malformed => ({ malformed })
const SHORT = /* @__PURE__ */ no('zep: shorter than its header')
const NOT_ZEP = /* @__PURE__ */ no('zep: no ZEP')
const VERSION = /* @__PURE__ */ no('zep: a version that is unknown')
const TYPE = /* @__PURE__ */ no('zep: an acknowledgment, or a type that is unknown')
const LENGTH = /* @__PURE__ */ no('zep: its length is not that of the frame')
const MODE = /* @__PURE__ */ no('zep: a mode that is unknown')

/** A datagram's header, read. One record may serve many: it is written anew by each `readZep`. */
export class ZepHeader {
  version = 2
  channel = 0
  device = 0
  /** Of `modes`. */
  mode = 0
  /** As the header says it, 0 to 255. */
  lqi = 0
  /** 0 in version 1, which has none. */
  number = 0
  /** Milliseconds since 1970; 0 in version 1. */
  time = 0
  /** Where the frame begins, and its bytes, with the two at its end. */
  frame = 0
  length = 0
}

/** Reads the header of a datagram. */
export function readZep(bytes: Uint8Array, into: ZepHeader = new ZepHeader()): ZepHeader | Malformed {
  if (bytes.length < 4) return SHORT
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (dv.getUint16(at.preamble) !== EX) return NOT_ZEP
  const version = dv.getUint8(at.version)
  if (version !== 1 && version !== 2) return VERSION
  const old = version === 1
  if (!old && dv.getUint8(at.type) !== types.data) return TYPE
  const header = old ? HEADER_1 : HEADER
  if (bytes.length < header) return SHORT
  into.version = version
  into.channel = dv.getUint8(old ? at1.channel : at.channel)
  into.device = dv.getUint16(old ? at1.device : at.device)
  into.mode = dv.getUint8(old ? at1.mode : at.mode)
  into.lqi = dv.getUint8(old ? at1.lqi : at.lqi)
  into.number = old ? 0 : dv.getUint32(at.number)
  into.time = old ? 0 : (dv.getUint32(at.seconds) - NTP_EPOCH) * 1000 + dv.getUint32(at.fraction) / 2 ** 32 * 1000
  into.frame = header
  into.length = dv.getUint8(old ? at1.length : at.length)
  if (into.mode > modes.fcs) return MODE
  if (into.length !== bytes.length - header || into.length < 2) return LENGTH
  return into
}

/** Whether a radio that puts strength and quality in the FCS's place found it good; and what it says there. `frame` ends with these two bytes. */
export function readTrailer(bytes: Uint8Array): { readonly good: boolean; readonly rssi: number; readonly correlation: number } {
  const last = bytes[bytes.length - 1]!
  return { good: (last & 0x80) !== 0, rssi: (bytes[bytes.length - 2]! << 24 >> 24) - RSSI_OFFSET, correlation: last & 0x7f }
}

/** What a header of version 2 is to say. */
export interface ZepFields {
  readonly channel: number
  readonly device: number
  /** 255 unless given. */
  readonly lqi?: number
  readonly number: number
  /** Milliseconds since 1970. */
  readonly time: number
  /** Bytes of the frame, with its FCS. */
  readonly length: number
}

/** Writes the header of a datagram of version 2 into its first 32 bytes. */
export function writeZep({ channel, device, lqi = 0xff, number, time, length }: ZepFields, dv: DataView): void {
  const seconds = Math.floor(time / 1000)
  dv.setUint16(at.preamble, EX)
  dv.setUint8(at.version, 2)
  dv.setUint8(at.type, types.data)
  dv.setUint8(at.channel, channel)
  dv.setUint16(at.device, device)
  dv.setUint8(at.mode, modes.fcs)
  dv.setUint8(at.lqi, lqi)
  dv.setUint32(at.seconds, seconds + NTP_EPOCH)
  dv.setUint32(at.fraction, (time / 1000 - seconds) * 2 ** 32)
  dv.setUint32(at.number, number)
  for (let i = at.reserved; i < at.length; i++) dv.setUint8(i, 0)
  dv.setUint8(at.length, length)
}

/** One line for a datagram; says so when the bytes are no ZEP. */
export function show(bytes: Uint8Array): string {
  const header = readZep(bytes)
  if ('malformed' in header) return `${header.malformed} (${bytes.length} bytes)`
  const { version, channel, device, mode, lqi, number, length } = header
  return [
    `zep ${version}`, `channel ${channel}`, `device ${device}`, `lqi ${lqi}`, ...(version === 1 ? [] : [`number ${number}`]),
    ...(mode === modes.lqi ? ['no FCS'] : []), `length ${length}`,
  ].join(', ')
}
