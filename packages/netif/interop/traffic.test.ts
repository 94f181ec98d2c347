/**
 * Traffic classes over a TAP, under more than the stack can work on: the kernel's side sends faster than each datagram is handled. What is
 * compared is how long urgent datagrams take, with classes and without.
 */

import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { vlan } from '@favonius/ethernet/vlan'
import { ipv4 } from '@favonius/ipv4'
import { netbuf } from '@favonius/netbuf'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { makeNamespace, peer, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { trafficClasses } from '../src/traffic/index.ts'

const test = suite('traffic classes on a TAP', { timeout: 60_000 })
const tap = peer('the Linux kernel over TAP', { command: ['ip', 'python3'], package: 'iproute2 python3', root: true, tun: true })
const FLOOD = fileURLToPath(new URL('flood.py', import.meta.url))

const FULL = 'trafficClasses: receive queue is full'
const SECONDS = 2
/** Datagrams a second that come, and the milliseconds that each of the flood is worked on: three times as much as there is time for. */
const FLOODS = [{ rate: 10_000, work: 0.3 }, { rate: 60_000, work: 0.05 }] as const

interface Outcome {
  /** Milliseconds from the kernel's side to the application, in order of size; and how many were sent. */
  readonly urgent: readonly number[]
  readonly sent: number
  readonly flood: number
  readonly drops: Readonly<Record<string, number>>
}

/** The kernel's CLOCK_MONOTONIC, in nanoseconds, as Python and Node read it. */
const since = (data: Uint8Array): number => Number(process.hrtime.bigint() - new DataView(data.buffer, data.byteOffset).getBigUint64(0)) / 1e6

async function outcome(queues: number, { rate, work }: (typeof FLOODS)[number]): Promise<Outcome> {
  const namespace = makeNamespace()
  try {
    await namespace.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1')
    const classes = queues === 0 ? [] : [trafficClasses({ transmit: queues, receive: queues })]
    const stack = compose(system, netbuf({ debug: false }), ethernet(), vlan(), ipv4(), udp(), sockets(), ...classes as [])
    const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: namespace.name }), { name: 'eth0' })
    const v100 = stack.vlan.add(eth0, 100)
    stack.ipv4.addAddress(v100, '198.51.100.1/24')
    await Promise.all([eth0.up(), v100.up()])
    const urgent: number[] = []
    let flood = 0
    await stack.sockets.open({ port: 1 }, {
      receive() {
        flood++
        for (const end = performance.now() + work; performance.now() < end; );
      },
    })
    await stack.sockets.open({ port: 2 }, { receive: (data) => void urgent.push(since(data)) })
    const printed = await namespace.must('python3', FLOOD, 'fav0', `${eth0.address}`, `${SECONDS}`, `${rate}`)
    const sent = Number(/ and (\d+)/.exec(printed)?.[1])
    const { drops } = stack.netif.statistics()
    await stack.stop()
    assert.is(stack.netif.buffers.live, 0)
    return { urgent: urgent.sort((a, b) => a - b), sent, flood, drops }
  } finally {
    await namespace.remove()
  }
}

const at = (values: readonly number[], share: number): number => values[Math.min(values.length - 1, Math.floor(values.length * share))]!

if (tap) test('urgent datagrams overtake a flood that is more than the stack can work on', async () => {
  const rows = [['work on each', 'classes', 'urgent arrived', 'median', '90%', 'worst', 'flood worked on', 'dropped by class']]
  const outcomes: Outcome[] = []
  for (const flood of FLOODS) {
    for (const queues of [0, 8]) {
      const one = await outcome(queues, flood)
      outcomes.push(one)
      rows.push([`${flood.work * 1000} µs`, queues === 0 ? 'none' : `${queues}`, `${one.urgent.length} of ${one.sent}`,
        ...[0.5, 0.9, 1].map((share) => `${at(one.urgent, share).toFixed(2)} ms`), `${one.flood}`, `${one.drops[FULL] ?? 0}`])
    }
  }
  console.log(`\n${rows.map((row) => row.map((cell) => cell.padEnd(17)).join('').trimEnd()).join('\n')}`)
  // Of the first flood alone: whether the second is more than there is time for is up to the machine.
  const [none, eight] = outcomes
  assert.ok(none!.urgent.length > 0 && eight!.urgent.length > eight!.sent * 0.9, 'with classes hardly any is lost')
  assert.ok(eight!.drops[FULL]! > 0, 'what is lost is lost by us, counted, and of the flood')
  assert.ok(at(none!.urgent, 0.5) > 4 * at(eight!.urgent, 0.5), 'the median is a few times lower')
})

test.run()
