/** How long packets took: in virtual time, where each millisecond is known, and with a clock of the test's own. */

import * as assert from 'uvu/assert'
import { sleep, virtual } from '@favonius/clock'
import type { Env } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { address } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { settle } from '@favonius/kconfig'
import { Arena } from '@favonius/netbuf'
import { loopback, NetifLayer, netifOptions } from '@favonius/netif'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { packetTimes, packetTimesOptions, PacketTimesLayer, show, type PacketTime } from '../src/times/index.ts'
import { trafficClasses } from '../src/traffic/index.ts'
import { PROTOCOL, TestDevice, TestL2 } from './fixture.ts'

const test = suite('packet times')

const detailed = { transmitDetail: true, receiveDetail: true }
/** Averages in milliseconds, with two digits: of all, and of each stage. */
const averages = ({ sum, count, stages }: PacketTime): readonly number[] =>
  [{ sum, count }, ...stages].map((each) => (each.count === 0 ? -1 : Math.round(each.sum / each.count * 100) / 100))

/** Two hosts on a line of 10 Mbit/s; a frame with 1000 bytes of data takes 0.87 ms. */
function pair(classes: number, settings: Parameters<typeof packetTimes>[0] = detailed) {
  const net = simulate({ seed: 4, record: false })
  const lan = net.ethernet({ rate: 10_000_000 })
  const sorted = classes === 0 ? [] : [trafficClasses({ transmit: classes, receive: classes })]
  const [a, b] = [1, 2].map((host) => {
    const node = net.node(`${host}`, [ethernet(), ipv6(), udp(), sockets(), packetTimes(settings), ...sorted as []], lan)
    node.stack.ipv6.addAddress(node.iface, `2001:db8::${host}/64`)
    return node
  })
  return { net, a: a!, b: b! }
}

test('what waits for the line shows before it was taken from its queue, by class', async () => {
  for (const classes of [0, 8]) {
    const { net, a, b } = pair(classes)
    await net.run(async () => {
      await Promise.all([a.iface.up(), b.iface.up()])
      await a.stack.ipv6.ping('2001:db8::2')
      await b.stack.sockets.open({ port: 9 }, { receive() {} })
      const before = a.stack.packetTimes.statistics().sent!
      const counts = before.classes.map(({ count }) => count)
      // Ten at once, and an urgent one behind them. The line takes two of them at once, for it takes a millisecond ahead.
      const socket = a.stack.sockets.socket('inet6', 'dgram')
      for (let n = 0; n < 10; n++) await socket.sendto(new Uint8Array(1000), { address: '2001:db8::2', port: 9 })
      socket.setsockopt('SO_PRIORITY', 7)
      await socket.sendto(new Uint8Array(1000), { address: '2001:db8::2', port: 9 })
      await sleep(net.env, 100)
      const after = a.stack.packetTimes.statistics().sent!
      const frame = (1000 + 8 + 40 + 14 + 24) * 8000 / 10_000_000
      const waited = (n: number): number => Math.max(0, n * frame - 1)
      const since = after.classes.map(({ count, sum }, i) => [count - counts[i]!, Math.round((sum - before.classes[i]!.sum) * 100) / 100])
      const low = (list: readonly number[]): number => Math.round(list.reduce((sum, n) => sum + waited(n), 0) * 100) / 100
      const ten = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
      if (classes === 0) assert.equal(since, [[11, low([...ten, 10])]])
      // It goes third: the two that the line has are gone.
      else assert.equal(since.filter(([count]) => count! > 0), [[10, low([0, 1, 3, 4, 5, 6, 7, 8, 9, 10])], [1, low([2])]])
      const [first, second, third] = after.stages.map(({ sum }, i) => sum - before.stages[i]!.sum)
      assert.equal([first, third], [0, 0], 'being made, and being taken by the device, take no time here')
      assert.ok(Math.abs(second! - (after.sum - before.sum)) < 1e-6)
    })
    await net.stop()
  }
})

