/** Through a TAP: datagrams received per CPU-second beside a bare drain of the same device, and ping's round trips from the kernel. */

import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { makeNamespace, peer } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { bareDrain, underFlood, type FloodOptions } from '../packages/tap/bench/drain.ts'
import { figure, smoke } from './measure.ts'

const ROUNDS = smoke ? 1 : 5
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!
const stackOf = () => compose(system, ethernet(), ipv4(), ipv6(), udp(), sockets())

const throughStack = (options: FloodOptions) => underFlood(async (device) => {
  const stack = stackOf()
  const eth0 = stack.netif.add(device)
  stack.ipv4.addAddress(eth0, '192.0.2.2/24')
  await eth0.up()
  let datagrams = 0
  await stack.sockets.open({ port: 9 }, { receive: () => void datagrams++ })
  return { received: () => datagrams, stop: () => stack.stop() }
}, options)

async function receiving(size: number): Promise<void> {
  const options = { size, seconds: smoke ? 0.2 : 2 }
  const bare: number[] = []
  const ours: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    bare.push((await bareDrain(options)).framesPerCpuSecond)
    ours.push((await throughStack(options)).framesPerCpuSecond)
  }
  const note = `${size}-byte frames, median of ${ROUNDS} interleaved rounds`
  figure({ name: `received, bare drain, ${size}`, value: median(bare), unit: 'frames/CPU-s', note })
  figure({ name: `received, UDP socket, ${size}`, value: median(ours), unit: 'frames/CPU-s', note })
  figure({ name: `UDP socket ÷ bare drain, ${size}`, value: median(ours) / median(bare), unit: '×', note: 'must be 0.5, goal 0.7' })
}

async function roundTrips(): Promise<void> {
  const namespace = makeNamespace()
  try {
    const stack = stackOf()
    const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: namespace.name }))
    stack.ipv4.addAddress(eth0, '192.0.2.2/24')
    stack.ipv6.addAddress(eth0, '2001:db8::2/64')
    await namespace.must('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'fav0')
    await namespace.must('ip', '-6', 'addr', 'add', '2001:db8::1/64', 'dev', 'fav0', 'nodad')
    await eth0.up()
    for (const [family, address] of [[4, '192.0.2.2'], [6, '2001:db8::2']] as const) {
      await namespace.must('ping', '-A', '-c', smoke ? '50' : '2000', address)
      const printed = await namespace.must('ping', '-A', '-c', smoke ? '50' : '5000', address)
      const times = [...printed.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1]) * 1000).sort((a, b) => a - b)
      figure({ name: `ping from the kernel, IPv${family}, p50`, value: times[times.length >> 1]!, unit: 'µs' })
      figure({ name: `ping from the kernel, IPv${family}, p99`, value: times[Math.floor(times.length * 0.99)]!, unit: 'µs' })
    }
    await stack.stop()
  } finally {
    await namespace.remove()
  }
}

if (peer('the Linux kernel over TAP', { command: ['ip', 'ping'], package: 'iproute2 iputils-ping', root: true, tun: true })) {
  for (const size of smoke ? [1514] : [106, 1514]) await receiving(size)
  await roundTrips()
}
