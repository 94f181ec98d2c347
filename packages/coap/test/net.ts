/** Datagrams between two ends in virtual time, and an adversary between them. */

import { virtual, type VirtualEnv } from '@favonius/clock'
import type { DatagramNet, DatagramSink, DatagramSocket, Endpoint } from '@favonius/contract'
import { failure } from '@favonius/inet'
import { CoapClient, type CoapClientOptions } from '../src/client.ts'
import type { CoapEndpoint } from '../src/endpoint.ts'
import type { CoapMachine } from '../src/machine.ts'
import { CoapServer, type CoapServerOptions } from '../src/server.ts'
import { show } from '../src/show.ts'

export interface Faults {
  /** Shares of datagrams that are lost, come twice, or come late. */
  readonly loss?: number
  readonly duplicate?: number
  readonly reorder?: number
  /** What becomes of a datagram: others in its place, or none. */
  tamper?(data: Uint8Array, to: Endpoint, count: number): readonly Uint8Array[]
}

/** Hosts by address; each is a `DatagramNet`. */
export class TestNet {
  readonly env: VirtualEnv
  faults: Faults
  /** Everything sent, as people read it. */
  readonly log: string[] = []
  sent = 0
  readonly #sockets = new Map<string, { readonly sink: DatagramSink; readonly local: Endpoint; readonly groups: Set<string> }>()
  readonly #logging: boolean
  #port = 49_152

  constructor(env: VirtualEnv, faults: Faults = {}, logging = true) {
    this.env = env
    this.faults = faults
    this.#logging = logging
  }

  host(address: string): DatagramNet {
    return {
      open: async (local, sink) => {
        if (local.address !== undefined && local.address !== address) throw failure('EADDRNOTAVAIL', `${local.address} is not ${address}`)
        const at = { address, port: local.port || this.#port++ }
        const key = `${at.address} ${at.port}`
        if (this.#sockets.has(key)) throw failure('EADDRINUSE', key)
        const groups = new Set<string>()
        this.#sockets.set(key, { sink, local: at, groups })
        this.env.wake()
        const socket: DatagramSocket = {
          local: at,
          send: (data, to) => {
            this.#send(data.slice(), at, to)
            return true
          },
          join: (group) => void groups.add(group),
          leave: (group) => void groups.delete(group),
          close: () => void this.#sockets.delete(key),
        }
        return socket
      },
    }
  }

  #send(data: Uint8Array, from: Endpoint, to: Endpoint): void {
    this.sent++
    if (this.#logging) this.log.push(`${from.address} > ${to.address}: ${show(data)}`)
    for (const one of this.faults.tamper?.(data, to, this.sent) ?? [data]) this.#pass(one, from, to)
  }

  #pass(data: Uint8Array, from: Endpoint, to: Endpoint): void {
    const { loss = 0, duplicate = 0, reorder = 0 } = this.faults
    const chance = (): number => this.env.random.uint32() / 2 ** 32
    if (loss > 0 && chance() < loss) return
    const copies = duplicate > 0 && chance() < duplicate ? 2 : 1
    for (let i = 0; i < copies; i++) this.deliver(data, from, to, 10 + (reorder > 0 && chance() < reorder ? 500 * chance() : 0))
  }

  /** Brings bytes to whoever is there, after `delay` milliseconds. */
  deliver(data: Uint8Array, from: Endpoint, to: Endpoint, delay = 10): void {
    this.env.clock.timer(() => {
      for (const { sink, local, groups } of [...this.#sockets.values()]) {
        if (local.port !== to.port || !(local.address === to.address || groups.has(to.address))) continue
        sink.receive(data, from, { local: to.address, iface: undefined, multicast: local.address !== to.address, hopLimit: undefined })
      }
    }).schedule(this.env.clock.now() + delay)
  }
}

export interface Ends {
  readonly env: VirtualEnv
  readonly net: TestNet
  readonly client: CoapClient
  readonly server: CoapServer
}

export const SERVER = '2001:db8::2'
export const at = (path: string): string => `coap://[${SERVER}]${path}`

/** A client and a server, and a test's body between them; no timer is armed when they are closed. */
export async function between(
  { seed = 1, client: own = {}, server: theirs = {}, ...faults }: Faults & { readonly seed?: number; readonly client?: CoapClientOptions; readonly server?: CoapServerOptions },
  body: (ends: Ends) => Promise<void>,
): Promise<void> {
  const env = virtual({ seed })
  const net = new TestNet(env, faults)
  const client = new CoapClient(net.host('2001:db8::1'), env, own)
  await env.run(async () => {
    const server = await CoapServer.open(net.host(SERVER), env, theirs)
    try {
      await body({ env, net, client, server })
    } finally {
      client.close()
      server.close()
    }
  })
  env.advance(1000)
  if (env.armed > 0) throw new Error(`${env.armed} timers are armed after both ends were closed`)
}

/** The machine of a server of datagrams. */
export const machineOf = ({ endpoint }: CoapServer): CoapMachine => (endpoint as CoapEndpoint).machine
