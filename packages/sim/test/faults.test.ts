import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import type { SegmentOptions } from '../src/index.ts'
import { settle, wired, type Ear } from './wired.ts'

const test = suite('the faults of a segment')

/** Sends numbers from the first device to the second, one each millisecond, and says what was heard, and what the tap was told. */
function sent(count: number, options: SegmentOptions, seed?: number) {
  const { env, wire, ports, frame } = wired(2, options, seed)
  const [a, b] = ports as [Ear, Ear]
  const notes: string[] = []
  wire.tap((_, __, faults) => { if (faults.length > 0) notes.push(faults.join('; ')) })
  for (let n = 0; n < count; n++) {
    a.device.transmit(frame(a, 2, `${n}`))
    env.advance(1)
  }
  settle(env)
  assert.equal([a.buffers.live, b.buffers.live, a.lost, b.lost], [0, 0, [], []])
  return { ...b, notes, numbers: b.heard.map(Number) }
}

const inOrder = (numbers: readonly number[]): boolean => numbers.every((n, i) => i === 0 || n > numbers[i - 1]!)
/** Five times the standard deviation. */
const margin = (count: number, share: number): number => 5 * Math.sqrt(count * share * (1 - share))
const about = (value: number, count: number, share: number): void => {
  assert.ok(Math.abs(value - count * share) <= margin(count, share), `${value} of ${count}, and a share of ${share} was asked for`)
}

test('jitter is uniform from the latency to latency and jitter, where frames are far apart', () => {
  const { times, numbers } = sent(4000, { latency: 3, jitter: 0.999 })
  assert.ok(inOrder(numbers))
  const late = times.map((time, n) => Number(time.split(' ')[0]) - n - 3)
  assert.ok(Math.min(...late) >= 0 && Math.max(...late) <= 1, `${Math.min(...late)} … ${Math.max(...late)}`)
  for (const quarter of [0, 1, 2, 3]) about(late.filter((ms) => Math.floor(ms * 4) === quarter).length, 4000, 0.25)
})

test('jitter keeps the order, however long it is: what would overtake arrives with the one before', () => {
  const { times, numbers } = sent(1000, { latency: 1, jitter: 100 })
  assert.equal(numbers, Array.from({ length: 1000 }, (_, n) => n))
  const arrivals = times.map((time) => Number(time.split(' ')[0]))
  assert.ok(new Set(arrivals).size < 300, 'many arrive together')
  for (const [n, at] of arrivals.entries()) assert.ok(at >= n + 1 && at <= n + 101)
})

test('frames that are held back are overtaken by what comes meanwhile, and by no more; the others keep their order', () => {
  const { times, numbers, notes } = sent(4000, { latency: 2, reorder: 0.1, holdBack: 4.5 })
  about(notes.length, 4000, 0.1)
  assert.equal(new Set(notes), new Set(['held back 4.5 ms']))
  const late = (time: string): number => Number(time.split(' ')[0]) - Number(time.split(' ')[1]) - 2
  assert.equal(new Set(times.map(late)), new Set([0, 4.5]))
  assert.ok(inOrder(numbers.filter((_, i) => late(times[i]!) === 0)))
  assert.equal([...numbers].sort((a, b) => a - b), Array.from({ length: 4000 }, (_, n) => n), 'each arrives once')
  // One that is held back for 4.5 ms, among frames a millisecond apart: four pass it, but for those that are held back too.
  for (const [i, n] of numbers.entries()) if (late(times[i]!) > 0) assert.ok(numbers.indexOf(n + 5) > i || n + 5 >= 4000, `${n + 5} did not overtake ${n}`)
})

test('a frame is held back for 10 ms unless told otherwise', () => {
  const { times } = sent(3, { reorder: 1 })
  assert.equal(times, ['10 0', '11 1', '12 2'])
})

test('with jitter too, only what is held back changes places', () => {
  const { numbers, notes } = sent(2000, { jitter: 30, reorder: 0.05, holdBack: 40 })
  about(notes.length, 2000, 0.05)
  // What comes behind a higher number was held back; some that were held back found their place all the same.
  let highest = -1
  const overtaken = numbers.filter((n) => n < highest || ((highest = n), false))
  assert.ok(overtaken.length > 0 && overtaken.length <= notes.length, `${overtaken.length} of ${notes.length}`)
})

test('a share of frames is heard twice, one behind the other', () => {
  const { numbers, notes } = sent(4000, { duplicate: 0.2, latency: 0.5 })
  about(numbers.length - 4000, 4000, 0.2)
  assert.is(notes.length, numbers.length - 4000)
  assert.equal(new Set(notes), new Set(['heard twice']))
  assert.ok(numbers.every((n, i) => i === 0 || n === numbers[i - 1]! + 1 || n === numbers[i - 1]))
})

