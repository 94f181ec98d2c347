/** Packets by hand, for what a well-behaved stack would not send. */

import { address, eui48, finish, pseudoSum, solicitedNode, sum, writeAddress, writeLink } from '@favonius/inet'
import type { Address, LinkAddress } from '@favonius/contract'
import { writeHeader } from '@favonius/ipv6/wire'

export const bytes = (...parts: (number | Uint8Array | readonly number[])[]): Uint8Array => {
  const all = parts.map((part) => (typeof part === 'number' ? [part] : [...part])).flat()
  return Uint8Array.from(all)
}

export interface Packet {
  readonly source: string
  readonly destination: string
  readonly next?: number
  readonly hopLimit?: number
  readonly trafficClass?: number
  readonly payload: Uint8Array
  readonly payloadLength?: number
}

/** An IPv6 packet; nothing in it is checked or completed but the payload length. */
export function packet({ source, destination, next = 58, hopLimit = 64, trafficClass = 0, payload, payloadLength = payload.length }: Packet): Uint8Array {
  const made = new Uint8Array(40 + payload.length)
  writeHeader({ trafficClass, flowLabel: 0, payloadLength, nextHeader: next, hopLimit, source: address(source), destination: address(destination) }, new DataView(made.buffer))
  made.set(payload, 40)
  return made
}

/** An ICMPv6 message with its checksum. */
export function icmp(source: string, destination: string, type: number, code: number, rest: Uint8Array): Uint8Array {
  const made = bytes(type, code, 0, 0, rest)
  const checksum = finish(sum(made, 0, made.length, pseudoSum(address(source), address(destination), 58) + made.length))
  new DataView(made.buffer).setUint16(2, checksum)
  return made
}

/** An IPv6 packet with an ICMPv6 message. */
export function message(source: string, destination: string, type: number, code: number, rest: Uint8Array, hopLimit = 255): Uint8Array {
  return packet({ source, destination, hopLimit, payload: icmp(source, destination, type, code, rest) })
}

export const echo = (source: string, destination: string, id = 1, sequence = 1, data = 8): Uint8Array =>
  message(source, destination, 128, 0, bytes(id >> 8, id & 255, sequence >> 8, sequence & 255, new Uint8Array(data)), 64)

export const a16 = (text: string | Address): Uint8Array => {
  const made = new Uint8Array(16)
  writeAddress(typeof text === 'string' ? address(text) : text, new DataView(made.buffer), 0)
  return made
}

export function linkOption(type: 1 | 2, link: LinkAddress): Uint8Array {
  const made = new Uint8Array(8)
  made[0] = type
  made[1] = 1
  writeLink(link, new DataView(made.buffer), 2)
  return made
}

export const solicitation = (source: string, target: string, options: Uint8Array = bytes(), destination = String(solicitedNode(address(target)))): Uint8Array =>
  message(source, destination, 135, 0, bytes(0, 0, 0, 0, a16(target), options))

export const advertisement = (source: string, destination: string, target: string, flags: number, options: Uint8Array = bytes()): Uint8Array =>
  message(source, destination, 136, 0, bytes(flags, 0, 0, 0, a16(target), options))

/** The packet in an Ethernet frame to `to`; a group's address when it is sent to a group. */
export function frame(inner: Uint8Array, to: LinkAddress, from: LinkAddress = eui48('00:00:5e:00:53:99')): Uint8Array {
  const made = new Uint8Array(14 + inner.length)
  const dv = new DataView(made.buffer)
  const d3 = dv.byteLength >= 54 ? inner.subarray(36, 40) : bytes(0, 0, 0, 0)
  if (inner[24] === 0xff) made.set([0x33, 0x33, ...d3])
  else writeLink(to, dv, 0)
  writeLink(from, dv, 6)
  dv.setUint16(12, 0x86dd)
  made.set(inner, 14)
  return made
}

