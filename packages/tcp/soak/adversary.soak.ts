/** `test/adversary.test.ts` and `test/transfer.test.ts` for long, times SOAK: a million segments of an adversary, a million SYNs, streams over bad links. */

import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { attack } from '../test/adversary.ts'
import { transfer } from '../test/transfer.ts'

const SOAK = Number(process.env['SOAK'] ?? 1)
const test = suite('tcp, for long', { timeout: 3_600_000 })

test('a million segments that look as if they were of the flow', async () => {
  for (let seed = 1; seed <= 10 * SOAK; seed++) await attack({ seed: 100 + seed, segments: 100_000 })
})

test('a million SYNs', async () => {
  const { delivered, most } = await attack({ seed: 7, segments: 1_000_000, flood: true, tcp: { synBacklog: 128 } })
  assert.ok(delivered > 2_500_000, String(delivered))
  assert.ok(most.connections <= 130 && most.used < 4 * 2 ** 20, JSON.stringify(most))
})

test('streams over a thousand links', async () => {
  for (let seed = 1; seed <= 1000 * SOAK; seed++) {
    await transfer({
      seed, family: seed % 2 ? 4 : 6, bytes: 50_000 + (seed * 7919) % 300_000, latency: (seed % 5) * 10, rate: seed % 3 ? 2e7 : Infinity,
      loss: [0, 0.01, 0.05, 0.1, 0.2][seed % 5]!, reorder: [0, 0.02, 0.1][seed % 3]!, duplicate: seed % 4 ? 0.02 : 0, corrupt: seed % 6 ? 0 : 0.02,
      reno: seed % 7 === 0, tcp: { receiveBuffer: [4096, 65_536, 1_048_576][seed % 3]! },
    })
  }
})

test.run()
