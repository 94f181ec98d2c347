/** What is sent in fragments, and path MTU discovery, which says how large they may be. */

import type { NetBuf, Route } from '@favonius/contract'
import { address, pseudoSum, readAddress, sum } from '@favonius/inet'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { bytes, frame, message, packet } from './craft.ts'
import { datagram, PEER, pieces, US, world, type World } from './pieces.ts'

const test = suite('ipv6: larger than the path')
const udp = { protocol: 17 }
const ROUTER = '2001:db8::5'

/** A UDP datagram as a transport makes it, its checksum partial. */
function make(w: World, route: Route, payload: number): NetBuf {
  const made = datagram(payload, US, PEER)
  const packet = w.stack.netbuf.alloc(made.length, route.headroom)!
  packet.write(made)
  packet.dv.setUint16(packet.offset + 6, (pseudoSum(address(US), address(PEER), 17) + made.length) % 0xffff)
  packet.checksum = 1
  packet.checksumStart = packet.offset
  packet.checksumAt = packet.offset + 6
  return packet
}

const send = (w: World, payload: number, options = {}): boolean => {
  const route = w.stack.ipv6.route(address(PEER), { ...udp, ...options })!
  return route.send(make(w, route, payload))
}

interface Seen {
  readonly length: number
  readonly next: number
  readonly at: number
  readonly more: boolean
  readonly id: number
  readonly data: Uint8Array
}

/** The fragment header at `at` of a packet. */
function seen(sent: Uint8Array, at = 40): Seen {
  const dv = new DataView(sent.buffer, sent.byteOffset, sent.length)
  const field = dv.getUint16(at + 2)
  return { length: sent.length, next: sent[at]!, at: field & 0xfff8, more: (field & 1) === 1, id: dv.getUint32(at + 4), data: sent.subarray(at + 8) }
}

const joined = (all: readonly Seen[]): Uint8Array => bytes(...all.map(({ data }) => data))

/** A Packet Too Big about a datagram of ours. */
const tooBig = (mtu: number, about: Uint8Array, to = US): Uint8Array =>
  message(ROUTER, to, 2, 0, bytes(mtu >>> 24, (mtu >> 16) & 255, (mtu >> 8) & 255, mtu & 255, about.subarray(0, 1232)), 64)
const ours = (payload: number, destination = PEER): Uint8Array => packet({ source: US, destination, next: 17, payload: datagram(payload, US, destination) })

test('RFC 8200 §4.5: a datagram leaves in fragments that fit, all but the last a multiple of 8', async () => {
  const w = await world()
  assert.ok(send(w, 4000, { hopLimit: 9, trafficClass: 0xb8 }))
  w.env.advance(5)
  const sent = w.sent()
  const all = sent.map((each) => seen(each))
  assert.equal(all.map(({ length, next, at, more }) => `${length} ${next} ${at}${more ? '+' : ''}`), ['1496 17 0+', '1496 17 1448+', '1160 17 2896'])
  assert.equal(joined(all), datagram(4000, US, PEER), 'the checksum was finished before it was cut')
  assert.is(new Set(all.map(({ id }) => id)).size, 1)
  for (const each of sent) {
    assert.equal([...each.subarray(0, 2), each[6], each[7]], [0x6b, 0x80, 44, 9])
    assert.equal([String(readAddress(new DataView(each.buffer, each.byteOffset), 8, 6)), String(readAddress(new DataView(each.buffer, each.byteOffset), 24, 6))], [US, PEER])
  }
  await w.end()
})

test('what fits goes whole; 65 535 bytes are the most', async () => {
  const w = await world()
  assert.ok(send(w, 1452))
  assert.is(w.sent()[0]![6], 17)
  assert.ok(send(w, 65_527))
  assert.equal(joined(w.sent().map((each) => seen(each))), datagram(65_527, US, PEER))
  const route = w.stack.ipv6.route(address(PEER), udp)!
  const long = w.stack.netbuf.alloc(65_536, route.headroom)!
  long.add(65_536)
  assert.not.ok(route.send(long))
  assert.equal(w.drops(), { 'longer than the path carries': 1 })
  await w.end()
})

test('RFC 7739 §5.2: an identification says nothing of the next one', async () => {
  const w = await world()
  const ids = Array.from({ length: 200 }, () => {
    send(w, 2000)
    return seen(w.sent()[0]!).id
  })
  assert.is(new Set(ids).size, 200)
  const steps = new Set(ids.slice(1).map((id, i) => (id - ids[i]!) >>> 0))
  assert.is(steps.size, 199)
  assert.ok(ids.some((id) => id > 2 ** 31) && ids.some((id) => id < 2 ** 31))
  await w.end()
})

