/** What the air records, as Wireshark reads it: frames, how they were heard, and why they were lost. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ieee802154 } from '@favonius/ieee802154'
import { ipv6 } from '@favonius/ipv6'
import { peer, suite } from '@favonius/testing'
import { logDistance, simulate } from '../src/index.ts'

const test = suite('air: tshark', { timeout: 60_000 })
const check = peer('tshark', { command: 'tshark', package: 'tshark' }) ? test : test.skip

const FIELDS = ['frame.comment', 'wpan.fcs_ok', 'wpan-tap.rss', 'wpan-tap.lqi', 'wpan-tap.ch_num', 'ipv6.src', 'icmpv6.type', '_ws.malformed', 'wpan.ack_request'] as const

for (const record of ['plain', 'fcs', 'tap'] as const) {
  check(`recorded as ${record}`, async () => {
    const net = simulate({ seed: 7 })
    const air = net.air({ record, medium: logDistance(), loss: 0.2 })
    const features = [ieee802154({ channel: 20 }), ipv6()] as const
    const [a, b] = [net.node('a', features, air, { at: [0, 0] }), net.node('b', features, air, { at: [10, 0] })]
    a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
    b.stack.ipv6.addAddress(b.iface, '2001:db8::2/64')
    await net.run(async () => {
      await Promise.all([a.iface.up(), b.iface.up()])
      await a.stack.ipv6.ping('2001:db8::2', { count: 10, size: 200 })
    })
    const folder = mkdtempSync(join(tmpdir(), 'favonius-'))
    const path = join(folder, 'air.pcapng')
    try {
      net.capture(path)
      const out = execFileSync('tshark', ['-r', path, '-T', 'fields', ...FIELDS.flatMap((field) => ['-e', field])], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      const rows = out.replace(/\n$/, '').split('\n').map((line) => line.split('\t'))
      assert.ok(rows.length > 100, `${rows.length} frames`)
      assert.ok(rows.some(([comment]) => comment === 'lost by 02:00:00:00:00:00:00:02: by chance'))
      assert.ok(rows.every(([, , , , , , , malformed]) => malformed === ''), 'none is malformed')
      assert.ok(rows.some(([, , , , , source, type]) => source === '2001:db8::2' && type === '129'), 'fragments are put together to an echo reply')
      if (record !== 'plain') assert.ok(rows.every(([, good]) => good === '1' || good === 'True'), 'the FCS is good')
      if (record === 'tap') {
        assert.ok(rows.every(([, , , , channel]) => channel === '20'))
        const heard = rows.filter(([, , rssi]) => rssi !== '')
        assert.ok(heard.length > 50)
        assert.ok(heard.every(([, , rssi, lqi]) => Math.abs(Number(rssi) + 70.2) < 0.01 && lqi === '255'), heard[0]!.join(' '))
      }
    } finally {
      rmSync(folder, { recursive: true })
      await net.stop()
    }
  })
}

test.run()
