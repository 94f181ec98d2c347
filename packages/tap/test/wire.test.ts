import { Arena } from '@favonius/netbuf'
import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { HEADER, readHeader, writeHeader } from '../src/wire.ts'

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
