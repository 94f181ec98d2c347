/** The example on its embedded default, as a newcomer runs it. */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'

const test = suite('the traffic-class example', { timeout: 40_000 })

test('what is urgent comes back soon, what is below the flood late or never, and every class is counted', async () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  const { error, stdout, stderr } = await new Promise<{ error: Error | null; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', '--conditions=@favonius/source', main], (error, stdout, stderr) => resolve({ error, stdout, stderr }))
  })
  assert.is(error, null, stderr)
  const asked = [...stdout.matchAll(/^ +(\d) +(\d) +[a-z ]+VLAN (\d+) +(\d) of 5(?: +([\d.]+) ms)?$/gm)].map(([, ...cells]) => cells.map(Number))
  assert.equal(asked.map(([priority, index, tag]) => [priority, index, tag]), [
    [7, 7, 200], [6, 6, 200], [5, 5, 200], [4, 4, 200], [3, 3, 100], [2, 2, 100], [0, 1, 100], [1, 0, 100],
  ])
  for (const [priority, , , back] of asked.slice(0, 6)) assert.is(back, 5, `priority ${priority}`)
  const flooded = asked[6]!
  for (const [, , , , median] of asked.slice(0, 6)) assert.ok(median! < flooded[4]! / 2, 'urgent ones take a fraction of the time')
  for (const direction of ['sent', 'received']) {
    const classes = [...stdout.matchAll(new RegExp(`^ +${direction} +(\\d) +(\\d) +(\\d+) `, 'gm'))].map(([, index, priority]) => `${index}:${priority}`)
    for (const each of ['7:7', '6:6', '5:5', '4:4', '3:3', '2:2', '1:0']) assert.ok(classes.includes(each), `${direction} ${each}`)
  }
  assert.match(stdout, /Avg TX net_pkt \(\d+\) time \d+ us \[0->\d+->\d+->\d+=\d+ us\]/)
  assert.match(stdout, /Avg RX net_pkt \(\d+\) time \d+ us \[0->\d+->\d+->\d+->\d+=\d+ us\]/)
})

test.run()
