/**
 * TCP's goodput over a way that loses frames: a stack of ours and the kernel, beside the kernel at both ends. Both go through the same loop in
 * this process, which holds every frame for a while and drops those whose number is in a set that the seed says. The kernel uses CUBIC, as we do.
 */

import { system, virtual } from '@favonius/clock'
import type { Device, NetBuf } from '@favonius/contract'
import { Arena } from '@favonius/netbuf'
import { openTap } from '@favonius/tap'
import { makeNamespace, peer, type Namespace } from '@favonius/testing'
import { figure, smoke } from './measure.ts'
import { kernelEnd, median, ourEnd, stream, type End } from './tcp-streams.ts'

const ROUNDS = smoke ? 1 : 5
const SPAN = { after: 0, ms: smoke ? 200 : 3000 }
const LOSSES = smoke ? [0.01] : [0.01, 0.03, 0.05]
/** Milliseconds each way. */
const DELAY = 2
/** Frames that are spared: a lost SYN costs a second, and says nothing of what is measured. */
const SPARED = 8
const [ONE, TWO] = ['192.0.2.1', '192.0.2.2']

/** One way: what is not dropped arrives `DELAY` later. */
class Way {
  #index = 0
  readonly #held: { readonly frame: NetBuf, readonly due: number }[] = []
  readonly #timer = system.clock.timer((now) => this.#pass(now))
  readonly #dropped: () => boolean
  readonly #to: (frame: NetBuf) => void

  constructor(loss: number, seed: number, to: (frame: NetBuf) => void) {
    const { random } = virtual({ seed })
    this.#dropped = () => random.uint32() < loss * 2 ** 32
    this.#to = to
  }

  carry(frame: NetBuf): void {
    // Drawn for each number, so that the same numbers are in the set whoever sends.
    const dropped = this.#dropped()
    if (this.#index++ >= SPARED && dropped) return frame.unref()
    const now = system.clock.exact()
    this.#held.push({ frame, due: now + DELAY })
    if (this.#held.length === 1) this.#timer.schedule(now + DELAY)
  }

  #pass(now: number): void {
    const held = this.#held
    let count = 0
    while (count < held.length && held[count]!.due <= now) this.#to(held[count++]!.frame)
    held.splice(0, count)
    if (held.length > 0) this.#timer.schedule(held[0]!.due)
  }

  stop(): void {
    this.#timer.cancel()
    for (const { frame } of this.#held.splice(0)) frame.unref()
  }
}

const give = (device: Device) => (frame: NetBuf): void => { if (!device.transmit(frame)) frame.unref() }

/** A TAP in a namespace whose kernel has an address and knows the other one's. */
async function tapOf(namespace: Namespace, own: string, other: string, link: string) {
  const tap = await openTap({ name: 'fav0', namespace: namespace.name, offload: false, address: link })
  await namespace.must('sysctl', '-qw', 'net.ipv4.tcp_no_metrics_save=1', 'net.ipv6.conf.all.disable_ipv6=1')
  await namespace.must('ip', 'addr', 'add', `${own}/24`, 'dev', 'fav0')
  // By the route: the namespace's own setting may be forbidden.
  await namespace.must('ip', 'route', 'replace', '192.0.2.0/24', 'dev', 'fav0', 'src', own, 'congctl', 'cubic')
  await namespace.must('ip', 'neigh', 'replace', other, 'lladdr', link, 'dev', 'fav0')
  return tap
}

/** The kernel at both ends, over two TAPs and two ways between them. */
async function kernelToKernel(loss: number, seed: number): Promise<number> {
  const [left, right] = [makeNamespace(), makeNamespace()]
  // Each is told the other kernel's address below.
  const taps = [await tapOf(left, ONE, TWO, '02:00:5e:00:53:02'), await tapOf(right, TWO, ONE, '02:00:5e:00:53:01')] as const
  await left.must('ip', 'link', 'set', 'fav0', 'address', '02:00:5e:00:53:01')
  await right.must('ip', 'link', 'set', 'fav0', 'address', '02:00:5e:00:53:02')
  await left.must('ip', 'neigh', 'replace', TWO, 'lladdr', '02:00:5e:00:53:02', 'dev', 'fav0')
  await right.must('ip', 'neigh', 'replace', ONE, 'lladdr', '02:00:5e:00:53:01', 'dev', 'fav0')
  const ways = [new Way(loss, seed, give(taps[1])), new Way(loss, seed + 1000, give(taps[0]))] as const
  const buffers = new Arena().pool()
  for (const [i, tap] of taps.entries()) void tap.start({ frame: (frame) => ways[i]!.carry(frame), ready() {}, carrier() {}, lost() {} }, buffers)
  const { rate } = await stream(kernelEnd(left, ONE!), kernelEnd(right, TWO!), SPAN)
  for (const way of ways) way.stop()
  for (const tap of taps) await tap.stop()
  await left.remove()
  await right.remove()
  return rate
}

/** `device` behind the two ways. */
function behind(device: Device, loss: number, out: number, back: number): Device {
  const outward = new Way(loss, out, give(device))
  let inward: Way | undefined
  return {
    medium: device.medium, address: device.address, mtu: device.mtu, offload: device.offload,
    start(sink, buffers) {
      inward = new Way(loss, back, (frame) => sink.frame(frame))
      return device.start({ ...sink, frame: (frame) => inward!.carry(frame) }, buffers)
    },
    transmit(frame) {
      outward.carry(frame)
      return true
    },
    stop() {
      outward.stop()
      inward?.stop()
      return device.stop()
    },
  }
}

/** Ours at one end and the kernel at the other. */
async function withKernel(loss: number, seed: number, pick: (us: End, kernel: End) => readonly [End, End], weSend: boolean): Promise<number> {
  const namespace = makeNamespace()
  const tap = await tapOf(namespace, TWO!, ONE!, '02:00:5e:00:53:01')
  const us = await ourEnd(behind(tap, loss, weSend ? seed : seed + 1000, weSend ? seed + 1000 : seed), ONE!)
  const [from, to] = pick(us, kernelEnd(namespace, TWO!))
  const { rate } = await stream(from, to, SPAN)
  await us.stop()
  await namespace.remove()
  return rate
}

const ways = [
  ['kernel to kernel', kernelToKernel],
  ['favonius to kernel', (loss: number, seed: number) => withKernel(loss, seed, (us, kernel) => [us, kernel], true)],
  ['kernel to favonius', (loss: number, seed: number) => withKernel(loss, seed, (us, kernel) => [kernel, us], false)],
] as const

if (peer('the Linux kernel over TAP', { command: ['ip', 'sysctl'], package: 'iproute2 procps', root: true, tun: true })) {
  for (const loss of LOSSES) {
    const rates = ways.map((): number[] => [])
    for (let round = 0; round < ROUNDS; round++) for (const [i, [, run]] of ways.entries()) rates[i]!.push(await run(loss, round + 1) * 1000)
    const note = `MTU 1500, ${DELAY} ms each way, CUBIC, ${SPAN.ms / 1000} s from the first byte on, median of ${ROUNDS}: `
    for (const [i, [name]] of ways.entries()) {
      figure({ name: `${loss * 100} % lost, ${name}`, value: median(rates[i]!), unit: 'Mbit/s', note: note + rates[i]!.map((one) => one.toFixed(1)).join(' ') })
    }
    for (const i of [1, 2]) figure({ name: `${loss * 100} % lost, ${ways[i]![0]} ÷ kernel to kernel`, value: median(rates[i]!) / median(rates[0]!), unit: '×', note: 'must be 0.75' })
  }
}
