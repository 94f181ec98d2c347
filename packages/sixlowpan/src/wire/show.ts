import { readHeaders, type IphcHeader, type NhcHeader } from './headers.ts'

/** How an extension header is called. */
const names: Readonly<Record<number, string>> = { 0: 'HBH', 43: 'RH', 44: 'frag', 60: 'DSTOPT', 135: 'MH' }

/**
 * One line about a frame's payload, as tcpdump would write it. What is elided is not known here: an address that follows from the link
 * is shown as `[link]`, one of a context as `[0]` with its number and what is there of it.
 */
export function show(bytes: Uint8Array): string {
  const headers = readHeaders(bytes)
  if ('malformed' in headers) return `6LoWPAN, malformed: ${headers.malformed}`
  const { mesh, broadcast, fragment, kind, dispatch, iphc, nhc, at } = headers
  const parts: string[] = []
  if (mesh) parts.push(`mesh ${mesh.originator} > ${mesh.final} hops ${mesh.hopsLeft}`)
  if (broadcast !== undefined) parts.push(`broadcast seq ${broadcast}`)
  if (fragment) parts.push(`frag size ${fragment.size} tag 0x${fragment.tag.toString(16).padStart(4, '0')} offset ${fragment.offset ?? 0}`)
  if (iphc) parts.push(showIphc(iphc), ...nhc.map(showNhc))
  else if (kind !== 'data') parts.push(kind === 'ipv6' ? 'IPv6' : kind === 'hc1' ? 'HC1' : `dispatch 0x${dispatch!.toString(16).padStart(2, '0')}`)
  return `6LoWPAN, ${parts.join(', ')}, length ${bytes.length - at}`
}

function showIphc(iphc: IphcHeader): string {
  const { sourceStateful, sourceMode, sourceContext, destinationStateful, destinationContext, multicast, ecn, dscp, flowLabel, nextHeader, hopLimit } = iphc
  const source = sourceStateful && sourceMode === 0 ? '::' : showUnicast(iphc.source, sourceStateful ? sourceContext : undefined)
  const destination = multicast ? showGroup(iphc.destination, destinationStateful ? destinationContext : undefined)
    : showUnicast(iphc.destination, destinationStateful ? destinationContext : undefined)
  const traffic = (dscp << 2) | ecn
  return `IPHC ${source} > ${destination} hlim ${hopLimit}${traffic === 0 ? '' : ` class 0x${traffic.toString(16).padStart(2, '0')}`}` +
    `${flowLabel === 0 ? '' : ` flow 0x${flowLabel.toString(16).padStart(5, '0')}`}${nextHeader === undefined ? '' : ` next ${nextHeader}`}`
}

function showNhc(header: NhcHeader): string {
  switch (header.type) {
    case 'ipv6': return showIphc(header.iphc)
    case 'udp': return `UDP ${header.source} > ${header.destination}${header.checksum === undefined ? ' no checksum' : ''}`
    case 'extension': return `${names[header.protocol]} ${header.length}${header.nextHeader === undefined ? '' : ` next ${header.nextHeader}`}`
  }
}

/** Groups of two bytes, as they are in an address. */
const words = (bytes: Uint8Array): string => {
  const groups: string[] = []
  for (let i = 0; i < bytes.length; i += 2) groups.push(((bytes[i]! << 8) | bytes[i + 1]!).toString(16))
  return groups.join(':')
}

function showUnicast(bytes: Uint8Array, context: number | undefined): string {
  const prefix = context === undefined ? 'fe80::' : `[${context}]:`
  switch (bytes.length) {
    case 16: return words(bytes)
    case 8: return prefix + words(bytes)
    case 2: return `${prefix}ff:fe00:${words(bytes)}`
    default: return `${prefix}[link]`
  }
}

const hex = (byte: number | undefined): string => (byte ?? 0).toString(16).padStart(2, '0')

function showGroup(bytes: Uint8Array, context: number | undefined): string {
  if (context !== undefined) return `ff${hex(bytes[0])}:${hex(bytes[1])}[${context}]:${words(bytes.subarray(2))}`
  switch (bytes.length) {
    case 16: return words(bytes)
    case 6: return `ff${hex(bytes[0])}::${hex(bytes[1])}:${words(bytes.subarray(2))}`
    case 4: return `ff${hex(bytes[0])}::${hex(bytes[1])}:${words(bytes.subarray(2))}`
    default: return `ff02::${(bytes[0] ?? 0).toString(16)}`
  }
}
