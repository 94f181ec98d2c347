/** Two ends for programs of Node's sockets: over two stacks on a wire in memory, and over the kernel's loopback. */

import nodeNetModule from 'node:net'
import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { Arena, netbufIn } from '@favonius/netbuf'
import { nodeNet } from '@favonius/node/net'
import { EthernetSegment } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { tcp } from '@favonius/tcp'
import { udp } from '@favonius/udp'
import * as assert from 'uvu/assert'

/** The functions of `node:net` that programs use. */
export type Net = Pick<typeof nodeNetModule, 'createServer' | 'connect'> & { socket(options?: nodeNetModule.SocketConstructorOpts): nodeNetModule.Socket }

/** A client's side and a server's. */
export interface NodeWorld {
  readonly name: string
  readonly client: Net
  readonly server: Net
  /** Where the server is. */
  readonly host: string
  stop(): Promise<void>
}

/** Two stacks on a wire in memory. */
export async function stacks() {
  const wire = new EthernetSegment(system)
  const made = await Promise.all([1, 2].map(async (n) => {
    const stack = compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv4(), udp(), tcp({ timeWaitDelay: 10 }), sockets())
    const eth0 = stack.netif.add(wire.device())
    stack.ipv4.addAddress(eth0, `192.0.2.${n}/24`)
    await eth0.up()
    return stack
  }))
  const [a, b] = made as [(typeof made)[0], (typeof made)[0]]
  return {
    a, b,
    async stop(): Promise<void> {
      for (const stack of made) await stack.stop()
      wire.stop()
      for (const stack of made) assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
    },
  }
}

/** Over our own. */
export async function overStacks(): Promise<NodeWorld> {
  const { a, b, stop } = await stacks()
  return { name: 'two stacks', client: nodeNet({ streams: a.sockets }) as unknown as Net, server: nodeNet({ streams: b.sockets }) as unknown as Net, host: '192.0.2.2', stop }
}

/** Over the kernel's. */
export async function overKernel(): Promise<NodeWorld> {
  const net: Net = { createServer: nodeNetModule.createServer, connect: nodeNetModule.connect, socket: (options) => new nodeNetModule.Socket(options) }
  return { name: 'node:net', client: net, server: net, host: '127.0.0.1', stop: async () => {} }
}
