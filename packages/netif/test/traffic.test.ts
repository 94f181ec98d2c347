/** Traffic classes on a device whose other end is the test. */

import * as assert from 'uvu/assert'
import * as fc from 'fast-check'
import { virtual } from '@favonius/clock'
import type { Interface, NetBuf, NetifEvent } from '@favonius/contract'
import { address, ETHERTYPE_VLAN } from '@favonius/inet'
import { settle } from '@favonius/kconfig'
import { loopback, PacketRing } from '@favonius/netif'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { Classes } from '../src/traffic/classes.ts'
import { trafficClasses, trafficClassesOptions, TrafficClassesLayer } from '../src/traffic/index.ts'
import { maps } from '../src/traffic/maps.ts'
import { ClassQueue } from '../src/traffic/queue.ts'
import { PROTOCOL, TestDevice, world as plain } from './fixture.ts'

const test = suite('traffic classes')
const group = address('ff02::1')

/** The fixture's stack with classes, an interface that is up, and what goes up on it. */
async function world(given: Parameters<typeof trafficClasses>[0] = { transmit: 8, receive: 8 }) {
  const made = plain()
  const { netif, env, buffers } = made
  const layer = new TrafficClassesLayer(env, netif, settle('trafficClasses', trafficClassesOptions, given))
  const device = new TestDevice()
  const iface = netif.add(device)
  await iface.up()
  const heard: string[] = []
  const hear = (_: Interface, packet: NetBuf): void => {
    heard.push(`${packet.priority} ${new TextDecoder().decode(packet.view())}`)
    packet.unref()
  }
  netif.registerProtocol(PROTOCOL, hear)
  netif.registerProtocol(ETHERTYPE_VLAN, hear)
  const events: NetifEvent['type'][] = []
  netif.listen(({ type }) => events.push(type))
  return {
    ...made, layer, device, iface, heard, events,
    send(text: string, priority: number): boolean {
      const packet = made.packet(text)
      packet.priority = priority
      return iface.output(packet, group)
    },
    /** A frame comes, to which the device gave a priority. */
    come(text: string, priority = 0): void {
      const frame = made.frame(text)
      frame.priority = priority
      device.sink!.frame(frame)
    },
    sent: () => device.sent.splice(0).map((frame) => {
      frame.pull(2)
      const text = new TextDecoder().decode(frame.view())
      frame.unref()
      return text
    }),
    async end() {
      layer.stop()
      await netif.stop()
      assert.is(buffers.live, 0, buffers.owners().join('\n'))
      assert.is(env.armed, 0)
    },
  }
}

// ---- down ----

test('what is more urgent goes first when the device is ready again, and in each class in order', async () => {
  const { device, send, sent, end } = await world()
  device.room = 1
  for (const [text, priority] of [['gone', 0], ['be1', 0], ['bk', 1], ['nc', 7], ['vo', 5], ['be2', 0], ['ca', 3]] as const) assert.ok(send(text, priority), text)
  device.room = 3
  device.sink!.ready()
  assert.equal(sent(), ['gone', 'nc', 'vo', 'ca'])
  assert.ok(send('vi', 4))
  device.room = Infinity
  device.sink!.ready()
  assert.equal(sent(), ['vi', 'be1', 'be2', 'bk'], 'background is below best effort')
  await end()
})

test('nothing waits when nothing has to, and what is more urgent than all that waits tries the device at once', async () => {
  const { device, send, sent, end } = await world()
  assert.ok(send('straight', 0))
  assert.equal(sent(), ['straight'])
  device.room = 0
  assert.ok(send('low', 0))
  assert.ok(send('high', 6))
  // Room again, though the device has not said so.
  device.room = 2
  assert.ok(send('highest', 7))
  assert.ok(send('high too', 6), 'must not overtake its own kind')
  assert.equal(sent(), ['highest'])
  device.room = Infinity
  device.sink!.ready()
  assert.equal(sent(), ['high', 'high too', 'low'])
  await end()
})

test('a flood fills its own class: others have room, and its senders are told when it has', async () => {
  const { device, iface, netif, send, events, sent, layer, end } = await world()
  device.room = 0
  assert.equal([send('a', 0), send('b', 0), send('c', 0)], [true, true, false])
  assert.equal([0, 1, 2, 3, 4, 5, 6, 7].map((priority) => iface.isFull(priority)), [true, false, false, false, false, false, false, false])
  assert.ok(send('x', 7))
  assert.ok(send('y', 7))
  assert.ok(iface.isFull(7))
  device.room = 1
  device.sink!.ready()
  assert.equal([events, iface.isFull(7), iface.isFull(0)], [['ready'], false, true], 'the urgent class has room')
  device.room = 1
  device.sink!.ready()
  assert.equal(events, ['ready'], 'the other one has none yet')
  device.room = 1
  device.sink!.ready()
  assert.equal([events, iface.isFull(0)], [['ready', 'ready'], false])
  assert.equal(sent(), ['x', 'y', 'a'])
  assert.equal(netif.statistics().drops, { 'netif: transmit queue is full': 1 })
  assert.equal(layer.statistics().sent.filter(({ packets }) => packets > 0), [
    { priority: 0, packets: 2, bytes: 6, dropped: 1 },
    { priority: 7, packets: 2, bytes: 6, dropped: 0 },
  ])
  await end()
})

