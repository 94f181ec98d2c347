import {
  ALL_NODES, formatPrefix, IPV6, ipv6, isUnspecified, NO_LINK_ADDRESS, PROTOCOL_FRAGMENT, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP, readAddress,
} from '@favonius/inet'
import { upperLayer } from './extension.ts'
import { readHeader } from './header.ts'
import { ICMPV6, icmpTypes, isError, meaningOf } from './icmp.ts'
import { MLD_MESSAGE, MLD_QUERY, MLD_RECORD, MLD_REPORT, mldRecordTypes } from './mld.ts'
import { ADVERTISEMENT, FLAG_OVERRIDE, FLAG_ROUTER, FLAG_SOLICITED, REDIRECT, SOLICITATION } from './nd.ts'
import { ND_HOP_LIMIT } from './ndoption.ts'
import { readRouterAdvertisement } from './router.ts'

/** For the options alone: what is shown need not have come from a router. */
const LINK_LOCAL = /* @__PURE__ */ ipv6(0xfe800000, 0, 0, 1)

/** One line about an IPv6 packet, as tcpdump would write it: `2001:db8::1 > 2001:db8::2: ICMPv6, echo request, id 7, seq 1, length 64`. */
export function show(bytes: Uint8Array): string {
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = readHeader(dv)
  if ('malformed' in header) return `IPv6, malformed: ${header.malformed}`
  const way = `${header.source} > ${header.destination}`
  const upper = upperLayer(dv, 0, bytes.length)
  const length = `length ${header.payloadLength}`
  if (upper === undefined) {
    return `${way}: ${header.nextHeader === PROTOCOL_FRAGMENT ? 'fragment' : `next header ${header.nextHeader}, cut short`}, ${length}`
  }
  const { protocol, at } = upper
  const rest = bytes.length - at
  if (protocol === PROTOCOL_ICMPV6 && rest >= ICMPV6.size) {
    return `${way}: ICMPv6, ${showIcmp(dv, at)}, length ${header.payloadLength + IPV6.size - at}`
  }
  if ((protocol === PROTOCOL_UDP || protocol === PROTOCOL_TCP) && rest >= 4) {
    const name = protocol === PROTOCOL_UDP ? 'UDP' : 'TCP'
    return `${header.source}.${dv.getUint16(at)} > ${header.destination}.${dv.getUint16(at + 2)}: ${name}, ${length}`
  }
  return `${way}: next header ${protocol}, ${length}`
}

function showRouter(dv: DataView, at: number): string {
  const message = readRouterAdvertisement(dv, at, dv.byteLength, { hopLimit: ND_HOP_LIMIT, source: LINK_LOCAL, destination: ALL_NODES, multicast: true }, NO_LINK_ADDRESS)
  if ('malformed' in message) return `router advertisement, malformed: ${message.malformed}`
  const { lifetime, preference, prefixes, routes, nameServers, contexts, mtu } = message
  const parts = [`lifetime ${lifetime / 1000} s`, ...(preference === 'medium' ? [] : [`preference ${preference}`]), ...(mtu === undefined ? [] : [`mtu ${mtu}`])]
  for (const { prefix, onLink, autonomous } of prefixes) parts.push(`prefix ${formatPrefix(prefix)} [${onLink ? 'L' : ''}${autonomous ? 'A' : ''}]`)
  for (const { prefix } of routes) parts.push(`route ${formatPrefix(prefix)}`)
  for (const { servers } of nameServers) parts.push(`rdnss ${servers.join(' ')}`)
  for (const { id, prefix, compress } of contexts) parts.push(`context ${id} ${formatPrefix(prefix)}${compress ? ' [C]' : ''}`)
  return `router advertisement, ${parts.join(', ')}`
}

function showReport(dv: DataView, at: number): string {
  const count = dv.getUint16(at + MLD_REPORT.count)
  const records: string[] = []
  for (let i = 0, record = at + MLD_REPORT.records; i < count && dv.byteLength - record >= MLD_RECORD.size; i++) {
    const type = dv.getUint8(record + MLD_RECORD.type)
    const name = Object.entries(mldRecordTypes).find(([, number]) => number === type)?.[0] ?? `type ${type}`
    records.push(`${name} ${readAddress(dv, record + MLD_RECORD.group, 6)}`)
    // Sources and auxiliary data, in words of their own.
    record += MLD_RECORD.size + dv.getUint16(record + 2) * 16 + dv.getUint8(record + 1) * 4
  }
  return `multicast listener report v2, ${records.join(', ') || 'no records'}`
}

function showIcmp(dv: DataView, at: number): string {
  const type = dv.getUint8(at + ICMPV6.type)
  const code = dv.getUint8(at + ICMPV6.code)
  const has = (size: number): boolean => dv.byteLength - at >= size
  const meaning = meaningOf(type, code)
  if (meaning) {
    const word = has(ICMPV6.body) ? dv.getUint32(at + ICMPV6.word) : 0
    return type === icmpTypes.packetTooBig ? `${meaning.message}, mtu ${word}`
      : type === icmpTypes.parameterProblem ? `parameter problem, ${meaning.message}, pointer ${word}` : meaning.message
  }
  if ((type === icmpTypes.echoRequest || type === icmpTypes.echoReply) && has(ICMPV6.body)) {
    const kind = type === icmpTypes.echoRequest ? 'request' : 'reply'
    return `echo ${kind}, id ${dv.getUint16(at + ICMPV6.identifier)}, seq ${dv.getUint16(at + ICMPV6.sequence)}`
  }
  if (type === icmpTypes.neighborSolicitation && has(SOLICITATION.size)) {
    return `neighbor solicitation, who has ${readAddress(dv, at + SOLICITATION.target, 6)}`
  }
  if (type === icmpTypes.neighborAdvertisement && has(ADVERTISEMENT.size)) {
    const flags = dv.getUint8(at + ADVERTISEMENT.flags)
    const named = [[FLAG_ROUTER, 'router'], [FLAG_SOLICITED, 'solicited'], [FLAG_OVERRIDE, 'override']] as const
    const set = named.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name)
    return `neighbor advertisement, tgt is ${readAddress(dv, at + ADVERTISEMENT.target, 6)}, flags [${set.join(', ') || 'none'}]`
  }
  if (type === icmpTypes.redirect && has(REDIRECT.size)) {
    return `redirect, ${readAddress(dv, at + REDIRECT.destination, 6)} to ${readAddress(dv, at + REDIRECT.target, 6)}`
  }
  if (type === icmpTypes.routerSolicitation) return 'router solicitation'
  if (type === icmpTypes.routerAdvertisement) return showRouter(dv, at)
  if (type === icmpTypes.listenerQuery && has(MLD_QUERY.size)) {
    const group = readAddress(dv, at + MLD_QUERY.group, 6)
    return `multicast listener query v${has(MLD_QUERY.size2) ? 2 : 1}, max resp delay ${dv.getUint16(at + MLD_QUERY.delay)}, ${isUnspecified(group) ? 'all groups' : group}`
  }
  if ((type === icmpTypes.listenerReport || type === icmpTypes.listenerDone) && has(MLD_MESSAGE.size)) {
    return `multicast listener ${type === icmpTypes.listenerReport ? 'report' : 'done'}, ${readAddress(dv, at + MLD_MESSAGE.group, 6)}`
  }
  if (type === icmpTypes.listenerReport2 && has(MLD_REPORT.records)) return showReport(dv, at)
  return `${isError(type) ? 'error' : 'message'} of type ${type}, code ${code}`
}
