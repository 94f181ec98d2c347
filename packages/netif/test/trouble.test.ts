/** Devices that misbehave, or go while something is under way. */

import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { deferred } from '@favonius/clock'
import type { NetBuf } from '@favonius/contract'
import { address } from '@favonius/inet'
import { TestDevice, world } from './fixture.ts'

const test = suite('netif: devices in trouble')
const peer = address('192.0.2.9')

const failed = async (promise: Promise<unknown>): Promise<Error & { readonly code?: string }> => {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not reject')
}

test('interfaces whose devices take their time to stop can be removed at once, each of them once', async () => {
  const { netif, env } = world()
  const devices = [0, 1, 2, 3].map(() => {
    const device = new TestDevice()
    const stopping = deferred<void>(env)
    return Object.assign(device, { stopping, stop: () => { device.stopped++; return stopping.promise } })
  })
  const [a, b, c, d] = devices.map((device) => netif.add(device))
  for (const iface of netif.interfaces) await iface.up()
  const removed: string[] = []
  netif.listen((event) => { if (event.type === 'removed') removed.push(event.iface.name) })
  // The last one stops first, and one is removed twice.
  const all = Promise.all([netif.remove(b!), netif.remove(a!), netif.remove(d!), netif.remove(a!)])
  for (const device of [...devices].reverse()) device.stopping.resolve()
  await all
  assert.equal(netif.interfaces, [c])
  assert.equal([...removed].sort(), ['test0', 'test1', 'test3'])
  assert.equal(devices.map(({ stopped }) => stopped), [1, 1, 0, 1])
  await netif.stop()
  assert.equal(netif.interfaces, [])
  assert.equal(devices.map(({ stopped }) => stopped), [1, 1, 1, 1])
})

test('a device that throws when it is started makes up() reject, and leaves its interface down', async () => {
  const { netif } = world()
  const device = new TestDevice()
  const events: string[] = []
  netif.listen((event) => events.push(event.type))
  const iface = netif.add(device)
  device.start = () => { throw new Error('test0 is started already: a device serves one interface') }
  assert.match((await failed(iface.up())).message, /serves one interface/)
  assert.equal([iface.enabled, iface.running], [false, false])
  assert.equal(events, ['added', 'enabled', 'disabled'])
  device.start = TestDevice.prototype.start.bind(device)
  await iface.up()
  assert.ok(iface.running, 'and it may be tried again')
  await netif.stop()
})

test('a device whose start rejects makes every up() that waits reject', async () => {
  const { netif, env } = world()
  const device = new TestDevice()
  const iface = netif.add(device)
  const starting = deferred<void>(env)
  device.start = () => starting.promise
  const waiting = [failed(iface.up()), failed(iface.up())]
  assert.not(iface.running)
  starting.reject(new Error('no such radio'))
  for (const each of waiting) assert.is((await each).message, 'no such radio')
  assert.not(iface.enabled)
  await netif.stop()
  assert.is(env.armed, 0)
})

test('a device that is started late is not run when its interface was taken down meanwhile', async () => {
  const { netif, env, l2 } = world()
  const device = new TestDevice()
  const iface = netif.add(device)
  const starting = deferred<void>(env)
  device.start = () => starting.promise
  const first = failed(iface.up())
  iface.down()
  assert.is((await first).code, 'ECANCELED')
  starting.resolve()
  await starting.promise
  assert.not(iface.running)
  assert.equal(l2.enabled, [])
  await iface.up()
  assert.ok(iface.running)
  await netif.stop()
})

test('an interface that was removed does not come up again', async () => {
  const { netif } = world()
  const device = new TestDevice()
  const iface = netif.add(device)
  await iface.up()
  const removing = netif.remove(iface)
  const during = await failed(iface.up())
  await removing
  const after = await failed(iface.up())
  for (const error of [during, after]) {
    assert.is(error.code, 'ENODEV')
    assert.match(error.message, /test0 was removed/)
  }
  assert.not(iface.enabled)
  await netif.stop()
})

/** An interface with a busy device, and frames `a` and `b` in its queue. */
async function queued() {
  const made = world({ transmitQueue: 4 })
  const device = new TestDevice()
  const iface = made.netif.add(device)
  await iface.up()
  made.netif.registerResolver(4, '*', { resolve: () => iface.address })
  device.room = 0
  for (const text of ['a', 'b']) assert.ok(iface.output(made.packet(text), peer))
  return { ...made, device, iface }
}

test('a carrier that is lost while a queued frame is sent: each frame is given back once', async () => {
  const { netif, device, iface, buffers } = await queued()
  // As a TAP does when the kernel refuses: the frame was taken, and the link is gone.
  device.transmit = (frame: NetBuf) => {
    device.sink!.carrier(false)
    frame.unref()
    device.sink!.lost('host side down')
    return true
  }
  device.sink!.ready()
  assert.not(iface.running)
  assert.equal(netif.statistics().drops, { 'netif: interface is down': 1, 'device: host side down': 1 })
  assert.is(buffers.live, 0)
  await netif.stop()
})

test('a carrier that is lost while a queued frame is refused: it is dropped with the others', async () => {
  const { netif, device, buffers } = await queued()
  device.transmit = () => {
    device.sink!.carrier(false)
    return false
  }
  device.sink!.ready()
  assert.equal(netif.statistics().drops, { 'netif: interface is down': 2 })
  assert.is(buffers.live, 0)
  await netif.stop()
})

test('a queued frame that is refused again stays the first', async () => {
  const { netif, device, iface, packet, buffers } = await queued()
  device.sink!.ready()
  iface.output(packet('c'), peer)
  device.room = 1
  device.sink!.ready()
  iface.output(packet('d'), peer)
  device.room = Infinity
  device.sink!.ready()
  assert.equal(device.sent.map((frame) => String.fromCharCode(frame.u8[frame.offset + 2]!)), ['a', 'b', 'c', 'd'])
  await netif.stop()
  assert.is(buffers.live, 0)
})

test('the carrier may go while a frame that nobody waits for is sent', async () => {
  const { netif, packet, buffers } = world()
  const device = new TestDevice()
  const iface = netif.add(device)
  await iface.up()
  netif.registerResolver(4, '*', { resolve: () => iface.address })
  for (const taken of [true, false]) {
    device.transmit = (frame: NetBuf) => {
      device.sink!.carrier(false)
      if (taken) frame.unref()
      return taken
    }
    iface.output(packet('x'), peer)
    assert.is(buffers.live, 0, taken ? 'taken' : 'refused')
    device.sink!.carrier(true)
  }
  await netif.stop()
})

test('a frame that comes after removal is dropped', async () => {
  const { netif, frame, buffers } = world()
  const device = new TestDevice()
  const iface = netif.add(device)
  await iface.up()
  await netif.remove(iface)
  device.sink!.frame(frame())
  device.sink!.ready()
  device.sink!.carrier(false)
  assert.is(buffers.live, 0)
  await netif.stop()
})

test.run()
