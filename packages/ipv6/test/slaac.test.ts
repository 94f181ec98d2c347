/** A host alone with what routers say: router discovery and stateless address autoconfiguration, to the millisecond. */

import { ethernet } from '@favonius/ethernet/bare'
import { address, eui48, prefix, sameAddress } from '@favonius/inet'
import { ip } from '@favonius/ip'
import { dad, ipv6, type Neighbor } from '@favonius/ipv6'
import { slaac } from '@favonius/ipv6/slaac'
import { routers } from '@favonius/ipv6/routers'
import { routerAdvertisementSize, show, writeRouterAdvertisement, type RouterAdvertisement } from '@favonius/ipv6/wire'
import { Arena, netbufIn } from '@favonius/netbuf'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { advertisement, bytes, frame, linkOption, message } from './craft.ts'
import { Lan, virtual } from './lan.ts'

const test = suite('ipv6: routers and autoconfiguration')

const HOUR = 3_600_000
const DAY = 24 * HOUR
const silent: RouterAdvertisement = {
  hopLimit: 0, managed: false, other: false, preference: 'medium', lifetime: 0, reachableTime: 0, retransTimer: 0, link: undefined, mtu: undefined,
  prefixes: [], routes: [], nameServers: [], searchLists: [], contexts: [],
}
const of = (text: string, validLifetime: number, preferredLifetime: number, how = { onLink: true, autonomous: true }) => ({ prefix: prefix(text), validLifetime, preferredLifetime, ...how })
const R1 = { address: 'fe80::1', link: eui48('00:00:5e:00:53:a1') }
const R2 = { address: 'fe80::2', link: eui48('00:00:5e:00:53:a2') }

/** The packet of an advertisement. */
function packetOf(said: Partial<RouterAdvertisement>, from = R1): Uint8Array {
  const whole = { ...silent, link: from.link, ...said }
  const body = new Uint8Array(routerAdvertisementSize(whole))
  writeRouterAdvertisement(whole, new DataView(body.buffer), 0)
  return message(from.address, 'ff02::1', 134, 0, body.subarray(4))
}

interface Settings {
  readonly slaac?: Parameters<typeof slaac>[0]
  readonly routers?: Parameters<typeof routers>[0]
  readonly dad?: Parameters<typeof dad>[0]
  readonly maxAddresses?: number
  readonly maxRoutes?: number
}

/** A host whose link is up. `hear` delivers an advertisement; `at` are the instants of what it sent of a kind. */
async function alone(settings: Settings = {}, seed = 7) {
  const env = virtual({ seed })
  const lan = new Lan(env)
  const stack = compose(env, netbufIn(new Arena(), { debug: true }), ethernet(), ip({ maxRoutes: settings.maxRoutes ?? 8 }), ipv6({ maxAddresses: settings.maxAddresses ?? 8 }),
    dad(settings.dad), routers(settings.routers), slaac(settings.slaac))
  const station = lan.station()
  const eth0 = stack.netif.add(station, { name: 'eth0' })
  await env.run(() => eth0.up())
  const lines = (): string[] => lan.log.map(({ bytes: sent }) => show(sent.subarray(14)))
  return {
    ...stack, env, lan, station, eth0, lines,
    hear(said: Partial<RouterAdvertisement>, from = R1): void {
      station.receive(frame(packetOf(said, from), station.address))
      env.advance(1)
    },
    raw: (packet: Uint8Array): void => station.receive(frame(packet, station.address)),
    at: (what: RegExp): number[] => lan.log.filter(({ bytes: sent }) => what.test(show(sent.subarray(14)))).map(({ at }) => Math.round(at)),
    addresses: (): string[] => eth0.addresses.slice(1).map((entry) => `${entry.address} ${entry.state}`),
    gateway: (): string | undefined => {
      const hop = stack.ipv6.nextHop(address('2001:db8:ffff::1'))
      return hop && String(hop.address).replace(/%.*/, '')
    },
    drops: () => stack.netif.statistics().drops,
    async end(): Promise<void> {
      await stack.stop()
      assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
      // What is on the wire arrives nowhere.
      env.advance(1000)
      assert.is(env.armed, 0, 'timers are left')
    },
  }
}

