import type { NetBuf } from '@favonius/contract'
import { virtual } from '@favonius/clock'
import { Arena } from '@favonius/netbuf'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { Parking, slotsOf } from '../src/index.ts'

const test = suite('parking')

test('any order of parking and taking: bounds hold, order is kept, and each packet comes back once', () => {
  const { random } = virtual({ seed: 3 })
  const quota = 1 << 20
  const pool = new Arena().pool({ quota, debug: true })
  const neighbors = Array.from({ length: 5 }, () => ({ waiting: 0 }))
  /** What waits for each, the oldest first, by the model: a list. */
  const expected = neighbors.map((): NetBuf[] => [])
  const displaced: string[] = []
  const parking = new Parking<{ waiting: number }>(pool, (neighbor, packet, why) => {
    const list = expected[neighbors.indexOf(neighbor)]!
    assert.is(list.shift(), packet, 'the oldest goes')
    if (why === 'replaced') assert.is(list.length, 63)
    displaced.push(why)
    packet.unref()
  })
  for (let n = 0; n < 20_000; n++) {
    const at = random.uint32() % 5
    const neighbor = neighbors[at]!
    if (random.uint32() % 200 === 0) {
      const taken = parking.take(neighbor)
      assert.equal(taken, expected[at]!.splice(0))
      for (const packet of taken) packet.unref()
    } else {
      const packet = pool.alloc(random.uint32() % (n < 10_000 ? 200 : 2000))!
      parking.park(neighbor, packet)
      expected[at]!.push(packet)
    }
    const held = expected.flat().reduce((sum, packet) => sum + slotsOf(packet), 0)
    assert.is(parking.held, held)
    assert.ok(held <= quota / 16 && pool.used === held)
    assert.equal(neighbors.map(({ waiting }) => waiting), expected.map(({ length }) => length))
    assert.is(parking.oldest(neighbor), expected[at]![0])
  }
  assert.equal([...new Set(displaced)].sort(), ['crowded', 'replaced'])
  for (const neighbor of neighbors) for (const packet of parking.take(neighbor)) packet.unref()
  assert.equal([parking.held, pool.live], [0, 0])
})

test('one packet is parked, however large', () => {
  const pool = new Arena().pool({ quota: 200_000 })
  const parking = new Parking<{ waiting: number }>(pool, (_, packet) => packet.unref())
  const neighbor = { waiting: 0 }
  for (const size of [60_000, 60_000, 100]) parking.park(neighbor, pool.alloc(size)!)
  assert.equal([neighbor.waiting, parking.held], [1, 256])
  parking.park({ waiting: 0 }, pool.alloc(60_000)!)
  assert.equal([neighbor.waiting, parking.held], [0, 66_048])
})

test.run()
