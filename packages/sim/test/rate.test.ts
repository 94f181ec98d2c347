import * as assert from 'uvu/assert'
import type { NetBuf } from '@favonius/contract'
import { suite } from '@favonius/testing'
import { ear, frameTo, settle, wired, type Ear } from './wired.ts'

const test = suite('the rate of a segment')

/** With this rate a frame of 1,226 bytes, with the 24 that are on the line beside it, takes a millisecond. */
const rate = 10_000_000
const MILLISECOND = 1226

const zero = (ears: readonly Ear[]): void => assert.equal(ears.map(({ buffers }) => buffers.live), ears.map(() => 0))

test('a frame arrives when its last byte, and the gap behind it, is on the line, and its way is behind it', () => {
  const { env, ports, frame } = wired(2, { rate, latency: 5, queue: 1e6 })
  const [a, b] = ports as [Ear, Ear]
  a.device.transmit(frame(a, 2, 'one', MILLISECOND))
  a.device.transmit(frame(a, 2, 'two', 2 * MILLISECOND + 24))
  a.device.transmit(frame(a, 2, 'as long as the MTU', 1514))
  settle(env)
  a.device.transmit(frame(a, 2, 'to an idle line', 1250))
  settle(env)
  // (1514 + 24) · 8 bits at 10 Mbit/s are 1.2304 ms; (1250 + 24) · 8 are 1.0192 ms.
  assert.equal(b.times, ['6 one', '8 two', '9.2304 as long as the MTU', `${9.2304 + 1.0192 + 5} to an idle line`])
  zero(ports)
})

test('a short frame is filled up to 60 bytes: 84 on the line, 67.2 µs at 10 Mbit/s', () => {
  const { env, ports, frame } = wired(2, { rate: 8_000, queue: 1e6 })
  const [a, b] = ports as [Ear, Ear]
  for (const size of [15, 60, 61]) a.device.transmit(frame(a, 2, 'x', size))
  settle(env)
  assert.equal(b.times, ['84 x', '168 x', '253 x'], 'a byte takes a millisecond at 8 kbit/s')
})

test('each device has a line of its own: two send at once, and a hearer hears both', () => {
  const { env, ports, frame } = wired(3, { rate, queue: 1e6 })
  const [a, b, c] = ports as [Ear, Ear, Ear]
  for (const n of [1, 2]) {
    a.device.transmit(frame(a, 3, `a${n}`, MILLISECOND))
    b.device.transmit(frame(b, 3, `b${n}`, MILLISECOND))
  }
  c.device.transmit(frame(c, 1, 'back', MILLISECOND))
  settle(env)
  assert.equal(c.times, ['1 a1', '1 b1', '2 a2', '2 b2'])
  assert.equal(a.times, ['1 back'])
})

test('a queue holds its bytes beside the frame that is being sent; what finds more is lost, told, and noted', () => {
  const { env, wire, ports, frame } = wired(2, { rate, queue: 2500 })
  const [a, b] = ports as [Ear, Ear]
  const notes: string[] = []
  wire.tap((_, now, faults) => void notes.push(`${now} ${faults.join('; ')}`))
  for (const text of ['sent', 'waits', 'waits too', 'lost', 'lost']) assert.ok(a.device.transmit(frame(a, 2, text, MILLISECOND)))
  assert.equal(a.lost, ['queue is full', 'queue is full'])
  env.advance(1)
  a.device.transmit(frame(a, 2, 'room again', MILLISECOND))
  settle(env)
  assert.equal(b.times, ['1 sent', '2 waits', '3 waits too', '4 room again'])
  assert.equal(notes, ['0 ', '0 ', '0 ', '0 lost: queue is full', '0 lost: queue is full', '1 '])
  zero(ports)
})

test('a queue of no bytes keeps nothing waiting', () => {
  const { env, ports, frame } = wired(2, { rate, queue: 0 })
  const [a, b] = ports as [Ear, Ear]
  for (let n = 0; n < 30; n++) {
    a.device.transmit(frame(a, 2, `${n}`, MILLISECOND))
    env.advance(0.5)
  }
  settle(env)
  assert.equal(b.heard, Array.from({ length: 15 }, (_, n) => `${2 * n}`))
})

