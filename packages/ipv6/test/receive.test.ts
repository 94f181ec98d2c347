import { suite } from '@favonius/testing'
import { address } from '@favonius/inet'
import * as assert from 'uvu/assert'
import { bytes, echo, frame, packet } from './craft.ts'
import { end, host, Lan, single, virtual } from './lan.ts'

const test = suite('ipv6: receiving')

const PEER = '2001:db8::99'
const US = '2001:db8::1'
const udp = (destination = US, payload = bytes(0, 1, 0, 2, 0, 8, 0, 0), source = PEER): Uint8Array => packet({ source, destination, next: 17, payload })
/** A packet whose payload begins with extension header `next`. */
const chain = (next: number, payload: Uint8Array, destination = US): Uint8Array => packet({ source: PEER, destination, next, payload })
const UDP = bytes(0, 1, 0, 2, 0, 8, 0, 0)

test('RFC 8200 §3: version, length, and padding of the link', async () => {
  const s = await single()
  const wrong = udp()
  wrong[0] = 0x45
  s.hear(wrong)
  assert.is(s.drops()['ipv6: version is not 6'], 1)
  s.hear(udp().subarray(0, 39), packet({ source: PEER, destination: US, next: 17, payload: UDP, payloadLength: 9 }))
  assert.is(s.drops()['ipv6: shorter than its header'], 1)
  assert.is(s.drops()['ipv6: shorter than its payload length'], 1)
  assert.is(s.counters().ipv6!.drop, 3)
  assert.is(s.counters().ip_errors!.vhlerr, 2)
  assert.is(s.udp.received.length, 0)
  s.hear(bytes(udp(), 0xee, 0xee, 0xee, 0xee))
  assert.equal(s.udp.received[0]!.data, UDP, 'the padding is gone')
  await s.end()
})

test('the record that a transport gets', async () => {
  const s = await single()
  s.hear(packet({ source: PEER, destination: US, next: 17, hopLimit: 9, trafficClass: 0xb9, payload: UDP }), udp('ff02::1'))
  assert.equal(s.udp.received.map(({ info }) => info), [`${PEER} > ${US} hl 9 tc 185`, `${PEER} > ff02::1%1 hl 64 tc 0 multicast`])
  await s.end()
})

test('RFC 2675: jumbograms are refused', async () => {
  const s = await single()
  s.hear(packet({ source: PEER, destination: US, next: 0, payloadLength: 0, payload: bytes(17, 0, 0xc2, 4, 0, 1, 0, 0) }))
  assert.is(s.drops()['ipv6: jumbograms are not supported'], 1)
  await s.end()
})

test('RFC 4291 §2.5.2, §2.5.3, §2.7: addresses that must not come from a link', async () => {
  const s = await single()
  for (const source of ['ff02::1', '::1', '::ffff:192.0.2.1']) s.hear(udp(US, UDP, source))
  assert.is(s.drops()['ipv6: source is no sender'], 3)
  for (const destination of ['::', '::1', '::ffff:192.0.2.1', 'ff01::1', 'ff00::1']) s.hear(udp(destination))
  assert.is(s.drops()['ipv6: destination cannot be on a link'], 5)
  assert.is(s.udp.received.length, 0)
  await s.end()
})

test('only for us: our addresses, and groups that we are in', async () => {
  const s = await single()
  s.hear(udp('2001:db8::2'), udp('ff02::fb'), udp('fe80::5'))
  assert.is(s.drops()['ipv6: not for us'], 2)
  assert.is(s.drops()['ipv6: group not joined'], 1)
  s.a.ipv6.join(s.a.eth0, address('ff02::fb'))
  s.hear(udp('ff02::fb'))
  s.a.ipv6.leave(s.a.eth0, address('ff02::fb'))
  s.hear(udp('ff02::fb'))
  assert.is(s.udp.received.length, 1)
  await s.end()
})

test('RFC 4007 §6: a link-local address is ours on its own link alone, a global one on any', async () => {
  const env = virtual()
  const one = new Lan(env)
  const two = new Lan(env)
  const a = host(env, one)
  const second = two.station(9)
  const eth1 = a.netif.add(second)
  a.ipv6.addAddress(a.eth0, '2001:db8::1/64')
  await env.run(() => Promise.all([a.eth0.up(), eth1.up()]))
  for (const to of ['fe80::200:5eff:fe00:5309', 'fe80::200:5eff:fe00:5301', US]) second.receive(frame(udp(to), second.address))
  assert.equal(a.netif.statistics(eth1).drops, { 'ipv6: not for us': 1, 'ipv6: next header not supported': 2 })
  await end(env, a)
})

test('a frame for another station is not answered, whatever address it bears', async () => {
  const s = await single()
  const other = frame(echo(PEER, US), s.a.station.address)
  other[5] = 0x77
  s.a.station.receive(other)
  s.env.advance(10)
  assert.is(s.lan.log.length, 0)
  await s.end()
})

