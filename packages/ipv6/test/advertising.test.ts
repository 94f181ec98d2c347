/** A router that advertises itself, and hosts that configure themselves by it. */

import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet/bare'
import { address } from '@favonius/inet'
import { ip } from '@favonius/ip'
import { ipv6 } from '@favonius/ipv6'
import { advertising, type AdvertisingOptions } from '@favonius/ipv6/advertising'
import { ipv6Forwarding } from '@favonius/ipv6/forwarding'
import { slaac } from '@favonius/ipv6/slaac'
import { show } from '@favonius/ipv6/wire'
import { simulate } from '@favonius/sim'
import { suite, thrownCode } from '@favonius/testing'
import * as assert from 'uvu/assert'

const test = suite('ipv6: advertising')

const router = [ethernet(), ipv6({ maxAddresses: 4 }), ip({ maxRoutes: 16 }), ipv6Forwarding(), advertising()] as const
const host = [ethernet(), ipv6({ maxAddresses: 4 }), slaac()] as const

/** A router on two links, and a host on each. */
function world(seed = 3) {
  const net = simulate({ seed })
  const [left, right] = [net.ethernet({ latency: 1 }), net.ethernet({ latency: 1 })]
  const r = net.node('r', router, left, right)
  const a = net.node('a', host, left)
  const b = net.node('b', host, right)
  const sent: { readonly at: number; readonly line: string }[] = []
  left.tap((frame, now) => {
    if (frame.dv.getUint16(frame.offset + 12) === 0x86dd) sent.push({ at: now, line: show(frame.view().slice(14)) })
  })
  return {
    net, r, a, b, sent, left,
    advertised: () => sent.filter(({ line }) => line.includes('router advertisement')),
    async end(): Promise<void> {
      await net.stop()
      for (const { stack } of [r, a, b]) assert.is(stack.netif.buffers.live, 0)
    },
  }
}

test('two hosts on two links find the router, make themselves addresses, and reach each other', async () => {
  const { net, r, a, b, end } = world()
  const [left, right] = r.interfaces as [(typeof r.interfaces)[0], (typeof r.interfaces)[0]]
  await net.run(async () => {
    r.stack.ipv6.addAddress(left, '2001:db8:a::1/64')
    r.stack.ipv6.addAddress(right, '2001:db8:b::1/64')
    r.stack.advertising.begin(left, { prefixes: ['2001:db8:a::/64'], nameServers: ['2001:db8:a::1'], searchDomains: ['example.org'] })
    r.stack.advertising.begin(right, { prefixes: ['2001:db8:b::/64'], mtu: 1400 })
    await Promise.all([left.up(), right.up(), a.iface.up(), b.iface.up()])
    await sleep(net.env, 6000)
    const [at] = b.stack.slaac.addresses
    const { received } = await a.stack.ipv6.ping(at!.address, { count: 3 })
    assert.is(received, 3)
    assert.is(b.stack.ipv6.linkSettings(b.iface).mtu, 1400)
    assert.equal(a.stack.routers.nameServers.map((server) => String(server.address)), ['2001:db8:a::1'])
    assert.equal(a.stack.routers.searchDomains.map(({ domain }) => domain), ['example.org'])
    assert.ok(a.stack.nd.neighbors.some(({ isRouter }) => isRouter))
  })
  await end()
})

test('RFC 4861 §6.2.4: the first three at most 16 s apart, then at random between the bounds', async () => {
  const { net, r, a, advertised, end } = world()
  const left = r.interfaces[0]!
  a.iface.down()
  await net.run(async () => {
    r.stack.advertising.begin(left, { maxInterval: 600_000, minInterval: 200_000 })
    await left.up()
    await sleep(net.env, 20 * 600_000)
  })
  const gaps = advertised().map(({ at }) => at).map((at, i, all) => (i === 0 ? 0 : at - all[i - 1]!)).slice(1)
  assert.equal(gaps.slice(0, 2), [16_000, 16_000])
  for (const gap of gaps.slice(2)) assert.ok(gap >= 200_000 && gap <= 600_000, `${gap}`)
  assert.ok(new Set(gaps.slice(2)).size > 10)
  await end()
})

