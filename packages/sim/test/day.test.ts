import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { day } from './day.ts'

const test = suite('a radio network at work', { timeout: 60_000 })

test('twelve nodes for an hour, and a fifth of all frames is lost: each lost datagram is explained', async () => {
  const { sent, lost, unexplained, drops } = await day({ columns: 4, rows: 3, hours: 1, loss: 0.2, seed: 5 })
  assert.ok(sent > 700, `${sent} sent`)
  assert.ok(lost < sent * 0.02, `${lost} of ${sent} lost`)
  assert.ok(unexplained <= (drops['device: channel busy'] ?? 0), `${unexplained} that nobody can explain`)
})

test.run()
