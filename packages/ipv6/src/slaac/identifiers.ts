/** Interface identifiers that tell nothing of the interface. Read RFC 7217 §5, RFC 8981 §3.3 and RFC 5453 before changing this file. */

import type { Address, Random } from '@favonius/contract'
import { SipHash } from '@favonius/inet'

/** Two words of an address. */
export type Identifier = readonly [hi: number, lo: number]

/** Bytes of an interface's name that count. */
const NAME = 32
/** The prefix, the name, and how many were duplicates before. */
const LENGTH = 8 + NAME + 4

/** Those that mean something else already (RFC 5453 §3): Subnet-Router anycast, Proxy Mobile IPv6, reserved subnet anycast. */
export function isReserved([hi, lo]: Identifier): boolean {
  if (hi === 0 && lo === 0) return true
  if (hi === (0x02005eff | 0)) return lo >>> 0 >= 0xfe000000 && lo >>> 0 <= 0xfe005213
  return hi === (0xfdffffff | 0) && lo >>> 0 >= 0xffffff80
}

/** Random ones, for temporary addresses (RFC 8981 §3.3.1). */
export function randomIdentifier(random: Random): Identifier {
  for (;;) {
    const identifier = [random.uint32() | 0, random.uint32() | 0] as const
    if (!isReserved(identifier)) return identifier
  }
}

/** Those of RFC 7217: always the same for a prefix on an interface, and of nothing else. */
export class StableIdentifiers {
  readonly #hash: SipHash
  readonly #message = new DataView(new ArrayBuffer(LENGTH))

  /** A secret of any length; a random one when it is empty. */
  constructor(secret: string, random: Random) {
    const key = new DataView(new ArrayBuffer(16))
    if (secret === '') random.fill(new Uint8Array(key.buffer))
    else {
      const text = new DataView(new ArrayBuffer(secret.length * 2))
      for (let i = 0; i < secret.length; i++) text.setUint16(i * 2, secret.charCodeAt(i))
      for (const half of [0, 8]) {
        const hash = new SipHash(new DataView(Uint8Array.of(half, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0).buffer))
        hash.hash(text, text.byteLength)
        key.setInt32(half, hash.low)
        key.setInt32(half + 4, hash.high)
      }
    }
    this.#hash = new SipHash(key)
  }

  /** `name` is the interface's (Net_Iface), `duplicates` how many were in use already (DAD_Counter). */
  make(prefix: Address, name: string, duplicates: number): Identifier {
    const message = this.#message
    for (let i = 0; ; i++) {
      for (let at = 0; at < LENGTH; at += 4) message.setInt32(at, 0)
      message.setInt32(0, prefix.w0)
      message.setInt32(4, prefix.w1)
      for (let n = 0; n < name.length && n < NAME / 2; n++) message.setUint16(8 + n * 2, name.charCodeAt(n))
      message.setInt32(8 + NAME, duplicates + (i << 8))
      this.#hash.hash(message, LENGTH)
      const identifier = [this.#hash.high, this.#hash.low] as const
      if (!isReserved(identifier)) return identifier
    }
  }
}
