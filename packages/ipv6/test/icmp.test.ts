import { suite } from '@favonius/testing'
import { address, eui48, PROTOCOL_UDP } from '@favonius/inet'
import * as assert from 'uvu/assert'
import { bytes, echo, frame, message, packet } from './craft.ts'
import { end, host, Lan, single, virtual } from './lan.ts'

const test = suite('ipv6: ICMPv6')

const PEER = '2001:db8::99'
const US = '2001:db8::1'
const UDP = bytes(0, 1, 0, 2, 0, 8, 0, 0)
/** What an error message quotes: a packet of ours. */
const quoted = (payload = UDP, next = 17, source = US): Uint8Array => packet({ source, destination: PEER, next, payload })

test('RFC 4443 §4.2: an echo reply comes from the address that was asked, with the same data and class', async () => {
  const s = await single()
  const request = echo(PEER, US, 0x1234, 7, 100)
  for (let i = 48; i < request.length; i++) request[i] = i // the checksum is wrong now
  assert.equal(s.hear(request), [])
  assert.is(s.counters().icmp!.chkerr, 1)
  assert.equal(s.hear(echo(PEER, US, 0x1234, 7, 100)), [`${US} > ${PEER}: ICMPv6, echo reply, id 4660, seq 7, length 108`])
  const reply = s.lan.log.at(-1)!.bytes.subarray(14)
  assert.is(reply[7], 64, 'hop limit')
  const marked = echo(PEER, US)
  marked[0] = 0x6b
  s.hear(marked)
  assert.is(s.lan.log.at(-1)!.bytes[14], 0x6b, 'traffic class')
  assert.equal(s.hear(echo('fe80::99', 'ff02::1')), ['fe80::200:5eff:fe00:5301 > fe80::99: ICMPv6, echo reply, id 1, seq 1, length 16'], 'a group has no address to answer from')
  await s.end()
})

test('RFC 4443 §2.3: the checksum covers odd lengths', async () => {
  const s = await single()
  assert.is(s.hear(echo(PEER, US, 1, 1, 1), echo(PEER, US, 1, 1, 77)).length, 2)
  await s.end()
})

test('an echo reply that nobody waits for, a type that nobody takes, and what is cut short are counted', async () => {
  const s = await single()
  s.hear(message(PEER, US, 129, 0, bytes(0, 1, 0, 1)), message(PEER, US, 200, 0, bytes(0, 0, 0, 0)), message(PEER, US, 128, 0, bytes(0)), packet({ source: PEER, destination: US, payload: bytes(128, 0) }))
  assert.is(s.drops()['icmpv6: echo reply nobody waits for'], 1)
  assert.is(s.drops()['icmpv6: type not supported'], 1)
  assert.is(s.drops()['icmpv6: cut short'], 2)
  assert.is(s.counters().icmp!.typeerr, 1)
  await s.end()
})

test('router messages are left to the feature that will take them', async () => {
  const s = await single()
  s.hear(message('fe80::99', 'ff02::1', 134, 0, bytes(64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0)))
  assert.is(s.drops()['icmpv6: type not supported'], 1)
  const heard: string[] = []
  s.a.ipv6.registerIcmp(134, (p, ip) => {
    heard.push(`${ip.source} ${ip.hopLimit} ${p.length}`)
    p.unref()
  })
  s.hear(message('fe80::99', 'ff02::1', 134, 0, bytes(64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0)))
  assert.equal(heard, ['fe80::99%1 255 16'])
  assert.throws(() => s.a.ipv6.registerIcmp(134, (p) => p.unref()), /two features handle ICMPv6 type 134/)
  await s.end()
})

test('a refused packet: port unreachable from the address it was sent to, with the packet quoted whole', async () => {
  const s = await single()
  s.udp.refuse = 'port'
  const about = packet({ source: PEER, destination: US, next: 17, payload: UDP })
  assert.equal(s.hear(about), [`${US} > ${PEER}: ICMPv6, port unreachable, length 56`])
  assert.equal(s.lan.log.at(-1)!.bytes.subarray(14 + 48), about)
  s.udp.refuse = 'protocol'
  assert.equal(s.hear(about), [`${US} > ${PEER}: ICMPv6, parameter problem, unrecognized next header type, pointer 6, length 56`])
  await s.end()
})

