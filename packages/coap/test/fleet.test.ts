import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { fleet } from './fleet.ts'

const test = suite('CoAP: a fleet', { timeout: 60_000 })

for (const [title, options] of [
  ['nothing is lost', {}],
  ['a tenth is lost, doubled and late', { loss: 0.1, duplicate: 0.1, reorder: 0.1 }],
] as const) {
  test(`${title}, and devices begin anew`, async () => {
    const { wrong, reboots, heard, outcomes } = await fleet({ seed: 1, devices: 4, gateways: 3, hours: 1, reboots: 1, ...options })
    assert.equal(wrong, [])
    assert.ok(reboots > 0 && heard > 500, `${reboots} reboots, ${heard} heard`)
    assert.ok((outcomes['POST action 2.04'] ?? 0) > 50, JSON.stringify(outcomes))
  })
}

test.run()
