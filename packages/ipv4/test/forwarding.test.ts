/** A router between two links: a — r — b, and what it says to those who ask too much. */

import { sleep } from '@favonius/clock'
import type { IcmpError } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { address, sum } from '@favonius/inet'
import { ip } from '@favonius/ip'
import { ipv4, show } from '@favonius/ipv4'
import { ipv4Forwarding } from '@favonius/ipv4/forwarding'
import { ipv4Fragments } from '@favonius/ipv4/fragments'
import { ipv4Pmtu } from '@favonius/ipv4/pmtu'
import { simulate } from '@favonius/sim'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { icmp } from './craft.ts'
import { headerOf, packetOf } from './net.ts'

const test = suite('ipv4: forwarding')

const A = '192.0.2.2'
const B = '198.51.100.2'
const RA = '192.0.2.1'
const RB = '198.51.100.1'
/** A station on the left, whose packets are made by hand. */
const X = '192.0.2.99'

const host = [ethernet(), ipv4(), ipv4Fragments(), ipv4Pmtu({ minimum: 68 }), udp()] as const
const router = [...host, ip({ maxRoutes: 32 }), ipv4Forwarding()] as const

async function world({ mtu = 1500, features = router as typeof router } = {}) {
  const net = simulate({ seed: 5 })
  const [left, right] = [net.ethernet({ latency: 1 }), net.ethernet({ latency: 1, mtu })]
  const a = net.node('a', host, left)
  const b = net.node('b', host, right)
  const r = net.node('r', features, left, right)
  const [ra, rb] = [r.interfaces[0]!, r.interfaces[1]!]
  a.stack.ipv4.addAddress(a.iface, `${A}/24`)
  b.stack.ipv4.addAddress(b.iface, `${B}/24`)
  r.stack.ipv4.addAddress(ra, `${RA}/24`)
  r.stack.ipv4.addAddress(rb, `${RB}/24`)
  a.stack.ipv4.setGateway(a.iface, RA)
  b.stack.ipv4.setGateway(b.iface, RB)
  await net.run(() => Promise.all([a.iface.up(), b.iface.up(), ra.up(), rb.up()]))
  const station = left.device()
  const said: Uint8Array[] = []
  station.start({
    frame(got) {
      const { dv, offset } = got
      if (dv.getUint16(offset + 12) === 0x0800 && dv.getInt32(offset + 2) === station.address.lo) said.push(got.view().slice(14))
      // Who has 192.0.2.99? The station.
      if (dv.getUint16(offset + 12) === 0x0806 && dv.getUint16(offset + 20) === 1 && dv.getInt32(offset + 38) === address(X).w3) {
        const reply = r.stack.netif.buffers.alloc(42, 0)!
        const arp = Uint8Array.from([...got.u8.subarray(offset + 6, offset + 12), 2, 0, 0, 0, 0, 0, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 0, 192, 0, 2, 99, ...got.u8.subarray(offset + 22, offset + 32)])
        reply.write(arp)
        for (const at of [6, 22]) {
          reply.dv.setUint16(reply.offset + at, station.address.hi)
          reply.dv.setInt32(reply.offset + at + 2, station.address.lo)
        }
        station.transmit(reply)
      }
      got.unref()
    },
    ready() {}, carrier() {}, lost() {},
  }, r.stack.netif.buffers)
  /** Sends packets to the router's station, and returns what comes back. */
  const ask = async (...packets: readonly Uint8Array[]): Promise<string[]> => {
    for (const each of packets) {
      const made = r.stack.netif.buffers.alloc(each.length + 14, 0)!
      made.write(new Uint8Array(14))
      made.write(each)
      const { dv, offset } = made
      dv.setUint16(offset, ra.address.hi)
      dv.setInt32(offset + 2, ra.address.lo)
      dv.setUint16(offset + 6, station.address.hi)
      dv.setInt32(offset + 8, station.address.lo)
      dv.setUint16(offset + 12, 0x0800)
      station.transmit(made)
    }
    await net.run(() => sleep(net.env, 10))
    return said.splice(0).map(show)
  }
  return {
    net, left, right, a, b, r, ra, rb, station, ask,
    counters: () => r.stack.netif.statistics().counters,
    drops: () => r.stack.netif.statistics().drops,
    forwarded: () => r.stack.netif.statistics(rb).counters['ipv4']!['forwarded'],
    /** Packets that leave the router to the right from now on. */
    passed(): Uint8Array[] {
      const seen: Uint8Array[] = []
      right.tap((frame) => {
        if (frame.dv.getUint16(frame.offset + 12) === 0x0800 && frame.dv.getInt32(frame.offset + 8) === rb.address.lo) seen.push(frame.view().slice(14))
      })
      return seen
    },
  }
}

