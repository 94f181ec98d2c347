/** Streams for benchmarks of TCP with the kernel: the sender and the receiver, in Node over the kernel's sockets and over a stack of ours. */

import { system } from '@favonius/clock'
import type { Device, TcpConnection, TcpSink } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { compose } from '@favonius/stack'
import { tcp } from '@favonius/tcp'
import type { Namespace, Running } from '@favonius/testing'

const PORT = 5001
const CHUNK = 65_536

/** How long a stream is measured, after how long, in milliseconds from its first byte on. */
export interface Span {
  readonly after: number
  readonly ms: number
}

/** What one end saw. */
export interface Seen {
  /** Bits a second; 0 at the sender. */
  readonly rate: number
  /** CPU of its process, user and system, as a share of the time. */
  readonly cpu: number
}

/** An end of streams: whose address is `address`. */
export interface End {
  readonly address: string
  /** Takes one stream. Resolves when it listens, with a promise of what was measured. */
  receive(span: Span): Promise<{ readonly seen: Promise<Seen> }>
  /** Sends for as long as it is let. */
  send(to: string, span: Span): Promise<Seen>
  stop(): Promise<void>
}

/** Both ends of one stream. */
export interface Stream {
  /** Gbit/s. */
  readonly rate: number
  /** Gbit for each second of CPU that both ends took. */
  readonly perCpuSecond: number
}

/** Measures one stream. */
export async function stream(from: End, to: End, span: Span): Promise<Stream> {
  const { seen } = await to.receive(span)
  const [received, sent] = await Promise.all([seen, from.send(to.address, span)])
  return { rate: received.rate / 1e9, perCpuSecond: received.rate / 1e9 / (received.cpu + sent.cpu) }
}

/** The same clock at both ends, in a process of its own or in ours. */
const METER = `
  const meter = ({ after, ms }, bytes, done) => {
    setTimeout(() => {
      const [from, before, cpu] = [performance.now(), bytes(), process.cpuUsage()]
      setTimeout(() => {
        const [took, { user, system }] = [performance.now() - from, process.cpuUsage(cpu)]
        done({ rate: (bytes() - before) * 8000 / took, cpu: (user + system) / 1000 / took })
      }, ms)
    }, after)
  }`
const meter = new Function(`${METER}; return meter`)() as (span: Span, bytes: () => number, done: (seen: Seen) => void) => void

const seenBy = async (running: Running): Promise<Seen> => {
  const [, seen] = await running.printed(/seen (\{.*\})/)
  await running.stop()
  return JSON.parse(seen!) as Seen
}

/** The kernel in a namespace, used by a Node process for each stream. */
export function kernelEnd(namespace: Namespace, own: string): End {
  return {
    address: own,
    async receive(span) {
      const running = namespace.start(process.execPath, '-e', `${METER}
        require('node:net').createServer((s) => {
          let n = 0
          s.once('data', () => meter(${JSON.stringify(span)}, () => n, (seen) => { console.log('seen', JSON.stringify(seen)); s.resetAndDestroy() }))
          s.on('data', (d) => { n += d.length }).on('error', () => {})
        }).listen(${PORT}, '${own}', () => console.log('ready'))`)
      await running.printed(/ready/)
      return { seen: seenBy(running) }
    },
    send: (to, span) => seenBy(namespace.start(process.execPath, '-e', `${METER}
      const chunk = Buffer.alloc(${CHUNK}, 0x5a)
      const s = require('node:net').connect(${PORT}, '${to}', () => { meter(${JSON.stringify(span)}, () => 0, (seen) => console.log('seen', JSON.stringify(seen))); fill() })
      const fill = () => { while (s.write(chunk)); }
      s.on('drain', fill).on('error', () => {})
      setInterval(() => {}, 1000)`)),
    async stop() {},
  }
}

const idle: TcpSink = { readable() {}, writable() {}, ended() {}, closed() {} }

/** A stack of ours on a device. */
export async function ourEnd(device: Device, own: string): Promise<End> {
  const stack = compose(system, ethernet(), ipv4(), tcp({ receiveBuffer: 8 * 2 ** 20, timeWaitDelay: 1000 }))
  const eth0 = stack.netif.add(device)
  stack.ipv4.addAddress(eth0, `${own}/24`)
  await eth0.up()
  return {
    address: own,
    async receive(span) {
      return {
        seen: new Promise((resolve) => {
          let n = 0
          const listener = stack.tcp.listen({ address: address('0.0.0.0'), port: PORT, v6only: false, iface: undefined, backlog: 1 }, () => {
            const connection = listener.accept()!
            const drain = (): void => { for (let packet = connection.take(); packet !== undefined; packet = connection.take()) { n += packet.total(); packet.unref() } }
            connection.sink = { ...idle, readable: drain }
            drain()
            meter(span, () => n, (seen) => { connection.abort(); listener.close(); resolve(seen) })
          })
        }),
      }
    },
    send: (to, span) => new Promise((resolve, reject) => {
      const chunk = new Uint8Array(CHUNK).fill(0x5a)
      const fill = (): void => { while (connection.write(chunk) === CHUNK); }
      let over = false
      const connection: TcpConnection = stack.tcp.connect(address(to), PORT, {
        ...idle,
        established() {
          fill()
          meter(span, () => 0, (seen) => { over = true; resolve(seen) })
        },
        writable: fill,
        // The receiver resets it when it has seen enough.
        closed: (error) => { if (!over && error?.code !== 'ECONNRESET') reject(error ?? new Error('it ended')) },
      })
    }),
    stop: () => stack.stop(),
  }
}

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!
