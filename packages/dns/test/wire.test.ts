import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { address, ipv4, ipv6 } from '@favonius/inet'
import { suite, thrownCode } from '@favonius/testing'
import { show } from '../src/show.ts'
import { emit, FLAG, IN, parse, TYPE, type Message, type Outgoing, type Resource } from '../src/wire.ts'

const test = suite('DNS messages')

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
const written = (message: Outgoing, room = 4096): Uint8Array => {
  const into = new Uint8Array(room)
  return into.slice(0, emit(message, into))
}
const read = (bytes: Uint8Array): Message => {
  const message = parse(bytes)
  if ('malformed' in message) throw new Error(message.malformed)
  return message
}
const why = (bytes: Uint8Array): string => {
  const message = parse(bytes)
  return 'malformed' in message ? message.malformed : 'it is well formed'
}
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

test('RFC 1035 §4.1.4: its example of compression', () => {
  // Its four names in its order, as questions, which begin at offset 12 and not at 20.
  const message = written({ id: 0, flags: 0, questions: ['F.ISI.ARPA', 'FOO.F.ISI.ARPA', 'ARPA', '.'].map((name) => ({ name, type: TYPE.NS, class: IN })) })
  assert.equal(Buffer.from(message.subarray(12)).toString('hex'), Buffer.from(hex(`
    0146 03495349 0441525041 00 0002 0001
    03464f4f c00c 0002 0001
    c012 0002 0001
    00 0002 0001`)).toString('hex'))
  assert.equal(read(message).questions.map(({ name }) => name), ['F.ISI.ARPA', 'FOO.F.ISI.ARPA', 'ARPA', '.'])
})

test('a response as servers send it: an alias that points into the question, its address, EDNS(0)', () => {
  // Put together by hand after RFC 1035 §4.1 and RFC 6891 §6.1.2; names of RFC 2606.
  const bytes = hex(`
    1c0f 8580 0001 0002 0000 0001
    03777777 076578616d706c65 03636f6d 00 0001 0001
    c00c 0005 0001 0000012c 0007 0468 6f7374 c010
    c02d 0001 0001 0000012c 0004 c0000201
    00 0029 04d0 0000 0000 0000`)
  const { answers, edns, flags } = read(bytes)
  assert.equal(answers.map(({ name, data }) => [name, String(data)]), [['www.example.com', 'host.example.com'], ['host.example.com', '192.0.2.1']])
  assert.is(edns!.size, 1232)
  assert.is(flags & FLAG.AA, FLAG.AA)
  assert.is(show(bytes), 'DNS 7183+* A? www.example.com 2/0/1 www.example.com CNAME host.example.com, host.example.com A 192.0.2.1 EDNS 1232 (79)')
})

test('every byte that a label may have comes back from its text', () => {
  const label = Uint8Array.from({ length: 63 }, (_, i) => (i * 37) & 255)
  const bytes = Uint8Array.from([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63, ...label, 0, 0, 1, 0, 1])
  assert.equal(written({ id: 0, flags: 0, questions: read(bytes).questions }), bytes)
  assert.is(read(hex('000000000001000000000000 03612e62 0163 00 00010001')).questions[0]!.name, 'a\\.b.c')
})

test('bytes that are no message say why', () => {
  const header = '000000000001000000000000'
  assert.is(why(hex('0000')), 'short')
  assert.is(why(hex(`${header}c00c00010001`)), 'pointer')
  assert.is(why(hex(`${header}0161c00c00010001`)), 'pointer')
  assert.is(why(hex(`${header}c00200010001`)), 'pointer')
  assert.is(why(hex(`${header}c0ff00010001`)), 'pointer')
  assert.is(why(hex(`${header}0561`)), 'short')
  assert.is(why(hex(`${header}4161`)), 'label')
  assert.is(why(hex(`${header}${'3f'.padEnd(128, '61').repeat(4)}0000010001`)), 'name')
  assert.is(why(hex(`${header}00000100`)), 'short')
  assert.is(why(hex('000080000000000100000000 00 0001 0001 00000000 0005 c000020100')), 'length')
  assert.is(why(hex('000080000000000100000000 00 0001 0001 00000000 0004 c00002')), 'short')
  assert.is(why(hex('000080000000000000000002 00 0029 04d0 00000000 0000 00 0029 04d0 00000000 0000')), 'OPT')
})

test('the caller\'s mistakes have codes', () => {
  const ask = (name: string, room?: number) => thrownCode(() => written({ id: 0, flags: 0, questions: [{ name, type: 1, class: 1 }] }, room))
  for (const name of ['', 'a..b', '.a', `${'a'.repeat(64)}.b`, Array.from({ length: 128 }, () => 'a').join('.'), 'bücher.example', 'a b', 'x\\', 'x\\999']) {
    assert.is(ask(name), name === '' ? 'it did not throw' : 'EINVAL', name)
  }
  assert.is(ask('example.com', 20), 'EMSGSIZE')
  assert.is(ask('example.com', 29), 'it did not throw')
})

