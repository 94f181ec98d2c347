/** Fragments that arrive: the clauses of RFC 8200 §4.5 and of what came after it, by name. */

import type { NetBuf } from '@favonius/contract'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { bytes, echo, solicitation } from './craft.ts'
import { datagram, PEER, piece, pieces, US, world } from './pieces.ts'

const test = suite('ipv6: reassembly')
const whole = datagram(2992)
const body = (at: number, to: number): Uint8Array => whole.subarray(at, to)

test('RFC 8200 §4.5: fragments in any order become the datagram, with the headers of the first', async () => {
  const w = await world()
  const cut = pieces(whole, [1232, 2464])
  for (const order of [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1], [0, 0, 1, 2, 1]]) assert.equal(w.hear(...order.map((i) => cut[i]!)), [])
  assert.is(w.udp.received.length, 5)
  for (const { data, info } of w.udp.received) {
    assert.equal(data, whole)
    assert.is(info, `${PEER} > ${US} hl 64 tc 0`)
  }
  // The 1 that came late began another datagram.
  assert.equal(w.drops(), { 'fragment that is there already': 1 })
  assert.is(w.stack.ipv6Fragments.waiting, 1)
  assert.is(w.stack.netif.statistics().counters['ipv6']!['reassembled'], 5)
  await w.end()
})

test('RFC 8200 §4.5: headers before the fragment header are kept, and the last of them names what follows', async () => {
  const w = await world()
  const seen: number[][] = []
  w.stack.ipv6.registerOption(0x3e, (packet, at) => (seen.push([packet.u8[packet.network + 6]!, packet.u8[at + 1]!]), true))
  const before = bytes(60, 0, 0x3e, 4, 1, 2, 3, 4, 44, 0, 0x3e, 4, 5, 6, 7, 8)
  w.hear(...pieces(whole, [1232], { before, named: 0 }).reverse())
  assert.equal(w.udp.received.map(({ data }) => data), [whole])
  // Both fragments were asked for their options, and so was the whole.
  assert.equal(seen, Array.from({ length: 6 }, () => [0, 4]))
  await w.end()
})

test('RFC 8200 §4.5: a length that is no multiple of 8 is reported at the payload length; the others wait on', async () => {
  const w = await world()
  const [error, ...none] = w.hear(pieces(whole, [1232])[0]!, piece({ at: 1232, more: true, data: body(1232, 1300) }))
  assert.match(error!, /parameter problem, erroneous header field, pointer 4,/)
  assert.is(none.length, 0)
  w.hear(pieces(whole, [1232])[1]!)
  assert.is(w.udp.received.length, 1)
  await w.end()
})

test('RFC 8200 §4.5: what reaches beyond 65535 bytes is reported at the fragment offset', async () => {
  const w = await world()
  assert.match(w.hear(piece({ at: 65_528, more: false, data: new Uint8Array(8) }))[0]!, /erroneous header field, pointer 42,/)
  assert.equal(w.hear(piece({ at: 65_528, more: false, data: new Uint8Array(7) })), [])
  const before = bytes(44, 0, 1, 4, 0, 0, 0, 0)
  assert.match(w.hear(piece({ at: 65_528, more: false, data: new Uint8Array(7), before, named: 60 }))[0]!, /pointer 50,/)
  assert.equal(w.drops(), { 'fragments of more than 65535 bytes': 2 })
  await w.end()
})

test('RFC 8200 §4.5: the whole may be too long only with the headers of the first', async () => {
  const w = await world()
  const long = datagram(65_527)
  const before = bytes(44, 0, 1, 4, 0, 0, 0, 0)
  const cuts = Array.from({ length: 54 }, (_, i) => (i + 1) * 1208)
  const [first, ...others] = pieces(long, cuts)
  w.hear(piece({ at: 0, more: true, data: long.subarray(0, 1208), before, named: 60 }), ...others)
  assert.is(w.udp.received.length, 0)
  assert.equal(w.drops(), { 'fragments of more than 65535 bytes': 1 })
  w.hear(first!, ...others)
  assert.equal(w.udp.received[0]!.data, long, '65535 bytes are not too long')
  await w.end()
})

