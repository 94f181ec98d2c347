import * as assert from 'uvu/assert'
import fc from 'fast-check'
import { ipv4, sameAddress } from '@favonius/inet'
import { readHeader, readIcmp, show, showIcmp, writeHeader } from '@favonius/ipv4'
import { suite } from '@favonius/testing'
import { badOption } from '../src/wire/options.ts'
import { isQuery, meaningOf, plateauBelow } from '../src/wire/icmp.ts'

const test = suite('ipv4: on the wire')
const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.replaceAll(/\s/g, '').match(/../g)!, (h) => parseInt(h, 16))

test('shows a packet on one line', () => {
  const udp = bytes('45000073 00004000 4011b861 c0a80001 c0a800c7' + '00'.repeat(95))
  assert.is(show(udp), '192.168.0.1 > 192.168.0.199: protocol 17, length 95')
  udp[11] = 0x62
  assert.is(show(udp), 'IPv4, bad header checksum')
  assert.is(show(bytes('4500001c 00002001 4001d6dc c0000201 c0000202 0000000000000000')), '192.0.2.1 > 192.0.2.2: fragment of protocol 1 at 8+, length 8')
  assert.is(show(bytes('60')), 'IPv4, shorter than a header')
  assert.is(showIcmp(bytes('08 00 f7fa 0003 0002')), 'ICMP echo request, id 3, seq 2, length 8')
  assert.is(showIcmp(bytes('03 03 fcfc 0000 0000')), 'ICMP port unreachable, length 8')
  assert.is(showIcmp(bytes('03 03 fcfd 0000 0000')), 'ICMP, bad checksum')
})

test('what is written is read', () => {
  const word = fc.integer({ min: -0x80000000, max: 0x7fffffff })
  fc.assert(fc.property(fc.record({
    trafficClass: fc.nat(255), data: fc.nat(60), identification: fc.nat(0xffff), dontFragment: fc.boolean(), moreFragments: fc.boolean(),
    eighths: fc.nat(0x1fff), timeToLive: fc.nat(255), protocol: fc.nat(255), source: word, destination: word, options: fc.nat(10),
  }), ({ data, eighths, source, destination, options, ...rest }) => {
    const size = 20 + 4 * options
    const header = { ...rest, fragmentOffset: 8 * eighths, totalLength: size + data, source: ipv4(source), destination: ipv4(destination), options: new Uint8Array(4 * options).fill(1) }
    const packet = new Uint8Array(size + data + 3)
    assert.is(writeHeader(header, packet), size)
    const read = readHeader(packet)
    assert.not.ok('malformed' in read)
    if ('malformed' in read) return
    assert.ok(sameAddress(read.source, header.source) && sameAddress(read.destination, header.destination))
    assert.equal({ ...read, source: 0, destination: 0 }, { ...header, source: 0, destination: 0 })
    // One flipped bit of the header is always noticed.
    const bit = (data * 8 + eighths) % (size * 8)
    packet[bit >> 3]! ^= 1 << (bit & 7)
    assert.ok('malformed' in readHeader(packet))
  }))
})

test('no bytes make a reader throw', () => {
  const likely = fc.uint8Array({ maxLength: 80 }).map((b) => {
    if (b.length > 0) b[0] = 0x40 | (b[0]! & 15)
    return b
  })
  fc.assert(fc.property(fc.oneof(likely, fc.uint8Array({ maxLength: 80 })), (b) => {
    readHeader(b)
    readIcmp(b)
    assert.type(show(b), 'string')
    assert.type(showIcmp(b), 'string')
    const at = badOption(new DataView(b.buffer, b.byteOffset, b.byteLength), 0, b.length)
    assert.ok(at >= -1 && at < b.length)
  }), { numRuns: 2000 })
})

test('options: passed over, or where they go wrong', () => {
  const bad = (hex: string): number => {
    const b = bytes(hex)
    return badOption(new DataView(b.buffer), 0, b.length)
  }
  assert.is(bad('01 01 01 00'), -1)
  assert.is(bad('94 04 00 00'), -1, 'router alert')
  assert.is(bad('07 07 04 00000000 00'), -1, 'record route')
  assert.is(bad('00 07 ff ff'), -1, 'nothing counts after the end')
  assert.is(bad('01 83 07 04 00000000'), 1, 'loose source route')
  assert.is(bad('01 01 89 07 04 00000000 00 00 00'), 2, 'strict source route')
  assert.is(bad('01 07 01 00'), 1, 'length 1')
  assert.is(bad('07 00 00 00'), 0, 'length 0 is no endless loop')
  assert.is(bad('01 01 07 05'), 2, 'beyond the header')
  assert.is(bad('01 01 01 07'), 3, 'no length byte')
})

test('what errors mean (RFC 1122 §4.2.3.9)', () => {
  const of = (type: number, code: number): string => {
    const m = meaningOf(type, code)
    return m ? `${m.code}${m.hard ? '!' : ''}` : '-'
  }
  assert.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16].map((code) => of(3, code)), [
    'ENETUNREACH', 'EHOSTUNREACH', 'EPROTO!', 'ECONNREFUSED!', 'EMSGSIZE', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTUNREACH', 'EHOSTUNREACH', 'EACCES!', 'EACCES!',
    'ENETUNREACH', 'EHOSTUNREACH', 'EACCES!', 'EACCES!', 'EACCES!', '-'])
  assert.equal([of(11, 0), of(11, 1), of(12, 0), of(4, 0), of(5, 0), of(8, 0)], ['EHOSTUNREACH', 'EHOSTUNREACH', 'EPROTO', '-', '-', '-'])
  assert.equal([0, 3, 4, 5, 8, 11, 12, 13, 14, 200].filter(isQuery), [0, 8, 13, 14])
})

test('MTUs to try when a router does not say (RFC 1191 §7)', () => {
  assert.equal([65535, 1500, 1492, 576, 100, 68, 20].map(plateauBelow), [32000, 1492, 1006, 508, 68, 68, 68])
})

test.run()
