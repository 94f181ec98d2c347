import * as assert from 'uvu/assert'
import fc from 'fast-check'
import { address, finish, pseudoSum, sum } from '@favonius/inet'
import { suite } from '@favonius/testing'
import { headerOf, host, hostOnLan, packetOf, PROTOCOL_TEST, text } from './net.ts'

const test = suite('ipv4: packets up and down')

test('a packet reaches its transport, with all that is known of it', async () => {
  const h = await host()
  h.wire.receive(packetOf({ trafficClass: 0xb8, timeToLive: 7 }, text('hello')))
  assert.equal(h.transport.got, [{
    data: 'hello', source: '192.0.2.2', destination: '192.0.2.1', hopLimit: 7, trafficClass: 0xb8, multicast: false,
    pseudo: pseudoSum(address('192.0.2.2'), address('192.0.2.1'), PROTOCOL_TEST),
  }])
  const { ipv4, ip_errors } = h.counters()
  assert.equal(ipv4, { recv: 1, sent: 0, drop: 0, forwarded: 0 })
  assert.equal(ip_errors, { vhlerr: 0, hblenerr: 0, lblenerr: 0, chkerr: 0, fragerr: 0, protoerr: 0 })
  await h.end()
})

test('padding of the link is taken off', async () => {
  const h = await host()
  const padded = new Uint8Array(46)
  padded.set(packetOf({}, text('abc')))
  h.wire.receive(padded)
  assert.is(h.transport.got[0]?.data, 'abc')
  await h.end()
})

test('options are passed over', async () => {
  const h = await host()
  h.wire.receive(packetOf({ options: Uint8Array.of(0x94, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0) }, text('abc')))
  assert.is(h.transport.got[0]?.data, 'abc')
  await h.end()
})

test('what is malformed, or not for us, is dropped and counted for what it is', async () => {
  const changed = (change: (p: Uint8Array) => void, p = packetOf({}, text('data'))): Uint8Array => {
    change(p)
    return p
  }
  for (const [reason, counter, bytes] of [
    ['ipv4: shorter than its header', 'vhlerr', packetOf().subarray(0, 19)],
    ['ipv4: bad header length', 'vhlerr', changed((p) => { p[0] = 0x44 })],
    ['ipv4: bad header length', 'vhlerr', changed((p) => { p[0] = 0x4f })],
    ['ipv4: total length is less than the header', 'lblenerr', packetOf({ totalLength: 19 })],
    ['ipv4: shorter than its total length', 'lblenerr', packetOf({ totalLength: 25 }, text('data'))],
    ['ipv4: bad header checksum', 'chkerr', changed((p) => { p[8]! ^= 1 })],
    ['ipv4: fragment (no reassembly)', 'fragerr', packetOf({ moreFragments: true }, text('01234567'))],
    ['ipv4: fragment (no reassembly)', 'fragerr', packetOf({ fragmentOffset: 8 }, text('01234567'))],
    ['ipv4: protocol not supported', 'protoerr', packetOf({ protocol: 254 })],
    ['ipv4: not for us', '', packetOf({ destination: '192.0.2.3' })],
    ['ipv4: not for us', '', packetOf({ destination: '192.0.2.0' })],
    ['ipv4: not for us', '', packetOf({ destination: '0.0.0.0' })],
    ['ipv4: group not joined', '', packetOf({ destination: '224.0.0.9' })],
    ['ipv4: destination cannot be on a link', '', packetOf({ destination: '127.0.0.1' })],
    ['ipv4: source is no sender', '', packetOf({ source: '127.0.0.1' })],
    ['ipv4: source is no sender', '', packetOf({ source: '0.0.0.0' })],
    ['ipv4: source is no sender', '', packetOf({ source: '224.0.0.1' })],
    ['ipv4: source is no sender', '', packetOf({ source: '255.255.255.255' })],
    ['ipv4: source is no sender', '', packetOf({ source: '192.0.2.255' })],
    ['ipv4: from our own address', '', packetOf({ source: '192.0.2.1' })],
    ['ipv4: source route', '', packetOf({ options: Uint8Array.of(131, 7, 4, 1, 2, 3, 4, 0) })],
    ['ipv4: malformed option', '', packetOf({ options: Uint8Array.of(7, 9, 4, 0) })],
  ] as const) {
    const h = await host()
    h.wire.receive(bytes)
    assert.equal(h.drops(), { [reason]: 1 })
    const { ipv4, ip_errors } = h.counters()
    assert.is(ipv4?.drop, 1, reason)
    assert.equal(Object.entries(ip_errors!).filter(([, n]) => n > 0).map(([name]) => name), counter === '' ? [] : [counter], reason)
    assert.equal(h.transport.got, [])
    await h.end()
  }
})

