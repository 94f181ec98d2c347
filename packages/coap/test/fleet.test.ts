import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { fleet } from './fleet.ts'
import { inTestNet, onStacks, type World } from './worlds.ts'

const test = suite('CoAP: a fleet', { timeout: 60_000 })

const WORLDS: readonly (readonly [string, () => World])[] = [
  ['where nothing is lost', () => inTestNet({ seed: 1 })],
  ['where a tenth is lost, doubled and late', () => inTestNet({ seed: 1, loss: 0.1, duplicate: 0.1, reorder: 0.1 })],
  ['on our stacks, over UDP', () => onStacks('coap', { seed: 1, loss: 0.05 })],
  ['on our stacks, over TCP', () => onStacks('coap+tcp', { seed: 1, loss: 0.05 })],
  ['by radio', () => onStacks('coap', { seed: 1, loss: 0.05, air: true })],
]

for (const [title, world] of WORLDS) {
  test(`${title}; devices lose their power`, async () => {
    const { wrong, cuts, heard, outcomes } = await fleet(world(), { devices: 4, gateways: 3, hours: 1, cuts: 1 })
    assert.equal(wrong, [])
    assert.ok(cuts > 0 && heard > 500, `${cuts} power cuts, ${heard} heard`)
    assert.ok((outcomes['POST action 2.04'] ?? 0) > 50, JSON.stringify(outcomes))
  })
}

test.run()