test('RFC 7112 §5: a first fragment without all headers is reported with code 3', async () => {
  const w = await world()
  const says = [`${US} > ${PEER}: ICMPv6, parameter problem, first fragment has incomplete IPv6 header chain, pointer 0`]
  const about = (data: Uint8Array, next: number): string[] => w.hear(piece({ at: 0, more: true, data, next })).map((line) => line.replace(/, length.*/, ''))
  assert.equal(about(bytes(17, 1, 1, 4, 0, 0, 0, 0), 60), says, 'cut within a header')
  assert.equal(about(bytes(17, 0, 1, 4, 0, 0, 0, 0), 60), says, 'cut before the upper layer')
  assert.equal(about(new Uint8Array(16), 6), says, 'cut within TCP')
  assert.equal(about(new Uint8Array(24), 6), [], 'TCP is there')
  assert.equal(about(bytes(59, 0, 1, 4, 0, 0, 0, 0), 60), [], 'there is none to come')
  assert.equal(w.drops(), { 'first fragment without all headers': 3, 'fragments overlap': 2 })
  await w.end()
})

test('RFC 5722 §4: fragments that overlap end the datagram, silently, and so does what still comes', async () => {
  for (const bad of [
    piece({ at: 1224, more: true, data: body(1224, 2464) }),
    piece({ at: 0, more: true, data: body(0, 8) }),
    piece({ at: 8, more: true, data: body(8, 16) }),
    piece({ at: 0, more: true, data: body(0, 1232).map((byte, i) => (i === 900 ? byte ^ 1 : byte)) }),
    piece({ at: 1240, more: false, data: bytes(1, 2, 3) }),
  ]) {
    const w = await world()
    const [first, second, third] = pieces(whole, [1232, 2464])
    assert.equal(w.hear(first!, third!, bad, second!, first!), [])
    assert.is(w.udp.received.length, 0)
    assert.equal(w.drops(), { 'fragments overlap': 5 })
    // It says nothing when the time is over either, and is forgotten then.
    w.env.advance(60_000)
    assert.equal(w.sent(), [])
    assert.is(w.stack.ipv6Fragments.waiting, 0)
    w.hear(first!, second!, third!)
    assert.is(w.udp.received.length, 1)
    await w.end()
  }
})

test('RFC 8200 §4.5: nothing may follow the last fragment, and there is one end', async () => {
  for (const [a, b, more] of [[2464, 1240, false], [1240, 2464, true], [1240, 2464, false]] as const) {
    const w = await world()
    w.hear(piece({ at: a, more: false, data: bytes(1, 2, 3) }), piece({ at: b, more, data: new Uint8Array(8) }))
    assert.equal(w.drops(), { 'fragments overlap': 2 })
    w.hear(piece({ at: 800, more: false, data: bytes(1, 2, 3) }))
    assert.equal(w.drops(), { 'fragments overlap': 3 })
    await w.end()
  }
})

test('RFC 6946 §4: an atomic fragment is whole by itself, whatever waits under its identification', async () => {
  const w = await world()
  const [first, second] = pieces(whole, [1232])
  const alone = datagram(100)
  w.hear(first!, piece({ at: 0, more: false, data: alone }), second!)
  assert.equal(w.udp.received.map(({ data }) => data), [alone, whole])
  assert.equal(w.hear(piece({ at: 0, more: false, next: 58, data: echo(PEER, US).subarray(40) })), [`${US} > ${PEER}: ICMPv6, echo reply, id 1, seq 1, length 16`])
  assert.equal(w.drops(), {})
  await w.end()
})

test('RFC 6980 §5: neighbour discovery does not come in fragments, not even in one', async () => {
  const w = await world()
  const asks = solicitation(PEER, US)
  const destination = 'ff02::1:ff00:1'
  const [first, second] = pieces(asks.subarray(40), [16], { next: 58, destination })
  assert.equal(w.hear(piece({ at: 0, more: false, next: 58, data: asks.subarray(40), destination }), first!, second!), [])
  assert.equal(w.drops(), { 'neighbour discovery in a fragment': 2 })
  await w.end()
})

test('a fragment within fragments is refused', async () => {
  const w = await world()
  const inner = (more: boolean): Uint8Array => bytes(17, 0, 0, more ? 1 : 0, 0, 0, 0, 9, datagram(1024))
  for (const more of [true, false]) w.hear(...pieces(inner(more), [512], { next: 44, id: more ? 1 : 2 }))
  assert.is(w.udp.received.length, 0)
  assert.equal(w.drops(), { 'fragment within fragments': 2 })
  await w.end()
})

