import * as assert from 'uvu/assert'
import type { Device, DeviceSink, LinkAddress, NetBuf } from '@favonius/contract'
import { virtual } from '@favonius/clock'
import { linkAddress } from '@favonius/inet'
import { bareIp } from '@favonius/netif'
import { Arena, netbufIn } from '@favonius/netbuf'
import { ipv4 } from '@favonius/ipv4'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { faulty } from '../src/index.ts'

const test = suite('faulty device')

/** A device that does as it is told, and the faulty one before it. */
function world(loss: number) {
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
  const device = faulty(inner, env, { loss })
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

test('a frame that the device refuses has been spared: tried again, it is not in danger twice', () => {
  const { buffers, inner, device, sent, frame } = world(0.5)
  void device.start({ ...silent, frame: () => assert.unreachable() }, buffers)
  let left = 0
  for (let n = 0; n < 1000; n++) {
    const one = frame(n)
    inner.room = 0
    let taken = device.transmit(one)
    for (let again = 0; again < 5 && !taken; again++) taken = device.transmit(one)
    inner.room = 1
    if (!taken) assert.ok(device.transmit(one))
    else left++
  }
  // 500 ± 16 are lost; were each try a risk, 984 would be.
  assert.ok(Math.abs(left - 500) < 80, `${left} were lost`)
  assert.is(sent.length + left, 1000)
  assert.is(buffers.live, 0)
})

test('a frame that is given up after a refusal spares no other', () => {
  const { buffers, inner, device, frame } = world(1 - 2 ** -20)
  void device.start({ ...silent, frame: () => assert.unreachable() }, buffers)
  inner.room = 0
  for (let n = 0; n < 100; n++) {
    const one = frame(n)
    if (!device.transmit(one)) one.unref()
  }
  inner.room = Infinity
  assert.ok(inner.refusals <= 1)
  assert.is(buffers.live, 0)
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

test.run()
