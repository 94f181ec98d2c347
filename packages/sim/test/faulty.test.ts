import * as assert from 'uvu/assert'
import type { Device, DeviceSink, LinkAddress, NetBuf } from '@favonius/contract'
import { virtual } from '@favonius/clock'
import { linkAddress } from '@favonius/inet'
import { bareIp } from '@favonius/netif'
import { Arena, netbufIn } from '@favonius/netbuf'
import { ipv4 } from '@favonius/ipv4'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { EthernetSegment, faulty, type Faults } from '../src/index.ts'
import { ear, frameTo, settle, wired } from './wired.ts'

const test = suite('faulty device')

/** A device that does as it is told, and the faulty one before it. */
function world(faults: number | Faults) {
  const env = virtual({ seed: 9 })
  const buffers = new Arena({ chunkSize: 1 << 20 }).pool({ debug: true })
  const sent: number[] = []
  const inner = {
    medium: 'ip',
    address: linkAddress(6, 0x0200, 7),
    mtu: 1400,
    offload: { transmitChecksum: true, receiveChecksum: false, segmentation: 0 },
    /** How many it takes before it refuses. */
    room: Infinity,
    refusals: 0,
    below: undefined as DeviceSink | undefined,
    stopped: 0,
    transmit(frame: NetBuf) {
      if (inner.room-- <= 0) {
        inner.refusals++
        return false
      }
      sent.push(frame.dv.getUint32(frame.offset))
      frame.unref()
      return true
    },
    start(sink: DeviceSink) { inner.below = sink },
    stop() { inner.stopped++ },
  } satisfies Device & Record<string, unknown>
  const device = faulty(inner, env, typeof faults === 'number' ? { loss: faults } : faults)
  const frame = (n: number): NetBuf => {
    const made = buffers.alloc(4)!
    made.dv.setUint32(made.add(4), n)
    return made
  }
  return { env, buffers, inner, device, sent, frame }
}

const silent = { ready() {}, carrier() {}, lost() {} }

test('it loses its share of frames in each direction, and gives every one of them back', async () => {
  for (const loss of [0, 0.2, 0.5, 1]) {
    const { buffers, inner, device, sent, frame } = world(loss)
    let heard = 0
    let lost = 0
    await device.start({ ...silent, frame: (f) => { heard++; f.unref() }, lost: (reason) => { assert.is(reason, 'lost on purpose'); lost++ } }, buffers)
    for (let n = 0; n < 2000; n++) {
      assert.ok(device.transmit(frame(n)), 'what is lost was taken')
      inner.below!.frame(frame(n))
    }
    // 5 times the standard deviation, which is 0 at both ends.
    const margin = 5 * Math.sqrt(2000 * loss * (1 - loss))
    for (const arrived of [sent.length, heard]) assert.ok(Math.abs(arrived - 2000 * (1 - loss)) <= margin, `${arrived} at ${loss}`)
    assert.is(heard + lost, 2000)
    assert.is(buffers.live, 0)
  }
})

test('the two directions do not lose alike, and a seed says what is lost', () => {
  const run = () => {
    const { buffers, inner, device, sent, frame } = world(0.5)
    const heard: number[] = []
    void device.start({ ...silent, frame: (f) => { heard.push(f.dv.getUint32(f.offset)); f.unref() } }, buffers)
    for (let n = 0; n < 64; n++) {
      device.transmit(frame(n))
      inner.below!.frame(frame(n))
    }
    return { sent, heard }
  }
  const first = run()
  assert.equal(run(), first)
  assert.not.equal(first.sent, first.heard)
})

test('what the device refuses waits, and is not in danger twice; meanwhile others are refused, and ready() follows', () => {
  const { buffers, inner, device, sent, frame } = world(0.5)
  let readies = 0
  void device.start({ ...silent, ready: () => { readies++ }, frame: () => assert.unreachable() }, buffers)
  let taken = 0
  for (let n = 0; n < 1000; n++) {
    inner.room = 0
    const before = inner.refusals
    while (device.transmit(frame(n)) && inner.refusals === before) taken++         // until one was neither lost nor sent
    taken++
    const other = frame(n)
    assert.not(device.transmit(other))
    other.unref()
    inner.below!.ready()                                                          // too early: it is refused again
    assert.equal([readies, sent.length], [n, n])
    inner.room = 1
    inner.below!.ready()
    assert.equal([readies, sent.length, sent.at(-1)], [n + 1, n + 1, n])
  }
  // Half are lost, so that one in two gets as far as the device: 2000 ± 45.
  assert.ok(Math.abs(taken - 2000) < 225, `${taken}`)
  assert.is(buffers.live, 0)
})

