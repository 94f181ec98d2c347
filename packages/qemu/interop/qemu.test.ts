/** QEMU itself, without a guest: a hub of its own, to which four stacks are attached in the four ways there are. */

import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { Arena, netbufIn } from '@favonius/netbuf'
import { connectQemu, listenQemu, type QemuDevice, type StreamAddress } from '@favonius/qemu'
import { compose } from '@favonius/stack'
import { peer, suite } from '@favonius/testing'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'

const test = suite('qemu: QEMU', { timeout: 30_000 })

/** A TCP port of 127.0.0.1 that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A listener, and the device of the first who connects. */
async function first(at: StreamAddress) {
  let accept!: (device: QemuDevice) => void
  const device = new Promise<QemuDevice>((resolve) => { accept = resolve })
  return { device, listener: await listenQemu(at, accept) }
}

async function host(device: QemuDevice, number: number) {
  const stack = compose(system, netbufIn(new Arena({ chunkSize: 1 << 20 }), { debug: true }), ethernet(), ipv4())
  const eth0 = stack.netif.add(device, { name: 'eth0' })
  stack.ipv4.addAddress(eth0, `192.0.2.${number}/24`)
  await eth0.up()
  return { ...stack, eth0 }
}

if (peer('QEMU', { command: 'qemu-system-x86_64', package: 'qemu-system-x86' })) {
  test('stacks on a hub of QEMU: it connects to two of them, two connect to it, over unix sockets and TCP', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'favonius-qemu-'))
    const [ours, theirs] = [join(folder, 'ours.socket'), join(folder, 'theirs.socket')]
    const [unix, tcp] = [await first({ path: ours }), await first({ port: 0 })]
    const port = await freePort()
    const netdevs = [
      `stream,id=n0,server=off,addr.type=unix,addr.path=${ours}`,
      `socket,id=n1,connect=127.0.0.1:${(tcp.listener.address as AddressInfo).port}`,
      `stream,id=n2,server=on,addr.type=unix,addr.path=${theirs}`,
      `socket,id=n3,listen=127.0.0.1:${port}`,
    ]
    const qemu = spawn('qemu-system-x86_64', [
      '-machine', 'none', '-nodefaults', '-display', 'none',
      ...netdevs.flatMap((netdev, n) => ['-netdev', netdev, '-netdev', `hubport,id=h${n},hubid=0,netdev=n${n}`]),
    ], { stdio: ['ignore', 'ignore', 'inherit'] })
    const ended = once(qemu, 'close')
    const hosts: Awaited<ReturnType<typeof host>>[] = []
    try {
      const devices = [unix.device, tcp.device, connectQemu({ path: theirs }, { reconnect: 20 }), connectQemu({ port }, { reconnect: 20 })]
      for (const [n, device] of devices.entries()) hosts.push(await host(await device, n + 1))
      for (const [from, { ipv4 }] of hosts.entries()) {
        for (const to of hosts.keys()) {
          if (to === from) continue
          // The first finds the link address.
          for (const count of [1, 5]) {
            assert.is((await ipv4.ping(`192.0.2.${to + 1}`, { count, interval: 2, size: 1472 })).received, count, `${from + 1} to ${to + 1}`)
          }
        }
      }
      qemu.kill()
      await ended
      await Promise.all([unix.device, tcp.device].map(async (device) => (await device).closed))
      for (const { eth0, netif } of hosts) {
        if (eth0.carrier) await new Promise<void>((resolve) => { netif.listen(({ type }) => { if (type === 'down') resolve() }) })
        for (const reason of Object.keys(netif.statistics().drops)) assert.not.match(reason, /^device/)
      }
    } finally {
      qemu.kill('SIGKILL')
      await ended
      for (const { stop } of hosts) await stop()
      await unix.listener.close()
      await tcp.listener.close()
      rmSync(folder, { recursive: true })
    }
    for (const { netbuf } of hosts) assert.is(netbuf.live, 0, netbuf.owners().join('; '))
  })
}

test.run()
