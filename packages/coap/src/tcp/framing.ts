/** How messages stand in what carries them: RFC 8323 §3.2 in a stream, §4.2 in a WebSocket. */

import type { Malformed } from '@favonius/contract'
import type { Draft, Message } from '../wire.ts'

export interface Framing {
  /** A message, in bytes of its own. */
  emit(token: Uint8Array, draft: Draft): Uint8Array<ArrayBuffer>
  /** What reads those of one connection; a message of more than `limit` bytes is malformed. */
  reader(limit: number): FrameReader
}

export interface FrameReader {
  /** Reads each message that `chunk` ends into `message`, and calls `each`; which says false when it wants no more. Returns why it is none. */
  take(chunk: Uint8Array, message: Message, each: () => boolean): Malformed | undefined
}
