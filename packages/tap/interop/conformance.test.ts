/** The suite of the `Device` contract over real devices: two TAPs of ours, and a bridge of the kernel's between them. */

import { Arena } from '@favonius/netbuf'
import { openTap, type TapOptions } from '@favonius/tap'
import { deviceConformance, makeNamespace, peer, type DeviceWorld } from '@favonius/testing'

const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

/** What a port of a bridge is in when it passes frames on (`BR_STATE_FORWARDING`). */
const FORWARDING = '3'

const world = (one: TapOptions, two: TapOptions) => async (): Promise<DeviceWorld> => {
  const namespace = makeNamespace()
  // Quiet: no neighbour discovery, no spanning tree, no queries for group members.
  await namespace.must('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6')
  await namespace.must('ip', 'link', 'add', 'br0', 'type', 'bridge', 'stp_state', '0', 'mcast_snooping', '0')
  await namespace.must('ip', 'link', 'set', 'br0', 'up')
  const device = await openTap({ name: 'one', namespace: namespace.name, ...one })
  const other = await openTap({ name: 'two', namespace: namespace.name, ...two })
  const forwarding = async (port: string): Promise<void> => {
    for (let n = 0; (await namespace.must('cat', `/sys/class/net/${port}/brport/state`)).trim() !== FORWARDING; n++) {
      if (n === 500) throw new Error(`the bridge's port ${port} does not forward`)
      await pause(5)
    }
  }
  for (const port of ['one', 'two']) {
    await namespace.must('ip', 'link', 'set', port, 'master', 'br0')
    await forwarding(port)
  }
  return {
    device,
    other,
    buffers: new Arena({ chunkSize: 4 << 20 }).pool({ debug: true }),
    byReference: false,
    refuses: false,
    async plug(plugged) {
      await namespace.must('ip', 'link', 'set', 'one', plugged ? 'up' : 'down')
      if (plugged) await forwarding('one')
    },
    async until(done) {
      for (const end = performance.now() + 8000; !done(); await pause(1)) if (performance.now() > end) throw new Error('nothing more arrives, and it is not done')
    },
    settle: () => pause(50),
    run: (body) => body(),
    stop: () => namespace.remove(),
  }
}

if (peer('TAPs on a bridge of the Linux kernel', { command: ['ip', 'sh', 'cat'], package: 'iproute2', root: true, tun: true })) {
  deviceConformance('tap', world({}, {}))
  deviceConformance('tap, waiting by poll(2)', world({ poll: true }, { poll: true }))
  deviceConformance('tap, without offload', world({ offload: false }, { offload: false }))
  deviceConformance('tap, with offload at one end', world({ offload: true }, { offload: false }))
  deviceConformance('tap, with large frames', world({ mtu: 9000 }, { mtu: 9000 }))
}
