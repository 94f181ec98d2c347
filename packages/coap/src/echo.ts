/** Proofs that a client hears us, and of when: RFC 9175 §2. Nothing is kept for them: each holds its time, and a hash that only we can make. */

import type { Endpoint, Env } from '@favonius/contract'
import { SipHash } from '@favonius/inet'

const encoder = /* @__PURE__ */ new TextEncoder()
/** Four bytes of seconds, eight of hash. */
const LENGTH = 12

export class Echoes {
  readonly #env: Env
  readonly #hash: SipHash

  constructor(env: Env) {
    this.#env = env
    this.#hash = new SipHash(new DataView(env.random.fill(new Uint8Array(16)).buffer as ArrayBuffer))
  }

  /** The value to be sent to a client (RFC 9175 §2.3, Appendix A.2). */
  make(to: Endpoint): Uint8Array {
    return this.#at(Math.floor(this.#env.clock.now() / 1000), to)
  }

  /** Whether it is one that we have sent to that client, no more than `seconds` ago. */
  isFresh(value: Uint8Array, from: Endpoint, seconds: number): boolean {
    if (value.length !== LENGTH) return false
    const at = new DataView(value.buffer, value.byteOffset, LENGTH).getUint32(0)
    const age = Math.floor(this.#env.clock.now() / 1000) - at
    const ours = this.#at(at, from)
    // All bytes, so that how long it takes tells nothing.
    let differ = 0
    for (let i = 0; i < LENGTH; i++) differ |= value[i]! ^ ours[i]!
    return differ === 0 && age >= 0 && age <= seconds
  }

  #at(seconds: number, { address, port }: Endpoint): Uint8Array {
    const text = encoder.encode(`${seconds} ${address} ${port}`)
    this.#hash.hash(new DataView(text.buffer), text.length)
    const value = new Uint8Array(LENGTH)
    const dv = new DataView(value.buffer)
    dv.setUint32(0, seconds)
    dv.setInt32(4, this.#hash.low)
    dv.setInt32(8, this.#hash.high)
    return value
  }
}
