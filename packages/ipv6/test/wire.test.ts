import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import { address, eui48, eui64, interfaceId, linkAddress, NO_LINK_ADDRESS } from '@favonius/inet'
import {
  linkOptionSize, meaningOf, readAdvertisement, readHeader, readRedirect, readSolicitation, show, upperLayer, writeHeader, writeLinkOption,
  writeNonce, type NdIp,
} from '@favonius/ipv6/wire'
import { a16, advertisement, bytes, echo, linkOption, message, packet, solicitation } from './craft.ts'
import { MAC1, MAC2 } from './lan.ts'

const test = suite('ipv6: wire')
const view = (u8: Uint8Array): DataView => new DataView(u8.buffer, u8.byteOffset, u8.byteLength)

test('RFC 8200 §3: a header is read as it was written', () => {
  const header = {
    trafficClass: 0xb9, flowLabel: 0xabcde, payloadLength: 1234, nextHeader: 17, hopLimit: 3,
    source: address('2001:db8::1'), destination: address('ff02::fb'),
  }
  const u8 = new Uint8Array(44)
  writeHeader(header, view(u8), 4)
  assert.equal([...u8.subarray(4, 12)], [0x6b, 0x9a, 0xbc, 0xde, 0x04, 0xd2, 17, 3])
  assert.equal(readHeader(view(u8), 4), header)
  assert.ok('malformed' in readHeader(view(u8), 5))
  assert.ok('malformed' in readHeader(view(u8.fill(0x45)), 0))
})

test('RFC 8200 §4: the upper layer is found behind extension headers, and nowhere when they are cut short', () => {
  const chain = bytes(60, 0, 1, 4, 0, 0, 0, 0, /* destination options */ 43, 1, 1, 12, new Uint8Array(12), /* routing */ 17, 0, 4, 0, new Uint8Array(4), 0x12, 0x34)
  const whole = packet({ source: '::1', destination: '::1', next: 0, payload: chain })
  assert.equal(upperLayer(view(whole), 0, whole.length), { protocol: 17, at: 40 + 8 + 16 + 8 })
  for (let end = 0; end < 72; end++) assert.is(upperLayer(view(whole), 0, end), undefined, `cut at ${end}`)
  const authenticated = packet({ source: '::1', destination: '::1', next: 51, payload: bytes(17, 4, new Uint8Array(22), 0x12, 0x34) })
  assert.equal(upperLayer(view(authenticated), 0, authenticated.length), { protocol: 17, at: 40 + 24 }, 'RFC 4302 §2.2: units of four bytes')
  const later = packet({ source: '::1', destination: '::1', next: 44, payload: bytes(17, 0, 0, 8, 0, 0, 0, 1, new Uint8Array(8)) })
  assert.is(upperLayer(view(later), 0, later.length), undefined, 'a fragment that is not the first has no upper-layer header')
  const endless = packet({ source: '::1', destination: '::1', next: 60, payload: new Uint8Array(400).map((_, i) => (i % 8 === 0 ? 60 : 0)) })
  assert.is(upperLayer(view(endless), 0, endless.length), undefined, 'the chain is bounded')
})

const ip = (source: string, destination: string, hopLimit = 255): NdIp =>
  ({ source: address(source), destination: address(destination), hopLimit, multicast: destination.startsWith('ff') })
const body = (u8: Uint8Array): [DataView, number, number] => [view(u8), 40, u8.length]
const GROUP = 'ff02::1:ff00:1'

