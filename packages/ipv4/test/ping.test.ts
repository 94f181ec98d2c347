import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import { finish, sum } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { netbuf } from '@favonius/netbuf'
import { loopback } from '@favonius/netif'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { host, packetOf } from './net.ts'

const test = suite('ipv4: ping')

/** Two hosts and a cable of `latency` milliseconds. */
const pair = async (latency: number, settings: Parameters<typeof host>[0] = {}) => {
  const env = virtual({ seed: 3 })
  const a = await host({}, { env })
  const b = await host(settings, { env, own: '192.0.2.2/24' })
  const deliver = (to: typeof a) => (frame: Uint8Array): void => {
    env.clock.timer(() => to.wire.receive(frame)).schedule(env.clock.now() + latency)
  }
  a.wire.forward = deliver(b)
  b.wire.forward = deliver(a)
  const end = async (): Promise<void> => {
    await a.stack.stop()
    await b.stack.stop()
    assert.equal([a.buffers.live, b.buffers.live, env.armed], [0, 0, 0])
  }
  return { env, a, b, end }
}
const rejection = async (promise: Promise<unknown>): Promise<Error & { code?: string }> => {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not reject')
}

test('one request, and how long the reply took', async () => {
  const { env, a, end } = await pair(1.5)
  const result = await env.run(() => a.ipv4.ping('192.0.2.2'))
  assert.equal({ ...result, from: `${result.from}` }, { sent: 1, received: 1, roundTrips: [3], from: '192.0.2.2' })
  assert.is(env.clock.now(), 3, 'it does not wait longer than it must')
  assert.match(a.wire.shown()[0]!, /^192\.0\.2\.1 > 192\.0\.2\.2: ICMP echo request, id \d+, seq 1, length 64$/)
  await end()
})

test('several, at their interval', async () => {
  const { env, a, b, end } = await pair(10)
  const result = await env.run(() => a.ipv4.ping('192.0.2.2', { count: 4, interval: 250, size: 0, hopLimit: 9 }))
  assert.equal(result.roundTrips, [20, 20, 20, 20])
  assert.is(env.clock.now(), 770)
  assert.equal(b.wire.shown().map((line) => line.replace(/id \d+/, 'id')), [1, 2, 3, 4].map((seq) => `192.0.2.2 > 192.0.2.1: ICMP echo reply, id, seq ${seq}, length 8`))
  await end()
})

test('what is lost or late is not received', async () => {
  const { env, a, b, end } = await pair(10)
  const forward = b.wire.forward
  let n = 0
  b.wire.forward = (frame) => {
    n++
    if (n === 1) return // lost
    if (n === 2) { // late, and beside the next
      env.clock.timer(() => a.wire.receive(frame)).schedule(env.clock.now() + 1500)
      return
    }
    forward(frame)
    forward(frame) // twice
  }
  const result = await env.run(() => a.ipv4.ping('192.0.2.2', { count: 3 }))
  assert.equal([result.sent, result.received, result.roundTrips], [3, 1, [20]])
  env.advance(5000)
  assert.is(a.drops()['icmpv4: echo reply nobody waits for'], 2)
  await end()
})

test('a ping that nobody answers ends when the last one has timed out', async () => {
  const { env, a, end } = await pair(10)
  const result = await env.run(() => a.ipv4.ping('192.0.2.77', { count: 2, interval: 300, timeout: 500 }))
  assert.equal(result, { sent: 2, received: 0, roundTrips: [], from: undefined })
  assert.is(env.clock.now(), 800)
  await end()
})

test('an error about a request ends the wait for it', async () => {
  const { env, a, b, end } = await pair(10)
  b.wire.forward = () => {}
  a.wire.forward = (frame) => {
    const quoted = frame.slice(0, 28)
    env.clock.timer(() => {
      const body = new Uint8Array(36)
      body.set([3, 1])
      body.set(quoted, 8)
      new DataView(body.buffer).setUint16(2, finish(sum(body, 0, body.length)))
      a.wire.receive(packetOf({ protocol: 1, source: '192.0.2.254' }, body))
    }).schedule(env.clock.now() + 5)
  }
  const result = await env.run(() => a.ipv4.ping('192.0.2.2'))
  assert.is(result.received, 0)
  assert.is(env.clock.now(), 5)
  await end()
})