test('RFC 4861 §6.3.7, RFC 7559 §2: routers are asked for when the link-local address is there, and ever more slowly, until one answers', async () => {
  const h = await alone()
  h.env.advance(3 * HOUR)
  const asked = h.at(/router solicitation/)
  const first = asked[0]!
  // Duplicate address detection has waited at random; so the first one goes at once.
  assert.is(first, h.at(/neighbor solicitation/)[0]! + 1000)
  const gaps = asked.slice(1).map((at, i) => at - asked[i]!)
  const expected = [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600].map((s) => s * 1000)
  for (const [i, gap] of gaps.entries()) {
    const wanted = expected[Math.min(i, expected.length - 1)]!
    assert.ok(Math.abs(gap - wanted) <= wanted * 0.3, `gap ${i}: ${gap}`)
  }
  assert.ok(gaps.length >= 10)
  assert.match(h.lines().find((line) => line.includes('router solicitation'))!, /^fe80::200:5eff:fe00:5301 > ff02::2: ICMPv6, router solicitation, length 16$/)
  h.hear({ lifetime: 1_800_000 })
  h.lan.log.length = 0
  h.env.advance(1_000_000)
  assert.is(h.at(/router solicitation/).length, 0)
  await h.end()
})

test('RFC 4861 §6.3.7: without duplicate address detection the first one waits at random', async () => {
  const firsts = await Promise.all([1, 2, 3].map(async (seed) => {
    const h = await alone({ dad: { transmits: 0 } }, seed)
    h.env.advance(1000)
    const [first] = h.at(/router solicitation/)
    await h.end()
    return first!
  }))
  assert.is(new Set(firsts).size, 3)
  for (const first of firsts) assert.ok(first > 0 && first < 1000)
})

test('RFC 4861 §6.3.4: what a router says of its link is believed: hop limit, MTU, times, and its link address', async () => {
  const h = await alone()
  h.hear({ lifetime: 1_800_000, hopLimit: 40, mtu: 1400, reachableTime: 60_000, retransTimer: 2000, managed: true, other: true })
  assert.equal(h.ipv6.linkSettings(h.eth0), { hopLimit: 40, mtu: 1400 })
  assert.is(h.nd.retransTimer(h.eth0), 2000)
  assert.ok(h.nd.reachableTime(h.eth0) >= 30_000 && h.nd.reachableTime(h.eth0) <= 90_000)
  const [neighbor] = h.nd.neighbors as readonly Neighbor[]
  assert.is(`${neighbor!.address} ${neighbor!.link} ${neighbor!.state} ${neighbor!.isRouter}`, `fe80::1%1 ${R1.link} STALE true`)
  const [router] = h.routers.routers
  assert.is(`${router!.address} ${router!.preference} ${router!.managed} ${router!.other} ${router!.answers}`, 'fe80::1%1 medium true true true')
  assert.is(h.gateway(), 'fe80::1')
  // Zeros say nothing; what cannot be is passed over.
  h.hear({ lifetime: 1_800_000, mtu: 1279, reachableTime: 3_600_001 })
  assert.equal(h.ipv6.linkSettings(h.eth0), { hopLimit: 40, mtu: 1400 })
  assert.is(h.nd.retransTimer(h.eth0), 2000)
  // A lifetime of 0 ends it at once.
  h.hear({ lifetime: 0 })
  assert.is(h.routers.routers.length, 0)
  assert.is(h.gateway(), undefined)
  await h.end()
})

test('RFC 4861 §6.3.5: a router that is not heard again is one no more', async () => {
  const h = await alone()
  const told: string[] = []
  h.routers.listen(({ type }) => told.push(type))
  h.hear({ lifetime: 30_000 })
  h.env.advance(29_998)
  assert.is(h.gateway(), 'fe80::1')
  h.env.advance(2)
  assert.is(h.gateway(), undefined)
  assert.equal(told, ['routers', 'routers'])
  await h.end()
})

