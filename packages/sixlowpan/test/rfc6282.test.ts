/** What is to stand in a frame, byte by byte, both ways. Each example is named for the clause that it shows. */

import { eui48, eui64, linkAddress } from '@favonius/inet'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { bytes, datagram, packet, type Fields } from './craft.ts'
import { hex, stations, textOf, world } from './fixture.ts'

const test = suite('sixlowpan: RFC 6282')

const [short, shortPeer] = stations[2]
/** What the stations of eight bytes are called on their link. */
const US = 'fe80::5eff:fe00:5301'
const PEER = 'fe80::212:4b00:14b5:d98c'
const ping: Fields = { source: US, destination: PEER, next: 58, hopLimit: 255, payload: hex('01020304') }
const withUdp = (from: number, to: number): Fields => ({ ...ping, next: 17, payload: datagram(US, PEER, from, to, hex('616263')) })
/** The checksum of such a datagram, in hexadecimal. */
const sumOf = ({ payload }: Fields): string => textOf(payload.subarray(6, 8))

const examples: readonly (readonly [clause: string, fields: Fields, payload: string])[] = [
  ['§3.1.1: all that can be elided is', ping, '7b33 3a 01020304'],
  ['§3.1.1: TF 00, traffic class and flow label', { ...ping, trafficClass: 0xb9, flow: 0x12345 }, '6333 6e012345 3a 01020304'],
  ['§3.1.1: TF 01, ECN and flow label', { ...ping, trafficClass: 2, flow: 0x12345 }, '6b33 812345 3a 01020304'],
  ['§3.1.1: TF 10, traffic class', { ...ping, trafficClass: 0xb9 }, '7333 6e 3a 01020304'],
  ['§3.1.1: HLIM 00, carried inline', { ...ping, hopLimit: 33 }, '7833 3a 21 01020304'],
  ['§3.1.1: HLIM 01, which is 1', { ...ping, hopLimit: 1 }, '7933 3a 01020304'],
  ['§3.1.1: HLIM 10, which is 64', { ...ping, hopLimit: 64 }, '7a33 3a 01020304'],
  ['§3.1.1: SAM 00, 128 bits', { ...ping, source: '2001:db9::1' }, '7b03 3a 20010db9000000000000000000000001 01020304'],
  ['§3.1.1: SAM 01, 64 bits', { ...ping, source: 'fe80::1234:5678:9abc:def0' }, '7b13 3a 123456789abcdef0 01020304'],
  ['§3.1.1: SAM 10, 16 bits', { ...ping, source: 'fe80::ff:fe00:abcd' }, '7b23 3a abcd 01020304'],
  ['§3.1.1: SAC 1 and SAM 00, the unspecified address', { ...ping, source: '::' }, '7b43 3a 01020304'],
  ['§3.1.1: DAM 00, 128 bits', { ...ping, destination: 'fe80:1::1' }, '7b30 3a fe800001000000000000000000000001 01020304'],
  ['§3.1.1: DAM 01, 64 bits', { ...ping, destination: 'fe80::1' }, '7b31 3a 0000000000000001 01020304'],
  ['§3.1.1: DAM 10, 16 bits', { ...ping, destination: 'fe80::ff:fe00:1' }, '7b32 3a 0001 01020304'],
  ['§3.1.1: M 1, DAM 00, 128 bits', { ...ping, destination: 'ff02:0:1::1' }, '7b38 3a ff020000000100000000000000000001 01020304'],
  ['§3.1.1: M 1, DAM 01, 48 bits', { ...ping, destination: 'ff02::1:ff00:5301' }, '7b39 3a 0201ff005301 01020304'],
  ['§3.1.1: M 1, DAM 10, 32 bits', { ...ping, destination: 'ff05::1:3' }, '7b3a 3a 05010003 01020304'],
  ['§3.1.1: M 1, DAM 11, 8 bits', { ...ping, destination: 'ff02::1a' }, '7b3b 3a 1a 01020304'],
  ['§3.1.2: context 0 needs no byte, SAM 11', { ...ping, source: '2001:db8::5eff:fe00:5301' }, '7b73 3a 01020304'],
  ['§3.1.2: context 0, SAM 01', { ...ping, source: '2001:db8::1' }, '7b53 3a 0000000000000001 01020304'],
  ['§3.1.2: context 0, DAM 10', { ...ping, destination: '2001:db8::ff:fe00:7' }, '7b36 3a 0007 01020304'],
  ['§3.1.2: CID, source in context 3', { ...ping, source: '2001:db8:3::5eff:fe00:5301' }, '7bf3 30 3a 01020304'],
  ['§3.1.2: CID, both', { ...ping, source: '2001:db8:3::1', destination: '2001:db8:4::212:4b00:14b5:d98c' }, '7bd7 34 3a 0000000000000001 01020304'],
  ['§3.1.2: CID, the source in context 0 beside it', { ...ping, source: '2001:db8::5eff:fe00:5301', destination: '2001:db8:4::212:4b00:14b5:d98c' }, '7bf7 04 3a 01020304'],
  ['§3.1.1: M 1, DAC 1, a group with the prefix of context 0 (RFC 3306 §4)', { ...ping, destination: 'ff3e:40:2001:db8::1234:5678' }, '7b3c 3a 3e0012345678 01020304'],
  ['§3.1.2: a group with the prefix of context 4, of 48 bits (RFC 3956 §4)', { ...ping, destination: 'ff7e:230:2001:db8:4::7' }, '7bbc 04 3a 7e0200000007 01020304'],
  ['§4.2: hop-by-hop options, their padding left out', { ...ping, next: 0, payload: hex('3a00 0502 0000 0100 8f00') }, '7f33 e0 3a 04 05020000 8f00'],
  ['§4.2: options that need none', { ...ping, next: 0, payload: hex('3a00 6304 8000 1e01 8f00') }, '7f33 e0 3a 06 630480001e01 8f00'],
  ['§4.2: padding of another form is carried', { ...ping, next: 60, payload: hex('3a00 0502 0000 0000 8f00') }, '7f33 e6 3a 06 050200000000 8f00'],
  ['§4.2: a routing header', { ...ping, next: 43, payload: hex('3a01 0300 0000 0000 0102030405060708 8f00') }, '7f33 e2 3a 0e 0300000000000102030405060708 8f00'],
  ['§4.2: a fragment header, which has no length', { ...ping, next: 44, payload: hex('3a00 0001 12345678 8f00') }, '7f33 e4 3a 00 000112345678 8f00'],
  ['§4.2: a mobility header', { ...ping, next: 135, payload: hex('3b00 0000 1234 0000') }, '7f33 e8 3b 06 000012340000'],
  ['§4.2: one header after another', { ...ping, next: 0, payload: bytes('3c00 0502 0000 0100', '3a00 0104 00000000', '8f00') }, '7f33 e1 04 05020000 e6 3a 00 8f00'],
  ['§4.2: a header too long for a length of one byte', { ...ping, next: 60, payload: bytes('3a20', new Uint8Array(262), '8f00') }, `7b33 3c 3a20 ${'00'.repeat(262)} 8f00`],
  ['§4.3: UDP, P 00', withUdp(5683, 61616 + 256), `7f33 f0 1633 f1b0 ${sumOf(withUdp(5683, 61616 + 256))} 616263`],
  ['§4.3: UDP, P 01', withUdp(5683, 0xf0c1), `7f33 f1 1633 c1 ${sumOf(withUdp(5683, 0xf0c1))} 616263`],
  ['§4.3: UDP, P 10', withUdp(0xf0c1, 5683), `7f33 f2 c1 1633 ${sumOf(withUdp(0xf0c1, 5683))} 616263`],
  ['§4.3: UDP, P 11', withUdp(0xf0b1, 0xf0b2), `7f33 f3 12 ${sumOf(withUdp(0xf0b1, 0xf0b2))} 616263`],
  ['§4.3: UDP whose length is not that of the packet, as in a first fragment', { ...ping, next: 17, payload: hex('1633 1633 0400 0000 6162') }, '7b33 11 1633163304000000 6162'],
  ['§4.2: IPv6 in IPv6, whose identifiers are those of the header around it (§3.2.2)',
    { ...ping, source: '2001:db8::1', destination: '2001:db8::2', next: 41, payload: packet({ ...ping, source: 'fe80::1', destination: 'fe80::2' }) },
    '7f55 0000000000000001 0000000000000002 ee 7b33 3a 01020304'],
]

