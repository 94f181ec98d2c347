/** Streams over links that lose, reorder, repeat and corrupt: every byte arrives, once, in order; and how fast, as a table. */

import { readFileSync } from 'node:fs'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { transfer } from './transfer.ts'

const test = suite('tcp: streams over bad links', { timeout: 60_000 })

for (const family of [4, 6] as const) {
  test(`IPv${family}: whatever the link does, the stream arrives whole`, async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const { counters } = await transfer({
        seed, family, bytes: 120_000 + seed * 1001, latency: (seed % 4) * 15, rate: seed % 3 ? 2e7 : Infinity,
        loss: [0, 0.01, 0.05, 0.2][seed % 4]!, reorder: seed % 2 ? 0.05 : 0, duplicate: seed % 3 ? 0.02 : 0, corrupt: seed % 5 ? 0 : 0.02,
        tcp: { receiveBuffer: seed % 2 ? 1_048_576 : 9000 },
      })
      assert.ok(counters[0]!['bytes.sent']! > 0)
    }
  })
}

test('NewReno does as well', async () => {
  for (let seed = 1; seed <= 4; seed++) await transfer({ seed, bytes: 200_000, latency: 10, rate: 2e7, loss: 0.02, reno: true })
})

test('throughput against loss and delay is what the README says', async () => {
  const losses = [0, 0.01, 0.03, 0.05, 0.1]
  const rows = [`round trip${losses.map((loss) => `${100 * loss} % lost`.padStart(11)).join('')}`]
  for (const latency of [0, 10, 50, 100]) {
    const cells: string[] = []
    for (const loss of losses) {
      const rates: number[] = []
      for (const seed of [1, 2, 3]) rates.push((await transfer({ seed, bytes: 1_000_000, latency, rate: 5e7, loss })).rate)
      cells.push(rates.sort((a, b) => a - b)[1]!.toFixed(2).padStart(11))
    }
    rows.push(`${String(2 * latency).padStart(7)} ms${cells.join('')}`)
  }
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  // It is there to be looked at when it changes; then it is copied from here.
  assert.is(/<!-- throughput -->\n```text\n([^]*?)\n```\n<!-- \/throughput -->/.exec(readme)![1], rows.join('\n'))
})

test.run()
