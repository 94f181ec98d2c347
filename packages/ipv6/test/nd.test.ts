import { suite } from '@favonius/testing'
import { address, PROTOCOL_UDP } from '@favonius/inet'
import { show } from '@favonius/ipv6/wire'
import * as assert from 'uvu/assert'
import { a16, advertisement, bytes, echo, linkOption, message, solicitation } from './craft.ts'
import { end, host, Lan, MAC1, MAC2, single, virtual, type Host } from './lan.ts'

const test = suite('nd: on a link')

const PEER = '2001:db8::99'
const US = '2001:db8::1'
const udp = { protocol: PROTOCOL_UDP }

const send = (a: Host, to: string, text = 'x'): boolean => {
  const route = a.ipv6.route(address(to), udp)!
  const packet = a.netbuf.alloc(8 + text.length, route.headroom)!
  packet.write(bytes(0, 1, 0, 2, 0, 8 + text.length, 0, 0, new TextEncoder().encode(text)))
  return route.send(packet)
}
const states = (a: Host): string[] => a.nd.neighbors.map((n) => `${n.address} ${n.state}${n.isRouter ? ' router' : ''}`)

test('RFC 4861 §7.2.4: a solicitation is answered to who asked, and who asked is remembered', async () => {
  const s = await single()
  const said = s.hear(solicitation('2001:db8::77', US, linkOption(1, MAC2)))
  assert.equal(said, [`${US} > 2001:db8::77: ICMPv6, neighbor advertisement, tgt is ${US}, flags [solicited, override], length 32`])
  const frame = s.lan.log[0]!.bytes
  assert.is(frame[14 + 7], 255, 'hop limit')
  assert.equal(frame.slice(0, 6), bytes(0, 0, 0x5e, 0, 0x53, 2))
  assert.equal(frame.slice(-8), linkOption(2, s.a.station.address))
  assert.ok(states(s.a).includes('2001:db8::77 DELAY'), 'it was sent to, so it will be probed')
  assert.is(s.counters().ipv6_nd!.recv, 1)
  await s.end()
})

test('RFC 4861 §7.2.4: one from :: is answered to all nodes', async () => {
  const s = await single()
  assert.equal(s.hear(solicitation('::', US)), [`${US} > ff02::1: ICMPv6, neighbor advertisement, tgt is ${US}, flags [override], length 32`])
  await s.end()
})

test('a router says that it is one', async () => {
  const s = await single()
  s.a.nd.setRouter(s.a.eth0, true)
  assert.match(s.hear(solicitation(PEER, US))[0]!, 'flags [router, solicited, override]')
  await s.end()
})

test('what is not for us, or not valid, is not answered', async () => {
  const s = await single()
  const far = solicitation(PEER, US)
  far[7] = 64
  assert.equal(s.hear(far, solicitation(PEER, '2001:db8::1:2:3:1', bytes(), 'ff02::1'), solicitation(PEER, US, bytes(9, 0, 0, 0, 0, 0, 0, 0))), [])
  assert.is(s.counters().ipv6_nd!.drop, 2)
  assert.is(s.drops()['nd: invalid message'], 2)
  await s.end()
})

test('RFC 4861 §7.2.2: nobody answers: the transport is told, and the packet is not lost track of', async () => {
  const s = await single()
  assert.ok(send(s.a, '2001:db8::42', 'first'))
  for (let n = 0; n < 63; n++) assert.ok(send(s.a, '2001:db8::42', 'another'))
  assert.ok(send(s.a, '2001:db8::42', 'newest'))
  assert.is(s.drops()['nd: a newer packet to the same neighbour waits'], 1)
  s.env.advance(2999)
  assert.is(s.udp.errors.length, 0)
  s.env.advance(1)
  assert.equal(s.udp.errors.map(({ error, about }) => `${error.code} ${error.from} ${about}`), Array(64).fill(`EHOSTUNREACH ${US} ${US} > 2001:db8::42`))
  assert.is(new TextDecoder().decode(s.udp.errors[63]!.quoted.subarray(8)), 'newest')
  assert.is(s.drops()['nd: neighbour does not answer'], 64)
  assert.equal(s.lan.log.map(({ bytes: b }) => show(b.subarray(14))), Array(3).fill(`${US} > ff02::1:ff00:42: ICMPv6, neighbor solicitation, who has 2001:db8::42, length 32`))
  assert.is(s.a.netbuf.live, 0)
  await s.end()
})