type World = Awaited<ReturnType<typeof world>>

const ask = (destination: string, fields: Parameters<typeof packetOf>[0] = {}, data = 8): Uint8Array =>
  packetOf({ source: X, destination, protocol: 1, ...fields }, icmp(8, 0, 1, new Uint8Array(data)))

test('pings pass both ways, with one hop less and a header that is right', async () => {
  const w = await world()
  const passed = w.passed()
  await w.net.run(async () => {
    assert.is((await w.a.stack.ipv4.ping(B, { count: 3 })).received, 3)
    assert.is((await w.b.stack.ipv4.ping(A, { count: 3 })).received, 3)
  })
  assert.equal(passed.map((each) => headerOf(each).timeToLive), [63, 63, 63, 63, 63, 63])
  assert.is(w.counters()['ipv4']!['forwarded'], 12)
  await w.net.stop()
  assert.is(w.net.env.armed, 0)
})

test('RFC 1624: the checksum is right after every hop, whatever the header', async () => {
  const w = await world()
  await w.net.run(() => w.a.stack.ipv4.ping(B))
  const passed = w.passed()
  await fc.assert(fc.asyncProperty(fc.integer({ min: 2, max: 255 }), fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 255 }), async (timeToLive, identification, trafficClass) => {
    passed.length = 0
    await w.ask(ask(B, { timeToLive, identification, trafficClass }))
    assert.is(sum(passed[0]!, 0, 20), 0xffff)
    assert.is(passed[0]![8], timeToLive - 1)
  }), { seed: 7, numRuns: 300 })
  await w.net.stop()
})

test('without the feature nothing passes', async () => {
  const w = await world({ features: host as unknown as typeof router })
  await w.net.run(async () => assert.is((await w.a.stack.ipv4.ping(B)).received, 0))
  assert.is(w.drops()['ipv4: not for us'], 1)
  await w.net.stop()
})

/** Errors about a datagram from a to b, as its socket is told of them. */
async function sendFrom(w: World, hopLimit: number | undefined, to = B): Promise<IcmpError[]> {
  const errors: IcmpError[] = []
  const { stack } = w.a
  const socket = stack.udp.open({ address: address('0.0.0.0'), port: 0, v6only: false, reuse: false, iface: undefined }, { receive: (packet) => packet.unref(), error: (error) => void errors.push(error) })
  socket.hopLimit = hopLimit
  await w.net.run(async () => {
    await stack.ipv4.ping(RA)
    socket.send(new Uint8Array(4), stack.udp.peer(address(to), 4242))
    await sleep(w.net.env, 5000)
  })
  socket.close()
  return errors
}

test('RFC 1812 §5.3.1, §5.2.7.1: time exceeded, no route, a neighbour that does not answer', async () => {
  const w = await world()
  const told = async (hopLimit: number | undefined, to?: string): Promise<string[]> => (await sendFrom(w, hopLimit, to)).map(({ message, from }) => `${message}, says ${from}`)
  assert.equal(await told(1), [`time to live exceeded on the way, says ${RA}`])
  assert.equal(await told(2), [`port unreachable, says ${B}`])
  assert.equal(await told(undefined, '203.0.113.1'), [`network unreachable, says ${RA}`])
  assert.equal(await told(undefined, '198.51.100.77'), [`host unreachable, says ${RA}`])
  assert.is(w.drops()['ipv4: time to live exceeded in transit'], 1)
  assert.is(w.drops()['ipv4: no route to forward it by'], 1)
  await w.net.stop()
})

test('RFC 1191: too big for the next link, and not to be cut', async () => {
  const w = await world({ mtu: 600 })
  await w.net.run(async () => {
    await w.a.stack.ipv4.ping(B)
    assert.is((await w.a.stack.ipv4.ping(B, { size: 1000 })).received, 0)
    assert.is((await w.a.stack.ipv4.ping(B, { count: 3, size: 1000 })).received, 3)
  })
  assert.equal(w.a.stack.ipv4Pmtu.paths.map(({ destination, mtu }) => `${destination} ${mtu}`), [`${B} 600`])
  assert.is(w.drops()['ipv4: too big for the next link'], 1)
  await w.net.stop()
})

