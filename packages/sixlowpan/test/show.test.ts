import { readHeaders, show } from '@favonius/sixlowpan/wire'
import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { packets } from './craft.ts'
import { hex, world } from './fixture.ts'

const test = suite('sixlowpan: show')

const lines: readonly (readonly [payload: string, line: string])[] = [
  ['7b333a 8f00', '6LoWPAN, IPHC fe80::[link] > fe80::[link] hlim 255 next 58, length 2'],
  ['6b13 812345 3a 0000000000000001 8f00', '6LoWPAN, IPHC fe80::0:0:0:1 > fe80::[link] hlim 255 class 0x02 flow 0x12345 next 58, length 2'],
  ['7ef7 30 f3 12 abcd 00', '6LoWPAN, IPHC [3]:[link] > [0]:[link] hlim 64, UDP 61617 > 61618, length 1'],
  ['7e3b 01 f7 12', '6LoWPAN, IPHC fe80::[link] > ff02::1 hlim 64, UDP 61617 > 61618 no checksum, length 0'],
  ['7e43 f0 1633 1633 abcd', '6LoWPAN, IPHC :: > fe80::[link] hlim 64, UDP 5683 > 5683, length 0'],
  ['7b39 3a 0201ff005301', '6LoWPAN, IPHC fe80::[link] > ff02::01:ff00:5301 hlim 255 next 58, length 0'],
  ['7b3c 3a 3e0012345678', '6LoWPAN, IPHC fe80::[link] > ff3e:00[0]:1234:5678 hlim 255 next 58, length 0'],
  ['7f33 e1 04 05020000 ee 7b33 3a 8f00', '6LoWPAN, IPHC fe80::[link] > fe80::[link] hlim 255, HBH 4, IPHC fe80::[link] > fe80::[link] hlim 255 next 58, length 2'],
  ['c500 0007 7b333a 8f00', '6LoWPAN, frag size 1280 tag 0x0007 offset 0, IPHC fe80::[link] > fe80::[link] hlim 255 next 58, length 2'],
  ['e500 0007 0a 000102', '6LoWPAN, frag size 1280 tag 0x0007 offset 80, length 3'],
  ['b4 0007 0009 50 2a 41 60', '6LoWPAN, mesh 00:07 > 00:09 hops 4, broadcast seq 42, IPv6, length 1'],
  ['42 00', '6LoWPAN, HC1, length 1'],
  ['f1', '6LoWPAN, dispatch 0xf1, length 0'],
  ['7b', '6LoWPAN, malformed: cut short after 1 bytes'],
  ['7b34', '6LoWPAN, malformed: a reserved address mode'],
  ['7f33 d0', '6LoWPAN, malformed: next header compression 0xd0 is not known'],
]

test('one line for a payload', () => {
  for (const [payload, line] of lines) assert.is(show(hex(payload)), line)
})

test('whatever it is given, there is a line', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (payload) => assert.match(show(payload), /^6LoWPAN, /)), { numRuns: 5000, seed: 1 })
})

test('what can be decompressed can be read, and the other way round', async () => {
  const here = world()
  fc.assert(fc.property(packets, fc.nat(30), fc.nat(255), (packet, at, value) => {
    const [payload] = here.send(packet)
    payload![at % payload!.length] = value
    const headers = readHeaders(payload!)
    const readable = !('malformed' in headers) && headers.kind === 'iphc'
    if (here.receive(payload!) !== undefined && payload![0] !== 0x41) assert.ok(readable || payload![0]! >> 6 !== 1, show(payload!))
  }), { numRuns: 3000, seed: 1 })
  here.layer.forget(here.iface)
  await here.end()
})

test.run()
