/** A router between two links: a — r — b, and what it says to those who ask too much. */

import { sleep } from '@favonius/clock'
import type { IcmpError } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet/bare'
import { address } from '@favonius/inet'
import { ip } from '@favonius/ip'
import { ipv6, type Neighbor } from '@favonius/ipv6'
import { ipv6Forwarding } from '@favonius/ipv6/forwarding'
import { ipv6Fragments } from '@favonius/ipv6/fragments'
import { ipv6Pmtu } from '@favonius/ipv6/pmtu'
import { show } from '@favonius/ipv6/wire'
import { simulate } from '@favonius/sim'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import * as assert from 'uvu/assert'
import { a16, bytes, echo, frame, message, packet } from './craft.ts'

const test = suite('ipv6: forwarding')

const A = '2001:db8:a::2'
const B = '2001:db8:b::2'
const RA = '2001:db8:a::1'
const RB = '2001:db8:b::1'

const host = [ethernet(), ipv6({ maxAddresses: 4 }), ipv6Fragments(), ipv6Pmtu(), udp()] as const
const router = [...host, ip({ maxRoutes: 32 }), ipv6Forwarding()] as const

/** a on one link, b on another, r on both; each host's gateway is r. */
async function world({ mtu = 1500, features = router as typeof router } = {}) {
  const net = simulate({ seed: 5 })
  const [left, right] = [net.ethernet({ latency: 1 }), net.ethernet({ latency: 1, mtu })]
  const a = net.node('a', host, left)
  const b = net.node('b', host, right)
  const r = net.node('r', features, left, right)
  const [ra, rb] = [r.interfaces[0]!, r.interfaces[1]!]
  a.stack.ipv6.addAddress(a.iface, `${A}/64`)
  b.stack.ipv6.addAddress(b.iface, `${B}/64`)
  r.stack.ipv6.addAddress(ra, `${RA}/64`)
  r.stack.ipv6.addAddress(rb, `${RB}/64`)
  a.stack.ipv6.setGateway(a.iface, RA)
  b.stack.ipv6.setGateway(b.iface, RB)
  await net.run(() => Promise.all([a.iface.up(), b.iface.up(), ra.up(), rb.up()]))
  const attacker = left.device()
  const heard: Uint8Array[] = []
  return {
    net, left, right, a, b, r, ra, rb,
    counters: () => r.stack.netif.statistics().counters,
    drops: () => r.stack.netif.statistics().drops,
    /** Sends packets to the router from a station on the left, 2001:db8:a::99, and returns what comes back to it. */
    async ask(...packets: readonly Uint8Array[]): Promise<string[]> {
      attacker.start({
        frame(got) {
          if (got.dv.getUint16(got.offset + 12) === 0x86dd) heard.push(got.view().slice(14))
          got.unref()
        },
        ready() {}, carrier() {}, lost() {},
      }, r.stack.netif.buffers)
      r.stack.nd.add(ra, address('2001:db8:a::99'), attacker.address)
      r.stack.nd.add(ra, address('fe80::99'), attacker.address)
      for (const each of packets) {
        const made = r.stack.netif.buffers.alloc(each.length + 14, 0)!
        made.write(frame(each, ra.address, attacker.address))
        attacker.transmit(made)
      }
      await net.run(() => sleep(net.env, 10))
      return heard.splice(0).map((each) => show(each))
    },
  }
}

type World = Awaited<ReturnType<typeof world>>

test('pings pass both ways, with one hop less, and are counted', async () => {
  const w = await world()
  const hops: number[] = []
  w.b.stack.netif.tap({ frame: (_iface, { u8, offset, dv }, way) => { if (way === 'in' && dv.getUint16(offset + 12) === 0x86dd && u8[offset + 54] === 128) hops.push(u8[offset + 21]!) }, dropped() {} })
  await w.net.run(async () => {
    assert.is((await w.a.stack.ipv6.ping(B, { count: 3 })).received, 3)
    assert.is((await w.b.stack.ipv6.ping(A, { count: 3 })).received, 3)
  })
  assert.equal(hops, [63, 63, 63])
  assert.is(w.counters()['ipv6']!['forwarded'], 12)
  await w.net.stop()
  assert.is(w.net.env.armed, 0)
})

