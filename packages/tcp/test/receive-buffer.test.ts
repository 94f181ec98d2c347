import type { BufferPool, NetBuf } from '@favonius/contract'
import { Arena } from '@favonius/netbuf'
import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ReceiveBuffer } from '../src/receive-buffer.ts'

const test = suite('tcp: receive buffer')

const arena = new Arena({ chunkSize: 1 << 20, limit: 16 << 20, wasm: false })
const stream = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 167) >>> 4)

/** A segment as a device gives it: in a slot for a frame, behind its headers. Some are in several fragments. */
function segment(pool: BufferPool, from: number, to: number, cut = 0): NetBuf {
  const packet = pool.alloc(Math.max(1500, to - from), 54)!
  packet.network = packet.offset - 40
  packet.transport = packet.offset - 20
  packet.write(stream.subarray(from, cut > 0 ? from + cut : to))
  if (cut > 0) packet.append(segment(pool, from + cut, to))
  return packet
}

/** What waits in order, by one of the two ways. */
function drain(buffer: ReceiveBuffer, into?: Uint8Array): number[] {
  if (into !== undefined) return [...into.subarray(0, buffer.read(into))]
  const bytes: number[] = []
  for (let packet = buffer.take(); packet !== undefined; packet = buffer.take()) {
    bytes.push(...packet.view())
    packet.unref()
  }
  return bytes
}
const sack = (buffer: ReceiveBuffer, next = 0, room = 8): number[] => {
  const into = new Int32Array(room)
  return [...into.subarray(0, 2 * buffer.sackBlocks(into, next))]
}

test('in order: what was appended is taken, in the buffer in which it came', () => {
  const pool = arena.pool({ debug: true })
  const buffer = new ReceiveBuffer(pool, 10_000)
  assert.ok(buffer.isEmpty)
  const packet = segment(pool, 0, 1448)
  buffer.append(packet)
  assert.is(buffer.advance(), 0)
  assert.equal([buffer.available, buffer.held, buffer.isEmpty], [1448, 2048, false])
  const taken = buffer.take()
  assert.is(taken, packet)
  taken!.unref()
  assert.equal([buffer.available, buffer.held, buffer.isEmpty, pool.live], [0, 0, true, 0])
  assert.is(buffer.take(), undefined)
})

test('segments of one byte do not hold a slot each', () => {
  const pool = arena.pool({ debug: true })
  const buffer = new ReceiveBuffer(pool, 10_000)
  for (let i = 0; i < 1000; i++) buffer.append(segment(pool, i, i + 1))
  assert.equal([buffer.available, buffer.held], [1000, 4 * 256])
  assert.equal(drain(buffer, new Uint8Array(2000)), [...stream.subarray(0, 1000)])
  // Beyond a hole neither.
  for (let i = 1; i <= 1000; i++) assert.ok(buffer.insert(segment(pool, i, i + 1), i))
  assert.equal([buffer.outOfOrder, buffer.held], [1000, 4 * 256])
  buffer.clear()
  assert.equal([pool.live, buffer.held, buffer.outOfOrder], [0, 0, 0])
})

test('when slots hold more than the limit, segments of any size share them', () => {
  const pool = arena.pool()
  const buffer = new ReceiveBuffer(pool, 50_000)
  for (let i = 0; i < 50_000; i += 600) buffer.append(segment(pool, i, i + 600))
  assert.ok(buffer.held < 2 * 50_000, `${buffer.held} bytes of slots for 50 000`)
  assert.equal(drain(buffer), [...stream.subarray(0, 50_400)])
  assert.is(pool.live, 0)
})

test('RFC 2018 §4: the block that changed last comes first; at most four, and what fits', () => {
  const pool = arena.pool()
  const buffer = new ReceiveBuffer(pool, 10_000)
  // As in §7, case 3: every other segment of 500 bytes is lost.
  const expected: number[][] = []
  for (const left of [5500, 6500, 7500, 8500, 9500]) {
    buffer.insert(segment(pool, left - 5000, left - 4500), left - 5000)
    expected.unshift([left, left + 500])
    assert.equal(sack(buffer, 5000), expected.slice(0, 4).flat())
  }
  assert.equal(sack(buffer, 5000, 6), expected.slice(0, 3).flat())
  // A copy of what is known changes the order alone; what closes a hole makes one block of two.
  buffer.insert(segment(pool, 2500, 2600), 2500)
  assert.equal(sack(buffer, 5000, 4), [7500, 8000, 9500, 10_000])
  buffer.insert(segment(pool, 3000, 3500), 3000)
  assert.equal(sack(buffer, 5000), [7500, 9000, 9500, 10_000, 6500, 7000, 5500, 6000])
  buffer.append(segment(pool, 0, 500))
  assert.is(buffer.advance(), 500)
  assert.equal([buffer.available, buffer.outOfOrder], [1000, 500 + 1500 + 500])
  assert.equal(sack(buffer, 6000), [7500, 9000, 9500, 10_000, 6500, 7000])
  // Sequence numbers come round.
  assert.equal(sack(buffer, -1000, 2), [500, 2000])
  assert.equal(sack(buffer, 2 ** 31 - 1600, 2), [2 ** 31 - 100, -(2 ** 31) + 1400])
  buffer.clear()
  assert.equal([sack(buffer), pool.live], [[], 0])
})

