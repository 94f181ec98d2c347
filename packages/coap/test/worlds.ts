/** Where a fleet lives: in a net of tests alone, or on our own stacks, over UDP and over TCP. */

import { virtual, type VirtualEnv } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ieee802154 } from '@favonius/ieee802154'
import { ipv6 } from '@favonius/ipv6'
import { simulate, type Simulation } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { tcp } from '@favonius/tcp'
import { udp } from '@favonius/udp'
import { CoapEndpoint, type Carrier } from '../src/endpoint.ts'
import { CoapServer } from '../src/server.ts'
import { serverDefaults, type Settings } from '../src/serving.ts'
import { CoapStreams } from '../src/tcp/index.ts'
import { TestNet, type Faults } from './net.ts'

/** Where a device is, how it begins to serve, and what is done before all is over with it. */
export interface Place {
  readonly address: string
  serve(): Promise<CoapServer>
  cut(): void
}

export interface World {
  readonly env: VirtualEnv
  readonly scheme: string
  device(number: number): Place
  /** What a gateway asks by. */
  gateway(number: number, settings: Partial<Settings>): Carrier
  run(body: () => Promise<void>, limit: number): Promise<void>
  /** Messages and exchanges that a server keeps. */
  kept(endpoint: Carrier): number
  /** Timers and buffers that are left. */
  stop(): Promise<number>
}

const addressOf = (kind: number, number: number): string => `2001:db8::${kind}:${(number + 1).toString(16)}`

function kept(endpoint: Carrier): number {
  if (!(endpoint instanceof CoapEndpoint)) return 0
  const { exchanges, messages } = endpoint.machine.kept
  return exchanges + messages
}

/** Datagrams from one end to the other. */
export function inTestNet({ seed, ...faults }: Pick<Faults, 'loss' | 'duplicate' | 'reorder'> & { readonly seed: number }): World {
  const env = virtual({ seed })
  const net = new TestNet(env, faults, false)
  return {
    env, scheme: 'coap', kept,
    device: (number) => ({ address: addressOf(1, number), serve: () => CoapServer.open(net.host(addressOf(1, number)), env), cut() {} }),
    gateway: (number, settings) => new CoapEndpoint(net.host(addressOf(2, number)), env, { ...serverDefaults, ...settings }),
    run: (body, limit) => env.run(body, { limit }),
    async stop() {
      env.advance(1000)
      return env.armed
    },
  }
}

/** Nodes with our stacks, on one Ethernet. */
const onEthernet = (net: Simulation, loss: number) => {
  const lan = net.ethernet({ latency: 5, loss })
  return (address: string) => net.node(address, [ethernet(), ipv6(), udp(), tcp(), sockets()] as const, lan)
}

/** Radios that all hear each other. */
const inAir = (net: Simulation, loss: number) => {
  const air = net.air({ loss })
  let placed = 0
  return (address: string) => net.node(address, [ieee802154(), ipv6(), udp(), tcp(), sockets()] as const, air, { at: [placed++, 0] })
}

/** Our stacks. */
export function onStacks(scheme: 'coap' | 'coap+tcp', { seed, loss, air = false }: { readonly seed: number; readonly loss: number; readonly air?: boolean }): World {
  const net = simulate({ seed, record: false })
  const place = (air ? inAir : onEthernet)(net, loss)
  const nodes: ReturnType<typeof place>[] = []
  const made = (address: string): ReturnType<typeof place> => {
    const node = place(address)
    node.stack.ipv6.addAddress(node.iface, `${address}/64`)
    nodes.push(node)
    return node
  }
  const { env } = net
  return {
    env, scheme, kept,
    device(number) {
      const address = addressOf(1, number)
      const { stack, iface } = made(address)
      return { address, cut: () => iface.down(), serve: async () => {
        await iface.up()
        if (scheme === 'coap') return CoapServer.open(stack.sockets, env)
        const accepting = new CoapStreams(stack.sockets, env)
        await accepting.listen()
        return new CoapServer(accepting, env)
      } }
    },
    gateway(number, settings) {
      const { stack } = made(addressOf(2, number))
      return scheme === 'coap' ? new CoapEndpoint(stack.sockets, env, { ...serverDefaults, ...settings }) : new CoapStreams(stack.sockets, env, settings)
    },
    run: (body, limit) => net.run(async () => {
      await Promise.all(nodes.map(({ iface }) => iface.up()))
      await body()
    }, { limit }),
    async stop() {
      await net.stop()
      return nodes.reduce((live, { stack }) => live + stack.netif.buffers.live, 0)
    },
  }
}
