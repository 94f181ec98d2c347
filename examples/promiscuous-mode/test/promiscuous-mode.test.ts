/** The example on its embedded default, as a newcomer runs it. */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'

const test = suite('the promiscuous-mode example', { timeout: 30_000 })

test('a station hears what is for all; in promiscuous mode, also both sides of what two others say', async () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  const { error, stdout, stderr } = await new Promise<{ error: Error | null; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', '--conditions=@favonius/source', main], (error, stdout, stderr) => resolve({ error, stdout, stderr }))
  })
  assert.is(error, null, stderr)
  const [plain, promiscuous] = stdout.split('carol in promiscuous mode') as [string, string]
  const [question, answer] = [/ARP, Request who-has 192\.0\.2\.2 tell 192\.0\.2\.1/, /ARP, Reply 192\.0\.2\.2 is-at/]
  const others = [
    answer, /192\.0\.2\.1 > 192\.0\.2\.2: ICMP echo request/, /192\.0\.2\.2 > 192\.0\.2\.1: ICMP echo reply/,
    /2001:db8::1 > 2001:db8::2: ICMPv6, echo request/, /2001:db8::2 > 2001:db8::1: ICMPv6, echo reply/,
    /192\.0\.2\.1 > 192\.0\.2\.2: UDP \d+ > 4242, length 5/, /192\.0\.2\.2 > 192\.0\.2\.1: UDP 4242 > \d+, length 5/,
  ]
  for (const heard of [plain, promiscuous]) assert.match(heard, question)
  for (const line of others) {
    assert.not.match(plain, line)
    assert.match(promiscuous, line)
  }
  const counts = [...stdout.matchAll(/^(\d+) frames$/gm)].map(([, count]) => Number(count))
  assert.equal([plain, promiscuous].map((text) => text.match(/^ {2}.* length \d+/gm)!.length), counts, 'a line for each frame')
})

test.run()
