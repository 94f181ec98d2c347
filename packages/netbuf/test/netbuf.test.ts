import type { BufferPool, NetBuf } from '@favonius/contract'
import { Arena, slotSizes } from '@favonius/netbuf'
import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'

const test = suite('netbuf: buffers')

const arena = new Arena({ chunkSize: 1 << 20, limit: 4 << 20 })
const plain = new Arena({ chunkSize: 1 << 20, limit: 4 << 20, wasm: false })

const counting = (length: number, first = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => (first + i) & 0xff)
const fill = (pool: BufferPool, bytes: Uint8Array, headroom = 0): NetBuf => {
  const packet = pool.alloc(bytes.length, headroom)!
  packet.write(bytes)
  return packet
}
const content = (packet: NetBuf): number[] => {
  const into = new Uint8Array(packet.total())
  assert.is(packet.copyTo(into), into.length)
  return [...into]
}
/** RFC 1071 §4.1, byte by byte. */
const reference = (bytes: Uint8Array, initial = 0): number => {
  let sum = initial
  bytes.forEach((byte, i) => { sum += i & 1 ? byte : byte << 8 })
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return sum
}

test('the verbs move offset and length, and refuse what has no room', () => {
  const pool = arena.pool()
  const packet = pool.alloc(100, 54)!
  assert.equal([packet.headroom(), packet.length, packet.tailroom(), packet.references], [54, 0, 256 - 54, 1])
  const at = packet.add(4)
  packet.dv.setUint32(at, 0xdeadbeef)
  assert.is(packet.push(8), at - 8)
  packet.dv.setUint16(packet.offset, 0x1234)
  assert.equal([...packet.view()], [0x12, 0x34, ...packet.u8.subarray(at - 6, at), 0xde, 0xad, 0xbe, 0xef])
  assert.is(packet.pull(8), at)
  packet.remove(1)
  assert.equal([...packet.view()], [0xde, 0xad, 0xbe])
  assert.throws(() => packet.push(55), /push\(55\).*54 bytes of headroom/)
  assert.throws(() => packet.pull(4), RangeError)
  assert.throws(() => packet.remove(4), RangeError)
  assert.throws(() => packet.add(packet.tailroom() + 1), RangeError)
  assert.throws(() => packet.write(new Uint8Array(256)), RangeError)
  assert.throws(() => packet.reserve(10), RangeError)
  assert.is(packet.length, 3)
  packet.unref()
  assert.is(pool.live, 0)
})

test('reserve makes headroom in an empty buffer', () => {
  const pool = arena.pool()
  const packet = pool.alloc(200)!
  packet.reserve(40)
  assert.equal([packet.headroom(), packet.tailroom()], [40, 216])
  assert.throws(() => packet.reserve(257), RangeError)
  packet.unref()
})

test('a slot is the smallest that fits, and is charged', () => {
  const pool = arena.pool()
  for (const [need, size] of [[0, 256], [256, 256], [257, 2048], [2048, 2048], [2049, 66_048], [66_048, 66_048]] as const) {
    const packet = pool.alloc(need - Math.min(need, 14), Math.min(need, 14))!
    assert.is(pool.used, size, `${need} bytes`)
    assert.ok(packet.tailroom() >= need - 14)
    packet.unref()
    assert.is(pool.used, 0)
  }
})

test('a buffer that is used again knows nothing of its former life', () => {
  const pool = arena.pool()
  const packet = pool.alloc(10)!
  const fresh = JSON.stringify({ ...packet, u8: 0, dv: 0, list: 0, pool: 0, below: 0 })
  Object.assign(packet, {
    iface: {}, protocol: 1, family: 6, priority: 7, cast: 2, link: 5, network: 5, transport: 5,
    checksum: 2, checksumStart: 9, checksumAt: 9, segmentSize: 3, timestamp: 1.5,
  })
  packet.add(10)
  packet.unref()
  const again = pool.alloc(10)!
  assert.is(again, packet, 'last in, first out')
  assert.is(JSON.stringify({ ...again, u8: 0, dv: 0, list: 0, pool: 0, below: 0 }), fresh)
  again.unref()
})

test('fragments: what does not fit a large slot is a chain, written and read as one', () => {
  const pool = arena.pool()
  const bytes = counting(150_000)
  const packet = fill(pool, bytes, 128)
  assert.is(packet.headroom(), 128)
  assert.is(pool.live, 3)
  assert.is(packet.total(), bytes.length)
  assert.equal(content(packet), [...bytes])
  const part = new Uint8Array(1000)
  assert.is(packet.copyTo(part, 65_500), 1000)
  assert.equal([...part], [...bytes.subarray(65_500, 66_500)])
  assert.is(packet.copyTo(part, 149_900), 100)
  assert.is(packet.copyTo(part, 150_000), 0)
  assert.is(packet.sum(packet.offset, 77), reference(bytes, 77))
  packet.trim(66_000)
  assert.is(packet.total(), 66_000)
  assert.is(pool.live, 2)
  packet.trim(70_000)
  assert.is(packet.total(), 66_000)
  packet.trim(0)
  assert.equal([pool.live, packet.length], [1, 0])
  packet.unref()
  assert.equal([pool.live, pool.used], [0, 0])
})