for (const [clause, fields, payload] of examples) {
  test(clause, async () => {
    const here = world()
    const { layer, iface } = here
    layer.setContext(iface, 0, '2001:db8::/64')
    layer.setContext(iface, 3, '2001:db8:3::/64')
    layer.setContext(iface, 4, '2001:db8:4::/48')
    const whole = packet(fields)
    assert.equal(here.send(whole).map(textOf), [textOf(hex(payload))])
    assert.is(textOf(here.receive(hex(payload))!), textOf(whole))
    await here.end()
  })
}

test('§3.2.2: short addresses', async () => {
  const here = world()
  const whole = packet({ ...ping, source: 'fe80::ff:fe00:1', destination: 'fe80::ff:fe00:beef' })
  assert.equal(here.send(whole, { from: short, to: shortPeer }).map(textOf), ['7b333a01020304'])
  assert.is(textOf(here.receive(hex('7b333a01020304'), { from: short, to: shortPeer })!), textOf(whole))
  await here.end()
})

test('RFC 7668 §3.2.2: of a Bluetooth address no bit is turned over', async () => {
  const here = world()
  const [from, to] = [eui48('00:1a:7d:da:71:13'), eui48('c2:34:56:78:9a:bc')]
  const whole = packet({ ...ping, source: 'fe80::1a:7dff:feda:7113', destination: 'fe80::c234:56ff:fe78:9abc' })
  assert.equal(here.send(whole, { from, to }).map(textOf), ['7b333a01020304'])
  assert.is(textOf(here.receive(hex('7b333a01020304'), { from, to })!), textOf(whole))
  await here.end()
})

