/** Direct Sockets over the kernel, and over our stacks in a simulated network. */

import * as assert from 'uvu/assert'
import { sleep, system } from '@favonius/clock'
import type { Env } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { nodeDatagrams, nodeStreams } from '@favonius/node'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { tcp } from '@favonius/tcp'
import { inWorld, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { directSockets, type DirectSockets, type DirectTCPSocket } from '../src/direct-sockets/index.ts'

interface World {
  readonly env: Env
  readonly a: DirectSockets
  readonly b: DirectSockets
  /** Where `b` is. */
  readonly host: string
  run(body: () => Promise<void>): Promise<void>
  stop(): Promise<void>
}

const NAMES = { lookup: async (name: string) => [{ address: name === 'b.example' ? '192.0.2.2' : '127.0.0.1', family: 4 as const }] }

async function kernel(): Promise<World> {
  const made = directSockets({ env: system, streams: nodeStreams(), datagrams: nodeDatagrams(), names: NAMES })
  return { env: system, a: made, b: made, host: '127.0.0.1', run: (body) => body(), stop: async () => {} }
}

async function simulated(): Promise<World> {
  const net = simulate({ seed: 6 })
  const lan = net.ethernet({ latency: 1 })
  const nodes = ['a', 'b'].map((name, i) => {
    const node = net.node(name, [ethernet(), ipv4(), udp(), tcp({ timeWaitDelay: 0 }), sockets()] as const, lan)
    node.stack.ipv4.addAddress(node.iface, `192.0.2.${i + 1}/24`)
    return node
  })
  const [a, b] = nodes.map(({ stack }) => directSockets({ env: net.env, streams: stack.sockets, datagrams: stack.sockets, names: NAMES }))
  return {
    env: net.env, a: a!, b: b!, host: '192.0.2.2',
    run: (body) => net.run(async () => {
      await Promise.all(nodes.map(({ iface }) => iface.up()))
      await body()
    }),
    async stop() {
      await net.stop()
      assert.equal(nodes.map(({ stack }) => stack.netif.buffers.live), [0, 0])
    },
  }
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>
const text = (data: ArrayBuffer | ArrayBufferView): string => new TextDecoder().decode(data as Uint8Array)

async function all(readable: ReadableStream<Uint8Array>): Promise<string> {
  let read = ''
  for await (const chunk of readable as unknown as AsyncIterable<Uint8Array>) read += text(chunk)
  return read
}

async function first<T>(readable: ReadableStream<T>): Promise<T> {
  const reader = readable.getReader()
  const { value } = await reader.read()
  reader.releaseLock()
  return value!
}

/** `NetworkError ECONNREFUSED`, `InvalidStateError`, `TypeError`. */
async function failed(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'it did not fail'
  } catch (error) {
    const { name, cause } = error as Error & { cause?: { code?: string } }
    return cause?.code === undefined ? name : `${name} ${cause.code}`
  }
}

const thrown = (body: () => unknown): string => {
  try {
    body()
    return 'it did not throw'
  } catch (error) {
    return (error as Error).name
  }
}

for (const [name, make] of [['the kernel', kernel], ['our stacks', simulated]] as const) {
  const test = suite(`Direct Sockets over ${name}`)
  const check = (title: string, body: (world: World) => Promise<void>): void => test(title, inWorld(make, (world) => world.run(() => body(world))))

  /** A server socket, and both ends of a connection to it. */
  async function join({ a, b, host }: World) {
    const server = new b.TCPServerSocket(host)
    const { readable, localPort } = await server.opened
    const near = new a.TCPSocket(host, localPort, { noDelay: true, keepAliveDelay: 10_000 })
    const opened = await near.opened
    const far = await first<DirectTCPSocket>(readable)
    return { server, near, far, opened, accepted: await far.opened, localPort }
  }

  check('bytes go both ways, each end knows both addresses, and both are closed', async (world) => {
    const { server, near, far, opened, accepted, localPort } = await join(world)
    assert.equal([opened.remoteAddress, opened.remotePort], [world.host, localPort])
    assert.equal([accepted.localAddress, accepted.localPort, accepted.remotePort], [world.host, localPort, opened.localPort])
    const writer = opened.writable.getWriter()
    const body = 'a line, again and again\n'.repeat(20_000)
    void writer.write(bytes(body)).then(() => writer.close())
    const echoing = accepted.readable.pipeTo(accepted.writable)
    assert.is(await all(opened.readable), body)
    await echoing
    await Promise.all([near.closed, far.closed])
    await server.close()
    await server.closed
  })

  check('close is refused while a stream is locked, or the socket is not open; then it ends both sides', async (world) => {
    const { a, host } = world
    const { near, far, opened, accepted, server, localPort } = await join(world)
    const late = new a.TCPSocket(host, localPort)
    assert.is(await failed(late.close()), 'InvalidStateError')
    const reader = opened.readable.getReader()
    assert.is(await failed(near.close()), 'InvalidStateError')
    reader.releaseLock()
    const closed = near.close()
    assert.is(await all(accepted.readable), '')
    await accepted.writable.close()
    await closed
    await far.closed
    await late.opened
    await server.close()
    assert.is(await failed(late.closed), 'NetworkError ECONNRESET', 'it waited, and nobody took it')
  })

  check('who is not there, and what cannot be', async ({ a, b, host }) => {
    const server = new b.TCPServerSocket(host)
    const { localPort } = await server.opened
    const again = new b.TCPServerSocket(host, { localPort })
    assert.is(await failed(again.opened), 'NetworkError EADDRINUSE')
    assert.is(await failed(again.closed), 'NetworkError EADDRINUSE')
    await server.close()
    const nobody = new a.TCPSocket(host, localPort)
    assert.equal([await failed(nobody.opened), await failed(nobody.closed)], ['NetworkError ECONNREFUSED', 'NetworkError ECONNREFUSED'])
    assert.equal([
      thrown(() => new a.TCPSocket(host, 0)), thrown(() => new a.TCPSocket(host, 65_536)), thrown(() => new a.TCPSocket(host, 80, { keepAliveDelay: 999 })),
      thrown(() => new a.TCPSocket(host, 80, { receiveBufferSize: 0 })), thrown(() => new a.TCPServerSocket(host, { backlog: 0 })), thrown(() => new a.UDPSocket({})),
      thrown(() => new a.UDPSocket({ remoteAddress: host })), thrown(() => new a.UDPSocket({ remoteAddress: host, remotePort: 1, localAddress: host })),
      thrown(() => new a.UDPSocket({ localAddress: '0.0.0.0', ipv6Only: true })), thrown(() => new a.UDPSocket({ remoteAddress: host, remotePort: 1, localPort: 1 })),
    ], Array.from({ length: 10 }, () => 'TypeError'))
  })

  check('a backlog that is full resets who comes then', async ({ env, a, b, host }) => {
    const server = new b.TCPServerSocket(host, { backlog: 2 })
    const { localPort, readable } = await server.opened
    const clients = [1, 2, 3].map(() => new a.TCPSocket(host, localPort))
    await Promise.allSettled(clients.map(({ opened }) => opened))
    await sleep(env, 100)
    const ends = await Promise.all(clients.map(({ closed }) => Promise.race([failed(closed), sleep(env, 100).then(() => 'goes on')])))
    assert.equal(ends.sort(), ['NetworkError ECONNRESET', 'goes on', 'goes on'])
    const taken = [await first<DirectTCPSocket>(readable), await first<DirectTCPSocket>(readable)]
    for (const one of taken) void one.close()
    for (const client of clients) void client.close().catch(() => {})
    await server.close()
    await Promise.all(taken.map(({ closed }) => closed))
  })

  check('datagrams: one bound, one connected to it by name; strangers are not heard', async ({ a, b, host, env }) => {
    const bound = new b.UDPSocket({ localAddress: host })
    const far = await bound.opened
    const connected = new a.UDPSocket({ remoteAddress: host === '127.0.0.1' ? 'localhost.example' : 'b.example', remotePort: far.localPort, dnsQueryType: 'ipv4' })
    const near = await connected.opened
    assert.equal([near.remoteAddress, near.remotePort, near.multicastController], [host, far.localPort, undefined])
    const [out, back] = [near.writable.getWriter(), far.writable.getWriter()]
    await out.write({ data: bytes('question') })
    const { data, remoteAddress, remotePort } = await first(far.readable)
    assert.equal([text(data), remotePort], ['question', near.localPort])
    const stranger = new b.UDPSocket({ localAddress: host })
    const { writable } = await stranger.opened
    const forged = writable.getWriter()
    await forged.write({ data: bytes('forged'), remoteAddress: remoteAddress!, remotePort: remotePort! })
    await sleep(env, 30)
    await back.write({ data: bytes('answer').buffer, remoteAddress: remoteAddress!, remotePort: remotePort! })
    const answer = await first(near.readable)
    assert.equal([text(answer.data), answer.remoteAddress], ['answer', undefined])
    assert.is(connected.dropped, 1)
    assert.is(await failed(connected.close()), 'InvalidStateError')
    for (const lock of [out, back, forged]) lock.releaseLock()
    await Promise.all([connected.close(), bound.close(), stranger.close()])
  })

  check('a message to the wrong kind of socket is a TypeError, and the socket closes all the same', async ({ a, b, host }) => {
    const bound = new b.UDPSocket({ localAddress: host })
    const { writable, localPort } = await bound.opened
    const writer = writable.getWriter()
    assert.is(await failed(writer.write({ data: bytes('to whom?') })), 'TypeError')
    writer.releaseLock()
    await bound.close()
    const connected = new a.UDPSocket({ remoteAddress: host, remotePort: localPort })
    const other = (await connected.opened).writable.getWriter()
    assert.is(await failed(other.write({ data: bytes('x'), remoteAddress: host, remotePort: localPort })), 'TypeError')
    other.releaseLock()
    await connected.close()
  })

  check('nobody at the other port: a connected socket fails', async ({ a, b, host }) => {
    const gone = new b.UDPSocket({ localAddress: host })
    const { localPort } = await gone.opened
    await gone.close()
    const connected = new a.UDPSocket({ remoteAddress: host, remotePort: localPort })
    const { writable, readable } = await connected.opened
    if (host === '127.0.0.1') {
      // Node tells of no ICMP error to a socket that is not connected in the kernel.
      await connected.close()
      return
    }
    await writable.getWriter().write({ data: bytes('hello') })
    assert.is(await failed(connected.closed), 'NetworkError ECONNREFUSED')
    assert.is(await failed(readable.getReader().read()), 'NetworkError ECONNREFUSED')
  })

  check('what is not read in time is dropped, and counted', async ({ a, b, host, env }) => {
    const bound = new b.UDPSocket({ localAddress: host })
    const { localPort, readable } = await bound.opened
    const sender = new a.UDPSocket({ remoteAddress: host, remotePort: localPort })
    const writer = (await sender.opened).writable.getWriter()
    for (let n = 0; n < 400; n++) {
      await writer.write({ data: new Uint8Array(896) })
      if (n % 20 === 0) await sleep(env, 5)
    }
    await sleep(env, 100)
    assert.ok(bound.dropped >= 100, `${bound.dropped} were dropped`)
    let read = 0
    const reader = readable.getReader()
    for (; read < 256; read++) await reader.read()
    reader.releaseLock()
    writer.releaseLock()
    await Promise.all([bound.close(), sender.close()])
  })

  check('groups are joined and left', async ({ b }) => {
    const bound = new b.UDPSocket({ localAddress: '0.0.0.0', multicastAllowAddressSharing: true, multicastTimeToLive: 3 })
    const { multicastController: groups } = await bound.opened
    await groups!.joinGroup('239.1.2.3')
    assert.equal(groups!.joinedGroups, ['239.1.2.3'])
    assert.is(await failed(groups!.joinGroup('239.1.2.3')), 'InvalidStateError')
    assert.match(await failed(groups!.joinGroup('192.0.2.1')), /^NetworkError E/)
    await groups!.leaveGroup('239.1.2.3')
    assert.is(await failed(groups!.leaveGroup('239.1.2.3')), 'InvalidStateError')
    await bound.close()
  })

  test.run()
}
