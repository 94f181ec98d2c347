/** The first packets to a neighbour whose link address is not known yet. */

import { sleep } from '@favonius/clock'
import { arp, ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv4Fragments } from '@favonius/ipv4/fragments'
import { ipv6 } from '@favonius/ipv6'
import { ipv6Fragments } from '@favonius/ipv6/fragments'
import { Arena, netbufIn } from '@favonius/netbuf'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import * as assert from 'uvu/assert'

const test = suite('strangers', { timeout: 30_000 })
const families = [4, 6] as const
const address = (family: 4 | 6, host: number): string => (family === 4 ? `192.0.2.${host}` : `2001:db8::${host}`)

/** Two hosts that have never spoken; `b` has more addresses than one. */
async function world(quota = 16 << 20) {
  const net = simulate({ seed: 5, record: false })
  const lan = net.ethernet({ latency: 1 })
  const features = () => [
    netbufIn(new Arena(), { quota }), ethernet(), arp({ tableSize: 64 }), ipv4({ maxAddresses: 4 }), ipv4Fragments(),
    ipv6({ maxAddresses: 8, maxNeighbors: 64 }), ipv6Fragments(), udp(), sockets(),
  ] as const
  const [a, b] = [net.node('a', features(), lan), net.node('b', features(), lan)]
  for (const [host, hosts] of [[a, [1]], [b, [2, 3, 4]]] as const) {
    for (const n of hosts) {
      host.stack.ipv4.addAddress(host.iface, `${address(4, n)}/24`)
      host.stack.ipv6.addAddress(host.iface, `${address(6, n)}/64`)
    }
  }
  await net.run(() => Promise.all([a.iface.up(), b.iface.up()]))
  /** What `a` dropped, but for solicitations of addresses that are none of its own. */
  const drops = (): Record<string, number> => {
    const { 'ipv6: group not joined': _, ...others } = a.stack.netif.statistics().drops
    return others
  }
  return { net, a, b, drops }
}

test('the first ping arrives, whatever its size', async () => {
  const { net, a, drops } = await world()
  await net.run(async () => {
    for (const [n, size] of [56, 4000, 60_000].entries()) {
      assert.equal((await a.stack.ipv4.ping(address(4, n + 2), { size })).roundTrips, [4], `${size} bytes`)
      assert.equal((await a.stack.ipv6.ping(address(6, n + 2), { size })).roundTrips, [4], `${size} bytes`)
    }
  })
  assert.equal(drops(), {})
  await net.stop()
})

test('a burst arrives whole and in order', async () => {
  const { net, a, b } = await world()
  await net.run(async () => {
    const heard: string[] = []
    await b.stack.sockets.open({ port: 7 }, { receive: (data, from) => void heard.push(`${from.address} ${data[0]} ${data.length}`) })
    const client = await a.stack.sockets.open({}, { receive() {} })
    for (const family of families) {
      for (let n = 0; n < 60; n++) assert.ok(client.send(new Uint8Array(100 + n).fill(n), { address: address(family, 2), port: 7 }))
      await sleep(net.env, 10)
      assert.equal(heard.splice(0).map((line) => line.replace('::ffff:', '')), Array.from({ length: 60 }, (_, n) => `${address(family, 1)} ${n} ${100 + n}`))
    }
  })
  await net.stop()
})

test('a flood to neighbours that never answer is bounded, and hinders no one who does', async () => {
  const quota = 4 << 20
  const { net, a, drops } = await world(quota)
  const { buffers } = a.stack.netif
  await net.run(async () => {
    const client = await a.stack.sockets.open({}, { receive() {}, error() {} })
    let sent = 0
    for (let round = 0; round < 50; round++) {
      for (let n = 0; n < 100; n++) {
        for (const family of families) {
          client.send(new Uint8Array(1400), { address: address(family, 100 + n % 40), port: 7 })
          sent++
        }
        assert.ok(buffers.used <= quota / 8 + 8192, `${buffers.used} bytes`)
      }
      await sleep(net.env, 1)
      if (round === 25) {
        for (const [n, layer] of [a.stack.ipv4, a.stack.ipv6].entries()) {
          assert.is((await layer.ping(address(families[n]!, 3), { size: 60_000 })).received, 1)
        }
      }
    }
    await sleep(net.env, 10_000)
    assert.is(buffers.live, 0)
    assert.is(Object.values(drops()).reduce((sum, n) => sum + n, 0), sent, JSON.stringify(drops()))
    for (const why of ['arp: no answer', 'arp: too much waits for neighbours', 'nd: neighbour does not answer', 'nd: too much waits for neighbours']) assert.ok(drops()[why]! > 0, why)
  })
  await net.stop()
})

test.run()
