/** Tags on and off, on a device whose other end is the test. */

import * as assert from 'uvu/assert'
import * as fc from 'fast-check'
import type { InterfaceAddress } from '@favonius/contract'
import { virtual } from '@favonius/clock'
import { address, ETHERTYPE_IPV4, ETHERTYPE_VLAN } from '@favonius/inet'
import { loopback } from '@favonius/netif'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { ethernet } from '../src/bare.ts'
import { REQUEST, writeArp } from '../src/arp/wire.ts'
import { vlan, VlanLayer } from '../src/vlan/index.ts'
import { at, controlOf, dropEligibleOf, priorityOf, RESERVED, show, TAG, vlanOf } from '../src/vlan/wire.ts'
import { HEADER } from '../src/wire.ts'
import { NONE, our, their, THEIRS, world, Wire } from './fixture.ts'

const test = suite('VLANs')

const bytes = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.from(hex.replaceAll(' ', '').match(/../g) ?? [], (two) => parseInt(two, 16))
const hex = (from: Uint8Array): string => [...from].map((byte) => byte.toString(16).padStart(2, '0')).join('')
/** A frame to us with a tag. */
const tagged = (control: number, type = '0800', payload = 'aabb'): Uint8Array<ArrayBuffer> =>
  bytes(`020000000001 020000000002 8100 ${control.toString(16).padStart(4, '0')} ${type} ${payload}`)