test('RFC 4443 §2.4 (c): an error never exceeds 1280 bytes', async () => {
  const s = await single()
  s.udp.refuse = 'port'
  s.hear(packet({ source: PEER, destination: US, next: 17, payload: new Uint8Array(1400) }))
  assert.is(s.lan.log.at(-1)!.bytes.length, 14 + 1280)
  await s.end()
})

test('RFC 4443 §2.4 (e): what no error is sent about', async () => {
  const s = await single()
  s.udp.refuse = 'port'
  assert.equal(s.hear(packet({ source: PEER, destination: 'ff02::1', next: 17, payload: UDP })), [], 'e.3: a group')
  assert.equal(s.hear(packet({ source: '::', destination: US, next: 17, payload: UDP })), [], 'e.6: nobody')
  s.a.station.receive(frame(packet({ source: PEER, destination: US, next: 17, payload: UDP }), eui48('33:33:00:00:00:01')))
  s.env.advance(10)
  assert.is(s.lan.log.length, 0, 'e.4: a link-layer multicast')
  const report = (payload: Uint8Array): string[] => s.hear(packet({ source: PEER, destination: US, next: 60, payload: bytes(58, 0, 0x9e, 4, 0, 0, 0, 0, payload) }))
  assert.equal(report(bytes(1, 0, 0, 0, 0, 0, 0, 0)), [], 'e.1: an error')
  assert.equal(report(bytes(137, 0, 0, 0, 0, 0, 0, 0)), [], 'e.2: a redirect')
  assert.equal(report(bytes()), [], 'an ICMPv6 message of which not even the type is there')
  assert.is(report(bytes(128, 0, 0, 0, 0, 0, 0, 0)).length, 1, 'but about an echo request')
  await s.end()
})

test('RFC 4443 §2.4 (f): errors are limited, echo replies are not', async () => {
  const s = await single({ ipv6: { icmpErrorRate: 10, icmpErrorBurst: 3 } })
  s.udp.refuse = 'port'
  const about = packet({ source: PEER, destination: US, next: 17, payload: UDP })
  assert.is(s.hear(...Array.from({ length: 20 }, () => about)).length, 3)
  assert.is(s.counters().icmp!.limited, 17)
  s.env.advance(100)
  assert.is(s.hear(about, about).length, 1)
  assert.is(s.hear(...Array.from({ length: 20 }, () => echo(PEER, US))).length, 20)
  await s.end()
})

test('RFC 4443 §2.4 (d): a received error reaches the transport that sent what it quotes', async () => {
  const s = await single()
  const tell = (type: number, code: number, word: number, about = quoted()): void => {
    s.hear(message('2001:db8::5', US, type, code, bytes(word >>> 24, (word >> 16) & 255, (word >> 8) & 255, word & 255, about)))
  }
  tell(1, 4, 0)
  tell(2, 0, 1400)
  tell(2, 0, 100)
  tell(4, 1, 6)
  tell(1, 3, 0, packet({ source: US, destination: PEER, next: 60, payload: bytes(17, 0, 1, 4, 0, 0, 0, 0, UDP.subarray(0, 4)) }))
  assert.equal(s.udp.errors.map(({ error, about }) => `${error.code} ${error.mtu} ${error.hard} ${error.from} ${about}`), [
    `ECONNREFUSED undefined true 2001:db8::5 ${US} > ${PEER}`,
    `EMSGSIZE 1400 false 2001:db8::5 ${US} > ${PEER}`,
    `EMSGSIZE 1280 false 2001:db8::5 ${US} > ${PEER}`,
    `EPROTO undefined true 2001:db8::5 ${US} > ${PEER}`,
    `EHOSTUNREACH undefined false 2001:db8::5 ${US} > ${PEER}`,
  ])
  assert.equal(s.udp.errors[0]!.quoted, UDP)
  assert.equal(s.udp.errors[4]!.quoted, UDP.subarray(0, 4), 'as much as was quoted')
  await s.end()
})

test('an error about what is not ours, or that quotes too little, reaches nobody', async () => {
  const s = await single()
  const word = [0, 0, 0, 0]
  s.hear(message(PEER, US, 1, 4, bytes(word, quoted(UDP, 17, '2001:db8::2'))), message(PEER, US, 1, 4, bytes(word, quoted().subarray(0, 39))), message(PEER, US, 77, 0, bytes(word, quoted())),
    message(PEER, US, 1, 4, bytes(word, quoted(bytes(17, 9), 60))), message(PEER, US, 1, 4, bytes(word, quoted().map((b, i) => (i === 0 ? 0x45 : b)))))
  assert.is(s.udp.errors.length, 0)
  assert.is(s.drops()['icmpv6: error about nothing of ours'], 5)
  await s.end()
})

