/**
 * What the whole stack knows of the Internet's numbers: addresses, prefixes, link addresses, header layouts, checksums,
 * serial numbers and error codes. Pure functions on plain numbers.
 *
 * @packageDocumentation
 */

export {
  address, ALL_NODES, ALL_ROUTERS, ALL_SYSTEMS4, ANY4, ANY6, BROADCAST4, copyAddress, hashAddress, ipv4, ipv6, isBroadcast4, isLinkLocal,
  isLoopback, isMapped, isMulticast, isUnspecified, LOOPBACK4, LOOPBACK6, mapped, MutableAddress, parseAddress, readAddress, sameAddress,
  scopeOf, solicitedNode, unmapped, withZone, writeAddress, type ZoneOf,
} from './address.ts'
export { broadcastOf, commonPrefixLength, formatPrefix, inPrefix, maskLength, netmask, networkOf, parsePrefix, prefix } from './prefix.ts'
export {
  ETHERNET_BROADCAST, eui48, eui64, interfaceId, linkAddress, NO_LINK_ADDRESS, parseLinkAddress, readLink, sameLink, writeLink,
} from './link.ts'
export { addressSum, finish, fold, pseudoSum, sum } from './checksum.ts'
export { serial16, serial32, serial8, type Serial } from './serial.ts'
export * from './numbers.ts'
export { dynamicPort } from './ports.ts'
export { checkPort, familyOf } from './endpoint.ts'
export { between, earliest } from './times.ts'
export { SipHash } from './siphash.ts'
export { IPV4, IPV6 } from './headers.ts'
export { errors, failure, type ErrorCode } from './errno.ts'
