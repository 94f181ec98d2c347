/** What is sent in fragments, and path MTU discovery, which says how large a whole packet may be. */

import type { NetBuf, Route } from '@favonius/contract'
import { address, fold, pseudoSum, sum } from '@favonius/inet'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { Identifications } from '../src/fragments/identification.ts'
import { icmp } from './craft.ts'
import { headerOf, packetOf } from './net.ts'
import { pattern, PEER, US, world, type World } from './pieces.ts'

const test = suite('ipv4: larger than the path')
const udp = { protocol: 17 }
const FAR = '198.51.100.9'
const ROUTER = '192.0.2.2'

/** A UDP datagram as a transport makes it, its checksum partial. */
function make(w: World, route: Route, payload: number): NetBuf {
  const packet = w.stack.netbuf.alloc(payload + 8, route.headroom)!
  const at = packet.add(8)
  packet.dv.setInt32(at, 0x3039_1092)
  packet.dv.setInt32(at + 4, ((payload + 8) << 16) | fold(route.pseudo + payload + 8))
  packet.write(pattern(payload))
  packet.checksum = 1
  packet.checksumStart = at
  packet.checksumAt = at + 6
  return packet
}

const send = (w: World, payload: number, to = FAR, options = {}): boolean => {
  const route = w.stack.ipv4.route(address(to), { ...udp, ...options })!
  return route.send(make(w, route, payload))
}

/** Fragmentation Needed about a datagram of ours. */
const needed = (mtu: number, about: Uint8Array, code = 4): Uint8Array =>
  packetOf({ source: ROUTER, protocol: 1 }, icmp(3, code, mtu, about.subarray(0, 548)))
const ours = (length: number, destination = FAR, dontFragment = true): Uint8Array =>
  packetOf({ source: US, destination, protocol: 17, dontFragment }, pattern(length - 20))

test('RFC 791 §3.2: a datagram leaves in fragments that fit, and may be cut further', async () => {
  const w = await world()
  assert.ok(send(w, 4000, FAR, { hopLimit: 9, trafficClass: 0xb8 }))
  const headers = w.wire.sent.map(headerOf)
  assert.equal(headers.map((h) => `${h.totalLength} ${h.fragmentOffset}${h.moreFragments ? '+' : ''} ${h.dontFragment}`), ['1500 0+ false', '1500 1480+ false', '1068 2960 false'])
  assert.is(new Set(headers.map(({ identification }) => identification)).size, 1)
  for (const h of headers) assert.equal(`${h.source} ${h.destination} ${h.protocol} ${h.timeToLive} ${h.trafficClass}`, `${US} ${FAR} 17 9 184`)
  const data = Uint8Array.from(w.wire.sent.flatMap((each) => [...each.subarray(20)]))
  assert.equal(data.subarray(8), pattern(4000))
  assert.is(sum(data, 0, data.length, pseudoSum(address(US), address(FAR), 17) + data.length), 0xffff, 'the checksum was finished before it was cut')
  await w.end()
})

test('RFC 6864 §4.1: what goes whole is atomic; 65 515 bytes are the most', async () => {
  const w = await world()
  assert.ok(send(w, 1472))
  assert.equal([headerOf(w.wire.sent[0]!).dontFragment, headerOf(w.wire.sent[0]!).identification], [true, 0])
  w.wire.sent.length = 0
  assert.ok(send(w, 65_507))
  assert.is(w.wire.sent.length, 45)
  assert.not.ok(send(w, 65_508))
  assert.is(w.stack.ipv4.route(address(FAR), udp)!.maxPayload, 65_515)
  assert.equal(w.drops(), { 'longer than the link carries': 1 })
  await w.end()
})

test('RFC 6864 §4.3: a flow does not use an identification again soon, and no flow tells of another', () => {
  let seed = 1
  const random = { uint32: () => (seed = Math.imul(seed, 1_664_525) + 1_013_904_223 >>> 0), fill: (into: Uint8Array) => into }
  const ids = new Identifications(random)
  const [a, b, c] = [US, FAR, PEER].map((text) => address(text)) as [ReturnType<typeof address>, ReturnType<typeof address>, ReturnType<typeof address>]
  const seen = new Set(Array.from({ length: 65_536 }, () => ids.next(a, b, 17)))
  assert.is(seen.size, 65_536)
  const starts = new Set([ids.next(a, c, 17), ids.next(a, b, 1), ids.next(c, b, 17), ids.next(a, b, 17)])
  assert.is(starts.size, 4)
  for (let n = 0; n < 1000; n++) ids.next(a, address(`203.0.113.${n % 256}`), n >> 8)
})