const label = fc.array(fc.integer({ min: 0x21, max: 0x7e }).map((code) => {
  const char = String.fromCharCode(code)
  return char === '.' || char === '\\' ? `\\${char}` : char
}), { minLength: 1, maxLength: 20 }).map((chars) => chars.join(''))
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))
const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffffffff })
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((value) => Uint8Array.from(value))
const data = fc.oneof(
  fc.tuple(fc.constant(TYPE.A), u32.map((word) => ipv4(word))),
  fc.tuple(fc.constant(TYPE.AAAA), fc.tuple(u32, u32, u32, u32).map((words) => ipv6(...words))),
  fc.tuple(fc.constantFrom(TYPE.CNAME, TYPE.NS, TYPE.PTR), name),
  fc.tuple(fc.constant(TYPE.SRV), fc.record({ priority: u16, weight: u16, port: u16, target: name }, { noNullPrototype: true })),
  fc.tuple(fc.constant(TYPE.SOA), fc.record({ primary: name, mailbox: name, serial: u32, refresh: u32, retry: u32, expire: u32, minimum: u32 }, { noNullPrototype: true })),
  fc.tuple(fc.constant(TYPE.TXT), fc.array(bytes(255), { maxLength: 4 })),
  fc.tuple(fc.constantFrom(65, 999, TYPE.NSEC), bytes(60)),
)
const resource: fc.Arbitrary<Resource> = fc.tuple(name, data, u16, fc.integer({ min: 0, max: 0x7fffffff }))
  .map(([owner, [type, value], class_, ttl]) => ({ name: owner, type, class: class_, ttl, data: value }))
const message: fc.Arbitrary<Message> = fc.record({
  id: u16, flags: u16, questions: fc.array(fc.record({ name, type: u16, class: u16 }, { noNullPrototype: true }), { maxLength: 3 }),
  answers: fc.array(resource, { maxLength: 5 }), authorities: fc.array(resource, { maxLength: 2 }), additionals: fc.array(resource, { maxLength: 3 }),
  edns: fc.option(fc.record({ size: u16, rcode: fc.constant(0), version: fc.constant(0), flags: u16, options: bytes(40) }, { noNullPrototype: true }), { nil: undefined }),
}, { noNullPrototype: true })

test('what is written is what is read', () => {
  fc.assert(fc.property(message, (given) => {
    assert.equal(read(written(given, 65_535)), { ...given })
  }), { seed: 1, numRuns: 500 })
})

test('no bytes make it throw, or read past the end', () => {
  const headed = fc.tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 4 }), fc.uint8Array({ maxLength: 300 }))
    .map(([start, counts, rest]) => Uint8Array.from([...start, ...counts.flatMap((count) => [0, count]), ...rest]))
  for (const arbitrary of [fc.uint8Array({ maxLength: 600 }), headed]) {
    fc.assert(fc.property(arbitrary, (given) => {
      parse(given)
      assert.type(show(given), 'string')
    }), { seed: 2, numRuns: 3000 })
  }
})

test('a message with a byte changed, or cut short, is read or refused', () => {
  fc.assert(fc.property(message, fc.nat(), fc.nat(255), fc.boolean(), (given, place, byte, cut) => {
    const changed = written(given, 65_535)
    const spot = place % changed.length
    changed[spot] = byte
    parse(cut ? changed.subarray(0, spot) : changed)
  }), { seed: 3, numRuns: 2000 })
})

test('one line for people', () => {
  const query = written({ id: 7, flags: FLAG.RD, questions: [{ name: 'example.com', type: TYPE.AAAA, class: IN }] })
  assert.is(show(query), 'DNS 7+ AAAA? example.com (29)')
  assert.is(show(written({ id: 7, flags: FLAG.QR | 3, questions: [{ name: 'x', type: 65, class: 0x8001 }] })), 'DNS 7 NXDOMAIN TYPE65 (QU)? x 0/0/0 (19)')
  const answers: Resource[] = [
    { name: 'x', type: TYPE.SRV, class: IN, ttl: 1, data: { priority: 0, weight: 1, port: 80, target: 'y' } },
    { name: 'x', type: TYPE.TXT, class: 0x8001, ttl: 1, data: [text('a=1'), text('ü')] },
    { name: 'x', type: TYPE.AAAA, class: IN, ttl: 1, data: address('2001:db8::1') },
  ]
  assert.is(show(written({ id: 0, flags: FLAG.QR, answers })), 'DNS 0 3/0/0 x SRV 0 1 80 y, x TXT (flush) "a=1" "..", x AAAA 2001:db8::1 (81)')
  assert.is(show(new Uint8Array(3)), 'DNS: short, 3 bytes')
})

test.run()
