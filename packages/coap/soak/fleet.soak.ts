/** Twelve devices and four gateways for a day, where a fifth of all datagrams is lost, a tenth comes twice and a tenth late; SOAK times. */

import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { fleet } from '../test/fleet.ts'

const test = suite('CoAP: a fleet for a day', { timeout: 3_600_000 })

for (let seed = 1; seed <= Number(process.env['SOAK'] ?? 1); seed++) {
  test(`24 hours, 20 % loss, seed ${seed}`, async () => {
    const { wrong, ...report } = await fleet({ seed, devices: 12, gateways: 4, hours: 24, reboots: 0.5, loss: 0.2, duplicate: 0.1, reorder: 0.1 })
    console.log(JSON.stringify(report))
    assert.equal(wrong, [])
  })
}

test.run()
