/**
 * TCP, RFC 9293, with its stream sockets.
 *
 * @packageDocumentation
 */

import { feature } from '@favonius/kconfig'
import { streamSockets } from '@favonius/sockets/stream'
import { definition } from './definition.ts'

export * from './face.ts'

/** TCP over the network layers that are composed. It brings the stream sockets of `sockets()` along. */
export const tcp = /* @__PURE__ */ feature({ ...definition, selects: [streamSockets()] })
