import { datagramConformance } from '@favonius/testing'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv6 } from '@favonius/ipv6'
import { simulate } from '@favonius/sim'
import { udp } from '@favonius/udp'
import { sockets } from '../src/index.ts'

datagramConformance('our own sockets, IPv6', async () => {
  const net = simulate({ seed: 11 })
  const lan = net.ethernet({ latency: 0.5 })
  const features = [ethernet(), ipv6(), udp(), sockets()] as const
  const [a, b] = [net.node('a', features, lan), net.node('b', features, lan)]
  a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
  b.stack.ipv6.addAddress(b.iface, '2001:db8::2/64')
  return {
    a: a.stack.sockets,
    b: b.stack.sockets,
    addressA: '2001:db8::1',
    addressB: '2001:db8::2',
    foreign: '2001:db8::99',
    group: { address: 'ff02::1234', iface: 'eth0' },
    async until(done) {
      while (!done()) await sleep(net.env, 1)
    },
    run: (body) => net.run(async () => {
      await Promise.all([a.iface.up(), b.iface.up()])
      await body()
    }),
    stop: () => net.stop(),
  }
})