test('broadcasts and joined groups are taken, and known for what they are', async () => {
  const h = await host()
  h.ipv4.join(h.iface, address('239.1.1.1'))
  for (const destination of ['255.255.255.255', '192.0.2.255', '224.0.0.1', '239.1.1.1', '192.0.2.1']) h.wire.receive(packetOf({ destination }))
  h.wire.receive(packetOf({ source: '0.0.0.0', destination: '255.255.255.255' }))
  assert.equal(h.transport.got.map((g) => `${g.destination} ${g.multicast}`),
    ['255.255.255.255 true', '192.0.2.255 true', '224.0.0.1 true', '239.1.1.1 true', '192.0.2.1 false', '255.255.255.255 true'])
  await h.end()
  const zero = await host({ acceptZeroBroadcast: true })
  zero.wire.receive(packetOf({ destination: '0.0.0.0' }))
  assert.ok(zero.transport.got[0]?.multicast)
  await zero.end()
})

test('how the link addressed a frame must fit how IP did (RFC 1122 §3.3.6)', async () => {
  const h = await hostOnLan()
  const { wire } = h.add('eth0', '192.0.2.1/24')
  h.l2.wire = wire
  wire.receive(packetOf({}, text('one')), 0)
  wire.receive(packetOf(), 1)
  wire.receive(packetOf(), 2)
  wire.receive(packetOf(), 3)
  wire.receive(packetOf({ destination: '255.255.255.255' }, text('all')), 2)
  assert.equal(h.transport.got.map((g) => g.data), ['one', 'all'])
  assert.equal(h.drops(), { 'ipv4: to one host, but broadcast on the link': 2, 'ipv4: for another station': 1 })
  await h.end()
})

test('an address of ours is ours on every interface (the weak model), but never from a link as source', async () => {
  const h = await hostOnLan()
  const eth0 = h.add('eth0', '192.0.2.1/24')
  h.add('eth1', '198.51.100.1/24')
  eth0.wire.receive(packetOf({ destination: '198.51.100.1' }, text('weak')))
  eth0.wire.receive(packetOf({ source: '198.51.100.1' }))
  eth0.wire.receive(packetOf({ destination: '198.51.100.255' }))
  assert.equal(h.transport.got.map((g) => g.data), ['weak'])
  assert.equal(h.drops(), { 'ipv4: from our own address': 1, 'ipv4: not for us': 1 })
  await h.end()
})

test('the header that is sent is right for every length, type of service and time to live', async () => {
  const h = await host()
  fc.assert(fc.property(fc.nat(1480), fc.nat(255), fc.nat(255), fc.nat(255), (length, trafficClass, hopLimit, protocol) => {
    const route = h.ipv4.route(address('192.0.2.9'), { protocol, trafficClass, hopLimit })!
    const packet = h.buffers.alloc(length, route.headroom)!
    packet.add(length)
    assert.ok(route.send(packet))
    const header = headerOf(h.wire.sent.pop()!)
    assert.equal({ ...header, source: `${header.source}`, destination: `${header.destination}` }, {
      trafficClass, timeToLive: hopLimit, protocol, totalLength: 20 + length, identification: 0, dontFragment: true, moreFragments: false, fragmentOffset: 0,
      source: '192.0.2.1', destination: '192.0.2.9', options: new Uint8Array(0),
    })
    assert.is(route.pseudo, pseudoSum(address('192.0.2.1'), address('192.0.2.9'), protocol))
  }))
  await h.end()
})

test('time to live: 64 for one host and for all, 1 for groups, unless said', async () => {
  const h = await host({ initialTtl: 33 })
  const ttl = (to: string, hopLimit?: number): number => {
    const route = h.ipv4.route(address(to), { protocol: PROTOCOL_TEST, hopLimit })!
    route.send(h.buffers.alloc(0, route.headroom)!)
    return headerOf(h.wire.sent.pop()!).timeToLive
  }
  assert.equal([ttl('192.0.2.9'), ttl('255.255.255.255'), ttl('224.0.0.251'), ttl('224.0.0.251', 255), ttl('192.0.2.9', 0)], [33, 33, 1, 255, 0])
  await h.end()
})

test('what is longer than the link carries, or has no room for the header, is dropped and counted', async () => {
  const h = await host({}, { mtu: 600 })
  const route = h.ipv4.route(address('192.0.2.9'), { protocol: PROTOCOL_TEST })!
  assert.is(route.mtu, 600)
  assert.is(route.maxPayload, 580)
  const packet = (length: number, headroom = route.headroom) => {
    const p = h.buffers.alloc(length, headroom)!
    p.add(length)
    return p
  }
  assert.ok(route.send(packet(580)))
  assert.not.ok(route.send(packet(581)))
  assert.not.ok(route.send(packet(10, 19)))
  assert.equal(h.drops(), { 'ipv4: longer than the link carries': 1, 'ipv4: no room for its header': 1 })
  assert.is(h.counters()['ipv4']!['sent'], 1)
  await h.end()
})