test('a router keeps to the MTU that IPv4 was given for a link', async () => {
  const w = await world()
  w.r.stack.ipv4.setMtu(w.r.interfaces[1]!, 700)
  await w.net.run(async () => {
    await w.a.stack.ipv4.ping(B)
    assert.is((await w.a.stack.ipv4.ping(B, { size: 1000 })).received, 0)
  })
  assert.equal(w.a.stack.ipv4Pmtu.paths.map(({ mtu }) => mtu), [700])
  await w.net.stop()
})

test('RFC 791 §3.2: what may be cut is cut, and its copied options are in every fragment', async () => {
  const w = await world({ mtu: 600 })
  await w.net.run(() => w.a.stack.ipv4.ping(B))
  const passed = w.passed()
  // A stream identifier (copied), no operation, a timestamp of 8 bytes (not copied), padding.
  const options = Uint8Array.from([136, 4, 1, 2, 1, 68, 8, 5, 0, 0, 0, 0, 0, 0, 0, 0])
  const whole = ask(B, { dontFragment: false, identification: 77, options }, 1400)
  await w.ask(whole)
  assert.is(w.b.stack.netif.statistics().counters['ipv4']!['reassembled'], 1)
  const headers = passed.map(headerOf)
  assert.equal(headers.map(({ fragmentOffset, moreFragments, totalLength, identification }) => `${fragmentOffset}${moreFragments ? '+' : ''} ${totalLength} ${identification}`),
    ['0+ 596 77', '560+ 584 77', '1120 312 77'])
  assert.equal(headers.map((header) => [...header.options]), [[...options], [136, 4, 1, 2], [136, 4, 1, 2]])
  const data = passed.flatMap((each, i) => [...each.subarray(20 + headers[i]!.options.length)])
  assert.equal(data, [...whole.subarray(36)])
  assert.is(w.counters()['ipv4']!['fragmented'], 1)
  // A fragment is cut as well, and keeps its place.
  passed.length = 0
  await w.ask(packetOf({ source: X, destination: B, dontFragment: false, moreFragments: true, fragmentOffset: 800, identification: 5 }, new Uint8Array(800)))
  assert.equal(passed.map(headerOf).map(({ fragmentOffset, moreFragments }) => `${fragmentOffset}${moreFragments ? '+' : ''}`), ['800+', '1376+'])
  await w.net.stop()
})

test('RFC 3927 §7, RFC 2644, RFC 1812 §5.3.7, RFC 7126 §4.3: what is not passed on, and by whose name it is counted', async () => {
  const w = await world()
  const said = await w.ask(
    ask(B, { source: '169.254.1.1' }), ask('169.254.1.1'), ask('240.0.0.1'), ask('0.1.2.3'),
    ask('198.51.100.255'), ask(B, { source: '250.0.0.1' }),
    ask(B, { options: Uint8Array.from([131, 7, 4, 198, 51, 100, 9, 0]) }),
    ask(B, { options: Uint8Array.from([7, 1, 0, 0]) }),
  )
  assert.is(w.counters()['ipv4']!['forwarded'], 0)
  const drops = w.drops()
  assert.is(drops['ipv4: link-local addresses stay on their link'], 4)
  assert.is(drops['ipv4: broadcast on another link'], 1)
  assert.is(drops['ipv4: source is no sender'], 1)
  assert.is(drops['ipv4: source route'], 1)
  assert.is(drops['ipv4: malformed option'], 1)
  assert.equal(said, [`${RA} > ${X}: ICMP parameter problem, length 48`])
  await w.net.stop()
})

test('interfaces can be left out', async () => {
  const w = await world()
  w.r.stack.ipv4Forwarding.setForwarding(w.rb, false)
  assert.not.ok(w.r.stack.ipv4Forwarding.forwards(w.rb))
  await w.net.run(async () => {
    assert.is((await w.a.stack.ipv4.ping(B)).received, 0, 'not to it')
    assert.is((await w.b.stack.ipv4.ping(A)).received, 0, 'nor from it')
    assert.is((await w.b.stack.ipv4.ping(RA)).received, 1, 'but an address of ours is ours on every link')
    w.r.stack.ipv4Forwarding.setForwarding(w.rb, true)
    assert.is((await w.a.stack.ipv4.ping(B)).received, 1)
  })
  await w.net.stop()
})

