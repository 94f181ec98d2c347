/** Where a connection's sequence numbers and timestamps begin. Read RFC 6528, RFC 9293 §3.4.1 and RFC 7323 §5.4 before changing this file. */

import type { Address, Instant, Random } from '@favonius/contract'
import { sameAddress, SipHash } from '@favonius/inet'

/** Ticks of 4 µs in a millisecond (RFC 9293 §3.4.1). */
const TICKS = 250
/** Bytes of two addresses, of which IPv4's are one word each; and of two ports. */
const ADDRESSES = { 4: 8, 6: 32 } as const
const PORTS = 4

/**
 * Initial sequence numbers by RFC 6528 §3: a clock, so that those of one four-tuple go up, plus a keyed hash of the four-tuple, so that nobody
 * can tell those of another.
 */
export class InitialSequence {
  readonly #addresses: SipHash
  /** Keyed by what `addresses` made of the hosts that were asked for last: connections between two come in runs, and share the longer part. */
  readonly #ports: SipHash
  /** That key: 64 bits of these two hosts' own, and as many that all share. */
  readonly #key = new DataView(new ArrayBuffer(16))
  #local: Address | undefined
  #remote: Address | undefined
  readonly #message = new DataView(new ArrayBuffer(ADDRESSES[6]))
  /**
   * What to add to the clock for the timestamps of the connection that `next` was called for last: signed 32 bits, the other half of the hash. It
   * is always the same for the same four-tuple, so that they go up from one connection to the next as PAWS needs it (RFC 7323 §5.4), and tells
   * nobody else for how long we have been up (§7.1).
   */
  timestampOffset = 0

  constructor(random: Random) {
    const secret = new DataView(new ArrayBuffer(16))
    random.fill(new Uint8Array(secret.buffer))
    this.#addresses = new SipHash(secret)
    // The hash of nothing, which is asked for no other end.
    this.#addresses.hash(this.#message, 0)
    this.#key.setInt32(8, this.#addresses.low)
    this.#key.setInt32(12, this.#addresses.high)
    this.#ports = new SipHash(this.#key)
  }

  /** ISN of a connection that begins now: signed 32 bits. */
  next(local: Address, localPort: number, remote: Address, remotePort: number, now: Instant): number {
    if (this.#local === undefined || !sameAddress(local, this.#local) || !sameAddress(remote, this.#remote!)) this.#begin(local, remote)
    const message = this.#message
    const ports = this.#ports
    message.setUint16(0, localPort)
    message.setUint16(2, remotePort)
    ports.hash(message, PORTS)
    this.timestampOffset = ports.high
    return (ports.low + Math.floor(now * TICKS)) | 0
  }

  #begin(local: Address, remote: Address): void {
    const message = this.#message
    message.setInt32(0, local.w3)
    message.setInt32(4, remote.w3)
    if (local.family === 6) {
      message.setInt32(8, local.w0)
      message.setInt32(12, local.w1)
      message.setInt32(16, local.w2)
      message.setInt32(20, remote.w0)
      message.setInt32(24, remote.w1)
      message.setInt32(28, remote.w2)
    }
    this.#addresses.hash(message, ADDRESSES[local.family])
    this.#key.setInt32(0, this.#addresses.low)
    this.#key.setInt32(4, this.#addresses.high)
    this.#ports.rekey(this.#key)
    this.#local = local
    this.#remote = remote
  }
}
