/**
 * A radio network: a lattice in which each node inside hears eight others, each of which sends a datagram of 40 bytes to a neighbour once a
 * minute, and gets it acknowledged. How many times faster than the world it runs, and what a node costs.
 */

import type { DeviceSink, LinkAddress, NetBuf } from '@favonius/contract'
import { virtual } from '@favonius/clock'
import { ieee802154, Mac } from '@favonius/ieee802154'
import { dataLength, writeData } from '@favonius/ieee802154/wire'
import { Arena } from '@favonius/netbuf'
import { withZone, ipv6 as words, interfaceId } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { Air, grid, simulate, unitDisk } from '@favonius/sim'
import { udp } from '@favonius/udp'
import { figure, smoke } from './measure.ts'

const SPACING = 10
const MINUTE = 60_000
/** 40 bytes behind UDP and IPv6, compressed as 6LoWPAN does it between link-local addresses: some 7 bytes. */
const PAYLOAD = 47
const collect = (globalThis as { gc?: () => void }).gc ?? (() => {})
const used = (): number => {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** How much of the world a run was: simulated milliseconds, over those of the wall, and of the processor where others want it too. */
function pace(name: string, minutes: number, run: () => void, note: () => string): number {
  const [cpu, began] = [process.cpuUsage(), performance.now()]
  run()
  const took = performance.now() - began
  const { user, system } = process.cpuUsage(cpu)
  figure({ name, value: minutes * MINUTE / took, unit: '× real time', note: `${note()}; ${Math.round(minutes * MINUTE / (user + system) * 1000).toLocaleString('en')} × by the processor's time` })
  return (user + system) / 1000
}

/** Frames of a MAC alone: what the air and the MAC cost by themselves. */
function macs(columns: number, rows: number, minutes: number): void {
  const nodes = columns * rows
  const before = used()
  const env = virtual({ seed: 7 })
  const air = new Air(env, { medium: unitDisk({ range: 1.5 * SPACING }) })
  const arena = new Arena()
  let heard = 0
  const sink = (): DeviceSink => ({
    frame(frame) {
      heard++
      frame.unref()
    },
    ready() {},
    carrier() {},
    lost() {},
  })
  let sent = 0
  for (const at of grid(columns, rows, SPACING)) {
    const radio = air.radio({ at })
    const mac = new Mac(env, radio)
    const buffers = arena.pool()
    void mac.start(sink(), buffers)
    const send = env.clock.timer((now) => {
      timer(now)
      const neighbours = air.neighbours(radio)
      const to = neighbours[env.random.uint32() % neighbours.length]!.radio.address
      const length = dataLength(mac.address, to)
      const frame: NetBuf = buffers.alloc(PAYLOAD, length)!
      frame.add(PAYLOAD)
      const offset = frame.push(length)
      writeData(frame.dv, offset, mac.attributes.panId, mac.nextSequence(), mac.address, to, true)
      sent++
      if (!mac.transmit(frame)) frame.unref()
    })
    const timer = (now: number): void => send.schedule(now + MINUTE)
    send.schedule(env.random.uint32() / 2 ** 32 * MINUTE)
  }
  env.advance(MINUTE) // everyone has sent once: neighbours are known, and the compiler has learned
  const memory = used() - before
  heard = sent = 0
  const name = `air: ${nodes.toLocaleString('en')} MACs`
  const took = pace(name, minutes, () => env.advance(minutes * MINUTE), () => `${sent} frames, ${(heard / sent * 100).toFixed(2)} % arrive`)
  figure({ name: `${name}, a frame and its acknowledgment`, value: took / sent * 1000, unit: 'µs' })
  figure({ name: `${name}, memory`, value: memory / nodes / 1024, unit: 'KiB a node', note: 'buffers included' })
  air.stop()
}

/** Whole stacks: UDP, IPv6, 6LoWPAN; with neighbour discovery, which asks after each neighbour that was silent for half a minute, or with static neighbours. */
async function stacks(columns: number, rows: number, minutes: number, discovery: boolean): Promise<void> {
  const nodes = columns * rows
  const name = `air: ${nodes.toLocaleString('en')} stacks${discovery ? '' : ', static neighbours'}`
  const before = used()
  const net = simulate({ seed: 7, record: false })
  const { env } = net
  const air = net.air({ medium: unitDisk({ range: 1.5 * SPACING }) })
  const data = new Uint8Array(40)
  let [sent, heard] = [0, 0]
  const features = [ieee802154(), ipv6(), udp()] as const
  const made = performance.now()
  const all = grid(columns, rows, SPACING).map((at) => net.node('node', features, air, { at }))
  figure({ name: `${name}, to make one`, value: (performance.now() - made) / nodes, unit: 'ms' })
  for (const { stack, iface, radios: [radio] } of all) {
    const linkLocal = ({ address }: { readonly address: LinkAddress }) => withZone(words(0xfe80 << 16, 0, ...interfaceId(address)!), iface.index)
    if (!discovery) for (const each of air.neighbours(radio!)) stack.nd.add(iface, linkLocal(each.radio), each.radio.address)
    const any = words(0, 0, 0, 0)
    const socket = stack.udp.open({ address: any, port: 4242, v6only: true, reuse: false, iface: undefined }, {
      receive(packet) {
        heard++
        packet.unref()
      },
    })
    const send = env.clock.timer((now) => {
      send.schedule(now + MINUTE)
      const neighbours = air.neighbours(radio!)
      const to = linkLocal(neighbours[env.random.uint32() % neighbours.length]!.radio)
      if (socket.send(data, stack.udp.peer(to, 4242)) === 'sent') sent++
    })
    send.schedule(MINUTE + env.random.uint32() / 2 ** 32 * MINUTE)
  }
  env.advance(3 * MINUTE)
  const memory = used() - before
  heard = sent = 0
  const frames = air.statistics.sent
  const took = pace(name, minutes, () => env.advance(minutes * MINUTE), () => `${sent} datagrams, ${(heard / sent * 100).toFixed(2)} % arrive, ${((air.statistics.sent - frames) / sent).toFixed(1)} frames each`)
  figure({ name: `${name}, a datagram`, value: took / sent * 1000, unit: 'µs' })
  figure({ name: `${name}, memory`, value: memory / nodes / 1024, unit: 'KiB a node', note: 'buffers included' })
  await net.stop()
}

if (smoke) {
  macs(5, 4, 1)
  await stacks(3, 2, 1, true)
} else {
  macs(10, 10, 600)
  macs(40, 25, 60)
  macs(100, 100, 10)
  for (const discovery of [false, true]) {
    await stacks(10, 10, 60, discovery)
    await stacks(40, 25, 20, discovery)
    await stacks(100, 100, 3, discovery)
  }
}
