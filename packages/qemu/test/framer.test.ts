import * as assert from 'uvu/assert'
import fc from 'fast-check'
import { Arena } from '@favonius/netbuf'
import { suite } from '@favonius/testing'
import { Batch, Deframer, LONGEST, PREFIX } from '../src/framer.ts'

const test = suite('qemu: frames in a stream')

const arena = new Arena({ chunkSize: 4 << 20, limit: 4 << 20 })
const MOST = 1518

/** What comes of a stream: frames in hexadecimal, and what was lost, in the order in which it was told. */
function deframer({ most = MOST, dry = () => false, onFrame }: { most?: number; dry?: () => boolean; onFrame?: (one: Deframer) => void } = {}) {
  const pool = arena.pool({ debug: true })
  const told: string[] = []
  const made: Deframer = new Deframer(most, { alloc: (length, headroom) => (dry() ? undefined : pool.alloc(length, headroom)) }, {
    frame(frame) {
      assert.ok(frame.headroom() >= 18, 'there is room for a link header with a tag')
      const bytes = new Uint8Array(frame.total())
      frame.copyTo(bytes)
      frame.unref()
      told.push(Buffer.from(bytes).toString('hex'))
      onFrame?.(made)
    },
    lost: (reason) => told.push(reason),
  })
  return { made, told, pool }
}

/** As they stand in a stream, by a way that is not ours. */
const stream = (...frames: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(frames.flatMap((frame) => {
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32BE(frame.length)
  return [prefix, frame]
})))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const frame = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 80 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: MOST }).map((size) => new Uint8Array(size).map((_, i) => i * 7 + size)) },
)
/** Where a stream is cut. */
const cuts = fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 60 })

function* chunks(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0
  for (const size of sizes) yield bytes.slice(at, (at += size))
  if (at < bytes.length) yield bytes.slice(at)
}

test('the same frames come out, however the stream is cut', () => {
  fc.assert(fc.property(fc.array(frame, { maxLength: 12 }), cuts, (frames, sizes) => {
    const { made, told, pool } = deframer()
    for (const chunk of chunks(stream(...frames), sizes)) assert.ok(made.take(chunk))
    assert.equal(told, frames.map(hex))
    assert.not(made.end(), 'it ends between two frames')
    assert.is(pool.live, 0)
  }), { numRuns: 300 })
})

test('byte by byte, and from a buffer that is used again', () => {
  const frames = [1, 2, 60, 1514].map((size) => new Uint8Array(size).fill(size))
  const { made, told } = deframer()
  const buffer = new Uint8Array(100).fill(0xee)
  for (const byte of stream(...frames)) {
    buffer[0] = byte
    assert.ok(made.take(buffer, 1))
  }
  assert.equal(told, frames.map(hex))
})

test('what a batch holds is what a stream is', () => {
  const pool = arena.pool({ debug: true })
  fc.assert(fc.property(fc.array(fc.tuple(frame, fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 12 }), (frames) => {
    const batch = new Batch(12 * (PREFIX + MOST))
    for (const [bytes, share] of frames) {
      // In two fragments, either of which may be empty.
      const cut = Math.floor(bytes.length * share)
      const [first, second] = [pool.alloc(cut)!, pool.alloc(bytes.length - cut)!]
      first.write(bytes.slice(0, cut))
      second.write(bytes.slice(cut))
      first.append(second)
      assert.ok(batch.fits(bytes.length))
      batch.put(first, first.total())
      assert.is(first.references, 1, 'the frame stays the caller\'s')
      first.unref()
    }
    const expected = stream(...frames.map(([bytes]) => bytes))
    assert.equal(batch.bytes.slice(0, batch.size), expected)
    assert.is(batch.frames, frames.length)
    batch.clear()
    assert.equal([batch.size, batch.frames], [0, 0])
  }))
  assert.is(pool.live, 0)
  const batch = new Batch(PREFIX + 10)
  assert.equal([batch.fits(10), batch.fits(11)], [true, false])
})

