/** Virtual time that keeps pace with the real one: what a radio does within thousandths of a second happens in its order, whenever a timer of Node's comes. */

import { virtual } from '@favonius/clock'
import type { Env } from '@favonius/contract'

/** Milliseconds between two looks at the real clock. */
const STEP = 1

/** Time passes until `stop`. */
export function paced(): { readonly env: Env; stop(): void } {
  const env = virtual({ seed: Date.now(), epoch: Date.now() })
  const began = performance.now()
  const interval = setInterval(() => env.runUntil(performance.now() - began), STEP)
  return { env, stop: () => clearInterval(interval) }
}
