/** What is no packet, and headers that are passed over on the way to one. */

import { linkAddress, NO_LINK_ADDRESS } from '@favonius/inet'
import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { bytes, datagram, packet, packets } from './craft.ts'
import { A, B, hex, stations, textOf, world } from './fixture.ts'

const test = suite('sixlowpan: drops')

const bad: readonly (readonly [payload: string, reason: string])[] = [
  ['', 'cut short'],
  ['00 7b333a', 'not a LoWPAN frame'],
  ['3f', 'not a LoWPAN frame'],
  ['40 00', 'escaped dispatches are not supported'],
  ['42 00', 'HC1 compression is not supported'],
  ['43', 'dispatch not supported'],
  ['e8 00000000', 'dispatch not supported'],
  ['f1 00', 'pages of dispatches are not supported'],
  ['ff', 'pages of dispatches are not supported'],
  ['50', 'cut short'],
  ['5001', 'cut short'],
  ['7b', 'cut short'],
  ['7b33', 'cut short'],
  ['7833 3a', 'cut short'],
  ['6333 000000', 'cut short'],
  ['7b03 3a 000102', 'cut short'],
  ['7b34 3a', 'reserved address mode'],
  ['7b3d 3a', 'reserved address mode'],
  ['7bb3', 'cut short'],
  ['7b73 3a', 'context not known'],
  ['7b37 3a', 'context not known'],
  ['7bf3 70 3a', 'context not known'],
  ['7b3c 3a 3e0000000001', 'context not known'],
  ['7f33', 'cut short'],
  ['7f33 f0 0000', 'cut short'],
  ['7f33 f3 12 00', 'cut short'],
  ['7f33 d0', 'compression of the next header not supported'],
  ['7f33 ea 3a 00', 'compression of the next header not supported'],
  ['7f33 f8', 'compression of the next header not supported'],
  ['7f33 ee 60', 'cut short'],
  ['7f33 ee 4100', 'compression of the next header not supported'],
  ['7f33 e0 3a', 'cut short'],
  ['7f33 e0 3a 09 0000', 'cut short'],
  ['7f33 e2 3a 05 0300000000', 'extension header of a broken length'],
  ['7f33 e8 3b 07 00001234000000', 'extension header of a broken length'],
  ['7f33 e3 06 030100000000 f7 12', 'elided checksum behind a routing header'],
  [`7f33 ${'ee 7f33'.repeat(51)} ee 7b33 3a`, 'too long when decompressed'],
]

test('each has its reason', async () => {
  const here = world()
  for (const [payload, reason] of bad) {
    const before = { ...here.drops() }
    assert.is(here.receive(hex(payload)), undefined, payload)
    assert.equal(here.drops(), { ...before, [reason]: (before[reason] ?? 0) + 1 }, payload)
  }
  assert.is(here.counters()['drop'], bad.length)
  await here.end()
})

test('an address that was elided, where the link has none', async () => {
  const here = world()
  here.receive(hex('7b31 3a 0000000000000001'), { from: NO_LINK_ADDRESS })
  here.receive(hex('7b13 3a 0000000000000001'), { to: NO_LINK_ADDRESS })
  assert.equal(here.drops(), { 'elides an address that the link does not have': 2 })
  await here.end()
})

test('a packet without buffers', async () => {
  const here = world({ quota: 2 << 10, headroom: 0 })
  const hoard = Array.from({ length: 7 }, () => here.stack.netbuf.alloc(200)!)
  // Its slot has no room for forty bytes of header more.
  here.receive(bytes('7b333a', new Uint8Array(230)))
  assert.equal(here.drops(), { 'no buffer': 1 })
  for (const each of hoard) each.unref()
  await here.end()
})

test('only IPv6 is sent', async () => {
  const here = world()
  assert.equal(here.send(hex('45000014'), { prepare: (each) => { each.protocol = 0x0800 } }), [])
  assert.equal(here.drops(), { 'only IPv6 passes here': 1 })
  await here.end()
})

