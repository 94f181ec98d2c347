/** What counting, traffic classes and packet times cost: UDP datagrams between two stacks on a wire in memory, without them and with each. */

import { system } from '@favonius/clock'
import type { DatagramSocket, Endpoint } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { ipv6 } from '@favonius/ipv6'
import { packetTimes } from '@favonius/netif/times'
import { trafficClasses } from '@favonius/netif/traffic'
import { EthernetSegment } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { udp } from '@favonius/udp'
import { figure, nanoseconds, smoke } from '../../../bench/measure.ts'

const ROUND = smoke ? 50 : 400
const ROUNDS = smoke ? 1 : 9
const BATCH = 64
const SIZE = 64

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Pair {
  readonly name: string
  readonly from: DatagramSocket
  readonly to: Endpoint
  readonly received: () => number
  close(): Promise<void>
}

const classes = trafficClasses({ transmit: 8, receive: 8 })
const variants = [
  { name: 'plain', features: [] },
  { name: 'trafficClasses, 8 and 8', features: [classes] },
  { name: 'packetTimes', features: [packetTimes()] },
  { name: 'packetTimes with detail', features: [packetTimes({ transmitDetail: true, receiveDetail: true })] },
  { name: 'both, with detail', features: [classes, packetTimes({ transmitDetail: true, receiveDetail: true })] },
] as const

const stackOf = (features: readonly unknown[]) => compose(system, ethernet(), ipv6(), udp(), sockets(), ...features as [])

async function pair({ name, features }: (typeof variants)[number]): Promise<Pair> {
  const wire = new EthernetSegment(system)
  const [a, b] = await Promise.all([1, 2].map(async (host) => {
    const stack = stackOf(features)
    const eth0 = stack.netif.add(wire.device())
    stack.ipv6.addAddress(eth0, `2001:db8::${host}/64`)
    await eth0.up()
    return stack
  })) as [ReturnType<typeof stackOf>, ReturnType<typeof stackOf>]
  let count = 0
  const at = await b.sockets.open({}, { receive: () => void count++ })
  const from = await a.sockets.open({}, { receive() {} })
  return { name, from, to: { address: '2001:db8::2', port: at.local.port }, received: () => count, close: async () => { await a.stop(); await b.stop(); wire.stop() } }
}

/** Sends as fast as the receiver keeps up, for `ms`; nanoseconds for each datagram received. */
async function each({ from, to, received }: Pair, data: Uint8Array, ms: number): Promise<number> {
  let sent = received()
  const before = sent
  const began = performance.now()
  while (performance.now() - began < ms) {
    for (let n = 0; n < BATCH && sent - received() < 192; n++) if (from.send(data, to)) sent++
    await turn()
  }
  const time = performance.now() - began
  return time * 1e6 / (received() - before)
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

const pairs = await Promise.all(variants.map(pair))
const data = new Uint8Array(SIZE).fill(0x5a)
const times = pairs.map((): number[] => [])
for (const one of pairs) await each(one, data, ROUND)
for (let round = 0; round < ROUNDS; round++) for (const [i, one] of pairs.entries()) times[i]!.push(await each(one, data, ROUND))
const plain = median(times[0]!)
for (const [i, { name }] of pairs.entries()) {
  const time = median(times[i]!)
  figure({ name: `UDP, IPv6, ${SIZE} bytes, ${name}`, value: 1e9 / time, unit: 'datagrams/s', note: `median of ${ROUNDS} interleaved rounds` })
  if (i > 0) figure({ name: `${name}: more for each datagram`, value: time - plain, unit: 'ns', note: `${(time / plain).toFixed(2)} × plain, on both ends` })
}
for (const one of pairs) await one.close()

// What counting alone costs: the counters that rise on a datagram's way down (udp.sent, ipv6.sent, bytes.sent) and up.
const stack = stackOf([])
const wire = new EthernetSegment(system)
const eth0 = stack.netif.add(wire.device())
const counters = ['udp.sent', 'ipv6.sent', 'bytes.sent', 'bytes.received', 'ipv6.recv', 'udp.recv'].map((name) => stack.netif.counter(name))
const DATAGRAMS = 1000
await nanoseconds(`counting ${DATAGRAMS} datagrams, down and up`, () => {
  for (let n = 0; n < DATAGRAMS; n++) for (let i = 0; i < counters.length; i++) eth0.count(counters[i]!)
}, `six counters for each; a whole datagram takes ${plain.toFixed(0)} ns`)
await stack.stop()
wire.stop()
