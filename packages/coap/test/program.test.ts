/** One program of a client over whatever carries datagrams: the kernel's, a simulated Ethernet, and simulated radios. */

import * as assert from 'uvu/assert'
import { system } from '@favonius/clock'
import type { DatagramNet, Env } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { ieee802154 } from '@favonius/ieee802154'
import { ipv6 } from '@favonius/ipv6'
import { nodeDatagrams } from '@favonius/node'
import { simulate, type Simulation } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { inWorld, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { CoapClient, CoapServer } from '../src/index.ts'
import { program, TOLD } from './program.ts'
import { serve } from './served.ts'

const test = suite('CoAP: one program')

interface World {
  readonly env: Env
  readonly ours: DatagramNet
  readonly theirs: DatagramNet
  readonly address: string
  run(body: () => Promise<void>): Promise<void>
  stop(): Promise<void>
}

const kernel = async (): Promise<World> => ({ env: system, ours: nodeDatagrams(), theirs: nodeDatagrams(), address: '::1', run: (body) => body(), async stop() {} })

type Nodes = ReturnType<typeof nodesOn | typeof nodesInAir>
const nodesOn = (net: Simulation) => {
  const lan = net.ethernet({ latency: 1, loss: 0.02 })
  const features = [ethernet(), ipv6(), udp(), sockets()] as const
  return [net.node('a', features, lan), net.node('b', features, lan)] as const
}
const nodesInAir = (net: Simulation) => {
  const air = net.air({ loss: 0.02 })
  const features = [ieee802154(), ipv6(), udp(), sockets()] as const
  return [net.node('a', features, air), net.node('b', features, air, { at: [10, 0] })] as const
}
const simulated = (nodes: (net: Simulation) => Nodes) => async (): Promise<World> => {
  const net = simulate({ seed: 8 })
  const [a, b] = nodes(net)
  a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
  b.stack.ipv6.addAddress(b.iface, '2001:db8::2/64')
  return {
    env: net.env, ours: a.stack.sockets, theirs: b.stack.sockets, address: '2001:db8::2',
    run: (body) => net.run(async () => {
      await Promise.all([a.iface.up(), b.iface.up()])
      await body()
    }),
    async stop() {
      await net.stop()
      assert.equal([a.stack.netif.buffers.live, b.stack.netif.buffers.live], [0, 0])
    },
  }
}

for (const [name, world] of [['node:dgram', kernel], ['a simulated Ethernet', simulated(nodesOn)], ['simulated IEEE 802.15.4', simulated(nodesInAir)]] as const) {
  test(`over ${name}`, inWorld(world, ({ env, ours, theirs, address, run }) => run(async () => {
    const server = await CoapServer.open(theirs, env, { address, port: 0 })
    serve(server)
    const client = new CoapClient(ours, env)
    try {
      assert.equal(await program(client, `coap://[${address}]:${server.local.port}`), TOLD)
    } finally {
      client.close()
      server.close()
    }
  })))
}

test.run()
