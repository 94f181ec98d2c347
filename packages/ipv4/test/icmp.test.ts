import * as assert from 'uvu/assert'
import { address, finish, sum } from '@favonius/inet'
import { readIcmp } from '@favonius/ipv4'
import { suite } from '@favonius/testing'
import { headerOf, host, hostOnLan, packetOf, text } from './net.ts'

const test = suite('ipv4: ICMP')

/** A message with its checksum. */
const icmp = (type: number, code: number, word: number, body = new Uint8Array(0)): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(8 + body.length)
  const dv = new DataView(bytes.buffer)
  bytes.set([type, code])
  dv.setUint32(4, word)
  bytes.set(body, 8)
  dv.setUint16(2, finish(sum(bytes, 0, bytes.length)))
  return bytes
}
const messageOf = (packet: Uint8Array) => {
  const message = readIcmp(packet.subarray(20))
  if ('malformed' in message) throw new Error(message.malformed)
  return message
}

test('an echo request is answered with its data and type of service, from the address that was asked', async () => {
  const h = await host()
  h.ipv4.addAddress(h.iface, '192.0.2.7/24')
  for (const data of ['', 'odd', 'x'.repeat(1472)]) {
    h.wire.receive(packetOf({ protocol: 1, destination: '192.0.2.7', trafficClass: 0x28, timeToLive: 3 }, icmp(8, 0, 0x12340001, text(data))))
    const reply = h.wire.sent.pop()!
    const header = headerOf(reply)
    assert.is(`${header.source} ${header.destination} ${header.trafficClass} ${header.timeToLive}`, '192.0.2.7 192.0.2.2 40 64')
    const { type, code, word, body } = messageOf(reply)
    assert.equal([type, code, word, new TextDecoder().decode(body)], [0, 0, 0x12340001, data])
  }
  assert.equal(h.counters()['icmp'], { recv: 3, sent: 3, drop: 0, chkerr: 0, typeerr: 0, limited: 0 })
  await h.end()
})

test('a request that somebody else holds too, or that has no headroom, is copied', async () => {
  const h = await hostOnLan()
  const { wire, iface } = h.add('eth0', '192.0.2.1/24')
  const request = packetOf({ protocol: 1 }, icmp(8, 0, 7, text('shared')))
  const held = h.buffers.alloc(request.length, 0)!
  held.write(request)
  held.protocol = 0x0800
  held.link = held.offset
  iface.input(held.ref())
  const bytes = new Uint8Array(held.total())
  held.copyTo(bytes)
  assert.is(new TextDecoder().decode(bytes.subarray(-6)), 'shared')
  assert.is(bytes[0], 8, 'it is as it was')
  held.unref()
  const tight = h.buffers.alloc(request.length, 0)!
  tight.write(request)
  tight.protocol = 0x0800
  tight.link = tight.offset
  iface.input(tight)
  assert.equal(wire.shown(), ['192.0.2.1 > 192.0.2.2: ICMP echo reply, id 0, seq 7, length 14', '192.0.2.1 > 192.0.2.2: ICMP echo reply, id 0, seq 7, length 14'])
  await h.end()
})

test('broadcast echo requests are answered when that is chosen, from an address of ours', async () => {
  for (const acceptBroadcastPing of [false, true]) {
    const h = await host({ acceptBroadcastPing })
    for (const destination of ['255.255.255.255', '192.0.2.255', '224.0.0.1']) h.wire.receive(packetOf({ protocol: 1, destination }, icmp(8, 0, 1)))
    assert.equal(h.wire.shown(), acceptBroadcastPing ? new Array(3).fill('192.0.2.1 > 192.0.2.2: ICMP echo reply, id 0, seq 1, length 8') : [])
    assert.equal(h.drops(), acceptBroadcastPing ? {} : { 'icmpv4: broadcast echo request': 3 })
    await h.end()
  }
})

