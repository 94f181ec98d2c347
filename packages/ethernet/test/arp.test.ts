import * as assert from 'uvu/assert'
import * as fc from 'fast-check'
import { suite } from '@favonius/testing'
import { address, ANY4, eui48 } from '@favonius/inet'
import { REPLY, REQUEST, readArp, show, writeArp } from '../src/arp/wire.ts'
import { NONE, our, OURS, their, THEIRS, world } from './fixture.ts'

const test = suite('ARP')
const BROADCAST = 'ff:ff:ff:ff:ff:ff'

test('RFC 5227 §2.3: an address is announced when its interface comes up', async () => {
  const { wire, netif } = await world()
  const [announcement] = wire.take()
  assert.is(announcement!.to, BROADCAST)
  assert.equal([announcement!.arp!.operation, `${announcement!.arp!.sender}`, `${announcement!.arp!.target}`], [REQUEST, '192.0.2.1', '192.0.2.1'])
  await netif.stop()
  const quiet = await world({ gratuitous: false })
  assert.is(quiet.wire.take().length, 0)
  await quiet.netif.stop()
})

test('RFC 826: a next hop is asked for, and the packet that waits follows the answer', async () => {
  const { wire, iface, packet, hear, netif, buffers, arp } = await world()
  wire.take()
  assert.ok(iface.output(packet('hello'), their))
  const [request] = wire.take()
  assert.is(request!.to, BROADCAST)
  assert.is(`${request!.arp!.target}`, '192.0.2.2')
  assert.is(`${request!.arp!.senderLink}`, `${OURS}`)
  hear({ operation: REPLY, targetLink: OURS })
  assert.equal(wire.take().map(({ to, text }) => [to, text]), [[`${THEIRS}`, 'hello']])
  iface.output(packet('again'), their)
  assert.equal(wire.take().map(({ text }) => text), ['again'])
  assert.is(arp.neighbors[0]!.state, 'resolved')
  arp.stop()
  await netif.stop()
  assert.is(buffers.live, 0)
})

test('RFC 1122 §2.3.2.2: the latest packets wait, in order; those before are dropped and counted', async () => {
  const { wire, iface, packet, hear, netif, arp, buffers } = await world()
  wire.take()
  const names = Array.from({ length: 70 }, (_, n) => `packet ${n}`)
  for (const name of names) iface.output(packet(name), their)
  assert.is(wire.take().length, 1, 'asked once')
  assert.equal(netif.statistics().drops, { 'arp: a newer packet waits': 6 })
  hear({ operation: REPLY })
  assert.equal(wire.take().map(({ text }) => text), names.slice(6))
  assert.is(buffers.live, 0)
  arp.stop()
  await netif.stop()
})

test('what waits for neighbours that do not answer stays within a sixteenth of the quota; who answers gets its own', async () => {
  const quota = 1 << 20
  const { wire, iface, packet, env, hear, netif, arp, buffers } = await world({ tableSize: 32 }, quota)
  for (let n = 0; n < 5000; n++) {
    iface.output(packet('x'.repeat(1400)), address(`192.0.2.${100 + n % 30}`))
    assert.ok(buffers.used <= quota / 16 + 2048, `${buffers.used} bytes`)
  }
  assert.is(netif.statistics().drops['arp: too much waits for neighbours'], 5000 - 32)
  wire.take()
  for (const text of ['one', 'two', 'three']) iface.output(packet(text), their)
  hear({ operation: REPLY })
  assert.equal(wire.take().flatMap(({ arp, text }) => (arp ? [] : [text])), ['one', 'two', 'three'])
  env.advance(3000)
  assert.is(buffers.live, 0, 'nobody answered')
  const { drops } = netif.statistics()
  assert.is(drops['arp: too much waits for neighbours']! + drops['arp: no answer']! + (drops['arp: a newer packet waits'] ?? 0), 5000)
  arp.stop()
  await netif.stop()
})

test('RFC 1122 §2.3.2.1: asked once a second, three times, and then no more', async () => {
  const { wire, iface, packet, env, netif, arp, buffers } = await world()
  wire.take()
  const start = env.clock.now()
  iface.output(packet('lost'), their)
  const asked = [env.clock.now() - start]
  wire.take()
  while (env.step()) for (const { arp: request } of wire.take()) if (request) asked.push(env.clock.now() - start)
  assert.equal(asked, [0, 1000, 2000])
  assert.is(env.clock.now() - start, 3000)
  assert.equal(netif.statistics().drops, { 'arp: no answer': 1 })
  assert.is(arp.neighbors.length, 0)
  await netif.stop()
  assert.is(buffers.live, 0)
})

