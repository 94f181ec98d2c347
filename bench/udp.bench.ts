/** UDP datagrams a second: two composed stacks on a wire in memory, beside node:dgram over the kernel's loopback. */

import { system } from '@favonius/clock'
import type { DatagramNet, DatagramSocket, Endpoint } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { nodeDatagrams } from '@favonius/node'
import { EthernetSegment } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { udp } from '@favonius/udp'
import { figure, smoke } from './measure.ts'

const ROUND = smoke ? 50 : 500
const ROUNDS = smoke ? 1 : 7
const BATCH = 64

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Pair {
  readonly name: string
  readonly from: DatagramSocket
  readonly to: Endpoint
  readonly received: () => number
  close(): Promise<void> | void
}

/** Sends as fast as the receiver keeps up, for `ms`; datagrams received a second. */
async function rate({ from, to, received }: Pair, data: Uint8Array, ms: number): Promise<number> {
  let sent = received()
  const before = sent
  const began = performance.now()
  while (performance.now() - began < ms) {
    // What is under way is bounded, so that nothing is lost for want of room.
    for (let n = 0; n < BATCH && sent - received() < 512; n++) if (from.send(data, to)) sent++
    await turn()
  }
  for (let idle = 0; received() < sent && idle < 1000; idle++) await turn()
  return (received() - before) / (performance.now() - began) * 1000
}

async function pairOn(name: string, client: DatagramNet, server: DatagramNet, address: string, close: () => Promise<void> | void): Promise<Pair> {
  let count = 0
  const at = await server.open({ address }, { receive: () => void count++ })
  const from = await client.open({}, { receive() {} })
  return { name, from, to: { address, port: at.local.port }, received: () => count, close: async () => { from.close(); at.close(); await close() } }
}

async function ours(version: 4 | 6): Promise<Pair> {
  const wire = new EthernetSegment(system)
  const make = async (host: number) => {
    const stack = compose(system, ethernet(), ipv4(), ipv6(), udp(), sockets())
    const eth0 = stack.netif.add(wire.device())
    stack.ipv4.addAddress(eth0, `192.0.2.${host}/24`)
    stack.ipv6.addAddress(eth0, `2001:db8::${host}/64`)
    await eth0.up()
    return stack
  }
  const [a, b] = [await make(1), await make(2)]
  return pairOn(`favonius, IPv${version}`, a.sockets, b.sockets, version === 4 ? '192.0.2.2' : '2001:db8::2', async () => {
    await a.stop()
    await b.stop()
    wire.stop()
  })
}

/** The same through BSD sockets, where each datagram is a promise on either side. */
async function promised(size: number, ms: number): Promise<number> {
  const wire = new EthernetSegment(system)
  const [a, b] = await Promise.all([1, 2].map(async (host) => {
    const stack = compose(system, ethernet(), ipv6(), udp(), sockets())
    const eth0 = stack.netif.add(wire.device())
    stack.ipv6.addAddress(eth0, `2001:db8::${host}/64`)
    await eth0.up()
    return stack
  }))
  const server = b!.sockets.socket('inet6', 'dgram')
  await server.bind({ port: 4242 })
  const client = a!.sockets.socket('inet6', 'dgram')
  await client.connect({ address: '2001:db8::2', port: 4242 })
  let received = 0
  const hear = (async () => {
    for (;;) {
      await server.recv()
      received++
    }
  })().catch(() => {}) // closed
  const data = new Uint8Array(size)
  const began = performance.now()
  for (let sent = 0; performance.now() - began < ms; ) {
    while (sent - received < 128) {
      await client.send(data)
      sent++
    }
    await turn()
  }
  const result = received / (performance.now() - began) * 1000
  await a!.stop()
  await b!.stop()
  wire.stop()
  await hear
  return result
}

const kernel = (version: 4 | 6): Promise<Pair> => pairOn(`node:dgram, IPv${version}`, nodeDatagrams(), nodeDatagrams(), version === 4 ? '127.0.0.1' : '::1', () => {})

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

const pairs = [await ours(6), await ours(4), await kernel(6), await kernel(4)]
for (const size of [64, 1200]) {
  const data = new Uint8Array(size).fill(0x5a)
  const rates = pairs.map((): number[] => [])
  for (const pair of pairs) await rate(pair, data, ROUND)
  for (let round = 0; round < ROUNDS; round++) for (const [i, pair] of pairs.entries()) rates[i]!.push(await rate(pair, data, ROUND))
  for (const [i, pair] of pairs.entries()) figure({ name: `${pair.name}, ${size} bytes`, value: median(rates[i]!), unit: 'datagrams/s', note: `of ${ROUNDS} rounds, checksums on both ends` })
  for (const [mine, theirs, version] of [[0, 2, 6], [1, 3, 4]] as const) {
    figure({ name: `favonius ÷ node:dgram, IPv${version}, ${size} bytes`, value: median(rates[mine]!) / median(rates[theirs]!), unit: '×', note: 'must be 5, goal 8 and 7' })
  }
}
for (const pair of pairs) await pair.close()
for (const size of [64, 1200]) {
  const rates: number[] = []
  for (let round = 0; round < ROUNDS; round++) rates.push(await promised(size, ROUND))
  figure({ name: `favonius, IPv6, ${size} bytes, BSD sockets`, value: median(rates), unit: 'datagrams/s', note: 'a promise for each datagram, sent and received' })
}