test('a chain that finds no room gives back what it took', () => {
  const pool = arena.pool({ quota: 2 * slotSizes.large })
  assert.is(pool.alloc(150_000), undefined)
  assert.equal([pool.live, pool.used, pool.exhausted], [0, 0, 1])
})

test('the sum goes over fragments of odd lengths, from any place, in both kinds of memory', () => {
  for (const pool of [arena.pool(), plain.pool()]) {
    fc.assert(fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 6 }), fc.nat(), fc.nat(0xffff),
      (parts, from, initial) => {
        const packet = fill(pool, parts[0]!, 3)
        for (const part of parts.slice(1)) packet.append(fill(pool, part))
        const all = new Uint8Array(packet.total())
        packet.copyTo(all)
        const skip = from % (parts[0]!.length + 1)
        assert.is(packet.sum(packet.offset + skip, initial), reference(all.subarray(skip), initial))
        packet.trim(from % (all.length + 2))
        assert.equal(content(packet), [...all.subarray(0, from % (all.length + 2))])
        packet.unref()
      },
    ), { numRuns: 300, seed: 3 })
    assert.equal([pool.live, pool.used], [0, 0])
  }
})

test('references: the last one frees the chain, and a fragment that someone else holds stays', () => {
  const pool = arena.pool()
  const first = fill(pool, counting(10))
  const second = fill(pool, counting(10, 10))
  first.append(second)
  first.append(fill(pool, counting(10, 20)))
  second.ref()
  assert.is(first.ref(), first)
  first.unref()
  assert.is(pool.live, 3)
  first.unref()
  assert.is(pool.live, 2)
  assert.equal(content(second), [...counting(20, 10)])
  second.unref()
  assert.is(pool.live, 0)
})

test('clone copies data, headroom, what marks point at, and metadata; neither sees the other', () => {
  const pool = arena.pool()
  const packet = fill(pool, counting(120), 30)
  packet.link = packet.offset
  packet.network = packet.pull(14)
  packet.transport = packet.network + 40
  packet.checksum = 1
  packet.checksumStart = packet.transport
  packet.checksumAt = packet.transport + 6
  packet.protocol = 0x86dd
  packet.timestamp = 12.25
  const copy = packet.clone()!
  assert.equal(content(copy), content(packet))
  assert.is(copy.headroom(), packet.headroom())
  assert.equal([...copy.u8.subarray(copy.link, copy.link + 14)], [...counting(14)])
  assert.is(copy.network, copy.offset)
  assert.is(copy.transport - copy.offset, 40)
  assert.is(copy.checksumAt - copy.checksumStart, 6)
  assert.equal([copy.checksum, copy.protocol, copy.timestamp], [1, 0x86dd, 12.25])
  copy.u8.fill(0, copy.offset, copy.offset + copy.length)
  assert.equal(content(packet), [...counting(106, 14)])
  packet.unref()
  copy.unref()
  assert.is(pool.live, 0)
})

test('clone gathers a chain, and is undefined when there is no room', () => {
  const pool = arena.pool({ quota: 2048 + 3 * 256 })
  const packet = fill(pool, counting(200))
  packet.append(fill(pool, counting(201)))
  const copy = packet.clone()!
  assert.is(copy.next, undefined)
  assert.equal(content(copy), content(packet))
  assert.is(packet.clone(), undefined)
  assert.is(pool.exhausted, 1)
  packet.unref()
  copy.unref()
  assert.is(pool.live, 0)
})

test('compact moves what is small to a small slot, with the headers that marks point at', () => {
  const pool = arena.pool()
  const packet = pool.alloc(1500, 64)!
  packet.write(counting(90))
  packet.link = packet.offset
  packet.network = packet.pull(14)
  const compact = pool.compact(packet)
  assert.is.not(compact, packet)
  assert.is(pool.used, 256)
  assert.equal(content(compact), [...counting(76, 14)])
  assert.is(compact.u8[compact.link + 13], 13)
  assert.is(pool.compact(compact), compact, 'already in the smallest')
  const full = fill(pool, counting(700))
  assert.is(pool.compact(full), full, 'more than a quarter')
  full.ref()
  full.trim(10)
  assert.is(pool.compact(full), full, 'someone else holds it')
  full.unref()
  full.unref()
  compact.unref()
  assert.equal([pool.live, pool.used], [0, 0])
})

test('compact leaves the packet as it is when there is no room for a copy', () => {
  const pool = arena.pool({ quota: 2048 })
  const packet = pool.alloc(1000)!
  packet.write(counting(20))
  assert.is(pool.compact(packet), packet)
  packet.unref()
})

