import * as assert from 'uvu/assert'
import fc from 'fast-check'
import {
  address, addressSum, broadcastOf, commonPrefixLength, errors, eui48, eui64, failure, finish, fold, formatPrefix, inPrefix, interfaceId, ipv4, ipv6,
  linkAddress, maskLength, netmask, networkOf, NO_LINK_ADDRESS, parseLinkAddress, parsePrefix, prefix, pseudoSum, readLink, sameAddress, sameLink,
  serial16, serial32, serial8, sum, writeAddress, writeLink,
} from '@favonius/inet'
import { suite } from '@favonius/testing'

const test = suite('inet: prefixes, link addresses, arithmetic')
const word = fc.integer({ min: -0x80000000, max: 0x7fffffff })

test('prefixes as text', () => {
  assert.is(formatPrefix(prefix('192.0.2.1/24')), '192.0.2.1/24')
  assert.is(formatPrefix(prefix('2001:db8::/128')), '2001:db8::/128')
  assert.is(prefix('fe80::1%3/64').address.zone, 3)
  for (const text of ['', '/', '/8', '10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0.0/8/8', '::/129', '::/64 ', '::/1e1']) {
    assert.is(parsePrefix(text), undefined, text)
  }
  assert.throws(() => prefix('10.0.0.0'), /"10\.0\.0\.0" is not a prefix; write an address, a slash and a length/)
  fc.assert(fc.property(fc.string(), (text) => { parsePrefix(text) }))
})

test('a prefix holds its network, and nothing with one of its bits turned', () => {
  fc.assert(fc.property(word, word, word, word, fc.nat(128), fc.nat(127), (w0, w1, w2, w3, length, bit) => {
    const a = ipv6(w0, w1, w2, w3)
    const turned = [w0, w1, w2, w3].map((w, i) => i === bit >> 5 ? w ^ (0x80000000 >>> (bit & 31)) : w)
    const b = ipv6(turned[0]!, turned[1]!, turned[2]!, turned[3]!)
    assert.is(commonPrefixLength(a, b), bit)
    const network = networkOf(a, length)
    assert.ok(inPrefix({ address: network, length }, a))
    assert.is(inPrefix({ address: network, length }, b), bit >= length)
    assert.ok(sameAddress(network, networkOf(network, length)))
  }))
})

test('prefixes never hold the other family', () => {
  assert.not.ok(inPrefix(prefix('0.0.0.0/0'), address('::ffff:1.2.3.4')))
  assert.not.ok(inPrefix(prefix('::/0'), address('1.2.3.4')))
  assert.is(commonPrefixLength(address('1.2.3.4'), address('::ffff:1.2.3.4')), 0)
  assert.ok(inPrefix(prefix('0.0.0.0/0'), address('255.1.1.1')))
})

test('masks and broadcasts of IPv4', () => {
  for (let length = 0; length <= 32; length++) assert.is(maskLength(netmask(length)), length)
  assert.is(String(netmask(20)), '255.255.240.0')
  for (const text of ['255.0.255.0', '0.0.0.1', '254.255.255.255', 'ffff::']) assert.is(maskLength(address(text)), undefined, text)
  assert.is(String(broadcastOf(address('192.0.2.1'), 25)), '192.0.2.127')
  assert.is(String(broadcastOf(address('192.0.2.1'), 0)), '255.255.255.255')
  assert.is(String(broadcastOf(address('192.0.2.1'), 31)), '255.255.255.255')
  assert.is(String(networkOf(address('192.0.2.129'), 25)), '192.0.2.128')
})

test('link addresses: text, bytes and wire', () => {
  assert.is(String(eui48('00:00:5E:00:53:01')), '00:00:5e:00:53:01')
  assert.is(String(eui48('00-00-5e-00-53-01')), '00:00:5e:00:53:01')
  assert.is(String(eui48(Uint8Array.of(0xfe, 1, 2, 3, 4, 0xff))), 'fe:01:02:03:04:ff')
  assert.is(String(parseLinkAddress('be:ef')), 'be:ef')
  assert.is(String(NO_LINK_ADDRESS), '')
  for (const text of ['', '00', '00:00:5e:00:53', '00:00:5e:00:53:01:', '0:0:5e:0:53:1', '00:00:5e:00:53:0g', '00:00-5e:00:53:01', '00:00:5e:00:53:01:02']) {
    assert.is(parseLinkAddress(text), undefined, text)
  }
  assert.throws(() => eui48('00:00:5e:ff:fe:00:53:01'), /is not an EUI-48; write 6 bytes/)
  assert.throws(() => eui64(new Uint8Array(6)), /a run of 6 bytes is not an EUI-64/)
  const dv = new DataView(new ArrayBuffer(16))
  fc.assert(fc.property(fc.constantFrom(0 as const, 2 as const, 6 as const, 8 as const), fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.nat(8), (length, bytes, at) => {
    for (let i = 0; i < 16; i++) dv.setUint8(i, 0xa5)
    for (let i = 0; i < length; i++) dv.setUint8(at + i, bytes[i]!)
    const before = new Uint8Array(dv.buffer.slice(0))
    const link = readLink(dv, at, length)
    writeLink(link, dv, at)
    assert.equal(new Uint8Array(dv.buffer.slice(0)), before)
    if (length) assert.ok(sameLink(link, parseLinkAddress(String(link))!))
  }))
  assert.not.ok(sameLink(linkAddress(2, 0, 1), linkAddress(8, 0, 1)))
})

