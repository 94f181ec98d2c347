import * as assert from 'uvu/assert'
import fc from 'fast-check'
import type { Instant, Timer } from '@favonius/contract'
import { suite } from '@favonius/testing'
import { TimerHeap } from '../src/heap.ts'

const test = suite('clock: the heap of timers')

type Step = { readonly do: 'schedule'; readonly timer: number; readonly at: number } | { readonly do: 'cancel'; readonly timer: number } | { readonly do: 'take'; readonly now: number }

test('agrees with a sorted list, whatever is scheduled, moved and cancelled', () => {
  const timer = fc.nat(30)
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('schedule' as const), timer, at: fc.nat(40) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), timer }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('take' as const), now: fc.nat(40) }) },
  )
  fc.assert(fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
    const heap = new TimerHeap()
    const fired: number[] = []
    const timers = Array.from({ length: 31 }, (_, i) => heap.timer(() => fired.push(i)))
    let model: { timer: number; at: number; sequence: number }[] = []
    let sequence = 0
    for (const step of steps) {
      if (step.do === 'take') {
        const expected = model.filter((m) => m.at <= step.now).sort((a, b) => a.at - b.at || a.sequence - b.sequence).map((m) => m.timer)
        model = model.filter((m) => m.at > step.now)
        fired.length = 0
        for (let entry = heap.take(step.now, Infinity); entry; entry = heap.take(step.now, Infinity)) entry.fire(step.now)
        assert.equal(fired, expected)
      } else {
        model = model.filter((m) => m.timer !== step.timer)
        if (step.do === 'schedule') {
          model.push({ timer: step.timer, at: step.at, sequence: sequence++ })
          timers[step.timer]!.schedule(step.at)
        } else {
          timers[step.timer]!.cancel()
        }
      }
      assert.is(heap.size, model.length)
      for (const [i, t] of timers.entries()) assert.is(t.due, model.find((m) => m.timer === i)?.at)
    }
    assert.is(heap.next(), model.length ? Math.min(...model.map((m) => m.at)) : undefined)
  }), { numRuns: 300 })
})

test('leaves what was scheduled after `last`', () => {
  const heap = new TimerHeap()
  heap.timer(() => {}).schedule(1)
  const last = heap.sequence
  heap.timer(() => {}).schedule(1)
  assert.ok(heap.take(5, last))
  assert.is(heap.take(5, last), undefined)
  assert.is(heap.size, 1)
})

test('tells its waiter', () => {
  const told: (Instant | 'emptied')[] = []
  const heap = new TimerHeap({ scheduled: (at) => told.push(at), emptied: () => told.push('emptied') })
  const timer: Timer = heap.timer(() => {})
  timer.schedule(4)
  timer.schedule(2)
  timer.cancel()
  timer.cancel()
  assert.equal(told, [4, 2, 'emptied'])
})

test('takes Infinity for never, and refuses what is no instant', () => {
  const heap = new TimerHeap()
  const timer = heap.timer(() => {})
  timer.schedule(3)
  timer.schedule(Infinity)
  assert.is(timer.due, undefined)
  assert.is(heap.size, 0)
  assert.throws(() => timer.schedule(NaN), /scheduled for NaN; give it an instant/)
})

test.run()