test('all fragments or none: when buffers are short, nothing is sent', async () => {
  const w = await world({ quota: 128 * 1024 })
  assert.not.ok(send(w, 60_000))
  assert.equal(w.wire.sent, [])
  assert.equal(w.drops(), { 'no buffers to send fragments': 1 })
  assert.is(w.stack.netbuf.live, 0)
  await w.end()
})

test('one feature for each: a second says so, and what one gives back another may take', async () => {
  const w = await world()
  const { ipv4 } = w.stack
  assert.throws(() => ipv4.registerFragments(() => {}), /two features take IPv4 fragments/)
  assert.throws(() => ipv4.registerOversize(() => true), /two features send IPv4 packets/)
  assert.throws(() => ipv4.registerPathMtu(() => 1), /two features know path MTUs/)
  assert.throws(() => ipv4.registerIcmp(3, () => {}), /two features handle ICMP type 3/)
  const seen: number[] = []
  const withdraw = ipv4.registerIcmp(13, (packet) => {
    seen.push(packet.u8[packet.offset]!)
    packet.unref()
  })
  w.hear(packetOf({ protocol: 1 }, icmp(13, 0, 0, pattern(12))))
  withdraw()
  w.hear(packetOf({ protocol: 1 }, icmp(13, 0, 0, pattern(12))))
  assert.equal([seen, w.drops()], [[13], { 'type not supported': 1 }])
  await w.end()
})

// ---- path MTU ----

test('RFC 1191 §6.1: Fragmentation Needed lowers the path, and the next packet fits', async () => {
  const w = await world()
  const route = w.stack.ipv4.route(address(FAR), udp)!
  w.hear(needed(1400, ours(1500)))
  assert.not.ok(route.valid())
  assert.is(w.stack.ipv4.route(address(FAR), udp)!.mtu, 1400)
  assert.is(w.stack.ipv4.route(address('198.51.100.8'), udp)!.mtu, 1500, 'of that path alone')
  assert.equal(w.transport.told, ['EMSGSIZE 1400'])
  send(w, 3000)
  assert.equal(w.wire.sent.map((each) => each.length), [1396, 1396, 276])
  w.hear(needed(1450, ours(1500)))
  assert.is(w.stack.ipv4.route(address(FAR), udp)!.mtu, 1400, 'a message never raises it')
  await w.end()
})

test('RFC 1191 §5: a router that does not say for what is taken for the next plateau', async () => {
  const w = await world()
  const mtus = [1500, 1492, 1006].map((length) => {
    w.hear(needed(0, ours(length)))
    return w.stack.ipv4.route(address(FAR), udp)!.mtu
  })
  assert.equal(mtus, [1492, 1006, 552], 'and never below what is believed')
  await w.end()
})

test('lies change nothing: about what we did not send, what fits, what may be cut, and what its transport disowns', async () => {
  const w = await world()
  const { generation } = w.stack.ip
  w.hear(needed(1400, packetOf({ source: '192.0.2.77', destination: FAR, protocol: 17 }, pattern(1480))))
  w.hear(needed(1400, ours(1400)), needed(1400, ours(1500, FAR, false)), needed(1400, ours(1500).subarray(0, 19)))
  w.hear(needed(1400, ours(1500), 1))
  w.transport.knows = false
  w.hear(needed(1400, ours(1500)))
  // Nobody pings.
  w.hear(needed(1400, packetOf({ source: US, destination: FAR, protocol: 1 }, icmp(8, 0, 1, pattern(1472)))))
  assert.is(w.stack.ip.generation, generation)
  assert.equal(w.stack.ipv4Pmtu.paths, [])
  assert.equal(w.drops(), { 'error about nothing of ours': 4, 'fragmentation needed, but it is not': 2 })
  w.transport.knows = true
  w.hear(needed(68, ours(1500)))
  assert.equal(w.stack.ipv4Pmtu.paths.map(({ mtu }) => mtu), [552])
  await w.end()
})

test('RFC 1191 §6.3: after ten minutes the path is tried anew; 68 is believed where that is asked for', async () => {
  const w = await world({ pmtu: { minimum: 68, maxPaths: 4 } })
  w.hear(needed(100, ours(1500)))
  assert.is(w.stack.ipv4.route(address(FAR), udp)!.mtu, 100)
  send(w, 200)
  assert.equal(w.wire.sent.splice(0).map((each) => each.length), [100, 100, 68])
  w.env.advance(600_100)
  assert.is(w.stack.ipv4.route(address(FAR), udp)!.mtu, 1500)
  for (let n = 0; n < 1000; n++) w.hear(needed(1400, ours(1500, `198.51.${n >> 8}.${n & 255}`)))
  assert.is(w.stack.ipv4Pmtu.paths.length, 4)
  await w.end()
})

test.run()
