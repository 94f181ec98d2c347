/** The dynamic ports of RFC 6335 §6, and which of them to take. */

import type { Random } from '@favonius/contract'

const FIRST_DYNAMIC = 49_152
const DYNAMIC = 65_536 - FIRST_DYNAMIC

/** A random port from 49152 to 65535 that `isFree`, or else the next one from there that is (RFC 6056 §3.3.1); undefined when none is. */
export function dynamicPort(random: Random, isFree: (port: number) => boolean): number | undefined {
  const from = random.uint32() % DYNAMIC
  for (let n = 0; n < DYNAMIC; n++) {
    const port = FIRST_DYNAMIC + (from + n) % DYNAMIC
    if (isFree(port)) return port
  }
  return undefined
}
