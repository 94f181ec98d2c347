/** ICMPv6 messages, RFC 4443: layout, numbers, and what errors mean in errno's words. */

import type { IcmpError } from '@favonius/contract'

/** What every ICMPv6 message begins with (RFC 4443 §2.1). */
export const ICMPV6 = {
  type: 0,
  code: 1,
  checksum: 2,
  /** Errors: 32 bits unused, the MTU or the pointer. Echo: identifier and sequence number. */
  word: 4,
  identifier: 4,
  sequence: 6,
  /** The body; in an error, as much of the packet it is about as fits. */
  body: 8,
  /** The least a message is. */
  size: 4,
} as const

/** Message types (IANA: ICMPv6 Parameters). Those below 128 are errors (RFC 4443 §2.1). */
export const icmpTypes = {
  destinationUnreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  listenerQuery: 130,
  listenerReport: 131,
  listenerDone: 132,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighborSolicitation: 135,
  neighborAdvertisement: 136,
  redirect: 137,
  listenerReport2: 143,
} as const

/** Codes of Destination Unreachable (RFC 4443 §3.1). */
export const unreachableCodes = {
  noRoute: 0,
  prohibited: 1,
  beyondScope: 2,
  address: 3,
  port: 4,
  sourcePolicy: 5,
  rejectRoute: 6,
} as const

/** Codes of Parameter Problem (RFC 4443 §3.4; RFC 7112 §5: a first fragment without all headers). */
export const problemCodes = { header: 0, nextHeader: 1, option: 2, incomplete: 3 } as const

/** Whether a type is that of an error message (RFC 4443 §2.1). */
export function isError(type: number): boolean {
  return type < 128
}

/** What an error message means to the transport that it is about. */
export interface Meaning {
  readonly code: IcmpError['code']
  readonly message: string
  readonly hard: boolean
}

const unreachable: readonly Meaning[] = [
  { code: 'ENETUNREACH', message: 'no route to destination', hard: false },
  { code: 'EACCES', message: 'communication administratively prohibited', hard: true },
  { code: 'EHOSTUNREACH', message: 'beyond scope of source address', hard: false },
  { code: 'EHOSTUNREACH', message: 'address unreachable', hard: false },
  { code: 'ECONNREFUSED', message: 'port unreachable', hard: true },
  { code: 'EACCES', message: 'source address failed ingress/egress policy', hard: true },
  { code: 'EACCES', message: 'reject route to destination', hard: true },
]
const tooBig: Meaning = { code: 'EMSGSIZE', message: 'packet too big', hard: false }
const exceeded: readonly Meaning[] = [
  { code: 'EHOSTUNREACH', message: 'hop limit exceeded in transit', hard: false },
  { code: 'EHOSTUNREACH', message: 'fragment reassembly time exceeded', hard: false },
]
const problems: readonly Meaning[] = [
  { code: 'EPROTO', message: 'erroneous header field', hard: false },
  { code: 'EPROTO', message: 'unrecognized next header type', hard: true },
  { code: 'EPROTO', message: 'unrecognized IPv6 option', hard: false },
  { code: 'EPROTO', message: 'first fragment has incomplete IPv6 header chain', hard: false },
]

/**
 * What an error message means to whoever sent the packet it quotes; `hard` by RFC 1122 §4.2.3.9 and RFC 5461 §2.
 * A code that is not known means what code 0 of its type does, as a hint. Undefined for a type that is not known.
 */
export function meaningOf(type: number, code: number): Meaning | undefined {
  const hint = (list: readonly Meaning[]): Meaning => list[code] ?? { ...list[0]!, hard: false }
  switch (type) {
    case icmpTypes.destinationUnreachable: return hint(unreachable)
    case icmpTypes.packetTooBig: return tooBig
    case icmpTypes.timeExceeded: return hint(exceeded)
    case icmpTypes.parameterProblem: return hint(problems)
    default: return undefined
  }
}
