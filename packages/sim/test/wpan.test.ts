import * as assert from 'uvu/assert'
import { ieee802154 } from '@favonius/ieee802154'
import { ipv6 } from '@favonius/ipv6'
import { ipv4 } from '@favonius/ipv4'
import { ethernet } from '@favonius/ethernet'
import { packets } from '@favonius/pcap'
import { show } from '@favonius/ieee802154/wire'
import { sockets } from '@favonius/sockets'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { simulate, unitDisk } from '../src/index.ts'

const test = suite('stacks on the air')
const features = [ieee802154(), ipv6(), udp(), sockets()] as const

test('two stacks find each other and ping, with packets of one frame and of several', async () => {
  const net = simulate({ seed: 7 })
  const air = net.air()
  const a = net.node('a', features, air, { at: [0, 0] })
  const b = net.node('b', features, air, { at: [50, 0] })
  a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
  b.stack.ipv6.addAddress(b.iface, '2001:db8::2/64')
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    assert.equal([a.iface.name, a.iface.mtu, `${a.iface.address}`], ['wpan0', 1280, '02:00:00:00:00:00:00:01'])
    assert.ok(a.iface.addresses.some(({ address }) => `${address}`.startsWith('fe80::1%')), 'the identifier is the EUI-64')
    for (const size of [8, 64, 1000]) {
      const { received, roundTrips } = await a.stack.ipv6.ping('2001:db8::2', { count: 3, size })
      assert.is(received, 3, `${size} bytes`)
      assert.ok(roundTrips.every((ms) => ms > size * 2 * 0.032), 'at 250 kbit/s')
    }
  })
  await net.stop()
})

test.run()