test('RFC 4944 §5.2, §11.1: mesh and broadcast headers are passed over, and their addresses are those of the packet', async () => {
  const here = world()
  const plain = packet({ source: 'fe80::ff:fe00:7', destination: 'fe80::ff:fe00:9', next: 58, hopLimit: 255, payload: hex('8f00') })
  const near = linkAddress(2, 0, 3)
  const to = linkAddress(2, 0, 9)
  assert.is(textOf(here.receive(hex('b4 0007 0009 7b333a 8f00'), { from: near, to })!), textOf(plain))
  assert.is(textOf(here.receive(hex('bf 14 0007 0009 7b333a 8f00'), { from: near, to })!), textOf(plain))
  const all = packet({ source: 'fe80::5eff:fe00:5301', destination: 'ff02::1', next: 58, hopLimit: 255, payload: hex('8f00') })
  const eui = '02005efffe005301'
  assert.is(textOf(here.receive(hex(`94 ${eui} ffff 50 2a 7b3b3a 01 8f00`), { from: near, to })!), textOf(all))
  assert.is(textOf(here.receive(hex(`94 ${eui} 8001 50 2a 7b3b3a 01 8f00`), { from: near, to })!), textOf(all))
  const ours = packet({ source: 'fe80::5eff:fe00:5301', destination: 'fe80::212:4b00:14b5:d98c', next: 58, hopLimit: 255, payload: hex('8f00') })
  assert.is(textOf(here.receive(hex(`81 ${eui} 00124b0014b5d98c 7b333a 8f00`), { from: near, to })!), textOf(ours))
  assert.equal(here.drops(), {})
  here.receive(hex('b4 0007 000a 7b333a 8f00'), { from: near, to })
  here.receive(hex('b4 0007 0009'), { from: near, to })
  here.receive(hex('bf'), { from: near, to })
  assert.equal(here.drops(), { 'for another station of the mesh': 1, 'cut short': 2 })
  await here.end()
})

test('fragments are those of the originator, whoever passes them on', async () => {
  const here = world()
  const made = packet({ source: 'fe80::ff:fe00:7', destination: 'fe80::ff:fe00:9', next: 17, payload: datagram('fe80::ff:fe00:7', 'fe80::ff:fe00:9', 1, 2, new Uint8Array(200)) })
  const [from, to] = [linkAddress(2, 0, 7), linkAddress(2, 0, 9)]
  const got = here.send(made, { from, to, room: 90 }).map((payload, i) =>
    here.receive(bytes(hex('b4 0007 0009'), payload), { from: linkAddress(2, 0, 30 + i), to }))
  assert.is(textOf(got.at(-1)!), textOf(made))
  await here.end()
})

test('whatever comes: nothing is thrown, nothing leaks, everything is counted', async () => {
  const here = world()
  const { layer, iface } = here
  layer.setContext(iface, 0, '2001:db8::/64')
  layer.setContext(iface, 3, '2001:db8:1::/48')
  layer.setContext(iface, 9, '2001:db8:1:aa::1/128')
  let frames = 0
  let through = 0
  const hear = (payload: Uint8Array, length: 2 | 6 | 8): void => {
    const [from, to] = stations[length]
    const waiting = layer.waiting
    const dropped = here.counters()['drop']!
    frames++
    if (here.receive(payload, { from, to }) !== undefined) through++
    else if (here.counters()['drop'] === dropped) assert.ok(layer.waiting >= waiting, 'kept')
    assert.is(here.stack.netbuf.live, layer.waiting)
  }
  const lengths = fc.constantFrom(2, 6, 8)
  const mutation = fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom('set', 'cut', 'insert', 'flip'))
  fc.assert(fc.property(packets, fc.array(mutation, { maxLength: 3 }), fc.integer({ min: 60, max: 300 }), lengths, (made, mutations, room, length) => {
    for (const payload of here.send(made, { room, from: stations[length][0], to: stations[length][1] })) {
      let broken: Uint8Array = payload
      for (const [place, value, how] of mutations) {
        // Headers stand at the front, so most of it hits them.
        const at = broken.length === 0 ? 0 : place % Math.min(broken.length, 16)
        if (how === 'set' && at < broken.length) broken[at] = value
        if (how === 'flip' && at < broken.length) broken[at]! ^= 1 << (value & 7)
        if (how === 'cut') broken = broken.subarray(0, at)
        if (how === 'insert') broken = bytes(broken.subarray(0, at), value, broken.subarray(at))
      }
      hear(broken, length)
    }
  }), { numRuns: 10_000, seed: 3 })
  fc.assert(fc.property(fc.uint8Array({ maxLength: 130 }), lengths, hear), { numRuns: 10_000, seed: 4 })
  fc.assert(fc.property(fc.constantFrom(0x60, 0x7f, 0x7b, 0xc0, 0xe0, 0x80, 0xb1, 0x41, 0x50), fc.uint8Array({ maxLength: 130 }), lengths, (first, rest, length) => {
    hear(bytes(first, rest), length)
  }), { numRuns: 10_000, seed: 5 })
  assert.ok(frames > 30_000 && through > 5000, `${through} of ${frames}`)
  // The generator reaches most of the reasons.
  assert.ok(Object.keys(here.drops()).length > 18, Object.keys(here.drops()).join(', '))
  await here.end()
})

test('addresses of the fixture are what the tests say', () => {
  assert.is(String(A), '02:00:5e:ff:fe:00:53:01')
  assert.is(String(B), '00:12:4b:00:14:b5:d9:8c')
})

test.run()
