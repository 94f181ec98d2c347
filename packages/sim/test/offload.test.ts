import type { NetBuf } from '@favonius/contract'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { Bridge, EthernetSegment, simulate, type SegmentOptions } from '../src/index.ts'
import { arena, frameTo, settle, wired, type Ear } from './wired.ts'

const test = suite('simulated segment: large segments and partial checksums')

const FIELD = 30
const LARGE = 40_000

/** A frame of which nobody has finished the checksum, and which is to be many. */
function large(from: Ear, to: number): NetBuf {
  const frame = frameTo(from, to, 'large', LARGE)
  return Object.assign(frame, { checksum: 1, checksumStart: frame.offset + 14, checksumAt: frame.offset + FIELD, segmentSize: 1448, family: 6 })
}

/** What is said of a frame beside its bytes; positions count from its first byte. */
const said = (frame: NetBuf): readonly number[] =>
  [frame.total(), frame.checksum, frame.checksumStart - frame.offset, frame.checksumAt - frame.offset, frame.segmentSize]
const AS_SENT = [LARGE, 1, 14, FIELD, 1448]

/** Devices beside the first one, and what each of them is told. */
function hearers(count: number, options: SegmentOptions) {
  const { env, wire, ports: [a] } = wired(1, options)
  const heard: (readonly number[])[][] = []
  const pools = Array.from({ length: count }, (_, i) => {
    const buffers = arena.pool({ debug: true })
    heard.push([])
    const device = wire.device()
    void device.start({ frame: (frame) => { heard[i]!.push(said(frame)); frame.unref() }, ready() {}, carrier() {}, lost: assert.unreachable }, buffers)
    if (i === 2) device.promiscuous!(true)
    return buffers
  })
  return { env, wire, a: a!, heard, live: () => [a!.buffers, ...pools].map(({ live }) => live) }
}

test('they are offered where they are asked for, and only there', () => {
  assert.equal(wired(1).ports[0]!.device.offload, { transmitChecksum: false, receiveChecksum: false, segmentation: 0, launchTime: true })
  assert.equal(wired(1, { offload: true }).ports[0]!.device.offload, { transmitChecksum: true, receiveChecksum: true, segmentation: 65_535, launchTime: true })
})

test('they pass as they are, to one and to a group, and to who listens in', () => {
  const { env, a, heard, live } = hearers(3, { offload: true })
  a.device.transmit(large(a, 2))
  settle(env)
  assert.equal(heard, [[AS_SENT], [], [AS_SENT]])
  a.device.transmit(large(a, -1))
  settle(env)
  assert.equal(heard, [[AS_SENT, AS_SENT], [AS_SENT], [AS_SENT, AS_SENT]])
  assert.equal(live(), [0, 0, 0, 0])
})

test('what is heard twice is so both times', () => {
  const { env, a, heard, live } = hearers(1, { offload: true, duplicate: 1 })
  a.device.transmit(large(a, 2))
  settle(env)
  assert.equal(heard, [[AS_SENT, AS_SENT]])
  assert.equal(live(), [0, 0])
})

test('who has bits turned over cannot have them', () => {
  assert.throws(() => wired(1, { offload: true, corrupt: 0.1 }), /leave one of them out/)
  const net = simulate({ seed: 7 })
  assert.throws(() => net.ethernet({ offload: true, corrupt: 0.1 }), /leave one of them out/)
})

test('a bridge joins segments that offer the same, and passes large segments on', () => {
  const { env, wire, a } = hearers(0, { offload: true })
  const far = new EthernetSegment(env, { offload: true }, 'far')
  const heard: (readonly number[])[] = []
  const buffers = arena.pool({ debug: true })
  void far.device(undefined, 9).start({ frame: (frame) => { heard.push(said(frame)); frame.unref() }, ready() {}, carrier() {}, lost: assert.unreachable }, buffers)
  const through = arena.pool({ debug: true })
  const bridge = new Bridge(env, through, [wire, far])
  a.device.transmit(large(a, 9))
  settle(env)
  assert.equal(heard, [AS_SENT])
  // What is long and no large segment does not fit, here as elsewhere.
  a.device.transmit(frameTo(a, 9, 'long', 2000))
  settle(env)
  assert.equal([heard.length, bridge.statistics.dropped], [1, 1])
  assert.equal([a.buffers.live, buffers.live, through.live], [0, 0, 0])
  bridge.stop()
  const cable = new EthernetSegment(env, {}, 'cable')
  const memory = new EthernetSegment(env, { offload: true }, 'memory')
  assert.throws(() => new Bridge(env, through, [memory, cable]), /segment memory has offload and segment cable has not/)
  assert.is(memory.neighbours.size, 0)
})

test.run()
