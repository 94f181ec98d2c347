import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import type { NetBuf } from '@favonius/contract'
import { suite } from '@favonius/testing'
import { PacketRing } from '../src/index.ts'

const test = suite('ring of packets')

test('it does what an array of bounded length does', () => {
  const { random } = virtual({ seed: 6 })
  for (const limit of [1, 2, 7, 8, 9, 64, 100]) {
    const ring = new PacketRing(limit)
    const model: NetBuf[] = []
    let number = 0
    // Now more is added than taken, now less, so that it is full and empty many times.
    for (let n = 0; n < 4000; n++) {
      const filling = n % 400 < 200
      if (random.uint32() % 4 < (filling ? 3 : 1)) {
        const packet = { number: number++ } as unknown as NetBuf
        assert.is(ring.push(packet), model.length < limit)
        if (model.length < limit) model.push(packet)
      } else {
        const taken = ring.shift()
        assert.is(taken, model.shift())
        if (taken !== undefined && random.uint32() % 2 === 0) {
          ring.unshift(taken)
          model.unshift(taken)
        }
      }
      assert.equal([ring.length, ring.isFull()], [model.length, model.length === limit])
    }
  }
})

test.run()
