/** Two hosts on a simulated Ethernet, with TCP between them: the two ends of lines. */

import { sleep } from '@favonius/clock'
import type { BufferSource, Env, RadioFilter, RadioSink, Stream, StreamNet } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet/bare'
import { show as showFrame, writeData } from '@favonius/ieee802154/wire'
import { eui64, linkAddress } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { Arena } from '@favonius/netbuf'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { tcp } from '@favonius/tcp'
import * as assert from 'uvu/assert'

export const OURS = eui64('02:00:00:00:00:00:00:01')
export const THEIRS = eui64('02:00:00:00:00:00:00:02')
export const PAN = 0xabcd
/** Where lines are listened for. */
export const AT = { address: '2001:db8::1', port: 60_001 } as const

export interface World {
  readonly env: Env
  /** The host at `AT`, and another one. */
  readonly here: StreamNet
  readonly there: StreamNet
  readonly buffers: BufferSource
  settle(ms?: number): Promise<void>
}

/** Runs `body` in virtual time; no buffer, socket or timer of its is left. */
export async function world(body: (world: World) => Promise<void>): Promise<void> {
  const net = simulate({ seed: 5 })
  const lan = net.ethernet({ latency: 1 })
  const host = (name: string) => net.node(name, [ethernet(), ipv6(), tcp(), sockets()], lan)
  const [a, b] = [host('a'), host('b')]
  a.stack.ipv6.addAddress(a.iface, `${AT.address}/64`)
  b.stack.ipv6.addAddress(b.iface, '2001:db8::2/64')
  const buffers = new Arena({ chunkSize: 1 << 20 }).pool({ debug: true })
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    await body({ env: net.env, here: a.stack.sockets, there: b.stack.sockets, buffers, settle: (ms = 50) => sleep(net.env, ms) })
  })
  assert.is(buffers.live, 0, buffers.owners().join('; '))
  await net.stop()
}

/** A plain end of a line: what it heard, and how to say something. */
export interface Plain {
  readonly heard: Uint8Array<ArrayBuffer>
  readonly closed: boolean
  say(...bytes: number[] | [Uint8Array]): void
  leave(): void
}

export async function connect(net: StreamNet): Promise<Plain> {
  const heard: number[] = []
  let closed = false
  const stream: Stream = await net.connect(AT, {
    receive: (chunk) => void heard.push(...chunk),
    ended: () => stream.end(),
    closed: () => { closed = true },
  })
  return {
    get heard() { return Uint8Array.from(heard.splice(0)) },
    get closed() { return closed },
    say: (...bytes) => void stream.write(typeof bytes[0] === 'object' ? bytes[0] : Uint8Array.from(bytes as number[])),
    leave: () => stream.close(),
  }
}

/** A MAC that writes down what it is told. */
export function mac(told: string[]): RadioSink {
  return {
    frame: (frame, rssi, lqi) => {
      told.push(`${showFrame(Uint8Array.from(frame.view()))}, rssi ${rssi}, lqi ${lqi}`)
      frame.unref()
    },
    transmitted: (outcome, attempts) => void told.push(`${outcome} ${attempts}`),
    carrier: (up) => void told.push(up ? 'carrier' : 'no carrier'),
    lost: (reason) => void told.push(reason),
  }
}

export const FILTER: RadioFilter = { address: OURS, panId: PAN, shortAddress: 0xffff, promiscuous: false }

/** A data frame of THEIRS with one byte of payload. */
export function data(to = OURS, { acknowledge = true, sequence = 7, panId = PAN, from = THEIRS } = {}): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(5 + to.length + from.length + 1)
  writeData(new DataView(frame.buffer), 0, panId, sequence, from, to, acknowledge)
  return frame
}

export const EVERYONE = linkAddress(2, 0, 0xffff)