const code = (body: () => unknown): string => {
  try {
    body()
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`
  }
  return 'it did not throw'
}

/** The fixture's Ethernet with VLANs 100 and 200 above it, and what each interface heard. */
async function trunk({ maxVlans = 3 } = {}) {
  const made = await world()
  const { netif, iface: eth0, arp, buffers, env } = made
  const layer = new VlanLayer(netif, { maxVlans })
  const [v100, v200] = [layer.add(eth0, 100), layer.add(eth0, 200)]
  await Promise.all([v100.up(), v200.up()])
  const heard: string[] = []
  netif.registerProtocol(ETHERTYPE_IPV4, (iface, packet) => {
    heard.push(`${iface.name} p${packet.priority} cast ${packet.cast} ${hex(packet.view())}`)
    packet.unref()
  })
  made.wire.take()
  return {
    ...made, eth0, layer, v100, v200, heard,
    drops: () => netif.statistics().drops,
    async end() {
      await layer.stop()
      arp.stop()
      await netif.stop()
      assert.is(buffers.live, 0, buffers.owners().join('\n'))
      assert.is(env.armed, 0)
    },
  }
}

const addressEntry = (text: string): InterfaceAddress =>
  ({ address: address(text), prefixLength: 24, origin: 'manual', state: 'preferred', preferredUntil: Infinity, validUntil: Infinity })

test('IEEE 802.1Q-2022 §9.6: three bits of priority, one of drop eligibility, twelve of VLAN', () => {
  assert.equal([controlOf(100, 0), controlOf(100, 5), controlOf(0xffe, 7)], [0x0064, 0xa064, 0xeffe])
  assert.equal([vlanOf(0xb064), priorityOf(0xb064), dropEligibleOf(0xb064), dropEligibleOf(0xa064)], [100, 5, 1, 0])
  fc.assert(fc.property(fc.nat(0xfff), fc.nat(7), (tag, priority) => {
    const control = controlOf(tag, priority)
    assert.equal([vlanOf(control), priorityOf(control), dropEligibleOf(control)], [tag, priority, 0])
  }), { seed: 1 })
  assert.is(controlOf(100, 13), controlOf(100, 5), 'no priority reaches into another field')
  assert.equal({ ...at, TAG }, { control: 0, type: 2, TAG: 4 })
})

test('show prints a line for people, whatever the bytes', () => {
  assert.is(show(bytes('a0640800')), 'vlan 100, p 5, type 0x0800')
  assert.is(show(bytes('306486dd')), 'vlan 100, p 1, DEI, type 0x86dd')
  assert.is(show(bytes('a06408')), 'vlan: only 3 bytes')
  fc.assert(fc.property(fc.uint8Array({ maxLength: 8 }), (any) => assert.type(show(new Uint8Array(any)), 'string')), { seed: 1 })
})

test('what goes out by a VLAN is tagged behind the addresses, with the priority of the packet', async () => {
  const { v100, v200, eth0, packet, wire, end } = await trunk()
  const group = address('224.0.0.1')
  for (const [iface, priority] of [[v100, 0], [v100, 7], [v200, 3], [eth0, 5]] as const) {
    const made = packet('hi', iface.headroom)
    made.priority = priority
    assert.ok(iface.output(made, group))
  }
  assert.equal(wire.take().map((frame) => hex(frame.bytes)), [
    '01005e000001 020000000001 8100 0064 0800 6869',
    '01005e000001 020000000001 8100 e064 0800 6869',
    '01005e000001 020000000001 8100 60c8 0800 6869',
    '01005e000001 020000000001 0800 6869',
  ].map((text) => text.replaceAll(' ', '')))
  await end()
})

test('a packet without room for the tag, or for the header behind it, is dropped and counted', async () => {
  const { v100, packet, drops, wire, end } = await trunk()
  assert.is(v100.headroom, HEADER + TAG)
  assert.not(v100.output(packet('x', TAG - 1), address('224.0.0.1')))
  assert.not(v100.output(packet('x', HEADER + TAG - 1), address('224.0.0.1')))
  assert.equal(drops(), { 'vlan: no room for its tag': 1, 'ethernet: no room for its header': 1 })
  assert.is(wire.take().length, 0)
  await end()
})

test('what comes in goes to the VLAN of its tag, with its priority; a priority tag is for the wire itself', async () => {
  const { raw, heard, drops, netif, eth0, v100, end } = await trunk()
  raw(tagged(controlOf(100, 0), '0800', '01'))
  raw(tagged(controlOf(200, 6), '0800', '02'))
  raw(tagged(controlOf(200, 1) | 0x1000, '0800', '03'))
  raw(tagged(controlOf(0, 5), '0800', '04'))
  raw(bytes('020000000001 020000000002 0800 05'))
  raw(bytes('ffffffffffff 020000000002 8100 0064 0800 06'))
  assert.equal(heard, [
    'eth0.100 p0 cast 0 01', 'eth0.200 p6 cast 0 02', 'eth0.200 p1 cast 0 03', 'eth0 p5 cast 0 04', 'eth0 p0 cast 0 05', 'eth0.100 p0 cast 2 06',
  ])
  assert.equal(drops(), {})
  // Each byte is counted once, on the wire that brought it.
  assert.equal([netif.statistics(eth0).counters['bytes']!['received'], netif.statistics(v100).counters['bytes']!['received']], [5 * 19 + 15, 0])
  await end()
})

test('what cannot be a tagged packet of ours is dropped, each with its reason', async () => {
  const { raw, heard, drops, netif, eth0, v100, v200, end } = await trunk()
  raw(tagged(100).subarray(0, HEADER + TAG - 1))
  raw(tagged(100).subarray(0, HEADER))
  raw(tagged(101))
  raw(tagged(RESERVED))
  raw(tagged(100, '8100', '00c80800aa'))
  raw(tagged(0, '8100', '00640800aa'))
  raw(tagged(100, '88a8', '00c80800aa'))
  raw(tagged(100, '05ff'))
  raw(tagged(0, '0002'))
  raw(tagged(100, '88b5'))
  v200.down()
  raw(tagged(200))
  // For another station: that is seen before the tag is.
  raw(bytes('020000000009 020000000002 8100 0064 0800 aa'))
  assert.equal(heard, [])
  assert.equal(drops(), {
    'vlan: shorter than its tag': 2,
    'vlan: not one of ours': 1,
    'vlan: reserved tag': 1,
    'vlan: tagged twice': 3,
    'vlan: 802.3 length, not a type': 2,
    'netif: no handler for its protocol': 1,
    'vlan: received while disabled': 1,
    'ethernet: for another station': 1,
  })
  assert.equal(netif.statistics(v200).drops, { 'vlan: received while disabled': 1 })
  assert.equal(netif.statistics(v100).drops, { 'netif: no handler for its protocol': 1 })
  assert.is(netif.statistics(eth0).counters['top']!['processing_error'], 8)
  await end()
})

test('frames for other stations reach a VLAN that listens, and no other', async () => {
  const { raw, heard, drops, eth0, v100, v200, end } = await trunk()
  const foreign = (control: string): void => raw(bytes(`020000000009 020000000002 8100 ${control} 0800 aa`))
  const quiet = eth0.hearAll()
  foreign('0064')
  assert.equal(drops(), { 'vlan: for another station': 1 }, 'the wire alone')
  quiet()
  const listen = v100.hearAll()
  assert.ok(eth0.promiscuous && !v200.promiscuous)
  foreign('0064')
  foreign('00c8')
  foreign('0000') // of no VLAN: the wire's own
  assert.equal(heard, ['eth0.100 p0 cast 3 aa', 'eth0 p0 cast 3 aa'])
  assert.equal(drops(), { 'vlan: for another station': 2 })
  listen()
  foreign('0064')
  assert.equal([eth0.promiscuous, drops()['ethernet: for another station']], [false, 1])
  await end()
})

test('ARP speaks and hears in each VLAN for itself', async () => {
  const { raw, wire, v100, v200, arp, packet, end } = await trunk()
  v100.addAddress(addressEntry('198.51.100.1'))
  v200.addAddress(addressEntry('203.0.113.1'))
  assert.equal(wire.take().map((frame) => hex(frame.bytes.subarray(12, 18))), ['810000640806', '810000c80806'], 'announced with their tags')
  const arpFrame = (tag: number, target: string): Uint8Array<ArrayBuffer> => {
    const frame = new Uint8Array(HEADER + TAG + 28)
    frame.set(tagged(tag, '0806', ''))
    writeArp({ operation: REQUEST, senderLink: THEIRS, sender: address('198.51.100.2'), targetLink: NONE, target: address(target) }, new DataView(frame.buffer), HEADER + TAG)
    return frame
  }
  raw(arpFrame(200, '198.51.100.1'))
  assert.is(wire.take().length, 0, 'the address is not of that VLAN')
  raw(arpFrame(100, '198.51.100.1'))
  assert.equal(wire.take().map((frame) => hex(frame.bytes.subarray(0, 18))), ['020000000002020000000001810000640806'])
  assert.equal(arp.neighbors.map((known) => `${known.iface.name} ${known.address}`), ['eth0.100 198.51.100.2'])
  // What waits for an answer goes by the VLAN where it was asked for.
  v200.output(packet('x', v200.headroom), address('203.0.113.2'))
  assert.equal(wire.take().map((frame) => hex(frame.bytes.subarray(12, 18))), ['810000c80806'])
  await end()
})

test('a VLAN is full while the interface below is, so that senders wait for its `ready`', async () => {
  const { v100, v200, eth0, wire, packet, netif, drops, end } = await trunk()
  let ready = 0
  netif.listen(({ type }) => { if (type === 'ready') ready++ })
  const transmit = wire.transmit.bind(wire)
  wire.transmit = () => false
  for (let n = 0; n < 8; n++) {
    assert.not(v200.isFull(0))
    assert.ok(v100.output(packet('x', v100.headroom), address('224.0.0.1')))
  }
  assert.equal([eth0.isFull(0), v100.isFull(0), v200.isFull(0)], [true, true, true])
  wire.transmit = transmit
  wire.sink!.ready()
  assert.equal([eth0.isFull(0), v100.isFull(0), v200.isFull(0), ready, wire.take().length], [false, false, false, 1, 8])
  assert.equal(drops(), {})
  await end()
})

test('each mistake is told with what to do', async () => {
  const { layer, eth0, v100, netif, end } = await trunk()
  for (const tag of [0, 4095, -1, 4096, 1.5, NaN]) assert.match(code(() => layer.add(eth0, tag)), /^EINVAL: .* use 1 to 4094/)
  assert.match(code(() => layer.add(eth0, 100)), /^EEXIST: eth0 has VLAN 100 already: use eth0.100/)
  assert.match(code(() => layer.add(v100, 7)), /^ERR_CONFIG: eth0.100 is a VLAN, .*Q-in-Q.* add 7 to eth0/)
  assert.match(code(() => layer.add(eth0, 7, { name: 'eth0.100' })), /^ERR_CONFIG: there is an interface eth0.100 already/)
  assert.match(code(() => layer.add(eth0, 7, { name: 'with space' })), /^ERR_CONFIG: .*1 to 15 characters/)
  assert.is(layer.add(eth0, 7, { name: 'guests' }).name, 'guests')
  assert.match(code(() => layer.add(eth0, 8)), /^ENOBUFS: there are 3 VLANs, .*maxVlans/)
  assert.match(await layer.remove(eth0).then(() => '', (error: Error) => error.message), /eth0 is no VLAN/)
  assert.equal(layer.of(v100), { lower: eth0, tag: 100 })
  assert.is(layer.of(eth0), undefined)
  await layer.remove(v100)
  await layer.remove(v100)
  assert.is(layer.of(v100), undefined)
  assert.equal(layer.interfaces.map(({ name }) => name), ['eth0.200', 'guests'])
  await netif.remove(eth0)
  assert.match(code(() => layer.add(eth0, 9)), /^ENODEV: eth0 is not an interface of this stack/)
  await end()
})

test('CONFIG_NET_VLAN: composed beside Ethernet, and on nothing else', async () => {
  const env = virtual({ seed: 1 })
  assert.throws(() => compose(env, ...([vlan()] as unknown as readonly [])), /vlan depends on ethernet/)
  assert.throws(() => vlan({ maxVlans: 256 }), /CONFIG_NET_VLAN_COUNT.*1 to 255/)
  const stack = compose(env, ethernet(), vlan({ maxVlans: 255 }), loopback())
  assert.match(code(() => stack.vlan.add(stack.loopback, 100)), /^ERR_CONFIG: lo is of medium loopback, which has no VLANs/)
  const eth0 = stack.netif.add(new Wire())
  for (let tag = 1; tag <= 255; tag++) stack.vlan.add(eth0, tag)
  assert.is(stack.vlan.interfaces.length, 255)
  assert.match(code(() => stack.vlan.add(eth0, 256)), /^ENOBUFS/)
  const { address: link, mtu, medium, carrier } = stack.vlan.interfaces[0]!
  assert.equal([link, mtu, medium, carrier], [eth0.address, 1500, 'ethernet', false])
  await stack.netif.remove(eth0)
  await Promise.resolve()
  assert.equal(stack.vlan.interfaces, [], 'they go with the interface below')
  assert.equal(stack.netif.interfaces, [stack.loopback])
  await stack.stop()
  assert.is(env.armed, 0)
})

test('frames of any make: nothing thrown, each comes to one end, no buffer is lost', async () => {
  const { raw, env, heard, v100, v200, eth0, drops, netif, wire, packet, end } = await trunk()
  const { random } = env
  const tags = [0, 1, 99, 100, 101, 200, 4094, 4095]
  const types = ['0800', '0806', '86dd', '8100', '88a8', '0000', '05ff', '0600', 'ffff']
  const any = <T>(list: readonly T[]): T => list[random.uint32() % list.length]!
  const FRAMES = 20_000
  for (let n = 0; n < FRAMES; n++) {
    const control = controlOf(any(tags), random.uint32() % 8) | (random.uint32() & 0x1000)
    let frame = tagged(control, any(types), n % 2 ? '' : '0064 0800 aabb')
    if (n % 3 === 0) frame = frame.slice(0, random.uint32() % (frame.length + 1))
    if (n % 5 === 0 && frame.length > 0) frame[random.uint32() % frame.length] = random.uint32() & 0xff
    raw(frame)
    if (n % 97 === 0) v100.output(packet('x', v100.headroom), random.uint32() & 1 ? their : our)
    if (n % 101 === 0) any([v100, v200, eth0]).down()
    if (n % 101 === 50) for (const iface of [eth0, v100, v200]) iface.up().catch(() => {}) // taken down again before it was up
    if (n % 64 === 0) env.advance(500)
    wire.take()
  }
  for (const reason of ['shorter than its tag', 'not one of ours', 'reserved tag', 'tagged twice', '802.3 length, not a type', 'received while disabled']) {
    assert.ok(drops()[`vlan: ${reason}`]! > 10, reason)
  }
  for (const name of ['eth0 ', 'eth0.100 ', 'eth0.200 ']) assert.ok(heard.some((line) => line.startsWith(name)), name)
  const waysDown = ['arp: no answer', 'arp: a newer packet waits', 'arp: too much waits for neighbours', 'arp: no IPv4 address to ask from', 'netif: interface is down', 'arp: no room in the table']
  const dropped = Object.entries(drops()).filter(([text]) => !waysDown.includes(text) && !text.startsWith('arp: ')).reduce((sum, [, times]) => sum + times, 0)
  assert.is(heard.length + dropped + netif.statistics().counters['arp']!['recv']!, FRAMES, JSON.stringify(drops()))
  await end()
})

test('ETHERTYPE_VLAN has one taker', async () => {
  const { netif, layer, end } = await trunk()
  assert.throws(() => netif.registerProtocol(ETHERTYPE_VLAN, () => {}), /0x8100/)
  await layer.stop()
  netif.registerProtocol(ETHERTYPE_VLAN, () => {})()
  await end()
})

test.run()