test('without the feature nothing passes', async () => {
  const w = await world({ features: host as unknown as typeof router })
  await w.net.run(async () => assert.is((await w.a.stack.ipv6.ping(B)).received, 0))
  assert.is(w.drops()['ipv6: not for us'], 1)
  await w.net.stop()
})

/** Errors about a datagram from a to b, as its socket is told of them. */
async function sendFrom(w: World, hopLimit: number | undefined, to = B, size = 10): Promise<IcmpError[]> {
  const errors: IcmpError[] = []
  const { stack } = w.a
  const socket = stack.udp.open({ address: address('::'), port: 0, v6only: true, reuse: false, iface: undefined }, { receive: (packet) => packet.unref(), error: (error) => void errors.push(error) })
  socket.hopLimit = hopLimit
  await w.net.run(async () => {
    await stack.ipv6.ping(RA)
    socket.send(new Uint8Array(size), stack.udp.peer(address(to), 4242))
    await sleep(w.net.env, 5000)
  })
  socket.close()
  return errors
}

test('RFC 4443 §3.3: the last hop is the router\'s, who says so', async () => {
  const w = await world()
  const [exceeded] = await sendFrom(w, 1)
  assert.is(exceeded?.message, 'hop limit exceeded in transit')
  assert.is(String(exceeded?.from), RA)
  assert.is(w.drops()['ipv6: hop limit exceeded in transit'], 1)
  const [refused] = await sendFrom(w, 2)
  assert.is(refused?.code, 'ECONNREFUSED')
  assert.is(String(refused?.from), B)
  await w.net.stop()
})

test('RFC 4443 §3.1: no route, and a neighbour that does not answer', async () => {
  const w = await world()
  const [nowhere] = await sendFrom(w, undefined, '2001:db8:c::1')
  assert.is(nowhere?.message, 'no route to destination')
  const silent = await sendFrom(w, undefined, '2001:db8:b::77')
  assert.equal(silent.map(({ message, from }) => `${message}, says ${from}`), [`address unreachable, says ${RA}`])
  await w.net.stop()
})

test('RFC 8200 §5: too big for the next link is said, once, and then all fits', async () => {
  const w = await world({ mtu: 1400 })
  await w.net.run(async () => {
    await w.a.stack.ipv6.ping(B)
    assert.is((await w.a.stack.ipv6.ping(B, { size: 1440 })).received, 0)
    assert.is((await w.a.stack.ipv6.ping(B, { count: 3, size: 1440 })).received, 3)
  })
  assert.equal(w.a.stack.ipv6Pmtu.paths.map(({ destination, mtu }) => `${destination} ${mtu}`), [`${B} 1400`])
  assert.is(w.drops()['ipv6: too big for the next link'], 1)
  await w.net.stop()
})

test('RFC 4291 §2.5.6, RFC 4007 §9: link-local addresses stay on their link', async () => {
  const w = await world()
  const [beyond] = await w.ask(echo('fe80::99', B))
  assert.match(beyond!, / > fe80::99: ICMPv6, beyond scope of source address/)
  assert.is(w.drops()['ipv6: beyond the scope of its addresses'], 1)
  await w.ask(echo('2001:db8:a::99', 'fe80::1234'), packet({ source: '::', destination: B, next: 59, payload: bytes() }))
  assert.is(w.drops()['ipv6: beyond the scope of its addresses'], 3)
  assert.is(w.counters()['ipv6']!['forwarded'], 0)
  await w.net.stop()
})