test('the bound of a queue is exact to the byte, whatever a millisecond\'s fractions add up to', () => {
  for (const rate of [3_000, 56_000, 1_544_000, 10_000_001, 1e9]) {
    for (let frames = 1; frames < 40; frames++) {
      const { env, ports, frame } = wired(2, { rate, queue: frames * 1024 })
      const [a, b] = ports as [Ear, Ear]
      for (let n = 0; n < frames + 3; n++) a.device.transmit(frame(a, 2, '', 1000))
      settle(env)
      assert.is(b.heard.length, frames + 1, `${frames} frames at ${rate}`)
    }
  }
})

test('without a queue nothing is lost: the device refuses, says when it is ready, and the line never rests', () => {
  const { env, ports, frame } = wired(2, { rate })
  const [a, b] = ports as [Ear, Ear]
  let made = 0
  let kept: NetBuf | undefined
  a.onReady = () => {
    while (made < 50 || kept !== undefined) {
      kept ??= frame(a, 2, `${++made}`, MILLISECOND)
      if (!a.device.transmit(kept)) return
      kept = undefined
    }
  }
  a.onReady()
  // What it takes ahead is a millisecond: one frame that is being sent, and one more.
  assert.equal([made, kept === undefined], [3, false])
  settle(env)
  assert.equal(b.times, Array.from({ length: 50 }, (_, n) => `${n + 1} ${n + 1}`))
  assert.equal(a.lost, [])
  zero(ports)
})

test('a long fat pipe holds what is on it, and more than a wire without a rate would', () => {
  const { env, ports, frame } = wired(2, { rate: 1e9, latency: 100, queue: 1e7 })
  const [a, b] = ports as [Ear, Ear]
  for (let n = 0; n < 5000; n++) assert.ok(a.device.transmit(frame(a, 2, `${n}`, 100)))
  settle(env)
  assert.equal(b.heard, Array.from({ length: 5000 }, (_, n) => `${n}`))
  assert.equal(b.times.at(-1), `${env.clock.now()} 4999`)
  assert.ok(Math.abs(env.clock.now() - 100 - 5000 * 124 * 8 / 1e6) < 1e-6, `${env.clock.now()}`)
  zero(ports)
})

test('a device without a rate is held up by nobody else\'s frames', () => {
  const { env, wire, ports, frame } = wired(2)
  const [a, b] = ports as [Ear, Ear]
  let taken = 0
  for (let kept: NetBuf | undefined = frame(a, 2, ''); ; taken++, kept = frame(a, 2, '')) {
    if (a.device.transmit(kept)) continue
    kept.unref()
    break
  }
  assert.is(taken, 1024)
  assert.ok(b.device.transmit(frame(b, 1, 'the other way')))
  const c = ear(env, wire.device())
  assert.ok(c.device.transmit(frameTo(c, 1, 'from another')))
  settle(env)
  assert.equal([a.heard, a.readies, b.readies], [['the other way', 'from another'], 1, 0])
  zero([...ports, c])
})

test('a cable that is pulled while the line is busy loses what is on it; stop() forgets who waits', () => {
  const { env, wire, ports, frame } = wired(2, { rate })
  const [a, b] = ports as [Ear, Ear]
  for (let n = 0; n < 2; n++) assert.ok(a.device.transmit(frame(a, 2, 'x', MILLISECOND)))
  const refused = frame(a, 2, 'x', MILLISECOND)
  assert.not(a.device.transmit(refused))
  refused.unref()
  env.advance(0.5)
  wire.plug(b.device, false)
  void a.device.stop()
  settle(env)
  assert.equal([b.heard, a.readies, env.armed], [[], 0, 0])
  zero(ports)
})

test('a rate and a queue that cannot be are refused', () => {
  const refused = (options: object): string => {
    try {
      wired(0, options)
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }
  for (const rate of [0, -1, Number.NaN]) assert.match(refused({ rate }), /rate is .*; it must be more than 0 bits a second/)
  for (const queue of [-1, 1.5, Infinity, Number.NaN]) assert.match(refused({ rate: 1e6, queue }), /queue is .*; it must be 0 or more whole bytes/)
  assert.match(refused({ queue: 1000 }), /a queue without a rate/)
  assert.is(refused({ rate: Infinity }), '')
})

test.run()
