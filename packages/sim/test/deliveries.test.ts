import * as assert from 'uvu/assert'
import type { NetBuf } from '@favonius/contract'
import { virtual } from '@favonius/clock'
import { suite } from '@favonius/testing'
import { Deliveries } from '../src/deliveries.ts'

const test = suite('deliveries')

test('they come out in the order of their instants, and those of one instant as they went in', () => {
  const { random } = virtual({ seed: 11 })
  for (let round = 0; round < 200; round++) {
    const ring = new Deliveries<number>()
    const model: { due: number; path: number }[] = []
    for (let step = 0; step < 300; step++) {
      if (random.uint32() % 5 < 3) {
        const due = random.uint32() % 20
        const first = model.every((other) => due < other.due)
        assert.is(ring.put({} as NetBuf, step, due), first)
        const after = model.findIndex((other) => other.due > due)
        model.splice(after < 0 ? model.length : after, 0, { due, path: step })
      } else if (model.length > 0) {
        assert.equal({ due: ring.due, path: ring.path }, model.shift())
        ring.take()
      }
      assert.is(ring.length, model.length)
    }
  }
})

test.run()
