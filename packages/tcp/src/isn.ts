/** Where a connection's sequence numbers and timestamps begin. Read RFC 6528, RFC 9293 §3.4.1 and RFC 7323 §5.4 before changing this file. */

import type { Address, Instant, Random } from '@favonius/contract'
import { SipHash } from '@favonius/inet'

/** Ticks of 4 µs in a millisecond (RFC 9293 §3.4.1). */
const TICKS = 250
/** Bytes of what is hashed: two ports and two addresses, of which IPv4's are one word each. */
const LENGTH = { 4: 12, 6: 36 } as const

/**
 * Initial sequence numbers by RFC 6528 §3: a clock, so that those of one four-tuple go up, plus a keyed hash of the four-tuple, so that nobody
 * can tell those of another.
 */
export class InitialSequence {
  readonly #hash: SipHash
  readonly #message = new DataView(new ArrayBuffer(LENGTH[6]))
  /**
   * What to add to the clock for the timestamps of the connection that `next` was called for last: signed 32 bits, the other half of the hash. It
   * is always the same for the same four-tuple, so that they go up from one connection to the next as PAWS needs it (RFC 7323 §5.4), and tells
   * nobody else for how long we have been up (§7.1).
   */
  timestampOffset = 0

  constructor(random: Random) {
    const key = new Uint8Array(16)
    random.fill(key)
    this.#hash = new SipHash(new DataView(key.buffer))
  }

  /** ISN of a connection that begins now: signed 32 bits. */
  next(local: Address, localPort: number, remote: Address, remotePort: number, now: Instant): number {
    const message = this.#message
    message.setUint16(0, localPort)
    message.setUint16(2, remotePort)
    message.setInt32(4, local.w3)
    message.setInt32(8, remote.w3)
    if (local.family === 6) {
      message.setInt32(12, local.w0)
      message.setInt32(16, local.w1)
      message.setInt32(20, local.w2)
      message.setInt32(24, remote.w0)
      message.setInt32(28, remote.w1)
      message.setInt32(32, remote.w2)
    }
    this.#hash.hash(message, LENGTH[local.family])
    this.timestampOffset = this.#hash.high
    return (this.#hash.low + Math.floor(now * TICKS)) | 0
  }
}
