/** What UDP gets through a link with a rate, a delay, a queue and a loss, as a table: the table is the test. */

import * as assert from 'uvu/assert'
import { deferred, sleep, virtual } from '@favonius/clock'
import type { Random } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { sockets } from '@favonius/sockets'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { EthernetLink, simulate, type LinkOptions } from '../src/index.ts'

const test = suite('throughput', { timeout: 30_000 })

/** Milliseconds for which datagrams are sent. */
const DURATION = 2000
/** Of payload in a datagram: with UDP, IPv4, Ethernet and the line's 24 bytes it is 1,250. */
const PAYLOAD = 1250 - 8 - 20 - 14 - 24

interface Flow {
  /** Of 1,250 bytes on the line. */
  readonly delivered: number
  readonly lost: number
  readonly twice: number
  /** Milliseconds from `send` to `receive`. */
  readonly least: number
  readonly mean: number
  readonly most: number
  readonly disordered: number
}

/** Datagrams at an even pace, offering `offered` Mbit/s on the line. */
async function flow(offered: number, options: LinkOptions): Promise<Flow> {
  const net = simulate({ record: false })
  // Dice of the link's own, which strike nobody until the flow begins: whatever else draws changes nothing here.
  const dice: Random = { uint32: () => 2 ** 32 - 1, fill: (into) => into }
  const link = new EthernetLink({ clock: net.env.clock, random: dice, wake() {} }, options)
  const nodes = ['a', 'b'].map((name, i) => {
    const node = net.node(name, [ethernet(), ipv4(), udp(), sockets()], link)
    node.stack.ipv4.addAddress(node.iface, `192.0.2.${i + 1}/24`)
    return node
  })
  const delays: number[] = []
  const seen = new Set<number>()
  let disordered = 0
  let highest = -1
  let sent = 0
  await net.run(async () => {
    const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]]
    await Promise.all(nodes.map(({ iface }) => iface.up()))
    await a.stack.ipv4.ping('192.0.2.2', { count: 10, interval: 10 })              // addresses are resolved
    const began: number[] = []
    await b.stack.sockets.open({ port: 9 }, { receive(data) {
      const n = new DataView(data.buffer, data.byteOffset).getUint32(0)
      seen.add(n)
      delays.push(net.env.clock.now() - began[n]!)
      if (n < highest) disordered++
      highest = Math.max(highest, n)
    } })
    const client = await a.stack.sockets.open({}, { receive() {} })
    const data = new Uint8Array(PAYLOAD)
    dice.uint32 = virtual({ seed: 11 }).random.uint32
    const done = deferred<void>(net.env)
    const start = net.env.clock.now()
    const pace = net.env.clock.timer((now) => {
      if (now - start >= DURATION) return done.resolve()
      began.push(now)
      new DataView(data.buffer).setUint32(0, sent++)
      client.send(data, { address: '192.0.2.2', port: 9 })
      pace.schedule(start + sent * 10 / offered)
    })
    pace.schedule(start)
    await done.promise
    await sleep(net.env, 5000)
  })
  await net.stop()
  link.stop()
  return {
    delivered: delays.length,
    lost: sent - seen.size,
    twice: delays.length - seen.size,
    least: Math.min(...delays),
    mean: delays.reduce((sum, delay) => sum + delay, 0) / delays.length,
    most: Math.max(...delays),
    disordered,
  }
}

const rows: readonly (readonly [string, number, LinkOptions])[] = [
  ['5 of 10 Mbit/s', 5, { rate: 10e6, latency: 20 }],
  ['10 of 10 Mbit/s', 10, { rate: 10e6, latency: 20 }],
  ['12 of 10 Mbit/s, the stack waits', 12, { rate: 10e6, latency: 20 }],
  ['12 of 10 Mbit/s, a queue of 12.5 kB', 12, { rate: 10e6, latency: 20, queue: 12_500 }],
  ['12 of 10 Mbit/s, a queue of 125 kB', 12, { rate: 10e6, latency: 20, queue: 125_000 }],
  ['50 of 10 Mbit/s, a queue of 12.5 kB', 50, { rate: 10e6, latency: 20, queue: 12_500 }],
  ['5 Mbit/s, loss 1 %', 5, { latency: 20, loss: 0.01 }],
  ['5 Mbit/s, loss 10 %', 5, { latency: 20, loss: 0.1 }],
  ['5 Mbit/s, jitter 10 ms', 5, { latency: 20, jitter: 10 }],
  ['5 Mbit/s, 10 % held back 10 ms', 5, { latency: 20, reorder: 0.1, holdBack: 10 }],
  ['5 Mbit/s, 1 % corrupted', 5, { latency: 20, corrupt: 0.01 }],
  ['5 of 10 Mbit/s, all of it', 5, { rate: 10e6, queue: 12_500, latency: 20, jitter: 10, loss: 0.02, reorder: 0.02, duplicate: 0.02, corrupt: 0.02 }],
]

/** From the seed: who changes what it says must say why. */
const TABLE = `way                                  Mbit/s   lost  twice   least    mean    most  disordered
5 of 10 Mbit/s                        5.000      0      0   21.00   21.00   21.00           0
10 of 10 Mbit/s                      10.000      0      0   21.00   21.00   21.00           0
12 of 10 Mbit/s, the stack waits     10.325    335      0   21.00   79.58   86.00           0
12 of 10 Mbit/s, a queue of 12.5 kB  10.050    390      0   21.00   30.52   31.00           0
12 of 10 Mbit/s, a queue of 125 kB   10.500    300      0   21.00  106.45  121.00           0
50 of 10 Mbit/s, a queue of 12.5 kB  10.050   7990      0   21.00   30.97   31.00           0
5 Mbit/s, loss 1 %                    4.950     10      0   20.00   20.00   20.00           0
5 Mbit/s, loss 10 %                   4.560     88      0   20.00   20.00   20.00           0
5 Mbit/s, jitter 10 ms                5.000      0      0   20.05   26.19   30.00           0
5 Mbit/s, 10 % held back 10 ms        5.000      0      0   20.00   20.88   30.00          88
5 Mbit/s, 1 % corrupted               4.950     10      0   20.00   20.00   20.00           0
5 of 10 Mbit/s, all of it             4.905     41     22   21.37   27.21   40.35          18`

test('UDP through a link, offered for two seconds', async () => {
  const lines = ['way                                  Mbit/s   lost  twice   least    mean    most  disordered']
  for (const [name, offered, options] of rows) {
    const { delivered, lost, twice, least, mean, most, disordered } = await flow(offered, options)
    const cells = [[delivered * 1250 * 8 / 1000 / DURATION, 3, 7], [lost, 0, 7], [twice, 0, 7], [least, 2, 8], [mean, 2, 8], [most, 2, 8], [disordered, 0, 12]] as const
    lines.push(name.padEnd(36) + cells.map(([value, digits, width]) => value.toFixed(digits).padStart(width)).join(''))
  }
  assert.fixture(lines.join('\n'), TABLE)
})

test.run()
