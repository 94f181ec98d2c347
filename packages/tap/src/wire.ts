/** `struct virtio_net_hdr`, which stands before each frame (virtio 1.2 §5.1.6, the legacy layout that TUN uses), little-endian. */

import type { NetBuf } from '@favonius/contract'

/** Offsets of the fields. */
export const at = { flags: 0, segmentationType: 1, headerLength: 2, segmentSize: 4, checksumStart: 6, checksumOffset: 8 } as const

/** Bytes of it. */
export const HEADER = 10

/** VIRTIO_NET_HDR_F_NEEDS_CSUM: the checksum is partial, from `checksumStart`, to be stored `checksumOffset` behind. */
export const NEEDS_CHECKSUM = 1
/** VIRTIO_NET_HDR_F_DATA_VALID: it was verified. */
export const DATA_VALID = 2
/** VIRTIO_NET_HDR_GSO_TCPV4, …_TCPV6: one large segment, to be sent as segments of `segmentSize` bytes of data. */
export const SEGMENTS_TCP4 = 1
export const SEGMENTS_TCP6 = 4
/** VIRTIO_NET_HDR_GSO_ECN, beside either: its first segment alone has CWR. */
const SEGMENTS_ECN = 0x80
/** Where the TCP header says how long it is, in its high four bits in units of four bytes (RFC 9293 §3.1). */
const TCP_DATA_OFFSET = 12

/** Tells the frame what the header at absolute position `header` says of its checksum and its segments. */
export function readHeader(dv: DataView, header: number, frame: NetBuf): void {
  const flags = dv.getUint8(header + at.flags)
  const segments = dv.getUint8(header + at.segmentationType) & ~SEGMENTS_ECN
  if (segments === SEGMENTS_TCP4 || segments === SEGMENTS_TCP6) frame.segmentSize = dv.getUint16(header + at.segmentSize, true)
  if (flags & NEEDS_CHECKSUM) {
    const start = dv.getUint16(header + at.checksumStart, true)
    const field = start + dv.getUint16(header + at.checksumOffset, true)
    // Without a field inside of the frame it says nothing, and is verified as any other.
    if (field + 2 > frame.length) return
    frame.checksum = 1
    frame.checksumStart = frame.offset + start
    frame.checksumAt = frame.offset + field
  } else if (flags & DATA_VALID) {
    frame.checksum = 2
  }
}

/** Writes the header of a frame that begins at absolute position `offset`, at `header` of `dv`. */
export function writeHeader(dv: DataView, header: number, frame: NetBuf, offset: number): void {
  // Segmentation type, header length and segment size: one whole frame.
  dv.setUint32(header, 0)
  dv.setUint32(header + at.segmentSize, 0)
  dv.setUint16(header + at.checksumOffset, 0)
  if (frame.checksum !== 1) return
  dv.setUint8(header + at.flags, NEEDS_CHECKSUM)
  if (frame.segmentSize > 0) {
    const tcp = frame.checksumStart
    dv.setUint8(header + at.segmentationType, frame.family === 6 ? SEGMENTS_TCP6 : SEGMENTS_TCP4)
    dv.setUint16(header + at.headerLength, tcp - offset + (frame.u8[tcp + TCP_DATA_OFFSET]! >>> 4) * 4, true)
    dv.setUint16(header + at.segmentSize, frame.segmentSize, true)
  }
  dv.setUint16(header + at.checksumStart, frame.checksumStart - offset, true)
  dv.setUint16(header + at.checksumOffset, frame.checksumAt - frame.checksumStart, true)
}