test('RFC 8200 §4.3: hop-by-hop options are the router\'s too; other headers are not', async () => {
  const w = await world()
  const options = (...type: number[]): Uint8Array => bytes(17, 0, type, new Uint8Array(6 - type.length))
  const datagram = bytes(0, 1, 0x10, 0x92, 0, 8, 0, 0)
  const hopByHop = (option: Uint8Array): Uint8Array => packet({ source: '2001:db8:a::99', destination: B, next: 0, payload: bytes(option, datagram) })
  // Skipped; router alert; to be discarded; to be reported.
  assert.equal(await w.ask(hopByHop(options(0x1e, 4, 0, 0, 0, 0)), hopByHop(options(5, 2, 0, 0, 1, 0)), hopByHop(options(0x5e, 4, 0, 0, 0, 0))), [])
  const toB = (): number => w.r.stack.netif.statistics(w.rb).counters['ipv6']!['forwarded']!
  assert.is(toB(), 2)
  const [problem] = await w.ask(hopByHop(options(0x9e, 4, 0, 0, 0, 0)))
  assert.is(problem, `${RA} > 2001:db8:a::99: ICMPv6, parameter problem, unrecognized IPv6 option, pointer 42, length 64`)
  // A routing header, and destination options that nobody knows, are for the destination.
  await w.ask(packet({ source: '2001:db8:a::99', destination: B, next: 43, payload: bytes(17, 0, 0, 1, 0, 0, 0, 0, datagram) }),
    packet({ source: '2001:db8:a::99', destination: B, next: 60, payload: bytes(17, 0, 0x9e, 4, 0, 0, 0, 0, datagram) }))
  assert.is(toB(), 4)
  // A hop-by-hop header that is cut short.
  await w.ask(packet({ source: '2001:db8:a::99', destination: B, next: 0, payload: bytes(17, 0, 1) }), packet({ source: '2001:db8:a::99', destination: B, next: 0, payload: bytes(17, 9, 1, 4, 0, 0, 0, 0) }))
  assert.is(w.drops()['ipv6: extension header cut short'], 2)
  await w.net.stop()
})

test('errors are limited in rate, whatever is asked', async () => {
  const w = await world()
  const said = await w.ask(...Array.from({ length: 200 }, (_, i) => echo('2001:db8:a::99', '2001:db8:c::1', 1, i)))
  const { icmpErrorBurst } = w.r.stack.ipv6.settings
  assert.is(said.length, icmpErrorBurst)
  assert.is(w.drops()['ipv6: no route to forward it by'], 200)
  assert.is(w.counters()['icmp']!['limited'], 200 - icmpErrorBurst)
  await w.net.stop()
})

test('what all on the link were sent is not passed on', async () => {
  const w = await world()
  const inner = echo('2001:db8:a::99', B)
  const station = w.left.device()
  const made = w.r.stack.netif.buffers.alloc(inner.length + 14, 0)!
  made.write(bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x77, 0x86, 0xdd, inner))
  station.start({ frame: (got) => got.unref(), ready() {}, carrier() {}, lost() {} }, w.r.stack.netif.buffers)
  station.transmit(made)
  await w.net.run(() => w.a.stack.ipv6.ping(RA))
  assert.is(w.drops()['ipv6: not for us'], 1)
  assert.is(w.counters()['ipv6']!['forwarded'], 0)
  await w.net.stop()
})

test('RFC 4861 §4.4, RFC 4291 §2.8: a router says that it is one, and hears what is for all routers', async () => {
  const w = await world()
  await w.net.run(async () => {
    assert.is((await w.a.stack.ipv6.ping('ff02::2', { iface: w.a.iface })).received, 1)
    await w.a.stack.ipv6.ping(RA)
  })
  assert.ok(w.a.stack.nd.find(w.a.iface, address(RA))?.isRouter)
  w.r.stack.ipv6Forwarding.setForwarding(w.ra, false)
  assert.not.ok(w.r.stack.ipv6Forwarding.forwards(w.ra))
  await w.net.run(async () => {
    assert.is((await w.a.stack.ipv6.ping('ff02::2', { iface: w.a.iface })).received, 0)
    assert.is((await w.a.stack.ipv6.ping(B)).received, 0, 'neither from it')
    assert.is((await w.b.stack.ipv6.ping(A)).received, 0, 'nor to it')
  })
  w.r.stack.ipv6Forwarding.setForwarding(w.ra, true)
  await w.net.run(async () => assert.is((await w.a.stack.ipv6.ping(B)).received, 1))
  await w.net.stop()
})

