/** A generator whose whole future follows from one number, so that a test or a simulation can be played again. */

import type { Random } from '@favonius/contract'

/** Fills bytes from 32-bit numbers, low byte first. What is left of the last number is not used. */
export function fillWords(random: Pick<Random, 'uint32'>, into: Uint8Array): Uint8Array {
  let word = 0
  for (let i = 0; i < into.length; i++) {
    word = i & 3 ? word >>> 8 : random.uint32()
    into[i] = word & 255
  }
  return into
}

/**
 * Randomness from a seed, modulo 2³²: the state of `xoshiro` is the first four numbers of splitmix32.
 *
 * The same seed gives the same numbers in every release: changing that is a breaking change. It is no secret to anyone:
 * never use it for keys.
 */
export function seeded(seed: number): Random {
  let state = seed | 0
  const splitmix = (): number => {
    state = (state + 0x9e3779b9) | 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return z ^ (z >>> 15)
  }
  return xoshiro(splitmix(), splitmix(), splitmix(), splitmix())
}

/** xoshiro128** 1.1 by Blackman and Vigna: 128 bits of state, not all zero, and a period of 2¹²⁸−1. */
export function xoshiro(a: number, b: number, c: number, d: number): Random {
  const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k))
  const random: Random = {
    uint32() {
      const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
      const t = b << 9
      c ^= a
      d ^= b
      b ^= c
      a ^= d
      c ^= t
      d = rotate(d, 11)
      return result
    },
    fill: (into) => fillWords(random, into),
  }
  return random
}
