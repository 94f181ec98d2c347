/**
 * The TCP header and the options that everybody uses. Read RFC 9293 §3.1 and §3.2, RFC 7323 §2 and §3, and RFC 2018 §2 and §3 before
 * changing this file.
 */

/** Where the fields stand (RFC 9293 §3.1). */
export const at = { source: 0, destination: 2, sequence: 4, acknowledgment: 8, offsetAndFlags: 12, window: 14, checksum: 16, urgent: 18 } as const
/** Bytes of header without options. */
export const HEADER = 20

/** No more data from the sender. */
export const FIN = 0x01
/** Synchronize sequence numbers. */
export const SYN = 0x02
/** Reset the connection. */
export const RST = 0x04
/** To be passed on at once. */
export const PSH = 0x08
/** The acknowledgment field is significant. */
export const ACK = 0x10
/** The urgent pointer is significant. */
export const URG = 0x20
/** ECN-Echo (RFC 3168 §6.1). */
export const ECE = 0x40
/** Congestion window reduced (RFC 3168 §6.1). */
export const CWR = 0x80

/** The largest shift of a window; a larger one counts as this (RFC 7323 §2.3). */
export const MAX_WINDOW_SCALE = 14

/** Kinds of options (RFC 9293 §3.2, RFC 7323 §2.2 and §3.2, RFC 2018 §2 and §3), and how long each is. */
const END = 0
const NOP = 1
const MSS = 2
const WINDOW_SCALE = 3
const SACK_PERMITTED = 4
const SACK = 5
const TIMESTAMPS = 8
const sizes = { mss: 4, windowScale: 3, sackPermitted: 2, timestamps: 10, sack: 2, block: 8 } as const
/** SACK blocks that 40 bytes of options have room for (RFC 2018 §3). */
const MAX_BLOCKS = 4
/** NOP NOP kind length of timestamps in the layout of RFC 7323 appendix A. */
const PADDED_TIMESTAMPS = (NOP << 24) | (NOP << 16) | (TIMESTAMPS << 8) | sizes.timestamps
/** Bytes that `writeTimestamps` writes. */
export const TIMESTAMPS_SIZE = 12

/** What a segment's header says. One record, which `readSegment` fills anew for each segment. */
export class Segment {
  sourcePort = 0
  destinationPort = 0
  /** Signed 32 bits, as all sequence numbers here: compare by `(a - b) | 0`. */
  sequence = 0
  acknowledgment = 0
  /** `FIN`, `SYN`, … or'ed. */
  flags = 0
  /** As it stands in the header, not scaled. */
  window = 0
  urgent = 0
  /** Bytes of header, with its options. */
  dataOffset = 0
  /** Bytes of data; SYN and FIN are not counted. */
  length = 0
  /** RFC 9293 §3.2; 0 when not given. Of a SYN alone. */
  mss = 0
  /** RFC 7323 §2.2: 0–14, −1 when not given. Of a SYN alone. */
  windowScale = -1
  /** RFC 2018 §2. Of a SYN alone. */
  sackPermitted = false
  /** Whether `timestamp` and `echo` were given (RFC 7323 §3.2). */
  hasTimestamps = false
  /** TSval, signed 32 bits. */
  timestamp = 0
  /** TSecr, signed 32 bits. Valid only with ACK. */
  echo = 0
  /** How many of `blocks` were given, 0–4. */
  blockCount = 0
  /** RFC 2018 §3: left edge, right edge, left edge, … */
  readonly blocks: Int32Array = new Int32Array(2 * MAX_BLOCKS)
}

/**
 * Reads the header that begins at absolute position `from`, of a segment of `total` bytes whose first fragment ends at `end`. Returns
 * why it is malformed, and then `into` means nothing; undefined when it is not.
 *
 * Of the options, those that are unknown or have a wrong length for their kind are passed over (RFC 9293 §3.2, MUST-6). One whose length
 * is less than 2 or leads out of the header ends them, as in Linux: what came before it counts, and so does the segment. RFC 9293 §3.1
 * (MUST-7) asks only that it be survived; the reset that it suggests would let anyone who guesses a port end a connection.
 */
