/**
 * TCP with the kernel through a TAP, both directions, with large segments and without, beside the kernel with itself over a pair of veth between two
 * namespaces, which has large segments too. The kernel's ends are the same programs throughout.
 */

import { openTap } from '@favonius/tap'
import { makeNamespace, peer, type Namespace } from '@favonius/testing'
import { figure, smoke } from './measure.ts'
import { kernelEnd, median, ourEnd, stream, type End, type Stream } from './tcp-streams.ts'

const ROUNDS = smoke ? 1 : 5
const SPAN = smoke ? { after: 20, ms: 100 } : { after: 500, ms: 2000 }
const [ONE, TWO] = ['192.0.2.1', '192.0.2.2'] as const

/** Two ends, and what removes them. */
interface Pair {
  readonly us: End
  readonly kernel: End
  stop(): Promise<void>
}

async function address(namespace: Namespace, own: string, link: string): Promise<void> {
  await namespace.must('ip', 'addr', 'add', `${own}/24`, 'dev', link)
  await namespace.must('ip', 'link', 'set', link, 'up')
  // By the route: a namespace's own setting may be forbidden.
  await namespace.must('ip', 'route', 'replace', '192.0.2.0/24', 'dev', link, 'src', own, 'congctl', 'cubic')
}

async function tapPair(offload: boolean): Promise<Pair> {
  const namespace = makeNamespace()
  const tap = await openTap({ name: 'fav0', namespace: namespace.name, offload })
  await address(namespace, TWO, 'fav0')
  const us = await ourEnd(tap, ONE)
  return {
    us, kernel: kernelEnd(namespace, TWO),
    async stop() {
      await us.stop()
      await namespace.remove()
    },
  }
}

async function vethPair(): Promise<Pair> {
  const [left, right] = [makeNamespace(), makeNamespace()]
  await left.must('ip', 'link', 'add', 'fav0', 'type', 'veth', 'peer', 'name', 'fav0', 'netns', right.name)
  await address(left, ONE, 'fav0')
  await address(right, TWO, 'fav0')
  return {
    us: kernelEnd(left, ONE), kernel: kernelEnd(right, TWO),
    async stop() {
      await left.remove()
      await right.remove()
    },
  }
}

if (peer('the Linux kernel over TAP and veth', { command: ['ip'], package: 'iproute2', root: true, tun: true })) {
  const large = await tapPair(true)
  const small = await tapPair(false)
  const veth = await vethPair()
  const ways: readonly (readonly [string, End, End])[] = [
    ['kernel to kernel', veth.us, veth.kernel],
    ['kernel to favonius, large segments', large.kernel, large.us],
    ['favonius to kernel, large segments', large.us, large.kernel],
    ['kernel to favonius, MTU 1500', small.kernel, small.us],
    ['favonius to kernel, MTU 1500', small.us, small.kernel],
  ]
  const seen = ways.map((): Stream[] => [])
  for (let round = 0; round < ROUNDS; round++) for (const [i, [, from, to]] of ways.entries()) seen[i]!.push(await stream(from, to, SPAN))
  const [rates, perCpu] = (['rate', 'perCpuSecond'] as const).map((what) => seen.map((streams) => median(streams.map((one) => one[what]))))
  for (const [i, [name]] of ways.entries()) {
    figure({ name, value: rates![i]!, unit: 'Gbit/s', note: `median of ${ROUNDS}: ${seen[i]!.map(({ rate }) => rate.toFixed(1)).join(' ')}` })
    figure({ name: `${name}, work`, value: perCpu![i]!, unit: 'Gbit/CPU-s', note: 'CPU of both ends, user and system' })
  }
  for (const i of [1, 2, 3, 4]) {
    figure({ name: `${ways[i]![0]} ÷ kernel to kernel`, value: rates![i]! / rates![0]!, unit: '×', note: i < 3 ? 'must be 8 Gbit/s or 0.6, goal 1.0' : undefined })
  }
  for (const pair of [large, small, veth]) await pair.stop()
}
