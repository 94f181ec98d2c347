// What a buffer and a checksum cost: node --conditions=@favonius/source --import tsx packages/netbuf/bench/netbuf.ts
import { Arena } from '@favonius/netbuf'

const RUNS = 9

/** Nanoseconds per call: the median of several runs. */
function measure(times: number, body: () => void): number {
  const results: number[] = []
  for (let run = 0; run < RUNS; run++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < times; i++) body()
    results.push(Number(process.hrtime.bigint() - start) / times)
  }
  return results.sort((a, b) => a - b)[RUNS >> 1]!
}

const show = (what: string, ns: number): void => console.log(`${what.padEnd(36)} ${ns.toFixed(1).padStart(9)} ns`)

const pool = new Arena().pool()
const live = Array.from({ length: 64 }, () => pool.alloc(1514)!)
let turn = 0
show('alloc and unref, 64 live', measure(1_000_000, () => {
  const at = turn++ & 63
  live[at]!.unref()
  live[at] = pool.alloc(1514, 54)!
}))
show('alloc, push, pull, add, unref', measure(1_000_000, () => {
  const packet = pool.alloc(64, 54)!
  packet.add(64)
  packet.push(14)
  packet.pull(14)
  packet.unref()
}))

for (const wasm of [true, false]) {
  const sums = new Arena({ wasm }).pool()
  for (const size of [20, 40, 64, 65, 1460, 65_535]) {
    const packet = sums.alloc(size)!
    packet.add(size)
    packet.u8.fill(0x5a, packet.offset, packet.offset + size)
    let sink = 0
    show(`sum of ${size} bytes, ${wasm ? 'SIMD above 64' : 'JavaScript'}`, measure(size > 10_000 ? 5_000 : 300_000, () => { sink ^= packet.sum(packet.offset) }))
    if (sink < 0) console.log(sink)
    packet.unref()
  }
}

// What the collector saw of it: a hot path that allocates nothing leaves the heap as it is.
const before = process.memoryUsage().heapUsed
for (let i = 0; i < 1_000_000; i++) pool.alloc(1514, 54)!.unref()
console.log(`heap after a million alloc and unref: ${((process.memoryUsage().heapUsed - before) / 1024).toFixed(0)} KiB more`)
for (const packet of live) packet.unref()
