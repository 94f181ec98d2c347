import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  ACK, at, FIN, HEADER, MAX_WINDOW_SCALE, PSH, readSegment, Segment, show, SYN, synOptionsSize, TIMESTAMPS_SIZE, URG, writeHeader, writeSack,
  writeSynOptions, writeTimestamps,
} from '../src/wire.ts'

const test = suite('tcp: header')

const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.replace(/\s/g, '').match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
const read = (data: Uint8Array, end = data.length, total = data.length): Segment | string => {
  const segment = new Segment()
  return readSegment(new DataView(data.buffer, data.byteOffset, data.byteLength), 0, end, total, segment) ?? segment
}
const good = (data: Uint8Array): Segment => {
  const segment = read(data)
  if (typeof segment === 'string') throw new Error(segment)
  return segment
}
/** A header with these options, padded with END. */
const withOptions = (options: readonly number[], flags = SYN): Uint8Array => {
  const size = HEADER + Math.ceil(options.length / 4) * 4
  const data = new Uint8Array(size)
  writeHeader(new DataView(data.buffer), 0, 1, 2, 3, 4, size, flags, 5)
  data.set(options, HEADER)
  return data
}
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const uint16 = fc.integer({ min: 0, max: 0xffff })

test('what Linux sends is read, and shown as tcpdump shows it', () => {
  const syn = bytes('e0fa000744e5814600000000a002ffd7fe3000000204ffd70402080adce35e23000000000103030a')
  assert.is(show(syn), `TCP ${0xe0fa} > 7: Flags [S], seq ${0x44e58146}, win ${0xffd7}, ` +
    `options [mss 65495,sackOK,TS val ${0xdce35e23} ecr 0,nop,wscale 10], length 0`)
  const s = good(syn)
  assert.equal([s.mss, s.windowScale, s.sackPermitted, s.hasTimestamps, s.timestamp, s.echo], [65_495, 10, true, true, 0xdce35e23 | 0, 0])
  const answer = bytes('0007e0fad4230d1944e58147a012ffcbfe3000000204ffd70402080a3d0c6eb0dce35e230103030a')
  assert.is(show(answer), `TCP 7 > ${0xe0fa}: Flags [S.], seq ${0xd4230d19}, ack ${0x44e58147}, win ${0xffcb}, ` +
    `options [mss 65495,sackOK,TS val ${0x3d0c6eb0} ecr ${0xdce35e23},nop,wscale 10], length 0`)
  // Our own SYN-ACK with the same is the same, but for the checksum.
  const ours = new Uint8Array(40)
  const dv = new DataView(ours.buffer)
  writeHeader(dv, 0, 7, 0xe0fa, 0xd4230d19, 0x44e58147, 40, SYN | ACK, 0xffcb)
  writeSynOptions(dv, HEADER, 65_495, 10, true, true, 0x3d0c6eb0, 0xdce35e23)
  dv.setUint16(at.checksum, 0xfe30)
  assert.equal(ours, answer)
  assert.is(
    show(bytes('e0fa000744e58147d4230d1a80180040fe2a00000101080adce35e233d0c6eb06869')),
    `TCP ${0xe0fa} > 7: Flags [P.], seq ${0x44e58147}:${0x44e58149}, ack ${0xd4230d1a}, win 64, ` +
      `options [nop,nop,TS val ${0xdce35e23} ecr ${0x3d0c6eb0}], length 2`,
  )
  const blocks = withOptions([1, 1, 5, 18, 0, 0, 19, 136, 0, 0, 21, 124, 255, 255, 255, 254, 0, 0, 0, 1], ACK)
  assert.is(show(blocks), 'TCP 1 > 2: Flags [.], ack 4, win 5, options [nop,nop,sack 2 {5000:5500}{4294967294:1}], length 0')
  assert.equal([...good(blocks).blocks.subarray(0, 4)], [5000, 5500, -2, 1])
})

test('round trip: header and timestamps', () => {
  fc.assert(fc.property(uint16, uint16, int32, int32, fc.integer({ min: 0, max: 255 }), uint16, int32, int32, fc.nat(3000), (
    source, destination, sequence, acknowledgment, flags, window, value, echo, length,
  ) => {
    const data = new Uint8Array(7 + HEADER + TIMESTAMPS_SIZE).fill(0xff)
    const dv = new DataView(data.buffer)
    writeHeader(dv, 7, source, destination, sequence, acknowledgment, HEADER + TIMESTAMPS_SIZE, flags, window)
    assert.is(writeTimestamps(dv, 7 + HEADER, value, echo), data.length)
    assert.is(dv.getUint16(7 + at.checksum), 0)
    const s = new Segment()
    assert.is(readSegment(dv, 7, data.length, HEADER + TIMESTAMPS_SIZE + length, s), undefined)
    assert.equal(
      [s.sourcePort, s.destinationPort, s.sequence, s.acknowledgment, s.flags, s.window, s.urgent, s.dataOffset, s.length, s.hasTimestamps, s.timestamp, s.echo],
      [source, destination, sequence, acknowledgment, flags, window, 0, 32, length, true, value, echo],
    )
  }))
})

