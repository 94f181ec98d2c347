/** An ARP packet for IPv4 over Ethernet: RFC 826. */

import type { Address, LinkAddress, Malformed } from '@favonius/contract'
import { ipv4, readLink, writeLink } from '@favonius/inet'

/** Where the fields stand, by RFC 826's names. */
export const at = {
  hardware: 0, protocol: 2, hardwareLength: 4, protocolLength: 5, operation: 6,
  senderHardware: 8, senderProtocol: 14, targetHardware: 18, targetProtocol: 24,
} as const
/** Bytes of a packet. */
export const LENGTH = 28
export const REQUEST = 1
export const REPLY = 2

/** The first six bytes of every such packet: Ethernet, IPv4, 6 and 4. */
const ETHERNET_IPV4 = 0x0001_0800
const LENGTHS_6_4 = 0x0604

export interface ArpPacket {
  readonly operation: typeof REQUEST | typeof REPLY
  readonly senderLink: LinkAddress
  readonly sender: Address
  readonly targetLink: LinkAddress
  readonly target: Address
}

/** Reads the packet that begins at `offset` and has `length` bytes. */
export function readArp(dv: DataView, offset: number, length: number): ArpPacket | Malformed {
  if (length < LENGTH) return { malformed: 'short' }
  if (dv.getInt32(offset) !== ETHERNET_IPV4 || dv.getUint16(offset + at.hardwareLength) !== LENGTHS_6_4) return { malformed: 'not for IPv4 over Ethernet' }
  const operation = dv.getUint16(offset + at.operation)
  if (operation !== REQUEST && operation !== REPLY) return { malformed: 'operation' }
  return {
    operation,
    senderLink: readLink(dv, offset + at.senderHardware, 6),
    sender: ipv4(dv.getInt32(offset + at.senderProtocol)),
    targetLink: readLink(dv, offset + at.targetHardware, 6),
    target: ipv4(dv.getInt32(offset + at.targetProtocol)),
  }
}

/** Writes a packet at `offset`, `LENGTH` bytes. */
export function writeArp(packet: ArpPacket, dv: DataView, offset: number): void {
  dv.setInt32(offset, ETHERNET_IPV4)
  dv.setUint16(offset + at.hardwareLength, LENGTHS_6_4)
  dv.setUint16(offset + at.operation, packet.operation)
  writeLink(packet.senderLink, dv, offset + at.senderHardware)
  dv.setInt32(offset + at.senderProtocol, packet.sender.w3)
  writeLink(packet.targetLink, dv, offset + at.targetHardware)
  dv.setInt32(offset + at.targetProtocol, packet.target.w3)
}

/** One line, as tcpdump prints it; says so when the bytes are no such packet. */
export function show(bytes: Uint8Array<ArrayBuffer>): string {
  const packet = readArp(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length)
  if ('malformed' in packet) return `ARP: ${packet.malformed}`
  return packet.operation === REQUEST
    ? `ARP, Request who-has ${packet.target} tell ${packet.sender}`
    : `ARP, Reply ${packet.sender} is-at ${packet.senderLink}`
}