test('RFC 1812 §5.2.7.2: a host is told of a better first hop on its own subnet, and nobody else is', async () => {
  const off = [...host, ip({ maxRoutes: 32 }), ipv4Forwarding({ redirects: false })] as const
  for (const features of [router, off] as unknown as (typeof router)[]) {
    const w = await world({ features })
    w.r.stack.ipv4.addRoute('203.0.113.0/24', w.ra, A)
    w.a.stack.ipv4.addAddress(w.a.iface, '203.0.113.1/32')
    await w.net.run(() => w.r.stack.ipv4.ping(A))
    const said = await w.ask(ask('203.0.113.1'), ask('203.0.113.1', { source: '198.51.100.9' }))
    assert.is(said.filter((line) => line.includes('type 5 code 1')).length, features === router ? 1 : 0, said.join('\n'))
    assert.ok(said.includes(`203.0.113.1 > ${X}: ICMP echo reply, id 0, seq 1, length 16`), 'the packet goes on all the same')
    await w.net.stop()
  }
})

test('routes: the smaller metric wins while its interface runs; what is no route is refused with a reason', async () => {
  const w = await world()
  const { ipv4: layer } = w.r.stack
  const dear = layer.addRoute('203.0.113.0/24', w.ra, A, 10)
  const cheap = layer.addRoute('203.0.113.0/24', w.rb, B, 5)
  assert.is(w.r.stack.ip.lookup(address('203.0.113.7')), cheap)
  w.net.plug(w.r.devices[1]!, false)
  assert.is(w.r.stack.ip.lookup(address('203.0.113.7')), dear)
  w.net.plug(w.r.devices[1]!, true)
  layer.removeRoute(cheap)
  assert.is(w.r.stack.ip.lookup(address('203.0.113.7')), dear)
  assert.throws(() => layer.addRoute('2001:db8::/32', w.ra), /is no IPv4 prefix; give it to stack.ipv6/)
  assert.throws(() => layer.addRoute('203.0.113.0', w.ra), /is not a prefix/)
  assert.throws(() => layer.addRoute('203.0.113.0/24', w.ra, '224.0.0.1'), /cannot be a gateway/)
  await w.net.stop()
})

test('large segments are split when their segments fit: TCP, and UDP', async () => {
  const w = await world()
  await w.net.run(() => w.a.stack.ipv4.ping(B))
  const passed = w.passed()
  const large = (protocol: number, head: readonly number[], segmentSize: number): void => {
    const packet = packetOf({ source: X, destination: B, protocol, identification: 9 }, Uint8Array.from([...head, ...new Uint8Array(3000).fill(7)]))
    const made = w.r.stack.netif.buffers.alloc(14 + packet.length, 0)!
    made.write(Uint8Array.from([...[w.ra.address.hi >> 8, w.ra.address.hi & 255, 0, 0, 0, 0], 2, 0, 0, 0, 0, 0x77, 8, 0]))
    made.write(packet)
    made.dv.setInt32(made.offset + 2, w.ra.address.lo)
    made.segmentSize = segmentSize
    made.checksum = 2
    w.station.transmit(made)
  }
  large(6, [0, 80, 0, 81, 0, 0, 1, 0, 0, 0, 0, 9, 0x50, 0x19, 0xff, 0xff, 0, 0, 0, 0], 1400)
  large(17, [0x30, 0x39, 0x10, 0x92, 0x0b, 0xc0, 0, 0], 1400)
  large(6, [0, 80, 0, 81, 0, 0, 1, 0, 0, 0, 0, 9, 0x50, 0x19, 0xff, 0xff, 0, 0, 0, 0], 1461)
  large(253, [], 1400)
  await w.net.run(() => sleep(w.net.env, 10))
  assert.equal(passed.map((each) => `${headerOf(each).protocol} ${headerOf(each).identification} ${each.length}`),
    ['6 9 1440', '6 10 1440', '6 11 240', '17 9 1428', '17 10 1428', '17 11 228'])
  for (const each of passed) {
    const pseudo = sum(each, 12, 8) + each[9]! + each.length - 20
    assert.is(sum(each, 20, each.length - 20, pseudo), 0xffff)
  }
  assert.is(w.drops()['ipv4: too big for the next link'], 2)
  await w.net.stop()
})

test('no bytes make a router throw, or keep a buffer', async () => {
  const w = await world({ mtu: 600 })
  await w.net.run(() => w.a.stack.ipv4.ping(B))
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 1400 }), fc.boolean(), fc.uint8Array({ maxLength: 40 }), async (data, dontFragment, raw) => {
    const options = raw.subarray(0, raw.length & ~3)
    await w.ask(packetOf({ source: X, destination: B, protocol: 253, dontFragment, options }, data))
    assert.ok(w.r.stack.netif.buffers.live < 8)
  }), { seed: 3, numRuns: 300 })
  await w.net.stop()
})

test.run()
