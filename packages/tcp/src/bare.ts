/**
 * TCP alone, without stream sockets: for who stands on `stack.tcp` itself.
 *
 * @packageDocumentation
 */

import { feature } from '@favonius/kconfig'
import { definition } from './definition.ts'

export * from './face.ts'

/** TCP (RFC 9293) over the network layers that are composed, and nothing else. */
export const tcp = /* @__PURE__ */ feature(definition)