test('the way with the smaller metric is used, and the other one while its link is down', async () => {
  const net = simulate({ seed: 3 })
  const [left, main, spare] = ['left', 'main', 'spare'].map((name) => net.ethernet({ name, latency: 1 })) as [ReturnType<typeof net.ethernet>, ReturnType<typeof net.ethernet>, ReturnType<typeof net.ethernet>]
  const a = net.node('a', host, left)
  const r = net.node('r', router, left, main, spare)
  const far = net.node('far', router, main, spare)
  a.stack.ipv6.addAddress(a.iface, `${A}/64`)
  a.stack.ipv6.setGateway(a.iface, RA)
  for (const [i, prefix] of ['2001:db8:a::1/64', '2001:db8:1::1/64', '2001:db8:2::1/64'].entries()) r.stack.ipv6.addAddress(r.interfaces[i]!, prefix)
  for (const [i, prefix] of ['2001:db8:1::2/64', '2001:db8:2::2/64'].entries()) far.stack.ipv6.addAddress(far.interfaces[i]!, prefix)
  far.stack.ipv6.addAddress(far.interfaces[0]!, `${B}/128`)
  r.stack.ipv6.addRoute('2001:db8:b::/64', r.interfaces[2]!, '2001:db8:2::2', 10)
  r.stack.ipv6.addRoute('2001:db8:b::/64', r.interfaces[1]!, '2001:db8:1::2', 5)
  far.stack.ipv6.addRoute('2001:db8:a::/64', far.interfaces[0]!, '2001:db8:1::1', 5)
  far.stack.ipv6.addRoute('2001:db8:a::/64', far.interfaces[1]!, '2001:db8:2::1', 10)
  // The address must not go with the link that fails.
  far.stack.ipv6.addAddress(far.interfaces[1]!, '2001:db8:b::3/128')
  const passed = (): number[] => r.interfaces.map((iface) => r.stack.netif.statistics(iface).counters['ipv6']!['forwarded']!)
  await net.run(async () => {
    await Promise.all([a.iface.up(), ...[...r.interfaces, ...far.interfaces].map((iface) => iface.up())])
    assert.is((await a.stack.ipv6.ping('2001:db8:b::3', { count: 2 })).received, 2)
    assert.equal(passed(), [2, 2, 0])
    net.plug(r.devices[1]!, false)
    net.plug(far.devices[0]!, false)
    assert.is((await a.stack.ipv6.ping('2001:db8:b::3', { count: 2 })).received, 2)
    assert.equal(passed(), [4, 2, 2])
  })
  await net.stop()
})

test('RFC 4861 §8.2: a host is told of a better first hop on its own link, and takes it', async () => {
  const net = simulate({ seed: 5 })
  const lan = net.ethernet({ latency: 1 })
  const a = net.node('a', host, lan)
  const c = net.node('c', host, lan)
  const r = net.node('r', router, lan)
  a.stack.ipv6.addAddress(a.iface, '2001:db8:a::2/64')
  // c is on the link of a, which a does not know: it is in another prefix.
  c.stack.ipv6.addAddress(c.iface, '2001:db8:c::2/64')
  r.stack.ipv6.addAddress(r.iface, '2001:db8:a::1/64')
  r.stack.ipv6.addAddress(r.iface, '2001:db8:c::1/64')
  const linkLocal = (neighbor: { readonly iface: typeof a.iface }): string => String(neighbor.iface.addresses.find(({ address: own }) => String(own).startsWith('fe80'))!.address)
  await net.run(async () => {
    await Promise.all([a.iface.up(), c.iface.up(), r.iface.up()])
    // A redirect counts when it comes from the address by which its router is known.
    a.stack.ipv6.setGateway(a.iface, address(linkLocal(r)))
    c.stack.ipv6.setGateway(c.iface, address(linkLocal(r)))
    await r.stack.ipv6.ping('2001:db8:c::2')
    const before = (): number => r.stack.netif.statistics().counters['ipv6']!['forwarded']!
    assert.is((await a.stack.ipv6.ping('2001:db8:c::2')).received, 1)
    const first = before()
    assert.ok(first >= 2, 'the first went by the router, and so did its reply')
    const known = a.stack.nd.find(a.iface, address('2001:db8:c::2')) as Neighbor
    assert.is(String(known.link), String(c.iface.address), 'the redirect tells the link address: nobody need ask')
    assert.is((await a.stack.ipv6.ping('2001:db8:c::2', { count: 3 })).received, 3)
    assert.is(before(), first, 'the others do not')
  })
  assert.is(r.stack.netif.statistics().drops['nd: redirect to a router'], undefined)
  await net.stop()
})

