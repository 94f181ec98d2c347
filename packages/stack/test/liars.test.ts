/** Liars on the link: a flow between two others does not notice them. */

import type { Address } from '@favonius/contract'
import { address, ALL_NODES } from '@favonius/inet'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import {
  extension, FAR4, FAR6, icmp4, in4, in6, ipBytes, join, linkOption, OUR4, OUR6, OUR_LOCAL, packet4, packet6, ROUTER6, THEIR4, THEIR6, THEIR_LINK,
  THEIR_LOCAL, u16, udp, type Bytes,
} from './corpus.ts'
import { attack, FRIEND4, FRIEND6, FRIEND_PORT, OUR_PORT } from './liars.ts'

const test = suite('liars on the link', { timeout: 60_000 })
const range = (length: number): number[] => Array.from({ length }, (_, i) => i)
/** Nobody listens there. */
const lost = udp(5000, 9, new Uint8Array(64))

const fragment6 = (id: number, at: number, more: boolean, size: number, from: Address = THEIR6): Bytes =>
  in6(packet6(from, OUR6, 44, join([17, 0], u16(at | (more ? 1 : 0)), u16(id >>> 16, id & 0xffff), new Uint8Array(size))))
const fragment4 = (id: number, at: number, more: boolean, size: number, from: Address = THEIR4): Bytes => {
  const made = in4(packet4(from, OUR4, 17, new Uint8Array(size), { flags: (more ? 0x2000 : 0) | at >> 3 }))
  made.set(u16(id), 18)
  return made
}
/** The same of both families, in turn. */
const both = (make: (fragment: typeof fragment4) => Bytes[]): Bytes[] => {
  const six = make(fragment6)
  return make(fragment4).flatMap((four, i) => [four, six[i]!])
}
const neighbours = (n: number): { from4: Address; from6: Address } => ({ from4: address(`192.0.2.${100 + n % 100}`), from6: address(`2001:db8::1:${n % 1000 + 1}`) })

test('first fragments of many datagrams', async () => {
  const { drops, errors } = await attack({ frames: both((fragment) => range(5000).map((n) => fragment(n, 0, true, 1400))), lasts: 1200 })
  assert.ok(drops['ipv4: fragments made room for others']! + drops['ipv6: fragments made room for others']! > 11_900)
  assert.ok(errors > 0, 'and those that were never finished are told of')
})

test('first fragments from everybody', async () => {
  await attack({ frames: range(3000).flatMap((n) => [fragment4(n, 0, true, 1400, neighbours(n).from4), fragment6(n, 0, true, 1200, neighbours(n).from6)]) })
})

test('one datagram in fragments without end, in order and backwards', async () => {
  for (const order of [range(8000), range(8000).reverse()]) {
    const { drops } = await attack({ frames: both((fragment) => order.map((n) => fragment(1, n * 8, true, 8))) })
    assert.equal(drops, { 'ipv4: datagram in too many fragments': 2500, 'ipv6: datagram in too many fragments': 2500 })
  }
})

test('large fragments, as many as may be held', async () => {
  await attack({ frames: both((fragment) => range(4000).map((n) => fragment(n >> 4, (n & 15) * 1400 + 8, true, 1400))) })
})

test('fragments that overlap, that are copies, that have no data, or no end', async () => {
  const { drops } = await attack({
    frames: both((fragment) => range(300).flatMap((id) => [
      fragment(id, 0, true, 64), fragment(id, 0, true, 64), fragment(id, 56, true, 64), fragment(id, 64, false, 0), fragment(id, 65_528, false, 64),
      fragment(id, 8, true, 63),
    ])),
  })
  for (const why of ['fragments overlap', 'fragment that is there already', 'fragment without data', 'fragments of more than 65535 bytes', 'fragment length is not a multiple of 8']) {
    assert.ok(drops[`ipv4: ${why}`]! > 100 && drops[`ipv6: ${why}`]! > 100, why)
  }
})

// ---- errors about what we did not send ----

/** A packet that the victim might have sent: not with the friend's port, unless it is given. */
const quote4 = (port = FRIEND_PORT + 1, size = 1400, to = FRIEND4, from = OUR4): Bytes => packet4(from, to, 17, udp(OUR_PORT, port, new Uint8Array(size)))
const quote6 = (port = FRIEND_PORT + 1, size = 1400, to = FRIEND6, from = OUR6): Bytes => packet6(from, to, 17, udp(OUR_PORT, port, new Uint8Array(size)))
const error4 = (type: number, code: number, word: number, about: Bytes, from = THEIR4): Bytes => in4(packet4(from, OUR4, 1, icmp4(type, code, join(u16(word >>> 16, word & 0xffff), about))))
const error6 = (type: number, code: number, word: number, about: Bytes, from = THEIR6): Bytes => in6(packet6(from, OUR6, 58, join([type, code, 0, 0], u16(word >>> 16, word & 0xffff), about)))
const MTUS = [0, 67, 68, 552, 1279, 1280, 1400, 1428, 1500, 9000, 0xffff]

