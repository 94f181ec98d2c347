import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { suite } from '@favonius/testing'
import { EthernetLink, simulate, type LinkOptions } from '../src/index.ts'
import { ear, frameTo, settle, type Ear } from './wired.ts'

const test = suite('point-to-point link')

function linked(options: LinkOptions) {
  const env = virtual({ seed: 6 })
  const link = new EthernetLink(env, options)
  const ends = [ear(env, link.device()), ear(env, link.device())] as [Ear, Ear]
  return { env, link, ends }
}

test('its two ways differ where the way back is said to; what is not said is the same', () => {
  const { env, ends: [a, b] } = linked({ latency: 10, rate: 1e6, queue: 10_000, back: { rate: 10e6, loss: 1 } })
  for (let n = 0; n < 2; n++) {
    a.device.transmit(frameTo(a, 2, `${n}`, 1226))
    b.device.transmit(frameTo(b, 1, `${n}`, 1226))
  }
  settle(env)
  assert.equal([b.times, a.times], [['20 0', '30 1'], []])
  const fast = linked({ latency: 10, rate: 1e6, queue: 10_000, back: { rate: 10e6 } })
  for (let n = 0; n < 2; n++) fast.ends[1].device.transmit(frameTo(fast.ends[1], 1, `${n}`, 1226))
  settle(fast.env)
  assert.equal(fast.ends[0].times, ['11 0', '12 1'])
  assert.equal([a, b, ...fast.ends].map(({ buffers }) => buffers.live), [0, 0, 0, 0])
})

test('each way keeps its own order and its own dice', () => {
  const { env, ends: [a, b] } = linked({ latency: 50, back: { latency: 1 } })
  a.device.transmit(frameTo(a, 2, 'slow'))
  b.device.transmit(frameTo(b, 1, 'fast'))
  settle(env)
  assert.equal([a.times, b.times], [['1 fast'], ['50 slow']])
})

test('a third device is an error, and so is what cannot be on either way', () => {
  const { link } = linked({})
  assert.throws(() => link.device(), /link link has its two devices; for more take a segment: net\.ethernet\(\)/)
  assert.throws(() => link.uplink(() => false), /its two devices/)
  assert.throws(() => linked({ back: { loss: 2 } }), /loss is 2/)
  assert.throws(() => linked({ jitter: -1, back: { jitter: 1 } }), /jitter is -1/)
  const net = simulate()
  const cable = net.link({ name: 'cable' })
  assert.throws(() => {
    for (const name of ['a', 'b', 'c']) net.node(name, [ethernet(), ipv4()], cable)
  }, /link cable has its two devices/)
})

test('a line to a provider: pings take the one way\'s time and the other\'s', async () => {
  const net = simulate({ seed: 2 })
  const dsl = net.link({ rate: 1e6, latency: 8, back: { rate: 16e6 }, name: 'dsl' })
  const [home, provider] = [net.node('home', [ethernet(), ipv4()], dsl), net.node('provider', [ethernet(), ipv4()], dsl)]
  home.stack.ipv4.addAddress(home.iface, '192.0.2.1/24')
  provider.stack.ipv4.addAddress(provider.iface, '192.0.2.2/24')
  await net.run(async () => {
    await Promise.all([home.iface.up(), provider.iface.up()])
    const { roundTrips } = await home.stack.ipv4.ping('192.0.2.2', { count: 3, size: 1000 - 28 - 14 - 24 })
    // 1000 bytes on the line take 8 ms up and 0.5 ms down. The first one waits for an address: the provider's announcement,
    // 84 bytes on the line, is on its way down.
    const close = (took: number | undefined, expected: number): void => assert.ok(Math.abs(took! - expected) < 1e-9, `${took}, not ${expected}`)
    close(roundTrips[1], 8 + 8 + 8 + 0.5)
    close(roundTrips[0], 24.5 + 8 + 0.042)
  })
  await net.stop()
  assert.is(net.env.armed, 0)
})

test.run()
