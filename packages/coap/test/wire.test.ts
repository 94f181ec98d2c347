import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { suite, thrownCode } from '@favonius/testing'
import * as CODE from '../src/codes.ts'
import { definitions, isCritical, isNoCacheKey, isUnsafe, unacceptable } from '../src/definitions.ts'
import * as OPTION from '../src/numbers.ts'
import { show } from '../src/show.ts'
import * as TYPE from '../src/types.ts'
import { codeText, emit, Message, Writer, type Option } from '../src/wire.ts'

const test = suite('CoAP: messages')

const hex = (text: string): Uint8Array => Uint8Array.from(text.replaceAll(/\s/g, '').match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const read = (data: Uint8Array): Message => {
  const message = new Message()
  const malformed = message.read(data)
  if (malformed !== undefined) throw new Error(malformed)
  return message
}
const optionsOf = (message: Message): [number, string][] => {
  const all: [number, string][] = []
  message.rewind()
  while (message.next()) all.push([message.number, Buffer.from(message.value()).toString('latin1')])
  return all
}

const TEMPERATURE = '74656d7065726174757265'
/** RFC 7252 Appendix A: what the figures show, in bytes. */
const FIGURES = [
  { figure: 'Figure 16, request', hex: `40017d34 bb${TEMPERATURE}`, type: TYPE.CON, code: CODE.GET, id: 0x7d34, token: '', path: ['temperature'], payload: '' },
  { figure: 'Figure 16, response', hex: '60457d34 ff 32322e332043', type: TYPE.ACK, code: CODE.CONTENT, id: 0x7d34, token: '', path: [], payload: '22.3 C' },
  { figure: 'Figure 17, request', hex: `41017d35 20 bb${TEMPERATURE}`, type: TYPE.CON, code: CODE.GET, id: 0x7d35, token: '20', path: ['temperature'], payload: '' },
  { figure: 'Figure 17, response', hex: '61457d35 20 ff 32322e332043', type: TYPE.ACK, code: CODE.CONTENT, id: 0x7d35, token: '20', path: [], payload: '22.3 C' },
  { figure: 'Figure 20, acknowledgment', hex: '60007d38', type: TYPE.ACK, code: CODE.EMPTY, id: 0x7d38, token: '', path: [], payload: '' },
  { figure: 'Figure 20, separate response', hex: '4145ad7b 53 ff 32322e332043', type: TYPE.CON, code: CODE.CONTENT, id: 0xad7b, token: '53', path: [], payload: '22.3 C' },
  { figure: 'Figure 22, request', hex: `51017d40 75 bb${TEMPERATURE}`, type: TYPE.NON, code: CODE.GET, id: 0x7d40, token: '75', path: ['temperature'], payload: '' },
  { figure: 'Figure 22, response', hex: '5145ad7b 75 ff 32322e332043', type: TYPE.NON, code: CODE.CONTENT, id: 0xad7b, token: '75', path: [], payload: '22.3 C' },
] as const

for (const { figure, hex: text, type, code, id, token, path, payload } of FIGURES) {
  test(`RFC 7252 Appendix A, ${figure}: read, and written again`, () => {
    const message = read(hex(text))
    assert.equal([message.type, message.code, message.id], [type, code, id])
    assert.equal(message.token, hex(token))
    assert.equal(message.texts(OPTION.URI_PATH), path)
    assert.equal(message.payload, bytes(payload))
    const draft = { code, options: path.map((one): Option => [OPTION.URI_PATH, one]), payload: bytes(payload) }
    assert.equal(emit(type, id, hex(token), draft), hex(text))
  })
}

test('RFC 7252 §3.1: deltas and lengths of one, two and three bytes', () => {
  const long = 'x'.repeat(12)
  const longer = 'y'.repeat(13)
  const longest = 'z'.repeat(300)
  const data = emit(TYPE.CON, 1, new Uint8Array(0), { code: CODE.GET, options: [[OPTION.URI_PATH, long], [OPTION.URI_PATH, longer], [OPTION.PROXY_URI, longest], [OPTION.SIZE1, 0], [2048, new Uint8Array(269)]] })
  // 11, 12 bytes · +0, 13 bytes · +24, 300 bytes · +25, none · +1988, 269 bytes
  assert.equal(data.subarray(4, 5), hex('bc'))
  assert.equal(data.subarray(17, 19), hex('0d 00'))
  assert.equal(data.subarray(32, 36), hex('de 0b 001f'))
  assert.equal(data.subarray(336, 338), hex('d0 0c'))
  assert.equal(data.subarray(338, 343), hex('ee 06b7 0000'))
  assert.equal(optionsOf(read(data)).map(([number, value]) => [number, value.length]), [[11, 12], [11, 13], [35, 300], [60, 0], [2048, 269]])
})

test('RFC 7252 §3.2: numbers have as few bytes as they need', () => {
  for (const [value, length] of [[0, 0], [1, 1], [255, 1], [256, 2], [65_535, 2], [65_536, 3], [0xff_ffff, 3], [0x100_0000, 4], [0xffff_ffff, 4]] as const) {
    const message = read(emit(TYPE.NON, 1, new Uint8Array(0), { code: CODE.CONTENT, options: [[OPTION.MAX_AGE, value]] }))
    assert.is(message.uint(OPTION.MAX_AGE), value)
    assert.is(message.length, length)
  }
  // Leading zeroes are understood; what is longer than any number here is none.
  assert.is(read(hex('40010001 e3 0001 000001')).uint(270), 1)
  assert.is(read(hex('40010001 e5 0001 0000000001')).uint(270), undefined)
})

test('text is UTF-8, whatever its length', () => {
  for (const text of ['', 'ä', 'kühl', '温度', 'x'.repeat(24), `${'x'.repeat(24)}é`, '\u{1f321}'.repeat(20)]) {
    const message = read(emit(TYPE.CON, 1, new Uint8Array(0), { code: CODE.GET, options: [[OPTION.URI_PATH, text]] }))
    assert.is(message.text(OPTION.URI_PATH), text)
  }
})

const MALFORMED = [
  ['', 'a short header'], ['400100', 'a short header'],
  ['00010001', 'another version'], ['80010001', 'another version'], ['c0010001', 'another version'],
  ['40000001 00', 'a long empty message'], ['41000001 20', 'a long empty message'], ['60000001 ff 01', 'a long empty message'],
  ['49010001 010203040506070809', 'a long token'], ['4f010001', 'a long token'],
  ['44010001 010203', 'a short token'],
  ['40010001 ff', 'a short payload'], ['40010001 b174 ff', 'a short payload'],
  ['40010001 f0', 'an option of 15'], ['40010001 f1 00', 'an option of 15'], ['40010001 0f 00', 'an option of 15'],
  ['40010001 b5 74657374', 'a short option'], ['40010001 d0', 'a short option'], ['40010001 e000', 'a short option'],
  ['40010001 0d', 'a short option'], ['40010001 0e00', 'a short option'],
  ['40010001 e0ffff', 'a short option'],
] as const
for (const [text, why] of MALFORMED) test(`RFC 7252 §3: ${text || 'nothing'} is ${why}`, () => assert.is(new Message().read(hex(text)), why))

test('a draft may have its options in any order; a writer may not', () => {
  const message = read(emit(TYPE.CON, 1, new Uint8Array(0), { code: CODE.GET, options: [[OPTION.URI_QUERY, 'q'], [OPTION.URI_PATH, 'b'], [OPTION.IF_NONE_MATCH, ''], [OPTION.URI_PATH, 'a']] }))
  assert.equal(optionsOf(message), [[5, ''], [11, 'b'], [11, 'a'], [15, 'q']])
  assert.is(thrownCode(() => new Writer().begin(new Uint8Array(20), TYPE.CON, CODE.GET, 1).text(15, 'q').text(11, 'p')), 'EINVAL')
})

test('what does not fit is EMSGSIZE, and writes nothing outside', () => {
  const around = new Uint8Array(64).fill(0xaa)
  const into = around.subarray(8, 24)
  for (const payload of [new Uint8Array(20), new Uint8Array(200)]) {
    assert.is(thrownCode(() => new Writer().begin(into, TYPE.CON, CODE.GET, 1).draft({ code: CODE.GET, options: [[OPTION.URI_PATH, 'abcdef'], [OPTION.URI_QUERY, 'x'.repeat(50)]], payload })), 'EMSGSIZE')
  }
  assert.ok(around.subarray(24).every((byte) => byte === 0xaa))
})

test('RFC 7252 Table 4 and its successors: the class of each option is in its number, and critical ones are defined', () => {
  const classes = (number: number): string => `${isCritical(number) ? 'C' : ''}${isUnsafe(number) ? 'U' : ''}${isNoCacheKey(number) ? 'N' : ''}${definitions[number]?.[2] ? 'R' : ''}`
  const table: [string, number][] = [
    ['CR', OPTION.IF_MATCH], ['CU', OPTION.URI_HOST], ['', OPTION.ETAG], ['C', OPTION.IF_NONE_MATCH], ['U', OPTION.OBSERVE], ['CU', OPTION.URI_PORT], ['', OPTION.LOCATION_PATH],
    ['CUR', OPTION.URI_PATH], ['', OPTION.CONTENT_FORMAT], ['U', OPTION.MAX_AGE], ['CUR', OPTION.URI_QUERY], ['', OPTION.HOP_LIMIT], ['C', OPTION.ACCEPT], ['', OPTION.LOCATION_QUERY],
    ['CU', OPTION.BLOCK2], ['CU', OPTION.BLOCK1], ['N', OPTION.SIZE2], ['CU', OPTION.PROXY_URI], ['CU', OPTION.PROXY_SCHEME], ['N', OPTION.SIZE1], ['N', OPTION.ECHO],
    ['U', OPTION.NO_RESPONSE], ['', OPTION.REQUEST_TAG],
  ]
  assert.equal(table.map(([, number]) => [classes(number), number]), table)
  assert.equal(table.filter(([of]) => of.startsWith('C')).map(([, number]) => String(number)), Object.keys(definitions))
})

test('RFC 7252 §5.4: critical options that are unknown, too long, too short or repeated', () => {
  const of = (...options: Option[]): number | undefined => unacceptable(read(emit(TYPE.CON, 1, new Uint8Array(0), { code: CODE.GET, options })))
  assert.is(of([OPTION.URI_PATH, 'a'], [OPTION.URI_PATH, 'b'], [OPTION.CONTENT_FORMAT, 0]), undefined)
  assert.is(of([9, '']), 9)
  assert.is(of([65_001, '']), 65_001)
  assert.is(of([65_000, '']), undefined)
  assert.is(of([OPTION.URI_HOST, '']), OPTION.URI_HOST)
  assert.is(of([OPTION.URI_PATH, 'x'.repeat(256)]), OPTION.URI_PATH)
  assert.is(of([OPTION.ACCEPT, 1], [OPTION.ACCEPT, 2]), OPTION.ACCEPT)
  assert.is(of([OPTION.IF_NONE_MATCH, 'x']), OPTION.IF_NONE_MATCH)
  assert.is(of([OPTION.ETAG, new Uint8Array(9)]), undefined)
})

test('one line for people', () => {
  assert.is(show(hex(`41017d35 20 bb${TEMPERATURE}`)), 'CoAP CON GET 0x7d35 token 20 Uri-Path: "temperature" (17)')
  assert.is(show(hex('61457d35 20 ff 32322e332043')), 'CoAP ACK 2.05 Content 0x7d35 token 20 payload 6 (12)')
  assert.is(show(hex('70007d35')), 'CoAP RST 0.00 Empty 0x7d35 (4)')
  assert.is(show(hex('40 01')), 'CoAP: a short header (2)')
  assert.is(show(emit(TYPE.NON, 2, new Uint8Array(0), { code: 0x45, options: [[OPTION.OBSERVE, 12], [OPTION.BLOCK2, 0x1e], [2000, Uint8Array.of(1, 2)]] })), 'CoAP NON 2.05 Content 0x0002 Observe: 12, Block2: 1/1/1024, 2000: 0102 (14)')
  assert.is(codeText(0x84), '4.04')
})

const option = fc.tuple(fc.integer({ min: 0, max: 65_535 }), fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 250, maxLength: 300 })))
test('property: what is written is what is read', () => {
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 255 }), fc.integer({ min: 0, max: 65_535 }), fc.uint8Array({ maxLength: 8 }), fc.array(option, { maxLength: 12 }), fc.uint8Array({ maxLength: 100 }),
    (type, code, id, token, options, payload) => {
      const message = read(emit(type, id, token, { code, options, payload }))
      assert.equal([message.type, message.code, message.id], [type, code, id])
      assert.equal(message.token, token)
      assert.equal(message.payload, payload)
      const sorted = options.map(([number, value], i) => ({ number, value, i })).sort((a, b) => a.number - b.number || a.i - b.i)
      assert.equal(optionsOf(message), sorted.map(({ number, value }) => [number, Buffer.from(value).toString('latin1')]))
      for (const { number } of sorted) assert.equal(message.bytes(number), sorted.find((one) => one.number === number)!.value)
    },
  ), { numRuns: 500 })
})

test('fuzz: no bytes make the parser throw, or read past their end', () => {
  const message = new Message()
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (data, header) => {
    if (header && data.length > 1) data[0] = 0x40 | (data[0]! & 0x3f)
    // Whatever stands behind the message must not matter.
    const around = new Uint8Array(data.length + 16).fill(0xff)
    around.set(data)
    const view = around.subarray(0, data.length)
    assert.type(show(view), 'string')
    if (message.read(view) !== undefined) return
    let last = 0
    message.rewind()
    while (message.next()) {
      assert.ok(message.number >= last && message.number <= 65_535)
      assert.ok(message.at + message.length <= message.payloadAt)
      last = message.number
    }
    assert.equal(message.own().payload, message.payload)
    unacceptable(message)
  }), { numRuns: 5000 })
})

test.run()
