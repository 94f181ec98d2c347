import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { pace, sleep, system, virtual } from '../src/index.ts'

const test = suite('pace')

test('virtual time runs as the real one does, as fast as it is told, and what is microseconds apart keeps its distance', async () => {
  const env = virtual()
  const fired: number[] = []
  const timer = env.clock.timer((now) => {
    fired.push(now)
    if (fired.length < 5) timer.schedule(now + 0.192)
  })
  timer.schedule(1000)
  const began = performance.now()
  const stop = pace(env, { speed: 200 })
  try {
    while (fired.length < 5) await sleep(system, 1)
  } finally {
    stop()
  }
  assert.ok(performance.now() - began >= 1000 / 200 - 1, 'not earlier')
  for (const [i, at] of fired.entries()) assert.ok(Math.abs(at - (1000 + i * 0.192)) < 1e-9, `${at}`)
  const stopped = env.clock.now()
  await sleep(system, 5)
  assert.is(env.clock.now(), stopped, 'it stands still again')
})

test('work that takes longer than its time makes it late, and others get their turns', async () => {
  const env = virtual()
  // Each virtual millisecond takes a real one of work, and a hundred are to pass in it.
  const timer = env.clock.timer((now) => {
    for (const until = performance.now() + 1; performance.now() < until;);
    timer.schedule(now + 1)
  })
  timer.schedule(1)
  const stop = pace(env, { speed: 100 })
  const began = performance.now()
  let turns = 0
  while (performance.now() - began < 100) {
    await sleep(system, 1)
    turns++
  }
  stop()
  assert.ok(turns >= 2, `${turns} turns`)
  assert.ok(env.clock.now() < 200, `it is ${env.clock.now()} ms there`)
})

test('a speed that is none is refused', () => {
  assert.throws(() => pace(virtual(), { speed: 0 }), /speed is 0; it must be more than 0/)
})

test.run()