test('RFC 4861 §7.1.1: what a neighbour solicitation must be', () => {
  const good = solicitation('fe80::2', 'fe80::1', linkOption(1, MAC2))
  const read = readSolicitation(...body(good), ip('fe80::2', GROUP), MAC1)
  assert.ok(!('malformed' in read))
  assert.is(String(read.link), '00:00:5e:00:53:02')
  assert.is(String(read.target), 'fe80::1')

  const refused = (u8: Uint8Array, info: NdIp, why: string): void => {
    const result = readSolicitation(...body(u8), info, MAC1)
    assert.ok('malformed' in result && result.malformed.includes(why), JSON.stringify(result))
  }
  refused(good, ip('fe80::2', GROUP, 254), 'hop limit')
  refused(message('fe80::2', GROUP, 135, 1, good.subarray(44)), ip('fe80::2', GROUP), 'code')
  refused(good.subarray(0, 63), ip('fe80::2', GROUP), 'fewer')
  refused(solicitation('fe80::2', 'ff02::1'), ip('fe80::2', GROUP), 'group')
  refused(solicitation('fe80::2', 'fe80::1', bytes(1, 0, 0, 0, 0, 0, 0, 0)), ip('fe80::2', GROUP), 'length 0')
  refused(solicitation('fe80::2', 'fe80::1', bytes(1, 2, 0, 0, 0, 0, 0, 0)), ip('fe80::2', GROUP), 'cut short')
  refused(solicitation('::', 'fe80::1', linkOption(1, MAC2)), ip('::', GROUP), 'source link-layer')
  refused(solicitation('::', 'fe80::1'), ip('::', 'fe80::1'), 'solicited-node')
  assert.not('malformed' in readSolicitation(...body(solicitation('::', 'fe80::1')), ip('::', GROUP), MAC1))
})

test('RFC 4861 §7.1.2: what a neighbour advertisement must be', () => {
  const good = advertisement('fe80::2', 'fe80::1', 'fe80::2', 0xe0, linkOption(2, MAC2))
  const read = readAdvertisement(...body(good), ip('fe80::2', 'fe80::1'), MAC1)
  assert.ok(!('malformed' in read))
  assert.equal([read.router, read.solicited, read.override, String(read.link)], [true, true, true, '00:00:5e:00:53:02'])
  const refused = (u8: Uint8Array, info: NdIp): void => assert.ok('malformed' in readAdvertisement(...body(u8), info, MAC1))
  refused(good, ip('fe80::2', 'fe80::1', 64))
  refused(good, ip('fe80::2', 'ff02::1'))
  refused(good.subarray(0, 60), ip('fe80::2', 'fe80::1'))
  refused(advertisement('fe80::2', 'fe80::1', 'ff02::1', 0), ip('fe80::2', 'fe80::1'))
  refused(advertisement('fe80::2', 'fe80::1', 'fe80::2', 0, bytes(2, 0, 0, 0, 0, 0, 0, 0)), ip('fe80::2', 'fe80::1'))
})

test('RFC 4861 §8.1: what a redirect must be', () => {
  const redirect = (source: string, target: string, destination: string): Uint8Array =>
    message(source, 'fe80::1', 137, 0, bytes(0, 0, 0, 0, a16(target), a16(destination), linkOption(2, MAC2)))
  const read = (u8: Uint8Array, info: NdIp): ReturnType<typeof readRedirect> => readRedirect(...body(u8), info, MAC1)
  const good = redirect('fe80::99', 'fe80::2', '2001:db8:2::1')
  assert.not('malformed' in read(good, ip('fe80::99', 'fe80::1')))
  assert.not('malformed' in read(redirect('fe80::99', '2001:db8:2::1', '2001:db8:2::1'), ip('fe80::99', 'fe80::1')))
  assert.ok('malformed' in read(good, ip('2001:db8::99', 'fe80::1')), 'the sender is link-local')
  assert.ok('malformed' in read(good, ip('fe80::99', 'fe80::1', 254)))
  assert.ok('malformed' in read(redirect('fe80::99', '2001:db8::2', '2001:db8:2::1'), ip('fe80::99', 'fe80::1')), 'a router is named by its link-local address')
  assert.ok('malformed' in read(redirect('fe80::99', 'fe80::2', 'ff02::1'), ip('fe80::99', 'fe80::1')))
})

test('RFC 4861 §4.6.1: a link-layer address option fits every kind of address', () => {
  const links = [eui48('00:00:5e:00:53:01'), eui64('02:00:5e:ff:fe:00:53:01'), linkAddress(2, 0, 0x1234)]
  for (const link of links) {
    const option = new Uint8Array(linkOptionSize(link)).fill(0xaa)
    writeLinkOption(view(option), 0, 1, link)
    const read = readSolicitation(...body(solicitation('fe80::2', 'fe80::1', option)), ip('fe80::2', GROUP), link)
    assert.ok(!('malformed' in read))
    assert.is(String(read.link), String(link))
  }
  assert.is(linkOptionSize(NO_LINK_ADDRESS), 0)
  assert.ok(interfaceId(links[1]!))
})

