/** Fragments by the thousand: what is held stays bounded, every drop has a reason, and who plays by the rules gets through. */

import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { bytes, frame, packet } from './craft.ts'
import { datagram, PEER, piece, pieces, US, world, type World } from './pieces.ts'

const test = suite('ipv6: fragments in masses', { timeout: 60_000 })
const whole = datagram(5000)
const cuts = [1232, 2464, 3696]
const total = (drops: Record<string, number>): number => Object.values(drops).reduce((sum, n) => sum + n, 0)

/** What goes on while fragments pour in: a datagram in one piece, and one in four. */
function flow(w: World): void {
  const before = w.udp.received.length
  w.hear(packet({ source: PEER, destination: US, next: 17, payload: datagram(64) }), ...pieces(whole, cuts))
  assert.equal(w.udp.received.slice(before).map(({ data }) => data.length), [72, 5008])
}

test('first fragments of 20 000 datagrams: the bounds hold, and a flow passes all the time', async () => {
  const w = await world({ fragments: { maxCount: 16 } })
  const data = new Uint8Array(1232)
  for (let id = 1; id <= 20_000; id++) {
    w.station.receive(frame(piece({ source: `2001:db8::${(id % 500 + 256).toString(16)}`, id: id << 8, at: 0, more: true, data }), w.station.address))
    assert.ok(w.stack.ipv6Fragments.waiting <= 16)
    if (id % 1000 === 0) flow(w)
  }
  assert.ok(w.stack.ipv6Fragments.held <= 16 * 2048)
  assert.ok(w.stack.netbuf.used < 200_000, `${w.stack.netbuf.used} bytes`)
  // Each flow's datagram took a place, and left it.
  assert.equal(w.drops(), { 'fragments made room for others': 20_000 - w.stack.ipv6Fragments.waiting })
  await w.end()
})

test('one datagram in 5000 fragments: it is given up after so many', async () => {
  const w = await world({ fragments: { maxPackets: 64 } })
  for (let i = 0; i < 5000; i++) w.station.receive(frame(piece({ at: i * 8, more: true, data: new Uint8Array(8) }), w.station.address))
  assert.equal(w.drops(), { 'datagram in too many fragments': 5000 })
  assert.is(w.stack.ipv6Fragments.held, 0)
  w.hear(...pieces(whole, cuts, { id: 8 }))
  assert.is(w.udp.received.length, 1)
  await w.end()
})

test('bytes are bounded by the option, and by a quarter of the quota', async () => {
  for (const [maxBytes, quota, most] of [[65_536, 16 << 20, 65_536], [1 << 20, 262_144, 65_536]] as const) {
    const w = await world({ fragments: { maxBytes, maxCount: 1000 }, quota })
    for (let id = 0; id < 500; id++) {
      w.station.receive(frame(piece({ id, at: 1232, more: true, data: new Uint8Array(1232) }), w.station.address))
      assert.ok(w.stack.ipv6Fragments.held <= most)
      assert.is(w.stack.netbuf.exhausted, 0)
    }
    flow(w)
    assert.ok(w.drops()['fragments made room for others']! >= 460)
    await w.end()
  }
})

test('a datagram larger than all that may be held is not put together', async () => {
  const w = await world({ fragments: { maxBytes: 4096 } })
  w.hear(...pieces(whole, cuts))
  assert.is(w.udp.received.length, 0)
  assert.ok(w.stack.ipv6Fragments.held <= 4096)
  w.hear(...pieces(datagram(2000), [1232], { id: 8 }))
  assert.is(w.udp.received.length, 1)
  await w.end()
})

test('overlaps of another\'s datagrams cost what was overlapped alone', async () => {
  const w = await world()
  for (let n = 0; n < 2000; n++) {
    w.hear(piece({ id: n, source: '2001:db8::66', at: 0, more: true, data: whole.subarray(0, 64) }), piece({ id: n, source: '2001:db8::66', at: 8, more: true, data: whole.subarray(0, 64) }))
    if (n % 100 === 0) flow(w)
  }
  assert.equal(w.drops(), { 'fragments overlap': 4000 })
  assert.is(w.stack.ipv6Fragments.held, 0)
  await w.end()
})

