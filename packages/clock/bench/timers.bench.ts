/** What a timer costs: 10 000 armed ones, of which one is moved, cancelled or fired. */

import { virtual } from '@favonius/clock'
import { nanoseconds } from '../../../bench/measure.ts'

const LIVE = 10_000
const prepared = () => {
  const env = virtual({ seed: 3 })
  const timers = Array.from({ length: LIVE }, () => {
    const timer = env.clock.timer((now) => timer.schedule(now + 1 + (env.random.uint32() & 1023)))
    timer.schedule(env.random.uint32() & 1023)
    return timer
  })
  return { env, timers }
}

const { env, timers } = prepared()
let i = 0
let at = 2000
await nanoseconds('move later', () => timers[(i = (i + 7919) % LIVE)]!.schedule(at += 0.001))
await nanoseconds('move later and earlier', () => {
  const timer = timers[(i = (i + 7919) % LIVE)]!
  timer.schedule(1e9)
  timer.schedule(env.clock.now())
})
await nanoseconds('cancel and arm', () => {
  const timer = timers[(i = (i + 7919) % LIVE)]!
  timer.cancel()
  timer.schedule(at += 0.001)
})

const { env: running } = prepared()
await nanoseconds('an instant of virtual time', () => running.step(), 'about 10 timers fire')
