import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { virtual } from '@favonius/clock'
import { address } from '@favonius/inet'
import { PeerTable } from '../src/peer.ts'
import { show } from '../src/wire.ts'
import { datagram, world, type World } from './world.ts'

const test = suite('UDP, the way down')

const check = (title: string, body: (w: World) => void, settings: Parameters<typeof world>[0] = {}): void => test(title, async () => {
  const w = await world(settings)
  body(w)
  await w.end()
})
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

check('what is sent is a datagram, byte for byte, over either family', ({ open, peer, wire, counters }) => {
  const { socket } = open({ port: 7 })
  assert.is(socket.send(bytes('hello'), peer('2001:db8::2', 53)), 'sent')
  assert.is(socket.send(bytes('hello'), peer('192.0.2.2', 53)), 'sent')
  assert.is(socket.send(new Uint8Array(0), peer('192.0.2.2', 53)), 'sent')
  assert.equal(wire.sent[0], datagram({ from: '2001:db8::1', to: '2001:db8::2', sourcePort: 7, port: 53, data: 'hello' }))
  assert.equal(wire.sent[1]!.subarray(20), datagram({ from: '192.0.2.1', to: '192.0.2.2', sourcePort: 7, port: 53, data: 'hello' }).subarray(20))
  assert.is(wire.sent[2]!.length, 28)
  assert.is(counters()['sent'], 3)
})

check('what cannot be sent says why, and holds nothing', ({ open, peer, wire, buffers, stack, tun0 }) => {
  const { socket } = open({ port: 7 })
  assert.is(socket.send(bytes('x'), peer('2001:db8:99::1', 53)), 'unreachable')
  assert.is(socket.send(new Uint8Array(1453), peer('2001:db8::2', 53)), 'too long')
  assert.is(socket.send(new Uint8Array(1452), peer('2001:db8::2', 53)), 'sent')
  assert.is(socket.send(new Uint8Array(65_528), peer('192.0.2.2', 53)), 'too long')
  wire.busy = true
  let sent = 0
  while (socket.send(bytes('x'), peer('2001:db8::2', 53)) === 'sent') sent++
  assert.is(sent, 64, 'the transmit queue takes so many')
  assert.is(buffers.live, 64)
  wire.ready()
  assert.is(buffers.live, 0)
  assert.is(socket.send(bytes('x'), peer('2001:db8::2', 53)), 'sent')
  tun0.down()
  assert.ok(['unreachable', 'dropped'].includes(socket.send(bytes('x'), peer('2001:db8::2', 53))))
  assert.is(stack.netbuf.live, 0)
})

check('no buffer is an answer, not an exception', ({ open, peer, buffers }) => {
  const { socket } = open({ port: 7 })
  const hoard = []
  for (let packet = buffers.alloc(60_000); packet; packet = buffers.alloc(60_000)) hoard.push(packet)
  for (let packet = buffers.alloc(2000); packet; packet = buffers.alloc(2000)) hoard.push(packet)
  for (let packet = buffers.alloc(200); packet; packet = buffers.alloc(200)) hoard.push(packet)
  assert.is(socket.send(bytes('x'), peer('2001:db8::2', 53)), 'no buffer')
  assert.is(socket.lend(1, peer('2001:db8::2', 53)), undefined)
  for (const packet of hoard) packet.unref()
  assert.is(socket.send(bytes('x'), peer('2001:db8::2', 53)), 'sent')
})

check('a lent buffer goes down without a copy', ({ open, peer, wire, buffers }) => {
  const { socket } = open({ port: 7 })
  const to = peer('2001:db8::2', 53)
  const packet = socket.lend(5, to)!
  assert.is(packet.length, 0)
  packet.write(bytes('hello'))
  assert.is(socket.sendBuffer(packet, to), 'sent')
  assert.equal(wire.sent[0], datagram({ from: '2001:db8::1', to: '2001:db8::2', sourcePort: 7, port: 53, data: 'hello' }))
  assert.is(buffers.live, 0)
})

check('busy leaves a lent buffer to its owner; every other answer takes it', ({ open, peer, wire, buffers }) => {
  const { socket } = open({ port: 7 })
  const to = peer('2001:db8::2', 53)
  wire.busy = true
  while (socket.send(bytes('x'), to) === 'sent') { /* fill the queue */ }
  const packet = socket.lend(1, to)!
  packet.add(1)
  assert.is(socket.sendBuffer(packet, to), 'busy')
  assert.is(packet.references, 1)
  wire.ready()
  assert.is(socket.sendBuffer(packet, to), 'sent')
  const lost = socket.lend(1, to)!
  assert.is(socket.sendBuffer(lost, peer('2001:db8:99::1', 53)), 'unreachable')
  const long = buffers.alloc(3000, 64)!
  long.add(1453)
  assert.is(socket.sendBuffer(long, to), 'too long')
  const cramped = buffers.alloc(10, 0)!
  cramped.add(10)
  assert.is(socket.sendBuffer(cramped, to), 'too long', 'there is no room before it for the headers')
  assert.is(socket.lend(1453, to), undefined)
  assert.is(buffers.live, 0)
})

