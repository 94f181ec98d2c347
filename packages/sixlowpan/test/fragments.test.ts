/** RFC 4944 §5.3. */

import type { NetBuf } from '@favonius/contract'
import { ETHERTYPE_IPV6, eui64, linkAddress } from '@favonius/inet'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { bytes, datagram, packet } from './craft.ts'
import { A, B, hex, textOf, world, type Bytes } from './fixture.ts'

const test = suite('sixlowpan: fragments')

const US = 'fe80::5eff:fe00:5301'
const PEER = 'fe80::212:4b00:14b5:d98c'
const counting = (size: number): Bytes => Uint8Array.from({ length: size }, (_, i) => i ^ (i >> 8))
/** An IPv6 packet of so many bytes, with UDP in it. */
const whole = (size: number): Bytes => packet({ source: US, destination: PEER, next: 17, payload: datagram(US, PEER, 5683, 5683, counting(size - 48)) })

/** A fragment by hand. */
const first = (size: number, tag: number, rest: Uint8Array): Bytes => bytes(0xc0 | (size >> 8), size & 255, tag >> 8, tag & 255, rest)
const next = (size: number, tag: number, at: number, rest: Uint8Array): Bytes => bytes(0xe0 | (size >> 8), size & 255, tag >> 8, tag & 255, at >> 3, rest)
/** A packet as fragments of these lengths, uncompressed. */
const pieces = (packet: Bytes, tag: number, cuts: readonly number[]): Bytes[] => {
  const bounds = [0, ...cuts, packet.length]
  return bounds.slice(0, -1).map((at, i) => {
    const data = packet.subarray(at, bounds[i + 1])
    return at === 0 ? first(packet.length, tag, bytes(0x41, data)) : next(packet.length, tag, at, data)
  })
}

test('sizes and offsets are those of the datagram before it was compressed', async () => {
  const here = world()
  const payloads = here.send(whole(300), { room: 102 })
  // 102 bytes hold 4 of fragment header and 9 that stand for 48; 88 more of data make 136, a multiple of 8.
  assert.equal(payloads.map(({ length }) => length), [101, 101, 73])
  const [one, two, three] = payloads as [Bytes, Bytes, Bytes]
  const tag = textOf(one.subarray(2, 4))
  assert.is(textOf(one.subarray(0, 13)), `c12c${tag}7e33f016331633${textOf(whole(300).subarray(46, 48))}`)
  assert.is(textOf(two.subarray(0, 5)), `e12c${tag}${(136 / 8).toString(16)}`)
  assert.is(textOf(three.subarray(0, 5)), `e12c${tag}${(232 / 8).toString(16)}`)
  assert.equal(here.counters(), { sent: 1, recv: 0, fragmented: 1, reassembled: 0, drop: 0 })
  const [again] = here.send(whole(300), { room: 102 })
  assert.is(parseInt(textOf(again!.subarray(2, 4)), 16), (parseInt(tag, 16) + 1) & 0xffff)
  await here.end()
})

test('they may come in any order', async () => {
  for (const order of [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]) {
    const here = world()
    const payloads = here.send(whole(300), { room: 102 })
    const made = order.map((i) => here.receive(payloads[i]!))
    assert.equal(made.slice(0, 2), [undefined, undefined])
    assert.is(textOf(made[2]!), textOf(whole(300)))
    assert.is(here.layer.waiting, 0)
    await here.end()
  }
})

test('1280 bytes, and the largest that the size can say', async () => {
  const here = world()
  const payloads = here.send(whole(1280), { room: 81 })
  assert.is(textOf(payloads.map((each) => here.receive(each)).at(-1)!), textOf(whole(1280)))
  assert.ok(here.send(whole(2047), { room: 81 }).length > 20)
  assert.equal(here.send(whole(2048), { room: 81 }), [])
  assert.equal(here.drops(), { 'longer than 2047 bytes': 1 })
  await here.end()
})