test('RFC 4191 §2, §3: the router that is preferred, and the better way to a prefix', async () => {
  const h = await alone({ routers: { maxRouters: 3 } })
  h.hear({ lifetime: 1_800_000, preference: 'low' })
  h.hear({ lifetime: 1_800_000, preference: 'high', routes: [{ prefix: prefix('2001:db8:b::/48'), preference: 'medium', lifetime: 60_000 }] }, R2)
  assert.is(h.gateway(), 'fe80::2')
  assert.equal(h.routers.routers.map((router) => String(router.address)), ['fe80::2%1', 'fe80::1%1'])
  h.hear({ lifetime: 1_800_000, preference: 'high', routes: [{ prefix: prefix('2001:db8:c::/48'), preference: 'high', lifetime: 60_000 }, { prefix: prefix('::/0'), preference: 'low', lifetime: 60_000 }] })
  const way = (to: string) => String(h.ipv6.nextHop(address(to))!.address)
  assert.is(way('2001:db8:c::1'), 'fe80::1%1')
  assert.is(way('2001:db8:b::1'), 'fe80::2%1')
  h.env.advance(60_000)
  assert.is(way('2001:db8:b::1'), way('2001:db8:ffff::1'), 'its time is over')
  await h.end()
})

test('RFC 4861 §6.3.6, §7.3.3: a router that does not answer comes last, and the next one is used; one that is no router is forgotten', async () => {
  const h = await alone()
  h.ipv6.addAddress(h.eth0, '2001:db8:1::9/64')
  h.env.advance(2000)
  h.hear({ lifetime: 9_000_000 })
  h.hear({ lifetime: 9_000_000 }, R2)
  assert.is(h.gateway(), 'fe80::1')
  // Neighbour unreachability detection, prompted by traffic: 5 s of delay, three probes.
  void h.ipv6.ping('2001:db8:ffff::1', { count: 1, timeout: 100 })
  h.env.advance(20_000)
  assert.is(h.gateway(), 'fe80::2')
  assert.equal(h.routers.routers.map(({ address: of, answers }) => `${of} ${answers}`), ['fe80::2%1 true', 'fe80::1%1 false'])
  void h.ipv6.ping('2001:db8:ffff::1', { count: 1, timeout: 100 })
  h.env.advance(20_000)
  // Neither answers: they are tried in turn.
  assert.is(h.gateway(), 'fe80::1')
  h.hear({ lifetime: 9_000_000 }, R2)
  assert.is(h.gateway(), 'fe80::2', 'it is heard again')
  h.raw(advertisement('fe80::2', 'ff02::1', 'fe80::2', 0x20, linkOption(2, R2.link)))
  h.env.advance(1)
  assert.is(h.gateway(), 'fe80::1', 'its advertisement says that it is a host')
  await h.end()
})

test('RFC 4861 §6.1.2: an advertisement that is not from the link, or is cut short, is dropped and counted', async () => {
  const h = await alone()
  const good = packetOf({ lifetime: 1_800_000 })
  const forwarded = message('fe80::1', 'ff02::1', 134, 0, good.subarray(44), 254)
  const global = message('2001:db8::1', 'ff02::1', 134, 0, good.subarray(44))
  const zero = message('fe80::1', 'ff02::1', 134, 0, bytes(good.subarray(44, 56), 3, 0))
  const short = message('fe80::1', 'ff02::1', 134, 0, good.subarray(44, 52))
  const code = message('fe80::1', 'ff02::1', 134, 1, good.subarray(44))
  for (const packet of [forwarded, global, zero, short, code]) h.raw(packet)
  assert.is(h.drops()['routers: invalid advertisement'], 5)
  assert.is(h.routers.routers.length, 0)
  await h.end()
})

test('limits: routers, prefixes, addresses, routes; what there is no room for is counted, and a better router takes the place of the worst', async () => {
  const h = await alone({ routers: { maxRouters: 1, maxPrefixes: 2, maxNameServers: 1 }, maxAddresses: 2, maxRoutes: 3 })
  h.hear({
    lifetime: 1_800_000,
    prefixes: ['2001:db8:1::/64', '2001:db8:2::/64', '2001:db8:3::/64'].map((text) => of(text, DAY, DAY)),
    nameServers: [{ servers: [address('2001:db8::53'), address('2001:db8::54')], lifetime: 60_000 }],
  })
  assert.is(h.drops()['routers: no room for what a router advertises'], 2)
  assert.is(h.drops()['slaac: no room for another address'], 2)
  assert.is(h.slaac.addresses.length, 1)
  h.hear({ lifetime: 1_800_000 }, R2)
  assert.is(h.gateway(), 'fe80::1')
  h.hear({ lifetime: 1_800_000, preference: 'high' }, R2)
  assert.is(h.gateway(), 'fe80::2')
  assert.is(h.routers.routers.length, 1)
  await h.end()
})