test('RFC 7527 §4.1: a nonce is read as it was written', () => {
  const option = new Uint8Array(8)
  writeNonce(view(option), 0, [0x1234, -2])
  const read = readSolicitation(...body(solicitation('::', 'fe80::1', option)), ip('::', GROUP), MAC1)
  assert.ok(!('malformed' in read))
  assert.equal(read.nonce, [0x1234, -2])
})

test('RFC 4443 §3: an error means the same to every transport', () => {
  const words = (type: number, code: number): string => `${meaningOf(type, code)?.code} ${meaningOf(type, code)?.hard}`
  assert.is(words(1, 0), 'ENETUNREACH false')
  assert.is(words(1, 1), 'EACCES true')
  assert.is(words(1, 3), 'EHOSTUNREACH false')
  assert.is(words(1, 4), 'ECONNREFUSED true')
  assert.is(words(1, 99), 'ENETUNREACH false', 'an unknown code is a hint')
  assert.is(words(2, 0), 'EMSGSIZE false')
  assert.is(words(3, 0), 'EHOSTUNREACH false')
  assert.is(words(4, 1), 'EPROTO true')
  assert.is(meaningOf(5, 0), undefined)
})

test('show prints one line for every message', () => {
  assert.is(show(echo('2001:db8::1', '2001:db8::2', 7, 1)), '2001:db8::1 > 2001:db8::2: ICMPv6, echo request, id 7, seq 1, length 16')
  assert.is(show(solicitation('::', 'fe80::1')), ':: > ff02::1:ff00:1: ICMPv6, neighbor solicitation, who has fe80::1, length 24')
  assert.is(show(advertisement('fe80::1', 'ff02::1', 'fe80::1', 0x20)), 'fe80::1 > ff02::1: ICMPv6, neighbor advertisement, tgt is fe80::1, flags [override], length 24')
  assert.is(show(message('fe80::1', 'fe80::2', 2, 0, bytes(0, 0, 5, 0))), 'fe80::1 > fe80::2: ICMPv6, packet too big, mtu 1280, length 8')
  assert.is(show(message('fe80::1', 'fe80::2', 4, 1, bytes(0, 0, 0, 6))), 'fe80::1 > fe80::2: ICMPv6, parameter problem, unrecognized next header type, pointer 6, length 8')
  assert.is(show(packet({ source: '::1', destination: '::1', next: 17, payload: bytes(0, 53, 0x10, 0, 0, 8, 0, 0) })), '::1.53 > ::1.4096: UDP, length 8')
})

test('no bytes make a reader or show throw', () => {
  const { random } = virtual({ seed: 3 })
  const samples = [
    solicitation('fe80::2', 'fe80::1', linkOption(1, MAC2)), advertisement('fe80::2', 'fe80::1', 'fe80::2', 0x60, linkOption(2, MAC2)),
    message('fe80::9', 'fe80::1', 137, 0, bytes(0, 0, 0, 0, a16('fe80::2'), a16('2001:db8::2'), linkOption(2, MAC2))), echo('::1', '::1'),
    packet({ source: '::1', destination: '::1', next: 0, payload: bytes(60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 5, 2, 0, 0, 1, 0, new Uint8Array(32)) }),
  ]
  for (let n = 0; n < 20_000; n++) {
    const sample = samples[n % samples.length]!.slice()
    for (let flips = random.uint32() % 6; flips >= 0; flips--) sample[random.uint32() % sample.length] = random.uint32()
    const cut = sample.subarray(0, random.uint32() % (sample.length + 1))
    show(cut)
    upperLayer(view(cut), 0, cut.length)
    if (cut.length < 40) continue
    for (const read of [readSolicitation, readAdvertisement, readRedirect]) {
      const result = read(...body(cut), ip('fe80::2', GROUP), n % 2 ? MAC1 : eui64('02:00:5e:ff:fe:00:53:01'))
      assert.type(result, 'object')
    }
  }
})

test.run()
