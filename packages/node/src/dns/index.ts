/**
 * What passes for `node:dns` where names become addresses, over a `NameResolver`; and Node's own as one.
 *
 * @packageDocumentation
 */

export { nodeDns, type FaceDns } from './face.ts'
export { nodeResolver } from './resolver.ts'
