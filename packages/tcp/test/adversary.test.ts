import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { attack } from './adversary.ts'

const test = suite('tcp: an adversary on the wire', { timeout: 60_000 })

test('segments that look as if they were of the flow change nothing in it', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const { delivered, drops } = await attack({ seed, segments: 4000 })
    assert.ok(delivered > 10_000)
    assert.ok(drops['tcp: outside of the window']! > 100)
  }
})

test('RFC 4987: a flood of SYNs takes no more room than it may, and the flow goes on', async () => {
  const { delivered, most } = await attack({ seed: 9, segments: 6000, flood: true, tcp: { synBacklog: 64 } })
  assert.ok(delivered > 20_000)
  assert.ok(most.connections <= 66, String(most.connections))
  assert.ok(most.used < 2 ** 20, String(most.used))
})

test.run()
