import * as assert from 'uvu/assert'
import { sleep, virtual } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { suite } from '@favonius/testing'
import { Bridge, EthernetSegment, simulate, type BridgeOptions, type SegmentOptions } from '../src/index.ts'
import { arena, ear, frameTo, settle, type Ear } from './wired.ts'

const test = suite('bridge')

/** As many segments as there are options, joined by a bridge, with two stations on each: 1 and 2 on the first, and so on. */
function bridged(options: readonly SegmentOptions[], how: BridgeOptions = {}) {
  const env = virtual({ seed: 8 })
  const segments = options.map((option, i) => new EthernetSegment(env, option, `lan${i}`))
  const buffers = arena.pool({ debug: true })
  const bridge = new Bridge(env, buffers, segments, how)
  const stations = segments.flatMap((segment, i) => [1, 2].map((n) => ear(env, segment.device(undefined, 2 * i + n))))
  /** Sends from one station to another, lets it arrive, and says which stations heard it. */
  const hearers = (from: number, to: number, text = `${from} to ${to}`): number[] => {
    for (const { heard } of stations) heard.length = 0
    const sender = stations[from - 1]!
    sender.device.transmit(frameTo(sender, to, text))
    settle(env)
    assert.equal([buffers, ...stations.map((station) => station.buffers)].map(({ live }) => live), [0, ...stations.map(() => 0)])
    return stations.flatMap(({ heard }, i) => heard.map((what) => (assert.is(what, text), i + 1)))
  }
  return { env, segments, bridge, stations, hearers }
}

test('a station that was heard is sent to where it is, others are looked for everywhere; groups go everywhere', () => {
  const { bridge, hearers } = bridged([{}, {}, {}])
  assert.equal(hearers(1, 5), [2, 3, 4, 5], 'everywhere; on its own segment the switch that a segment is brings it to 5 alone')
  assert.equal(hearers(5, 1), [1], '1 was heard')
  assert.equal(hearers(2, 5), [5], 'and so was 5')
  assert.equal(hearers(3, 4), [4], 'on one segment it is the switch\'s own affair')
  assert.equal(hearers(4, -1), [1, 2, 3, 5, 6])
  assert.equal(hearers(6, 99), [1, 2, 3, 4, 5], 'nobody, who is looked for too')
  assert.equal(bridge.statistics, { forwarded: 2, flooded: 3, filtered: 0, dropped: 0 })
})

test('a frame for a station where it came from goes no further: never back', () => {
  const { env, segments, bridge, stations, hearers } = bridged([{}, {}])
  const moved = ear(env, segments[0]!.uplink(() => false)) // behind it is a station that its segment does not know
  const frame = frameTo(moved, -1, 'hello')
  frame.dv.setUint16(frame.offset + 6, 0x0200)
  frame.dv.setInt32(frame.offset + 8, 77)
  moved.device.transmit(frame)
  settle(env)
  assert.equal(hearers(1, 77), [2])
  assert.equal(moved.heard, ['1 to 77'])
  assert.is(bridge.statistics.filtered, 1)
  assert.equal(hearers(3, 77), [1, 2], 'from elsewhere it is brought there')
  assert.is(stations.length, 4)
})

test('what is not heard for 300 s is forgotten, unless it is heard again', () => {
  const { env, hearers } = bridged([{}, {}, {}])
  hearers(1, -1)
  env.advance(200_000)
  hearers(1, -1)
  env.advance(299_999)
  assert.equal(hearers(5, 1), [1])
  env.advance(1)
  assert.equal(hearers(5, 1), [1, 3, 4, 6])
  const quick = bridged([{}, {}, {}], { ageing: 1000 })
  quick.hearers(1, -1)
  quick.env.advance(1000)
  assert.equal(quick.hearers(5, 1), [1, 3, 4, 6])
})

test('a station that moves is sent to where it was heard last', () => {
  const { env, segments, stations, hearers } = bridged([{}, {}, {}])
  hearers(1, -1)
  const old = stations[0]!.device
  segments[0]!.plug(old, false)
  void old.stop()
  const again = ear(env, segments[2]!.device(old.address))
  again.device.transmit(frameTo(again, -1, 'here now'))
  settle(env)
  assert.equal(hearers(3, 1), [], 'none of the stations that were there before')
  assert.equal(again.heard, ['3 to 1'])
})

test('the table is bounded: the station that has been silent for longest makes room', () => {
  const { env, hearers } = bridged([{}, {}, {}], { stations: 2 })
  for (const station of [1, 3, 1, 5]) {
    hearers(station, -1)
    env.advance(1)
  }
  assert.equal(hearers(5, 1), [1], '1 was heard after 3')
  assert.equal(hearers(1, 3), [2, 3, 5, 6], '3 made room')
})

test('a segment whose cable is pulled has its stations forgotten', () => {
  const { segments, bridge, hearers } = bridged([{}, {}, {}])
  hearers(1, -1)
  hearers(5, -1)
  segments[0]!.plug(bridge.devices[0]!, false)
  assert.equal(hearers(5, 1), [3, 4, 6])
  segments[0]!.plug(bridge.devices[0]!, true)
  assert.equal(hearers(3, 1), [1, 4, 5, 6])
  assert.equal(hearers(3, 5), [5])
})