test('stop() gives back what the device would not take, and what is delayed on both ways', async () => {
  const { env, buffers, inner, device, sent, frame } = world({ latency: 5 })
  await device.start({ ...silent, frame: () => assert.unreachable() }, buffers)
  inner.room = 0
  for (let n = 0; n < 10; n++) assert.ok(device.transmit(frame(n)))
  env.advance(5)
  for (let n = 0; n < 10; n++) inner.below!.frame(frame(n))
  assert.equal([buffers.live, inner.refusals], [20, 1])
  await device.stop()
  assert.equal([buffers.live, env.armed, sent], [0, 0, []])
})

test('frames are delayed on each way, in order, and handed on by a timer', async () => {
  const { env, buffers, inner, device, sent, frame } = world({ latency: 2.5 })
  const heard: string[] = []
  await device.start({ ...silent, frame: (f) => { heard.push(`${env.clock.now()} ${f.dv.getUint32(f.offset)}`); f.unref() } }, buffers)
  for (let n = 0; n < 3; n++) {
    device.transmit(frame(n))
    inner.below!.frame(frame(n))
    env.advance(1)
  }
  assert.equal([sent, heard], [[0], ['2.5 0']])
  env.advance(2)
  assert.equal([sent, heard], [[0, 1, 2], ['2.5 0', '3.5 1', '4.5 2']])
  assert.equal([buffers.live, env.armed], [0, 0])
})

test('1024 frames are delayed at once; then senders wait, and what comes in is lost', async () => {
  const { env, buffers, inner, device, sent, frame } = world({ latency: 1 })
  const told: string[] = []
  let heard = 0
  await device.start({ ...silent, ready: () => void told.push('ready'), lost: (why) => void told.push(why), frame: (f) => { heard++; f.unref() } }, buffers)
  for (let n = 0; n < 1024; n++) {
    assert.ok(device.transmit(frame(n)))
    inner.below!.frame(frame(n))
  }
  const refused = frame(1024)
  assert.not(device.transmit(refused))
  inner.below!.frame(frame(1024))
  assert.equal(told, ['queue is full'])
  env.advance(1)
  assert.equal([told, sent.length, heard], [['queue is full', 'ready'], 1024, 1024])
  assert.ok(device.transmit(refused))
  env.advance(1)
  assert.equal([told.length, sent.at(-1), buffers.live], [2, 1024, 0])
})

/** Numbers, one each millisecond on each way, as they came out at the other end. */
async function throughBoth(faults: Faults): Promise<readonly (readonly number[])[]> {
  const { env, buffers, inner, device, sent, frame } = world(faults)
  const heard: number[] = []
  await device.start({ ...silent, frame: (f) => { heard.push(f.dv.getUint32(f.offset)); f.unref() } }, buffers)
  for (let n = 0; n < 2000; n++) {
    device.transmit(frame(n))
    inner.below!.frame(frame(n))
    env.advance(1)
  }
  env.advance(10)
  assert.equal([buffers.live, env.armed], [0, 0])
  assert.not.equal(sent, heard, 'each way has dice of its own')
  return [sent, heard]
}

test('frames are held back on each way, heard twice, and corrupted', async () => {
  for (const numbers of await throughBoth({ reorder: 0.1, holdBack: 3.5 })) {
    let highest = -1
    const overtaken = numbers.filter((n) => n < highest || ((highest = n), false))
    // 200 ± 13, but for few that none overtook, because those behind were held back too.
    assert.ok(overtaken.length > 130 && overtaken.length < 265, `${overtaken.length} were overtaken`)
    assert.is(new Set(numbers).size, 2000)
  }
  for (const numbers of await throughBoth({ duplicate: 0.1, latency: 0.5 })) {
    assert.ok(Math.abs(numbers.length - 2200) < 70, `${numbers.length}`)
    assert.ok(numbers.every((n, i) => i === 0 || n === numbers[i - 1] || n === numbers[i - 1]! + 1))
  }
  for (const numbers of await throughBoth({ corrupt: 0.1 })) {
    const wrong = numbers.filter((n, i) => n !== i)
    assert.ok(Math.abs(wrong.length - 200) < 70, `${wrong.length}`)
    for (const [i, n] of numbers.entries()) assert.ok(n === i || Number.isInteger(Math.log2((n ^ i) >>> 0)), 'one bit')
  }
})