test('a link may be given a smaller MTU than its interface has, and it is taken back', async () => {
  const h = await host({}, { mtu: 1500 })
  const eth0 = h.iface
  const way = (to = '192.0.2.9') => h.ipv4.route(address(to), { protocol: PROTOCOL_TEST })!
  const before = way()
  h.ipv4.setMtu(eth0, 600)
  assert.not(before.valid())
  assert.equal([way().mtu, way('255.255.255.255').mtu, h.ipv4.mtu(eth0), eth0.mtu], [600, 600, 600, 1500])
  assert.is(way('192.0.2.1').maxPayload, 65_515, 'to ourselves nothing is in the way')
  for (const mtu of [67, 1501, 600.5, NaN]) assert.throws(() => h.ipv4.setMtu(eth0, mtu), /cannot be the MTU of IPv4 on .*: give 68 to 1500/, `${mtu}`)
  h.ipv4.setMtu(eth0, 68)
  assert.is(way().maxPayload, 48)
  h.ipv4.setMtu(eth0, undefined)
  assert.is(way().mtu, 1500)
  await h.end()
})

test('a packet to ourselves comes back on a later turn without touching the link', async () => {
  const h = await host()
  const route = h.ipv4.route(address('192.0.2.1'), { protocol: PROTOCOL_TEST })!
  assert.is(`${route.source}`, '192.0.2.1')
  assert.is(route.maxPayload, 65_515)
  const packet = h.buffers.alloc(4, route.headroom)!
  packet.write(text('self'))
  packet.checksum = 1
  let state: number | undefined
  h.transport.take = (p) => {
    state = p.checksum
    p.unref()
  }
  assert.ok(route.send(packet))
  assert.equal(h.transport.got, [])
  h.env.step()
  assert.is(h.transport.got[0]?.data, 'self')
  assert.is(state, 2)
  assert.equal(h.wire.sent, [])
  assert.equal(h.counters()['ipv4'], { recv: 1, sent: 1, drop: 0, forwarded: 0 })
  await h.end()
})

test('whatever arrives: nothing throws, nothing is kept, and everything is accounted for', async () => {
  const h = await hostOnLan()
  const { wire } = h.add('eth0', '192.0.2.1/24')
  h.l2.wire = wire
  const echo = Uint8Array.of(8, 0, 0xf7, 0xfa, 0, 3, 0, 2)
  const quoting = new Uint8Array(8 + 28)
  quoting.set([3, 3])
  quoting.set(packetOf({ source: '192.0.2.1', destination: '192.0.2.2' }, text('quoted..')), 8)
  const seeds = [
    packetOf({}, text('data')), packetOf({ protocol: 1 }, echo), packetOf({ protocol: 1 }, quoting), packetOf({ protocol: 254 }, text('nobody')),
    packetOf({ options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0) }, text('x')), packetOf({ destination: '255.255.255.255', protocol: 1 }, echo),
    packetOf({ moreFragments: true }, text('12345678')),
  ]
  /** Puts checksums right again, so that mutations get past them. */
  const mend = (bytes: Uint8Array, header: boolean, message: boolean): void => {
    const dv = new DataView(bytes.buffer)
    const size = (bytes[0]! & 15) * 4
    const put = (from: number, to: number, at: number): void => {
      dv.setUint16(at, 0)
      dv.setUint16(at, finish(sum(bytes, from, to - from)))
    }
    if (message && size >= 20 && bytes.length >= size + 8) put(size, bytes.length, size + 2)
    if (header && size >= 20 && bytes.length >= size) put(0, size, 10)
  }
  let n = 0
  const mutation = fc.record({ at: fc.nat(80), value: fc.nat(255) })
  fc.assert(fc.property(fc.constantFrom(...seeds), fc.array(mutation, { maxLength: 5 }), fc.nat(80), fc.boolean(), fc.boolean(), fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const),
    (seed, mutations, cut, header, message, cast) => {
      const bytes = seed.slice(0, cut > 60 ? seed.length : Math.max(seed.length - cut, 0))
      for (const { at, value } of mutations) if (at < bytes.length) bytes[at] = value
      if (bytes.length >= 20) mend(bytes, header, message)
      wire.receive(bytes, cast)
      n++
      h.env.advance(20)
      assert.is(h.buffers.live, 0, h.buffers.owners().join())
    }), { numRuns: 5000 })
  const { ipv4 } = h.counters()
  assert.is(ipv4!['recv'], n)
  assert.ok(h.transport.got.length > 0 && h.transport.errors.length > 0 && wire.sent.length > 0, 'the mutations reached everything')
  for (const bytes of wire.sent) headerOf(bytes)
  await h.end()
})

test.run()
