/** Stream sockets in all their shapes with the Linux kernel over TAP, as client and as server. */

import { deferred, system } from '@favonius/clock'
import type { StreamSink } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { tcp } from '@favonius/tcp'
import { codeOf, inWorld, makeNamespace, peer, suite, type Running } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { sockets } from '../src/index.ts'

const test = suite('stream sockets: with the Linux kernel', { timeout: 60_000 })
const kernel = peer('the Linux kernel over TAP', { command: ['ip'], package: 'iproute2', root: true, tun: true })
const SIZE = 4_000_000
const data = Uint8Array.from({ length: SIZE }, (_, i) => (Math.imul(i, 0x9e3779b1) >>> 24) ^ (i & 255))

/** Linux's servers: port 7 echoes, 19 resets whoever has said something. */
const SERVER = `
  const net = require('node:net')
  net.createServer({ allowHalfOpen: true }, (s) => s.on('error', () => {}).pipe(s)).listen(7, '::')
  net.createServer((s) => s.on('error', () => {}).once('data', () => s.resetAndDestroy())).listen(19, '::', () => console.log('ready'))`
/** Sends the pattern to our port 4242, and compares what comes back. */
const CLIENT = `
  const data = Buffer.from(Uint8Array.from({ length: ${SIZE} }, (_, i) => (Math.imul(i, 0x9e3779b1) >>> 24) ^ (i & 255)))
  const got = []
  const s = require('node:net').connect({ host: process.argv[1], port: 4242, allowHalfOpen: true })
  s.on('data', (d) => got.push(d)).on('end', () => console.log(Buffer.concat(got).equals(data) ? 'whole' : 'broken')).end(data)`

async function world() {
  const linux = makeNamespace()
  const stack = compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv4(), ipv6(), tcp(), sockets())
  const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: linux.name }), { name: 'eth0' })
  await linux.must('ip', 'addr', 'add', '192.0.2.2/24', 'dev', 'fav0')
  await linux.must('ip', '-6', 'addr', 'add', '2001:db8::2/64', 'dev', 'fav0', 'nodad')
  stack.ipv4.addAddress(eth0, '192.0.2.1/24')
  stack.ipv6.addAddress(eth0, '2001:db8::1/64')
  await eth0.up()
  const server: Running = linux.start(process.execPath, '-e', SERVER)
  await server.printed(/ready/)
  return {
    stack, linux,
    async stop(): Promise<void> {
      await server.stop()
      await stack.stop()
      await linux.remove()
      assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
    },
  }
}

const check = (title: string, body: (w: Awaited<ReturnType<typeof world>>) => Promise<void>): void => {
  if (!kernel) return
  test(title, inWorld(world, body))
}

/** What comes is the pattern, byte by byte; answers how much of it has come. */
function compare(): { take(chunk: Uint8Array): void; readonly size: number } {
  let at = 0
  return {
    take(chunk) {
      for (const value of chunk) if (value !== data[at++]) throw new Error(`byte ${at - 1} is wrong`)
    },
    get size() { return at },
  }
}

for (const address of ['2001:db8::2', '192.0.2.2']) {
  check(`${address}: 4 MB there and back by BSD's shape, the seam's and the web's`, async ({ stack }) => {
    const bsd = stack.sockets.socket('inet6', 'stream')
    await bsd.connect({ address, port: 7 })
    const one = compare()
    const sent = bsd.send(data).then(() => bsd.shutdown('write'))
    for (let got = await bsd.recv(); got.length > 0; got = await bsd.recv()) one.take(got)
    await sent
    bsd.close()
    assert.is(one.size, SIZE)

    const two = compare()
    const over = deferred<void>(system)
    let at = 0
    const fill = (): void => {
      at += stream.write(data.subarray(at))
      if (at === SIZE) stream.end()
    }
    const sink: StreamSink = { receive: (chunk) => two.take(chunk), drained: fill, closed: (error) => (error ? over.reject(error) : over.resolve()) }
    const stream = await stack.sockets.connect({ address, port: 7 }, sink)
    fill()
    await over.promise
    assert.is(two.size, SIZE)

    const three = compare()
    const web = stack.sockets.connect({ hostname: address, port: 7 }, { allowHalfOpen: true })
    const writer = web.writable.getWriter()
    const written = writer.write(data).then(() => writer.close())
    for await (const chunk of web.readable as unknown as AsyncIterable<Uint8Array>) three.take(chunk)
    await Promise.all([written, web.closed])
    assert.is(three.size, SIZE)
  })
}

check('Linux connects: an echo of two lines returns 4 MB, by both families', async ({ stack, linux }) => {
  const listener = await stack.sockets.listen({ port: 4242 })
  const serve = async (): Promise<void> => {
    for await (const socket of listener) socket.readable.pipeTo(socket.writable).catch(() => {})
  }
  const served = serve()
  for (const address of ['2001:db8::1', '192.0.2.1']) assert.is(await linux.must(process.execPath, '-e', CLIENT, address), 'whole\n')
  listener.close()
  await served
})

check('refusals, resets and silence have errno\'s codes', async ({ stack }) => {
  for (const address of ['2001:db8::2', '192.0.2.2']) {
    const make = () => stack.sockets.socket('inet6', 'stream')
    assert.is(await codeOf(make().connect({ address, port: 9 })), 'ECONNREFUSED')
    const socket = make()
    await socket.connect({ address, port: 19 })
    await socket.send(new Uint8Array(1))
    assert.is(await codeOf(socket.recv()), 'ECONNRESET')
    const web = stack.sockets.connect({ hostname: address, port: 19 })
    await web.writable.getWriter().write(new Uint8Array(1))
    assert.is(await codeOf(web.closed), 'ECONNRESET')
  }
  assert.is(await codeOf(stack.sockets.connect('192.0.2.77:9', { timeout: 200 }).opened), 'ETIMEDOUT')
})

test.run()
