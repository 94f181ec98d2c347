import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { busy, digest } from './busy.ts'

const test = suite('simulated network: determinism', { timeout: 30_000 })

/** The digest that a process of its own prints. Its memory, its timers and its hash seeds are not ours. */
async function elsewhere(seed: number): Promise<string> {
  const fixture = fileURLToPath(new URL('busy.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '--conditions=@favonius/source', fixture, String(seed)], { env: { ...process.env, NODE_OPTIONS: '' } })
  return stdout.trim()
}

test('a busy network is busy, and gives the same capture byte for byte, whatever ran before it in this process', async () => {
  const first = await busy(7)
  assert.ok(first.replies > 100, `${first.replies} replies`)
  assert.ok(first.capture.length > 100_000, `${first.capture.length} bytes`)
  await busy(8)
  const second = await busy(7)
  assert.is(Buffer.compare(first.capture, second.capture), 0)
  assert.is(second.replies, first.replies)
})

test('two networks side by side do not disturb each other', async () => {
  const alone = digest((await busy(7)).capture)
  const [one, two] = await Promise.all([busy(7), busy(7)])
  assert.equal([digest(one!.capture), digest(two!.capture)], [alone, alone])
})

test('fresh processes give the same capture as this one, and another seed another', async () => {
  const here = digest((await busy(7)).capture)
  assert.match(here, /^[0-9a-f]{64}$/)
  assert.is(await elsewhere(7), here)
  assert.is(await elsewhere(7), here)
  const other = await elsewhere(8)
  assert.is(other, digest((await busy(8)).capture))
  assert.is.not(other, here)
})

test.run()