test('RFC 4861 §8.2: no redirect to who is not on the link, nor when it is turned off; a router follows none', async () => {
  const off = [...host, ip({ maxRoutes: 32 }), ipv6Forwarding({ redirects: false })] as const
  for (const features of [router, off] as unknown as (typeof router)[]) {
    const w = await world({ features })
    w.r.stack.ipv6.addRoute('2001:db8:c::/48', w.ra, 'fe80::7777%eth0')
    w.r.stack.nd.add(w.ra, address('fe80::7777'), w.a.iface.address)
    // From a neighbour, and from somebody behind one.
    const said = await w.ask(echo('2001:db8:a::99', '2001:db8:c::1'), echo('2001:db8:d::1', '2001:db8:c::1'))
    const redirects = features === router ? 1 : 0
    assert.is(said.filter((line) => /redirect|type 137/.test(line)).length, redirects, said.join('\n'))
    assert.is(w.counters()['ipv6']!['forwarded'], 2, 'the packet goes on all the same')
    const lie = message('fe80::7777', 'fe80::99', 137, 0, bytes(0, 0, 0, 0, a16('fe80::99'), a16(B)))
    const own = w.ra.addresses.find(({ address: each }) => String(each).startsWith('fe80'))!.address
    await w.ask(message('fe80::99', String(own).split('%')[0]!, 137, 0, lie.subarray(44)))
    assert.is(w.drops()['nd: redirect to a router'], 1)
    await w.net.stop()
  }
})

test('a large segment is split when its segments fit', async () => {
  const w = await world()
  const seen: { length: number; more: number; valid: boolean }[] = []
  w.b.stack.ip.registerTransport(6, {
    receive(packet, info) {
      const { dv, offset } = packet
      const sum = packet.sum(offset, info.pseudo + packet.total())
      seen.push({ length: packet.total() - 20, more: dv.getUint32(offset + 4) * 256 + dv.getUint8(offset + 13), valid: sum === 0xffff })
      packet.unref()
    },
  })
  await w.net.run(() => w.a.stack.ipv6.ping(B))
  const { buffers } = w.r.stack.netif
  const large = (segmentSize: number) => {
    const made = buffers.alloc(14 + 40 + 20 + 4000, 0)!
    const data = packet({ source: A, destination: B, next: 6, payload: bytes(0, 80, 0, 81, 0, 0, 1, 0, 0, 0, 0, 9, 0x50, 0x99, 0xff, 0xff, 0, 0, 0, 0, new Uint8Array(4000).fill(7)) })
    made.write(bytes(w.ra.address.hi >> 8, w.ra.address.hi & 255, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0x77, 0x86, 0xdd, data))
    made.dv.setInt32(made.offset + 2, w.ra.address.lo)
    made.segmentSize = segmentSize
    made.checksum = 2
    return made
  }
  const station = w.left.device()
  station.start({ frame: (got) => got.unref(), ready() {}, carrier() {}, lost() {} }, buffers)
  station.transmit(large(1400))
  await w.net.run(() => w.a.stack.ipv6.ping(B))
  // FIN and PSH with the last byte alone, CWR with the first (RFC 9293 §3.1, RFC 3168 §6.1.2); sequence numbers count bytes.
  assert.equal(seen, [
    { length: 1400, more: 256 * 256 + 0x90, valid: true },
    { length: 1400, more: (256 + 1400) * 256 + 0x10, valid: true },
    { length: 1200, more: (256 + 2800) * 256 + 0x19, valid: true },
  ])
  station.transmit(large(1460))
  await w.net.run(() => w.a.stack.ipv6.ping(B))
  assert.is(seen.length, 3)
  assert.is(w.drops()['ipv6: too big for the next link'], 1)
  await w.net.stop()
})

test('floods to everywhere leave nothing behind', async () => {
  const w = await world()
  const packets = Array.from({ length: 2000 }, (_, i) => echo('2001:db8:a::99', `2001:db8:b::${(i % 500 + 16).toString(16)}`, 1, i))
  for (let i = 0; i < packets.length; i += 100) await w.ask(...packets.slice(i, i + 100))
  assert.ok(w.r.stack.netif.buffers.used < 2 ** 20)
  await w.net.run(async () => assert.is((await w.a.stack.ipv6.ping(B, { count: 3 })).received, 3))
  await w.net.stop()
  assert.is(w.net.env.armed, 0)
})

test.run()