test('RFC 5942 §4: what is not advertised as on-link goes by the router, an address in it or not', async () => {
  const h = await alone()
  h.hear({ lifetime: 1_800_000, prefixes: [of('2001:db8:1::/64', DAY, DAY, { onLink: false, autonomous: true }), of('2001:db8:2::/64', DAY, DAY, { onLink: true, autonomous: false })] })
  h.env.advance(3000)
  assert.equal(h.addresses(), ['2001:db8:1:0:200:5eff:fe00:5301 preferred'])
  assert.is(String(h.ipv6.nextHop(address('2001:db8:1::2'))!.address), 'fe80::1%1')
  assert.is(String(h.ipv6.nextHop(address('2001:db8:2::2'))!.address), '2001:db8:2::2')
  // An address by hand brings the route too; when it goes, the router's word still stands, and the other way round.
  h.ipv6.addAddress(h.eth0, '2001:db8:2::9/64')
  h.ipv6.removeAddress(h.eth0, '2001:db8:2::9')
  assert.is(String(h.ipv6.nextHop(address('2001:db8:2::2'))!.address), '2001:db8:2::2')
  h.ipv6.addAddress(h.eth0, '2001:db8:2::9/64')
  h.hear({ lifetime: 1_800_000, prefixes: [of('2001:db8:2::/64', 0, 0)] })
  assert.is(String(h.ipv6.nextHop(address('2001:db8:2::2'))!.address), '2001:db8:2::2')
  await h.end()
})

test('RFC 4862 §5.5.3, §5.5.4: addresses form, are renewed, deprecate and expire on schedule', async () => {
  const h = await alone()
  const heard = h.env.clock.now()
  h.hear({ lifetime: 1_800_000, prefixes: [of('2001:db8:1::/64', 3 * HOUR, HOUR), of('2001:db8:2::/64', Infinity, Infinity)] })
  assert.equal(h.addresses(), ['2001:db8:1:0:200:5eff:fe00:5301 tentative', '2001:db8:2:0:200:5eff:fe00:5301 tentative'])
  h.env.advance(2100)
  assert.equal(h.addresses(), ['2001:db8:1:0:200:5eff:fe00:5301 preferred', '2001:db8:2:0:200:5eff:fe00:5301 preferred'])
  const events: string[] = []
  h.netif.listen((event) => {
    if (event.type === 'address-changed' || event.type === 'address-removed') events.push(`${event.entry.address} ${event.type === 'address-removed' ? 'gone' : event.entry.state} ${(h.env.clock.now() - heard) / HOUR}`)
  })
  h.env.advance(4 * HOUR)
  assert.equal(events, ['2001:db8:1:0:200:5eff:fe00:5301 deprecated 1', '2001:db8:1:0:200:5eff:fe00:5301 gone 3'])
  assert.equal(h.slaac.addresses.map((made) => String(made.address)), ['2001:db8:2:0:200:5eff:fe00:5301'])
  await h.end()
})

test('RFC 4862 §5.5.3 e: who is on the link cannot end an address sooner than in two hours', async () => {
  const h = await alone()
  const left = (): number => Math.round((h.eth0.addresses[1]!.validUntil - h.env.clock.now()) / 60_000)
  const hear = (valid: number, preferred = 0): void => h.hear({ lifetime: 1_800_000, prefixes: [of('2001:db8:1::/64', valid, preferred)] })
  hear(10 * HOUR, HOUR)
  h.env.advance(3000)
  hear(HOUR)
  assert.is(left(), 120, 'an hour is less than two')
  assert.is(h.eth0.addresses[1]!.state, 'deprecated', 'the preferred lifetime is as it was told')
  h.env.advance(HOUR)
  hear(60_000)
  assert.is(left(), 60, 'less than two hours are left: nothing changes')
  hear(HOUR + 60_000)
  assert.is(left(), 61, 'more than is left')
  hear(3 * HOUR, HOUR)
  assert.is(left(), 180)
  assert.is(h.eth0.addresses[1]!.state, 'preferred')
  hear(0)
  assert.is(left(), 120)
  await h.end()
})

