/**
 * A stack in a worker, and its sockets on the main thread, or in any other: the separation of application and stack, by messages.
 *
 * @packageDocumentation
 */

export { stackOver, type RemoteStack } from './over.ts'
export { serveStack, type Served } from './serve.ts'
export { sharedMemory, sharedPort } from './shared.ts'
export type { Failure, Port, Reply, Request } from './protocol.ts'
