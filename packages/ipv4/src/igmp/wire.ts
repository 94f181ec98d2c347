/** IGMP messages: RFC 1112 appendix I, RFC 2236 §2, RFC 3376 §4. */

import type { Address, Malformed } from '@favonius/contract'
import { ANY4, finish, ipv4, sum } from '@favonius/inet'

export const igmpTypes = { query: 0x11, report1: 0x12, report2: 0x16, leave: 0x17, report3: 0x22 } as const
/** RFC 3376 §4.2.12, for groups without source filters. */
export const recordTypes = { isExclude: 2, toInclude: 3, toExclude: 4 } as const

export interface GroupRecord {
  readonly type: number
  readonly group: Address
}

/** What hosts hear. */
export type IgmpMessage =
  /** 0.0.0.0 asks for all groups. `maxResponse` is in milliseconds; `robustness` is undefined where the querier does not say. */
  | { readonly type: 'query'; readonly version: 1 | 2 | 3; readonly group: Address; readonly maxResponse: number; readonly robustness: number | undefined }
  /** Of another member, by version 1 or 2. */
  | { readonly type: 'report'; readonly group: Address }
  /** For routers. */
  | { readonly type: 'other' }

/** RFC 3376 §4.1.1: from 128 on a floating-point number. */
const decode = (code: number): number => (code < 128 ? code : ((code & 15) | 16) << ((code >> 4 & 7) + 3))

/** Reads `length` bytes at `offset`; the checksum is the caller's. */
export function readIgmp(dv: DataView, offset: number, length: number): IgmpMessage | Malformed {
  if (length < 8) return { malformed: 'short' }
  const type = dv.getUint8(offset)
  const code = dv.getUint8(offset + 1)
  const group = ipv4(dv.getInt32(offset + 4))
  if (type === igmpTypes.report1 || type === igmpTypes.report2) return { type: 'report', group }
  if (type !== igmpTypes.query) return { type: 'other' }
  // RFC 3376 §7.1.
  if (length === 8) return { type: 'query', version: code === 0 ? 1 : 2, group, maxResponse: code === 0 ? 10_000 : code * 100, robustness: undefined }
  if (length < 12) return { malformed: 'query' }
  if (length < 12 + 4 * dv.getUint16(offset + 10)) return { malformed: 'query' }
  return { type: 'query', version: 3, group, maxResponse: decode(code) * 100, robustness: (dv.getUint8(offset + 8) & 7) || undefined }
}

const summed = (bytes: Uint8Array): Uint8Array => {
  new DataView(bytes.buffer).setUint16(2, finish(sum(bytes, 0, bytes.length)))
  return bytes
}

/** A report or a leave of version 1 or 2. */
export function writeIgmp(type: number, group: Address = ANY4): Uint8Array {
  const bytes = new Uint8Array(8)
  bytes[0] = type
  new DataView(bytes.buffer).setInt32(4, group.w3)
  return summed(bytes)
}

/** A report of version 3. */
export function writeReport3(records: readonly GroupRecord[]): Uint8Array {
  const bytes = new Uint8Array(8 + 8 * records.length)
  const dv = new DataView(bytes.buffer)
  bytes[0] = igmpTypes.report3
  dv.setUint16(6, records.length)
  records.forEach(({ type, group }, i) => {
    bytes[8 + 8 * i] = type
    dv.setInt32(12 + 8 * i, group.w3)
  })
  return summed(bytes)
}
