/** Urgent datagrams beside a flood, over a line with a rate: what traffic classes are for. In virtual time, as a table. */

import * as assert from 'uvu/assert'
import type { Interface } from '@favonius/contract'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { vlan } from '@favonius/ethernet/vlan'
import { ipv6, type Ipv6 } from '@favonius/ipv6'
import { simulate } from '@favonius/sim'
import { sockets, type Sockets } from '@favonius/sockets'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { trafficClasses } from '../src/traffic/index.ts'

const test = suite('latency under a flood')

/** Bits a second, and what a flooding datagram's frame takes on such a line: 1400 bytes of data. */
const RATE = 10_000_000
const FRAME = (1400 + 8 + 40 + 14 + 24) * 8000 / RATE
const URGENT = 100
const EVERY = 7

interface Host {
  readonly iface: Interface
  readonly ipv6: Ipv6
  readonly sockets: Sockets
}

interface Outcome {
  /** Milliseconds from `sendto` to arrival, in order of size. */
  readonly urgent: readonly number[]
  readonly flood: readonly number[]
}

/**
 * A floods B for as long as it takes to send 100 urgent datagrams, one every 7 ms; both wait when the interface is full. The same
 * program each time: what differs is what the stacks are composed of, and which interface the datagrams take.
 */
async function outcome({ queues, tagged }: { readonly queues: number; readonly tagged: boolean }): Promise<Outcome> {
  const net = simulate({ seed: 5, record: false })
  const lan = net.ethernet({ rate: RATE, latency: 0.1 })
  const [a, b] = [1, 2].map((host) => {
    const classes = queues === 0 ? [] : [trafficClasses({ transmit: queues, receive: queues })]
    const node = net.node(`${host}`, [ethernet(), vlan(), ipv6(), udp(), sockets(), ...classes] as const, lan)
    const iface: Interface = tagged ? node.stack.vlan.add(node.iface, 100) : node.iface
    node.stack.ipv6.addAddress(iface, `2001:db8::${host}/64`)
    return { ...node.stack, iface }
  }) as unknown as [Host, Host]
  const { env } = net
  const urgent: number[] = []
  const flood: number[] = []
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const arrived = (into: number[]) => (data: Uint8Array): void => {
      into.push(env.clock.now() - new DataView(data.buffer, data.byteOffset).getFloat64(0))
    }
    await b.sockets.open({ port: 1 }, { receive: arrived(flood) })
    await b.sockets.open({ port: 2 }, { receive: arrived(urgent) })
    const send = async (port: number, size: number, priority: number, more: () => boolean, pause: number): Promise<void> => {
      const socket = a.sockets.socket('inet6', 'dgram')
      socket.setsockopt('SO_PRIORITY', priority)
      const data = new DataView(new ArrayBuffer(size))
      while (more()) {
        data.setFloat64(0, env.clock.now())
        await socket.sendto(new Uint8Array(data.buffer), { address: '2001:db8::2', port })
        if (pause > 0) await sleep(env, pause)
      }
      socket.close()
    }
    await a.ipv6.ping('2001:db8::2') // what waits for a neighbour's address does not wait for the line
    let left = URGENT
    const flooding = send(1, 1400, 0, () => left > 0, 0)
    await sleep(env, 200) // the queue is full
    await send(2, 100, 6, () => left-- > 0, EVERY)
    await flooding
    await sleep(env, 500)
  })
  await net.stop()
  const inOrder = (values: number[]): number[] => values.sort((x, y) => x - y)
  return { urgent: inOrder(urgent), flood: inOrder(flood) }
}

const at = (values: readonly number[], share: number): number => values[Math.min(values.length - 1, Math.floor(values.length * share))]!

test('with classes urgent datagrams wait for the frames on the line, and without for all of the queue', async () => {
  const rows = [['', 'classes', 'urgent: median', '99%', 'worst', 'flood: median'].join('\t')]
  const seen = new Map<string, Outcome>()
  for (const tagged of [false, true]) {
    for (const queues of [0, 2, 8]) {
      const one = await outcome({ queues, tagged })
      seen.set(`${tagged} ${queues}`, one)
      const cells = [at(one.urgent, 0.5), at(one.urgent, 0.99), at(one.urgent, 1), at(one.flood, 0.5)].map((value) => `${value.toFixed(2)} ms`)
      rows.push([tagged ? 'VLAN 100' : 'untagged', queues || 'none', ...cells].join('\t'))
    }
  }
  console.log(`\n${rows.map((row) => row.split('\t').map((cell) => cell.padEnd(15)).join('')).join('\n')}`)
  for (const tagged of [false, true]) {
    const none = seen.get(`${tagged} 0`)!
    assert.ok(at(none.urgent, 0.5) > 50 * FRAME, 'without classes an urgent datagram waits for a whole queue of the flood')
    for (const queues of [2, 8]) {
      const { urgent, flood } = seen.get(`${tagged} ${queues}`)!
      assert.is(urgent.length, URGENT)
      // A frame that is being sent, the one that the line took ahead, its own, and the latency.
      assert.ok(at(urgent, 1) < 3 * FRAME + 0.5, `${at(urgent, 1)} ms`)
      assert.ok(flood.length > 500, 'the flood has the rest of the line')
    }
  }
})

test.run()
