import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { address } from '@favonius/inet'
import type { InterfaceAddress, NetBuf, NetifEvent } from '@favonius/contract'
import { PROTOCOL, TestDevice, TestL2, world } from './fixture.ts'

const test = suite('netif interface')
const peer = address('192.0.2.9')
const rejects = async (promise: Promise<unknown>, code: string, message: RegExp): Promise<void> => {
  try {
    await promise
  } catch (error) {
    assert.is((error as { code: string }).code, code)
    assert.match((error as Error).message, message)
    return
  }
  assert.unreachable('it should have been rejected')
}

test('a device is bound to the link layer of its medium, or told what is missing', async () => {
  const { netif } = world()
  assert.is(netif.add(new TestDevice()).name, 'test0')
  assert.is(netif.add(new TestDevice()).name, 'test1')
  assert.throws(() => netif.add(new TestDevice(), { name: 'test0' }), /interface test0 already/)
  assert.throws(() => netif.add(new TestDevice(), { name: 'a b' }), /no interface name/)
  assert.throws(() => netif.add(Object.assign(new TestDevice(), { medium: 'ethernet' })), /compose ethernet\(\) of @favonius\/ethernet/)
  netif.registerL2(new TestL2('other'))
  assert.throws(() => netif.add(new TestDevice()), /test and other both speak test/)
  assert.is(netif.add(new TestDevice(), { l2: new TestL2('mine') }).l2.name, 'mine')
  await netif.stop()
})

test('up() waits for the carrier and for every hold', async () => {
  const { netif, l2, env } = world()
  const device = new TestDevice()
  const iface = netif.add(device)
  const events: string[] = []
  netif.listen((event) => events.push(event.type))
  device.start = (sink) => { device.sink = sink; sink.carrier(false) }
  const hold = iface.hold('an address')
  let up = false
  const waiting = iface.up().then(() => { up = true })
  assert.is(iface.enabled, true)
  assert.is(iface.running, false)
  device.sink!.carrier(true)
  assert.is(iface.running, true)
  await Promise.resolve()
  assert.not(up, 'the hold is still there')
  hold.release()
  await waiting
  assert.equal(l2.enabled, [true])
  device.sink!.carrier(false)
  device.sink!.carrier(true)
  assert.equal(events, ['enabled', 'up', 'down', 'up'])
  await netif.stop()
  assert.is(env.armed, 0)
})

test('up() rejects: a failed hold, down(), and time', async () => {
  const { netif, env } = world()
  const device = new TestDevice()
  const iface = netif.add(device)
  const hold = iface.hold('2001:db8::1')
  const first = iface.up()
  hold.fail(Object.assign(new Error('2001:db8::1 is in use'), { code: 'EADDRINUSE' }))
  await rejects(first, 'EADDRINUSE', /in use/)
  await rejects(iface.up(), 'EADDRINUSE', /in use/)
  iface.down()
  await iface.up()
  iface.down()
  device.sink!.carrier(false)
  const cancelled = iface.up()
  iface.down()
  await rejects(cancelled, 'ECANCELED', /taken down/)
  const late = iface.up({ timeout: 500 })
  env.advance(500)
  await rejects(late, 'ETIMEDOUT', /no carrier/)
  await netif.stop()
})

test('a frame goes up to the handler of its protocol, with its marks', async () => {
  const { netif, frame, buffers } = world()
  const device = new TestDevice()
  const iface = netif.add(device)
  await iface.up()
  const seen: NetBuf[] = []
  netif.registerProtocol(PROTOCOL, (on, packet) => {
    assert.is(on, iface)
    assert.is(packet.link, packet.offset - 2)
    seen.push(packet)
  })
  device.sink!.frame(frame('ping'))
  assert.is(new TextDecoder().decode(seen[0]!.view()), 'ping')
  seen[0]!.unref()
  assert.is(netif.statistics(iface).counters['bytes']!['received'], 6)
  await netif.stop()
  assert.is(buffers.live, 0)
})

test('what cannot go up is dropped with a reason, and noted in captures', async () => {
  const { netif, frame, buffers } = world()
  const device = new TestDevice()
  const iface = netif.add(device)
  await iface.up()
  const notes: string[] = []
  netif.tap({ frame: (_, packet, direction) => void notes.push(`${direction} ${packet.length}`), dropped: (_, __, reason) => void notes.push(reason) })
  device.sink!.frame(frame())
  iface.down()
  device.sink!.frame(frame())
  device.sink!.lost('no buffer')
  assert.equal(notes, ['in 7', 'netif: no handler for its protocol', 'netif: received while disabled'])
  assert.equal(netif.statistics().drops, { 'netif: no handler for its protocol': 1, 'netif: received while disabled': 1, 'device: no buffer': 1 })
  assert.is(netif.statistics().counters['top']!['processing_error'], 2)
  await netif.stop()
  assert.is(buffers.live, 0)
})