test('what an application lets wait shows in the last stage, through BSD sockets', async () => {
  for (const classes of [0, 2]) {
    const { net, a, b } = pair(classes)
    await net.run(async () => {
      await Promise.all([a.iface.up(), b.iface.up()])
      const server = b.stack.sockets.socket('inet6', 'dgram')
      await server.bind({ port: 9 })
      const client = a.stack.sockets.socket('inet6', 'dgram')
      await client.sendto(new Uint8Array(10), { address: '2001:db8::2', port: 9 })
      await server.poll(['in'])
      await sleep(net.env, 25)
      await server.recv()
      await client.sendto(new Uint8Array(10), { address: '2001:db8::2', port: 9 })
      await server.poll(['in'])
      await sleep(net.env, 5)
      const { packet } = await server.take()
      packet.unref()
      const { received } = b.stack.packetTimes.statistics()
      assert.is(received!.count, 2, 'neither ARP nor neighbour discovery is counted')
      assert.equal(averages(received!), [15, 0, 0, 0, 15])
      assert.is(received!.classes.length, Math.max(classes, 1))
    })
    await net.stop()
  }
})

test('the seam\'s datagrams are read as they come, and those to ourselves are measured too', async () => {
  const env = virtual()
  const stack = compose(env, loopback(), ipv6(), udp(), sockets(), packetTimes(detailed))
  await env.run(async () => {
    await stack.loopback.up()
    let heard = 0
    await stack.sockets.open({ port: 9 }, { receive: () => void heard++ })
    const from = await stack.sockets.open({}, { receive() {} })
    for (let n = 0; n < 3; n++) from.send(new Uint8Array(10), { address: '::1', port: 9 })
    await sleep(env, 1)
    assert.is(heard, 3)
  })
  const { received } = stack.packetTimes.statistics()
  assert.equal([received!.count, ...averages(received!)], [3, 0, 0, 0, 0, 0])
  await stack.stop()
  assert.is(stack.netif.times, undefined)
})

test('a group\'s datagram is measured for each hearer, a small one in a large slot too', async () => {
  const { net, a, b } = pair(0)
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const hearers = [1, 2].map(() => b.stack.sockets.socket('inet6', 'dgram'))
    for (const hearer of hearers) {
      hearer.setsockopt('SO_REUSEADDR', true)
      await hearer.bind({ port: 9 })
      hearer.setsockopt('IPV6_JOIN_GROUP', { group: 'ff02::4242' })
    }
    const client = a.stack.sockets.socket('inet6', 'dgram')
    await client.sendto(new Uint8Array(10), { address: 'ff02::4242%eth0', port: 9 })
    await sleep(net.env, 10)
    for (const hearer of hearers) await hearer.recv()
    const { received } = b.stack.packetTimes.statistics()
    assert.is(received!.count, 2)
    assert.ok(received!.stages.every(({ count }) => count === 2), 'the copies know where the original was')
  })
  await net.stop()
})

/** A stack by hand whose exact present moves on by a millisecond whenever it is asked. */
function ticking(given: Parameters<typeof packetTimes>[0]) {
  const env = virtual()
  let ticks = 0
  const clock = { now: () => env.clock.now(), exact: () => ++ticks, epoch: 0, timer: env.clock.timer.bind(env.clock) }
  const ticked: Env = { ...env, clock, wake: () => env.wake() }
  const buffers = new Arena().pool({ debug: true })
  const netif = new NetifLayer(ticked, buffers, settle('netif', netifOptions))
  const times = new PacketTimesLayer(ticked, netif, settle('packetTimes', packetTimesOptions, given))
  const l2 = new TestL2()
  netif.registerL2(l2)
  const device = new TestDevice()
  const iface = netif.add(device)
  const frame = () => {
    const made = buffers.alloc(4)!
    made.dv.setUint16(made.add(4), PROTOCOL)
    return made
  }
  return { netif, times, device, iface, frame, buffers, ticks: () => ticks }
}

