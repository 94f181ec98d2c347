import type { NetBuf, Route } from '@favonius/contract'
import { suite } from '@favonius/testing'
import { address, pseudoSum, PROTOCOL_UDP } from '@favonius/inet'
import { loopback } from '@favonius/netif'
import { compose } from '@favonius/stack'
import { ipv6 } from '@favonius/ipv6'
import * as assert from 'uvu/assert'
import { bytes } from './craft.ts'
import { end, host, Lan, Recorder, single, virtual, type Host } from './lan.ts'

const test = suite('ipv6: routes')

const udp = { protocol: PROTOCOL_UDP }
const datagram = (a: Pick<Host, 'netbuf'>, route: Route, size: number): NetBuf => {
  const packet = a.netbuf.alloc(size, route.headroom)!
  packet.add(size)
  packet.u8.fill(0x55, packet.offset, packet.offset + size)
  return packet
}

test('a route says all that a transport must know, and writes the header of RFC 8200 §3', async () => {
  const s = await single()
  const route = s.a.ipv6.route(address('2001:db8::99'), { ...udp, trafficClass: 0xb8, hopLimit: 7 })!
  assert.equal([String(route.source), String(route.nextHop), route.mtu, route.maxPayload, route.headroom], ['2001:db8::1', '2001:db8::99', 1500, 1460, 54])
  assert.is(route.pseudo, pseudoSum(address('2001:db8::1'), address('2001:db8::99'), 17))
  assert.ok(route.send(datagram(s.a, route, 300)))
  assert.equal(s.lan.log[0]!.bytes.slice(14, 22), bytes(0x6b, 0x80, 0, 0, 300 >> 8, 300 & 255, 17, 7))
  assert.ok(route.valid())
  s.a.ipv6.removeAddress(s.a.eth0, '2001:db8::1')
  assert.not(route.valid())
  assert.is(s.a.ipv6.route(address('2001:db8::99'), udp), undefined, 'the prefix went with the address')
  await s.end()
})

test('what does not fit is dropped, counted, and not leaked', async () => {
  const s = await single()
  const route = s.a.ipv6.route(address('2001:db8::99'), udp)!
  assert.ok(route.send(datagram(s.a, route, 1460)))
  assert.not(route.send(datagram(s.a, route, 1461)))
  assert.is(s.drops()['ipv6: longer than the path carries'], 1)
  s.a.ipv6.setLink(s.a.eth0, { mtu: 1280 })
  assert.not(route.valid())
  assert.is(s.a.ipv6.route(address('2001:db8::99'), udp)!.maxPayload, 1240)
  s.a.ipv6.setLink(s.a.eth0, { mtu: 1279 })
  s.a.ipv6.setLink(s.a.eth0, { mtu: 1501, hopLimit: 3 })
  assert.equal(s.a.ipv6.linkSettings(s.a.eth0), { mtu: 1280, hopLimit: 3 }, 'RFC 4861 §6.3.4: an MTU out of bounds is ignored')
  const bare = s.a.netbuf.alloc(10, 20)!
  bare.add(10)
  assert.not(route.send(bare))
  assert.is(s.drops()['ipv6: no room for its header'], 1)
  await s.end()
})

test('a packet to ourselves comes back on a later turn, never touches the link, and is vouched for', async () => {
  const s = await single()
  for (const to of ['2001:db8::1', '::1', 'fe80::200:5eff:fe00:5301']) {
    const route = s.a.ipv6.route(address(to), udp)!
    assert.is(String(route.source).replace('%1', ''), to)
    const packet = datagram(s.a, route, 2000)
    packet.checksum = 1
    assert.ok(route.send(packet))
    assert.is(packet.checksum, 2)
    assert.is(s.udp.received.length, 0)
    s.env.advance(1)
    assert.is(s.udp.received.splice(0)[0]!.data.length, 2000)
  }
  assert.is(s.lan.log.length, 0)
  await s.end()
})

test('RFC 4291 §2.7: an interface-local group stays in the machine', async () => {
  const s = await single()
  s.a.ipv6.join(s.a.eth0, address('ff01::5'))
  const route = s.a.ipv6.route(address('ff01::5'), udp)!
  assert.ok(route.send(datagram(s.a, route, 9)))
  s.env.advance(1)
  assert.is(s.udp.received.length, 1)
  assert.is(s.lan.log.length, 0)
  await s.end()
})

