import { addressModes, commands, frameTypes, readFrame, type FrameHeader } from './frame.ts'

const editions = ['2003', '2006', '2015'] as const
const nameOf = (names: Readonly<Record<string, number>>, value: number): string | undefined =>
  Object.keys(names).find((name) => names[name] === value)
const hex = (value: number): string => value.toString(16).padStart(4, '0')

/** One line for a frame without its FCS; says so when the bytes are none. */
export function show(bytes: Uint8Array<ArrayBuffer>): string {
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = readFrame(dv, 0, bytes.length)
  if ('malformed' in header) return `802.15.4: ${header.malformed} (${bytes.length} bytes)`
  const rest = bytes.length - header.length
  const isCommand = header.type === frameTypes.command && !header.security && rest > 0
  const command = isCommand ? nameOf(commands, bytes[header.length]!) ?? `${bytes[header.length]}` : undefined
  return [
    `802.15.4 ${nameOf(frameTypes, header.type)}${command === undefined ? '' : ` ${command}`} (${editions[header.version]})`,
    ...addresses(header),
    ...(header.sequence < 0 ? [] : [`seq ${header.sequence}`]),
    ...(header.acknowledge ? ['ack requested'] : []),
    ...(header.pending ? ['frame pending'] : []),
    ...(header.security ? [header.securityLevel < 0 ? 'secured' : `secured at level ${header.securityLevel}`] : []),
    ...(header.elements ? ['information elements'] : []),
    `length ${rest}`,
  ].join(', ')
}

function addresses(header: FrameHeader): string[] {
  const { destinationMode, sourceMode, destinationPan, sourcePan } = header
  const pans = destinationPan < 0 && sourcePan < 0 ? [] : sourcePan >= 0 && destinationPan >= 0 ? [`pan ${hex(sourcePan)} > ${hex(destinationPan)}`]
    : [`pan ${hex(Math.max(sourcePan, destinationPan))}`]
  if (destinationMode === addressModes.none && sourceMode === addressModes.none) return pans
  const destination = header.broadcast ? 'everyone' : destinationMode === addressModes.none ? 'coordinator' : `${header.destination}`
  return [...pans, `${sourceMode === addressModes.none ? 'coordinator' : header.source} > ${destination}`]
}
