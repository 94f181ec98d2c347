/** The example on its embedded default, as a newcomer runs it. */

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { packets } from '@favonius/pcap'
import { suite } from '@favonius/testing'

const test = suite('the vlan example', { timeout: 30_000 })

test('all three networks answer, priorities are in the tags, and the capture has them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'favonius-vlan-'))
  const pcap = join(folder, 'vlan.pcapng')
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  const { error, stdout, stderr } = await new Promise<{ error: Error | null; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', '--conditions=@favonius/source', main, '--pcap', pcap], (error, stdout, stderr) => resolve({ error, stdout, stderr }))
  })
  assert.is(error, null, stderr)
  assert.is(stdout.match(/ {2}(untagged|VLAN [12]00) +\S+ +3 +3 /g)!.length, 6)
  for (const tag of [100, 200]) for (const priority of [0, 5, 7]) assert.match(stdout, new RegExp(`VLAN ${tag} +${priority}  vlan ${tag}, p ${priority}  VLAN ${tag}`))
  assert.is(stdout.match(/no tag +untagged/g)!.length, 3)
  const types = [...packets(readFileSync(pcap))].map((packet) => ('data' in packet ? packet.data[12]! << 8 | packet.data[13]! : 0))
  assert.ok(types.filter((type) => type === 0x8100).length > 30 && types.includes(0x86dd))
  rmSync(folder, { recursive: true })
})

test.run()
