/** ICMP messages (RFC 792): layout, numbers, and what errors mean. */

import type { IcmpError, Malformed } from '@favonius/contract'
import { sum } from '@favonius/inet'

/** Every message begins like this (RFC 792). */
export const ICMP = {
  type: 0,
  code: 1,
  /** 16 bits: RFC 1071's checksum of the whole message. There is no pseudo-header. */
  checksum: 2,
  /** Echo: identifier, 16 bits. */
  identifier: 4,
  /** Echo: sequence number, 16 bits. */
  sequence: 6,
  /** Parameter Problem: which byte of the quoted header. */
  pointer: 4,
  /** Fragmentation needed: the next hop's MTU, 16 bits (RFC 1191 §4). */
  mtu: 6,
  /** Where an echo's data, or the quoted packet of an error, begins. */
  body: 8,
} as const

/** Message types (RFC 792; IANA: ICMP Parameters). */
export const icmpTypes = {
  echoReply: 0,
  destinationUnreachable: 3,
  sourceQuench: 4,
  redirect: 5,
  echoRequest: 8,
  routerAdvertisement: 9,
  routerSolicitation: 10,
  timeExceeded: 11,
  parameterProblem: 12,
  timestamp: 13,
  timestampReply: 14,
} as const

/** Whether a message is an error that is about a packet of ours (RFC 1122 §3.2.2); Source Quench and Redirect are not minded. */
export function isError(type: number): boolean {
  return type === icmpTypes.destinationUnreachable || type === icmpTypes.timeExceeded || type === icmpTypes.parameterProblem
}

/** Codes of Destination Unreachable that we send, or that are special (RFC 792, RFC 1122 §3.2.2.1). */
export const unreachableCodes = { net: 0, host: 1, protocol: 2, port: 3, fragmentationNeeded: 4 } as const

/** Codes of Redirect that we send: for one host (RFC 1812 §5.2.7.2). */
export const redirectCodes = { host: 1 } as const

/** What an error says, in errno's words. */
export type Meaning = Pick<IcmpError, 'code' | 'message' | 'hard'>

const meaning = (code: Meaning['code'], message: string, hard = false): Meaning => ({ code, message, hard })

/**
 * Destination Unreachable by its codes (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1). RFC 1122 §4.2.3.9 makes 2 to 4 hard
 * and 0, 1 and 5 hints; 4 has become path MTU discovery's hint since (RFC 1191 §6.4), and what an administrator
 * forbids does not pass.
 */
const unreachable: readonly Meaning[] = [
  meaning('ENETUNREACH', 'network unreachable'),
  meaning('EHOSTUNREACH', 'host unreachable'),
  meaning('EPROTO', 'protocol unreachable', true),
  meaning('ECONNREFUSED', 'port unreachable', true),
  meaning('EMSGSIZE', 'too long for the next link'),
  meaning('EHOSTUNREACH', 'source route failed'),
  meaning('ENETUNREACH', 'network unknown'),
  meaning('EHOSTUNREACH', 'host unknown'),
  meaning('EHOSTUNREACH', 'source host isolated'),
  meaning('EACCES', 'network prohibited', true),
  meaning('EACCES', 'host prohibited', true),
  meaning('ENETUNREACH', 'network unreachable for this type of service'),
  meaning('EHOSTUNREACH', 'host unreachable for this type of service'),
  meaning('EACCES', 'communication prohibited', true),
  meaning('EACCES', 'host precedence violation', true),
  meaning('EACCES', 'precedence cutoff', true),
]
const hopsExceeded = /* @__PURE__ */ meaning('EHOSTUNREACH', 'time to live exceeded on the way')
const reassemblyExceeded = /* @__PURE__ */ meaning('EHOSTUNREACH', 'reassembly took too long')
const problem = /* @__PURE__ */ meaning('EPROTO', 'parameter problem')

/** What an error message means; undefined when it is no error, or one that nobody minds (RFC 6633 §3 on Source Quench). */
export function meaningOf(type: number, code: number): Meaning | undefined {
  switch (type) {
    case icmpTypes.destinationUnreachable: return unreachable[code]
    case icmpTypes.timeExceeded: return code === 0 ? hopsExceeded : reassemblyExceeded
    case icmpTypes.parameterProblem: return problem
    default: return undefined
  }
}

/** Whether a type is a query or its answer. About anything else no error is ever sent (RFC 1122 §3.2.2). */
export function isQuery(type: number): boolean {
  switch (type) {
    case icmpTypes.echoReply: case icmpTypes.echoRequest: case icmpTypes.routerAdvertisement: case icmpTypes.routerSolicitation:
    case icmpTypes.timestamp: case icmpTypes.timestampReply: return true
    default: return false
  }
}

/** MTUs of links that there are (RFC 1191 §7, table 7-1). */
const plateaus = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68]

/** The MTU to try for a packet of `length` bytes that was too long for a router which does not say for what (RFC 1191 §5). */
export function plateauBelow(length: number): number {
  return plateaus.find((plateau) => plateau < length) ?? 68
}

/**
 * The next hop's MTU as Fragmentation Needed at `at` says it, about a packet of `length` bytes: what stands there (RFC 1191 §4), or
 * where an old router left nothing the next lower plateau (§5).
 */
export function nextHopMtu(dv: DataView, at: number, length: number): number {
  return dv.getUint16(at + ICMP.mtu) || plateauBelow(length)
}

/** A message as a record, for tests and people. */
export interface IcmpMessage {
  readonly type: number
  readonly code: number
  /** The 32 bits after the checksum. */
  readonly word: number
  /** Data of an echo, or what an error quotes. */
  readonly body: Uint8Array
}

/** Reads a message; its checksum must be right. */
export function readIcmp(bytes: Uint8Array): IcmpMessage | Malformed {
  if (bytes.length < ICMP.body) return { malformed: 'shorter than 8 bytes' }
  if (sum(bytes, 0, bytes.length) !== 0xffff) return { malformed: 'bad checksum' }
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { type: dv.getUint8(ICMP.type), code: dv.getUint8(ICMP.code), word: dv.getUint32(4), body: bytes.subarray(ICMP.body) }
}

/** One line, as tcpdump has it: `ICMP echo request, id 7, seq 1, length 64`. */
export function showIcmp(bytes: Uint8Array): string {
  const message = readIcmp(bytes)
  if ('malformed' in message) return `ICMP, ${message.malformed}`
  const { type, code, word } = message
  if (type === icmpTypes.echoRequest || type === icmpTypes.echoReply) {
    const which = type === icmpTypes.echoRequest ? 'request' : 'reply'
    return `ICMP echo ${which}, id ${word >>> 16}, seq ${word & 0xffff}, length ${bytes.length}`
  }
  return `ICMP ${meaningOf(type, code)?.message ?? `type ${type} code ${code}`}, length ${bytes.length}`
}