export function readSegment(dv: DataView, from: number, end: number, total: number, into: Segment): string | undefined {
  if (total < HEADER) return 'TCP: shorter than a header'
  if (from + HEADER > end) return 'TCP: header not in one piece'
  const offsetAndFlags = dv.getUint16(from + at.offsetAndFlags)
  const dataOffset = (offsetAndFlags >>> 12) * 4
  if (dataOffset < HEADER) return 'TCP: data offset below 5'
  if (dataOffset > total) return 'TCP: data offset beyond the segment'
  if (from + dataOffset > end) return 'TCP: options not in one piece'
  const flags = offsetAndFlags & 0xff
  into.sourcePort = dv.getUint16(from + at.source)
  into.destinationPort = dv.getUint16(from + at.destination)
  into.sequence = dv.getInt32(from + at.sequence)
  into.acknowledgment = dv.getInt32(from + at.acknowledgment)
  into.flags = flags
  into.window = dv.getUint16(from + at.window)
  into.urgent = dv.getUint16(from + at.urgent)
  into.dataOffset = dataOffset
  into.length = total - dataOffset
  into.mss = 0
  into.windowScale = -1
  into.sackPermitted = false
  into.hasTimestamps = false
  into.blockCount = 0
  if (dataOffset === HEADER) return undefined
  if (dataOffset === HEADER + TIMESTAMPS_SIZE && dv.getInt32(from + HEADER) === PADDED_TIMESTAMPS) {
    into.hasTimestamps = true
    into.timestamp = dv.getInt32(from + HEADER + 4)
    into.echo = dv.getInt32(from + HEADER + 8)
    return undefined
  }
  readOptions(dv, from + HEADER, from + dataOffset, (flags & SYN) !== 0, into)
  return undefined
}

function readOptions(dv: DataView, from: number, end: number, syn: boolean, into: Segment): void {
  while (from < end) {
    const kind = dv.getUint8(from)
    if (kind === END) return
    if (kind === NOP) {
      from++
      continue
    }
    if (from + 1 >= end) return
    const size = dv.getUint8(from + 1)
    if (size < 2 || from + size > end) return
    switch (kind) {
      case MSS:
        if (syn && size === sizes.mss) into.mss = dv.getUint16(from + 2)
        break
      case WINDOW_SCALE:
        if (syn && size === sizes.windowScale) into.windowScale = Math.min(dv.getUint8(from + 2), MAX_WINDOW_SCALE)
        break
      case SACK_PERMITTED:
        if (syn && size === sizes.sackPermitted) into.sackPermitted = true
        break
      case TIMESTAMPS:
        if (size !== sizes.timestamps) break
        into.hasTimestamps = true
        into.timestamp = dv.getInt32(from + 2)
        into.echo = dv.getInt32(from + 6)
        break
      case SACK:
        if (size < sizes.sack + sizes.block || (size - sizes.sack) % sizes.block !== 0) break
        into.blockCount = (size - sizes.sack) / sizes.block
        for (let i = 0; i < 2 * into.blockCount; i++) into.blocks[i] = dv.getInt32(from + sizes.sack + 4 * i)
        break
    }
    from += size
  }
}

/**
 * Writes a header of `headerSize` bytes (a multiple of 4, with the options, which the caller writes) at `to`, its checksum and urgent
 * pointer zero.
 */
export function writeHeader(
  dv: DataView, to: number, sourcePort: number, destinationPort: number, sequence: number, acknowledgment: number, headerSize: number,
  flags: number, window: number,
): void {
  dv.setUint16(to + at.source, sourcePort)
  dv.setUint16(to + at.destination, destinationPort)
  dv.setInt32(to + at.sequence, sequence)
  dv.setInt32(to + at.acknowledgment, acknowledgment)
  dv.setUint16(to + at.offsetAndFlags, (headerSize << 10) | flags)
  dv.setUint16(to + at.window, window)
  dv.setInt32(to + at.checksum, 0)
}

/** Writes the timestamps option at `to`, with two NOPs before it (RFC 7323 appendix A). Returns the position behind it, `TIMESTAMPS_SIZE` on. */
export function writeTimestamps(dv: DataView, to: number, value: number, echo: number): number {
  dv.setInt32(to, PADDED_TIMESTAMPS)
  dv.setInt32(to + 4, value)
  dv.setInt32(to + 8, echo)
  return to + TIMESTAMPS_SIZE
}

/** Bytes that `writeSynOptions` writes for these: a multiple of 4. `windowScale` is −1 for none. */
export function synOptionsSize(windowScale: number, sackPermitted: boolean, timestamps: boolean): number {
  return sizes.mss + (timestamps ? TIMESTAMPS_SIZE : sackPermitted ? 4 : 0) + (windowScale < 0 ? 0 : 4)
}

/**
 * Writes what a SYN announces at `to`, laid out as Linux does (the SACK-permitted option takes the place of the two NOPs before the
 * timestamps): the MSS, and unless left out the window's scale (`windowScale`, −1 for none), SACK-permitted, timestamps. Returns the
 * position behind them.
 */