test('RFC 4861 §7.2.2: the solicitation comes from the address that the packet comes from', async () => {
  const s = await single({ ipv6: { maxAddresses: 3 } })
  s.a.ipv6.addAddress(s.a.eth0, '2001:db8::1:1/64')
  s.env.advance(2000)
  s.lan.log.length = 0
  const route = s.a.ipv6.route(address('2001:db8::42'), { ...udp, source: address('2001:db8::1:1') })!
  const packet = s.a.netbuf.alloc(8, route.headroom)!
  packet.add(8)
  route.send(packet)
  assert.match(show(s.lan.log[0]!.bytes.subarray(14)), '2001:db8::1:1 > ff02::1:ff00:42: ICMPv6, neighbor solicitation')
  await s.end()
})

test('RFC 4861 §7.3.3 between two hosts: reachable, stale, probed, and gone when the other is away', async () => {
  const env = virtual({ seed: 21 })
  const lan = new Lan(env)
  const a = host(env, lan)
  const b = host(env, lan)
  a.ipv6.addAddress(a.eth0, '2001:db8::1/64')
  b.ipv6.addAddress(b.eth0, '2001:db8::2/64')
  await env.run(async () => {
    await Promise.all([a.eth0.up(), b.eth0.up()])
    await a.ipv6.ping('2001:db8::2')
  })
  const her = address('2001:db8::2')
  const lasts = a.nd.reachableTime(a.eth0)
  assert.ok(lasts >= 15_000 && lasts < 45_000, 'RFC 4861 §6.3.2: 0.5 to 1.5 times 30 s')
  assert.is(a.nd.find(a.eth0, her)!.state, 'REACHABLE')
  env.advance(lasts)
  assert.is(a.nd.find(a.eth0, her)!.state, 'STALE')
  send(a, '2001:db8::2')
  assert.is(a.nd.find(a.eth0, her)!.state, 'DELAY')
  env.advance(5001)
  env.advance(2)
  assert.is(a.nd.find(a.eth0, her)!.state, 'REACHABLE', 'it answered the probe')
  env.advance(lasts)
  send(a, '2001:db8::2')
  a.nd.confirm(a.eth0, her)
  assert.is(a.nd.find(a.eth0, her)!.state, 'REACHABLE', 'an upper layer knows')
  env.advance(lasts)
  b.station.carrier(false)
  lan.lose = () => true
  const gone: string[] = []
  a.nd.listen((n, why) => gone.push(`${n.address} ${why}`))
  send(a, '2001:db8::2')
  env.advance(7999)
  assert.equal([a.nd.find(a.eth0, her)!.state, gone], ['PROBE', []])
  env.advance(1)
  assert.equal([a.nd.find(a.eth0, her), gone], [undefined, ['2001:db8::2 unreachable']])
  await end(env, a, b)
})

test('neighbours are listed, added, removed and flushed', async () => {
  const s = await single()
  assert.equal(states(s.a), ['2001:db8::99 STATIC', 'fe80::99%1 STATIC'])
  s.hear(solicitation('fe80::5', US, linkOption(1, MAC2)))
  assert.equal(states(s.a), ['2001:db8::99 STATIC', 'fe80::99%1 STATIC', 'fe80::5%1 DELAY'])
  s.a.nd.flush()
  s.a.nd.remove(s.a.eth0, address('fe80::99'))
  assert.equal(states(s.a), ['2001:db8::99 STATIC'])
  assert.throws(() => s.a.nd.add(s.a.eth0, address('ff02::1'), MAC1), /cannot be a neighbour/)
  await s.end()
})

test('CONFIG_NET_IPV6_MAX_NEIGHBORS is an option of ipv6()', async () => {
  const s = await single({ ipv6: { maxNeighbors: 3 } })
  for (let n = 0; n < 10; n++) s.hear(solicitation(`fe80::${n + 100}`, US, linkOption(1, MAC2)))
  assert.equal(states(s.a), ['2001:db8::99 STATIC', 'fe80::99%1 STATIC', 'fe80::109%1 DELAY'])
  send(s.a, '2001:db8::50')
  send(s.a, '2001:db8::51')
  assert.is(s.drops()['nd: its neighbour made room for another'], 1)
  await s.end()
})

