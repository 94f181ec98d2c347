import { Arena } from '@favonius/netbuf'
import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { SendBuffer } from '../src/send-buffer.ts'

const test = suite('tcp: send buffer')

const arena = new Arena({ chunkSize: 1 << 20, limit: 8 << 20, wasm: false })
const counting = (length: number, first = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => ((first + i) * 167) >>> 3)

/** A segment's bytes, in a packet that has a header already. */
function segment(buffer: SendBuffer, from: number, length: number): number[] {
  const packet = arena.pool().alloc(4 + length, 20)!
  packet.write(Uint8Array.of(1, 2, 3, 4))
  buffer.copyTo(packet, from, length)
  const bytes = [...packet.view()]
  packet.unref()
  assert.equal(bytes.slice(0, 4), [1, 2, 3, 4])
  return bytes.slice(4)
}

test('small writes share a block, large ones get what suits, and an idle one holds none', () => {
  const pool = arena.pool({ debug: true })
  const buffer = new SendBuffer(pool, 1 << 20)
  assert.is(pool.live, 0)
  for (let i = 0; i < 256; i++) assert.is(buffer.write(Uint8Array.of(i)), 1)
  assert.equal([pool.live, pool.used, buffer.length], [1, 256, 256])
  assert.equal(segment(buffer, 0, 256), Array.from({ length: 256 }, (_, i) => i))
  buffer.write(counting(3000))
  assert.equal([pool.live, pool.used], [3, 256 + 2 * 2048])
  buffer.write(counting(100_000))
  assert.is(pool.live, 5, 'what was left of the last one, and two large ones')
  buffer.acknowledge(255)
  assert.equal([pool.live, segment(buffer, 0, 1)], [5, [255]])
  buffer.acknowledge(1)
  assert.is(pool.live, 4)
  buffer.acknowledge(buffer.length)
  assert.equal([pool.live, buffer.length], [0, 0])
})

test('a stream of small writes gets large blocks', () => {
  const pool = arena.pool()
  const buffer = new SendBuffer(pool, 1 << 20)
  for (let i = 0; i < 1000; i++) buffer.write(counting(500, i))
  assert.ok(pool.live < 40, `${pool.live} blocks for 500 000 bytes`)
  assert.ok(pool.used < 600_000)
  buffer.clear()
  assert.is(pool.live, 0)
})

test('it takes what fits the limit, and what fits the pool', () => {
  const pool = arena.pool({ quota: 70_000 })
  const buffer = new SendBuffer(pool, 100)
  assert.equal([buffer.write(counting(300)), buffer.room, buffer.write(Uint8Array.of(1))], [100, 0, 0])
  buffer.limit = 1_000_000
  assert.is(buffer.room, 999_900)
  const taken = buffer.write(counting(200_000))
  assert.ok(taken >= 65_536 && taken < 70_000, `${taken} bytes of 200 000 with a quota of 70 000`)
  assert.is(buffer.write(counting(10)), 0)
  assert.is(buffer.length, 100 + taken)
  buffer.limit = 50
  assert.is(buffer.room, 0)
  buffer.acknowledge(buffer.length + 7)
  assert.equal([buffer.length, pool.live], [0, 0])
})

test('a packet is taken as it is, above the limit too, and each fragment is freed when its bytes are acknowledged', () => {
  const pool = arena.pool({ debug: true })
  const buffer = new SendBuffer(pool, 10)
  const packet = pool.alloc(140_000, 100)!
  packet.write(counting(140_000))
  buffer.write(counting(5))
  buffer.append(packet)
  assert.equal([buffer.length, buffer.room, pool.live], [140_005, 0, 4])
  assert.equal(segment(buffer, 65_000, 2000), [...counting(140_000).subarray(64_995, 66_995)])
  buffer.acknowledge(70_000)
  assert.is(pool.live, 2)
  buffer.acknowledge(70_005)
  assert.is(pool.live, 0)
})

test('what is not there is not sent', () => {
  const pool = arena.pool()
  const buffer = new SendBuffer(pool, 100)
  buffer.write(counting(10))
  const packet = pool.alloc(100)!
  assert.throws(() => buffer.copyTo(packet, 5, 6), /6 bytes from 5 of a send buffer that has 10/)
  assert.throws(() => buffer.copyTo(packet, -1, 2), RangeError)
  buffer.copyTo(packet, 10, 0)
  assert.is(packet.length, 0)
  packet.unref()
  buffer.clear()
})

type Step = { readonly do: 'write' | 'lend' | 'copy' | 'acknowledge'; readonly a: number; readonly b: number }

test('any order of writes, segments and acknowledgements is as with one array of bytes', () => {
  const step: fc.Arbitrary<Step> = fc.record({
    do: fc.constantFrom('write', 'lend', 'copy', 'copy', 'acknowledge'),
    a: fc.oneof(fc.nat(20), fc.nat(3000), fc.nat(100_000)),
    b: fc.nat(100_000),
  })
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const pool = arena.pool()
    const buffer = new SendBuffer(pool, 150_000)
    let model: number[] = []
    let written = 0
    for (const { do: what, a, b } of steps) {
      if (what === 'write') {
        const data = counting(a, written)
        const taken = buffer.write(data)
        assert.is(taken, Math.min(a, Math.max(0, 150_000 - model.length)))
        model = [...model, ...data.subarray(0, taken)]
        written += taken
      } else if (what === 'lend' && model.length < 200_000) {
        const packet = pool.alloc(a)!
        packet.write(counting(a, written))
        buffer.append(packet)
        model = [...model, ...counting(a, written)]
        written += a
      } else if (what === 'copy') {
        const from = b % (model.length + 1)
        const length = Math.min(a, model.length - from, 60_000)
        assert.equal(segment(buffer, from, length), model.slice(from, from + length))
      } else if (what === 'acknowledge') {
        const bytes = Math.min(a, model.length)
        buffer.acknowledge(bytes)
        model = model.slice(bytes)
      }
      assert.is(buffer.length, model.length)
      assert.is(buffer.held, pool.used)
    }
    buffer.clear()
    assert.equal([pool.live, pool.used, buffer.length], [0, 0, 0])
  }), { numRuns: 60 })
})

test.run()
