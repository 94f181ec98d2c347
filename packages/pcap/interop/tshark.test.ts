import { PcapngWriter, linkTypes } from '@favonius/pcap'
import { blockFile } from '@favonius/pcap/file'
import { suite } from '@favonius/testing'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'

const test = suite('pcap: tshark', { timeout: 60_000 })

test('reads what is written: time, direction, comment, interface', () => {
  if (spawnSync('tshark', ['--version']).error) {
    if (process.env['REQUIRE_PEERS'] === '1') throw new Error('skipped: tshark not installed')
    console.log('skipped: tshark not installed')
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'favonius-'))
  try {
    const path = join(folder, 'a.pcapng')
    const file = blockFile(path)
    const writer = new PcapngWriter(file.write, { epoch: 1_700_000_000_000 })
    const eth = writer.addInterface('eth0', linkTypes.ethernet)
    const raw = writer.addInterface('lo', linkTypes.raw)
    writer.packet(eth, 0.25, new Uint8Array(60), { direction: 'in' })
    writer.comment('udp: no listener')
    writer.packet(raw, 1000.5, Uint8Array.from(Buffer.from('450000140000000040010000c0000201c0000202', 'hex')), { direction: 'out' })
    writer.close()
    file.close()
    const out = execFileSync('tshark', ['-r', path, '-T', 'fields', '-e', 'frame.time_epoch', '-e', 'frame.interface_name', '-e', 'frame.len',
      '-e', 'frame.packet_flags_direction', '-e', 'frame.comment', '-e', 'ip.src'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const [first, second] = out.trim().split('\n').map((line) => line.split('\t'))
    assert.match(first![0]!, /1700000000[.]000250000|22:13:20[.]000250000/)
    assert.equal(first!.slice(1, 3), ['eth0', '60'])
    assert.match(first![3]!, /1$/)
    assert.is(first![4], 'udp: no listener')
    assert.match(second![3]!, /2$/)
    assert.equal([second![1], second![5]], ['lo', '192.0.2.1'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.run()
