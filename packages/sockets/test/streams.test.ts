/** The `StreamNet` suite over our own TCP: on a good link, and on one that loses, reorders and repeats. */

import { streamConformance } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { simulate, type LinkOptions } from '@favonius/sim'
import { tcp } from '@favonius/tcp'
import { sockets } from '../src/index.ts'

const good: LinkOptions = { latency: 0.5 }
const bad: LinkOptions = { latency: 5, loss: 0.03, reorder: 0.05, duplicate: 0.02 }

const worlds = [
  { name: 'IPv6', link: good, network: '2001:db8::', length: 64 },
  { name: 'IPv4 through dual-stack sockets', link: good, network: '192.0.2.', length: 24 },
  { name: 'IPv6 on a bad link', link: bad, network: '2001:db8::', length: 64 },
  { name: 'IPv4 on a bad link', link: bad, network: '192.0.2.', length: 24 },
] as const

for (const { name, link, network, length } of worlds) {
  streamConformance(`our own sockets, ${name}`, async () => {
    const net = simulate({ seed: 11, record: false })
    const lan = net.ethernet(link)
    const features = [ethernet(), ipv4(), ipv6(), tcp(), sockets()] as const
    const [a, b] = ['a', 'b'].map((title, n) => {
      const node = net.node(title, features, lan)
      if (length === 64) node.stack.ipv6.addAddress(node.iface, `${network}${n + 1}/64`)
      else node.stack.ipv4.addAddress(node.iface, `${network}${n + 1}/24`)
      return node
    }) as [ReturnType<typeof node>, ReturnType<typeof node>]
    function node() { return net.node('', features, lan) }
    return {
      a: a.stack.sockets,
      b: b.stack.sockets,
      addressA: `${network}1`,
      addressB: `${network}2`,
      foreign: `${network}99`,
      silent: `${network}99`,
      flood: 4_000_000,
      async until(done) {
        while (!done()) await sleep(net.env, 1)
      },
      settle: () => sleep(net.env, 30_000),
      run: (body) => net.run(async () => {
        await Promise.all([a.iface.up(), b.iface.up()])
        await body()
        for (const { stack } of [a, b]) assert.is(stack.tcp.connections.length, 0)
      }),
      stop: () => net.stop(),
    }
  })
}