test('priorities that share a class share its room', async () => {
  const { device, iface, send, events, end } = await world({ transmit: 2, receive: 1 })
  device.room = 0
  assert.equal([send('a', 0), send('b', 3), send('c', 2)], [true, true, false])
  assert.equal([iface.isFull(1), iface.isFull(4)], [true, false])
  device.room = 1
  device.sink!.ready()
  assert.equal([events, iface.isFull(1)], [['ready'], false])
  await end()
})

test('an interface that goes down while its senders wait tells them, with classes and without', async () => {
  for (const made of [await world(), await world({ transmit: 0, receive: 0 })]) {
    const { device, iface, send, events, end } = made
    device.room = 0
    send('a', 0)
    send('b', 0)
    iface.down()
    assert.equal([events, iface.isFull(0)], [['down', 'ready', 'disabled'], false])
    await end()
  }
})

test('an interface that was there before the classes has them too', async () => {
  const env = virtual()
  const stack = compose(env, loopback(), trafficClasses({ transmit: 8, receive: 8 }))
  const { netif } = stack
  netif.registerProtocol(0x86dd, (_, packet) => packet.unref())
  await env.run(() => stack.loopback.up())
  let sent = 0
  for (const priority of [0, 7]) {
    for (let n = 0; n < 1000 && !stack.loopback.isFull(priority); n++) {
      const packet = netif.buffers.alloc(40)!
      packet.dv.setUint8(packet.add(40), 0x60)
      packet.priority = priority
      if (stack.loopback.output(packet, group)) sent++
    }
  }
  assert.is(sent, 256 + 64 + 64, 'the device has its queue, and each class one')
  await stack.stop()
  assert.is(netif.buffers.live, 0)
})

// ---- up ----

test('what a device receives goes up on the next turn, the most urgent first', async () => {
  const { come, heard, env, end } = await world()
  for (const [text, priority] of [['a', 0], ['b', 1], ['c', 7], ['d', 0], ['e', 3]] as const) come(text, priority)
  assert.equal(heard, [])
  env.step()
  assert.equal(heard, ['7 c', '3 e', '0 a', '0 d', '1 b'])
  await end()
})

test('64 go up in a turn, and what came meanwhile is sorted in', async () => {
  const { come, heard, env, end } = await world()
  for (let n = 0; n < 100; n++) come('low')
  // Not at once: what the test does between two turns is what a device does there.
  env.clock.timer(() => {
    assert.is(heard.length, 64)
    come('high', 5)
  }).schedule(env.clock.now())
  env.step()
  assert.is(heard[64], '5 high')
  assert.is(heard.length, 101)
  await end()
})

test('the priority of a tagged frame is in its tag, whatever the device says', async () => {
  const { frame, device, heard, env, layer, end } = await world()
  const tagged = frame('\0\0')
  tagged.dv.setUint16(tagged.offset, ETHERTYPE_VLAN)
  tagged.dv.setUint16(tagged.offset + 2, 6 << 13 | 100)
  tagged.priority = 1
  const empty = frame('')
  empty.dv.setUint16(empty.offset, ETHERTYPE_VLAN)
  for (const one of [tagged, empty]) device.sink!.frame(one)
  env.step()
  assert.equal(heard.map((text) => text[0]), ['6', '0'])
  assert.equal(layer.statistics().received[6], { priority: 6, packets: 1, bytes: 4, dropped: 0 })
  await end()
})

test('a full class is a counted drop, and the others have room', async () => {
  const { come, heard, env, netif, layer, end } = await world({ transmit: 8, receive: 8, receiveQueue: 3 })
  for (let n = 0; n < 5; n++) come('low')
  come('high', 7)
  env.step()
  assert.equal(heard, ['7 high', '0 low', '0 low', '0 low'])
  assert.equal(netif.statistics().drops, { 'trafficClasses: receive queue is full': 2 })
  assert.equal(layer.statistics().received.map(({ priority, packets, bytes, dropped }) => [priority, packets, bytes, dropped]).filter(([, packets]) => packets! > 0),
    [[0, 3, 15, 2], [7, 1, 6, 0]])
  await end()
})

test('before a packet came, a class has the priority that belongs to it', async () => {
  const { layer, end } = await world({ transmit: 4, receive: 8 })
  assert.equal(layer.statistics().sent.map(({ priority }) => priority), [1, 3, 5, 7])
  assert.equal(layer.statistics().received.map(({ priority }) => priority), [1, 0, 2, 3, 4, 5, 6, 7])
  assert.equal([layer.sending.of(6), layer.sending.of(99), layer.sending.count, layer.receiving.of(1)], [3, 0, 4, 0])
  await end()
})

test('what skips goes up at once', async () => {
  const { come, heard, env, end } = await world({ transmit: 8, receive: 8, skipForHighPriority: true })
  for (let priority = 0; priority < 8; priority++) come('x', priority)
  assert.equal(heard, ['3 x', '4 x', '5 x', '6 x', '7 x'])
  env.step()
  assert.equal(heard.slice(5), ['2 x', '0 x', '1 x'])
  await end()
})

