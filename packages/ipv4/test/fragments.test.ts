/** Fragments that arrive: RFC 791 §3.2 and what has been learnt since, by name; and fragments by the thousand. */

import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { headerOf, packetOf, PROTOCOL_TEST } from './net.ts'
import { pattern, PEER, piece, pieces, US, world, type World } from './pieces.ts'

const test = suite('ipv4: reassembly', { timeout: 60_000 })
const whole = pattern(3000)

test('RFC 791 §3.2: fragments in any order become the datagram, with the header of the first', async () => {
  const w = await world()
  const options = Uint8Array.from([148, 4, 0, 0])
  const [first, second, third] = [pieces(whole, [1472, 2944], { options })[0]!, ...pieces(whole, [1472, 2944]).slice(1)]
  for (const order of [[first, second, third], [third, second, first], [second, first, second, third]]) assert.equal(w.hear(...order.map((each) => each!)), [])
  assert.equal(w.transport.received.map(({ data }) => data), [whole, whole, whole])
  assert.is(w.transport.received[0]!.info, `${PEER} > ${US} ttl 64 tos 0`)
  assert.equal(w.drops(), { 'fragment that is there already': 1 })
  assert.is(w.stack.netif.statistics().counters['ipv4']!['reassembled'], 3)
  assert.is(w.stack.ipv4Fragments.waiting, 0)
  await w.end()
})

test('RFC 791 §3.2: source, destination, protocol and identification say what belongs together', async () => {
  const w = await world()
  w.stack.ipv4.addAddress(w.iface, '192.0.2.9/24')
  const kinds = [{}, { id: 8 }, { source: '192.0.2.3' }, { destination: '192.0.2.9' }, { protocol: 17 }]
  const parts = kinds.map((kind, n) => pieces(pattern(2000 + n), [1472], kind))
  w.hear(...parts.map(([first]) => first!), ...parts.map(([, second]) => second!).reverse())
  assert.equal(w.transport.received.map(({ data }) => data.length), [2004, 2003, 2002, 2001, 2000])
  await w.end()
})

test('overlaps end the datagram, and so does a second end (RFC 1858 §4)', async () => {
  for (const bad of [
    piece({ at: 1464, more: true, data: whole.subarray(1464, 2944) }),
    piece({ at: 8, more: true, data: whole.subarray(8, 16) }),
    piece({ at: 0, more: true, data: whole.subarray(0, 1472).map((byte, i) => (i === 900 ? byte ^ 1 : byte)) }),
    piece({ at: 1480, more: false, data: pattern(3) }),
    piece({ at: 4000, more: true, data: pattern(8) }),
  ]) {
    const w = await world()
    const [first, second, third] = pieces(whole, [1472, 2944])
    assert.equal(w.hear(first!, third!, bad, second!), [])
    assert.is(w.transport.received.length, 0)
    assert.equal(w.drops(), { 'fragments overlap': 4 })
    w.env.advance(60_000)
    assert.equal(w.wire.shown(), [])
    w.hear(first!, second!, third!)
    assert.is(w.transport.received.length, 1)
    await w.end()
  }
})

test('RFC 1858 §3, RFC 3128 §2: tiny fragments that hide a transport\'s header are dropped', async () => {
  const w = await world()
  w.hear(piece({ at: 0, more: true, data: pattern(16), protocol: 6 }), piece({ at: 8, more: true, data: pattern(64), protocol: 6, id: 8 }))
  w.hear(piece({ at: 0, more: true, data: pattern(24), protocol: 6, id: 9 }), piece({ at: 24, more: false, data: pattern(64), protocol: 6, id: 9 }))
  assert.is(w.transport.received.length, 1)
  assert.equal(w.drops(), { 'first fragment without its transport\'s header': 2 })
  await w.end()
})

test('what reaches beyond 65535 bytes, has no data, or is no multiple of 8 is dropped by itself', async () => {
  const w = await world()
  assert.equal(w.hear(
    piece({ at: 65_528, more: false, data: pattern(8) }), piece({ at: 8, more: true, data: pattern(9) }), piece({ at: 8, more: false, data: pattern(0) }),
  ), [])
  const options = new Uint8Array(40).fill(1)
  w.hear(piece({ at: 65_496, more: false, data: pattern(19), id: 9 }))
  const cuts = Array.from({ length: 44 }, (_, i) => (i + 1) * 1480)
  const most = pattern(65_515)
  w.hear(...pieces(most, cuts))
  assert.equal(w.transport.received.map(({ data }) => data), [most])
  w.hear(...pieces(most, cuts).slice(1), pieces(most, cuts, { options })[0]!)
  assert.equal(w.drops(), {
    'fragments of more than 65535 bytes': 2, 'fragment length is not a multiple of 8': 1, 'fragment without data': 1,
  })
  await w.end()
})

test('RFC 1122 §3.3.2: after 60 s the sender is told, when the first fragment came', async () => {
  const w = await world()
  const [first, second, third] = pieces(whole, [1472, 2944])
  w.hear(second!, first!, piece({ at: 1472, more: true, data: pattern(800), id: 8 }))
  w.env.advance(59_900)
  assert.equal(w.wire.shown(), [])
  w.env.advance(200)
  const [error, ...none] = w.wire.sent
  assert.is(none.length, 0)
  assert.equal([...error!.subarray(20, 22)], [11, 1])
  assert.equal(error!.subarray(28), first!.subarray(0, error!.length - 28), 'the first fragment is quoted as it came')
  assert.equal(w.drops(), { 'fragments waited too long for the rest': 3 })
  w.hear(third!)
  assert.is(w.transport.received.length, 0, 'too late')
  await w.end()
})

