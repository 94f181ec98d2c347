/**
 * The seams over Node's own sockets, so that protocols run with no stack of ours.
 *
 * @packageDocumentation
 */

export { nodeDatagrams } from './datagrams.ts'
export { nodeStreams, type NodeStreamOptions } from './streams.ts'
export type { NodeTls, Pem } from './identity.ts'
