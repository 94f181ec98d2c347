/** A radio network at work for as long as is wanted, in which each datagram is followed to its end. */

import * as assert from 'uvu/assert'
import type { NetBuf } from '@favonius/contract'
import { ieee802154 } from '@favonius/ieee802154'
import { interfaceId, ipv6 as words, withZone } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { netbuf } from '@favonius/netbuf'
import { udp } from '@favonius/udp'
import { grid, simulate, unitDisk } from '../src/index.ts'

/** What each datagram begins with, and its number behind that. */
const MARK = 0x5eed_fa70
const PORT = 4242
const MINUTE = 60_000

export interface DayOptions {
  readonly columns: number
  readonly rows: number
  readonly hours: number
  readonly loss: number
  readonly seed: number
  /** Bytes of a datagram: 40 go in one frame, 300 in four. */
  readonly size?: number
}

/** The number of the datagram that a packet or frame carries; undefined when it carries none, or not the beginning of it. */
function numberIn(packet: NetBuf): number | undefined {
  const { dv, offset, length } = packet
  for (let at = offset; at + 8 <= offset + length; at++) if (dv.getUint32(at) === MARK) return dv.getUint32(at + 4)
  return undefined
}

/**
 * Runs it: each node sends a datagram a minute to a neighbour. Fails when a buffer is left, when a datagram is heard twice, and when one is
 * lost that nobody can explain: neither the air, which lost its frames, nor a stack, which dropped its packet, nor the count of frames that
 * never found the channel clear. Returns what was seen.
 */
export async function day({ columns, rows, hours, loss, seed, size = 40 }: DayOptions) {
  const net = simulate({ seed, record: false })
  const { env } = net
  const air = net.air({ medium: unitDisk({ range: 15 }), loss })
  const features = [ieee802154(), ipv6(), udp(), netbuf()] as const
  const heard = new Uint8Array(Math.ceil(hours * 60 * columns * rows * 1.1) + columns * rows)
  const onAir = new Set<number>()
  const inStack = new Set<number>()
  const reasons = new Map<string, number>()
  let [sent, refused, twice] = [0, 0, 0]
  const data = new Uint8Array(size)
  const dv = new DataView(data.buffer)
  dv.setUint32(0, MARK)
  const nodes = grid(columns, rows, 10).map((at, n) => {
    const node = net.node(`n${n}`, features, air, { at })
    const { stack, iface, radios: [radio] } = node
    stack.netif.tap({
      frame() {},
      dropped(_iface, packet, reason) {
        const number = numberIn(packet)
        if (number === undefined) return
        inStack.add(number)
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      },
    })
    const socket = stack.udp.open({ address: words(0, 0, 0, 0), port: PORT, v6only: true, reuse: false, iface: undefined }, {
      receive(packet) {
        const number = packet.dv.getUint32(packet.offset + 4)
        if (heard[number] !== 0) twice++
        heard[number] = 1
        packet.unref()
      },
    })
    const send = env.clock.timer((now) => {
      if (now < end) send.schedule(now + MINUTE)
      const neighbours = air.neighbours(radio!)
      const [hi, lo] = interfaceId(neighbours[env.random.uint32() % neighbours.length]!.radio.address)!
      dv.setUint32(4, sent)
      if (socket.send(data, stack.udp.peer(withZone(words(0xfe80 << 16, 0, hi, lo), iface.index), PORT)) === 'sent') sent++
      else refused++
    })
    send.schedule(MINUTE / 2 + env.random.uint32() / 2 ** 32 * MINUTE)
    return node
  })
  const end = hours * 60 * MINUTE
  air.trace(({ why, frame }) => {
    const number = numberIn(frame)
    // The later frames of a datagram in fragments carry no number: only the loss of the first is known by it.
    if (number === undefined) return
    onAir.add(number)
    reasons.set(`air: ${why}`, (reasons.get(`air: ${why}`) ?? 0) + 1)
  })
  env.advance(end + 5 * MINUTE)
  let [lost, unexplained] = [0, 0]
  for (let number = 0; number < sent; number++) {
    if (heard[number] === 1) continue
    lost++
    if (!onAir.has(number) && !inStack.has(number)) unexplained++
  }
  const drops: Record<string, number> = {}
  for (const { stack } of nodes) for (const [reason, count] of Object.entries(stack.netif.statistics().drops)) drops[reason] = (drops[reason] ?? 0) + count
  for (const { name, stack } of nodes) assert.is(stack.netif.buffers.live, 0, `${name} holds ${stack.netif.buffers.owners().join('; ')}`)
  await net.stop()
  assert.is(env.armed, 0, 'no timer is left')
  assert.is(twice, 0, 'none is heard twice')
  return { sent, refused, lost, unexplained, drops, reasons: Object.fromEntries(reasons), statistics: air.statistics }
}
