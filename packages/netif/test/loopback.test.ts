import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import type { Interface, NetBuf, Netif } from '@favonius/contract'
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, LOOPBACK6 } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { loopback } from '../src/index.ts'

const test = suite('loopback')

const buffers = () => netbufIn(new Arena({ chunkSize: 1 << 20 }), { debug: true })

/** A whole stack on its own. */
function world(settings?: Parameters<typeof loopback>[0]) {
  const env = virtual({ seed: 2 })
  const stack = compose(env, buffers(), loopback(settings), ipv6(), ipv4(), udp(), sockets())
  return { env, stack, lo: stack.loopback }
}

const stopped = async (stack: { stop(): Promise<void>; readonly netif: Netif }): Promise<void> => {
  await stack.stop()
  assert.is(stack.netif.buffers.live, 0, stack.netif.buffers.owners().join('\n'))
}

/** A packet of `size` bytes that begins with a version, and a number to know it by. */
function packet({ netif }: { readonly netif: Netif }, version: 4 | 6, size: number, number = 0): NetBuf {
  const made = netif.buffers.alloc(size)!
  const at = made.add(size)
  made.u8.fill(0, at, at + size)
  made.u8[at] = version << 4
  if (size >= 3) made.dv.setUint16(at + 1, number)
  made.protocol = version === 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4
  return made
}

test('lo is up as soon as it is composed, with both families\' addresses, whichever is listed first', async () => {
  const env = virtual()
  for (const stack of [compose(env, buffers(), loopback(), ipv6(), ipv4()), compose(env, buffers(), ipv6(), ipv4(), loopback())]) {
    const { loopback: lo } = stack
    assert.equal([lo.name, lo.medium, lo.enabled, lo.running, lo.mtu], ['lo', 'loopback', true, true, 65_535])
    assert.is(stack.netif.find('lo'), lo)
    assert.equal(lo.addresses.map((entry) => `${entry.address}/${entry.prefixLength} ${entry.state}`).sort(), ['127.0.0.1/8 preferred', '::1/128 preferred'])
    assert.is(stack.netif.default, undefined, 'loopback reaches nobody')
    await lo.up()
    await stopped(stack)
  }
  assert.is(env.armed, 0)
})

test('what goes out comes in, on a later turn, in order, and in the same buffer', async () => {
  const env = virtual()
  const stack = compose(env, buffers(), loopback())
  const { netif, loopback: lo } = stack
  const seen: [Interface, NetBuf][] = []
  netif.registerProtocol(ETHERTYPE_IPV6, (iface, p) => void seen.push([iface, p]))
  const sent = [1, 2, 3].map((number) => packet(stack, 6, 100, number))
  for (const each of sent) assert.ok(lo.output(each, LOOPBACK6))
  assert.equal(seen.length, 0, 'not before output has returned')
  env.step()
  assert.ok(seen.every(([iface, p], i) => iface === lo && p === sent[i]) && seen.length === 3)
  assert.equal([sent[0]!.link, sent[0]!.cast, sent[0]!.length], [sent[0]!.offset, 0, 100])
  for (const each of sent) each.unref()
  assert.equal(netif.statistics(lo).counters['bytes'], { sent: 300, received: 300 })
  await stopped(stack)
})

test('both families reach themselves, in no time, and are counted on lo', async () => {
  const { env, stack, lo } = world()
  await env.run(async () => {
    await lo.up()
    for (const [to, by] of [['::1', stack.ipv6], ['127.0.0.1', stack.ipv4], ['127.200.30.4', stack.ipv4]] as const) {
      const { received, roundTrips, from } = await by.ping(to, { count: 3, interval: 1, size: 60_000 })
      assert.equal([received, roundTrips, String(from)], [3, [0, 0, 0], to])
    }
  })
  const { counters, drops } = stack.netif.statistics(lo)
  assert.equal(drops, {})
  assert.equal([counters['ipv6']!['sent'], counters['ipv6']!['recv']], [6, 6])
  assert.equal([counters['ipv4']!['sent'], counters['ipv4']!['recv']], [12, 12])
  await stopped(stack)
  assert.is(env.armed, 0)
})