test('without receive classes packets go up as they come, and are counted', async () => {
  const { come, heard, layer, env, end } = await world({ transmit: 8, receive: 0 })
  come('a', 7)
  come('b', 0)
  assert.equal([heard, env.armed], [['7 a', '0 b'], 0])
  assert.equal(layer.statistics().received, [{ priority: 0, packets: 2, bytes: 6, dropped: 0 }])
  await end()
})

test('an interface that goes down takes what it received with it; what others received goes up', async () => {
  const { come, heard, env, netif, iface, frame, end } = await world()
  const other = new TestDevice()
  const second = netif.add(other)
  await second.up()
  come('a')
  other.sink!.frame(frame('b'))
  come('c', 7)
  iface.down()
  env.step()
  assert.equal(heard, ['0 b'])
  assert.equal(netif.statistics(iface).drops, { 'trafficClasses: interface went down': 2 })
  await netif.remove(iface)
  assert.is(netif.statistics().drops['trafficClasses: interface went down'], 2)
  await end()
})

test('an application that throws holds nobody else up for ever', async () => {
  const { come, heard, env, netif, device, end } = await world()
  netif.registerProtocol(0x7777, (_, packet) => {
    packet.unref()
    throw new Error('mine')
  })
  come('a')
  const frame = netif.buffers.alloc(2)!
  frame.write(Uint8Array.of(0x77, 0x77))
  frame.priority = 7
  device.sink!.frame(frame)
  assert.throws(() => env.step(), 'mine')
  assert.equal(heard, [])
  env.step()
  assert.equal(heard, ['0 a'])
  await end()
})

test('the end frees what waits', async () => {
  const { come, send, device, end } = await world()
  device.room = 0
  come('a')
  come('b', 7)
  send('c', 2)
  await end()
})

// ---- mistakes ----

test('a mapping for reserved streams needs two queues in each direction', () => {
  for (const mapping of ['sr-class-a-and-b', 'sr-class-b-only'] as const) {
    for (const [transmit, receive] of [[1, 8], [8, 1], [0, 0]] as const) {
      assert.throws(() => compose(virtual(), trafficClasses({ transmit, receive, mapping })), (error: Error) =>
        error.name === 'ConfigError' && /depends on 2 queues at least in each direction .*CONFIG_NET_TC_RX_COUNT >= 2/.test(error.message) &&
        error.message.includes(`transmit: ${transmit} and receive: ${receive}`))
    }
    compose(virtual(), trafficClasses({ transmit: 2, receive: 2, mapping }))
  }
  assert.throws(() => trafficClasses({ transmit: 9 }), /transmit \(CONFIG_NET_TC_TX_COUNT\) is 9; it must be a whole number from 0 to 8/)
})

test('there is one for a stack', async () => {
  const { netif, env, end } = await world()
  assert.throws(() => new TrafficClassesLayer(env, netif, settle('trafficClasses', trafficClassesOptions)), /has traffic classes already/)
  await end()
})

// ---- the queue against a model ----

test('the queue does what sorting by class does', () => {
  const { buffers } = plain()
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 5 }), fc.array(fc.oneof(
    fc.record({ what: fc.constant('push' as const), priority: fc.integer({ min: 0, max: 7 }) }),
    fc.record({ what: fc.constantFrom('shift' as const, 'peek' as const), priority: fc.constant(0) }),
  ), { maxLength: 60 }), (queues, room, steps) => {
    const classes = new Classes(maps.strict[queues - 1]!)
    const queue = new ClassQueue(classes, room)
    const model: NetBuf[] = []
    const next = (): NetBuf | undefined => {
      const best = Math.max(...model.map(({ priority }) => classes.of(priority)))
      return model.find(({ priority }) => classes.of(priority) === best)
    }
    for (const { what, priority } of steps) {
      const alike = model.filter((packet) => classes.of(packet.priority) === classes.of(priority)).length
      assert.is(queue.isFull(priority), alike === room)
      assert.is(queue.isNext(priority), !model.some((packet) => classes.of(packet.priority) >= classes.of(priority)))
      if (what === 'push') {
        const packet = buffers.alloc(1)!
        packet.priority = priority
        const taken = queue.push(packet)
        assert.is(taken, alike < room)
        if (taken) model.push(packet)
        else packet.unref()
        continue
      }
      const wanted = next()
      const got = queue.shift()
      assert.is(got, wanted)
      if (got === undefined) continue
      if (what === 'peek') queue.unshift(got)
      else {
        model.splice(model.indexOf(got), 1)
        got.unref()
      }
    }
    assert.is(queue.length, model.length)
    let odd = 0
    queue.remove(({ priority }) => priority % 2 === 1, (packet) => { odd++; packet.unref() })
    assert.is(odd, model.filter(({ priority }) => priority % 2 === 1).length)
    for (let packet = queue.shift(); packet !== undefined; packet = queue.shift()) packet.unref()
    assert.is(buffers.live, 0)
  }))
  assert.ok(new PacketRing(1).isNext())
})

test.run()