test('any split, in any order, with duplicates, gives the datagram; with any overlap it gives nothing', async () => {
  const w = await world({ fragments: { maxPackets: 200, maxCount: 64 } })
  let id = 0
  fc.assert(fc.property(
    fc.integer({ min: 100, max: 9000 }), fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }),
    fc.infiniteStream(fc.nat()), fc.option(fc.tuple(fc.double({ min: 0, max: 0.9, noNaN: true }), fc.integer({ min: 1, max: 100 }))),
    (size, where, random, overlap) => {
      id++
      const data = datagram(size)
      const places = [...new Set(where.map((part) => 8 * Math.max(1, Math.floor(part * data.length / 8))))].filter((at) => at < data.length).sort((a, b) => a - b)
      const parts = pieces(data, places, { id })
      const next = (below: number): number => (random.next().value as number) % below
      for (let n = next(5); n > 0; n--) parts.push(parts[next(parts.length)]!)
      for (let i = parts.length - 1; i > 0; i--) {
        const j = next(i + 1);
        [parts[i], parts[j]] = [parts[j]!, parts[i]!]
      }
      // What comes when all is there would begin another datagram.
      const seen = new Set<Uint8Array>()
      const order = parts.filter((part) => seen.size <= places.length && seen.add(part))
      const before = w.udp.received.length
      const clash = overlap && places.length > 0 ? 8 * Math.floor(overlap[0] * data.length / 8) : undefined
      if (clash !== undefined) {
        // Not equal to any fragment: other bytes.
        const other = data.slice(clash, Math.min(data.length, clash + 8 * overlap![1])).map((byte) => byte ^ 0xff)
        const more = clash + other.length < data.length
        if (more && other.length % 8 !== 0) return
        // Where it stands for whole fragments and comes first, nobody can tell; the transport's checksum will.
        const bounds = [0, ...places, data.length]
        if (bounds.includes(clash) && bounds.includes(clash + other.length)) return
        order.splice(next(order.length), 0, piece({ id, at: clash, more, data: other }))
      }
      w.hear(...order)
      const got = w.udp.received.slice(before)
      if (clash !== undefined) assert.is(got.length, 0)
      else if (places.length === 0) assert.ok(got.length >= 1)
      else {
        assert.is(got.length, 1)
        assert.equal(got[0]!.data, data)
      }
    },
  ), { numRuns: 400, seed: 42 })
  await w.end()
})

test('20 000 mutated fragments: each comes to one end, and nothing is left', async () => {
  const w = await world({ fragments: { maxCount: 8, maxBytes: 100_000, timeout: 2000 }, quota: 1 << 20, seed: 11 })
  let state = 99
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
  const before = bytes(44, 0, 1, 4, 0, 0, 0, 0)
  const seeds = [0, 1, 2, 3].flatMap((id) => [
    ...pieces(datagram(300 + 8 * id), [64, 128], { id }),
    ...pieces(datagram(100), [16, 40], { id: id + 8, before, named: 60 }),
    ...pieces(bytes(128, 0, 0, 0, new Uint8Array(60)), [8, 16], { id: id + 16, next: 58 }),
  ])
  let delivered = 0
  for (let n = 0; n < 20_000; n++) {
    const made = seeds[random(seeds.length)]!.slice()
    for (let k = random(4); k > 0; k--) {
      // Not version and destination, so that most get to where fragments are read.
      const at = random(4) === 0 ? random(made.length) : 40 + random(Math.min(24, made.length - 40))
      if (at >= 4 && (at < 8 || at >= 40)) made[at] = random(3) === 0 ? random(256) : made[at]! ^ (1 << random(8))
    }
    w.station.receive(frame(random(20) === 0 ? made.subarray(0, 40 + random(made.length - 40)) : made, w.station.address))
    if (n % 50 === 0) w.env.advance(random(300))
    assert.ok(w.stack.ipv6Fragments.waiting <= 8)
    assert.ok(w.stack.ipv6Fragments.held <= 100_000)
    delivered = w.udp.received.length
  }
  assert.ok(delivered > 100, `${delivered} were delivered`)
  assert.ok(total(w.drops()) > 5000)
  await w.end()
})

test.run()
