import type { NetBuf } from '@favonius/contract'
import { Arena } from '@favonius/netbuf'
import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { HEADER, NEEDS_CHECKSUM, readHeader, SEGMENTS_TCP4, SEGMENTS_TCP6, writeHeader } from '../src/wire.ts'

const test = suite('tap: virtio_net_hdr')

const pool = new Arena({ chunkSize: 1 << 20 }).pool()

test('a partial checksum goes out as positions relative to the frame', () => {
  const frame = pool.alloc(100, 32)!
  frame.add(100)
  frame.checksum = 1
  frame.checksumStart = frame.offset + 34
  frame.checksumAt = frame.offset + 50
  const header = frame.offset - HEADER
  frame.u8.fill(0xff, header, frame.offset)
  writeHeader(frame.dv, header, frame, frame.offset)
  assert.is(Buffer.from(frame.u8.subarray(header, frame.offset)).toString('hex'), '01000000000022001000')
  frame.checksum = 2
  frame.u8.fill(0xff, header, frame.offset)
  writeHeader(frame.dv, header, frame, frame.offset)
  assert.is(Buffer.from(frame.u8.subarray(header, frame.offset)).toString('hex'), '00'.repeat(HEADER))
  frame.unref()
})

test('what was written is read', () => {
  fc.assert(fc.property(fc.nat(98), fc.nat(98), (start, field) => {
    const frame = pool.alloc(100, 32)!
    frame.add(100)
    frame.checksum = 1
    frame.checksumStart = frame.offset + Math.min(start, field)
    frame.checksumAt = frame.offset + field
    const expected = [1, frame.checksumStart, frame.checksumAt]
    writeHeader(frame.dv, frame.offset - HEADER, frame, frame.offset)
    frame.checksum = 0
    frame.checksumStart = frame.checksumAt = 0
    readHeader(frame.dv, frame.offset - HEADER, frame)
    assert.equal([frame.checksum, frame.checksumStart, frame.checksumAt], expected)
    frame.unref()
  }), { seed: 1 })
})

/** A frame of 14 bytes of Ethernet, an IP header of the family and a TCP header of `tcp` bytes, with data. */
function largeSegment(family: 4 | 6, tcp: number, data: number): NetBuf {
  const ip = family === 6 ? 40 : 20
  const frame = pool.alloc(14 + ip + tcp + data, 32)!
  const at = frame.add(14 + ip + tcp + data)
  frame.u8.fill(0, at, at + frame.length)
  frame.u8[at + 14 + ip + 12] = tcp / 4 << 4
  frame.family = family
  frame.checksum = 1
  frame.checksumStart = at + 14 + ip
  frame.checksumAt = at + 14 + ip + 16
  return frame
}

test('a large segment goes out with its family, the bytes of its headers, and how much data each of its segments has', () => {
  for (const [family, tcp, expected] of [
    // Flags, type, then in little-endian: headers, segment size, where the checksum begins, where it is stored.
    [4, 20, '0101' + '3600' + 'b405' + '2200' + '1000'],
    [4, 32, '0101' + '4200' + 'b405' + '2200' + '1000'],
    [6, 32, '0104' + '5600' + 'b405' + '3600' + '1000'],
  ] as const) {
    const frame = largeSegment(family, tcp, 4000)
    frame.segmentSize = 1460
    const header = frame.offset - HEADER
    frame.u8.fill(0xff, header, frame.offset)
    writeHeader(frame.dv, header, frame, frame.offset)
    assert.is(Buffer.from(frame.u8.subarray(header, frame.offset)).toString('hex'), expected, `IPv${family}, ${tcp} bytes of TCP header`)
    frame.unref()
  }
})

test('a large segment is read with how much data each of its segments has; CWR on the first of them changes nothing, and no other kind is one', () => {
  const frame = largeSegment(6, 32, 4000)
  for (const [type, size] of [[0, 0], [SEGMENTS_TCP4, 1440], [SEGMENTS_TCP6, 1440], [SEGMENTS_TCP4 | 0x80, 1440], [SEGMENTS_TCP6 | 0x80, 1440], [3, 0], [5, 0], [0x80, 0]] as const) {
    frame.segmentSize = frame.checksum = 0
    frame.u8.set(Buffer.from([NEEDS_CHECKSUM, type, 0x56, 0, 0xa0, 0x05, 0x36, 0, 0x10, 0]), frame.offset - HEADER)
    readHeader(frame.dv, frame.offset - HEADER, frame)
    assert.equal([frame.segmentSize, frame.checksum, frame.checksumStart - frame.offset, frame.checksumAt - frame.offset], [size, 1, 54, 70], `type ${type}`)
  }
  frame.unref()
})

test('a large segment that was written is read', () => {
  fc.assert(fc.property(fc.constantFrom(4, 6), fc.integer({ min: 5, max: 15 }), fc.integer({ min: 1, max: 65_535 }), (family, words, size) => {
    const frame = largeSegment(family as 4 | 6, words * 4, 100)
    frame.segmentSize = size
    writeHeader(frame.dv, frame.offset - HEADER, frame, frame.offset)
    frame.segmentSize = frame.checksum = 0
    readHeader(frame.dv, frame.offset - HEADER, frame)
    assert.equal([frame.segmentSize, frame.checksum], [size, 1])
    frame.unref()
  }), { seed: 3 })
  assert.is(pool.live, 0)
})

test('no header makes a checksum field lie outside of its frame', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: HEADER, maxLength: HEADER }), fc.nat(200), (bytes, length) => {
    const frame = pool.alloc(200, 32)!
    frame.add(length)
    frame.u8.set(bytes, frame.offset - HEADER)
    readHeader(frame.dv, frame.offset - HEADER, frame)
    if (frame.checksum === 1) {
      assert.ok(frame.checksumStart >= frame.offset && frame.checksumAt >= frame.checksumStart)
      assert.ok(frame.checksumAt + 2 <= frame.offset + length)
    } else assert.is(frame.checksum, (bytes[0]! & 3) === 2 ? 2 : 0)
    frame.unref()
  }), { numRuns: 500, seed: 2 })
  assert.is(pool.live, 0)
})

test.run()