test('RFC 6724 §4: the source fits the destination, and may be chosen among our own', async () => {
  const s = await single()
  const source = (to: string, from?: string): string | undefined => {
    const route = s.a.ipv6.route(address(to), { ...udp, source: from === undefined ? undefined : address(from) })
    return route && String(route.source)
  }
  assert.is(source('2001:db8::99'), '2001:db8::1')
  assert.is(source('fe80::99'), 'fe80::200:5eff:fe00:5301%1')
  assert.is(source('ff02::1'), 'fe80::200:5eff:fe00:5301%1')
  assert.is(source('ff0e::1'), '2001:db8::1')
  assert.is(source('fe80::99', '2001:db8::1'), '2001:db8::1')
  assert.is(source('2001:db8::99', '2001:db8::2'), undefined, 'not ours')
  assert.is(source('::'), undefined)
  await s.end()
})

test('routes and gateways: the longest prefix, then the default', async () => {
  const s = await single()
  const by = (to: string): string | undefined => s.a.ipv6.route(address(to), udp)?.nextHop.toString()
  assert.is(by('2001:db8:5::1'), undefined)
  s.a.ipv6.setGateway(s.a.eth0, 'fe80::98')
  s.a.ipv6.setGateway(s.a.eth0, 'fe80::99')
  assert.is(by('2001:db8:5::1'), 'fe80::99')
  assert.is(s.a.ip.routes.length, 2, 'the gateway of before is gone')
  const entry = s.a.ipv6.addRoute('2001:db8:5::/48', s.a.eth0, '2001:db8::98')
  assert.is(by('2001:db8:5::1'), '2001:db8::98')
  s.a.ipv6.removeRoute(entry)
  assert.is(by('2001:db8:5::1'), 'fe80::99')
  s.a.ipv6.setGateway(s.a.eth0, undefined)
  assert.is(by('2001:db8:5::1'), undefined)
  assert.throws(() => s.a.ipv6.setGateway(s.a.eth0, 'ff02::1'), /cannot be a gateway/)
  assert.throws(() => s.a.ipv6.addRoute('192.0.2.0/24', s.a.eth0), /no IPv6 prefix/)
  await s.end()
})

test('RFC 4007 §6: a link-local destination needs its link', async () => {
  const env = virtual()
  const one = new Lan(env)
  const two = new Lan(env)
  const a = host(env, one)
  const eth1 = a.netif.add(two.station(9))
  await env.run(() => Promise.all([a.eth0.up(), eth1.up()]))
  const out = (to: string, iface = undefined as typeof eth1 | undefined): string | undefined => a.ipv6.route(address(to, (n) => a.netif.find(n)?.index), { ...udp, iface })?.iface.name
  assert.is(out('fe80::99'), 'eth0', 'the default interface')
  assert.is(out('fe80::99%eth1'), 'eth1')
  assert.is(out('fe80::99', eth1), 'eth1')
  assert.is(out('fe80::99%eth0', eth1), undefined, 'a zone and an interface that disagree')
  assert.is(out('fe80::99%77'), undefined)
  assert.is(out('ff02::1%eth1'), 'eth1')
  const other = address('fe80::200:5eff:fe00:5309')
  assert.is(a.ipv6.owns(other, eth1), true)
  assert.is(a.ipv6.owns(other, a.eth0), false, 'a link-local address is ours on its own link alone')
  assert.is(a.ipv6.route(address('fe80::99'), { ...udp, source: other }), undefined)
  await end(env, a)
})