test('Packet Too Big about flows that do not exist', async () => {
  const { drops } = await attack({
    frames: MTUS.flatMap((mtu) => [
      error4(3, 4, mtu, quote4()), error6(2, 0, mtu, quote6()), error4(3, 4, mtu, quote4(FRIEND_PORT, 1400, FAR4)), error6(2, 0, mtu, quote6(FRIEND_PORT, 1400, FAR6)),
      error4(3, 4, mtu, quote4(FRIEND_PORT, 1400, FRIEND4, THEIR4)), error6(2, 0, mtu, quote6(FRIEND_PORT, 1400, FRIEND6, THEIR6)),
      error4(3, 4, mtu, packet4(OUR4, FRIEND4, 1, icmp4(8, 0, new Uint8Array(1400)))), error6(2, 0, mtu, packet6(OUR6, FRIEND6, 58, join([128, 0, 0, 0], new Uint8Array(1400)))),
    ]),
  })
  assert.equal(drops, { 'icmpv4: error about nothing of ours': 2500, 'icmpv6: error about nothing of ours': 2500 })
})

test('absurd MTUs for a flow that is known: nothing is believed', async () => {
  const absurd = [0, 67, 1279].map((mtu) => error6(2, 0, mtu, quote6(FRIEND_PORT)))
  const large = [1441, 1448, 1500, 9000, 0xffff].flatMap((mtu) => [error4(3, 4, mtu, quote4(FRIEND_PORT)), error6(2, 0, mtu, quote6(FRIEND_PORT)), error6(2, 0, 1280, quote6(FRIEND_PORT, 400))])
  const fragments = [0, 600, 1400].map((mtu) => {
    const quoted = quote4(FRIEND_PORT)
    quoted[6] = 0x20
    return error4(3, 4, mtu, quoted)
  })
  const { drops } = await attack({ frames: [...absurd, ...large.filter((_, i) => i !== 1), ...fragments] })
  assert.equal(Object.keys(drops).sort(), ['icmpv4: fragmentation needed, but it is not', 'icmpv6: packet too big for less than 1280', 'icmpv6: packet too big, but it is not'])
})

test('who knows the flow can narrow its path, and never so far that it ends', async () => {
  const frames = (mtus: readonly number[]): Bytes[] => mtus.flatMap((mtu) => [error4(3, 4, mtu, quote4(FRIEND_PORT)), error6(2, 0, mtu, quote6(FRIEND_PORT))])
  await attack({ frames: frames([0, 67, 68, 1279, 1280, 1400, 9000]), believed: [552, 1280] })
  await attack({ frames: frames([1400, 1300, 1440]), believed: [1300, 1300] })
  // Unreachable, about the flow itself: a socket is told, and what it sends goes on.
  await attack({ frames: [0, 1, 3, 13].flatMap((code) => [error4(3, code, 0, quote4(FRIEND_PORT)), error6(1, code & 7, 0, quote6(FRIEND_PORT))]), believed: [1500, 1500] })
})

test('quotes that are cut short, at each byte', async () => {
  const { drops } = await attack({
    frames: [...range(24).flatMap((n) => [error4(3, 4, 1300, quote4(FRIEND_PORT).slice(0, n)), error4(3, 3, 0, quote4(FRIEND_PORT).slice(0, n))]),
      ...range(44).flatMap((n) => [error6(2, 0, 1300, quote6(FRIEND_PORT).slice(0, n)), error6(1, 4, 0, quote6(FRIEND_PORT).slice(0, n)), error6(4, 0, 6, quote6(FRIEND_PORT).slice(0, n))])],
  })
  assert.equal(Object.keys(drops).sort(), ['icmpv4: error about nothing of ours', 'icmpv6: error about nothing of ours'])
})

test('unreachable, exceeded, quenched, with every code, about nothing', async () => {
  await attack({
    frames: range(16).flatMap((code) => [
      ...[3, 4, 11, 12].map((type) => error4(type, code, 0, quote4())), ...[1, 3, 4, 100, 127].map((type) => error6(type, code, 0, quote6())),
    ]),
  })
})

test('redirects from who is not the router', async () => {
  const redirect = (from: Address, to: Address, target: Address, about: Address, hopLimit = 255): Bytes =>
    in6(packet6(from, to, 58, join([137, 0, 0, 0, 0, 0, 0, 0], ipBytes(target), ipBytes(about), linkOption(2, THEIR_LINK)), hopLimit))
  const { drops } = await attack({
    frames: [
      ...[OUR_LOCAL, OUR6].flatMap((to) => [
        redirect(THEIR_LOCAL, to, THEIR_LOCAL, FRIEND6), redirect(THEIR_LOCAL, to, FRIEND6, FRIEND6), redirect(THEIR_LOCAL, to, THEIR_LOCAL, FAR6),
        redirect(THEIR6, to, THEIR_LOCAL, FRIEND6), redirect(FRIEND6, to, THEIR_LOCAL, FRIEND6), redirect(ROUTER6, to, THEIR_LOCAL, FRIEND6),
        redirect(ROUTER6, to, THEIR_LOCAL, FAR6, 254), redirect(ROUTER6, to, THEIR6, FAR6), redirect(ROUTER6, to, THEIR_LOCAL, ALL_NODES),
      ]),
      in4(packet4(address('192.0.2.254'), OUR4, 1, icmp4(5, 1, join(ipBytes(THEIR4), quote4(FRIEND_PORT).slice(0, 28))))),
    ],
  })
  assert.ok(drops['nd: redirect not from the first hop']! > 1000 && drops['nd: invalid message']! > 1000 && drops['icmpv4: type not supported']! > 100)
})