test('frames of the ETSI 6LoWPAN interoperability event: echo requests to one station and to all', async () => {
  const here = world()
  const from = eui64('14:6e:0a:00:00:00:00:01')
  const to = eui64('14:6e:0a:00:00:00:00:03')
  const one = hex('7a333a 8000 30be 0000 0000 4142434445464748')
  assert.is(textOf(here.receive(one, { from, to })!), textOf(packet({
    source: 'fe80::166e:a00:0:1', destination: 'fe80::166e:a00:0:3', next: 58, payload: hex('8000 30be 0000 0000 4142434445464748'),
  })))
  const all = hex('7a3b3a01 8000 54b4 40 41424344454647')
  const group = packet({ source: 'fe80::166e:a00:0:1', destination: 'ff02::1', next: 58, payload: hex('8000 54b4 40 41424344454647') })
  assert.is(textOf(here.receive(all, { from, to: linkAddress(2, 0, 0xffff) })!), textOf(group))
  assert.equal(here.send(group, { from, to: linkAddress(2, 0, 0xffff) }).map(textOf), [textOf(all)])
  await here.end()
})

test('§4.3.2: a checksum that was elided is made', async () => {
  const here = world()
  const whole = packet(withUdp(0xf0b1, 0xf0b2))
  assert.is(textOf(here.receive(hex('7f33 f7 12 616263'))!), textOf(whole))
  await here.end()
})

test('§4.3.2: it is left out where that was asked for, and right', async () => {
  const here = world({ sixlowpan: { elideChecksum: true } })
  const whole = packet(withUdp(0xf0b1, 0xf0b2))
  assert.equal(here.send(whole).map(textOf), ['7f33f712616263'])
  const inner = packet({ ...ping, source: '2001:db9::1', destination: '2001:db9::2', next: 41, payload: whole })
  const [tunnelled] = here.send(inner)
  assert.is(textOf(here.receive(tunnelled!)!), textOf(inner))
  whole[40 + 6]! ^= 1
  const [wrong] = here.send(whole)
  assert.is(wrong!.length, 9)
  assert.is(textOf(here.receive(wrong!)!), textOf(whole))
  await here.end()
})

test('an elided checksum that comes out as zero is all ones (RFC 768)', async () => {
  const here = world({ sixlowpan: { elideChecksum: true } })
  const made = datagram(US, PEER, 0xf0b1, 0xf0b2, hex('0000'))
  const rest = new DataView(made.buffer).getUint16(6)
  const whole = packet({ ...ping, next: 17, payload: datagram(US, PEER, 0xf0b1, 0xf0b2, bytes(rest >> 8, rest & 255)) })
  assert.is(textOf(whole.subarray(46, 48)), 'ffff')
  const [payload] = here.send(whole)
  assert.is(textOf(payload!), `7f33f712${textOf(bytes(rest >> 8, rest & 255))}`)
  assert.is(textOf(here.receive(payload!)!), textOf(whole))
  await here.end()
})

test('§4.2: options that come without padding are padded', async () => {
  const here = world()
  for (const [sent, header] of [['e0 3a 00', '3a00 0104 00000000'], ['e0 3a 05 6303000000', '3a00 6303000000 00'], ['e6 3a 01 00', '3a00 00 0103 000000']] as const) {
    const got = here.receive(hex(`7f33 ${sent} 8f00`))!
    assert.is(textOf(got.subarray(40)), textOf(hex(`${header} 8f00`)))
  }
  await here.end()
})

test('RFC 4944 §5.1: a header as it is', async () => {
  const here = world()
  const whole = packet(ping)
  assert.is(textOf(here.receive(bytes(0x41, whole))!), textOf(whole))
  // Sent so, when what the header says of its length is not so.
  const odd = bytes(whole, 0)
  assert.equal(here.send(odd).map(textOf), [textOf(bytes(0x41, odd))])
  await here.end()
})

test.run()
