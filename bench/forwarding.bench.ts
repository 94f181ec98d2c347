/** Packets a second that a router passes from one link in memory to another, beside what a host does to drop them. */

import { virtual } from '@favonius/clock'
import type { BufferSource, Device, DeviceSink, NetBuf } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { address, linkAddress } from '@favonius/inet'
import { ip } from '@favonius/ip'
import { ipv4, writeHeader as writeIpv4 } from '@favonius/ipv4'
import { ipv4Forwarding } from '@favonius/ipv4/forwarding'
import { ipv6 } from '@favonius/ipv6'
import { ipv6Forwarding } from '@favonius/ipv6/forwarding'
import { writeHeader as writeIpv6 } from '@favonius/ipv6/wire'
import { compose } from '@favonius/stack'
import { figure, smoke } from './measure.ts'

const ROUND = smoke ? 20 : 400
const ROUNDS = smoke ? 1 : 7
const BATCH = 64
const ARP = 0x0806
const OURS = linkAddress(6, 0x0200, 1)
const THEIRS = linkAddress(6, 0x0200, 2)

/** One end of a link: frames are put in by the benchmark, and those that come out are counted and freed. Whoever is asked for is THEIRS. */
class End implements Device {
  readonly medium = 'ethernet'
  readonly mtu = 1500
  readonly address = OURS
  readonly offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }
  sent = 0
  /** The answer to an ARP request, for a later turn. */
  reply: Uint8Array | undefined
  #sink!: DeviceSink
  #buffers!: BufferSource

  start(sink: DeviceSink, buffers: BufferSource): void {
    this.#sink = sink
    this.#buffers = buffers
  }

  stop(): void {}

  transmit(frame: NetBuf): boolean {
    const { dv, u8, offset } = frame
    if (dv.getUint16(offset + 12) === ARP) {
      this.reply = u8.slice(offset, offset + 42)
      this.reply.copyWithin(32, 22, 32)
      this.reply.set([0, 2], 20)
      this.reply.set(u8.subarray(offset + 38, offset + 42), 28)
      for (const at of [6, 22]) this.reply.set([2, 0, 0, 0, 0, 2], at)
      this.reply.set([2, 0, 0, 0, 0, 1])
    } else this.sent++
    frame.unref()
    return true
  }

  receive(bytes: Uint8Array): void {
    const frame = this.#buffers.alloc(bytes.length, 32)!
    frame.write(bytes)
    this.#sink.frame(frame)
  }
}

/** A frame from THEIRS to OURS with a packet of `size` bytes to host number `n` behind the gateway on the far link. */
function frameOf(family: 4 | 6, size: number, n: number): Uint8Array {
  const bytes = new Uint8Array(14 + size)
  const dv = new DataView(bytes.buffer)
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2])
  dv.setUint16(12, family === 6 ? 0x86dd : 0x0800)
  if (family === 6) {
    const destination = address(`2001:db8:c::${(n + 1).toString(16)}`)
    writeIpv6({ trafficClass: 0, flowLabel: 0, payloadLength: size - 40, nextHeader: 17, hopLimit: 64, source: address('2001:db8:a::2'), destination }, dv, 14)
  } else {
    writeIpv4({
      trafficClass: 0, totalLength: size, identification: 0, dontFragment: true, moreFragments: false, fragmentOffset: 0, timeToLive: 64, protocol: 17,
      source: address('192.0.2.2'), destination: address(`203.0.${n >> 8}.${n & 255}`), options: new Uint8Array(0),
    }, bytes.subarray(14))
  }
  return bytes
}

/** A stack between two links, that forwards or does not. */
async function between(forwards: boolean) {
  const env = virtual()
  const base = [ethernet(), ipv4(), ipv6(), ip({ maxRoutes: 32 })] as const
  const stack = forwards ? compose(env, ...base, ipv4Forwarding(), ipv6Forwarding()) : compose(env, ...base)
  const [near, far] = [new End(), new End()]
  const [left, right] = [stack.netif.add(near), stack.netif.add(far)]
  stack.ipv4.addAddress(left, '192.0.2.1/24')
  stack.ipv4.addAddress(right, '198.51.100.1/24')
  stack.ipv4.addRoute('203.0.0.0/16', right, '198.51.100.2')
  stack.ipv6.addAddress(left, '2001:db8:a::1/64')
  stack.ipv6.addAddress(right, '2001:db8:b::1/64')
  stack.ipv6.addRoute('2001:db8:c::/48', right, '2001:db8:b::2')
  stack.nd.add(right, address('2001:db8:b::2'), THEIRS)
  await env.run(() => Promise.all([left.up(), right.up()]))
  // The gateway on the far link answers once, so that packets need not wait for it.
  near.receive(frameOf(4, 64, 1))
  if (far.reply) far.receive(far.reply)
  return { name: forwards ? 'forwarded' : 'dropped, as by a host', near, far, forwards, stop: () => stack.stop() }
}

type Router = Awaited<ReturnType<typeof between>>

/** Packets a second, for `ms`, over frames that are put in one after another. */
function rate({ near, far, forwards }: Router, frames: readonly Uint8Array[], ms: number): number {
  const before = far.sent
  let put = 0
  const began = performance.now()
  while (performance.now() - began < ms) {
    for (let n = 0; n < BATCH; n++) near.receive(frames[put++ % frames.length]!)
  }
  const took = performance.now() - began
  if (forwards && far.sent - before !== put) throw new Error(`${put} packets were put in, and ${far.sent - before} came out`)
  return put / took * 1000
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

const routers = [await between(true), await between(false)]
for (const family of [6, 4] as const) {
  for (const [what, size, hosts] of [['64 bytes', 64, 1], ['1500 bytes', 1500, 1], ['64 bytes, to 1000 destinations', 64, 1000]] as const) {
    const frames = Array.from({ length: hosts }, (_, n) => frameOf(family, size, n))
    const rates = routers.map((): number[] => [])
    for (const router of routers) rate(router, frames, ROUND)
    for (let round = 0; round < ROUNDS; round++) for (const [i, router] of routers.entries()) rates[i]!.push(rate(router, frames, ROUND))
    for (const [i, { name }] of routers.entries()) figure({ name: `IPv${family}, ${what}, ${name}`, value: median(rates[i]!), unit: 'packets/s', note: 'with the copy that puts each into memory' })
  }
}
for (const router of routers) await router.stop()
