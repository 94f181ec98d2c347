/** Virtual time that keeps pace with the real one: simulated networks beside real sockets. */

import type { VirtualEnv } from './virtual.ts'

/** How virtual time runs. */
export interface PaceOptions {
  /** Virtual milliseconds in a real one; 1 unless given. */
  readonly speed?: number
}

/** Milliseconds between two looks at the real clock. */
const TICK = 1
/** Milliseconds of work after which others get a turn. What is not done by then makes virtual time late. */
const WORK = 20

/**
 * Lets virtual time run as real time does, from now on, until the function that it returns is called; it keeps a process alive till then. What
 * happens within a fraction of a millisecond happens in its order all the same, which no timer of the platform could give: a radio acknowledges
 * after 192 µs. Whoever calls in from outside finds a present that is a millisecond or two old. `run` is for the other way, and not for now.
 *
 * @throws RangeError for a speed that is not above 0.
 */
export function pace(env: VirtualEnv, { speed = 1 }: PaceOptions = {}): () => void {
  if (!(speed > 0)) throw new RangeError(`speed is ${speed}; it must be more than 0`)
  let real = performance.now()
  const interval = setInterval(() => {
    const now = performance.now()
    const until = env.clock.now() + (now - real) * speed
    real = now
    for (let next = env.next(); next !== undefined && next <= until; next = env.next()) {
      if (performance.now() - now > WORK) return
      env.step()
    }
    env.runUntil(until)
  }, TICK)
  return () => clearInterval(interval)
}
