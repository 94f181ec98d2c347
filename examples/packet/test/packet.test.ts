/** The example on its embedded default, as a newcomer runs it. */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'

const test = suite('the packet example', { timeout: 30_000 })

test('frames and packets come back whole, and the stack beside is not disturbed', async () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  const { error, stdout, stderr } = await new Promise<{ error: Error | null; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', '--conditions=@favonius/source', main], (error, stdout, stderr) => resolve({ error, stdout, stderr }))
  })
  assert.is(error, null, stderr)
  for (const size of [46, 500, 1500]) {
    assert.match(stdout, new RegExp(`^  raw +${size + 14}  whole$`, 'm'))
    assert.match(stdout, new RegExp(`^  dgram +${size}  whole$`, 'm'))
    assert.match(stdout, new RegExp(`^  bob host +02:00:00:00:00:01 > 02:00:00:00:00:02, type 0x88b5, length ${size + 14}$`, 'm'))
    assert.match(stdout, new RegExp(`^  bob answers ${size} bytes to 02:00:00:00:00:01$`, 'm'))
  }
  assert.match(stdout, /^ {2}bob broadcast .*ARP, Request who-has 192\.0\.2\.2/m)
  assert.match(stdout, /^ {2}bob host .*192\.0\.2\.1 > 192\.0\.2\.2: ICMP echo request/m)
  assert.match(stdout, /and 1 ping was answered/)
  assert.not.match(stdout, /no handler|queue is full/, 'nothing was lost')
})

test.run()
