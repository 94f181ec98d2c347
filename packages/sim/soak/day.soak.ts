/** A hundred nodes for a day, and a fifth of all frames is lost; SOAK times. */

import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { day } from '../test/day.ts'

const test = suite('a radio network for a day', { timeout: 3_600_000 })

for (let seed = 1; seed <= Number(process.env['SOAK'] ?? 1); seed++) {
  test(`100 nodes, 24 hours, 20 % loss, seed ${seed}`, async () => {
    const { sent, refused, lost, unexplained, drops, reasons, statistics } = await day({ columns: 10, rows: 10, hours: 24, loss: 0.2, seed })
    console.log(JSON.stringify({ sent, refused, lost, unexplained, drops, reasons, statistics }))
    assert.is(refused, 0)
    assert.ok(sent >= 143_000, `${sent} sent`)
    assert.ok(lost < sent * 0.02, `${lost} of ${sent} lost`)
    assert.ok(unexplained <= (drops['device: channel busy'] ?? 0), `${unexplained} that nobody can explain`)
  })
}

test.run()
