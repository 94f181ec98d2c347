/** The UDP header: RFC 768. */

/** Where the fields stand. */
export const at = { source: 0, destination: 2, length: 4, checksum: 6 } as const
/** Bytes of header before the payload. */
export const HEADER = 8
/** Largest payload: the length field counts the header too. */
export const MAX_PAYLOAD = 0xffff - HEADER

/** One line, as tcpdump prints it; says so when the bytes are no header. */
export function show(bytes: Uint8Array): string {
  if (bytes.length < HEADER) return `UDP: only ${bytes.length} bytes`
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = dv.getUint16(at.length)
  const wrong = length < HEADER || length > bytes.length ? ` (length field ${length})` : ''
  return `UDP ${dv.getUint16(at.source)} > ${dv.getUint16(at.destination)}, length ${bytes.length - HEADER}${wrong}`
}