// ---- headers ----

const GROUP = ALL_NODES
/** A chain of extension headers before a datagram, to us and to all nodes. */
const behind = (kind: number, ...headers: number[][]): Bytes[] => [OUR6, GROUP].map((to) => in6(packet6(THEIR6, to, kind, join(...headers, lost))))

test('routing headers with segments left, of every type', async () => {
  const { drops, errors } = await attack({
    frames: [0, 2, 3, 4, 253, 254, 255].flatMap((type) => [1, 2, 255].flatMap((left) => [
      ...behind(43, [17, 2, type, left, 0, 0, 0, 0, ...ipBytes(FRIEND6)]), ...behind(43, [17, 0, type, left, 0, 0, 0, 0]), ...behind(60, extension(43, []), [17, 0, type, left, 0, 0, 0, 0]),
      ...behind(43, [17, 2, type, 0, 0, 0, 0, 0, ...ipBytes(FRIEND6)]),
    ])),
  })
  assert.ok(drops['ipv6: routing type not supported']! > 3000 && drops['udp: no listener']! > 1000)
  assert.ok(errors > 0)
})

test('hop-by-hop tricks: too many options, jumbograms, alerts, and headers out of their place', async () => {
  const jumbo = in6(packet6(THEIR6, OUR6, 0, join([17, 0, 0xc2, 4, 0, 1, 0, 0], lost)))
  jumbo.set([0, 0], 18)
  const { drops } = await attack({
    frames: [
      jumbo, ...behind(0, [17, 0, 0xc2, 4, 0, 1, 0, 0]), ...behind(0, extension(17, [5, 2, 0, 0])), ...behind(0, extension(17, [5, 2, 0xff, 0xff])),
      ...behind(0, extension(17, range(12).flatMap(() => [0x1e, 0]))), ...behind(0, extension(17, new Array(100).fill(0))), ...behind(0, [17, 255, ...new Array<number>(2046).fill(1)]).map((frame) => frame.slice(0, 1400)),
      ...behind(0, extension(0, [5, 2, 0, 0]), extension(17, [])), ...behind(60, extension(0, []), extension(17, [])), ...behind(43, [0, 0, 0, 0, 0, 0, 0, 0], extension(17, [])),
      ...behind(0, [17, 0, 1, 200, 0, 0, 0, 0]), ...behind(0, [17, 0, 5]), ...behind(60, ...range(9).map(() => extension(60, [])), extension(17, [])), ...behind(0, [17, 30, 1, 4, 0, 0, 0, 0]),
      in6(packet6(THEIR6, OUR6, 1, icmp4(8, 0, new Uint8Array(40)))), in4(packet4(THEIR4, OUR4, 58, join([128, 0, 0, 0], new Uint8Array(40)))),
    ],
  })
  for (const why of ['jumbograms are not supported', 'too many extension headers or options', 'next header not supported', 'extension header cut short']) assert.ok(drops[`ipv6: ${why}`]! > 100, why)
})

test('options that are not known, with every action, in both headers, to us and to a group', async () => {
  const { drops } = await attack({
    frames: [0, 60].flatMap((kind) => range(256).filter((type) => type > 1 && type !== 5).flatMap((type) => behind(kind, [17, 0, type, 4, 0, 0, 0, 0]))),
  })
  assert.ok(drops['ipv6: option not recognized']! > 3500 && drops['udp: no listener']! > 1000)
})

test('IPv4 options, good ones and bad, and datagrams to nobody from everybody', async () => {
  await attack({
    frames: [
      ...range(256).flatMap((type) => [[type, 0, 0, 0], [type, 4, 4, 0], [type, 3, 0, 0], [type, 200, 0, 0]].map((options) => in4(packet4(THEIR4, OUR4, 17, lost, { options })))),
      ...range(500).flatMap((n) => [in4(packet4(neighbours(n).from4, OUR4, 17, lost)), in6(packet6(neighbours(n).from6, OUR6, 17, lost))]),
    ],
  })
})

test('echo requests from many who are there, and from many who are not', async () => {
  const frames = range(300).flatMap((n) => [
    in4(packet4(neighbours(n).from4, OUR4, 1, icmp4(8, 0, join(u16(n, 1), new Uint8Array(1400))))),
    in6(packet6(neighbours(n).from6, OUR6, 58, join([128, 0, 0, 0], u16(n, 1), new Uint8Array(1400)))),
  ])
  await attack({ frames })
  const { drops } = await attack({ frames, answers: false })
  assert.ok(drops['arp: no room in the table']! > 1000 && drops['nd: its neighbour made room for another']! > 1000)
})

test.run()