test('groups that end at a bridge end there, and so does what is no frame, or too long', () => {
  const { env, bridge, stations, hearers } = bridged([{ mtu: 9000 }, { mtu: 1500 }, { mtu: 9000 }])
  const [a] = stations as [Ear]
  const heard = (hi: number, lo: number, size: number): number[] => {
    for (const station of stations) station.heard.length = 0
    const frame = frameTo(a, 0, 'x', size)
    frame.dv.setUint16(frame.offset, hi)
    frame.dv.setInt32(frame.offset + 2, lo)
    a.device.transmit(frame)
    settle(env)
    return stations.flatMap((station, i) => (station.heard.length > 0 ? [i + 1] : []))
  }
  assert.equal([heard(0x0180, 0xc2000000, 60), heard(0x0180, 0xc200000f, 60)], [[2], [2]])
  assert.equal(heard(0x0180, 0xc2000010, 60), [2, 3, 4, 5, 6])
  assert.is(bridge.statistics.filtered, 2)
  assert.equal(heard(0x0300, 1, 1518), [2, 3, 4, 5, 6], 'a frame of the MTU, with a VLAN tag')
  assert.equal(heard(0x0300, 1, 1519), [2, 5, 6])
  assert.is(bridge.statistics.dropped, 1)
  const stub = a.buffers.alloc(13)!
  stub.write(new Uint8Array(13).fill(1))
  a.device.transmit(stub)
  settle(env)
  assert.is(bridge.statistics.dropped, 2)
  hearers(1, 2)
})

test('each segment takes its time, and at the slow one a queue of 128 KiB is kept, and no more', () => {
  const { env, bridge, stations } = bridged([{ latency: 1 }, { latency: 2, rate: 10e6 }])
  const [a, , c] = stations as [Ear, Ear, Ear]
  for (let n = 0; n < 200; n++) a.device.transmit(frameTo(a, 3, `${n}`, 1226))
  settle(env)
  // One is sent, and 104 wait: 130,000 bytes on the line. One more would be more than 131,072.
  assert.equal(c.times, Array.from({ length: 105 }, (_, n) => `${n + 1 + 2 + 1} ${n}`))
  assert.is(bridge.statistics.dropped, 95)
  assert.equal([a.buffers.live, c.buffers.live], [0, 0])
})

test('a bridge without buffers drops what it hears, and lives', () => {
  const env = virtual()
  const segments = [new EthernetSegment(env), new EthernetSegment(env)]
  const bridge = new Bridge(env, arena.pool({ quota: 0 }), segments)
  const [a, b] = segments.map((segment, i) => ear(env, segment.device(undefined, i + 1))) as [Ear, Ear]
  a.device.transmit(frameTo(a, 2, 'x'))
  settle(env)
  assert.equal([b.heard, bridge.statistics.dropped, a.buffers.live], [[], 1, 0])
})

test('a bridge that would close a loop is refused, over however many bridges; links count', () => {
  const net = simulate()
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => (name === 'b' ? net.link({ name }) : net.ethernet({ name })))
  net.bridge(a!, b!)
  assert.throws(() => net.bridge(a!, b!), /segments a and b are joined already: with this bridge frames would go round for ever/)
  net.bridge(b!, c!)
  net.bridge(c!, d!)
  assert.throws(() => net.bridge(d!, a!), /segments d and a are joined already/)
  assert.throws(() => net.bridge(net.ethernet({ name: 'e' }), a!, d!), /segments a and d are joined already/)
  const f = net.ethernet({ name: 'f' })
  assert.throws(() => net.bridge(f, f), /a bridge can be on segment f only once/)
  assert.throws(() => net.bridge(f), /two segments or more/)
  net.bridge(f, a!)
})

test('stop() ends forwarding; what is on a segment arrives', () => {
  const { env, bridge, hearers, stations } = bridged([{ latency: 1 }, { latency: 1 }])
  const [a, , c] = stations as [Ear, Ear, Ear]
  a.device.transmit(frameTo(a, 3, 'x'))
  env.advance(1)
  bridge.stop()
  settle(env)
  assert.equal(c.heard, ['x'])
  assert.equal(hearers(1, -1), [2])
  assert.equal(hearers(3, 1), [4])
})

test('stacks find each other over three segments and two bridges, both families', async () => {
  const net = simulate({ seed: 7 })
  const lans = [net.ethernet({ latency: 1 }), net.link({ latency: 10 }), net.ethernet({ latency: 1 })] as const
  const bridges = [net.bridge(lans[0], lans[1]), net.bridge(lans[1], lans[2])]
  const nodes = [0, 0, 2].map((at, i) => {
    const node = net.node(`node ${i}`, [ethernet(), ipv4(), ipv6()], lans[at]!)
    node.stack.ipv4.addAddress(node.iface, `192.0.2.${i + 1}/24`)
    node.stack.ipv6.addAddress(node.iface, `2001:db8::${i + 1}/64`)
    return node
  })
  await net.run(async () => {
    await Promise.all(nodes.map(({ iface }) => iface.up()))
    const [a, b] = nodes.map(({ stack }) => stack)
    assert.equal((await a!.ipv4.ping('192.0.2.2', { count: 3 })).roundTrips.slice(1), [2, 2])
    assert.equal((await a!.ipv4.ping('192.0.2.3', { count: 3 })).roundTrips.slice(1), [24, 24])
    assert.equal((await b!.ipv6.ping('2001:db8::3', { count: 3 })).roundTrips.slice(1), [24, 24])
    net.plug(bridges[1]!.devices[0]!, false)
    assert.is((await a!.ipv4.ping('192.0.2.3', { count: 1, timeout: 1000 })).received, 0)
    net.plug(bridges[1]!.devices[0]!, true)
    await sleep(net.env, 1000)
    assert.is((await a!.ipv4.ping('192.0.2.3', { count: 1, timeout: 1000 })).received, 1)
  })
  await net.stop()
  assert.is(net.env.armed, 0)
})

test.run()
