/**
 * SipHash-2-4, a keyed hash for short inputs: J.-P. Aumasson, D. J. Bernstein, «SipHash: a fast short-input PRF», 2012, §2. Its 64-bit words
 * are pairs of 32-bit ones here.
 *
 * For numbers that nobody else may predict: initial sequence numbers (RFC 6528 §3), interface identifiers (RFC 7217 §5). It stands here because no
 * library that was audited offers it, and a whole SHA-256 would cost more bytes in every bundle, and more time for each connection, than these are
 * worth. Linux computes its initial sequence numbers with it.
 */

/** SipHash-2-4. */
export class SipHash {
  #k0 = 0
  #K0 = 0
  #k1 = 0
  #K1 = 0
  /** The four words of state, v0 to v3: the low half small, the high half large. */
  #a = 0
  #A = 0
  #b = 0
  #B = 0
  #c = 0
  #C = 0
  #d = 0
  #D = 0
  /** The last hash: its low 32 bits, which the paper's vectors show first, and its high ones. */
  low = 0
  high = 0

  /** `key` is 16 bytes. */
  constructor(key: DataView) {
    this.rekey(key)
  }

  /** Takes another key of 16 bytes, from the next hash on. */
  rekey(key: DataView): void {
    this.#k0 = key.getInt32(0, true)
    this.#K0 = key.getInt32(4, true)
    this.#k1 = key.getInt32(8, true)
    this.#K1 = key.getInt32(12, true)
  }

  /** Hashes the first `length` bytes of `message` into `low` and `high`. */
  hash(message: DataView, length: number): void {
    // «somepseudorandomlygeneratedbytes», §2.1.
    this.#a = this.#k0 ^ 0x70736575
    this.#A = this.#K0 ^ 0x736f6d65
    this.#b = this.#k1 ^ 0x6e646f6d
    this.#B = this.#K1 ^ 0x646f7261
    this.#c = this.#k0 ^ 0x6e657261
    this.#C = this.#K0 ^ 0x6c796765
    this.#d = this.#k1 ^ 0x79746573
    this.#D = this.#K1 ^ 0x74656462
    const whole = length & ~7
    for (let at = 0; at < whole; at += 8) this.#compress(message.getInt32(at, true), message.getInt32(at + 4, true))
    // The last word: the bytes that are left, and the length.
    let low = 0
    let high = length << 24
    for (let i = 0; i < (length & 7); i++) {
      const byte = message.getUint8(whole + i) << (8 * (i & 3))
      if (i < 4) low |= byte
      else high |= byte
    }
    this.#compress(low, high)
    this.#c ^= 0xff
    this.#rounds(4)
    this.low = this.#a ^ this.#b ^ this.#c ^ this.#d
    this.high = this.#A ^ this.#B ^ this.#C ^ this.#D
  }

  #compress(low: number, high: number): void {
    this.#d ^= low
    this.#D ^= high
    this.#rounds(2)
    this.#a ^= low
    this.#A ^= high
  }

  /** SipRound, §2.1 figure 2.1, `times` times. */
  #rounds(times: number): void {
    let a = this.#a
    let A = this.#A
    let b = this.#b
    let B = this.#B
    let c = this.#c
    let C = this.#C
    let d = this.#d
    let D = this.#D
    for (let i = 0; i < times; i++) {
      let t = a
      a = (a + b) | 0
      A = (A + B + carry(a, t)) | 0
      t = c
      c = (c + d) | 0
      C = (C + D + carry(c, t)) | 0
      t = b
      b = ((b << 13) | (B >>> 19)) ^ a
      B = ((B << 13) | (t >>> 19)) ^ A
      t = d
      d = ((d << 16) | (D >>> 16)) ^ c
      D = ((D << 16) | (t >>> 16)) ^ C
      t = a
      a = A
      A = t
      t = c
      c = (c + b) | 0
      C = (C + B + carry(c, t)) | 0
      t = a
      a = (a + d) | 0
      A = (A + D + carry(a, t)) | 0
      t = b
      b = ((b << 17) | (B >>> 15)) ^ c
      B = ((B << 17) | (t >>> 15)) ^ C
      t = d
      d = ((d << 21) | (D >>> 11)) ^ a
      D = ((D << 21) | (t >>> 11)) ^ A
      t = c
      c = C
      C = t
    }
    this.#a = a
    this.#A = A
    this.#b = b
    this.#B = B
    this.#c = c
    this.#C = C
    this.#d = d
    this.#D = D
  }
}

/** What is carried out of the low half of a sum of which one summand was `summand`. */
const carry = (sum: number, summand: number): number => (sum >>> 0 < summand >>> 0 ? 1 : 0)