test('RFC 1122 §2.3.2.1(2): a neighbour in use is asked again by unicast, and forgotten when it is gone', async () => {
  const { wire, iface, packet, env, hear, netif, arp } = await world({ reachableTime: 5000 })
  iface.output(packet('x'), their)
  hear({ operation: REPLY })
  env.advance(5000)
  wire.take()
  iface.output(packet('y'), their)
  assert.equal(wire.take().map(({ to, text, arp }) => [to, arp ? 'request' : text]), [[`${THEIRS}`, 'request'], [`${THEIRS}`, 'y']])
  hear({ operation: REPLY })
  assert.is(arp.neighbors[0]!.state, 'resolved')
  env.advance(5000)
  iface.output(packet('z'), their)
  env.advance(3000)
  assert.is(arp.neighbors.length, 0)
  await netif.stop()
})

test('a request for us is answered, and its sender remembered', async () => {
  const { wire, hear, arp, netif } = await world()
  wire.take()
  hear({ operation: REQUEST })
  const [reply] = wire.take()
  assert.is(reply!.to, `${THEIRS}`)
  assert.equal([reply!.arp!.operation, `${reply!.arp!.sender}`, `${reply!.arp!.targetLink}`], [REPLY, `${our}`, `${THEIRS}`])
  assert.is(`${arp.neighbors[0]!.link}`, `${THEIRS}`)
  arp.stop()
  await netif.stop()
})

test('RFC 5227 §2.1.1: a probe is answered and not remembered; what is not for us is neither', async () => {
  const { wire, hear, arp, netif } = await world()
  wire.take()
  hear({ operation: REQUEST, sender: ANY4 })
  assert.is(wire.take().length, 1)
  hear({ operation: REQUEST, target: address('192.0.2.77') })
  hear({ operation: REPLY, sender: address('192.0.2.55') })
  assert.is(wire.take().length, 0)
  assert.is(arp.neighbors.length, 0, 'an unasked reply is not believed')
  await netif.stop()
})

test('RFC 5227 §2.4: a conflict is told of, and the address defended, but not for ever', async () => {
  const { wire, hear, netif, env } = await world()
  const conflicts: string[] = []
  netif.listen((event) => { if (event.type === 'address-conflict') conflicts.push(`${event.address} by ${event.by}`) })
  wire.take()
  hear({ operation: REQUEST, sender: our, target: our })
  hear({ operation: REQUEST, sender: our, target: our })
  assert.equal(conflicts, ['192.0.2.1 by 02:00:00:00:00:02', '192.0.2.1 by 02:00:00:00:00:02'])
  assert.is(wire.take().length, 1)
  env.advance(10_000)
  hear({ operation: REPLY, sender: our })
  assert.is(wire.take().length, 1)
  await netif.stop()
})

test('a full table makes room for the newcomer: the least recently used goes', async () => {
  const { wire, iface, packet, env, hear, netif, arp, buffers } = await world()
  const hosts = [2, 3, 4].map((n) => address(`192.0.2.${n}`))
  for (const host of hosts.slice(0, 2)) {
    iface.output(packet('x'), host)
    hear({ operation: REPLY, sender: host })
    env.advance(10)
  }
  iface.output(packet('x'), hosts[0]!)
  iface.output(packet('x'), hosts[2]!)
  assert.equal(arp.neighbors.map((n) => `${n.address}`), ['192.0.2.2', '192.0.2.4'])
  wire.take()
  arp.flush()
  assert.is(netif.statistics().drops['arp: no answer'], 1)
  arp.stop()
  await netif.stop()
  assert.is(buffers.live, 0)
})