test('interface identifiers: RFC 4291 appendix A, RFC 4944 §6', () => {
  const id = (text: string): string => {
    const words = interfaceId(parseLinkAddress(text)!)!
    return String(ipv6(0xfe800000, 0, words[0], words[1]))
  }
  assert.is(id('34:56:78:9a:bc:de'), 'fe80::3656:78ff:fe9a:bcde')
  assert.is(id('34:56:78:9a:bc:de:f0:12'), 'fe80::3656:789a:bcde:f012')
  assert.is(id('be:ef'), 'fe80::ff:fe00:beef')
  assert.is(id('02:00:00:00:00:01'), 'fe80::ff:fe00:1')
  assert.is(interfaceId(NO_LINK_ADDRESS), undefined)
})

test('the checksum of RFC 1071 §3, and of a real IPv4 header', () => {
  assert.is(sum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7), 0, 8), 0xddf2)
  const header = Uint8Array.from('450000730000400040110000c0a80001c0a800c7'.match(/../g)!, (h) => parseInt(h, 16))
  assert.is(finish(sum(header, 0, 20)), 0xb861)
  header[10] = 0xb8
  header[11] = 0x61
  assert.is(finish(sum(header, 0, 20)), 0)
  assert.is(sum(Uint8Array.of(9, 0xab, 9), 1, 1), 0xab00)
})

test('sums of parts are the sum of the whole', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(100), (bytes, half) => {
    const at = Math.min(2 * half, bytes.length & ~1)
    assert.is(sum(bytes, at, bytes.length - at, sum(bytes, 0, at)), sum(bytes, 0, bytes.length))
  }))
  assert.is(fold(0xffff0000), 0xffff)
  assert.is(fold(0x1_ffff_fffe_0000), fold(0x1ffff + 0xfffe0000 / 0x10000))
  assert.is(sum(new Uint8Array(300_000).fill(0xff), 0, 300_000), 0xffff)
})

test('pseudo-headers are summed as if they were written out', () => {
  fc.assert(fc.property(word, word, word, word, fc.nat(255), fc.boolean(), (w0, w1, w2, w3, protocol, four) => {
    const a = four ? ipv4(w0) : ipv6(w0, w1, w2, w3)
    const b = four ? ipv4(w1) : ipv6(w3, w2, w1, w0)
    const dv = new DataView(new ArrayBuffer(40))
    const length = four ? 4 : 16
    writeAddress(a, dv, 0)
    writeAddress(b, dv, length)
    dv.setUint8(2 * length + 1, protocol)
    assert.is(pseudoSum(a, b, protocol), sum(new Uint8Array(dv.buffer), 0, 40))
    assert.is(addressSum(a), sum(new Uint8Array(dv.buffer), 0, length))
  }))
})

test('serial numbers come round (RFC 1982 §5.1)', () => {
  for (const [serial, bits] of [[serial8, 8], [serial16, 16], [serial32, 32]] as const) {
    const size = 2 ** bits
    const half = size / 2
    assert.is(serial.add(size - 1, 1), 0)
    assert.is(serial.add(0, -1), size - 1)
    assert.ok(serial.before(size - 1, 0) && !serial.before(0, size - 1))
    assert.ok(serial.before(0, half - 1) && !serial.before(half - 1, 0))
    assert.not.ok(serial.before(0, half) || serial.before(half, 0))
    assert.not.ok(serial.before(7, 7))
    assert.is(serial.difference(5, size - 5), 10)
    assert.is(serial.difference(size - 5, 5), -10)
  }
})

test('failures have a code and a message', () => {
  const error = failure('ENETDOWN', 'eth0 is down; bring it up first')
  assert.instance(error, Error)
  assert.is(error.code, 'ENETDOWN')
  assert.is(error.message, 'eth0 is down; bring it up first')
  for (const meaning of Object.values(errors)) assert.ok(meaning.length > 10)
})

test.run()