check('a bound address, an interface and a hop limit show in what is sent', ({ open, peer, wires, tun1 }) => {
  const { socket } = open({ port: 7, address: '2001:db8:1::1' })
  socket.iface = tun1
  socket.hopLimit = 3
  socket.trafficClass = 0xb8
  assert.is(socket.send(bytes('x'), peer('2001:db8:1::2', 53)), 'sent')
  const sent = wires[1].sent[0]!
  assert.equal([sent[7], (sent[0]! << 8 | sent[1]!) >> 4 & 0xff], [3, 0xb8])
  assert.equal(sent.subarray(8, 24), datagram({ from: '2001:db8:1::1', to: '::1', port: 1 }).subarray(8, 24))
  socket.hopLimit = 9
  socket.reroute()
  socket.send(bytes('x'), peer('2001:db8:1::2', 53))
  assert.is(wires[1].sent[1]![7], 9)
})

check('a way that is no longer true is found anew', ({ open, peer, wires, stack, tun0, tun1 }) => {
  const { socket } = open({ port: 7 })
  const to = peer('2001:db8:7::1', 53)
  assert.is(socket.send(bytes('x'), to), 'unreachable')
  const route = stack.ipv6.addRoute('2001:db8:7::/48', tun0, 'fe80::2')
  assert.is(socket.send(bytes('x'), to), 'sent')
  stack.ipv6.removeRoute(route)
  stack.ipv6.addRoute('2001:db8:7::/48', tun1, 'fe80::3')
  assert.is(socket.send(bytes('x'), to), 'sent')
  assert.equal(wires.map(({ sent }) => sent.length), [1, 1])
})

// ---- peers ----

check('a peer is one object for as long as it is remembered, and a stranger to other stacks', ({ open, hear, peer, udp }) => {
  const ear = open({ port: 7 })
  const known = peer('2001:db8::2', 5000)
  hear({ from: '2001:db8::2', to: '2001:db8::1', port: 7 })
  assert.is(ear.from[0], known)
  assert.is(known.udp, udp)
  assert.is.not(peer('2001:db8::2', 5001), known)
  assert.is.not(peer('::ffff:192.0.2.2', 5000), peer('192.0.2.2', 5000), 'a mapped address is for callers to unmap')
  assert.equal([known.address, `${known}`], ['2001:db8::2', '[2001:db8::2]:5000'])
  assert.equal([peer('fe80::2%tun1', 1).address, `${peer('192.0.2.2', 5)}`], ['fe80::2%tun1', '192.0.2.2:5'])
})

test('the table of peers is bounded: the older half makes room for new ones', () => {
  const table = new PeerTable({}, 8, String)
  const first = Array.from({ length: 8 }, (_, n) => table.of(address(`192.0.2.${n}`), 5))
  assert.is(table.of(address('192.0.2.0'), 5), first[0], 'heard of again, and so the youngest')
  table.of(address('192.0.2.100'), 5)
  assert.is(table.size, 5)
  for (const n of [0, 5, 6, 7]) assert.is(table.find(address(`192.0.2.${n}`), 5), first[n])
  for (const n of [1, 2, 3, 4]) assert.is(table.find(address(`192.0.2.${n}`), 5), undefined)
})

test('a large table still finds everyone, and never holds more than its limit', () => {
  const { random } = virtual({ seed: 4 })
  const table = new PeerTable({}, 1000, String)
  for (let n = 0; n < 20_000; n++) {
    const word = random.uint32()
    const peer = table.of(address(`10.${word & 255}.${word >> 8 & 3}.1`), 5 + (word >> 16 & 1))
    assert.is(table.of(peer.ip, peer.port), peer)
    assert.ok(table.size <= 1000)
  }
})

check('a borrowed address is copied: a peer does not change under its holder', ({ open, hear }) => {
  const ear = open({ port: 7 })
  hear({ from: '2001:db8::2', to: '2001:db8::1', port: 7 })
  hear({ from: '2001:db8::3', to: '2001:db8::1', port: 7 })
  assert.equal(ear.from.map(({ address }) => address), ['2001:db8::2', '2001:db8::3'])
})

// ---- for people ----

test('show prints one line, whatever it is given', () => {
  assert.is(show(datagram({ from: '2001:db8::2', to: '2001:db8::1', port: 7, data: 'hello' }).subarray(40)), 'UDP 5000 > 7, length 5')
  assert.is(show(datagram({ from: '192.0.2.2', to: '192.0.2.1', port: 7, length: 99 }).subarray(20)), 'UDP 5000 > 7, length 4 (length field 99)')
  assert.is(show(new Uint8Array(7)), 'UDP: only 7 bytes')
})

test.run()