test('each place is an instant of its own', async () => {
  const { times, netif, device, iface, frame, buffers } = ticking(detailed)
  await iface.up()
  netif.registerProtocol(PROTOCOL, (_, packet) => {
    times.delivered(packet)
    times.read(packet)
    packet.unref()
  })
  const packet = buffers.alloc(2, 2)!
  packet.add(2)
  iface.output(packet, address('ff02::1'))
  assert.equal(averages(times.statistics().sent!), [3, 1, 1, 1])
  device.sink!.frame(frame())
  const { sent, received } = times.statistics()
  assert.equal(averages(received!), [4, 1, 1, 1, 1])
  assert.is(show({ sent, received }), [
    'Avg TX net_pkt (1) time 3000 us [0->1000->1000->1000=3000 us]',
    'Avg RX net_pkt (1) time 4000 us [0->1000->1000->1000->1000=4000 us]',
  ].join('\n'))
  // Refused by the device: taken when it was taken at last.
  device.room = 0
  const second = buffers.alloc(2, 2)!
  second.add(2)
  iface.output(second, address('ff02::1'))
  device.room = 1
  device.sink!.ready()
  assert.equal(times.statistics().sent!.stages.map(({ sum }) => sum), [2, 3, 2])
  await netif.stop()
  assert.is(buffers.live, 0)
})

test('a packet that skipped a place says nothing of what is behind it', async () => {
  const { times, netif, device, iface, frame } = ticking(detailed)
  await iface.up()
  netif.registerProtocol(PROTOCOL, (_, packet) => {
    times.read(packet)
    packet.unref()
  })
  device.sink!.frame(frame())
  const { received } = times.statistics()
  assert.equal([received!.count, ...received!.stages.map(({ count }) => count)], [1, 1, 1, 0, 0])
  await netif.stop()
})

test('what is not asked for is not measured', async () => {
  const none = ticking({ transmit: false, receive: false })
  await none.iface.up()
  const packet = none.buffers.alloc(2, 2)!
  packet.add(2)
  assert.is(packet.timestamp, 0)
  none.iface.output(packet, address('ff02::1'))
  assert.equal([none.times.statistics(), packet.stages, show(none.times.statistics())], [{ sent: undefined, received: undefined }, undefined, ''])
  await none.netif.stop()
  const brief = ticking({ receive: false })
  await brief.iface.up()
  const other = brief.buffers.alloc(2, 2)!
  other.add(2)
  brief.iface.output(other, address('ff02::1'))
  assert.equal([averages(brief.times.statistics().sent!), other.stages], [[1], undefined])
  assert.is(show(brief.times.statistics()), 'Avg TX net_pkt (1) time 1000 us')
  await brief.netif.stop()
})

test('what is shown has a line for each class that was used', async () => {
  const { net, a, b } = pair(2, {})
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    await a.stack.ipv6.ping('2001:db8::2') // or the datagram waits for its neighbour, which is time too
    const server = b.stack.sockets.socket('inet6', 'dgram')
    await server.bind({ port: 9 })
    const client = a.stack.sockets.socket('inet6', 'dgram')
    client.setsockopt('SO_PRIORITY', 5)
    await client.sendto(new Uint8Array(10), { address: '2001:db8::2', port: 9 })
    await server.recv()
  })
  const shown = show(a.stack.packetTimes.statistics())
  assert.match(shown, /^Avg TX net_pkt \(\d+\) time \d+ us\n\[0\] \(\d+\) time \d+ us\n\[1\] \(1\) time 0 us\nAvg RX net_pkt \(0\) time 0 us$/)
  await net.stop()
})

test('each mistake is told with what to do', () => {
  const env = virtual()
  assert.throws(() => compose(env, packetTimes({ transmit: false, transmitDetail: true })), /transmitDetail depends on transmit: set both/)
  assert.throws(() => compose(env, packetTimes({ receive: false, receiveDetail: true })), /receiveDetail depends on receive: set both/)
  const { netif } = ticking({})
  assert.throws(() => new PacketTimesLayer(env, netif, settle('packetTimes', packetTimesOptions)), /are taken already/)
})

test.run()
