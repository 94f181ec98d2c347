/** A stack of ours on a TAP, Linux behind it in a namespace of its own, and streams between the two whose bytes are known. */

import { createHash } from 'node:crypto'
import { deferred, system } from '@favonius/clock'
import type { Device, TcpConnection, TcpListener, TcpSink } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { address, eui48 } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv4Pmtu } from '@favonius/ipv4/pmtu'
import { ipv6 } from '@favonius/ipv6'
import { ipv6Pmtu } from '@favonius/ipv6/pmtu'
import { Arena, netbufIn } from '@favonius/netbuf'
import { captureFile } from '@favonius/pcap/file'
import { faulty } from '@favonius/sim'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { tcp } from '@favonius/tcp'
import { makeNamespace, type Running } from '@favonius/testing'
import * as assert from 'uvu/assert'

/** Of us and of Linux, by family. */
export const US = { 4: '192.0.2.1', 6: '2001:db8::1' } as const
export const LINUX = { 4: '192.0.2.2', 6: '2001:db8::2' } as const
export const families = [4, 6] as const

export const CHUNK = 65_536
const PATTERN = 'i * 31 ^ i >> 8'
const chunk = Uint8Array.from({ length: CHUNK }, (_, i) => i * 31 ^ i >> 8)

/** The digest of a stream of `size` bytes. */
export function digestOf(size: number): string {
  const hash = createHash('sha256')
  for (let n = 0; n < size; n += CHUNK) hash.update(chunk.subarray(0, Math.min(CHUNK, size - n)))
  return hash.digest('hex')
}

/** Linux's side, in Node: ports 5001 takes a stream and answers with its digest, 5002 sends one of as many bytes as it is asked for, 5003 echoes. */
const SERVER = `
  const net = require('node:net'), { createHash } = require('node:crypto')
  const chunk = Buffer.from(Uint8Array.from({ length: ${CHUNK} }, (_, i) => ${PATTERN}))
  const serve = (port, body) => net.createServer({ allowHalfOpen: true }, (s) => { s.on('error', (e) => console.log('error', e.code)); body(s) }).listen(port, '::')
  serve(5001, (s) => { const hash = createHash('sha256'); s.on('data', (d) => hash.update(d)).on('end', () => s.end(hash.digest('hex'))) })
  serve(5002, (s) => s.once('data', (d) => {
    const size = Number(d); let n = 0
    const fill = () => { while (n < size) { const part = Math.min(${CHUNK}, size - n); n += part; if (!s.write(chunk.subarray(0, part))) return s.once('drain', fill) } s.end() }
    fill()
  }))
  serve(5003, (s) => s.pipe(s)).on('listening', () => console.log('ready'))`

export interface WorldOptions {
  /** Share of frames that is lost, held back and repeated, each way. */
  readonly faults?: number
  /** Milliseconds each way. */
  readonly latency?: number
  /** Checksums and segmentation are left to the other end. */
  readonly offload?: boolean
  readonly pcap?: string
  readonly tcp?: Parameters<typeof tcp>[0]
}