test('bad messages are dropped for what they are', async () => {
  const h = await host()
  const damaged = icmp(8, 0, 1)
  damaged[7] = 9
  h.wire.receive(packetOf({ protocol: 1 }, damaged))
  h.wire.receive(packetOf({ protocol: 1 }, icmp(8, 0, 1).subarray(0, 7)))
  h.wire.receive(packetOf({ protocol: 1 }, icmp(5, 0, 0, packetOf({ source: '192.0.2.1' }))))
  h.wire.receive(packetOf({ protocol: 1 }, icmp(13, 0, 0)))
  h.wire.receive(packetOf({ protocol: 1 }, icmp(0, 0, 99)))
  assert.equal(h.drops(), { 'icmpv4: bad checksum': 1, 'icmpv4: cut short': 1, 'icmpv4: type not supported': 2, 'icmpv4: echo reply nobody waits for': 1 })
  assert.equal(h.counters()['icmp'], { recv: 5, sent: 0, drop: 5, chkerr: 1, typeerr: 2, limited: 0 })
  assert.equal(h.wire.sent, [])
  await h.end()
})

test('nobody takes the protocol: unreachable, quoting the packet as far as 576 bytes go', async () => {
  const h = await host()
  const short = packetOf({ protocol: 254, options: Uint8Array.of(1, 1, 1, 0) }, text('short'))
  h.wire.receive(short)
  const long = packetOf({ protocol: 254 }, new Uint8Array(1400).fill(7))
  h.wire.receive(long)
  const [first, second] = h.wire.sent as [Uint8Array, Uint8Array]
  assert.equal([messageOf(first).type, messageOf(first).code, messageOf(first).word], [3, 2, 0])
  assert.equal(messageOf(first).body, short)
  assert.is(second.length, 576)
  assert.equal(messageOf(second).body, long.subarray(0, 548))
  await h.end()
})

test('a transport refuses with port unreachable, and still owns the packet', async () => {
  const h = await host()
  h.transport.take = (packet, info) => {
    packet.pull(2)
    const before = [packet.offset, packet.length]
    info.layer.refuse(packet, info, 'port')
    assert.equal([packet.offset, packet.length], before)
    packet.unref()
  }
  const packet = packetOf({}, text('to nobody'))
  h.wire.receive(packet)
  const { type, code, body } = messageOf(h.wire.sent[0]!)
  assert.equal([type, code], [3, 3])
  assert.equal(body, packet)
  await h.end()
})

test('no error is sent about an error, a broadcast, a later fragment, or to who is not one host (RFC 1122 §3.2.2)', async () => {
  const h = await hostOnLan()
  const { wire, iface } = h.add('eth0', '192.0.2.1/24')
  h.l2.wire = wire
  h.ipv4.setGateway(iface, '192.0.2.254')
  h.transport.take = (packet, info) => {
    info.layer.refuse(packet, info, 'port')
    packet.unref()
  }
  const refused = (packet: Uint8Array, cast: 0 | 1 | 2 = 0): boolean => {
    wire.sent.length = 0
    wire.receive(packet, cast)
    h.env.advance(1000)
    return wire.sent.length > 0
  }
  assert.ok(refused(packetOf({}, text('to us'))))
  assert.not.ok(refused(packetOf({ destination: '192.0.2.255' })), 'to everyone on the subnet')
  assert.not.ok(refused(packetOf({ destination: '255.255.255.255' })), 'to everyone')
  assert.not.ok(refused(packetOf({ destination: '224.0.0.1' }), 1), 'to a group')
  assert.not.ok(refused(packetOf({ source: '0.0.0.0', destination: '255.255.255.255' })), 'from nobody')
  assert.not.ok(refused(packetOf({ source: '240.0.0.1' })), 'from class E')
  assert.ok(refused(packetOf({ options: Uint8Array.of(7, 1, 0, 0) })), 'about a bad option')
  assert.not.ok(refused(packetOf({ options: Uint8Array.of(7, 1, 0, 0), protocol: 1 }, icmp(3, 3, 0))), 'about an error')
  assert.ok(refused(packetOf({ options: Uint8Array.of(7, 1, 0, 0), protocol: 1 }, icmp(8, 0, 0))), 'about a query')
  assert.not.ok(refused(packetOf({ options: Uint8Array.of(7, 1, 0, 0), protocol: 1 }, new Uint8Array(0))), 'about no one knows what')
  assert.not.ok(refused(packetOf({ options: Uint8Array.of(7, 1, 0, 0), fragmentOffset: 8 })), 'about a later fragment')
  await h.end()
})

test('a bad option is pointed at (RFC 792)', async () => {
  const h = await host()
  h.wire.receive(packetOf({ options: Uint8Array.of(1, 1, 7, 9) }))
  const { type, code, word } = messageOf(h.wire.sent[0]!)
  assert.equal([type, code, word >>> 24], [12, 0, 22])
  await h.end()
})