test('everyone who answers a broadcast is counted', async () => {
  const { env, a, b, end } = await pair(1, { acceptBroadcastPing: true })
  b.ipv4.addAddress(b.iface, '192.0.2.3/24')
  const forward = b.wire.forward
  b.wire.forward = (frame) => {
    forward(frame)
    forward(frame) // as if another host had answered too
  }
  const result = await env.run(() => a.ipv4.ping('192.0.2.255', { timeout: 100 }))
  assert.equal([result.sent, result.received], [1, 2])
  assert.is(env.clock.now(), 100)
  await end()
})

test('several pings at once do not take each other\'s replies', async () => {
  const { env, a, b, end } = await pair(5)
  const [x, y] = await env.run(() => Promise.all([a.ipv4.ping('192.0.2.2', { count: 3, interval: 10 }), a.ipv4.ping('192.0.2.2', { count: 2, interval: 7 })]))
  assert.equal([x.received, y.received], [3, 2])
  assert.is(b.counters()['icmp']!['recv'], 5)
  await end()
})

test('ourselves, by our address and by loopback', async () => {
  const { env, a, end } = await pair(5)
  const result = await env.run(() => a.ipv4.ping('192.0.2.1', { size: 65_507 }))
  assert.is(result.received, 1)
  assert.equal(a.wire.sent, [])
  await end()
  const alone = virtual()
  const stack = compose(alone, netbuf({ debug: true }), ipv4(), loopback())
  for (const to of ['127.0.0.1', '127.9.9.9']) {
    const { received, from } = await alone.run(() => stack.ipv4.ping(to))
    assert.is(`${received} ${from}`, `1 ${to}`)
  }
  await stack.stop()
  assert.is(stack.netbuf.live, 0)
})

test('mistakes are the caller\'s to know', async () => {
  const { env, a, end } = await pair(5)
  for (const [act, code, message] of [
    [() => a.ipv4.ping('example.org'), 'EINVAL', /is not an IP address/],
    [() => a.ipv4.ping('2001:db8::1'), 'EINVAL', /no IPv4 address/],
    [() => a.ipv4.ping('10.0.0.1'), 'ENETUNREACH', /no route to 10\.0\.0\.1/],
    [() => a.ipv4.ping('192.0.2.2', { size: 1473 }), 'EMSGSIZE', /at most 1472/],
    [() => a.ipv4.ping('192.0.2.2', { count: 0 }), 'EINVAL', /count is 0/],
    [() => a.ipv4.ping('192.0.2.2', { size: 1.5 }), 'EINVAL', /size is 1\.5/],
    [() => a.ipv4.ping('192.0.2.2', { timeout: NaN }), 'EINVAL', /timeout is NaN/],
  ] as const) {
    const error = await rejection(env.run(act))
    assert.is(error.code, code)
    assert.match(error.message, message)
  }
  await end()
})

test('an IPv4-mapped address is the IPv4 address it stands for', async () => {
  const { env, a, end } = await pair(5)
  assert.is((await env.run(() => a.ipv4.ping('::ffff:192.0.2.2'))).received, 1)
  await end()
})

test('a stack that stops takes its pings with it', async () => {
  const { env, a, b, end } = await pair(5)
  b.wire.forward = () => {}
  const error = await rejection(env.run(async () => {
    const ping = a.ipv4.ping('192.0.2.2', { count: 100 })
    ping.catch(() => {})
    env.clock.timer(() => void a.stack.stop()).schedule(2500)
    return ping
  }))
  assert.is(error.code, 'ECANCELED')
  await end()
})

test.run()