test('RFC 4862 §5.5.3 a–d: no address of a prefix that is not autonomous, link-local, of another length, or preferred for longer than it is valid', async () => {
  const h = await alone()
  h.hear({ lifetime: 1_800_000, prefixes: [
    of('2001:db8:1::/64', DAY, DAY, { onLink: true, autonomous: false }), of('fe80::/64', DAY, DAY), of('2001:db8:2::/56', DAY, DAY), of('2001:db8:3::/64', HOUR, DAY),
    of('2001:db8:4::/64', 0, 0),
  ] })
  assert.equal(h.addresses(), [])
  assert.is(h.drops()['slaac: prefix that is not 64 bits long'], 1)
  assert.is(h.drops()['slaac: prefix that is preferred for longer than it is valid'], 1)
  await h.end()
})

test('RFC 7217 §5: stable identifiers are of the prefix, the interface and the secret, and of nothing else', async () => {
  const made = async (settings: Settings['slaac'], seed: number, text = '2001:db8:1::/64'): Promise<string[]> => {
    const h = await alone({ slaac: { identifier: 'stable', ...settings } }, seed)
    h.hear({ lifetime: 1_800_000, prefixes: [of(text, DAY, DAY)] })
    h.env.advance(3000)
    const addresses = h.eth0.addresses.map((entry) => String(entry.address).replace(/%.*/, ''))
    await h.end()
    return addresses
  }
  const [local, global] = await made({ secret: 'a secret' }, 1)
  assert.not.match(local!, /5eff:fe/)
  assert.not.match(global!, /5eff:fe/)
  assert.equal(await made({ secret: 'a secret' }, 2), [local, global])
  assert.is.not((await made({ secret: 'a secret' }, 1, '2001:db8:2::/64'))[1]!.split(':').slice(-4).join(), global!.split(':').slice(-4).join())
  assert.is.not((await made({ secret: 'a Secret' }, 1))[1], global)
  assert.is.not((await made({}, 1))[1], (await made({}, 2))[1])
})

test('RFC 7217 §6, §7: where a stable address is in use, another is made a second later, at most three times', async () => {
  const h = await alone({ slaac: { identifier: 'stable', secret: 'x' }, dad: { maxDelay: 0 } })
  h.hear({ lifetime: 1_800_000, prefixes: [of('2001:db8:1::/64', DAY, DAY)] })
  const tried: string[] = []
  for (let i = 0; i < 6; i++) {
    const entry = h.eth0.addresses[1]
    if (entry?.state === 'tentative') {
      tried.push(String(entry.address))
      h.raw(advertisement(String(entry.address), 'ff02::1', String(entry.address), 0x20, linkOption(2, R2.link)))
    }
    h.env.advance(1001)
  }
  assert.is(new Set(tried).size, 4)
  assert.is(h.eth0.addresses[1]!.state, 'duplicate')
  // What is made of the link address would be the same again.
  const eui = await alone({ dad: { maxDelay: 0 } })
  eui.hear({ lifetime: 1_800_000, prefixes: [of('2001:db8:1::/64', DAY, DAY)] })
  eui.raw(advertisement('2001:db8:1:0:200:5eff:fe00:5301', 'ff02::1', '2001:db8:1:0:200:5eff:fe00:5301', 0x20, linkOption(2, R2.link)))
  eui.env.advance(5000)
  assert.equal(eui.addresses(), ['2001:db8:1:0:200:5eff:fe00:5301 duplicate'])
  await eui.end()
  await h.end()
})

