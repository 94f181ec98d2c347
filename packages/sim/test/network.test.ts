import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv6 } from '@favonius/ipv6'
import { sockets } from '@favonius/sockets'
import { udp } from '@favonius/udp'
import { simulate, type SegmentOptions } from '../src/index.ts'

const test = suite('simulated network')

const pair = (seed: number, options: SegmentOptions = {}) => {
  const net = simulate({ seed })
  const lan = net.ethernet(options)
  const features = [ethernet(), ipv6(), udp(), sockets()] as const
  const a = net.node('a', features, lan)
  const b = net.node('b', features, lan)
  a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
  b.stack.ipv6.addAddress(b.iface, '2001:db8::2/64')
  return { net, lan, a, b }
}

test('two stacks find each other, ping and exchange datagrams', async () => {
  const { net, a, b } = pair(7, { latency: 1 })
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const result = await a.stack.ipv6.ping('2001:db8::2', { count: 3 })
    assert.is(result.received, 3)
    assert.equal(result.roundTrips, [4, 2, 2], 'the first waits for neighbour discovery')
    const server = b.stack.sockets.socket('inet6', 'dgram')
    await server.bind({ port: 4242 })
    const client = a.stack.sockets.socket('inet6', 'dgram')
    const began = net.env.clock.now()
    await client.sendto(new TextEncoder().encode('hello'), { address: '2001:db8::2', port: 4242 })
    const { data, from } = await server.recvfrom()
    await server.sendto(data, from)
    assert.is(new TextDecoder().decode((await client.recvfrom()).data), 'hello')
    assert.is(net.env.clock.now() - began, 2)
  })
  await net.stop()
  assert.is(net.env.armed, 0)
})

test('the same seed gives the same bytes, another seed others', async () => {
  const capture = async (seed: number): Promise<string> => {
    const { net, a, b } = pair(seed, { latency: 0.5, loss: 0.1 })
    await net.run(async () => {
      await Promise.all([a.iface.up(), b.iface.up()])
      await a.stack.ipv6.ping('2001:db8::2', { count: 20, interval: 10 })
    })
    const bytes = net.captured()
    await net.stop()
    return Buffer.from(bytes).toString('hex')
  }
  const first = await capture(7)
  assert.is(await capture(7), first)
  assert.is.not(await capture(8), first)
})

test('with every fault at once the same seed gives the same bytes too, and the capture says what happened', async () => {
  const faults: SegmentOptions = { latency: 2, jitter: 3, loss: 0.05, reorder: 0.05, duplicate: 0.05, corrupt: 0.05, rate: 1e6, queue: 1000 }
  const capture = async (seed: number): Promise<Buffer> => {
    const { net, a, b } = pair(seed, faults)
    await net.run(async () => {
      await Promise.all([a.iface.up({ timeout: Infinity }), b.iface.up({ timeout: Infinity })])
      await Promise.all([200, 900, 1400].map((size) => a.stack.ipv6.ping('2001:db8::2', { count: 100, interval: 30, timeout: 1000, size })))
    })
    const bytes = net.captured()
    await net.stop()
    assert.is(net.env.armed, 0)
    return Buffer.from(bytes)
  }
  const first = await capture(7)
  for (const note of ['lost', 'lost: queue is full', 'lost by 02:00:00:00:00:0', 'held back 10 ms', 'heard twice', 'corrupted: bit ']) assert.ok(first.includes(note), note)
  assert.is(Buffer.compare(first, await capture(7)), 0)
  assert.is.not(Buffer.compare(first, await capture(8)), 0)
})

test('loss is loss: what is lost is counted by nobody and noted in the capture', async () => {
  const { net, a, b } = pair(3, { loss: 0.3 })
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const { sent, received } = await a.stack.ipv6.ping('2001:db8::2', { count: 100, interval: 100, timeout: 100 })
    assert.is(sent, 100)
    assert.ok(received > 25 && received < 75, `${received} of 100 came back; 49 are to be expected`)
  })
  assert.ok(Buffer.from(net.captured()).includes('lost'))
  await net.stop()
})

test('a cable that is pulled takes the carrier away, and brings it back', async () => {
  const { net, a, b } = pair(5)
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    net.plug(b.devices[0]!, false)
    assert.not(b.iface.running)
    assert.is((await a.stack.ipv6.ping('2001:db8::2', { timeout: 5000 })).received, 0)
    net.plug(b.devices[0]!, true)
    await b.iface.up()
    await sleep(net.env, 1000)
    assert.is((await a.stack.ipv6.ping('2001:db8::2', { timeout: 5000 })).received, 1)
  })
  await net.stop()
})

test('a run that fails names its seed, and one that waits for the real world says so', async () => {
  const { net } = pair(42)
  try {
    await net.run(() => { throw new Error('no luck') })
    assert.unreachable()
  } catch (error) {
    assert.match((error as Error).message, /no luck.*seed: 42/)
  }
  await net.stop()
})

test('options outside their range are refused', () => {
  const net = simulate()
  assert.throws(() => net.ethernet({ loss: 2 }), /loss is 2; it must be a share from 0 to 1/)
  assert.throws(() => net.ethernet({ latency: -1 }), /latency/)
  assert.throws(() => net.ethernet({ mtu: 1 }), /mtu/)
})

test.run()