test('RFC 8200 §4: extension headers are walked in any order but the first', async () => {
  const s = await single()
  const pad = [1, 4, 0, 0, 0, 0]
  s.hear(chain(0, bytes(60, 0, pad, 43, 0, pad, 60, 0, 0, 0, 0, 0, 0, 0, 17, 0, pad, UDP)))
  assert.equal(s.udp.received[0]!.data, UDP)
  assert.equal(s.hear(chain(60, bytes(0, 0, pad, 17, 0, pad, UDP))), [`${US} > ${PEER}: ICMPv6, parameter problem, unrecognized next header type, pointer 40, length 72`],
    'hop-by-hop options stand at the front (§4.1)')
  await s.end()
})

test('RFC 8200 §4: an unknown next header is a parameter problem that points at it', async () => {
  const s = await single()
  assert.equal(s.hear(chain(253, UDP)), [`${US} > ${PEER}: ICMPv6, parameter problem, unrecognized next header type, pointer 6, length 56`])
  assert.equal(s.hear(chain(60, bytes(253, 0, 1, 4, 0, 0, 0, 0, UDP))), [`${US} > ${PEER}: ICMPv6, parameter problem, unrecognized next header type, pointer 40, length 64`])
  assert.is(s.counters().ip_errors!.protoerr, 2)
  assert.equal(s.hear(chain(59, UDP)), [], 'no next header is no error (§4.7)')
  await s.end()
})

test('RFC 8200 §4.2: the two high bits say what becomes of an unknown option', async () => {
  const s = await single()
  const option = (type: number, destination = US): string[] => s.hear(chain(60, bytes(17, 0, 0, type, 2, 0, 0, 0, UDP), destination))
  assert.equal(option(0x1e), [], '00: skip')
  assert.is(s.udp.received.length, 1)
  assert.equal(option(0x5e), [], '01: discard')
  const problem = [`${US} > ${PEER}: ICMPv6, parameter problem, unrecognized IPv6 option, pointer 43, length 64`]
  assert.equal(option(0x9e), problem, '10: discard and report')
  assert.equal(option(0xde), problem, '11: discard and report')
  assert.equal(option(0x9e, 'ff02::1'), problem, '10: even for a group')
  assert.equal(option(0xde, 'ff02::1'), [], '11: not for a group')
  assert.is(s.udp.received.length, 1)
  assert.is(s.drops()['ipv6: option not recognized'], 5)
  await s.end()
})

test('RFC 8504 §5.3: chains and options are bounded', async () => {
  const s = await single()
  const many = Array.from({ length: 9 }, () => [60, 0, 1, 4, 0, 0, 0, 0]).flat()
  s.hear(chain(60, bytes(many, UDP)))
  s.hear(chain(60, bytes(17, 4, Array.from({ length: 9 }, () => [0x1e, 2, 0, 0]).flat(), 0, 0, UDP)))
  assert.is(s.drops()['ipv6: too many extension headers or options'], 2)
  s.hear(chain(60, bytes(17, 9, 1, 4, 0, 0, 0, 0, UDP)), chain(60, bytes(17, 0, 1, 9, 0, 0, 0, 0, UDP)), chain(60, bytes(17, 0, 0, 0, 0, 0, 0, 1, UDP)), chain(60, bytes(17)))
  assert.is(s.drops()['ipv6: extension header cut short'], 4)
  assert.is(s.a.netbuf.live, 0)
  await s.end()
})

test('RFC 5095 §3, RFC 8200 §4.4: a routing header is passed over when it is spent, and refused when it is not', async () => {
  const s = await single()
  for (const type of [0, 77]) {
    assert.equal(s.hear(chain(43, bytes(17, 0, type, 1, 0, 0, 0, 0, UDP))), [`${US} > ${PEER}: ICMPv6, parameter problem, erroneous header field, pointer 42, length 64`])
    assert.equal(s.hear(chain(43, bytes(17, 0, type, 0, 0, 0, 0, 0, UDP))), [])
  }
  assert.is(s.udp.received.length, 2)
  await s.end()
})

test('RFC 2711: a router alert does not stop a packet', async () => {
  const s = await single()
  s.hear(chain(0, bytes(17, 0, 5, 2, 0, 0, 1, 0, UDP)))
  assert.is(s.udp.received.length, 1)
  await s.end()
})

test('without the feature for them, fragments are dropped and counted', async () => {
  const s = await single()
  assert.equal(s.hear(chain(44, bytes(17, 0, 0, 1, 0, 0, 0, 1, UDP))), [])
  assert.is(s.drops()['ipv6: fragments are not composed'], 1)
  assert.is(s.counters().ip_errors!.fragerr, 1)
  await s.end()
})

test('RFC 4862 §5.4: a tentative address gets neighbour discovery alone', async () => {
  const s = await single({ ipv6: { maxAddresses: 3 } })
  s.a.ipv6.addAddress(s.a.eth0, '2001:db8::7/64')
  assert.equal(s.hear(echo(PEER, '2001:db8::7')).filter((line) => line.includes('echo')), [])
  assert.is(s.drops()['ipv6: destination is not usable yet'], 1)
  s.env.advance(1000)
  assert.equal(s.hear(echo(PEER, '2001:db8::7')), ['2001:db8::7 > 2001:db8::99: ICMPv6, echo reply, id 1, seq 1, length 16'])
  await s.end()
})

test.run()