test('RFC 4861 §6.2.6: who asks is answered within half a second; many who ask, no more often than every 3 s', async () => {
  const { net, r, a, advertised, end } = world()
  const left = r.interfaces[0]!
  await net.run(async () => {
    r.stack.advertising.begin(left, { prefixes: ['2001:db8:a::/64'] })
    await Promise.all([left.up(), a.iface.up()])
    await sleep(net.env, 100_000)
    const asked = net.env.clock.now()
    a.stack.routers.solicit(a.iface)
    await sleep(net.env, 1000)
    const { at } = advertised().at(-1)!
    assert.ok(at > asked && at - asked <= 502, `${at - asked}`)
    const before = advertised().length
    for (let i = 0; i < 300; i++) {
      a.stack.routers.solicit(a.iface)
      await sleep(net.env, 100)
    }
    const answers = advertised().slice(before).map((one) => one.at)
    assert.ok(answers.length >= 8 && answers.length <= 10, `${answers.length} in 30 s`)
    for (const [i, when] of answers.entries()) if (i > 0) assert.ok(when - answers[i - 1]! >= 3000)
  })
  await end()
})

test('RFC 4861 §6.2.5: who ceases to be a router says so, and hosts have none any more; a stack that stops too', async () => {
  const { net, r, a, advertised, end } = world()
  const left = r.interfaces[0]!
  await net.run(async () => {
    r.stack.advertising.begin(left, { prefixes: ['2001:db8:a::/64'] })
    await Promise.all([left.up(), a.iface.up()])
    await sleep(net.env, 5000)
    assert.is(a.stack.routers.routers.length, 1)
    r.stack.advertising.end(left)
    await sleep(net.env, 10)
    assert.is(a.stack.routers.routers.length, 0)
    assert.match(advertised().at(-1)!.line, /lifetime 0 s, prefix 2001:db8:a::\/64 \[LA\]/)
    r.stack.advertising.begin(left, { prefixes: ['2001:db8:a::/64'] })
    await sleep(net.env, 100)
    assert.is(a.stack.routers.routers.length, 1)
    await r.stack.stop()
    await sleep(net.env, 10)
    assert.is(a.stack.routers.routers.length, 0)
  })
  await end()
})

test('RFC 4861 §6.2.7: a router is told nothing by another', async () => {
  const net = simulate({ seed: 1 })
  const lan = net.ethernet({ latency: 1 })
  const one = net.node('one', router, lan)
  const two = net.node('two', [...router, slaac()], lan)
  await net.run(async () => {
    await Promise.all([one.iface.up(), two.iface.up()])
    one.stack.advertising.begin(one.iface, { prefixes: ['2001:db8:a::/64'] })
    await sleep(net.env, 5000)
    assert.is(two.stack.routers.routers.length, 0)
    assert.ok(two.stack.netif.statistics().drops['routers: advertisement to a router']! > 0)
    // Left out of forwarding, it is a host there.
    two.stack.ipv6Forwarding.setForwarding(two.iface, false)
    two.stack.routers.solicit(two.iface)
    await sleep(net.env, 5000)
    assert.is(two.stack.routers.routers.length, 1)
  })
  await net.stop()
})

test('what cannot be advertised is refused, with what can', async () => {
  const { net, r, end } = world()
  const left = r.interfaces[0]!
  const code = (options: AdvertisingOptions): string | undefined => thrownCode(() => r.stack.advertising.begin(left, options))
  for (const options of [
    { maxInterval: 3999 }, { maxInterval: 1_800_001 }, { minInterval: 2999 }, { minInterval: 500_000 }, { lifetime: 1 }, { lifetime: 9_000_001 }, { hopLimit: 256 }, { mtu: 1279 },
    { prefixes: ['fe80::/64'] }, { prefixes: ['ff02::/16'] }, { prefixes: ['192.0.2.0/24'] }, { prefixes: [{ prefix: '2001:db8::/64', validLifetime: 1, preferredLifetime: 2 }] },
    { nameServers: ['192.0.2.1'] }, { searchDomains: ['a b'] }, { searchDomains: [`${'a'.repeat(64)}.org`] },
  ] satisfies AdvertisingOptions[]) assert.is(code(options), 'EINVAL', JSON.stringify(options))
  assert.is(r.stack.nd.isRouter(left), true)
  assert.is(r.stack.ipv6.nextHop(address('2001:db8:ffff::1')), undefined)
  await net.run(async () => {})
  await end()
})

test.run()
