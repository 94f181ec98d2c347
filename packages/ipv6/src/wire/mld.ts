/** Multicast listener discovery messages: RFC 3810 §5 and, for older queriers, RFC 2710 §3. Read RFC 3810 §5.1 and §8 before changing this file. */

import type { Address, Malformed } from '@favonius/contract'
import { isLinkLocal, isMulticast, isUnspecified, MutableAddress, readAddress, writeAddress } from '@favonius/inet'
import type { NdIp } from './ndoption.ts'

/** A query: of version 1 when it ends behind the group (RFC 3810 §5.1, §8.1). */
export const MLD_QUERY = { delay: 4, group: 8, flags: 24, interval: 25, size: 24, size2: 28 } as const
/** A report or a leave-taking of version 1 (RFC 2710 §3). */
export const MLD_MESSAGE = { group: 8, size: 24 } as const
/** A report of version 2 (RFC 3810 §5.2), and its records without sources. */
export const MLD_REPORT = { count: 6, records: 8 } as const
export const MLD_RECORD = { type: 0, group: 4, size: 20 } as const

/** What a record says (RFC 3810 §5.2.12). «Exclude» no source is to listen to all. */
export const mldRecordTypes = { isInclude: 1, isExclude: 2, toInclude: 3, toExclude: 4 } as const

/** ff02::16: every router that speaks version 2 (RFC 3810 §11). */
export const MLD_ROUTERS: Address = /* @__PURE__ */ new MutableAddress(6, 0xff020000 | 0, 0, 0, 0x16)

/** A Hop-by-Hop Options header with a Router Alert for MLD (RFC 2711 §2.1), and padding. */
export const ROUTER_ALERT: Uint8Array = /* @__PURE__ */ Uint8Array.of(0, 0, 5, 2, 0, 0, 1, 0)

/** RFC 3810 §5.1. */
export interface MldQuery {
  readonly version: 1 | 2
  /** Undefined: all groups are asked for. */
  readonly group: Address | undefined
  /** Milliseconds within which to answer. */
  readonly delay: number
  /** The querier's robustness, and milliseconds between its queries; 0 where it does not say. */
  readonly robustness: number
  readonly interval: number
}

const no = (malformed: string): Malformed => ({ malformed })

/** A code of `bits` bits: a number, or with its first bit set a mantissa and an exponent (RFC 3810 §5.1.3, §5.1.9). */
function decode(code: number, bits: 8 | 16): number {
  const mantissaBits = bits - 4
  if (code < 1 << (bits - 1)) return code
  const mantissa = (code & ((1 << mantissaBits) - 1)) | (1 << mantissaBits)
  return mantissa << (((code >>> mantissaBits) & 7) + 3)
}

/** Reads and validates (RFC 3810 §5.1.14, §6.2, §8.1) the query at `at`. Its router alert is for the caller to look for. */
export function readMldQuery(dv: DataView, at: number, end: number, ip: NdIp): MldQuery | Malformed {
  const size = end - at
  if (size < MLD_QUERY.size || (size > MLD_QUERY.size && size < MLD_QUERY.size2)) return no(`${size} bytes are no query of any version`)
  if (ip.hopLimit !== 1) return no(`hop limit ${ip.hopLimit} is not 1`)
  if (!isLinkLocal(ip.source)) return no('not from a link-local address')
  const asked = readAddress(dv, at + MLD_QUERY.group, 6)
  const all = isUnspecified(asked)
  if (!all && !isMulticast(asked)) return no('asks for what is no group')
  const code = dv.getUint16(at + MLD_QUERY.delay)
  const group = all ? undefined : asked
  if (size === MLD_QUERY.size) return { version: 1, group, delay: code, robustness: 0, interval: 0 }
  return { version: 2, group, delay: decode(code, 16), robustness: dv.getUint8(at + MLD_QUERY.flags) & 7, interval: decode(dv.getUint8(at + MLD_QUERY.interval), 8) * 1000 }
}

/** A record: how we listen to a group. */
export interface MldRecord {
  readonly type: number
  readonly group: Address
}

/** Writes the records of a report behind its type, code and checksum, into memory that is all zeros. */
export function writeMldReport(records: readonly MldRecord[], dv: DataView, at: number): void {
  dv.setUint16(at + MLD_REPORT.count, records.length)
  for (const [i, { type, group }] of records.entries()) {
    const record = at + MLD_REPORT.records + i * MLD_RECORD.size
    dv.setUint8(record + MLD_RECORD.type, type)
    writeAddress(group, dv, record + MLD_RECORD.group)
  }
}
