/** What machines with deadlines ask of time: an instant at random, and the first that is due. */

import type { Instant, Random } from '@favonius/contract'

/** A number at random from `least`, up to `most` but never it, as RFC 4861 §10 and many more spread what hosts would do at once. */
export function between(random: Random, least: number, most: number): number {
  return least + (random.uint32() / 0x1_0000_0000) * (most - least)
}

/** The first instant at which one of `jobs` is due, which a `Machine` has for its deadline; undefined when there is none, or all are due at Infinity. */
export function earliest(jobs: Iterable<{ readonly due: Instant }>): Instant | undefined {
  let first = Infinity
  for (const { due } of jobs) if (due < first) first = due
  return first === Infinity ? undefined : first
}
