import * as assert from 'uvu/assert'
import fc from 'fast-check'
import {
  address, ALL_NODES, ANY4, ANY6, BROADCAST4, copyAddress, hashAddress, ipv4, ipv6, isBroadcast4, isLinkLocal, isLoopback, isMapped, isMulticast,
  isUnspecified, LOOPBACK4, LOOPBACK6, mapped, MutableAddress, parseAddress, readAddress, sameAddress, scopeOf, solicitedNode, unmapped, withZone,
  writeAddress,
} from '@favonius/inet'
import { suite } from '@favonius/testing'

const test = suite('inet: addresses')
const word = fc.integer({ min: -0x80000000, max: 0x7fffffff })
/** Words in which zero groups are as common as they are in life. */
const sparse = fc.oneof(fc.constantFrom(0, 1, 0xffff, 0xffff0000 | 0, 0x10000), word)

test('writes the canonical form of RFC 5952 §4', () => {
  for (const [given, wanted] of [
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8::aaaa:0:0:1', '2001:db8::aaaa:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::0002:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['::ffff:c000:201', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['fe80::1%7', 'fe80::1%7'],
    ['fe80::1%0', 'fe80::1'],
    ['192.0.2.255', '192.0.2.255'],
  ] as const) assert.is(String(address(given)), wanted, given)
})

test('refuses what is not an address', () => {
  for (const text of [
    '', ' ', '1', '1.2.3', '1.2.3.4.5', '01.2.3.4', '1.2.3.256', '1.2.3.+4', '0x7f.0.0.1', '1.2.3.4 ', '1..3.4', '1.2.3.4%1', '１.2.3.4',
    ':', ':::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', '::1::', '12345::', 'g::', ':1::', '1:', '::1:', '1:2:3:4:5:6:7:1.2.3.4',
    '1.2.3.4::', '::1.2.3.4:1', '::01.2.3.4', 'fe80::1%', 'fe80::1%01', 'fe80::1%eth0', '[::1]', '::1/64', '-1::',
  ]) assert.is(parseAddress(text), undefined, JSON.stringify(text))
})

test('asks for the zones it does not know by number', () => {
  const zoneOf = (name: string): number | undefined => name === 'eth0' ? 3 : undefined
  assert.is(parseAddress('fe80::1%eth0', zoneOf)?.zone, 3)
  assert.is(parseAddress('fe80::1%eth1', zoneOf), undefined)
  assert.is(parseAddress('fe80::1%12', zoneOf)?.zone, 12)
  assert.is(parseAddress('fe80::1%eth0')?.zone, undefined)
})

test('says what it expects when the program wrote no address', () => {
  try {
    address('localhost')
    assert.unreachable()
  } catch (error) {
    assert.instance(error, TypeError)
    assert.is((error as { code?: string }).code, 'EINVAL')
    assert.match((error as Error).message, /"localhost" is not an IP address; write 192\.0\.2\.1/)
  }
})

test('text, wire and words agree', () => {
  const dv = new DataView(new ArrayBuffer(40))
  fc.assert(fc.property(sparse, sparse, sparse, sparse, fc.nat(999), fc.nat(24), (w0, w1, w2, w3, zone, at) => {
    const six = ipv6(w0, w1, w2, w3, zone)
    const again = address(String(six))
    assert.ok(sameAddress(six, again) && again.zone === zone, String(six))
    writeAddress(six, dv, at)
    assert.ok(sameAddress(readAddress(dv, at, 6), six))
    assert.ok(sameAddress(new MutableAddress().set6(dv, at, zone), six))
    assert.is(hashAddress(six), hashAddress(withZone(again, zone + 1)))
    const four = ipv4(w3)
    assert.ok(sameAddress(address(String(four)), four))
    writeAddress(four, dv, at)
    assert.ok(sameAddress(readAddress(dv, at, 4), four))
    assert.ok(sameAddress(unmapped(mapped(four)), four))
  }))
})

test('no text makes the parser throw', () => {
  const likely = fc.string({ unit: fc.constantFrom(...'0123456789abcdefF:::...%/ g'), maxLength: 50 })
  fc.assert(fc.property(fc.oneof(likely, fc.string()), (text) => {
    const parsed = parseAddress(text, () => 1)
    if (parsed) assert.ok(sameAddress(parsed, address(String(parsed))))
  }), { numRuns: 2000 })
})

test('an IPv4 address, its mapped form and a MutableAddress are told apart, or not, as they should', () => {
  const four = address('192.0.2.1')
  assert.not.ok(sameAddress(four, mapped(four)))
  assert.is(mapped(four).family, 6)
  assert.ok(isMapped(mapped(four)) && !isMapped(four))
  const six = address('2001:db8::1')
  assert.is(mapped(six), six)
  assert.is(unmapped(six), six)
  const record = new MutableAddress().copyFrom(six)
  const kept = copyAddress(record)
  record.copyFrom(four)
  assert.is(String(kept), '2001:db8::1')
  assert.is(String(record), '192.0.2.1')
})

test('predicates of both families', () => {
  const table: Record<string, (a: ReturnType<typeof address>) => boolean> = { isUnspecified, isLoopback, isMulticast, isLinkLocal, isBroadcast4 }
  const truths: Record<string, string> = {
    '0.0.0.0': 'isUnspecified', '::': 'isUnspecified', '127.255.0.1': 'isLoopback', '::1': 'isLoopback', '224.0.0.1': 'isMulticast',
    '239.255.255.255': 'isMulticast', 'ff0e::1': 'isMulticast', '169.254.9.9': 'isLinkLocal', 'febf::1': 'isLinkLocal',
    '255.255.255.255': 'isBroadcast4', '240.0.0.1': '', '192.0.2.1': '', 'fec0::1': '', '2001:db8::': '', '::ffff:127.0.0.1': '', '::ffff:0.0.0.0': '',
    '::ffff:ffff': '', '126.0.0.1': '', '0.0.0.1': '', '::2': '',
  }
  for (const [text, wanted] of Object.entries(truths)) {
    const held = Object.keys(table).filter((name) => table[name]!(address(text)))
    assert.equal(held, wanted === '' ? [] : [wanted], text)
  }
})

test('scopes', () => {
  const scopes: Record<string, number> = {
    'fe80::1': 2, '::1': 2, 'fec0::1': 5, 'fd00::1': 14, '2001:db8::1': 14, 'ff01::1': 1, 'ff02::1': 2, 'ff05::2': 5, 'ff3e::8000:1': 14,
    '169.254.1.1': 2, '127.0.0.1': 2, '10.0.0.1': 14, '::ffff:169.254.1.1': 2, '::ffff:10.0.0.1': 14, '255.255.255.255': 2,
    '224.0.0.251': 2, '224.0.1.1': 14, '239.255.1.1': 3, '239.195.1.1': 8, '239.196.1.1': 14,
  }
  for (const [text, scope] of Object.entries(scopes)) assert.is(scopeOf(address(text)), scope, text)
})

test('solicited-node addresses: the example of RFC 4291 §2.7.1', () => {
  assert.is(String(solicitedNode(address('4037::01:800:200e:8c6c'))), 'ff02::1:ff0e:8c6c')
  assert.is(String(solicitedNode(address('fe80::1:2:3%4'))), 'ff02::1:ff02:3%4')
})

test('constants', () => {
  assert.equal([ANY4, ANY6, LOOPBACK4, LOOPBACK6, BROADCAST4, ALL_NODES].map(String), ['0.0.0.0', '::', '127.0.0.1', '::1', '255.255.255.255', 'ff02::1'])
})

test('neighbouring addresses spread over hash buckets', () => {
  const buckets = new Set<number>()
  for (let i = 0; i < 1024; i++) buckets.add(hashAddress(ipv4(0xc0000200 + i)) & 1023)
  assert.ok(buckets.size > 550, `${buckets.size} of 1024`)
})

test.run()