test('a link that goes away takes what was learned with it', async () => {
  const s = await single()
  s.hear(solicitation('fe80::5', US, linkOption(1, MAC2)))
  send(s.a, '2001:db8::42')
  s.a.station.carrier(false)
  assert.equal(states(s.a), ['2001:db8::99 STATIC', 'fe80::99%1 STATIC'])
  assert.is(s.drops()['nd: its neighbour was forgotten'], 1)
  assert.is(s.a.netbuf.live, 0)
  await s.end()
})

test('RFC 4861 §7.2.5: an advertisement for an address of ours is a conflict', async () => {
  const s = await single()
  const seen: string[] = []
  s.a.netif.listen((event) => {
    if (event.type === 'address-conflict') seen.push(`${event.address} by ${event.by}`)
  })
  s.hear(advertisement(US, 'ff02::1', US, 0x20, linkOption(2, MAC2)))
  assert.equal(seen, [`${US} by 00:00:5e:00:53:02`])
  s.hear(advertisement(US, 'ff02::1', US, 0x20, linkOption(2, s.a.station.address)))
  assert.is(seen.length, 1, 'our own, come back, is none')
  assert.ok(s.a.ipv6.owns(address(US)))
  await s.end()
})

test('RFC 4861 §8.3: a redirect of the first hop leads elsewhere, one of anybody else does not', async () => {
  const s = await single()
  s.a.ipv6.setGateway(s.a.eth0, 'fe80::99')
  const far = '2001:db8:7::1'
  const by = (): string => String(s.a.ipv6.route(address(far), udp)!.nextHop)
  const redirect = (from: string): Uint8Array => message(from, US, 137, 0, bytes(0, 0, 0, 0, a16('fe80::98'), a16(far), linkOption(2, MAC2)))
  const kept = s.a.ipv6.route(address(far), udp)!
  s.hear(redirect('fe80::66'))
  assert.is(s.drops()['nd: redirect not from the first hop'], 1)
  assert.is(by(), 'fe80::99')
  s.hear(redirect('fe80::99'))
  assert.is(by(), 'fe80::98')
  assert.not(kept.valid())
  assert.ok(states(s.a).includes('fe80::98%1 STALE router'))
  send(s.a, far)
  s.env.advance(8000)
  assert.is(by(), 'fe80::99', 'RFC 4861 §7.3.3: when the better hop does not answer, it is chosen anew')
  await s.end()
})

test('RFC 4861 §6.3.2: the random factor of the reachable time is drawn anew every few hours', async () => {
  const s = await single()
  const first = s.a.nd.reachableTime(s.a.eth0)
  s.env.advance(60_000)
  assert.is(s.a.nd.reachableTime(s.a.eth0), first)
  s.env.advance(3 * 3_600_000)
  assert.is.not(s.a.nd.reachableTime(s.a.eth0), first)
  await s.end()
})

test('RFC 4861 §6.3.4: times may be set for a link; 0 leaves them as they are', async () => {
  const s = await single()
  s.a.nd.setTimes(s.a.eth0, { reachableTime: 1000, retransTimer: 100 })
  s.a.nd.setTimes(s.a.eth0, { reachableTime: 0, retransTimer: 0 })
  assert.ok(s.a.nd.reachableTime(s.a.eth0) <= 1500)
  send(s.a, '2001:db8::42')
  s.env.advance(300)
  assert.is(s.udp.errors.length, 1)
  await s.end()
})

test('an address that is not resolved costs an echo request nothing more than a reply', async () => {
  const s = await single()
  for (let n = 0; n < 50; n++) s.hear(echo(`2001:db8::${1000 + n}`, US))
  assert.ok(s.a.netbuf.live <= 8, 'parked packets are bounded by the cache')
  s.env.advance(5000)
  assert.is(s.a.netbuf.live, 0)
  await s.end()
})

test.run()
