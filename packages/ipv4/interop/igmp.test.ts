/** A Linux bridge as IGMP querier lists our groups. */

import * as assert from 'uvu/assert'
import { sleep, system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { address } from '@favonius/inet'
import { netbuf } from '@favonius/netbuf'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { inWorld, makeNamespace, peer, suite } from '@favonius/testing'
import { igmp } from '../src/igmp/index.ts'
import { ipv4 } from '../src/index.ts'

const test = suite('a Linux bridge as IGMP querier', { timeout: 30_000 })
const bridge = peer('a Linux bridge over TAP', { command: ['ip', 'bridge'], package: 'iproute2', root: true, tun: true })

async function world(version: 2 | 3) {
  const namespace = makeNamespace()
  const stack = compose(system, netbuf({ debug: true }), ethernet(), ipv4(), igmp())
  const device = await openTap({ name: 'fav0', namespace: namespace.name })
  const eth0 = stack.netif.add(device, { name: 'eth0' })
  await namespace.must('ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '1', 'mcast_igmp_version', String(version), 'mcast_startup_query_interval', '100')
  await namespace.must('ip', 'link', 'set', 'fav0', 'master', 'br0')
  await namespace.must('ip', 'addr', 'add', '192.0.2.2/24', 'dev', 'br0')
  await namespace.must('ip', 'link', 'set', 'fav0', 'up')
  await namespace.must('ip', 'link', 'set', 'br0', 'up')
  stack.ipv4.addAddress(eth0, '192.0.2.1/24')
  await eth0.up()
  await namespace.must('ip', 'link', 'set', 'br0', 'type', 'bridge', 'mcast_querier', '1')
  return {
    stack, eth0,
    async listed(wanted: boolean): Promise<boolean> {
      for (let n = 0; n < 100; n++) {
        if ((await namespace.must('bridge', 'mdb', 'show', 'dev', 'br0')).includes('grp 239.1.2.3') === wanted) return true
        await sleep(system, 100)
      }
      return false
    },
    async stop() {
      await stack.stop()
      await namespace.remove()
      assert.is(stack.netif.buffers.live, 0, stack.netif.buffers.owners().join('\n'))
    },
  }
}

for (const version of [2, 3] as const) {
  if (!bridge) break
  test(`version ${version}: it lists a group that we join, and no longer when we leave`, inWorld(() => world(version), async ({ stack, eth0, listed }) => {
    const group = address('239.1.2.3')
    for (let n = 0; n < 60 && stack.igmp.version(eth0) !== version; n++) await sleep(system, 100)
    assert.is(stack.igmp.version(eth0), version, 'its queries were heard')
    stack.ipv4.join(eth0, group)
    assert.ok(await listed(true))
    stack.ipv4.leave(eth0, group)
    assert.ok(await listed(false))
  }))
}
test.run()
