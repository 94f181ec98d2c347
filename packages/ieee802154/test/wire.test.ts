import * as assert from 'uvu/assert'
import fc from 'fast-check'
import { eui64, linkAddress, NO_LINK_ADDRESS } from '@favonius/inet'
import { suite } from '@favonius/testing'
import { addressModes, EVERYONE, FrameHeader, frameTypes, fcs, readFrame, show, versions, writeData, writeFrame, type FrameFields } from '../src/wire/index.ts'

const test = suite('ieee802154: wire')

const bytesOf = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const viewOf = (bytes: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const read = (hex: string): FrameHeader => {
  const bytes = bytesOf(hex)
  const header = readFrame(viewOf(bytes), 0, bytes.length)
  if ('malformed' in header) throw new Error(header.malformed)
  return header
}
const why = (hex: string): string => {
  const bytes = bytesOf(hex)
  const header = readFrame(viewOf(bytes), 0, bytes.length)
  return 'malformed' in header ? header.malformed : 'fine'
}

test('the FCS is CRC-16/Kermit', () => {
  assert.is(fcs(new TextEncoder().encode('123456789')), 0x2189)
  // The acknowledgment of IEEE 802.15.4-2015 §7.2.10, example: 02 00 6a e4 79
  assert.is(fcs(bytesOf('02006a')), 0x79e4)
  assert.is(fcs(bytesOf('02006ae479')), 0, 'over a whole frame')
})

test('a data frame as RIOT and Zephyr send it', () => {
  const header = read('41d8 f5 2300 ffff 0200000000000002 7b')
  assert.equal(
    [header.type, header.version, header.security, header.pending, header.acknowledge, header.panIdCompression, header.sequence, header.destinationPan, header.sourcePan],
    [frameTypes.data, versions.v2006, false, false, false, true, 0xf5, 0x0023, -1])
  assert.equal([`${header.destination}`, `${header.source}`, header.broadcast, header.length], ['ff:ff', '02:00:00:00:00:00:00:02', true, 15])
})

test('the addresses of one frame leave nothing in the record for the next', () => {
  const header = new FrameHeader()
  const both = bytesOf('01cc 01 cdab 0807060504030201 cdab 1817161514131211')
  readFrame(viewOf(both), 0, both.length, header)
  const bare = bytesOf('0200 6a')
  readFrame(viewOf(bare), 0, bare.length, header)
  assert.equal(
    [header.destinationPan, header.sourcePan, header.destinationHi, header.destinationLo, header.sourceHi, header.sourceLo, header.sequence, header.length],
    [-1, -1, 0, 0, 0, 0, 0x6a, 3])
  assert.is(header.destination, NO_LINK_ADDRESS)
})

test('which PAN IDs are there in frames of 2003 and 2006', () => {
  const pans = (hex: string) => { const { destinationPan, sourcePan, length } = read(hex); return [destinationPan, sourcePan, length] }
  for (const version of [0, 1]) {
    const high = (modes: number) => (modes | version << 4).toString(16).padStart(2, '0')
    assert.equal(pans(`01${high(0x88)} 01 1111 2222 3333 4444`), [0x1111, 0x3333, 11])
    assert.equal(pans(`41${high(0x88)} 01 1111 2222 4444`), [0x1111, -1, 9])
    assert.equal(pans(`01${high(0x08)} 01 1111 2222`), [0x1111, -1, 7])
    assert.equal(pans(`00${high(0x80)} 01 1111 2222`), [-1, 0x1111, 7])
    assert.is(why(`41${high(0x08)} 01 1111 2222`), 'PAN ID compression with a single address')
  }
})

test('which PAN IDs are there in frames of 2015: all rows of Table 7-2', () => {
  const S = '5555'
  const X = '0807060504030201'
  const row = (modes: number, compression: 0 | 1, rest: string) => {
    const { destinationPan, sourcePan, length } = read(`${compression ? '41' : '01'}${(modes | 0x20).toString(16).padStart(2, '0')} 01 ${rest}`)
    assert.is(length, 3 + rest.replaceAll(' ', '').length / 2, `${modes.toString(16)} ${compression}`)
    return [destinationPan, sourcePan]
  }
  assert.equal(row(0x00, 0, ''), [-1, -1])
  assert.equal(row(0x00, 1, '1111'), [0x1111, -1])
  assert.equal(row(0x08, 0, `1111 ${S}`), [0x1111, -1])
  assert.equal(row(0x0c, 1, X), [-1, -1])
  assert.equal(row(0x80, 0, `1111 ${S}`), [-1, 0x1111])
  assert.equal(row(0xc0, 1, X), [-1, -1])
  assert.equal(row(0xcc, 0, `1111 ${X} ${X}`), [0x1111, -1])
  assert.equal(row(0xcc, 1, `${X} ${X}`), [-1, -1])
  assert.equal(row(0x88, 0, `1111 ${S} 2222 ${S}`), [0x1111, 0x2222])
  assert.equal(row(0xc8, 0, `1111 ${S} 2222 ${X}`), [0x1111, 0x2222])
  assert.equal(row(0x8c, 0, `1111 ${X} 2222 ${S}`), [0x1111, 0x2222])
  assert.equal(row(0xc8, 1, `1111 ${S} ${X}`), [0x1111, -1])
  assert.equal(row(0x8c, 1, `1111 ${X} ${S}`), [0x1111, -1])
  assert.equal(row(0x88, 1, `1111 ${S} ${S}`), [0x1111, -1])
})

test('a sequence number may be suppressed, and information elements are skipped', () => {
  assert.equal((({ sequence, length }) => [sequence, length])(read('01a9 1111 2222 3333 4444 ff')), [-1, 10])
  // A header element of 2 bytes, then the payload follows.
  const header = read('41aa 07 1111 2222 4444 0213 aabb 803f ff')
  assert.equal([header.elements, header.sequence, header.length], [true, 7, 15])
  // The header's end, a payload element of 3 bytes, the end of payload elements.
  assert.is(read('41aa 07 1111 2222 4444 003f 0388 010203 00f8 ffff').length, 9 + 2 + 5 + 2)
  // The list may end with the frame.
  assert.is(read('41aa 07 1111 2222 4444 0213 aabb').length, 13)
  for (const bad of ['0513 aabb', '02', '803f'.replace('803f', '0080'), '003f 0300 010203', '003f 0388 0102', '003f 01']) {
    assert.is(why(`41aa 07 1111 2222 4444 ${bad}`), 'information elements that are cut short', bad)
  }
  // In frames of before 2015 these bits mean nothing.
  assert.equal((({ sequence, elements, length }) => [sequence, elements, length])(read('419b 07 1111 2222 4444')), [7, false, 9])
})

test('a security header is read as far as it can be', () => {
  const facts = (hex: string) => { const { security, securityLevel, keyIdMode, frameCounter, length } = read(hex); return [security, securityLevel, keyIdMode, frameCounter, length] }
  assert.equal(facts('4998 07 1111 2222 4444 05 01000000 aa'), [true, 5, 0, 1, 14])
  assert.equal(facts('4998 07 1111 2222 4444 0d 01000000 09 aa'), [true, 5, 1, 1, 15])
  assert.equal(facts('4998 07 1111 2222 4444 1e 01000000 0102030405060708 09 aa'), [true, 6, 3, 1, 23])
  assert.equal(facts('49a8 07 1111 2222 4444 2d 09 aa'), [true, 5, 1, -1, 11], 'the counter may be suppressed')
  assert.equal(facts('4988 07 1111 2222 4444 05 01000000 aa'), [true, -1, -1, -1, 9], 'frames of 2003 have none')
  assert.is(why('4998 07 1111 2222 4444 05 0100'), 'shorter than its header')
  // Payload elements of a secured frame may be ciphertext.
  assert.is(read('49aa 07 1111 2222 4444 2d 09 003f ffff').length, 13)
})

test('what is no frame says why', () => {
  assert.is(why(''), 'shorter than its header')
  assert.is(why('41'), 'shorter than its header')
  assert.is(why('0200'), 'shorter than its header')
  assert.is(why('41d8 f5 2300 ffff 02000000000000'), 'shorter than its header')
  assert.is(why('0400 01'), 'a frame type that is reserved, or not of the general form')
  assert.is(why('0500 01'), 'a frame type that is reserved, or not of the general form')
  assert.is(why('0130 01'), 'a frame version that is reserved')
  assert.is(why('0104 01'), 'an addressing mode that is reserved')
})

const address = fc.oneof(
  fc.constant(NO_LINK_ADDRESS),
  fc.integer({ min: 0, max: 0xffff }).map((short) => linkAddress(2, 0, short)),
  fc.tuple(fc.integer(), fc.integer()).map(([hi, lo]) => linkAddress(8, hi, lo)),
)
const fields: fc.Arbitrary<FrameFields> = fc.record({
  type: fc.constantFrom(...Object.values(frameTypes).filter((type) => type <= 3)),
  version: fc.constantFrom(0, 1, 2),
  pending: fc.boolean(),
  acknowledge: fc.boolean(),
  sequence: fc.integer({ min: 0, max: 255 }),
  destinationPan: fc.integer({ min: 0, max: 0xffff }),
  destination: address,
  sourcePan: fc.integer({ min: 0, max: 3 }).map((n) => (n === 0 ? undefined : n)),
  source: address,
})

test('what is written is read', () => {
  fc.assert(fc.property(fields, fc.boolean(), fc.boolean(), (given, suppressed, panless) => {
    const modern = given.version === versions.v2015
    const both = given.destination!.length > 0 && given.source!.length > 0
    const frame = { ...given, sequence: modern && suppressed ? undefined : given.sequence }
    if (modern && panless && (!both || (given.destination!.length === 8 && given.source!.length === 8))) Object.assign(frame, { destinationPan: undefined, sourcePan: undefined })
    const bytes = new Uint8Array(40).fill(0xee)
    const length = writeFrame(frame, viewOf(bytes), 0)
    const header = readFrame(viewOf(bytes), 0, bytes.length)
    if ('malformed' in header) throw new Error(header.malformed)
    assert.is(header.length, length)
    assert.equal([header.type, header.version, header.pending, header.acknowledge], [frame.type, frame.version, frame.pending, frame.acknowledge])
    assert.is(header.sequence, frame.sequence ?? -1)
    assert.is(`${header.destination} ${header.source}`, `${frame.destination} ${frame.source}`)
    if (frame.destination!.length > 0 && frame.destinationPan !== undefined) assert.is(header.destinationPan, frame.destinationPan)
    const longPair = modern && frame.destination!.length === 8 && frame.source!.length === 8
    if (both && !longPair) assert.is(header.sourcePan < 0 ? header.destinationPan : header.sourcePan, frame.sourcePan ?? frame.destinationPan)
  }), { seed: 4, numRuns: 2000 })
  assert.throws(() => writeFrame({ type: 1, sequence: 1, destination: EVERYONE, destinationPan: undefined }, new DataView(new ArrayBuffer(40)), 0), /a PAN ID is missing/)
})

test('writeData writes what writeFrame does for a pair in one PAN', () => {
  const [a, b] = [eui64('02:00:00:00:00:00:00:01'), linkAddress(2, 0, 0x1234)]
  for (const [from, to] of [[a, b], [b, a], [a, a], [b, EVERYONE]] as const) {
    const [one, two] = [new Uint8Array(30), new Uint8Array(30)]
    writeData(viewOf(one), 1, 0xabcd, 9, from, to, true)
    writeFrame({ type: frameTypes.data, acknowledge: true, sequence: 9, destinationPan: 0xabcd, destination: to, source: from }, viewOf(two), 1)
    assert.equal(one, two)
  }
})

test('no bytes make the reader throw, or read beyond them', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(0x41, 0x49, 0x01, 0x00, 0x09), fc.integer({ min: 0, max: 255 }), (bytes, low, high) => {
    const frame = Uint8Array.from([low, high, ...bytes])
    const dv = new DataView(frame.buffer.slice(0))
    for (let length = 0; length <= frame.length; length++) {
      const header = readFrame(dv, 0, length)
      if (!('malformed' in header)) {
        assert.ok(header.length <= length, 'the payload begins within the frame')
        assert.ok(header.destinationMode !== (1 as number) && header.sourceMode <= addressModes.extended)
      }
      assert.type(show(frame.slice(0, length)), 'string')
    }
  }), { seed: 5, numRuns: 3000 })
})

test('show prints a line', () => {
  const line = (hex: string) => show(bytesOf(hex))
  assert.is(line('41d8 f5 2300 ffff 0200000000000002 7b'), '802.15.4 data (2006), pan 0023, 02:00:00:00:00:00:00:02 > everyone, seq 245, length 1')
  assert.is(line('61dc 07 cdab 0200000000000002 0100000000000002 41'), '802.15.4 data (2006), pan abcd, 02:00:00:00:00:00:00:01 > 02:00:00:00:00:00:00:02, seq 7, ack requested, length 1')
  assert.is(line('1200 6a'), '802.15.4 acknowledgment (2003), seq 106, frame pending, length 0')
  assert.is(line('0308 01 ffff ffff 07'), '802.15.4 command beaconRequest (2003), pan ffff, coordinator > everyone, seq 1, length 1')
  assert.is(line('0080 01 cdab 3412 ff0f 00 00'), '802.15.4 beacon (2003), pan abcd, 12:34 > coordinator, seq 1, length 4')
  assert.is(line('41'), '802.15.4: shorter than its header (1 bytes)')
})

test.run()
