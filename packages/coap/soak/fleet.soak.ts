/** Eight devices and four gateways for a day, where a fifth of all datagrams is lost, or a tenth of all frames; SOAK times. */

import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { fleet } from '../test/fleet.ts'
import { inTestNet, onStacks, type World } from '../test/worlds.ts'

const test = suite('CoAP: a fleet for a day', { timeout: 3_600_000 })

const WORLDS: readonly (readonly [string, (seed: number) => World])[] = [
  ['a fifth is lost, a tenth comes twice, and a tenth late', (seed) => inTestNet({ seed, loss: 0.2, duplicate: 0.1, reorder: 0.1 })],
  ['on our stacks, over UDP', (seed) => onStacks('coap', { seed, loss: 0.1 })],
  ['on our stacks, over TCP', (seed) => onStacks('coap+tcp', { seed, loss: 0.1 })],
  ['by radio', (seed) => onStacks('coap', { seed, loss: 0.1, air: true })],
  ['by radio, over TCP', (seed) => onStacks('coap+tcp', { seed, loss: 0.1, air: true })],
]

for (let seed = 1; seed <= Number(process.env['SOAK'] ?? 1); seed++) {
  for (const [title, world] of WORLDS) {
    test(`${title}, seed ${seed}`, async () => {
      const { wrong, ...report } = await fleet(world(seed), { devices: 8, gateways: 4, hours: 24, cuts: 0.5 })
      console.log(JSON.stringify(report))
      assert.equal(wrong, [])
    })
  }
}

test.run()
