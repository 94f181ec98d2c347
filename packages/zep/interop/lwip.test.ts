/** lwIP over ZEP: an independent 6LoWPAN, with fragments and compressed headers, from extended and short addresses. */

import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import * as assert from 'uvu/assert'
import { system } from '@favonius/clock'
import { ieee802154 } from '@favonius/ieee802154'
import { eui64 } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { nodeDatagrams } from '@favonius/node'
import { sixlowpan } from '@favonius/sixlowpan'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { inWorld, peer, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { ZepRadio } from '../src/index.ts'

const NODE = 'favonius-lwip-node'
const test = suite('zep: lwIP', { timeout: 60_000 })
const check = peer('lwIP', { command: NODE, package: 'gcc libc6-dev dpkg-dev xz-utils, then packages/zep/interop/lwip/build /usr/local/bin' }) ? test : test.skip

/** A port of ::1 that nobody has. */
const freePort = (): Promise<number> => new Promise((resolve) => {
  const socket = createSocket('udp6').bind(0, '::1', () => {
    const { port } = socket.address()
    socket.close(() => resolve(port))
  })
})

/** A stack of ours and lwIP's, each the other's only neighbour. `short` are their short addresses. */
async function world(short?: { readonly ours: number; readonly theirs: number }) {
  const [here, there] = [await freePort(), await freePort()]
  const node = spawn(NODE, [`${there}`, `${here}`, '0200000000000002', short === undefined ? '0' : short.theirs.toString(16)], { stdio: ['pipe', 'pipe', 'inherit'] })
  let said = ''
  let wake = (): void => {}
  node.stdout.on('data', (data: Buffer) => {
    said += data.toString()
    wake()
  })
  /** Waits until lwIP has said a line. */
  const heard = async (line: string): Promise<void> => {
    while (!said.split('\n').includes(line)) await new Promise<void>((resolve) => { wake = resolve })
    said = ''
  }
  await heard('ready')
  const stack = compose(system, netbufIn(new Arena(), { debug: true }), ieee802154(), sixlowpan(), ipv6(), udp(), sockets())
  const radio = new ZepRadio(system, nodeDatagrams(), {
    remote: { address: '::1', port: there }, local: { address: '::1', port: here }, address: eui64('02:00:00:00:00:00:00:01'),
  })
  const wpan0 = stack.ieee802154.add(radio)
  if (short !== undefined) stack.ieee802154.set(wpan0, { shortAddress: short.ours })
  const [ours, theirs] = short === undefined ? ['2001:db8::1', '2001:db8::2']
    : [`2001:db8::ff:fe00:${short.ours.toString(16)}`, `2001:db8::ff:fe00:${short.theirs.toString(16)}`]
  stack.ipv6.addAddress(wpan0, `${ours}/64`)
  await wpan0.up()
  return {
    stack, wpan0, ours, theirs,
    /** Makes lwIP do something, and waits for what it says then. */
    async ask(line: string, answer: string): Promise<void> {
      node.stdin.write(`${line}\n`)
      await heard(answer)
    },
    async stop(): Promise<void> {
      node.stdin.end()
      if (node.exitCode === null && node.signalCode === null) await new Promise((resolve) => node.once('exit', resolve))
      await stack.stop()
      assert.is(stack.netif.buffers.live, 0)
    },
  }
}

for (const [name, short] of [['extended', undefined], ['short', { ours: 0x0a01, theirs: 0x0a02 }]] as const) {
  check(`${name} addresses: pings both ways, whole and in fragments`, inWorld(() => world(short), async ({ stack, wpan0, ours, theirs, ask }) => {
    for (const size of [10, 56, 600, 1200]) {
      const { received } = await stack.ipv6.ping(theirs, { count: 3, interval: 20, size })
      assert.is(received, 3, `${size} bytes`)
      await ask(`ping ${ours} ${size}`, `ping ${size}`)
    }
    assert.equal(Object.keys(stack.netif.statistics(wpan0).drops).filter((reason) => !reason.startsWith('icmpv6: echo reply')), [])
  }))

  check(`${name} addresses: UDP echo both ways`, inWorld(() => world(short), async ({ stack, ours, theirs, ask }) => {
    const socket = stack.sockets.socket('inet6', 'dgram')
    for (const size of [1, 40, 100, 1000]) {
      const data = Uint8Array.from({ length: size }, (_, i) => i)
      await socket.sendto(data, { address: theirs, port: 7 })
      assert.equal(await socket.recv(), data)
    }
    const server = stack.sockets.socket('inet6', 'dgram')
    await server.bind({ port: 4242 })
    for (const size of [1, 40, 100, 1000]) {
      const asked = ask(`udp ${ours} 4242 ${size}`, `udp ${size}`)
      const { data, from } = await server.recvfrom()
      assert.is(data.length, size)
      await server.sendto(data, from)
      await asked
    }
    socket.close()
    server.close()
  }))
}

test.run()
