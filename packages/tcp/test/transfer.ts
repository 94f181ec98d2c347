/** A stream from one stack to another, over a link as bad as it is asked to be, in virtual time; every byte is checked. */

import type { TcpConnection, TcpListener } from '@favonius/contract'
import { deferred } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { simulate, type LinkOptions } from '@favonius/sim'
import * as assert from 'uvu/assert'
import { tcp } from '../src/index.ts'
import { reno as newReno } from '../src/congestion/newreno.ts'

/** What to send, and over what. */
export interface Transfer extends LinkOptions {
  readonly seed: number
  readonly bytes: number
  readonly family?: 4 | 6
  readonly tcp?: Parameters<typeof tcp>[0]
  readonly reno?: boolean
  /** Milliseconds of virtual time in which it must be done. */
  readonly within?: number
}

/** Byte number `at` of the stream. */
const byte = (at: number): number => (Math.imul(at, 0x9e3779b1) >>> 24) ^ (at & 255)

/** Milliseconds that it took, from the SYN to the last byte read; and what both sides counted. */
export async function transfer({ seed, bytes, family = 6, tcp: settings, reno = false, within = 3_600_000, ...link }: Transfer) {
  const net = simulate({ seed, record: false })
  const wire = net.link(link)
  const features = [ethernet(), ipv4(), ipv6(), tcp(settings)] as const
  const [left, right] = [net.node('a', features, wire), net.node('b', features, wire)]
  if (reno) for (const { stack } of [left, right]) stack.tcp.congestion = newReno
  for (const [i, { stack, iface }] of [left, right].entries()) {
    stack.ipv4.addAddress(iface, `192.0.2.${i + 1}/24`)
    stack.ipv6.addAddress(iface, `2001:db8::${i + 1}/64`)
  }
  const to = family === 6 ? '2001:db8::2' : '192.0.2.2'
  let took = 0
  await net.run(async () => {
    await Promise.all([left.iface.up({ timeout: 100_000 }), right.iface.up({ timeout: 100_000 })])
    // A neighbour that loss has made us give up on is not what is tested.
    const layer = family === 6 ? left.stack.ipv6 : left.stack.ipv4
    for (let n = 0; n < 100 && (await layer.ping(to, { timeout: 4000 })).received === 0; n++);
    const done = deferred<void>(net.env)
    let open = 2
    const closed = (error: Error | undefined): void => {
      if (error) done.reject(error)
      else if (--open === 0) done.resolve()
    }
    const chunk = new Uint8Array(65_536)
    let received = 0
    const receive = (connection: TcpConnection): void => {
      for (let size = connection.read(chunk); size > 0; size = connection.read(chunk)) {
        for (let i = 0; i < size; i++) if (chunk[i] !== byte(received + i)) return done.reject(new Error(`byte ${received + i} is wrong`))
        received += size
      }
    }
    const listener: TcpListener = right.stack.tcp.listen({ address: address(family === 6 ? '::' : '0.0.0.0'), port: 5001, v6only: false, iface: undefined, backlog: 8 }, () => {
      const connection = listener.accept()!
      connection.sink = {
        readable: () => receive(connection),
        writable() {},
        ended() {
          if (received !== bytes) return done.reject(new Error(`${received} of ${bytes} bytes came`))
          took = net.env.clock.now() - began
          connection.end()
        },
        closed,
      }
      receive(connection)
      if (connection.ended) connection.sink.ended()
    })
    const began = net.env.clock.now()
    let written = 0
    const out = new Uint8Array(65_536)
    const fill = (connection: TcpConnection): void => {
      while (written < bytes) {
        const size = Math.min(out.length, bytes - written)
        for (let i = 0; i < size; i++) out[i] = byte(written + i)
        const taken = connection.write(out.subarray(0, size))
        written += taken
        if (taken < size) return
      }
      connection.end()
    }
    const connection: TcpConnection = left.stack.tcp.connect(address(to), 5001, {
      established: () => fill(connection),
      readable() {},
      writable: () => fill(connection),
      ended() {},
      closed,
    })
    await done.promise
    listener.close()
  }, { limit: within })
  const counters = [left, right].map(({ stack }) => stack.netif.statistics().counters['tcp']!)
  for (const { stack } of [left, right]) assert.is(stack.tcp.connections.length, 0)
  await net.stop()
  return { took, counters, rate: bytes * 8 / took / 1000 }
}