test('adopt moves the charge of a whole chain, or nothing', () => {
  const from = arena.pool()
  const to = arena.pool({ quota: 66_048 + 256 })
  const packet = fill(from, counting(66_000))
  packet.append(fill(from, counting(5)))
  assert.ok(to.adopt(packet))
  assert.equal([from.used, from.live, to.used, to.live], [0, 0, 66_304, 2])
  assert.ok(to.adopt(packet), 'again: nothing to charge')
  const more = fill(from, counting(5))
  assert.not(to.adopt(more))
  assert.equal([from.live, to.live, to.exhausted], [1, 2, 1])
  more.unref()
  packet.unref()
  assert.equal([from.used, to.used], [0, 0])
})

test('a quota holds, whatever the arena has', () => {
  const pool = arena.pool({ quota: 1000 })
  const held = [pool.alloc(1)!, pool.alloc(1)!, pool.alloc(1)!]
  assert.is(pool.alloc(1), undefined)
  assert.is(pool.exhausted, 1)
  held.pop()!.unref()
  held.push(pool.alloc(1)!)
  for (const packet of held) packet.unref()
  assert.equal([pool.used, pool.live], [0, 0])
})

test('an idle arena has no memory; one that is exhausted says so, and recovers', () => {
  for (const wasm of [true, false]) {
    const small = new Arena({ chunkSize: 1 << 20, limit: 2 << 20, wasm })
    const pool = small.pool()
    assert.is(small.allocated, 0)
    const held: NetBuf[] = []
    for (let packet = pool.alloc(66_000); packet; packet = pool.alloc(66_000)) held.push(packet)
    assert.ok(held.length >= 30 && held.length <= 32, `${held.length} large slots`)
    assert.is(small.allocated, 2 << 20)
    assert.is(pool.exhausted, 1)
    assert.is(pool.alloc(1), undefined, 'no slot is left, whatever the size')
    held.pop()!.unref()
    const last = pool.alloc(1)!
    assert.ok(last.tailroom() >= 66_000, 'a larger slot serves')
    last.unref()
    for (const packet of held) packet.unref()
    assert.equal([pool.live, pool.used], [0, 0])
    assert.equal(small.slots.map(({ total, free }) => total - free), [0, 0, 0])
  }
})

test('no two live buffers share a byte, over any order of alloc and unref', () => {
  const own = new Arena({ chunkSize: 70_000, limit: 700_000 })
  fc.assert(fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(3000)), { maxLength: 300 }), (steps) => {
    const pool = own.pool()
    const held: NetBuf[] = []
    steps.forEach(([take, n], step) => {
      if (take) {
        const packet = pool.alloc(n, 4)
        if (!packet) return
        packet.add(packet.tailroom())
        packet.u8.fill(step & 0xff, packet.offset, packet.offset + packet.length)
        packet.priority = step & 0xff
        held.push(packet)
      } else if (held.length) {
        const [packet] = held.splice(n % held.length, 1)
        assert.ok(packet!.view().every((byte) => byte === packet!.priority))
        packet!.unref()
      }
    })
    for (const packet of held) {
      assert.ok(packet.view().every((byte) => byte === packet.priority))
      packet.unref()
    }
    assert.equal([pool.live, pool.used], [0, 0])
  }), { numRuns: 60, seed: 4 })
})

test('debug mode names owners, and finds a reference given back twice', () => {
  const pool = arena.pool({ debug: true })
  const packet = function forgetful() { return pool.alloc(12)! }()
  packet.add(12)
  assert.is(pool.owners().length, 1)
  assert.match(pool.owners()[0]!, /12 bytes in a slot of 256, allocated .*forgetful/)
  packet.unref()
  assert.equal(pool.owners(), [])
  assert.throws(() => packet.unref(), /free already/)
  assert.throws(() => packet.ref(), /free already/)
  const other = pool.alloc(12)!
  assert.is.not(other, packet, 'a freed slot rests for a while')
  assert.ok(packet.u8[packet.offset] === 0xdd, 'and is overwritten')
  other.unref()
  for (let i = 0; i < 1000; i++) pool.alloc(12)!.unref()
  assert.equal([pool.live, pool.used], [0, 0])
})

test('without debug mode, a reference given back twice harms nobody', () => {
  const pool = arena.pool()
  const packet = pool.alloc(12)!
  packet.unref()
  packet.unref()
  packet.ref()
  assert.equal([pool.live, pool.used, packet.references], [0, 0, 0])
  const [a, b] = [pool.alloc(12)!, pool.alloc(12)!]
  assert.is.not(a, b)
  a.unref()
  b.unref()
  assert.equal([pool.live, pool.owners()], [0, []])
})

test('where WebAssembly is missing an arena works all the same', () => {
  const there = globalThis.WebAssembly
  try {
    Reflect.set(globalThis, 'WebAssembly', undefined)
    const packet = fill(new Arena().pool(), counting(1460))
    assert.is(packet.sum(packet.offset), reference(counting(1460)))
    packet.unref()
  } finally {
    Reflect.set(globalThis, 'WebAssembly', there)
  }
})

test('a chunk that could not hold one large slot is refused', () => {
  assert.throws(() => new Arena({ chunkSize: 4096 }), /one large slot takes 66048/)
})

test.run()
