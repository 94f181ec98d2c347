/** Frames with an instant: the port holds them, and what else it has goes meanwhile. */

import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { MINIMUM, OVERHEAD } from '../src/line.ts'
import { settle, wired } from './wired.ts'

const test = suite('launch times of a segment')

test('a frame leaves at its instant, others go before it, and one whose instant has passed goes at once', () => {
  const { env, ports, frame } = wired(2, { latency: 1 })
  const [a, b] = ports
  env.advance(10)
  for (const [text, launch] of [['late', 50], ['soon', 20.5], ['past', 3], ['now', 0], ['soon too', 20.5]] as const) {
    const one = frame(a!, 2, text)
    one.launch = launch
    assert.ok(a!.device.transmit(one))
  }
  settle(env)
  assert.equal(b!.times, ['11 past', '11 now', '21.5 soon', '21.5 soon too', '51 late'])
  assert.is(a!.buffers.live, 0)
  assert.is(env.armed, 0)
})

test('it does not wait behind what the line has refused, nor is the line held for it', () => {
  const rate = 1_000_000
  const { env, ports, frame } = wired(2, { rate })
  const [a, b] = ports
  const each = (MINIMUM + OVERHEAD) * 8000 / rate
  const timed = frame(a!, 2, 'timed')
  timed.launch = 10 * each + 0.01
  assert.ok(a!.device.transmit(timed))
  let n = 0
  const flood = (): void => {
    for (; n < 40; n++) {
      const one = frame(a!, 2, `${n}`)
      if (a!.device.transmit(one)) continue
      one.unref()
      return
    }
  }
  a!.onReady = flood
  flood()
  settle(env)
  assert.is(b!.heard.length, 41)
  const place = b!.heard.indexOf('timed')
  // What the line took ahead, a millisecond's and the one on it, goes before it.
  assert.ok(place >= 10 && place <= 10 + Math.ceil(1 / each) + 1, `it came as number ${place}`)
  assert.is(a!.buffers.live, 0)
})

test('what a port holds is bounded: it refuses, and says when there is room again', () => {
  const { env, ports, frame } = wired(2)
  const [a, b] = ports
  let taken = 0
  for (;;) {
    const one = frame(a!, 2, 'x')
    one.launch = 5 + taken % 3
    if (a!.device.transmit(one)) {
      taken++
      continue
    }
    one.unref()
    break
  }
  assert.equal([taken, a!.readies], [1024, 0])
  settle(env)
  assert.equal([b!.heard.length, a!.readies, a!.buffers.live], [1024, 1, 0])
})

test('a cable that is pulled meanwhile, or the end, loses what waits, and nothing leaks', () => {
  const { env, wire, ports, frame } = wired(2)
  const [a, b] = ports
  const later = (launch: number): void => {
    const one = frame(a!, 2, 'x')
    one.launch = launch
    a!.device.transmit(one)
  }
  later(5)
  wire.plug(a!.device, false)
  settle(env)
  wire.plug(a!.device, true)
  later(50)
  wire.stop()
  assert.equal([b!.heard, a!.buffers.live, env.armed], [[], 0, 0])
})

test.run()