test('RFC 8200 §4.5: what every hop reads stands before the fragment header, in each fragment', async () => {
  const w = await world()
  const hopByHop = bytes(0, 0, 5, 2, 0, 0, 1, 0)
  w.stack.ipv6.registerNextHop((to) => (String(to) === PEER ? { iface: w.eth0, address: to, hopByHop } : undefined))
  assert.ok(send(w, 3000))
  const sent = w.sent()
  for (const each of sent) {
    assert.is(each[6], 0)
    assert.equal(each.subarray(40, 48), bytes(44, hopByHop.subarray(1)))
    assert.ok(each.length <= 1500)
  }
  assert.equal(joined(sent.map((each) => seen(each, 48))), datagram(3000, US, PEER))
  await w.end()
})

test('all fragments or none: when buffers are short, nothing is sent', async () => {
  const w = await world({ quota: 128 * 1024 })
  assert.not.ok(send(w, 60_000))
  assert.equal(w.sent(), [])
  assert.equal(w.drops(), { 'no buffers to send fragments': 1 })
  assert.is(w.stack.netbuf.live, 0)
  assert.ok(send(w, 20_000))
  assert.is(w.sent().length, 14)
  await w.end()
})

test('when a fragment cannot leave, those after it do not', async () => {
  const w = await world()
  const taken: NetBuf[] = []
  const carry = w.station.transmit.bind(w.station)
  w.station.transmit = (frame) => taken.length < 3 ? (taken.push(frame), true) : false
  // Three with the device, 64 in the queue.
  assert.ok(send(w, 60_000))
  assert.not.ok(send(w, 60_000))
  assert.is(Object.values(w.drops()).reduce((sum, n) => sum + n, 0), 1)
  assert.is(w.stack.netbuf.live, 3 + 64)
  for (const each of taken) each.unref()
  w.station.transmit = carry
  await w.end()
})

test('a large echo request comes back, in fragments both ways, without a copy of what came', async () => {
  const w = await world()
  const request = message(PEER, US, 128, 0, bytes(0, 1, 0, 1, new Uint8Array(4000).fill(0xab)), 64)
  const cut = pieces(request.subarray(40), [1448, 2896], { next: 58 })
  assert.is(w.hear(...cut.reverse()).length, 3)
  const reply = joined(w.sent().map((each) => seen(each)))
  assert.equal(reply.subarray(4), request.subarray(44))
  assert.is(reply[0], 129)
  assert.is(sum(reply, 0, reply.length, pseudoSum(address(US), address(PEER), 58) + reply.length), 0xffff)
  await w.end()
})

// ---- path MTU ----

test('RFC 8201 §4: Packet Too Big lowers the path, and the next packet fits', async () => {
  const w = await world()
  const route = w.stack.ipv6.route(address(PEER), udp)!
  w.hear(tooBig(1400, ours(1452)))
  assert.not.ok(route.valid())
  const narrow = w.stack.ipv6.route(address(PEER), udp)!
  assert.is(narrow.mtu, 1400)
  assert.is(w.stack.ipv6.route(address('2001:db8::98'), udp)!.mtu, 1500, 'of that path alone')
  assert.equal(w.udp.told, ['EMSGSIZE 1400'])
  w.sent()
  narrow.send(make(w, narrow, 3000))
  assert.equal(w.sent().map(({ length }) => length), [1400, 1400, 352])
  await w.end()
})

test('a Packet Too Big about the first fragment counts too', async () => {
  const w = await world()
  send(w, 4000)
  w.hear(tooBig(1300, w.sent()[0]!))
  assert.is(w.stack.ipv6.route(address(PEER), udp)!.mtu, 1300)
  await w.end()
})

test('RFC 8201 §4: a message never raises it, nor lowers it below 1280', async () => {
  const w = await world()
  const mtu = (): number => w.stack.ipv6.route(address(PEER), udp)!.mtu
  w.hear(tooBig(1279, ours(1452)))
  assert.is(mtu(), 1500)
  w.hear(tooBig(0, ours(1452)), tooBig(1350, ours(1452)), tooBig(1450, ours(1452)))
  assert.is(mtu(), 1350)
  w.hear(tooBig(1280, ours(1452)))
  assert.is(mtu(), 1280)
  assert.equal(w.drops(), { 'packet too big for less than 1280': 2 })
  await w.end()
})