test('corruption turns over the one bit that is noted, behind the addresses, in a copy', () => {
  const { env, wire, ports } = wired(3, { corrupt: 0.25, latency: 1 })
  const [a, b] = ports as [Ear, Ear, Ear]
  const original = new Uint8Array(40).map((_, i) => i * 7)
  original.set([3, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1])
  const hit = new Map<string, number>()
  let noted: string | undefined
  wire.tap((_, __, faults) => { noted = faults.find((text) => text.includes('00:00:00:02')) })
  let corrupted = 0
  void b.device.start({
    ready() {}, carrier() {}, lost: () => assert.unreachable(),
    frame(frame) {
      const changed = [...frame.view()].map((byte, i) => byte ^ original[i]!)
      const bytes = changed.flatMap((bits, i) => (bits === 0 ? [] : [i]))
      if (noted === undefined) assert.equal(bytes, [])
      else {
        corrupted++
        const [byte] = bytes
        const bit = Math.log2(changed[byte!]!)
        assert.is(noted, `corrupted by 02:00:00:00:00:02: bit ${bit} of byte ${byte}`)
        assert.ok(byte! >= 12 && bytes.length === 1 && Number.isInteger(bit))
        hit.set(`${byte}.${bit}`, (hit.get(`${byte}.${bit}`) ?? 0) + 1)
      }
      frame.unref()
    },
  }, b.buffers)
  for (let n = 0; n < 8000; n++) {
    const frame = a.buffers.alloc(40, 16)!
    frame.write(original)
    frame.ref() // the sender keeps it, as for a retransmission
    a.device.transmit(frame)
    assert.equal(frame.view(), original, 'the sender\'s own bytes are left alone')
    settle(env)
    frame.unref()
  }
  about(corrupted, 8000, 0.25)
  // Each of the 28 · 8 bits, 2000 ÷ 224 ≈ 9 times; and none of them never, nor far more often.
  assert.is(hit.size, 28 * 8)
  assert.ok(Math.max(...hit.values()) < 9 + 5 * 3, `${Math.max(...hit.values())}`)
  assert.equal(ports.map(({ buffers }) => buffers.live), [0, 0, 0])
})

test('a frame in fragments is hit in any of them; one that is nothing but addresses is spared', () => {
  const { env, ports } = wired(2, { corrupt: 1 })
  const [a, b] = ports as [Ear, Ear]
  const ones = new Set<number>()
  void b.device.start({
    ready() {}, carrier() {}, lost() {},
    frame(frame) {
      const bytes = new Uint8Array(frame.total())
      frame.copyTo(bytes)
      for (const [i, byte] of bytes.entries()) if (byte !== 0) ones.add(i)
      frame.unref()
    },
  }, b.buffers)
  for (let n = 0; n < 200; n++) {
    const frame = a.buffers.alloc(14)!
    const rest = a.buffers.alloc(4)!
    frame.write(new Uint8Array(14))
    rest.write(new Uint8Array(4))
    frame.append(rest)
    a.device.transmit(frame)
    settle(env)
  }
  assert.equal([...ones].sort((x, y) => x - y), [12, 13, 14, 15, 16, 17])
  ones.clear()
  const bare = a.buffers.alloc(12)!
  bare.write(new Uint8Array(12))
  a.device.transmit(bare)
  settle(env)
  assert.is(ones.size, 0)
  assert.equal([a.buffers.live, b.buffers.live], [0, 0])
})

test('faults strike each hearer of a group by itself, and the note names them', () => {
  const { env, wire, ports, frame } = wired(4, { loss: 0.3, duplicate: 0.3 })
  const [a, ...others] = ports as [Ear, Ear, Ear, Ear]
  const notes: string[] = []
  wire.tap((_, __, faults) => void notes.push(...faults))
  for (let n = 0; n < 1000; n++) {
    a.device.transmit(frame(a, -1, `${n}`))
    settle(env)
  }
  for (const [i, { heard, device }] of others.entries()) {
    const lost = notes.filter((note) => note === `lost by ${device.address}`).length
    const twice = notes.filter((note) => note === `heard twice by ${device.address}`).length
    about(lost, 1000, 0.3)
    about(twice, 1000, 0.7 * 0.3)
    assert.is(heard.length, 1000 - lost + twice, `hearer ${i}`)
  }
  assert.equal(ports.map(({ buffers }) => buffers.live), [0, 0, 0, 0])
})

test('a seed says what goes wrong', () => {
  const all: SegmentOptions = { latency: 1, jitter: 5, loss: 0.1, reorder: 0.1, duplicate: 0.1, corrupt: 0.1, rate: 1e6, queue: 5000 }
  const first = sent(500, all, 4)
  assert.equal(sent(500, all, 4).times, first.times)
  assert.equal(sent(500, all, 4).notes, first.notes)
  assert.not.equal(sent(500, all, 5).times, first.times)
})

test('a hearer that has no buffer loses what was to be a copy, and nothing is left', () => {
  for (const options of [{ duplicate: 1 }, { corrupt: 1 }]) {
    const { env, wire, ports, frame } = wired(1, options)
    const [a] = ports as [Ear]
    const lost: string[] = []
    let heard = 0
    void wire.device().start({ frame: (f) => { heard++; f.unref() }, ready() {}, carrier() {}, lost: (why) => void lost.push(why) }, { alloc: () => undefined })
    a.device.transmit(frame(a, 2, 'x'))
    settle(env)
    assert.equal([heard, lost, a.buffers.live], [options.corrupt ? 0 : 1, ['no buffer'], 0])
  }
})

test('shares and times that cannot be are refused', () => {
  for (const fault of ['loss', 'reorder', 'duplicate', 'corrupt']) {
    for (const value of [-0.1, 1.1, Number.NaN]) assert.throws(() => wired(0, { [fault]: value }), new RegExp(`${fault} is ${value}; it must be a share from 0 to 1`))
  }
  for (const time of ['latency', 'jitter', 'holdBack']) {
    for (const value of [-1, Infinity, Number.NaN]) assert.throws(() => wired(0, { [time]: value }), new RegExp(`${time} is ${value}; it must be 0 or more milliseconds`))
  }
})

test.run()
