/**
 * 6LoWPAN as it stands in frames: its layout as data, and readers for tests and tools.
 *
 * @packageDocumentation
 */

export { BROADCAST, dispatches, EID_IPV6, extensionIds, FRAGMENT, hopLimits, IPHC, kinds, MESH, NHC, PORTS } from './dispatch.ts'
export { readHeaders, type FragmentHeader, type Headers, type IphcHeader, type MeshHeader, type NhcHeader } from './headers.ts'
export { show } from './show.ts'