test('a corrupted frame is not vouched for: a checksum is wrong when a bit behind it is', async () => {
  const { buffers, inner, device } = world({ corrupt: 1 })
  assert.equal(device.offload, { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }, 'going out, the stack finishes it before')
  const states: number[] = []
  let right = 0
  await device.start({ ...silent, frame: (f) => { states.push(f.checksum); if (f.sum(f.offset) === 0xffff) right++; f.unref() } }, buffers)
  for (let n = 0; n < 100; n++) {
    const partial = buffers.alloc(8)!
    partial.write(Uint8Array.of(1, 2, 3, n, 0, 77, 5, 6))                  // the field's seed is 77
    Object.assign(partial, { checksum: 1, checksumStart: partial.offset, checksumAt: partial.offset + 4 })
    inner.below!.frame(partial)
    const verified = buffers.alloc(8)!
    verified.write(Uint8Array.of(1, 2, 3, 4, ~0x0406 >> 8, ~0x0406, 0, 0))
    verified.checksum = 2
    inner.below!.frame(verified)
  }
  assert.equal([states.length, new Set(states), right], [200, new Set([0]), 0])
  assert.is(buffers.live, 0)
})

test('on Ethernet the addresses are spared', async () => {
  const { env, buffers } = world(0)
  const wire = new EthernetSegment(env)
  const near = ear(env, wire.device())
  const device = faulty(wire.device(), env, { corrupt: 1 })
  let heard = 0
  await device.start({ ...silent, frame: (f) => { heard++; assert.is(f.dv.getInt32(f.offset + 2), 2); assert.is(f.dv.getInt32(f.offset + 8), 1); f.unref() } }, buffers)
  for (let n = 0; n < 200; n++) near.device.transmit(frameTo(near, 2, ''))
  settle(env)
  assert.equal([heard, near.buffers.live, buffers.live], [200, 0, 0])
})

test('all else passes through it: medium, address, MTU, offload, carrier, ready, acknowledgements, stop', async () => {
  const { buffers, inner, device } = world(0.5)
  assert.equal([device.medium, device.address, device.mtu, device.offload], [inner.medium, inner.address, inner.mtu, inner.offload])
  const told: unknown[] = []
  await device.start({
    frame: () => assert.unreachable(),
    ready: () => void told.push('ready'),
    carrier: (up) => void told.push(up),
    lost: (reason) => void told.push(reason),
    sent: (to: LinkAddress, attempts, ok) => void told.push(String(to), attempts, ok),
  }, buffers)
  inner.below!.carrier(false)
  inner.below!.carrier(true)
  inner.below!.ready()
  inner.below!.lost('too long')
  inner.below!.sent!(inner.address, 3, false)
  assert.equal(told, [false, true, 'ready', 'too long', String(inner.address), 3, false])
  await device.stop()
  assert.is(inner.stopped, 1)
  const deaf = world(0)
  void deaf.device.start({ ...silent, frame: () => assert.unreachable() }, deaf.buffers)
  deaf.inner.below!.sent!(deaf.inner.address, 1, true)                    // nobody asked, and that is fine
})

test('what is lost on the way in is counted by the interface', async () => {
  const { env, inner, device } = world(1)
  const stack = compose(env, netbufIn(new Arena({ chunkSize: 1 << 20 }), { debug: true }), bareIp(), ipv4())
  const tun0 = stack.netif.add(device)
  stack.ipv4.addAddress(tun0, '192.0.2.1/24')
  await tun0.up()
  for (let n = 0; n < 3; n++) inner.below!.frame(stack.netif.buffers.alloc(20)!)
  assert.equal(stack.netif.statistics(tun0).drops, { 'device: lost on purpose': 3 })
  await stack.stop()
  assert.is(stack.netif.buffers.live, 0)
})

test('a share that is none is refused', () => {
  const { inner, env } = world(0)
  for (const loss of [-0.1, 1.1, Number.NaN]) assert.throws(() => faulty(inner, env, { loss }), /it must be a share from 0 to 1/)
})

test('promiscuous mode goes through to the device behind, where there is such a thing', () => {
  const { env, wire, ports, frame } = wired(2)
  const listener = ear(env, faulty(wire.device(), env, { latency: 1 }))
  listener.device.promiscuous!(true)
  ports[0]!.device.transmit(frame(ports[0]!, 2, 'to b'))
  while (env.step());
  assert.equal([ports[1]!.heard, listener.heard], [['to b'], ['to b']])
  const { promiscuous: _, ...plain } = { ...wire.device(), transmit: () => true, start() {}, stop() {} }
  faulty(plain, env, {}).promiscuous!(true)
})

test.run()
