/** Frames of the air as captures hold them. */

import type { NetBuf } from '@favonius/contract'
import { fcs } from '@favonius/ieee802154/wire'
import { linkTypes } from '@favonius/pcap'
import type { Heard } from './air.ts'

/** What is written beside a frame: nothing; its FCS, as a sniffer has it; or the FCS and, before it, how the frame was heard (TAP). */
export type AirCapture = 'plain' | 'fcs' | 'tap'

/** Link types of captures. */
export const linkTypeOf: Readonly<Record<AirCapture, number>> = { plain: linkTypes.ieee802154, fcs: linkTypes.ieee802154Fcs, tap: linkTypes.ieee802154Tap }

/** Types of what stands before a frame (https://github.com/jkcko/ieee802.15.4-tap). */
const TLV = { fcs: 0, rssi: 1, channel: 3, lqi: 10 } as const
/** Bytes of the header, and of one of its fields. */
const HEADER = 4
const FIELD = 8

/** The bytes that are written. */
export function captured(frame: NetBuf, how: AirCapture, { channel, rssi, lqi }: Heard): NetBuf | Uint8Array {
  if (how === 'plain') return frame
  const fields = how === 'fcs' ? 0 : rssi === undefined ? 2 : 4
  const before = fields === 0 ? 0 : HEADER + fields * FIELD
  const bytes = new Uint8Array(before + frame.length + 2)
  const dv = new DataView(bytes.buffer)
  const begin = (n: number, type: number, length: number): number => {
    const at = HEADER + n * FIELD
    dv.setUint16(at, type, true)
    dv.setUint16(at + 2, length, true)
    return at + 4
  }
  if (fields > 0) {
    dv.setUint16(2, before, true)
    dv.setUint8(begin(0, TLV.fcs, 1), 1)
    dv.setUint16(begin(1, TLV.channel, 3), channel, true)
  }
  if (fields > 2) {
    dv.setFloat32(begin(2, TLV.rssi, 4), rssi!, true)
    dv.setUint8(begin(3, TLV.lqi, 1), lqi!)
  }
  frame.copyTo(bytes.subarray(before, before + frame.length))
  dv.setUint16(before + frame.length, fcs(bytes, before, before + frame.length), true)
  return bytes
}