test('a feature may take an error type too, after the transport', async () => {
  const s = await single()
  const seen: number[] = []
  s.a.ipv6.registerIcmp(2, (p) => {
    seen.push(s.udp.errors.length, p.dv.getUint32(p.offset + 4))
    p.unref()
  })
  s.hear(message(PEER, US, 2, 0, bytes(0, 0, 5, 0x78, quoted())))
  assert.equal(seen, [1, 1400])
  await s.end()
})

test('ping counts what comes back, and when', async () => {
  const env = virtual({ seed: 7 })
  const lan = new Lan(env, 10)
  const a = host(env, lan)
  const b = host(env, lan)
  a.ipv6.addAddress(a.eth0, '2001:db8::1/64')
  b.ipv6.addAddress(b.eth0, '2001:db8::2/64')
  await env.run(async () => {
    await Promise.all([a.eth0.up(), b.eth0.up()])
    const first = await a.ipv6.ping('2001:db8::2')
    assert.equal([first.sent, first.received, String(first.from), first.roundTrips], [1, 1, '2001:db8::2', [40]], 'one round trip to resolve, one to ask')
    const began = env.clock.now()
    const three = await a.ipv6.ping('2001:db8::2', { count: 3, size: 1000, interval: 500 })
    assert.equal([three.sent, three.received], [3, 3])
    assert.ok(Math.abs(env.clock.now() - began - 1020) < 1e-6, 'it ends with the last reply')
    const local = await a.ipv6.ping('fe80::200:5eff:fe00:5302')
    assert.is(local.received, 1, 'a link-local address needs no zone where there is one link')
    assert.is((await a.ipv6.ping('fe80::200:5eff:fe00:5302%eth0')).received, 1)
    const all = await a.ipv6.ping('ff02::1%eth0')
    assert.equal([all.received, String(all.from)], [1, 'fe80::200:5eff:fe00:5302%1'])
    assert.is((await a.ipv6.ping(US)).received, 1, 'ourselves')
    assert.is((await a.ipv6.ping('::1')).received, 1, 'and without a loopback interface')
    const carry = lan.carry.bind(lan)
    lan.carry = (given, from) => {
      carry(given, from)
      if (given[14 + 40] === 129) carry(given, from)
    }
    assert.is((await a.ipv6.ping('2001:db8::2', { count: 2 })).received, 2, 'a reply that comes twice counts once')
    const late = await a.ipv6.ping('2001:db8::2', { count: 3, interval: 100, timeout: 15 })
    assert.equal([late.sent, late.received], [3, 0], 'one that comes late does not count')
    lan.lose = (given) => given[14 + 40] === 129
    const lost = await a.ipv6.ping('2001:db8::2', { count: 2, interval: 100, timeout: 300 })
    assert.equal([lost.sent, lost.received, lost.from], [2, 0, undefined])
    await rejects(a.ipv6.ping('2001:db8:ffff::1'), 'ENETUNREACH')
    await rejects(a.ipv6.ping('192.0.2.1'), 'EINVAL')
    await rejects(a.ipv6.ping('not an address'), 'EINVAL')
    await rejects(a.ipv6.ping('2001:db8::2', { size: 1500 }), 'EMSGSIZE')
    const stopped = a.ipv6.ping('2001:db8::2')
    await Promise.all([rejects(stopped, 'ECANCELED'), a.stop()])
  })
  await end(env, b)
  assert.is(a.netbuf.live, 0)
})

test('the initial hop limits are options', async () => {
  const s = await single({ ipv6: { initialHopLimit: 99, initialMulticastHopLimit: 5 } })
  assert.ok(s.a.ipv6.route(address(PEER), { protocol: PROTOCOL_UDP }))
  void s.a.ipv6.ping(PEER)
  void s.a.ipv6.ping('ff02::1')
  s.env.advance(2000)
  assert.equal(s.lan.log.map(({ bytes: b }) => b[14 + 7]), [99, 5])
  await s.end()
})

async function rejects(promise: Promise<unknown>, code: string): Promise<void> {
  try {
    await promise
  } catch (error) {
    assert.is((error as { code: string }).code, code, String(error))
    return
  }
  assert.unreachable(`expected ${code}`)
}

test.run()
