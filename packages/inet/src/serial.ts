/** Serial number arithmetic (RFC 1982): numbers that come round to 0, of which each is before half of the others. */

/** Arithmetic on serial numbers of 8, 16 or 32 bits. */
export interface Serial {
  /** `s` moved on by `n`, which may be negative, as an unsigned number (RFC 1982 §3.1). */
  add(s: number, n: number): number
  /** How far `a` is ahead of `b`: from −2ⁿ⁻¹ to 2ⁿ⁻¹−1. */
  difference(a: number, b: number): number
  /** Whether `a` comes before `b`. Neither of two numbers exactly half the circle apart does (RFC 1982 §3.2). */
  before(a: number, b: number): boolean
}

function serial(bits: 8 | 16 | 32): Serial {
  const unused = 32 - bits
  const opposite = -(2 ** (bits - 1))
  const difference = (a: number, b: number): number => ((a - b) << unused) >> unused
  return {
    add: (s, n) => ((s + n) << unused) >>> unused,
    difference,
    before: (a, b) => {
      const d = difference(a, b)
      return d < 0 && d !== opposite
    },
  }
}

/** Serial numbers of 8 bits: RPL's and 6LoWPAN's sequence counters. */
export const serial8: Serial = /* @__PURE__ */ serial(8)
/** Serial numbers of 16 bits: RTP's. */
export const serial16: Serial = /* @__PURE__ */ serial(16)
/** Serial numbers of 32 bits: TCP's and DNS zones'. */
export const serial32: Serial = /* @__PURE__ */ serial(32)
