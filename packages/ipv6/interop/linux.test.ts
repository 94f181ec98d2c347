/** IPv6 with the Linux kernel, over a TAP device in a network namespace of its own. */

import type { BufferSource, Interface, Route } from '@favonius/contract'
import { deferred, system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet/bare'
import { address } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { suite } from '@favonius/testing'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import * as assert from 'uvu/assert'

const test = suite('ipv6: the Linux kernel', { timeout: 30_000 })

const namespace = `favip6${process.pid}`
const ip = (...args: string[]): string => execFileSync('ip', ['-n', namespace, ...args], { encoding: 'utf8' })

/** Runs a program in the namespace; its exit code and what it printed. */
async function inside(...command: string[]): Promise<{ readonly code: number; readonly out: string }> {
  const child = spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { out += chunk.toString() })
  const [code] = await once(child, 'close') as [number]
  return { code, out }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function missing(): string | undefined {
  if (spawnSync('ip', ['-V']).error) return 'ip (iproute2) not installed'
  if (spawnSync('ping', ['-V']).error) return 'ping not installed'
  const made = spawnSync('ip', ['netns', 'add', namespace], { encoding: 'utf8' })
  return made.status === 0 ? undefined : `no network namespace can be made: ${made.stderr.trim()}`
}

async function host() {
  const stack = compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv6({ maxAddresses: 4 }))
  const device = await openTap({ namespace, name: 'fav0', address: '02:00:5e:00:53:01' })
  ip('link', 'set', 'fav0', 'up')
  const eth0 = stack.netif.add(device, { name: 'eth0' })
  const end = async (): Promise<void> => {
    await stack.stop()
    assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
  }
  return { ...stack, eth0, end }
}

/** Resolves when the kernel has made up its mind about its addresses; what it then says of them. */
async function settled(): Promise<string> {
  for (;;) {
    const { out } = await inside('ip', '-6', 'addr', 'show', 'dev', 'fav0')
    const tried = out.split('\n').some((line) => line.includes('tentative') && !line.includes('dadfailed'))
    if (out.includes('fe80') && !tried) return out
    await pause(50)
  }
}

/** Sends a UDP datagram by hand: there is no UDP here. */
function datagram(buffers: BufferSource, route: Route, port: number): boolean {
  const packet = buffers.alloc(12, route.headroom)!
  const at = packet.add(12)
  packet.dv.setUint16(at, 40_000)
  packet.dv.setUint16(at + 2, port)
  packet.dv.setUint16(at + 4, 12)
  packet.dv.setUint16(at + 6, 0)
  packet.dv.setInt32(at + 8, 0)
  packet.dv.setUint16(at + 6, ~packet.sum(at, route.pseudo + 12) & 0xffff)
  return route.send(packet)
}