test('a busy device is waited for, in order and within bounds', async () => {
  const { netif, packet, buffers, l2 } = world()
  const device = new TestDevice()
  const iface = netif.add(device)
  await iface.up()
  netif.registerResolver(4, '*', { resolve: () => iface.address })
  const events: NetifEvent['type'][] = []
  netif.listen((event) => events.push(event.type))
  device.room = 1
  for (const text of ['a', 'b', 'c']) assert.ok(iface.output(packet(text), peer))
  assert.ok(iface.isFull(0))
  assert.not(iface.output(packet('d'), peer))
  device.room = Infinity
  device.sink!.ready()
  assert.not(iface.isFull(0))
  assert.equal(events, ['ready'])
  assert.equal(device.sent.map((frame) => String.fromCharCode(frame.u8[frame.offset + 2]!)), ['a', 'b', 'c'])
  assert.is(l2.to, iface.address)
  assert.equal(netif.statistics().drops, { 'netif: transmit queue is full': 1 })
  device.room = 0
  iface.output(packet('e'), peer)
  iface.down()
  assert.is(netif.statistics().drops['netif: interface is down'], 1)
  await netif.stop()
  assert.is(buffers.live, 0)
})

test('groups are mapped, others resolved by family and medium, and a parked packet is out of our hands', async () => {
  const { netif, packet, l2, buffers } = world()
  const device = new TestDevice()
  const iface = netif.add(device)
  await iface.up()
  assert.not(iface.output(packet(), peer), 'nobody resolves')
  iface.output(packet(), address('ff02::1:2'))
  assert.is(l2.to!.hi, 0x3333)
  let parked: NetBuf | undefined
  netif.registerResolver(4, '*', { resolve: () => assert.unreachable('the medium has its own') as never })
  netif.registerResolver(4, 'test', { resolve: (_, __, p) => { parked = p; return undefined } })
  assert.ok(iface.output(packet(), peer))
  parked!.unref()
  assert.is(device.sent.length, 1)
  await netif.stop()
  assert.is(buffers.live, 0)
})

test('a checksum that comes out as zero is all ones in UDP alone (RFC 768)', async () => {
  const { netif, packet } = world()
  const device = new TestDevice(false)
  const iface = netif.add(device)
  await iface.up()
  netif.registerResolver(4, '*', { resolve: () => iface.address })
  for (const [field, expected] of [[6, 0xffff], [16, 0]] as const) {
    const p = packet('\0'.repeat(20))
    p.dv.setUint16(p.offset, 0xfff0)
    Object.assign(p, { checksum: 1, checksumStart: p.offset, checksumAt: p.offset + field })
    p.dv.setUint16(p.checksumAt, 0x000f)
    iface.output(p, peer)
    const sent = device.sent.at(-1)!
    assert.is(sent.dv.getUint16(sent.checksumAt), expected)
  }
  await netif.stop()
})

test('a partial checksum is finished for a device that does not', async () => {
  for (const offload of [false, true]) {
    const { netif, packet } = world()
    const device = new TestDevice(offload)
    const iface = netif.add(device)
    await iface.up()
    netif.registerResolver(4, '*', { resolve: () => iface.address })
    const p = packet('\x12\x34\x00\x10\x01\x02') // the middle word: what a pseudo-header would sum to
    p.checksum = 1
    p.checksumStart = p.offset
    p.checksumAt = p.offset + 2
    iface.output(p, peer)
    const sent = device.sent[0]!
    assert.is(sent.dv.getUint16(sent.checksumAt), offload ? 0x0010 : ~(0x1234 + 0x0010 + 0x0102) & 0xffff)
    assert.is(sent.checksum, offload ? 1 : 0)
    await netif.stop()
  }
})

test('packets to ourselves arrive on a later turn, in order, and are bounded', async () => {
  const { netif, packet, env, buffers } = world()
  const iface = netif.add(new TestDevice())
  await iface.up()
  const seen: string[] = []
  netif.registerProtocol(PROTOCOL, (_, p) => { seen.push(new TextDecoder().decode(p.view())); p.unref() })
  iface.loop(packet('one'))
  iface.loop(packet('two'))
  assert.equal(seen, [])
  env.step()
  assert.equal(seen, ['one', 'two'])
  let taken = 0
  for (let n = 0; n < 1000; n++) if (iface.loop(packet('x'))) taken++
  assert.ok(taken < 1000)
  assert.is(netif.statistics().drops['netif: too many packets to ourselves'], 1000 - taken)
  await netif.stop()
  assert.is(buffers.live, 0)
  assert.is(env.armed, 0)
})