test('lies change nothing: about what we did not send, what was not too big, and what its transport disowns', async () => {
  const w = await world()
  const { generation } = w.stack.ip
  w.hear(tooBig(1400, packet({ source: '2001:db8::77', destination: PEER, next: 17, payload: datagram(1452) })))
  w.hear(tooBig(1400, ours(1352)), tooBig(0xffffffff, ours(1352)))
  w.hear(tooBig(1400, ours(1452).subarray(0, 39)))
  w.udp.knows = false
  w.hear(tooBig(1400, ours(1452)))
  assert.is(w.stack.ip.generation, generation)
  assert.equal(w.stack.ipv6Pmtu.paths, [])
  assert.equal(w.drops(), { 'error about nothing of ours': 3, 'packet too big, but it is not': 2 })
  w.udp.knows = true
  w.hear(tooBig(1400, ours(1452)))
  assert.is(w.stack.ipv6Pmtu.paths.length, 1)
  await w.end()
})

test('a lie about a ping that we never sent changes no path; the truth does, and ends the wait for that ping', async () => {
  const w = await world()
  const request = (identifier: number, sequence: number, destination = PEER): Uint8Array =>
    message(US, destination, 128, 0, bytes(identifier >> 8, identifier & 255, sequence >> 8, sequence & 255, new Uint8Array(1400)), 64)
  w.hear(tooBig(1300, request(1, 1)))
  const ping = w.stack.ipv6.ping(PEER, { size: 1400, timeout: 60_000 })
  w.env.advance(5)
  const asked = w.sent().find((each) => each[40] === 128)!
  const identifier = new DataView(asked.buffer, asked.byteOffset).getUint16(44)
  w.hear(
    tooBig(1300, request(identifier ^ 1, 1)), tooBig(1300, request(identifier, 2)), tooBig(1300, request(identifier, 0)),
    tooBig(1300, request(identifier, 1, '2001:db8::98')), tooBig(1300, asked.subarray(0, 47)),
  )
  assert.equal(w.stack.ipv6Pmtu.paths, [])
  assert.equal(w.drops(), { 'error about nothing of ours': 6 })
  w.hear(tooBig(1300, asked))
  assert.equal(w.stack.ipv6Pmtu.paths.map(({ destination, mtu }) => `${destination} ${mtu}`), [`${PEER} 1300`])
  const before = w.env.clock.now()
  assert.equal(await w.env.run(() => ping), { sent: 1, received: 0, roundTrips: [], from: undefined })
  assert.is(w.env.clock.now(), before, 'nothing more is waited for')
  // What goes in fragments is known by the first of them.
  const large = w.stack.ipv6.ping(PEER, { size: 4000, timeout: 60_000 })
  w.env.advance(5)
  w.hear(tooBig(1280, w.sent()[0]!))
  assert.equal(w.stack.ipv6Pmtu.paths.map(({ mtu }) => mtu), [1280])
  assert.is((await w.env.run(() => large)).received, 0)
  await w.end()
})

test('nobody on the link answers for who is pinged: that ends the wait, too', async () => {
  const w = await world()
  const { received } = await w.env.run(() => w.stack.ipv6.ping('2001:db8::42', { timeout: 60_000 }))
  assert.is(received, 0)
  assert.ok(w.env.clock.now() < 20_000, `${w.env.clock.now()} ms`)
  await w.end()
})

test('RFC 8201 §5.3: after ten minutes the path is tried anew', async () => {
  const w = await world()
  w.hear(tooBig(1400, ours(1452)))
  w.env.advance(300_000)
  w.hear(tooBig(1300, ours(1452, '2001:db8::98')))
  const mtus = (): (number | undefined)[] => [PEER, '2001:db8::98'].map((to) => w.stack.ipv6.route(address(to), udp)!.mtu)
  assert.equal(mtus(), [1400, 1300])
  w.env.advance(299_900)
  assert.equal(mtus(), [1400, 1300])
  const kept = w.stack.ipv6.route(address(PEER), udp)!
  w.env.advance(200)
  assert.not.ok(kept.valid())
  assert.equal(mtus(), [1500, 1300])
  w.env.advance(300_000)
  assert.equal(mtus(), [1500, 1500])
  await w.end()
})

test('2000 paths: those lowered last are remembered', async () => {
  const w = await world({ pmtu: { maxPaths: 8 } })
  for (let n = 0; n < 2000; n++) w.station.receive(frame(tooBig(1400, ours(1452, `2001:db8:1::${(n + 1).toString(16)}`)), w.station.address))
  assert.equal(w.stack.ipv6Pmtu.paths.map(({ destination }) => String(destination)), Array.from({ length: 8 }, (_, i) => `2001:db8:1::${(1993 + i).toString(16)}`))
  await w.end()
})

test.run()