const skipped = missing()
if (skipped !== undefined) {
  if (process.env['REQUIRE_PEERS'] === '1') test('the kernel', () => { throw new Error(`skipped: ${skipped}`) })
  else console.log(`skipped: ${skipped}`)
} else {
  test.after(() => { execFileSync('ip', ['netns', 'delete', namespace]) })

  test('it resolves us and pings us, and we it: global, link-local and all-nodes', async () => {
    const us = await host()
    ip('-6', 'addr', 'add', '2001:db8::2/64', 'dev', 'fav0')
    us.ipv6.addAddress(us.eth0, '2001:db8::1/64')
    await us.eth0.up()
    const local = /inet6 (fe80[0-9a-f:]+)/.exec(await settled())![1]!
    for (const size of ['8', '57', '1400', '1452']) {
      const { code, out } = await inside('ping', '-6', '-c', '3', '-i', '0.05', '-W', '2', '-s', size, '2001:db8::1')
      assert.is(code, 0, out)
    }
    assert.is((await inside('ping', '-6', '-c', '1', '-W', '2', 'fe80::5eff:fe00:5301%fav0')).code, 0)
    const { out: neighbors } = await inside('ip', '-6', 'neigh', 'show', 'dev', 'fav0')
    assert.match(neighbors, /2001:db8::1 lladdr 02:00:5e:00:53:01 (REACHABLE|DELAY|STALE)/)

    for (const to of ['2001:db8::2', `${local}%eth0`, 'ff02::1%eth0']) {
      const result = await us.ipv6.ping(to, { count: 2, interval: 20, size: 999 })
      assert.ok(result.received >= 2, `${to}: ${JSON.stringify(result)}`)
      assert.is(String(result.from).replace(/%.*/, ''), to.startsWith('ff') ? local : to.replace(/%.*/, ''))
    }
    const neighbor = us.nd.find(us.eth0, address('2001:db8::2'))!
    assert.match(neighbor.state, /REACHABLE|DELAY|STALE/)
    assert.match((await inside('ip', 'link', 'show', 'dev', 'fav0')).out, String(neighbor.link))
    await us.end()
  })

  test('its errors reach the transport that they are about; ours reach its sockets', async () => {
    const us = await host()
    ip('-6', 'addr', 'add', '2001:db8::2/64', 'dev', 'fav0', 'nodad')
    us.ipv6.addAddress(us.eth0, '2001:db8::1/64')
    await us.eth0.up()
    const told = deferred<string>(system)
    us.ip.registerTransport(17, {
      receive: (packet, info) => {
        info.layer.refuse(packet, info, 'port')
        packet.unref()
      },
      unreachable: (error, quoted, _source, destination) => {
        told.resolve(`${error.code} ${error.from} ${destination} ${quoted.dv.getUint16(quoted.offset + 2)}`)
      },
    })
    assert.ok(datagram(us.netbuf, us.ipv6.route(address('2001:db8::2'), { protocol: 17 })!, 9999))
    assert.is(await told.promise, 'ECONNREFUSED 2001:db8::2 2001:db8::2 9999')
    const { out } = await inside(process.execPath, '-e', `
      const socket = require('dgram').createSocket('udp6')
      socket.on('error', (error) => { console.log(error.code); process.exit() })
      socket.connect(9, '2001:db8::1', () => setInterval(() => socket.send('x'), 100))
      setTimeout(() => process.exit(1), 5000)`)
    assert.match(out, 'ECONNREFUSED')
    await us.end()
  })

  test('an address that it has is a duplicate here', async () => {
    const us = await host()
    ip('-6', 'addr', 'add', '2001:db8::2/64', 'dev', 'fav0', 'nodad')
    us.ipv6.addAddress(us.eth0, '2001:db8::2/64')
    try {
      await us.eth0.up()
      assert.unreachable()
    } catch (error) {
      assert.is((error as { code?: string }).code, 'EADDRINUSE', String(error))
    }
    await us.end()
  })

  test('an address that we have is a duplicate there', async () => {
    const us = await host()
    us.ipv6.addAddress(us.eth0, '2001:db8::1/64')
    await us.eth0.up()
    ip('-6', 'addr', 'add', '2001:db8::1/64', 'dev', 'fav0')
    assert.match(await settled(), /2001:db8::1\/64.*dadfailed/)
    await us.end()
  })

  test('it answers probes of a neighbour that went stale', async () => {
    const us = await host()
    ip('-6', 'addr', 'add', '2001:db8::2/64', 'dev', 'fav0', 'nodad')
    us.ipv6.addAddress(us.eth0, '2001:db8::1/64')
    us.nd.setTimes(us.eth0, { reachableTime: 20 })
    await us.eth0.up()
    assert.is((await us.ipv6.ping('2001:db8::2')).received, 1)
    await pause(100)
    const her = (iface: Interface): string | undefined => us.nd.find(iface, address('2001:db8::2'))?.state
    assert.is(her(us.eth0), 'STALE')
    us.nd.setTimes(us.eth0, { reachableTime: 60_000 })
    assert.is((await us.ipv6.ping('2001:db8::2')).received, 1)
    assert.is(her(us.eth0), 'DELAY')
    await pause(5500)
    assert.is(her(us.eth0), 'REACHABLE')
    await us.end()
  })
}

test.run()