export function writeSynOptions(
  dv: DataView, to: number, mss: number, windowScale: number, sackPermitted: boolean, timestamps: boolean, value: number, echo: number,
): number {
  dv.setInt32(to, (MSS << 24) | (sizes.mss << 16) | mss)
  to += sizes.mss
  if (timestamps) {
    const next = writeTimestamps(dv, to, value, echo)
    if (sackPermitted) dv.setUint16(to, (SACK_PERMITTED << 8) | sizes.sackPermitted)
    to = next
  } else if (sackPermitted) {
    dv.setInt32(to, (NOP << 24) | (NOP << 16) | (SACK_PERMITTED << 8) | sizes.sackPermitted)
    to += 4
  }
  if (windowScale < 0) return to
  dv.setInt32(to, (NOP << 24) | (WINDOW_SCALE << 16) | (sizes.windowScale << 8) | windowScale)
  return to + 4
}

/**
 * Writes a SACK option at `to`, with two NOPs before it: the first `count` of `blocks`, 1–4 (with timestamps, 3 fit: RFC 2018 §3).
 * Returns the position behind it, 4 + 8 · `count` on.
 */
export function writeSack(dv: DataView, to: number, blocks: Int32Array, count: number): number {
  dv.setInt32(to, (NOP << 24) | (NOP << 16) | (SACK << 8) | (sizes.sack + sizes.block * count))
  to += 4
  for (let i = 0; i < 2 * count; i++, to += 4) dv.setInt32(to, blocks[i]!)
  return to
}

/** One line, as tcpdump prints it; says so when the bytes are no segment. Wrong options are shown as far as they can be read. */
export function show(bytes: Uint8Array): string {
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const segment = new Segment()
  const malformed = readSegment(dv, 0, bytes.length, bytes.length, segment)
  if (malformed !== undefined) return `${malformed} (${bytes.length} bytes)`
  const { flags, length, dataOffset } = segment
  const sequence = segment.sequence >>> 0
  const parts = [`Flags [${showFlags(flags)}]`]
  if (length > 0) parts.push(`seq ${sequence}:${(sequence + length) >>> 0}`)
  else if (flags & (SYN | FIN | RST)) parts.push(`seq ${sequence}`)
  if (flags & ACK) parts.push(`ack ${segment.acknowledgment >>> 0}`)
  parts.push(`win ${segment.window}`)
  if (flags & URG) parts.push(`urg ${segment.urgent}`)
  if (dataOffset > HEADER) parts.push(`options [${showOptions(dv, HEADER, dataOffset).join(',')}]`)
  return `TCP ${segment.sourcePort} > ${segment.destinationPort}: ${parts.join(', ')}, length ${length}`
}

function showFlags(flags: number): string {
  let text = ''
  for (let i = 0; i < 8; i++) if (flags & (1 << i)) text += 'FSRP.UEW'[i]
  return text || 'none'
}

function showOptions(dv: DataView, from: number, end: number): string[] {
  const shown: string[] = []
  while (from < end) {
    const kind = dv.getUint8(from)
    if (kind === END) return [...shown, 'eol']
    const size = kind === NOP ? 1 : from + 1 < end ? dv.getUint8(from + 1) : 0
    if (size < 1 || (size < 2 && kind !== NOP) || from + size > end) return [...shown, `bad-${kind}`]
    shown.push(showOption(dv, from, kind, size))
    from += size
  }
  return shown
}

function showOption(dv: DataView, from: number, kind: number, size: number): string {
  if (kind === NOP) return 'nop'
  if (kind === MSS && size === sizes.mss) return `mss ${dv.getUint16(from + 2)}`
  if (kind === WINDOW_SCALE && size === sizes.windowScale) return `wscale ${dv.getUint8(from + 2)}`
  if (kind === SACK_PERMITTED && size === sizes.sackPermitted) return 'sackOK'
  if (kind === TIMESTAMPS && size === sizes.timestamps) return `TS val ${dv.getUint32(from + 2)} ecr ${dv.getUint32(from + 6)}`
  if (kind === SACK && (size - sizes.sack) % sizes.block === 0) {
    const count = (size - sizes.sack) / sizes.block
    const blocks = Array.from({ length: count }, (_, i) => {
      const left = from + sizes.sack + sizes.block * i
      return `{${dv.getUint32(left)}:${dv.getUint32(left + 4)}}`
    })
    return `sack ${count} ${blocks.join('')}`
  }
  return `unknown-${kind}`
}
