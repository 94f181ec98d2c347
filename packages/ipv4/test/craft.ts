/** ICMP messages by hand. */

import { finish, sum } from '@favonius/inet'

/** A message with its checksum; `word` is what stands after it. */
export function icmp(type: number, code: number, word: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(8 + body.length)
  const dv = new DataView(made.buffer)
  made[0] = type
  made[1] = code
  dv.setInt32(4, word)
  made.set(body, 8)
  dv.setUint16(2, finish(sum(made, 0, made.length)))
  return made
}