test('registered next hops come before the route table, and may put options into every packet', async () => {
  const s = await single()
  const options = bytes(0, 0, 0x1e, 4, 1, 2, 3, 4)
  const withdraw = s.a.ipv6.registerNextHop((to) => (String(to) === '2001:db8:9::9' ? { iface: s.a.eth0, address: address('fe80::99'), mtu: 1300, hopByHop: options } : undefined))
  const route = s.a.ipv6.route(address('2001:db8:9::9'), udp)!
  assert.equal([String(route.nextHop), route.mtu, route.maxPayload, route.headroom], ['fe80::99', 1300, 1252, 62])
  assert.ok(route.send(datagram(s.a, route, 16)))
  const sent = s.lan.log[0]!.bytes.subarray(14)
  assert.equal([sent[5], sent[6]], [24, 0], 'payload length and next header count the options')
  assert.equal(sent.slice(40, 48), bytes(17, 0, 0x1e, 4, 1, 2, 3, 4))
  withdraw()
  assert.not(route.valid())
  assert.is(s.a.ipv6.route(address('2001:db8:9::9'), udp), undefined)
  await s.end()
})

test('what is known of a path\'s MTU bounds its routes', async () => {
  const s = await single()
  const withdraw = s.a.ipv6.registerPathMtu((to) => (String(to) === '2001:db8::99' ? 1300 : undefined))
  assert.is(s.a.ipv6.route(address('2001:db8::99'), udp)!.mtu, 1300)
  assert.is(s.a.ipv6.route(address('2001:db8::98'), udp)!.mtu, 1500)
  assert.throws(() => s.a.ipv6.registerPathMtu(() => 1), /two features know path MTUs/)
  withdraw()
  assert.is(s.a.ipv6.route(address('2001:db8::99'), udp)!.mtu, 1500)
  await s.end()
})

test('an oversize handler gets what is too large for the way', async () => {
  const s = await single()
  const seen: string[] = []
  const withdraw = s.a.ipv6.registerOversize((packet, route, protocol) => {
    seen.push(`${packet.total()} ${route.mtu} ${protocol}`)
    packet.unref()
    return true
  })
  const route = s.a.ipv6.route(address('2001:db8::99'), udp)!
  assert.is(route.maxPayload, 65_535)
  assert.ok(route.send(datagram(s.a, route, 3000)))
  assert.equal(seen, ['3000 1500 17'])
  withdraw()
  await s.end()
})

test('extension headers and options may be registered: read, taken, or left alone', async () => {
  const s = await single()
  const seen: string[] = []
  s.a.ipv6.registerExtension(43, (packet, at, namedAt, ip) => {
    const type = packet.u8[at + 2]!
    seen.push(`routing ${type} named at ${namedAt - packet.network} protocol ${ip.protocol}`)
    if (type === 3) packet.unref()
    return type === 3 ? 0 : type === 4 ? 8 : -1
  })
  s.a.ipv6.registerOption(0x63, (packet, at, ip) => {
    seen.push(`option ${packet.u8[at + 1]} in ${ip.protocol}`)
    return true
  })
  const { packet: craft } = await import('./craft.ts')
  const hear = (next: number, ...payload: number[]): string[] => s.hear(craft({ source: '2001:db8::99', destination: '2001:db8::1', next, payload: bytes(payload, 0, 1, 0, 2, 0, 8, 0, 0) }))
  hear(43, 17, 0, 3, 1, 0, 0, 0, 0)
  hear(43, 17, 0, 4, 1, 0, 0, 0, 0)
  assert.is(hear(43, 17, 0, 5, 1, 0, 0, 0, 0).length, 1, 'left to the layer: a parameter problem')
  hear(0, 17, 0, 0x63, 4, 0, 0, 0, 0)
  assert.equal(seen, ['routing 3 named at 6 protocol 43', 'routing 4 named at 6 protocol 43', 'routing 5 named at 6 protocol 43', 'option 4 in 0'])
  assert.is(s.udp.received.length, 2)
  assert.throws(() => s.a.ipv6.registerOption(0x63, () => true), /two features handle IPv6 option 99/)
  await s.end()
})

test('the loopback interface has ::1 and nothing else', async () => {
  const env = virtual()
  const stack = compose(env, loopback(), ipv6())
  const udpLayer = new Recorder()
  stack.ip.registerTransport(17, udpLayer)
  await env.run(async () => {
    await stack.loopback.up()
    assert.is((await stack.ipv6.ping('::1')).received, 1)
  })
  assert.equal(stack.loopback.addresses.map((e) => `${e.address}/${e.prefixLength} ${e.state}`), ['::1/128 preferred'])
  await stack.stop()
  assert.is(stack.netbuf.live, 0)
})

test.run()