test('a group is joined until it was left as often', async () => {
  const { netif } = world()
  const iface = netif.add(new TestDevice())
  const group = address('ff02::fb')
  assert.ok(iface.joinGroup(group))
  assert.not(iface.joinGroup(address('ff02::fb')))
  assert.not(iface.leaveGroup(group))
  assert.ok(iface.inGroup(group))
  assert.ok(iface.leaveGroup(group))
  assert.not(iface.inGroup(group))
  await netif.stop()
})

test('removal stops the device, tells listeners, and keeps the counts', async () => {
  const { netif, frame } = world()
  const device = new TestDevice()
  const iface = netif.add(device)
  await iface.up()
  const entry: InterfaceAddress = { address: peer, prefixLength: 24, origin: 'manual', state: 'preferred', preferredUntil: Infinity, validUntil: Infinity }
  iface.addAddress(entry)
  device.sink!.frame(frame())
  const events: string[] = []
  netif.listen((event) => events.push(event.type))
  await netif.remove(iface)
  assert.equal(events, ['down', 'disabled', 'address-removed', 'removed'])
  assert.is(device.stopped, 1)
  assert.is(netif.find('test0'), undefined)
  assert.is(netif.statistics().counters['bytes']!['received'], 7)
  assert.is(netif.add(new TestDevice()).index, iface.index + 1, 'an index is never used again')
  await netif.stop()
})

test('the default interface is chosen as Kconfig says', async () => {
  const first = world()
  first.netif.add(new TestDevice())
  const second = first.netif.add(new TestDevice())
  await second.up()
  assert.is(first.netif.default!.name, 'test0')
  const up = world({ defaultInterface: 'up' })
  up.netif.add(new TestDevice())
  assert.is(up.netif.default, undefined)
  await up.netif.add(new TestDevice()).up()
  assert.is(up.netif.default!.name, 'test1')
  await first.netif.stop()
  await up.netif.stop()
})

test('an interface without a device has carrier when its link layer says so', async () => {
  const { netif } = world()
  const { iface, setCarrier } = netif.addVirtual({ name: 'vlan5', l2: new TestL2('vlan'), address: new TestDevice().address, mtu: 90 })
  const up = iface.up()
  assert.not(iface.running)
  setCarrier(true)
  await up
  assert.ok(iface.running)
  await netif.stop()
})

test('promiscuous mode is counted: on for the first who asks, off when the last has given it up', async () => {
  const { netif, l2 } = world()
  const device = new TestDevice()
  const iface = netif.add(device)
  const above = netif.addVirtual({ name: 'above', l2, address: iface.address, mtu: 90, lower: iface }).iface
  const events: string[] = []
  netif.listen(({ type, iface: { name, promiscuous } }) => { if (type === 'promiscuous') events.push(`${name} ${promiscuous}`) })
  const one = iface.hearAll()
  const two = iface.hearAll()
  one()
  one()
  assert.ok(iface.promiscuous, 'giving it up twice counts once')
  two()
  assert.not(iface.promiscuous)
  assert.equal(device.filters, [true, false])
  assert.equal(events.splice(0), ['test0 true', 'test0 false'])

  const three = above.hearAll()
  assert.equal([above.promiscuous, iface.promiscuous], [true, true], 'what is below hears all too')
  three()
  assert.equal(events, ['test0 true', 'above true', 'above false', 'test0 false'])
  const four = iface.hearAll()
  await netif.remove(iface)
  four()
  assert.throws(() => iface.hearAll(), ({ code, message }: { code: string; message: string }) => code === 'ENODEV' && /removed/.test(message))
  await netif.stop()
})

test('a link layer without other stations has no promiscuous mode, and a device without a filter needs not be told', async () => {
  const { netif } = world()
  const bare = netif.add(new TestDevice(), { l2: Object.assign(new TestL2('bare'), { flags: { multicast: true, promiscuous: false, pointToPoint: true } }) })
  assert.throws(() => bare.hearAll(), ({ code, message }: { code: string; message: string }) => code === 'EOPNOTSUPP' && /test0 has no promiscuous mode: bare/.test(message))
  assert.not(bare.promiscuous)
  const plain = netif.add(Object.assign(new TestDevice(), { promiscuous: undefined }) as unknown as TestDevice)
  const end = plain.hearAll()
  assert.ok(plain.promiscuous)
  end()
  await netif.stop()
})

test.run()
