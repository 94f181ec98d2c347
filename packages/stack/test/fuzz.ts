/** A whole stack on a device whose other end is a generator of broken frames. The same body serves the test and the soak. */

import type { BufferSource, Device, DeviceSink, NetBuf } from '@favonius/contract'
import { sleep, virtual } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { linkAddress } from '@favonius/inet'
import type { AnyFeature } from '@favonius/kconfig'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { sockets } from '@favonius/sockets'
import { udp, type UdpLayer } from '@favonius/udp'
import * as assert from 'uvu/assert'
import { compose } from '../src/index.ts'
import { corpus, FAR6, mutate, OUR4, OUR6, OUR_LINK, ROUTER6, THEIR6, type Bytes } from './corpus.ts'

const BATCH = 64
const MAX_NEIGHBORS = 8
const ARP_TABLE = 6
const MAX_PEERS = 64
/** Whatever arrives, no more buffers than this are held: what waits in sockets, and for neighbours. */
const MAX_LIVE = 4 * 16_384 / 256 + (MAX_NEIGHBORS + ARP_TABLE) * 64 + 256

class Wire implements Device {
  readonly medium = 'ethernet'
  readonly address = linkAddress(6, OUR_LINK.hi, OUR_LINK.lo)
  readonly mtu = 1500
  readonly offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }
  /** What the stack sent last, to be quoted. */
  readonly sent: Bytes[] = []
  frames = 0
  sink: DeviceSink | undefined
  buffers: BufferSource | undefined

  transmit(frame: NetBuf): boolean {
    this.frames++
    if (this.frames < 200 || this.frames % 97 === 0) {
      const bytes = new Uint8Array(frame.total())
      frame.copyTo(bytes)
      this.sent[this.frames % 32] = bytes
    }
    frame.unref()
    return true
  }

  start(sink: DeviceSink, buffers: BufferSource): void {
    this.sink = sink
    this.buffers = buffers
  }

  stop(): void {
    this.sink = undefined
  }
}

/** Reasons for which packets are dropped on their way down. The others end the way of one that came in. */
export const WAY_DOWN = /^(device: |ipv[46]: (longer than|no room for its header)|nd: (?!invalid|redirect)|arp: (?!malformed|sender)|ethernet: no room|netif: (interface is down|no resolver|longer|transmit)|sockets: (interface|no )|udp: no buffer)/
/** Layers that count a packet as received before they drop it. */
const COUNTED = /^(arp|icmpv[46]|nd|sockets):/

export interface FuzzOptions {
  readonly seed: number
  readonly frames: number
  /** Bytes of buffers that the stack may hold; 4 MiB unless given. With little it is starved all the time. */
  readonly quota?: number
  /** Composed beside the others. */
  readonly features?: readonly AnyFeature[]
}

export interface FuzzReport {
  readonly frames: number
  readonly sent: number
  readonly drops: Readonly<Record<string, number>>
  readonly delivered: number
}