test('RFC 3168 §5.3: a mark on one fragment marks the whole, and marks on what has no ECN end it', async () => {
  const w = await world()
  const [first, second] = pieces(whole, [1472], { trafficClass: 0b01 })
  const [, marked] = pieces(whole, [1472], { trafficClass: 0b11 })
  const [plain] = pieces(whole, [1472], { trafficClass: 0b00 })
  w.hear(first!, second!)
  w.hear(first!, marked!)
  w.hear(plain!, marked!)
  assert.equal(w.transport.received.map(({ info }) => info.slice(-1)), ['1', '3'])
  assert.equal(w.drops(), { 'fragments disagree on ECN': 2 })
  await w.end()
})

test('a large echo request comes back, in fragments both ways', async () => {
  const w = await world()
  const { icmp } = await import('./craft.ts')
  const request = icmp(8, 0, 0x0001_0001, pattern(4000))
  w.hear(...pieces(request, [1480, 2960], { protocol: 1 }).reverse())
  assert.equal(w.drops(), {})
  w.wire.sent.length = 0
  for (const each of pieces(request, [1480, 2960], { protocol: 1 })) w.wire.receive(each)
  w.env.advance(1)
  const reply = w.wire.sent.flatMap((each) => [...each.subarray(20)])
  assert.equal(Uint8Array.from(reply).subarray(4), request.subarray(4))
  assert.is(reply[0], 0)
  await w.end()
})

// ---- in masses ----

/** What goes on while fragments pour in: a datagram in one piece, and one in three. */
function flow(w: World): void {
  const before = w.transport.received.length
  w.hear(packetOf({}, pattern(64)), ...pieces(whole, [1472, 2944], { id: 60_000 }))
  assert.equal(w.transport.received.slice(before).map(({ data }) => data.length), [64, 3000])
}

test('first fragments of 20 000 datagrams: the bounds hold, and a flow passes all the time', async () => {
  const w = await world({ quota: 1 << 20 })
  const data = pattern(1480)
  for (let n = 1; n <= 20_000; n++) {
    w.wire.receive(piece({ source: `192.0.2.${(n % 200) + 10}`, id: n, at: 0, more: true, data }))
    assert.ok(w.stack.ipv4Fragments.waiting <= 16 && w.stack.ipv4Fragments.held <= 16 * 2048)
    if (n % 1000 === 0) flow(w)
  }
  assert.equal(w.drops(), { 'fragments made room for others': 20_000 - w.stack.ipv4Fragments.waiting })
  assert.is(w.stack.netbuf.exhausted, 0)
  await w.end()
})

test('any split, in any order, with duplicates, gives the datagram', async () => {
  const w = await world({ fragments: { maxPackets: 200 } })
  let id = 0
  fc.assert(fc.property(
    fc.integer({ min: 100, max: 9000 }), fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 }), fc.infiniteStream(fc.nat()),
    (size, where, random) => {
      id++
      const data = pattern(size)
      const places = [...new Set(where.map((part) => 8 * Math.max(1, Math.floor(part * size / 8))))].filter((at) => at < size).sort((a, b) => a - b)
      if (places.length === 0) return
      const parts = pieces(data, places, { id })
      const next = (below: number): number => (random.next().value as number) % below
      for (let n = next(5); n > 0; n--) parts.push(parts[next(parts.length)]!)
      for (let i = parts.length - 1; i > 0; i--) {
        const j = next(i + 1);
        [parts[i], parts[j]] = [parts[j]!, parts[i]!]
      }
      // What comes when all is there would begin another datagram.
      const seen = new Set<Uint8Array>()
      const before = w.transport.received.length
      w.hear(...parts.filter((part) => seen.size <= places.length && seen.add(part)))
      assert.equal(w.transport.received.slice(before).map((each) => each.data), [data])
    },
  ), { numRuns: 300, seed: 42 })
  assert.is(w.stack.ipv4Fragments.waiting, 0)
  await w.end()
})

test('20 000 mutated fragments: each comes to one end, and nothing is left', async () => {
  const w = await world({ fragments: { maxCount: 8, maxBytes: 100_000, timeout: 2000 }, quota: 1 << 20, seed: 11 })
  let state = 99
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
  for (let n = 0; n < 20_000; n++) {
    const start = random(4) * 64
    const protocol = [PROTOCOL_TEST, 17, 6, 1][random(8)] ?? PROTOCOL_TEST
    const made = piece({
      id: random(6), at: random(5) === 0 ? random(8192) * 8 : start, more: random(5) === 0 ? random(2) === 0 : start < 192, protocol,
      data: pattern(random(8) === 0 ? random(100) : 64), options: new Uint8Array(random(10) === 0 ? 4 * random(11) : 0).fill(1),
    })
    if (random(8) === 0) made[random(made.length)]! ^= 1 << random(8)
    w.wire.receive(random(20) === 0 ? made.subarray(0, random(made.length) + 1) : made)
    if (n % 50 === 0) w.env.advance(random(300))
    assert.ok(w.stack.ipv4Fragments.waiting <= 8 && w.stack.ipv4Fragments.held <= 100_000)
  }
  assert.ok(w.transport.received.length > 100, `${w.transport.received.length} were delivered`)
  assert.ok(headerOf(pieces(whole, [])[0]!).totalLength === 3020)
  await w.end()
})

test.run()