test('who makes us ask for many takes no neighbour from us that is in use; one that is not in use goes first', async () => {
  const { wire, iface, packet, env, hear, netif, arp, buffers } = await world()
  const names = (): string[] => arp.neighbors.map(({ address, state }) => `${address} ${state}`)
  iface.output(packet('x'), their)
  hear({ operation: REPLY })
  for (let n = 100; n < 200; n++) {
    iface.output(packet('x'), address(`192.0.2.${n}`))
    env.advance(100)
    wire.take()
    iface.output(packet('flow'), their)
    assert.equal(wire.take().map(({ text }) => text), ['flow'])
  }
  assert.equal(names(), ['192.0.2.2 resolved', '192.0.2.199 pending'])
  assert.is(netif.statistics().drops['arp: no room in the table'], 99)
  hear({ operation: REPLY, sender: address('192.0.2.199') })
  env.advance(3001)
  iface.output(packet('x'), address('192.0.2.3'))
  iface.output(packet('x'), address('192.0.2.4'))
  assert.equal(names(), ['192.0.2.3 pending', '192.0.2.4 pending'])
  arp.stop()
  await netif.stop()
  assert.is(buffers.live, 0)
})

test('gratuitous announcements update those we know, when that is wanted', async () => {
  for (const gratuitous of [true, false]) {
    const { iface, packet, hear, netif, arp } = await world({ gratuitous })
    iface.output(packet('x'), their)
    hear({ operation: REPLY })
    const moved = eui48('02:00:00:00:00:99')
    hear({ operation: REQUEST, senderLink: moved, sender: their, target: their })
    assert.is(`${arp.neighbors[0]!.link}`, `${gratuitous ? moved : THEIRS}`)
    arp.stop()
    await netif.stop()
  }
})

test('the wire format reads what it writes, and nothing makes it throw', () => {
  const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  fc.assert(fc.property(fc.constantFrom(REQUEST, REPLY), word, word, (operation, a, b) => {
    const packet = { operation, senderLink: THEIRS, sender: { ...our, w3: a, family: 4 as const, toString: our.toString }, targetLink: NONE, target: { ...our, w3: b, family: 4 as const, toString: our.toString } }
    const dv = new DataView(new ArrayBuffer(28))
    writeArp(packet, dv, 0)
    const read = readArp(dv, 0, 28)
    assert.not('malformed' in read)
    if (!('malformed' in read)) assert.equal([read.operation, read.sender.w3, read.target.w3], [operation, a, b])
  }), { seed: 1 })
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
    show(new Uint8Array(bytes))
  }), { seed: 1 })
})

test('mutated frames: nothing thrown, no buffer lost', async () => {
  const { raw, netif, arp, buffers, wire, iface, packet, env } = await world()
  const valid = new Uint8Array(42)
  const dv = new DataView(valid.buffer)
  dv.setUint16(0, 0x0200); dv.setInt32(2, 1); dv.setUint16(6, 0x0200); dv.setInt32(8, 2); dv.setUint16(12, 0x0806)
  writeArp({ operation: REQUEST, senderLink: THEIRS, sender: their, targetLink: NONE, target: our }, dv, 14)
  for (let n = 0; n < 20_000; n++) {
    const frame = valid.slice(0, n % 3 === 0 ? env.random.uint32() % 43 : 42)
    for (let flips = env.random.uint32() % 4; flips > 0 && frame.length > 0; flips--) frame[env.random.uint32() % frame.length] = env.random.uint32() & 0xff
    raw(frame)
    if (n % 16 === 0) iface.output(packet('x'), address(`192.0.2.${env.random.uint32() % 256}`))
    if (n % 64 === 0) env.advance(500)
    wire.take()
  }
  assert.ok(arp.neighbors.length <= 2)
  arp.stop()
  await netif.stop()
  assert.is(buffers.live, 0)
  assert.is(env.armed, 0)
})

test('what others ask each other is neither answered nor believed', async () => {
  const { hear, wire, arp, iface, netif } = await world()
  wire.take()
  const end = iface.hearAll()
  const OTHER = eui48('02:00:00:00:00:09')
  hear({ operation: REQUEST }, OTHER)
  hear({ operation: REPLY, sender: our, target: their }, OTHER) // our address as another's would be a conflict
  assert.equal([wire.take(), arp.neighbors], [[], []])
  hear({ operation: REQUEST })
  assert.equal([wire.take().length, arp.neighbors.length], [1, 1])
  hear({ operation: REPLY, senderLink: eui48('02:00:00:00:00:66') }, OTHER)
  assert.is(`${arp.neighbors[0]!.link}`, `${THEIRS}`)
  assert.equal([netif.statistics().drops, netif.statistics().counters['arp']!['recv']], [{ 'arp: for another station': 3 }, 1])
  end()
  arp.stop()
  await netif.stop()
})

test.run()