test('its MTU is an option; what is longer is dropped, and counted', async () => {
  const { env, stack, lo } = world({ mtu: 1280 })
  assert.is(lo.mtu, 1280)
  assert.ok(lo.output(packet(stack, 4, 1280), LOOPBACK6))
  assert.not(lo.output(packet(stack, 4, 1281), LOOPBACK6))
  env.step()
  assert.is(stack.netif.statistics(lo).drops['netif: longer than the link can carry'], 1)
  assert.throws(() => loopback({ mtu: 1279 }), /CONFIG_NET_LOOPBACK_MTU|1280/)
  assert.throws(() => loopback({ mtu: 65_536 }), /65.?535/)
  await stopped(stack)
})

test('a group that is joined on lo hears each datagram once', async () => {
  const { env, stack, lo } = world()
  for (const [group, family] of [['ff02::4321', 6], ['239.1.2.3', 4]] as const) {
    const heard: string[] = []
    await env.run(async () => {
      await lo.up()
      const hearer = await stack.sockets.open({ port: 5000 + family }, { receive: (_data, from, info) => void heard.push(`${from.address} on ${info.iface}`) })
      hearer.join(group, 'lo')
      const sender = await stack.sockets.open({}, { receive() {} }, { iface: 'lo' })
      assert.ok(sender.send(new Uint8Array(10), { address: group, port: 5000 + family }))
      await stack.ipv6.ping('::1')
      for (const socket of [hearer, sender]) socket.close()
    })
    assert.equal(heard, [`${family === 6 ? '::1' : '127.0.0.1'} on lo`])
  }
  await stopped(stack)
})

test('more than it takes at once waits, and arrives in order; more than that is dropped', async () => {
  const env = virtual()
  const stack = compose(env, buffers(), loopback())
  const { netif, loopback: lo } = stack
  const seen: number[] = []
  const events: string[] = []
  netif.registerProtocol(ETHERTYPE_IPV6, (_iface, p) => {
    seen.push(p.dv.getUint16(p.offset + 1))
    p.unref()
  })
  netif.listen((event) => void events.push(event.type))
  let taken = 0
  for (let n = 0; n < 1000; n++) if (lo.output(packet(stack, 6, 40, n), LOOPBACK6)) taken++
  assert.ok(taken < 1000 && lo.isFull(0))
  while (env.step());
  assert.equal(seen, Array.from({ length: taken }, (_, n) => n))
  assert.equal(events, ['ready'])
  assert.equal(netif.statistics(lo).drops, { 'netif: transmit queue is full': 1000 - taken })
  await stopped(stack)
})

test('taken down it reaches nobody, and its own addresses neither; up again it does', async () => {
  const { env, stack, lo } = world()
  await env.run(async () => {
    await lo.up()
    lo.output(packet(stack, 6, 40), LOOPBACK6)
    lo.down()
    assert.not(lo.output(packet(stack, 6, 40), LOOPBACK6))
    for (const ping of [stack.ipv6.ping('::1'), stack.ipv4.ping('127.0.0.1')]) {
      assert.is(await ping.then(() => 'answered', (error: { code: string }) => error.code), 'ENETUNREACH')
    }
    await lo.up()
    assert.is((await stack.ipv6.ping('::1')).received, 1)
    assert.is((await stack.ipv4.ping('127.0.0.1')).received, 1)
  })
  await stopped(stack)
})

test('stopped with packets under way, nothing is left', async () => {
  const { env, stack, lo } = world()
  for (let n = 0; n < 300; n++) lo.output(packet(stack, 6, 40), LOOPBACK6)
  assert.ok(stack.netif.buffers.live > 256)
  await stopped(stack)
  assert.is(env.armed, 0)
})

test('packets that are no IP come back all the same, and are counted where they are dropped', async () => {
  const { env, stack, lo } = world()
  const odd = packet(stack, 6, 40)
  odd.u8[odd.offset] = 0x50
  lo.output(odd, LOOPBACK6)
  env.step()
  assert.equal(stack.netif.statistics(lo).drops, { 'loopback: neither IPv4 nor IPv6': 1 })
  await stopped(stack)
})

test('RFC 4291 §2.8: a node is in the group of all nodes on its loopback too', async () => {
  const { env, stack } = world()
  await env.run(async () => assert.is((await stack.ipv6.ping('ff02::1%lo', { timeout: 50 })).received, 1))
  await stopped(stack)
})

test.run()