test('RFC 8981 §3.4 to §3.6: temporary addresses come beside, are sent from, and follow each other', async () => {
  const h = await alone({ slaac: { temporary: true } })
  const hear = (): void => h.hear({ lifetime: 9_000_000, prefixes: [of('2001:db8:1::/64', 10 * DAY, 5 * DAY)] })
  hear()
  h.env.advance(3000)
  const temporary = () => h.eth0.addresses.filter((entry) => entry.temporary)
  assert.is(temporary().length, 1)
  const [first] = temporary()
  assert.is(String(h.ipv6.sourceFor(address('2001:db8:1::2'), h.eth0)), String(first!.address))
  const lasts = first!.preferredUntil - h.env.clock.now()
  assert.ok(lasts > 0.6 * 82_800_000 - 3001 && lasts <= 82_800_000, `${lasts}`)
  // The next one is made 5 s before the first is deprecated; advertisements do not make it live longer.
  let most = 0
  const seen = new Set<string>()
  for (let hours = 0; hours < 80; hours++) {
    hear()
    h.env.advance(HOUR - 1)
    for (const entry of temporary()) seen.add(String(entry.address))
    most = Math.max(most, temporary().length)
    assert.ok(temporary().some((entry) => entry.state === 'preferred'), `there is one at hour ${hours}`)
    for (const entry of temporary()) assert.ok(entry.validUntil - h.env.clock.now() <= DAY)
  }
  assert.ok(seen.size >= 4 && seen.size <= 7, `${seen.size} in 80 hours`)
  assert.is(most, 2)
  await h.end()
})

test('RFC 8106 §5.3.1: name servers and search domains, for their time; those of a link-local address are of this link', async () => {
  const h = await alone()
  const told: string[] = []
  h.routers.listen(({ type }) => told.push(type))
  const dns = (lifetime: number): Partial<RouterAdvertisement> => ({
    nameServers: [{ servers: [address('2001:db8::53'), address('fe80::53')], lifetime }], searchLists: [{ domains: ['example.org', 'corp.example'], lifetime }],
  })
  h.hear(dns(60_000))
  assert.equal(h.routers.nameServers.map((server) => String(server.address)), ['2001:db8::53', 'fe80::53%1'])
  assert.equal(h.routers.searchDomains.map(({ domain }) => domain), ['example.org', 'corp.example'])
  h.hear(dns(60_000))
  assert.equal(told, ['nameServers', 'nameServers', 'searchDomains', 'searchDomains'], 'what is known already is no news')
  h.env.advance(60_000)
  assert.is(h.routers.nameServers.length + h.routers.searchDomains.length, 0)
  h.hear(dns(60_000))
  h.hear(dns(0))
  assert.is(h.routers.nameServers.length, 0)
  await h.end()
})

test('an interface that is taken down forgets what it was told, and asks anew when it is back', async () => {
  const h = await alone()
  h.hear({ lifetime: 1_800_000, prefixes: [of('2001:db8:1::/64', DAY, DAY)], nameServers: [{ servers: [address('2001:db8::53')], lifetime: DAY }] })
  h.env.advance(3000)
  h.eth0.down()
  assert.is(h.routers.routers.length + h.routers.routes.length + h.routers.nameServers.length + h.slaac.addresses.length, 0)
  assert.equal(h.ip.routes, [])
  h.lan.log.length = 0
  await h.env.run(() => h.eth0.up())
  h.env.advance(1000)
  assert.is(h.at(/router solicitation/).length, 1)
  await h.end()
})

test('a thousand routers with a prefix each: the tables stay as they are bounded, and nothing is thrown', async () => {
  const h = await alone({ routers: { maxRouters: 2, maxPrefixes: 4 }, maxAddresses: 4 })
  for (let n = 1; n <= 1000; n++) {
    const from = { address: `fe80::${n.toString(16)}`, link: eui48(`00:00:5e:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`) }
    h.hear({ lifetime: 1_800_000, prefixes: [of(`2001:db8:${n.toString(16)}::/64`, DAY, DAY)] }, from)
  }
  assert.is(h.routers.routers.length, 2)
  assert.is(h.routers.routes.length, 4)
  assert.is(h.slaac.addresses.length, 3)
  assert.ok(h.ip.routes.length <= 8)
  assert.ok(h.nd.neighbors.length <= 8)
  assert.ok(sameAddress(h.slaac.addresses[0]!.prefix.address, address('2001:db8:1::')))
  await h.end()
})

test.run()