/** Feeds `frames` mutated frames to a stack. Throws, with the seed and the frame, when anything is not as it must be. */
export async function fuzz({ seed, frames, quota = 4 << 20, features = [] }: FuzzOptions): Promise<FuzzReport> {
  const env = virtual({ seed })
  const { random } = env
  const stack = compose(
    env, netbufIn(new Arena(), { quota }), ethernet(), ipv4(), ipv6({ maxNeighbors: MAX_NEIGHBORS }),
    udp({ maxPeers: MAX_PEERS }), sockets({ receiveBuffer: 16_384 }), ...features as [],
  )
  const { netif } = stack
  const wire = new Wire()
  const eth0 = netif.add(wire)
  stack.ipv4.addAddress(eth0, `${OUR4}/24`)
  stack.ipv4.setGateway(eth0, '192.0.2.254')
  stack.ipv6.addAddress(eth0, `${OUR6}/64`)
  stack.ipv6.setGateway(eth0, ROUTER6)
  /** Packets to ourselves come in without having been on the wire. */
  let looped = 0
  const loop = eth0.loop.bind(eth0)
  eth0.loop = (packet) => {
    const taken = loop(packet)
    if (taken) looped++
    return taken
  }

  /** Datagrams to a group that two sockets hear are received twice. */
  let copies = 0
  const open = async () => {
    const dual = stack.sockets.socket('inet6', 'dgram')
    await dual.bind({ port: 7 })
    const four = stack.sockets.socket('inet', 'dgram')
    await four.bind({ address: `${OUR4}`, port: 9 })
    const connected = stack.sockets.socket('inet6', 'dgram')
    await connected.bind({ port: 33_333 })
    await connected.connect({ address: `${THEIR6}`, port: 53 })
    const beside = stack.sockets.socket('inet6', 'dgram')
    beside.setsockopt('SO_REUSEADDR', true)
    await beside.bind({ port: 5353 })
    // It answers, so that the stack has neighbours to find; but not itself, which would never end.
    const echo = await stack.sockets.open({ port: 5353 }, {
      receive(data, from, info) {
        if (info.multicast) copies++
        if (from.port > 0 && from.port !== 5353) echo.send(data.subarray(0, 1000), from)
      },
      error() {},
    }, { reuse: true })
    for (const group of ['ff02::fb', '224.0.0.251']) echo.join(group, 'eth0')
    return [dual, four, connected, beside] as const
  }
  const ears = await env.run(async () => {
    await eth0.up()
    const made = await open()
    for (const address of [`${THEIR6}`, `${FAR6}`, '192.0.2.99', '203.0.113.7']) await made[0].sendto(new Uint8Array(40), { address, port: 53 })
    await made[2].send(new Uint8Array(20))
    await sleep(env, 10)
    return made
  })
  let base = corpus(wire.sent.filter(Boolean).map((frame) => frame.slice(14)))

  /** Frames that were made, and those of them for which there was a buffer. */
  let made = 0
  let injected = 0
  let last: Bytes = new Uint8Array(0)
  const inject = (bytes: Bytes): void => {
    made++
    last = bytes
    const frame = wire.buffers!.alloc(bytes.length, random.uint32() & 1 ? 64 : 0)
    if (frame === undefined) return wire.sink!.lost('no buffer')
    const how = random.uint32()
    // Some come in fragments, with all headers in the first; for some a device vouches, rightly or not.
    const rest = bytes.length > 300 && how % 4 === 0 ? wire.buffers!.alloc(bytes.length - 256) : undefined
    const cut = rest === undefined ? bytes.length : 256 + how % 40
    frame.write(bytes.subarray(0, cut))
    if (rest !== undefined) {
      rest.write(bytes.subarray(cut))
      frame.append(rest)
    }
    if (how % 64 === 1) frame.checksum = 2
    injected++
    wire.sink!.frame(frame)
  }
  const check = (): void => {
    const { live, owners } = netif.buffers
    assert.ok(live <= MAX_LIVE, `${live} buffers are live: ${owners.call(netif.buffers).slice(0, 5).join('; ')}`)
    assert.ok(stack.nd.neighbors.length <= MAX_NEIGHBORS, `${stack.nd.neighbors.length} neighbours`)
    assert.ok(stack.arp.neighbors.length <= ARP_TABLE + 8, `${stack.arp.neighbors.length} ARP entries`)
    assert.ok((stack.udp as unknown as UdpLayer).peers <= MAX_PEERS)
    assert.ok(env.armed < 64, `${env.armed} timers are armed`)
  }

  try {
    while (made < frames) {
      // Now and then the interface goes away for a while, and what waits with it.
      const away = random.uint32() % 256 === 0
      if (away) eth0.down()
      for (let n = 0; n < BATCH && made < frames; n++) inject(mutate(base, random))
      if (away) eth0.up({ timeout: Infinity }).catch(() => {}) // taken down again before it was up
      // Mostly a moment, now and then long enough for neighbours to be given up.
      env.advance(random.uint32() % 64 === 0 ? random.uint32() % 60_000 : random.uint32() % 20)
      const turn = made / BATCH
      if (turn % 64 === 0) {
        check()
        for (const ear of ears) {
          for (let more = true; more;) more = await ear.recv({ nonblocking: true }).then(() => true, (error: { code: string }) => error.code !== 'EAGAIN')
        }
        await ears[turn % 128 ? 0 : 2].sendto(new Uint8Array(30), { address: `${THEIR6}`, port: 53 }).catch(() => 0)
      }
      if (turn % 1024 === 0) base = corpus(wire.sent.filter(Boolean).map((frame) => frame.slice(14)))
    }
    env.advance(120_000)
    check()
    // What came in has come to one end.
    const { drops, counters } = netif.statistics()
    const ended = Object.entries(drops).filter(([text]) => !WAY_DOWN.test(text) && !COUNTED.test(text)).reduce((n, [, times]) => n + times, 0)
    const count = (block: string): number => counters[block]!['recv']!
    assert.is(ended + count('arp') + count('icmp') + count('udp') - copies, injected + looped, `not every frame is accounted for: ${JSON.stringify({ drops, counters, looped, copies })}`)
    await stack.stop()
    assert.is(netif.buffers.live, 0, 'buffers are live after stop')
    assert.is(env.armed, 0, 'timers are armed after stop')
    return { frames, sent: wire.frames, drops, delivered: count('udp') }
  } catch (error) {
    if (error instanceof Error) error.message += `\nseed ${seed}, frame ${made}, at ${env.clock.now()} ms: ${Buffer.from(last).toString('hex')}`
    throw error
  }
}