test('a duplicate is dropped, wherever it stands', async () => {
  const here = world()
  const payloads = here.send(whole(300), { room: 102 })
  for (const i of [1, 1, 0, 0, 1]) assert.is(here.receive(payloads[i]!), undefined)
  assert.is(textOf(here.receive(payloads[2]!)!), textOf(whole(300)))
  assert.equal(here.drops(), { 'fragment that is there already': 3 })
  await here.end()
})

test('what overlaps and is not the same ends what there was, and begins the datagram anew', async () => {
  const here = world()
  const made = whole(120)
  // 48–80 came; 56–80 overlaps it, and the rest of another cut completes that.
  const one = pieces(made, 7, [48, 80])
  const other = pieces(made, 7, [56, 80])
  here.receive(one[0]!)
  here.receive(one[1]!)
  assert.is(here.receive(other[1]!), undefined)
  assert.is(here.receive(one[2]!), undefined)
  assert.is(textOf(here.receive(other[0]!)!), textOf(made))
  // A first fragment that overlaps, compressed or not.
  here.receive(one[1]!)
  assert.is(here.receive(other[0]!), undefined)
  here.receive(other[1]!)
  assert.is(textOf(here.receive(other[2]!)!), textOf(made))
  // And one instead of another first one.
  here.receive(one[0]!)
  assert.is(here.receive(other[0]!), undefined)
  here.receive(other[1]!)
  assert.is(textOf(here.receive(other[2]!)!), textOf(made))
  assert.equal(here.drops(), { 'fragments overlap': 3 })
  await here.end()
})

test('sizes that lie are found out', async () => {
  const here = world()
  const said = (payload: Bytes, reason: string): void => {
    const before = { ...here.drops() }
    assert.is(here.receive(payload), undefined)
    assert.equal(here.drops(), { ...before, [reason]: (before[reason] ?? 0) + 1 })
  }
  said(next(64, 1, 40, counting(32)), 'fragment reaches beyond its datagram')
  said(next(64, 1, 40, counting(12)), 'fragment length is not a multiple of 8')
  said(next(64, 1, 40, counting(0)), 'fragment without data')
  said(next(64, 1, 0, counting(32)), 'first fragment without its header')
  said(next(1281, 1, 40, counting(32)), 'datagram larger than the link carries')
  said(first(1281, 1, bytes(0x41, counting(40))), 'datagram larger than the link carries')
  said(first(40, 1, bytes(0x41, counting(48))), 'fragment reaches beyond its datagram')
  said(first(64, 1, bytes(0x41, counting(42))), 'fragment length is not a multiple of 8')
  said(first(64, 1, bytes(0x41)), 'fragment without data')
  said(first(39, 1, hex('7b333a')), 'too long when decompressed')
  said(first(64, 1, hex('7b333a 01')), 'fragment length is not a multiple of 8')
  said(first(64, 1, bytes(0xc0, counting(20))), 'dispatch not supported')
  said(first(64, 1, bytes(0x42, counting(20))), 'HC1 compression is not supported')
  said(hex('c040 0001'), 'cut short')
  said(hex('e040 0001'), 'cut short')
  assert.is(here.layer.waiting, 0)
  await here.end()
})

test('a first fragment that cannot be decompressed takes its datagram with it', async () => {
  const here = world()
  here.receive(next(64, 1, 56, counting(8)))
  assert.is(here.layer.waiting, 1)
  here.receive(first(64, 1, hex('7f33 e0')))
  assert.is(here.layer.waiting, 0)
  assert.equal(here.drops(), { 'cut short': 2 })
  await here.end()
})