test('errors are limited to a rate, and those not sent are counted', async () => {
  const h = await host({ icmpErrorRate: 5, icmpErrorBurst: 3 })
  const flood = (n: number): number => {
    const before = h.wire.sent.length
    for (let i = 0; i < n; i++) h.wire.receive(packetOf({ protocol: 254 }))
    return h.wire.sent.length - before
  }
  assert.is(flood(10), 3)
  h.env.advance(400)
  assert.is(flood(10), 2)
  h.env.advance(60_000)
  assert.is(flood(10), 3)
  assert.is(h.counters()['icmp']!['limited'], 22)
  await h.end()
  const silent = await host({ icmpErrorRate: 0 })
  silent.wire.receive(packetOf({ protocol: 254 }))
  assert.equal(silent.wire.sent, [])
  await silent.end()
})

test('errors about our packets reach their transport', async () => {
  const h = await host()
  const ours = packetOf({ source: '192.0.2.1', destination: '198.51.100.9' }, text('eight by'))
  h.wire.receive(packetOf({ source: '192.0.2.254', protocol: 1 }, icmp(3, 3, 0, ours)))
  h.wire.receive(packetOf({ source: '192.0.2.254', protocol: 1 }, icmp(3, 4, 1280, ours)))
  h.wire.receive(packetOf({ source: '192.0.2.254', protocol: 1 }, icmp(3, 4, 5, ours)))
  h.wire.receive(packetOf({ source: '192.0.2.254', protocol: 1 }, icmp(3, 4, 0, packetOf({ source: '192.0.2.1', destination: '198.51.100.9', totalLength: 1500 }, text('eight by')))))
  h.wire.receive(packetOf({ source: '192.0.2.254', protocol: 1 }, icmp(11, 0, 0, ours)))
  assert.equal(h.transport.errors.map(({ error, quoted, source, destination }) => `${error.code} ${error.hard} ${error.mtu} ${error.from} ${quoted} ${source} ${destination}`), [
    'ECONNREFUSED true undefined 192.0.2.254 8 192.0.2.1 198.51.100.9',
    'EMSGSIZE false 1280 192.0.2.254 8 192.0.2.1 198.51.100.9',
    'EMSGSIZE false 68 192.0.2.254 8 192.0.2.1 198.51.100.9',
    'EMSGSIZE false 1492 192.0.2.254 8 192.0.2.1 198.51.100.9',
    'EHOSTUNREACH false undefined 192.0.2.254 8 192.0.2.1 198.51.100.9',
  ])
  assert.equal(h.drops(), {})
  await h.end()
})

test('errors that quote nothing of ours are not believed', async () => {
  const h = await host()
  const ours = { source: '192.0.2.1', destination: '198.51.100.9' }
  for (const quoted of [
    packetOf({ ...ours, source: '192.0.2.3' }, text('eight by')),
    packetOf(ours).subarray(0, 19),
    packetOf({ ...ours, fragmentOffset: 8 }, text('eight by')),
    packetOf({ ...ours, options: Uint8Array.of(1, 1, 1, 1) }).subarray(0, 22),
    Uint8Array.from(packetOf(ours), (b, i) => i === 0 ? 0x65 : b),
    Uint8Array.from(packetOf(ours), (b, i) => i === 0 ? 0x43 : b),
  ]) h.wire.receive(packetOf({ protocol: 1 }, icmp(3, 1, 0, quoted)))
  h.wire.receive(packetOf({ protocol: 1 }, icmp(3, 77, 0, packetOf(ours, text('eight by')))))
  assert.equal(h.drops(), { 'icmpv4: error about nothing of ours': 7 })
  assert.equal(h.transport.errors, [])
  await h.end()
})

test('a next hop that was not found is told to the transport, and the packet is left as it was', async () => {
  const h = await host()
  const bytes = packetOf({ source: '192.0.2.1', destination: '198.51.100.9' }, text('parked'))
  const packet = h.buffers.alloc(bytes.length)!
  packet.write(bytes)
  h.ipv4.unresolved(packet, address('192.0.2.254'))
  assert.equal(h.transport.errors.map(({ error, quoted, source, destination }) => `${error.code} ${error.message} ${quoted} ${source} ${destination}`),
    ['EHOSTUNREACH 192.0.2.254 does not answer on its link 6 192.0.2.1 198.51.100.9'])
  assert.equal(packet.view(), bytes)
  packet.unref()
  await h.end()
})

test.run()
