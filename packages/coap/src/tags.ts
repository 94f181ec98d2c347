/** Entity tags: RFC 7252 §5.10.6 and §5.10.8. */

import * as OPTION from './numbers.ts'
import { toBytes } from './text.ts'
import { fourBytes, type Message } from './wire.ts'

/** Whether one of the options of this number says `tag`; one that is empty says any where `empty`. */
function says(message: Message, number: number, tag: Uint8Array, empty: boolean): boolean {
  const text = tag.join()
  for (let more = message.find(number); more && message.number === number; more = message.next()) {
    if ((empty && message.length === 0) || message.value().join() === text) return true
  }
  return false
}

/** Whoever asks has what is tagged so (§5.10.6.2). */
export const isKnown = (message: Message, tag: Uint8Array): boolean => says(message, OPTION.ETAG, tag, false)

/** Whether what is asked under a condition may be done to what has this tag, or is not there (§5.10.8). */
export function holds(message: Message, now: Uint8Array | string | undefined): boolean {
  if (message.find(OPTION.IF_NONE_MATCH) && now !== undefined) return false
  return !message.find(OPTION.IF_MATCH) || (now !== undefined && says(message, OPTION.IF_MATCH, toBytes(now), true))
}

/** A tag for a body that has none. FNV-1a, of 32 bits: two bodies of one resource have the same by chance alone. */
export function tagOf(bytes: Uint8Array): Uint8Array {
  let hash = 0x811c9dc5
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return fourBytes(hash)
}
