/** Web Streams over TCP: WinterTC's `connect`, and listeners to loop over. */

import * as assert from 'uvu/assert'
import { codeOf, suite, thrownCode } from '@favonius/testing'
import { sleep, system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { nodeStreams } from '@favonius/node'
import { simulate, type LinkOptions } from '@favonius/sim'
import { tcp } from '@favonius/tcp'
import { udp } from '@favonius/udp'
import { sockets, type Socket, type SocketListener, type WebOptions } from '../src/index.ts'
import { accepted, connect } from '../src/web/index.ts'
import { together } from './together.ts'

const test = suite('Web Streams over TCP')
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>
const byte = (at: number): number => (Math.imul(at, 0x9e3779b1) >>> 24) ^ (at & 255)
const A = '2001:db8::1'
const B = '2001:db8::2'

const world = (link: LinkOptions, receiveBuffer = 65_536) => {
  const net = simulate({ seed: 5, record: false })
  const lan = net.ethernet(link)
  const features = [ethernet(), ipv4(), ipv6(), udp(), tcp({ receiveBuffer }), sockets()] as const
  const [a, b] = [net.node('a', features, lan), net.node('b', features, lan)]
  a.stack.ipv6.addAddress(a.iface, `${A}/64`)
  b.stack.ipv6.addAddress(b.iface, `${B}/64`)
  a.stack.ipv4.addAddress(a.iface, '192.0.2.1/24')
  b.stack.ipv4.addAddress(b.iface, '192.0.2.2/24')
  const first = async (listener: SocketListener): Promise<Socket> => {
    for await (const socket of listener) return socket
    throw new Error('nobody came')
  }
  /** A connection and both its ends. */
  const join = async (options?: WebOptions) => {
    const listener = await b.stack.sockets.listen({}, options)
    const client = a.stack.sockets.connect({ hostname: B, port: listener.local.port }, options)
    return { listener, client, server: await first(listener) }
  }
  return { net, a, b, join, first }
}

const check = (title: string, body: (world_: ReturnType<typeof world>) => Promise<void>, link: LinkOptions = { latency: 1 }): void => test(title, () => together(world(link), body))

/** Everything that comes, as text. */
async function all(readable: ReadableStream<Uint8Array>): Promise<string> {
  let text = ''
  for await (const chunk of readable as unknown as AsyncIterable<Uint8Array>) text += new TextDecoder().decode(chunk)
  return text
}

check('an echo server in two lines', async ({ a, b, net }) => {
  const listener = await b.stack.sockets.listen({ port: 4242 })
  const serve = async (): Promise<void> => {
    for await (const peer of listener) peer.readable.pipeTo(peer.writable).catch(() => {})
  }
  const served = serve()
  for (const address of [`[${B}]:4242`, '192.0.2.2:4242']) {
    const socket = a.stack.sockets.connect(address, { allowHalfOpen: true })
    const { remoteAddress, localAddress } = await socket.opened
    assert.is(remoteAddress, address)
    assert.ok(localAddress.startsWith(address.startsWith('[') ? `[${A}]:` : '192.0.2.1:'))
    const writer = socket.writable.getWriter()
    await writer.write(bytes('hello, '))
    await writer.write(bytes('whoever you are').buffer)
    await writer.close()
    assert.is(await all(socket.readable), 'hello, whoever you are')
    await socket.closed
  }
  // A peer that resets ends nothing but its own connection.
  const rude = a.stack.sockets.connect(`[${B}]:4242`)
  await rude.opened
  await rude.writable.abort(new Error('I do not like you'))
  assert.is(await codeOf(rude.closed), 'ECONNABORTED')
  await sleep(net.env, 10)
  listener.close()
  await served
})

for (const [title, link] of [['', { latency: 1 }], [' on a bad link', { latency: 5, loss: 0.03, reorder: 0.03, duplicate: 0.02 }]] as const) {
  check(`a megabyte there and back, through pipes${title}`, async ({ join }) => {
    const { client, server } = await join({ allowHalfOpen: true })
    const total = 1_000_000
    server.readable.pipeTo(server.writable).catch(() => {})
    const write = async (): Promise<void> => {
      const writer = client.writable.getWriter()
      for (let at = 0; at < total; at += 10_000) await writer.write(Uint8Array.from({ length: 10_000 }, (_, i) => byte(at + i)))
      await writer.close()
    }
    const written = write()
    let at = 0
    for await (const chunk of client.readable as unknown as AsyncIterable<Uint8Array>) for (const value of chunk) if (value !== byte(at++)) assert.unreachable(`byte ${at - 1}`)
    assert.is(at, total)
    await written
    await Promise.all([client.closed, server.closed])
  }, link)
}

check('what is read last is written back, by who reads ahead too', async ({ join }) => {
  const { client, server } = await join()
  const reader = server.readable.getReader()
  const writer = server.writable.getWriter()
  const echo = async (): Promise<void> => {
    for (let next = reader.read(); ;) {
      const { done, value } = await next
      if (done) return
      // The end is heard before what came before it is written.
      next = reader.read()
      writer.write(value).catch(() => {})
      await writer.write(value)
    }
  }
  const out = client.writable.getWriter()
  await out.write(bytes('hello'))
  await out.close()
  await echo()
  assert.is(await all(client.readable), 'hellohello')
  await Promise.all([client.closed, server.closed])
})

check('a readable that nobody reads shuts the window', async ({ join, net, a, b }) => {
  const { client, server } = await join()
  const writer = client.writable.getWriter()
  let written = 0
  const write = async (): Promise<void> => {
    for (; ; written += 10_000) await writer.write(new Uint8Array(10_000))
  }
  write().catch(() => {})
  await sleep(net.env, 10_000)
  const stopped = written
  await sleep(net.env, 60_000)
  assert.is(written, stopped)
  // What was taken is what both buffers hold, and nothing more of it is anywhere.
  const [sending] = a.stack.tcp.connections
  const [receiving] = b.stack.tcp.connections
  const held = receiving!.readable + sending!.unacknowledged
  assert.ok(receiving!.readable <= 65_536 && receiving!.readable > 60_000, `${receiving!.readable} bytes wait`)
  assert.ok(written <= held, `${written} bytes were taken, and ${held} are there`)
  const reader = server.readable.getReader()
  const before = receiving!.readable
  const { value } = await reader.read()
  assert.is(receiving!.readable, before - value!.length)
  for (let got = 0; got < 100_000;) got += (await reader.read()).value!.length
  await sleep(net.env, 100)
  assert.ok(written > stopped)
})

check('a reader may bring its own buffer', async ({ join }) => {
  const { client, server } = await join()
  const writer = client.writable.getWriter()
  await writer.write(bytes('ten bytes!'))
  const reader = server.readable.getReader({ mode: 'byob' })
  const one = await reader.read(new Uint8Array(4))
  assert.is(new TextDecoder().decode(one.value), 'ten ')
  const two = await reader.read(new Uint8Array(100))
  assert.is(new TextDecoder().decode(two.value), 'bytes!')
  await writer.close()
  const end = await reader.read(new Uint8Array(100))
  assert.equal([end.done, end.value?.length], [true, 0])
})

check('allowHalfOpen: without it our side ends when the peer\'s was read, and with it not', async ({ join, net, a }) => {
  const { client, server } = await join()
  await client.writable.close()
  assert.is(await all(server.readable), '')
  assert.is(await all(client.readable), '')
  await Promise.all([client.closed, server.closed])
  assert.is(await codeOf(server.writable.getWriter().write(bytes('too late'))), 'EPIPE')

  const open = await join({ allowHalfOpen: true })
  await open.client.writable.close()
  assert.is(await all(open.server.readable), '')
  const writer = open.server.writable.getWriter()
  await writer.write(bytes('not too late'))
  await writer.close()
  assert.is(await all(open.client.readable), 'not too late')
  await open.client.closed
  await sleep(net.env, 100)
  assert.is(a.stack.tcp.connections.length, 0)
})

check('close ends our side behind what was written, reads no more, and says when all is over', async ({ join }) => {
  const { client, server } = await join()
  const writer = client.writable.getWriter()
  await writer.write(bytes('that is all'))
  writer.releaseLock()
  const closed = client.close()
  assert.is(client.close(), closed)
  assert.is(await all(server.readable), 'that is all')
  await closed
  await server.closed

  const other = await join()
  const said = other.server.writable.getWriter()
  await said.write(bytes('unread'))
  assert.is(await codeOf(other.client.close()), 'ECONNABORTED')
  assert.is(await codeOf(other.server.closed), 'ECONNRESET')
})

check('close while it is being opened; errors of opening', async ({ a, b, first }) => {
  const listener = await b.stack.sockets.listen()
  const early = a.stack.sockets.connect({ address: B, port: listener.local.port })
  const closed = early.close()
  const server = await first(listener)
  assert.is(await all(server.readable), '')
  await closed

  const refused = a.stack.sockets.connect({ address: B, port: 9 })
  assert.is(await codeOf(refused.opened), 'ECONNREFUSED')
  assert.is(await codeOf(refused.closed), 'ECONNREFUSED')
  assert.is(await codeOf(refused.readable.getReader().read()), 'ECONNREFUSED')
  assert.is(await codeOf(refused.writable.getWriter().write(bytes('x'))), 'ECONNREFUSED')
  assert.is(await codeOf(a.stack.sockets.connect('[2001:db8::99]:9', { timeout: 50 }).opened), 'ETIMEDOUT')
  for (const address of ['nonsense', '2001:db8::1:80', '[2001:db8::1]', '192.0.2.1:']) {
    assert.throws(() => a.stack.sockets.connect(address), /no address and port/, address)
  }
  assert.is(await codeOf(a.stack.sockets.connect('example.com:80').opened), 'EINVAL')
})

check('cancel discards what comes, and writing goes on', async ({ join, net }) => {
  const { client, server } = await join({ allowHalfOpen: true })
  await server.readable.cancel()
  const writer = client.writable.getWriter()
  for (let n = 0; n < 30; n++) await writer.write(new Uint8Array(10_000))
  await writer.close()
  const back = server.writable.getWriter()
  await back.write(bytes('I do not listen'))
  await back.close()
  assert.is(await all(client.readable), 'I do not listen')
  await Promise.all([client.closed, server.closed])
  await sleep(net.env, 10)
})

check('what is no bytes is an error of who writes', async ({ join }) => {
  const { client } = await join()
  assert.is(await codeOf(client.writable.getWriter().write('text' as never)), 'EINVAL')
})

check('a listener gives connections one by one, the others wait in the backlog', async ({ a, b, net, first }) => {
  const listener = await b.stack.sockets.listen({}, { backlog: 2 })
  const clients = [1, 2, 3].map(() => a.stack.sockets.connect({ address: B, port: listener.local.port }))
  await sleep(net.env, 500)
  assert.is(b.stack.tcp.listeners[0]!.waiting, 2)
  const one = await first(listener)
  await sleep(net.env, 10_000)
  assert.is(b.stack.tcp.listeners[0]!.waiting, 2)
  listener.close()
  listener.close()
  for await (const none of listener) assert.unreachable(String(none))
  await sleep(net.env, 100)
  const ends = await Promise.all(clients.map((client) => Promise.race([codeOf(client.closed), sleep(net.env, 1000).then(() => 'goes on')])))
  assert.equal(ends.sort(), ['ECONNRESET', 'ECONNRESET', 'goes on'])
  await one.close
  assert.is(await codeOf(b.stack.sockets.listen({ address: '2001:db8::99' })), 'EADDRNOTAVAIL')
})

test('the same shape over the streams of the kernel, at both ends', async () => {
  const net = nodeStreams()
  const listener = await net.listen({ address: '127.0.0.1' }, (stream) => {
    const { socket, sink } = accepted(system, stream)
    socket.readable.pipeTo(socket.writable).catch(() => {})
    return sink
  })
  const socket = connect(system, net, { hostname: '127.0.0.1', port: listener.local.port }, { allowHalfOpen: true })
  assert.is((await socket.opened).remoteAddress, `127.0.0.1:${listener.local.port}`)
  const writer = socket.writable.getWriter()
  const body = 'again and again\n'.repeat(50_000)
  void writer.write(bytes(body)).then(() => writer.close())
  assert.is(await all(socket.readable), body)
  await socket.closed
  listener.close()
  assert.is(await codeOf(connect(system, net, `127.0.0.1:${listener.local.port}`).opened), 'ECONNREFUSED')
  assert.is(thrownCode(() => connect(system, net, 'nowhere')), 'EINVAL')
})

test('a stack that stops ends loops, reads and writes', async () => {
  const { net, a, b, join } = world({ latency: 1 })
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const { client, server, listener } = await join()
    const loop = (async () => { for await (const none of listener) assert.unreachable(String(none)) })()
    const reading = codeOf(server.readable.getReader().read())
    await b.stack.stop()
    await loop
    assert.is(await reading, 'ECANCELED')
    assert.is(await codeOf(server.closed), 'ECANCELED')
    await a.stack.stop()
    assert.is(await codeOf(client.closed), 'ECANCELED')
  })
  await net.stop()
  for (const { stack } of [a, b]) assert.is(stack.netif.buffers.live, 0)
})

test.run()