export async function world({ faults = 0, latency = 0, offload = faults === 0, pcap, tcp: settings }: WorldOptions = {}) {
  const linux = makeNamespace()
  const stack = compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv4(), ipv4Pmtu(), ipv6(), ipv6Pmtu(), tcp(settings))
  const capture = pcap === undefined ? undefined : captureFile(stack.netif, system.clock, pcap)
  const tap = await openTap({ name: 'fav0', namespace: linux.name, offload })
  const device: Device = faults + latency === 0 ? tap : faulty(tap, system, { latency, loss: faults, reorder: faults, duplicate: faults / 2 })
  const eth0 = stack.netif.add(device, { name: 'eth0' })
  await linux.must('ip', 'addr', 'add', `${LINUX[4]}/24`, 'dev', 'fav0')
  await linux.must('ip', '-6', 'addr', 'add', `${LINUX[6]}/64`, 'dev', 'fav0', 'nodad')
  stack.ipv4.addAddress(eth0, `${US[4]}/24`)
  stack.ipv6.addAddress(eth0, `${US[6]}/64`)
  await eth0.up()
  if (faults > 0) {
    // The trials are TCP's. That three solicitations in a row are lost is rare, but not rare enough.
    const [, theirs] = /link\/ether (\S+)/.exec(await linux.must('ip', 'link', 'show', 'dev', 'fav0'))!
    for (const family of [4, 6] as const) {
      await linux.must('ip', `-${family}`, 'neigh', 'replace', US[family], 'lladdr', String(eth0.address), 'dev', 'fav0', 'nud', 'permanent')
    }
    stack.nd.add(eth0, address(LINUX[6]), eui48(theirs!))
    for (let received = 0; received === 0;) ({ received } = await stack.ipv4.ping(LINUX[4], { count: 5, interval: 10, timeout: 200 }))
  }
  return {
    linux, stack, eth0,
    counters: () => stack.netif.statistics().counters['tcp']!,
    drops: () => stack.netif.statistics().drops,
    /** Starts Linux's servers. */
    async serve(): Promise<Running> {
      const server = linux.start(process.execPath, '-e', SERVER)
      await server.printed(/ready/)
      return server
    },
    async stop(): Promise<void> {
      await stack.stop()
      capture?.close()
      await linux.remove()
      assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
    },
  }
}

export type World = Awaited<ReturnType<typeof world>>

/** Resolves when the connection has ended in order; rejects with its error. Everything that came is given to `took`. */
export function run(open: (sink: TcpSink) => TcpConnection, begin: (connection: TcpConnection) => void, took: (bytes: Uint8Array) => void, more: (connection: TcpConnection) => void = () => {}): Promise<void> {
  const done = deferred<void>(system)
  const connection: TcpConnection = open({
    established: () => begin(connection),
    readable() {
      for (let packet = connection.take(); packet !== undefined; packet = connection.take()) {
        for (let fragment: typeof packet | undefined = packet; fragment !== undefined; fragment = fragment.next) took(fragment.view())
        packet.unref()
      }
    },
    writable: () => more(connection),
    ended: () => connection.end(),
    closed: (error) => (error ? done.reject(error) : done.resolve()),
  })
  return done.promise
}

/** Writes `size` bytes of the pattern, as the connection takes them, and ends. */
export function writer(size: number): (connection: TcpConnection) => void {
  let n = 0
  return (connection) => {
    while (n < size) {
      const at = n % CHUNK
      const part = chunk.subarray(at, Math.min(CHUNK, at + size - n))
      const taken = connection.write(part)
      n += taken
      if (taken < part.length) return
    }
    connection.end()
  }
}

/** Streams `size` bytes to Linux, and compares the digest that it answers with. */
export async function send({ stack }: World, family: 4 | 6, size: number): Promise<void> {
  let answer = ''
  const fill = writer(size)
  await run((sink) => stack.tcp.connect(address(LINUX[family]), 5001, sink), fill, (bytes) => { answer += new TextDecoder().decode(bytes) }, fill)
  assert.is(answer, digestOf(size), `${size} bytes over IPv${family} to Linux`)
}

/** Asks Linux for `size` bytes, and compares their digest. */
export async function fetch({ stack }: World, family: 4 | 6, size: number): Promise<void> {
  const hash = createHash('sha256')
  await run((sink) => stack.tcp.connect(address(LINUX[family]), 5002, sink), (connection) => void connection.write(new TextEncoder().encode(String(size))), (bytes) => void hash.update(bytes))
  assert.is(hash.digest('hex'), digestOf(size), `${size} bytes over IPv${family} from Linux`)
}

/** Listens with us; each connection is given to `serve`, which returns who is told of it. */
export function listen({ stack }: World, port: number, backlog: number, serve: (connection: TcpConnection) => TcpSink): TcpListener {
  const listener: TcpListener = stack.tcp.listen({ address: address('::'), port, v6only: false, iface: undefined, backlog }, () => {
    for (let connection = listener.accept(); connection !== undefined; connection = listener.accept()) {
      connection.sink = serve(connection)
      connection.sink.readable()
      if (connection.ended) connection.sink.ended()
    }
  })
  return listener
}
