/** Any bytes that might come from routers and queriers. */

import { ethernet } from '@favonius/ethernet/bare'
import { address, ipv6 as makeAddress, networkOf, prefix } from '@favonius/inet'
import { ip } from '@favonius/ip'
import { ipv6 } from '@favonius/ipv6'
import { mld } from '@favonius/ipv6/mld'
import { slaac } from '@favonius/ipv6/slaac'
import { readRouterAdvertisement, routerAdvertisementSize, writeRouterAdvertisement, type RouterAdvertisement } from '@favonius/ipv6/wire'
import { Arena, netbufIn } from '@favonius/netbuf'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { a16, bytes, frame, icmp, linkOption, message, packet } from './craft.ts'
import { Lan, MAC1, MAC2, virtual } from './lan.ts'

const test = suite('ipv6: any bytes of routers', { timeout: 60_000 })

const said: RouterAdvertisement = {
  hopLimit: 64, managed: true, other: false, preference: 'high', lifetime: 1_800_000, reachableTime: 30_000, retransTimer: 1000, link: MAC2, mtu: 1400,
  prefixes: ['2001:db8:1::/64', '2001:db8:2::/64'].map((text) => ({ prefix: prefix(text), onLink: true, autonomous: true, validLifetime: 7_200_000, preferredLifetime: 3_600_000 })),
  routes: [{ prefix: prefix('2001:db8:3::/48'), preference: 'low', lifetime: 60_000 }, { prefix: prefix('::/0'), preference: 'medium', lifetime: 60_000 }],
  nameServers: [{ servers: [address('2001:db8::53'), address('fe80::53')], lifetime: 60_000 }], searchLists: [{ domains: ['example.org', 'a.b'], lifetime: 60_000 }],
  contexts: [{ id: 3, prefix: prefix('2001:db8::/64'), compress: true, lifetime: 60_000 }, { id: 4, prefix: prefix('2001:db8::1/128'), compress: false, lifetime: 0 }],
}
const advertised = new Uint8Array(routerAdvertisementSize(said))
writeRouterAdvertisement(said, new DataView(advertised.buffer), 0)
/** A message behind a router alert. */
const alerted = (to: string, type: number, body: Uint8Array): Uint8Array =>
  packet({ source: 'fe80::99', destination: to, next: 0, hopLimit: 1, payload: bytes(58, 0, 5, 2, 0, 0, 1, 0, icmp('fe80::99', to, type, 0, body)) })
const samples = [
  message('fe80::99', 'ff02::1', 134, 0, advertised.subarray(4)), message('fe80::98', 'ff02::2', 133, 0, bytes(0, 0, 0, 0, linkOption(1, MAC2))),
  alerted('ff02::1', 130, bytes(0, 100, 0, 0, a16('::'))), alerted('ff02::1', 130, bytes(0, 100, 0, 0, a16('::'), 2, 125, 0, 0)), alerted('ff05::7', 131, bytes(0, 0, 0, 0, a16('ff05::7'))),
]

test('20 000 mutated words of routers and queriers: nothing is thrown or leaked, and every table stays within its bound', async () => {
  const env = virtual({ seed: 11 })
  const lan = new Lan(env)
  const stack = compose(env, netbufIn(new Arena(), { debug: true }), ethernet(), ip({ maxRoutes: 12 }), ipv6({ maxAddresses: 6 }), slaac({ temporary: true, identifier: 'stable' }), mld())
  const station = lan.station()
  const eth0 = stack.netif.add(station)
  await env.run(() => eth0.up())
  stack.ipv6.join(eth0, address('ff05::7'))
  const { random } = env
  for (let n = 0; n < 20_000; n++) {
    const sample = samples[n % 8 < 4 ? 0 : n % samples.length]!.slice()
    for (let flips = random.uint32() % 4; flips > 0; flips--) sample[44 + (random.uint32() % (sample.length - 44))] = random.uint32()
    const cut = random.uint32() % 10 === 0 ? sample.subarray(0, 40 + (random.uint32() % (sample.length - 39))) : sample
    station.receive(frame(cut, station.address), 2)
    if (n % 20 !== 0) continue
    env.advance(random.uint32() % 60_000)
    lan.log.length = 0
    assert.ok(stack.routers.routers.length <= 2 && stack.routers.routes.length <= 4 && stack.routers.nameServers.length <= 3 && stack.routers.searchDomains.length <= 3)
    assert.ok(eth0.addresses.length <= 6 && stack.ip.routes.length <= 12 && stack.nd.neighbors.length <= 8)
    for (const { domain } of stack.routers.searchDomains) assert.match(domain, /^[\w.-]+$/)
  }
  await stack.stop()
  env.advance(1000)
  assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
  assert.is(env.armed, 0)
})

/** Addresses as text, and what never ends as such, so that two records can be compared. */
function shown(_key: string, value: unknown): unknown {
  if (value === Infinity) return 'for ever'
  return value !== null && typeof value === 'object' && ('w0' in value || 'hi' in value) ? String(value) : value
}

test('RFC 4861 §4.2: what is written of an advertisement is read again', () => {
  const lifetime = fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 0xfffffffe }).map((s) => s * 1000))
  const preference = fc.constantFrom('low' as const, 'medium' as const, 'high' as const)
  const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  const network = fc.tuple(fc.integer({ min: 0, max: 128 }), word, word, word, word).map(([length, w0, w1, w2, w3]) => ({ address: networkOf(makeAddress(w0, w1, w2, w3), length), length }))
  const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/)
  const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
  const record: fc.Arbitrary<RouterAdvertisement> = fc.record({
    hopLimit: fc.nat(255), managed: fc.boolean(), other: fc.boolean(), preference, lifetime: fc.integer({ min: 1, max: 65_535 }).map((s) => s * 1000), reachableTime: fc.nat(2 ** 31 - 1),
    retransTimer: fc.nat(2 ** 31 - 1), link: fc.constantFrom(undefined, MAC2), mtu: fc.option(fc.integer({ min: 1280, max: 65_535 }), { nil: undefined }),
    prefixes: fc.array(fc.record({ prefix: network, onLink: fc.boolean(), autonomous: fc.boolean(), validLifetime: lifetime, preferredLifetime: lifetime }), { maxLength: 4 }),
    routes: fc.array(fc.record({ prefix: network, preference, lifetime }), { maxLength: 4 }),
    nameServers: fc.array(fc.record({ servers: fc.array(network.map((one) => one.address), { minLength: 1, maxLength: 3 }), lifetime }), { maxLength: 2 }),
    searchLists: fc.array(fc.record({ domains: fc.array(domain, { minLength: 1, maxLength: 3 }), lifetime }), { maxLength: 2 }),
    contexts: fc.array(fc.record({ id: fc.nat(15), prefix: network, compress: fc.boolean(), lifetime: fc.nat(65_535).map((minutes) => minutes * 60_000) }), { maxLength: 3 }),
  })
  const from = { hopLimit: 255, source: address('fe80::1'), destination: address('ff02::1'), multicast: true }
  fc.assert(fc.property(record, (one) => {
    const room = new DataView(new ArrayBuffer(routerAdvertisementSize(one)))
    writeRouterAdvertisement(one, room, 0)
    assert.is(JSON.stringify(readRouterAdvertisement(room, 0, room.byteLength, from, MAC1), shown), JSON.stringify(one, shown))
  }), { numRuns: 500, seed: 3 })
})

test.run()