test('RFC 4443 §3.3: after 60 s the sender is told, when the first fragment came', async () => {
  const w = await world()
  const [first, second, third] = pieces(whole, [1232, 2464])
  w.hear(second!, first!)
  w.env.advance(30_000)
  w.hear(piece({ at: 1232, more: true, data: body(1232, 2464), id: 8 }))
  w.env.advance(29_900)
  assert.equal(w.sent(), [])
  w.env.advance(200)
  const [error, ...none] = w.sent()
  assert.is(none.length, 0)
  assert.equal([...error!.subarray(40, 42)], [3, 1])
  assert.equal(error!.subarray(48), first!.subarray(0, error!.length - 48), 'the first fragment is quoted as it came')
  assert.is(w.stack.ipv6Fragments.waiting, 1, 'the timer goes on for the other')
  w.env.advance(30_000)
  assert.equal(w.sent(), [], 'of the other the first never came')
  assert.equal(w.drops(), { 'fragments waited too long for the rest': 3 })
  w.hear(third!)
  assert.is(w.udp.received.length, 0, 'too late')
  await w.end()
})

test('datagrams are told apart by source, destination and identification', async () => {
  const w = await world()
  w.stack.ipv6.addAddress(w.eth0, '2001:db8::2/64')
  await w.env.run(() => w.eth0.up())
  const kinds = [{}, { id: 8 }, { source: 'fe80::99', destination: US }, { destination: '2001:db8::2' }]
  const parts = kinds.map((kind, n) => pieces(datagram(2000 + n), [1232], kind))
  w.hear(...parts.map(([first]) => first!), ...parts.map(([, second]) => second!).reverse())
  assert.equal(w.udp.received.map(({ data }) => data.length), [2011, 2010, 2009, 2008])
  await w.end()
})

test('RFC 3168 §5.3: a mark on one fragment marks the whole, and marks on what has no ECN end it', async () => {
  const w = await world()
  const [first, second] = pieces(whole, [1232], { trafficClass: 0b10 })
  const [, marked] = pieces(whole, [1232], { trafficClass: 0b11 })
  const [plain] = pieces(whole, [1232], { trafficClass: 0b00 })
  w.hear(first!, second!)
  w.hear(first!, marked!)
  w.hear(plain!, marked!)
  assert.equal(w.udp.received.map(({ info }) => info.slice(-1)), ['2', '3'])
  assert.equal(w.drops(), { 'fragments disagree on ECN': 2 })
  await w.end()
})

test('a fragment without data, unless it is atomic, is nothing', async () => {
  const w = await world()
  assert.equal(w.hear(piece({ at: 8, more: false, data: bytes() }), piece({ at: 8, more: true, data: bytes() }), piece({ at: 0, more: false, data: bytes(), next: 59 })), [])
  assert.equal(w.drops(), { 'fragment without data': 2, 'nothing after the headers': 1 })
  await w.end()
})

test('a frame that others hold too is not changed: its fragment is copied', async () => {
  const w = await world()
  const held: NetBuf[] = []
  const untap = w.stack.netif.tap({ frame: (_iface, packet, direction) => void (direction === 'in' && held.push(packet.ref())), dropped: () => {} })
  const cut = pieces(whole, [1232, 2464])
  w.hear(...cut)
  untap()
  assert.equal(w.udp.received.map(({ data }) => data), [whole])
  held.forEach((packet, i) => assert.equal(packet.u8.slice(packet.link + 14, packet.link + 14 + cut[i]!.length), cut[i]))
  for (const packet of held) packet.unref()
  await w.end()
})

test('an error about a datagram that came in fragments quotes it as one', async () => {
  const w = await world()
  w.udp.refuses = true
  w.hear(...pieces(whole, [1232, 2464]))
  const [error, ...none] = w.sent()
  assert.is(none.length, 0)
  assert.equal([...error!.subarray(40, 42), error!.length, error![48 + 6]], [1, 4, 1280, 17])
  assert.equal(error!.subarray(88), whole.subarray(0, 1192))
  await w.end()
})

test('what waits when its interface goes is given back in time', async () => {
  const w = await world()
  w.hear(pieces(whole, [1232])[0]!)
  await w.stack.netif.remove(w.eth0)
  assert.is(w.stack.ipv6Fragments.waiting, 1)
  w.env.advance(61_000)
  assert.is(w.stack.netbuf.live, 0)
  await w.end()
})

test('fragments to a group are put together, and errors about them are not sent', async () => {
  const w = await world()
  const parts = pieces(datagram(2000, PEER, 'ff02::1'), [1232], { destination: 'ff02::1' })
  w.hear(...parts)
  assert.is(w.udp.received.length, 1)
  assert.equal(w.hear(piece({ at: 8, more: true, data: new Uint8Array(9), destination: 'ff02::1' })), [])
  w.hear(parts[0]!)
  w.env.advance(61_000)
  assert.equal(w.sent(), [])
  await w.end()
})

test.run()