test('what came first stays, beyond a hole', () => {
  const pool = arena.pool({ debug: true })
  const buffer = new ReceiveBuffer(pool, 10_000)
  const other = (distance: number, length: number): boolean => {
    const packet = pool.alloc(length)!
    packet.write(new Uint8Array(length).fill(0xee))
    return buffer.insert(packet, distance)
  }
  buffer.insert(segment(pool, 100, 200), 100)
  buffer.insert(segment(pool, 300, 400), 300)
  assert.ok(other(50, 400), 'before, between and behind both')
  assert.equal([buffer.outOfOrder, sack(buffer)], [400, [50, 450]])
  buffer.append(segment(pool, 0, 50))
  assert.is(buffer.advance(), 400)
  const bytes = drain(buffer)
  for (let i = 50; i < 450; i++) assert.is(bytes[i], (i >= 100 && i < 200) || (i >= 300 && i < 400) ? stream[i] : 0xee)
  assert.is(pool.live, 0)
})

test('beyond the limit, in too many slots or without a buffer for a copy it is refused and freed', () => {
  const pool = arena.pool({ debug: true, quota: 40_000 })
  const buffer = new ReceiveBuffer(pool, 3000)
  buffer.append(segment(pool, 0, 1000))
  assert.not(buffer.insert(segment(pool, 2000, 3001), 1001))
  assert.is(pool.live, 1)
  assert.ok(buffer.insert(segment(pool, 2000, 3000), 1000))
  let kept = 0
  for (let distance = 998; distance > 0; distance -= 2) kept += buffer.insert(segment(pool, 1000 + distance, 1001 + distance), distance) ? 1 : 0
  assert.ok(kept > 5 && buffer.held <= 2 * 3000 + 256, `${kept} single bytes hold ${buffer.held}`)
  buffer.clear()

  buffer.insert(segment(pool, 100, 200), 100)
  const held: NetBuf[] = []
  const whole = segment(pool, 50, 300)
  for (let packet = pool.alloc(256); packet !== undefined; packet = pool.alloc(256)) held.push(packet)
  assert.not(buffer.insert(whole, 50), 'the front of it needs a copy')
  assert.equal([buffer.outOfOrder, sack(buffer)], [100, [100, 200]])
  for (const packet of held) packet.unref()
  buffer.clear()
  assert.is(pool.live, 0)
})

test('any cutting, order, duplication and overlap of a stream gives the stream', () => {
  const piece = fc.record({ at: fc.nat(5999), length: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 1400 })), cut: fc.nat(40) })
  fc.assert(fc.property(fc.array(piece, { maxLength: 60 }), fc.array(fc.nat(20), { minLength: 1, maxLength: 20 }), fc.boolean(), (pieces, reads, copying) => {
    const pool = new Arena({ chunkSize: 1 << 20, wasm: false }).pool({ debug: true })
    const limit = 20_000
    const buffer = new ReceiveBuffer(pool, limit)
    const known = new Set<number>()
    const got: number[] = []
    let next = 0
    let turn = 0
    const arrive = (from: number, to: number, cut: number): void => {
      if (to <= next) return
      from = Math.max(from, next)
      const packet = segment(pool, from, to, cut < to - from ? cut : 0)
      for (let i = from; i < to; i++) known.add(i)
      if (from === next) {
        buffer.append(packet)
        next = to + buffer.advance()
      } else assert.ok(buffer.insert(packet, from - next))
      let waiting = 0
      for (const position of known) if (position >= next) waiting++
      assert.equal([known.has(next), buffer.outOfOrder, buffer.available], [false, waiting, next - got.length])
      assert.is(buffer.held, pool.used)
      const blocks = sack(buffer, next)
      let ranges = 0
      for (const position of known) if (position >= next && !known.has(position - 1)) ranges++
      assert.is(blocks.length, 2 * Math.min(4, ranges))
      for (let i = 0; i < blocks.length; i += 2) {
        const [left, right] = [blocks[i]!, blocks[i + 1]!]
        assert.ok(left > next && known.has(left) && !known.has(left - 1) && known.has(right - 1) && !known.has(right))
      }
      if (from > next) assert.ok(blocks[0]! <= from && to <= blocks[1]!)
      const some = reads[turn++ % reads.length]!
      if (some < 10) got.push(...drain(buffer, copying ? new Uint8Array(some * 50) : undefined))
    }
    for (const { at, length, cut } of pieces) arrive(at, Math.min(at + length, 6000), cut)
    // What never came: the rest, in order.
    for (let from = 0; from < 6000; from += 700) arrive(from, Math.min(from + 700, 6000), 0)
    got.push(...drain(buffer))
    assert.equal(Uint8Array.from(got), stream.slice(0, 6000))
    assert.equal([buffer.isEmpty, pool.live], [true, 0])
  }), { numRuns: 150 })
})

test.run()
