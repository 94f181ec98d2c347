/** Messages in WebSockets: RFC 8323 §4.2. One in each binary message, which says how long it is; so its own length is 0. */

import type { Malformed } from '@favonius/contract'
import type { Framing } from '../tcp/framing.ts'
import { roomFor, Writer, type Draft, type Message } from '../wire.ts'
import * as TYPE from '../types.ts'

/** Bytes before the token: the length of that, and the code. */
const HEADER = 2
const writer = /* @__PURE__ */ new Writer()

/** A message, as a WebSocket carries it, in bytes of its own. */
export function emitMessage(token: Uint8Array, draft: Draft): Uint8Array<ArrayBuffer> {
  const into = new Uint8Array(HEADER + token.length + roomFor(draft))
  const end = writer.beginAt(into, HEADER, token).draft(draft)
  into[0] = token.length
  into[1] = draft.code
  return into.subarray(0, end)
}

/** Reads one message, all of it; says why it is none. */
export function readMessage(data: Uint8Array, message: Message): string | undefined {
  if (data.length < HEADER) return 'a short header'
  if (data[0]! > 15) return 'a length, where the WebSocket says it'
  message.u8 = data
  message.type = TYPE.NONE
  message.id = 0
  message.code = data[1]!
  return message.readFrom(HEADER, data[0]!)
}

export const inMessages: Framing = {
  emit: emitMessage,
  reader: (limit) => ({
    take(data, message, each): Malformed | undefined {
      const malformed = data.length > limit ? `a message of ${data.length} bytes, which is more than ${limit}` : readMessage(data, message)
      if (malformed !== undefined) return { malformed }
      each()
      return undefined
    },
  }),
}