test('a datagram is known by sender, receiver, size and tag, and interface', async () => {
  const here = world()
  const made = whole(120)
  const [one, two] = pieces(made, 7, [80])
  const others = { from: eui64('02:00:00:00:00:00:00:07') }
  here.receive(one!)
  here.receive(two!, others)
  here.receive(two!, { to: others.from })
  here.receive(two!, { from: linkAddress(2, 0, A.lo) })
  here.receive(pieces(made, 8, [80])[1]!)
  here.receive(pieces(bytes(made, counting(8)), 7, [80])[1]!)
  assert.is(here.layer.waiting, 6)
  assert.is(textOf(here.receive(two!)!), textOf(made))
  assert.is(here.layer.waiting, 5)
  assert.equal(here.drops(), {})
  here.layer.forget(here.iface)
  assert.equal(here.drops(), { 'interface went down': 5 })
  await here.end()
})

test('the rest is waited for, and not for ever', async () => {
  const here = world({ sixlowpan: { reassemblyTimeout: 2000 } })
  const payloads = here.send(whole(300), { room: 102 })
  here.receive(payloads[0]!)
  here.env.advance(1000)
  here.receive(next(64, 1, 40, counting(8)))
  here.env.advance(999)
  assert.is(here.layer.waiting, 2)
  here.env.advance(1)
  assert.is(here.layer.waiting, 1)
  here.env.advance(1000)
  assert.is(here.layer.waiting, 0)
  assert.is(here.layer.held, 0)
  assert.equal(here.drops(), { 'fragments waited too long for the rest': 2 })
  assert.is(here.env.armed, 0)
  await here.end()
})

/** A datagram comes whole, whatever comes behind each of its fragments. */
function comesThrough(here: ReturnType<typeof world>, flood: () => void): void {
  const payloads = here.send(whole(1000), { room: 102 })
  const made = payloads.map((payload) => {
    const got = here.receive(payload)
    if (got === undefined) flood()
    return got
  })
  assert.is(textOf(made.at(-1)!), textOf(whole(1000)))
}

test('a station that begins ever new datagrams stops nobody else', async () => {
  const here = world()
  const flooder = eui64('02:00:00:00:00:00:06:66')
  let tag = 0
  const flood = (): void => {
    for (let i = 0; i < 200; i++) here.receive(next(1280, tag++ & 0xffff, 40, counting(8)), { from: flooder })
  }
  flood()
  for (let round = 0; round < 5; round++) {
    comesThrough(here, flood)
    assert.ok(here.layer.waiting <= 16)
  }
  assert.ok(here.drops()['fragments made room for others']! > 5000)
  await here.end()
})

test('nor do as many stations as there is room for', async () => {
  const here = world()
  let n = 0
  const flood = (): void => {
    for (let i = 0; i < 15; i++) here.receive(next(1280, 1, 40, counting(8)), { from: eui64(bytes('020000000000', n >> 8 & 255, n++ & 255)) })
  }
  flood()
  comesThrough(here, flood)
  await here.end()
})

test('no more than a quarter of the quota is held', async () => {
  const here = world({ quota: 64 << 10 })
  for (let tag = 0; tag < 100; tag++) {
    here.receive(next(1280, tag, 40, counting(8)))
    assert.ok(here.layer.held <= 16 << 10)
  }
  assert.is(here.layer.waiting, 8)
  assert.is(here.drops()['fragments made room for others'], 92)
  await here.end()
})

test('without buffers a fragment is dropped, and the next one taken again', async () => {
  const here = world({ quota: 8 << 10 })
  const hoard: NetBuf[] = []
  const payload = next(1280, 1, 40, counting(8))
  for (let free = here.stack.netbuf.quota - here.stack.netbuf.used; free > 256; free -= 256) hoard.push(here.stack.netbuf.alloc(200)!)
  assert.is(here.receive(payload), undefined)
  assert.equal(here.drops(), { 'no buffer': 1 })
  for (const each of hoard) each.unref()
  here.receive(payload)
  assert.is(here.layer.waiting, 1)
  await here.end()
})

test('when a piece is not sent, neither is the rest', async () => {
  const here = world()
  let sent = 0
  const made = here.packetOf(whole(600), 64)
  made.protocol = ETHERTYPE_IPV6
  assert.is(here.layer.send(here.iface, made, A, B, {
    room: () => 102,
    send(_iface, payload) {
      payload.unref()
      return ++sent < 3
    },
  }), false)
  assert.is(sent, 3)
  await here.end()
})