test('a length of 0, or beyond the longest frame, is out of step; nothing is taken after it', () => {
  for (const length of [0, LONGEST + 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
    const { made, told, pool } = deframer()
    const prefix = new Uint8Array(4)
    new DataView(prefix.buffer).setUint32(0, length)
    const good = Uint8Array.of(1, 2, 3)
    assert.not(made.take(new Uint8Array([...stream(good), ...prefix, ...stream(good)])), `${length}`)
    assert.equal(told, ['010203'])
    made.take(stream(good))
    assert.equal(told, ['010203'], 'what is good after it may be anything')
    assert.not(made.end())
    assert.is(pool.live, 0)
  }
})

test('frames longer than ours are skipped and counted, up to the longest that there is; those after them arrive', () => {
  const { made, told, pool } = deframer()
  const good = Uint8Array.of(4, 5, 6)
  const bytes = stream(new Uint8Array(MOST + 1), good, new Uint8Array(LONGEST), good, new Uint8Array(MOST).fill(1))
  for (const chunk of chunks(bytes, [3, 5, 1000, 20_000])) assert.ok(made.take(chunk))
  assert.equal(told, ['too long', '040506', 'too long', '040506', '01'.repeat(MOST)])
  assert.is(pool.live, 0)
})

test('without a buffer a frame is skipped and counted; those after it arrive', () => {
  let n = 0
  const { made, told, pool } = deframer({ dry: () => n++ % 2 === 0 })
  const frames = [1, 2, 3, 4].map((value) => new Uint8Array(70).fill(value))
  for (const chunk of chunks(stream(...frames), [10, 60, 20, 1, 1, 1, 50])) made.take(chunk)
  assert.equal(told, ['no buffer', '02'.repeat(70), 'no buffer', '04'.repeat(70)])
  assert.is(pool.live, 0)
})

test('the end tells whether it cuts something short, and gives the buffer back', () => {
  const bytes = stream(new Uint8Array(20).fill(9), new Uint8Array(20).fill(8))
  for (let size = 0; size <= bytes.length; size++) {
    const { made, told, pool } = deframer()
    made.take(bytes, size)
    assert.is(made.end(), size % 24 !== 0, `after ${size} bytes`)
    assert.not(made.end(), 'once')
    assert.is(pool.live, 0)
    made.take(bytes)
    assert.is(told.length, Math.floor(size / 24), 'and nothing is taken after it')
  }
})

test('a sink may end it from within frame()', () => {
  const { made, told, pool } = deframer({ onFrame: (one) => one.end() })
  assert.ok(made.take(stream(Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3))))
  assert.equal(told, ['01'])
  assert.is(pool.live, 0)
})

test('fuzz: whatever comes, each frame comes to one end, and no buffer is held', () => {
  // Bytes that are small make lengths that are possible.
  const byte = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.integer({ min: 0, max: 3 }) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) })
  let [outOfStep, inStep] = [0, 0]
  fc.assert(fc.property(fc.array(byte, { maxLength: 600 }), cuts, fc.boolean(), (bytes, sizes, dry) => {
    const { made, told, pool } = deframer({ most: 300, dry: () => dry })
    // The same by a plainer way: all at once.
    const expected: string[] = []
    const all = Buffer.from(bytes)
    let [at, good] = [0, true]
    while (good && at + PREFIX <= all.length) {
      const length = all.readUInt32BE(at)
      at += PREFIX
      good = length > 0 && length <= LONGEST
      if (!good) break
      if (length > 300) expected.push('too long')
      else if (dry) expected.push('no buffer')
      else if (at + length <= all.length) expected.push(all.toString('hex', at, at + length))
      at += length
    }
    let taken = true
    for (const chunk of chunks(Uint8Array.from(bytes), sizes)) {
      if (taken) taken = made.take(chunk)
    }
    assert.is(taken, good)
    assert.equal(told, expected)
    made.end()
    assert.is(pool.live, 0)
    if (good) inStep++
    else outOfStep++
  }), { numRuns: 3000, seed: 3 })
  assert.ok(outOfStep > 100 && inStep > 100, `${outOfStep} out of step, ${inStep} not`)
})

test.run()
