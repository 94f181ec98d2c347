/** What a buffer and a checksum cost. */

import { Arena } from '@favonius/netbuf'
import { figure, nanoseconds, smoke } from '../../../bench/measure.ts'

const pool = new Arena().pool()
const live = Array.from({ length: 64 }, () => pool.alloc(1514)!)
let turn = 0
await nanoseconds('alloc and unref, 64 live', () => {
  const at = turn++ & 63
  live[at]!.unref()
  live[at] = pool.alloc(1514, 54)!
})
await nanoseconds('alloc, push, pull, add, unref', () => {
  const packet = pool.alloc(64, 54)!
  packet.add(64)
  packet.push(14)
  packet.pull(14)
  packet.unref()
})

for (const wasm of [true, false]) {
  const sums = new Arena({ wasm }).pool()
  for (const size of [20, 40, 64, 65, 1460, 65_535]) {
    const packet = sums.alloc(size)!
    packet.add(size)
    packet.u8.fill(0x5a, packet.offset, packet.offset + size)
    await nanoseconds(`sum of ${size} bytes, ${wasm ? 'SIMD above 64' : 'JavaScript'}`, () => packet.sum(packet.offset))
    packet.unref()
  }
}

// What the collector saw of it: a hot path that allocates nothing leaves the heap as it is.
const times = smoke ? 1000 : 1_000_000
const before = process.memoryUsage().heapUsed
for (let i = 0; i < times; i++) pool.alloc(1514, 54)!.unref()
figure({ name: 'heap per alloc and unref', value: (process.memoryUsage().heapUsed - before) / times, unit: 'B' })
for (const packet of live) packet.unref()
