/**
 * What IPv6, ICMPv6 and neighbour discovery look like on the wire: layouts, readers, writers, and `show`.
 *
 * @packageDocumentation
 */

export * from './header.ts'
export * from './extension.ts'
export * from './icmp.ts'
export * from './nd.ts'
export { linkOptionSize, ND_HOP_LIMIT, ndOptionTypes, writeLinkOption, type NdIp } from './ndoption.ts'
export * from './router.ts'
export * from './mld.ts'
export { show } from './show.ts'