test('a frame too small for a fragment', async () => {
  const here = world()
  assert.equal(here.send(whole(300), { room: 12 }), [])
  assert.equal(here.send(packet({ source: '2001:db8::1', destination: '2001:db8::2', next: 6, payload: counting(100) }), { room: 38 }), [])
  assert.equal(here.drops(), { 'no room for a fragment': 2 })
  await here.end()
})

test('RFC 6282 §2: headers that do not fit into the first fragment are not compressed', async () => {
  const here = world()
  const options = bytes(17, 12, 0x1e, 100, counting(100))
  const made = packet({ source: US, destination: PEER, next: 60, payload: bytes(options, datagram(US, PEER, 1, 2, counting(100))) })
  const payloads = here.send(made, { room: 81 })
  assert.is(textOf(payloads[0]!.subarray(4, 7)), '7a333c')
  assert.is(textOf(payloads.map((each) => here.receive(each)).at(-1)!), textOf(made))
  assert.is(textOf(here.send(made, { room: 2047 })[0]!.subarray(0, 3)), '7e33e7')
  await here.end()
})

test('an elided checksum is made when the datagram is whole', async () => {
  const here = world({ sixlowpan: { elideChecksum: true } })
  const payloads = here.send(whole(300), { room: 102 })
  assert.is(payloads[0]![6], 0xf4)
  assert.is(textOf(payloads.reverse().map((each) => here.receive(each)).at(-1)!), textOf(whole(300)))
  await here.end()
})

test('a partial checksum is finished before anything is compressed or cut', async () => {
  const here = world()
  for (const size of [60, 300]) {
    const made = whole(size)
    const right = textOf(made)
    const payloads = here.send(made, {
      room: 102,
      prepare(each) {
        each.checksum = 1
        each.checksumStart = each.offset + 40
        each.checksumAt = each.offset + 46
        // The pseudo-header's sum, as UDP leaves it.
        each.dv.setUint16(each.checksumAt, 0)
        const rest = each.sum(each.checksumStart)
        const sum = (~new DataView(made.buffer).getUint16(46) & 0xffff) - rest
        each.dv.setUint16(each.checksumAt, sum < 0 ? sum + 0xffff : sum)
      },
    })
    assert.is(textOf(payloads.map((each) => here.receive(each)).at(-1)!), right)
  }
  await here.end()
})

test('a packet that somebody else holds too stays as it is', async () => {
  const here = world()
  let held: NetBuf | undefined
  const [payload] = here.send(whole(60), { prepare: (each) => { held = each.ref() } })
  assert.is(textOf(here.bytesOf(held!)), textOf(whole(60)))
  assert.is(textOf(here.receive(payload!)!), textOf(whole(60)))
  held!.unref()
  await here.end()
})

test('packets and frames may stand in several buffers', async () => {
  for (const headroom of [0, 60]) {
    const here = world()
    const made = whole(300)
    const chain = (all: Bytes, at: number, before: number): NetBuf => {
      const packet = here.packetOf(all.subarray(0, at), before)
      packet.append(here.packetOf(all.subarray(at), 0))
      return packet
    }
    for (const room of [102, 2047]) {
      const sent: Bytes[] = []
      const packet = chain(made, 70, 64)
      packet.protocol = ETHERTYPE_IPV6
      here.layer.send(here.iface, packet, A, B, {
        room: () => room,
        send(_iface, payload) {
          sent.push(here.bytesOf(payload))
          payload.unref()
          return true
        },
      })
      const got = sent.map((payload) => here.layer.receive(here.iface, chain(payload, 30, headroom), A, B)).at(-1)!
      assert.is(textOf(here.bytesOf(got)), textOf(made))
      got.unref()
    }
    await here.end()
  }
})

test.run()
