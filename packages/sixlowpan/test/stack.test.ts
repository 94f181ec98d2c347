/** Two stacks that meet on a link whose frames are small. */

import { sleep, virtual } from '@favonius/clock'
import { eui64 } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { sixlowpan } from '@favonius/sixlowpan'
import { readHeaders } from '@favonius/sixlowpan/wire'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import * as assert from 'uvu/assert'
import { Air, TinyL2 } from './tiny.ts'

const test = suite('sixlowpan: two stacks')

function world(settings?: Parameters<typeof sixlowpan>[0]) {
  const env = virtual({ seed: 11 })
  const air = new Air(env)
  const host = (n: number) => {
    const stack = compose(env, netbufIn(new Arena(), { debug: true }), sixlowpan(settings), ipv6(), udp(), sockets())
    const iface = stack.netif.add(air.station(eui64(`02:00:5e:ff:fe:00:53:0${n}`)), { l2: new TinyL2(stack.netif, stack.sixlowpan) })
    stack.ipv6.addAddress(iface, `2001:db8::5eff:fe00:530${n}/64`)
    return { ...stack, iface }
  }
  const hosts = [host(1), host(2)] as const
  return {
    env, air, hosts,
    async end(): Promise<void> {
      for (const each of hosts) {
        await each.stop()
        assert.is(each.netbuf.live, 0, each.netbuf.owners().join('; '))
      }
      env.advance(100)
      assert.is(env.armed, 0)
    },
  }
}

test('neighbours are found, and datagrams echoed, whole and in fragments', async () => {
  const { env, air, hosts: [a, b], end } = world()
  await env.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const { received } = await a.ipv6.ping('2001:db8::5eff:fe00:5302', { count: 3 })
    assert.is(received, 3)
    const server = b.sockets.socket('inet6', 'dgram')
    await server.bind({ port: 0xf0b1 })
    const client = a.sockets.socket('inet6', 'dgram')
    await client.connect({ address: '2001:db8::5eff:fe00:5302', port: 0xf0b1 })
    for (const size of [1, 60, 100, 500, 1232]) {
      const data = Uint8Array.from({ length: size }, (_, i) => i * 7)
      await client.send(data)
      const { data: heard, from } = await server.recvfrom()
      await server.sendto(heard, from)
      assert.equal(await client.recv(), data)
    }
  })
  // Every frame is one of 6LoWPAN that can be read, and none is longer than the link has room for.
  for (const frame of air.frames) {
    assert.ok(frame.length <= 118)
    assert.not('malformed' in readHeaders(frame.subarray(16)))
  }
  const { sixlowpan: counted } = a.netif.statistics().counters
  assert.ok(counted!['fragmented']! >= 3 && counted!['reassembled']! >= 3)
  for (const each of [a, b]) assert.is(each.netif.statistics().counters['sixlowpan']!['drop'], 0)
  await end()
})

test('with a context that both know, no address is sent', async () => {
  const { env, air, hosts: [a, b], end } = world()
  for (const each of [a, b]) each.sixlowpan.setContext(each.iface, 0, '2001:db8::/64')
  await env.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const server = b.sockets.socket('inet6', 'dgram')
    await server.bind({ port: 0xf0b1 })
    const client = a.sockets.socket('inet6', 'dgram')
    await client.bind({ port: 0xf0b2 })
    await client.sendto(Uint8Array.of(1, 2, 3), { address: '2001:db8::5eff:fe00:5302', port: 0xf0b1 })
    assert.equal((await server.recvfrom()).data, Uint8Array.of(1, 2, 3))
  })
  // Two bytes of IPHC, four of UDP, three of data.
  assert.is(Math.min(...air.frames.map(({ length }) => length)), 16 + 9)
  await end()
})

test('a datagram of which a fragment is lost is not heard of, and the next one is', async () => {
  const { env, air, hosts: [a, b], end } = world()
  await env.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const server = b.sockets.socket('inet6', 'dgram')
    await server.bind({ port: 4242 })
    const client = a.sockets.socket('inet6', 'dgram')
    const to = { address: '2001:db8::5eff:fe00:5302', port: 4242 }
    await client.sendto(Uint8Array.of(0), to)
    await server.recv()
    let fragments = 0
    air.carries = (frame) => frame[16]! >> 3 !== 0xe0 >> 3 || ++fragments !== 2
    await client.sendto(new Uint8Array(400).fill(1), to)
    await sleep(env, 10)
    assert.is(b.sixlowpan.waiting, 1)
    await client.sendto(new Uint8Array(400).fill(2), to)
    assert.is((await server.recv())[0], 2)
    await sleep(env, 5000)
    assert.is(b.sixlowpan.waiting, 0)
    assert.is(b.netif.statistics().drops['sixlowpan: fragments waited too long for the rest'], 1)
  })
  await end()
})

test('when the interface goes down, nothing waits', async () => {
  const { env, air, hosts: [a, b], end } = world()
  await env.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const client = a.sockets.socket('inet6', 'dgram')
    const to = { address: '2001:db8::5eff:fe00:5302', port: 4242 }
    await client.sendto(Uint8Array.of(0), to)
    await sleep(env, 10)
    let fragments = 0
    air.carries = (frame) => frame[16]! >> 3 !== 0xe0 >> 3 || ++fragments !== 2
    await client.sendto(new Uint8Array(400), to)
    await sleep(env, 10)
    assert.is(b.sixlowpan.waiting, 1)
    b.iface.down()
    assert.is(b.sixlowpan.waiting, 0)
  })
  await end()
})

test.run()
