/** What the parts of a connection cost for each segment. */

import { ipv4, ipv6 } from '@favonius/inet'
import { Arena } from '@favonius/netbuf'
import { figure, nanoseconds, smoke } from '../../../bench/measure.ts'
import { FlowTable, type Flow } from '../src/flows.ts'
import { InitialSequence } from '../src/isn.ts'
import { ReceiveBuffer } from '../src/receive-buffer.ts'
import { SendBuffer } from '../src/send-buffer.ts'
import { ACK, HEADER, readSegment, Segment, SYN, synOptionsSize, TIMESTAMPS_SIZE, writeHeader, writeSynOptions, writeTimestamps } from '../src/wire.ts'

const MSS = 1448
const pool = new Arena().pool()

// The header.
const dv = new DataView(new ArrayBuffer(128))
const segment = new Segment()
writeHeader(dv, 0, 1024, 80, -1, -2, HEADER + TIMESTAMPS_SIZE, ACK, 500)
writeTimestamps(dv, HEADER, 123_456_789, 987_654_321)
await nanoseconds('readSegment, timestamps alone', () => readSegment(dv, 0, 32, 32 + MSS, segment))
const syn = HEADER + synOptionsSize(7, true, true)
writeHeader(dv, 64, 1024, 80, -1, -2, syn, SYN, 500)
writeSynOptions(dv, 64 + HEADER, 1460, 7, true, true, 123_456_789, 0)
await nanoseconds('readSegment, a SYN', () => readSegment(dv, 64, 64 + syn, syn, segment))
await nanoseconds('writeHeader and writeTimestamps', () => {
  writeHeader(dv, 0, 1024, 80, -1, -2, HEADER + TIMESTAMPS_SIZE, ACK, 500)
  return writeTimestamps(dv, HEADER, 123_456_789, 987_654_321)
})

// The send buffer: 256 KiB are kept in it, and copied out from beginning to end.
const sent = new SendBuffer(pool, 256 * 1024)
const data = new Uint8Array(64 * 1024).fill(7)
while (sent.room > 0) sent.write(data)
const packet = pool.alloc(MSS, 128)!
let from = 0
const copying = async (name: string, size: number): Promise<void> => nanoseconds(name, () => {
  packet.remove(packet.length)
  if (from + size > sent.length) from = 0
  sent.copyTo(packet, from, size)
  from += size
})
await copying(`send buffer: copyTo of ${MSS} bytes`, MSS)
await copying('send buffer: copyTo of 100 bytes', 100)
const apart = new Arena().pool()
const far = apart.alloc(MSS, 128)!
await nanoseconds(`send buffer: copyTo of ${MSS} bytes to another chunk`, () => {
  far.remove(far.length)
  if (from + MSS > sent.length) from = 0
  sent.copyTo(far, from, MSS)
  from += MSS
})
const chunk = new Uint8Array(2 * MSS)
await nanoseconds(`send buffer: write and acknowledge ${2 * MSS} bytes`, () => {
  sent.acknowledge(2 * MSS)
  return sent.write(chunk)
})
const byte = new Uint8Array(1)
const short = new SendBuffer(pool, 65_536)
await nanoseconds('send buffer: one byte in and out of an empty one', () => {
  short.write(byte)
  short.acknowledge(1)
})

// The receive buffer. What a packet costs by itself is measured first.
const received = new ReceiveBuffer(pool, 1 << 20)
await nanoseconds('a packet: alloc, add, unref', () => {
  const arrived = pool.alloc(MSS, 128)!
  arrived.add(MSS)
  arrived.unref()
})
await nanoseconds('receive buffer: the same through append, advance, take', () => {
  const arrived = pool.alloc(MSS, 128)!
  arrived.add(MSS)
  received.append(arrived)
  received.advance()
  received.take()!.unref()
})
await nanoseconds('receive buffer: append, advance, read', () => {
  const arrived = pool.alloc(MSS, 128)!
  arrived.add(MSS)
  received.append(arrived)
  received.advance()
  return received.read(chunk)
})
const blocks = new Int32Array(6)
await nanoseconds('receive buffer: 64 segments, the first one last', () => {
  for (let i = 1; i < 64; i++) {
    const arrived = pool.alloc(MSS, 128)!
    arrived.add(MSS)
    received.insert(arrived, i * MSS)
    received.sackBlocks(blocks, 0)
  }
  const arrived = pool.alloc(MSS, 128)!
  arrived.add(MSS)
  received.append(arrived)
  received.advance()
  for (let taken = received.take(); taken !== undefined; taken = received.take()) taken.unref()
}, 'all of them')

// Flows.
const local = ipv6(0x20010db8, 0, 0, 1)
for (const [name, make] of [
  ['IPv4', (i: number): Flow => ({ local: { ip: ipv4(0x0a000001), port: 80 }, remote: { ip: ipv4(0x0a000100 + (i >> 4)), port: 32_768 + i }, row: -1 })],
  ['IPv6', (i: number): Flow => ({ local: { ip: local, port: 80 }, remote: { ip: ipv6(0x20010db8, 0, i << 16, i), port: 32_768 + i }, row: -1 })],
] as const) {
  const table = new FlowTable<Flow>(0x5eed, 10_000)
  const flows = Array.from({ length: 1000 }, (_, i) => make(i))
  for (const flow of flows) table.add(flow)
  let turn = 0
  await nanoseconds(`flow table: find among 1 000, ${name}`, () => {
    const flow = flows[turn = (turn + 7) % 1000]!
    return table.find(flow.local.ip, 80, flow.remote.ip, flow.remote.port)
  })
  await nanoseconds(`flow table: remove and add among 1 000, ${name}`, () => {
    const flow = flows[turn = (turn + 7) % 1000]!
    table.remove(flow)
    return table.add(flow)
  })
}
const isn = new InitialSequence({ fill: (into) => into.fill(3), uint32: () => 3 })
await nanoseconds('initial sequence number', () => isn.next(local, 80, local, 1024, 5))

// What the collector saw of it.
const times = smoke ? 1000 : 1_000_000
const before = process.memoryUsage().heapUsed
for (let i = 0; i < times; i++) {
  packet.remove(packet.length)
  sent.acknowledge(MSS)
  sent.write(chunk)
  sent.copyTo(packet, 0, MSS)
  const arrived = pool.alloc(MSS, 128)!
  arrived.add(MSS)
  received.append(arrived)
  received.advance()
  received.take()!.unref()
  readSegment(dv, 0, 32, 32 + MSS, segment)
}
figure({ name: 'heap per segment sent and received', value: (process.memoryUsage().heapUsed - before) / times, unit: 'B' })