test('round trip: what a SYN announces', () => {
  fc.assert(fc.property(uint16, fc.integer({ min: -1, max: 14 }), fc.boolean(), fc.boolean(), int32, int32, (mss, scale, sack, timestamps, value, echo) => {
    const size = synOptionsSize(scale, sack, timestamps)
    const data = new Uint8Array(HEADER + size)
    const dv = new DataView(data.buffer)
    writeHeader(dv, 0, 1, 2, 3, 4, HEADER + size, SYN, 5)
    assert.is(writeSynOptions(dv, HEADER, mss, scale, sack, timestamps, value, echo), HEADER + size)
    const s = good(data)
    assert.equal([s.dataOffset, s.length], [HEADER + size, 0])
    assert.equal([s.mss, s.windowScale, s.sackPermitted, s.hasTimestamps, s.blockCount], [mss, scale, sack, timestamps, 0])
    if (timestamps) assert.equal([s.timestamp, s.echo], [value, echo])
    // RFC 7323 §1.3, RFC 2018 §2: of a segment that is no SYN they mean nothing.
    dv.setUint8(13, ACK)
    const later = good(data)
    assert.equal([later.mss, later.windowScale, later.sackPermitted, later.hasTimestamps], [0, -1, false, timestamps])
  }))
})

test('round trip: SACK blocks, alone and behind timestamps', () => {
  fc.assert(fc.property(fc.array(fc.tuple(int32, int32), { minLength: 1, maxLength: 4 }), fc.boolean(), (blocks, timestamps) => {
    if (timestamps && blocks.length === 4) blocks.pop()
    const size = HEADER + (timestamps ? TIMESTAMPS_SIZE : 0) + 4 + 8 * blocks.length
    const data = new Uint8Array(size)
    const dv = new DataView(data.buffer)
    writeHeader(dv, 0, 1, 2, 3, 4, size, ACK, 5)
    const to = timestamps ? writeTimestamps(dv, HEADER, 6, 7) : HEADER
    assert.is(writeSack(dv, to, Int32Array.from(blocks.flat()), blocks.length), size)
    const s = good(data)
    assert.is(s.blockCount, blocks.length)
    assert.equal([...s.blocks.subarray(0, 2 * s.blockCount)], blocks.flat())
    assert.is(s.hasTimestamps, timestamps)
  }))
})

test('RFC 9293 §3.1: a header that is not whole is malformed', () => {
  const data = withOptions([2, 4, 5, 180])
  assert.match(String(read(data.subarray(0, 19))), /shorter than a header/)
  assert.match(String(read(data, 19, 24)), /not in one piece/)
  assert.match(String(read(data, 23, 24)), /options not in one piece/)
  assert.match(String(read(data, 24, 23)), /beyond the segment/)
  data[12] = 0x4f
  assert.match(String(read(data)), /data offset below 5/)
})

test('options that are unknown, or of a wrong length for their kind, are passed over (RFC 9293 MUST-6)', () => {
  const s = good(withOptions([30, 4, 1, 2, 2, 3, 9, 8, 3, 0, 3, 4, 0, 0, 5, 9, 0, 0, 0, 0, 0, 0, 0, 254, 2, 2, 4, 5, 180]))
  assert.equal([s.mss, s.windowScale, s.hasTimestamps, s.blockCount], [1460, -1, false, 0])
})

test('a length below 2 or beyond the header ends the options; what came before counts (RFC 9293 MUST-7)', () => {
  const before = [2, 4, 5, 180]
  const after = [3, 3, 7, 1]
  for (const bad of [[8, 0], [8, 1], [8, 60], [0, 0]]) {
    const s = good(withOptions([...before, ...bad, 1, 1, ...after]))
    assert.equal([s.mss, s.windowScale], [1460, -1], `kind ${bad[0]}, length ${bad[1]}`)
  }
  assert.is(good(withOptions([1, 1, 1, 8])).hasTimestamps, false, 'a kind without a length')
})

test('RFC 7323 §2.3: a scale above 14 counts as 14', () => {
  assert.is(good(withOptions([3, 3, 200, 0])).windowScale, MAX_WINDOW_SCALE)
})

test('shown: flags, urgent pointer, data, and what cannot be read', () => {
  const data = new Uint8Array(HEADER + 10)
  const dv = new DataView(data.buffer)
  writeHeader(dv, 0, 80, 1024, -1, 2, HEADER, FIN | PSH | ACK | URG, 3)
  dv.setUint16(at.urgent, 9)
  assert.is(show(data), 'TCP 80 > 1024: Flags [FP.U], seq 4294967295:9, ack 2, win 3, urg 9, length 10')
  assert.is(show(withOptions([], 0)), 'TCP 1 > 2: Flags [none], win 5, length 0')
  assert.is(show(withOptions([30, 3, 0, 8, 99, 0, 0, 0])), 'TCP 1 > 2: Flags [S], seq 3, win 5, options [unknown-30,bad-8], length 0')
  assert.match(show(data.subarray(0, 10)), /shorter than a header \(10 bytes\)/)
})

test('no bytes make the reader throw or read past the header', () => {
  const header = fc.tuple(fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.integer({ min: 0, max: 15 }), fc.uint8Array({ maxLength: 48 }))
    .map(([fixed, offset, rest]) => {
      fixed[12] = offset << 4
      return Uint8Array.from([...fixed, ...rest])
    })
  fc.assert(fc.property(fc.oneof(header, fc.uint8Array({ maxLength: 70 })), fc.nat(70), fc.nat(90), (data, end, total) => {
    // The view ends where the reader has to: a DataView throws beyond.
    const whole = Math.min(end, data.length)
    const result = read(data.slice(0, whole), whole, Math.max(total, whole))
    if (typeof result !== 'string') {
      assert.ok(result.dataOffset >= HEADER && result.dataOffset <= whole)
      assert.is(result.length, Math.max(total, whole) - result.dataOffset)
      assert.ok(result.windowScale >= -1 && result.windowScale <= 14 && result.blockCount <= 4)
    }
    assert.type(show(data), 'string')
  }), { numRuns: 2000 })
})

test.run()
