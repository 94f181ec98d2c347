import { datagramConformance } from '@favonius/testing'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { simulate } from '@favonius/sim'
import { udp } from '@favonius/udp'
import { sockets } from '../src/index.ts'

const worlds = {
  'IPv6': { four: false, six: true, network: '2001:db8::', length: 64, group: 'ff02::1234' },
  'IPv4': { four: true, six: false, network: '192.0.2.', length: 24, group: '239.1.2.3' },
  'IPv4 through dual-stack sockets': { four: true, six: true, network: '192.0.2.', length: 24, group: '239.1.2.3' },
} as const

for (const [name, { four, six, network, length, group }] of Object.entries(worlds)) {
  datagramConformance(`our own sockets, ${name}`, async () => {
    const net = simulate({ seed: 11 })
    const lan = net.ethernet({ latency: 0.5 })
    const of4 = [ethernet(), ipv4(), udp(), sockets()] as const
    const of6 = [ethernet(), ipv6(), udp(), sockets()] as const
    const of46 = [...of6, ipv4()] as const
    const nodes = ['a', 'b'].map((title, n) => {
      const own = `${network}${n + 1}/${length}`
      if (four && six) {
        const { stack, iface } = net.node(title, of46, lan)
        stack.ipv4.addAddress(iface, own)
        return { stack, iface }
      }
      if (four) {
        const { stack, iface } = net.node(title, of4, lan)
        stack.ipv4.addAddress(iface, own)
        return { stack, iface }
      }
      const { stack, iface } = net.node(title, of6, lan)
      stack.ipv6.addAddress(iface, own)
      return { stack, iface }
    })
    const [a, b] = [nodes[0]!, nodes[1]!]
    return {
      a: a.stack.sockets,
      b: b.stack.sockets,
      addressA: `${network}1`,
      addressB: `${network}2`,
      foreign: `${network}99`,
      group: { address: group, iface: 'eth0' },
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
}
