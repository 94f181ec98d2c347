/** What the seam over our own TCP promises beyond the conformance suite. */

import * as assert from 'uvu/assert'
import type { StreamSink, Stream } from '@favonius/contract'
import { codeOf, suite } from '@favonius/testing'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { simulate } from '@favonius/sim'
import { tcp } from '@favonius/tcp'
import { sockets } from '../src/index.ts'
import { together } from './together.ts'

const test = suite('streams of the seam')
const A = '2001:db8::1'
const B = '2001:db8::2'

const world = (settings: Parameters<typeof tcp>[0] = {}) => {
  const net = simulate({ seed: 5 })
  const lan = net.ethernet({ latency: 1 })
  const features = [ethernet(), ipv4(), ipv6(), tcp(settings), sockets()] as const
  const [a, b] = [net.node('a', features, lan), net.node('b', features, lan)]
  a.stack.ipv6.addAddress(a.iface, `${A}/64`)
  b.stack.ipv6.addAddress(b.iface, `${B}/64`)
  a.stack.ipv4.addAddress(a.iface, '192.0.2.1/24')
  b.stack.ipv4.addAddress(b.iface, '192.0.2.2/24')
  return { net, a, b }
}

const check = (title: string, body: (world_: ReturnType<typeof world>) => Promise<void>, settings?: Parameters<typeof tcp>[0]): void => test(title, () => together(world(settings), body))

const quiet: StreamSink = { receive() {}, closed() {} }

check('a chunk is the packet buffer itself, and what is paused stays in TCP', async ({ net, a, b }) => {
  const chunks: Uint8Array[] = []
  let stream: Stream | undefined
  const { local } = await b.stack.sockets.listen({}, (accepted) => {
    stream = accepted
    return { receive: (chunk) => void chunks.push(chunk), closed() {} }
  })
  const client = await a.stack.sockets.connect({ address: B, port: local.port }, quiet)
  client.write(new Uint8Array(1000))
  await sleep(net.env, 10)
  assert.is(chunks[0]!.length, 1000)
  assert.ok(chunks[0]!.buffer.byteLength > 100_000, 'it is a copy')
  stream!.pause()
  client.write(new Uint8Array(60_000))
  await sleep(net.env, 10_000)
  const [connection] = b.stack.tcp.connections
  assert.is(chunks.length, 1)
  assert.ok(connection!.readable > 8192 - 1460 && connection!.readable <= 8192, String(connection!.readable))
  stream!.resume()
  await sleep(net.env, 10_000)
  assert.is(chunks.reduce((sum, { length }) => sum + length, 0), 61_000)
  client.abort()
}, { receiveBuffer: 8192 })

check('errors have errno\'s codes', async ({ a, b }) => {
  const { sockets: net } = a.stack
  assert.is(await codeOf(net.connect({ address: '2001:db8::99', port: 1 }, quiet)), 'EHOSTUNREACH')
  assert.is(await codeOf(net.connect({ address: '198.51.100.1', port: 1 }, quiet)), 'ENETUNREACH')
  assert.is(await codeOf(net.connect({ address: 'fe80::1%eth7', port: 1 }, quiet)), 'ENODEV')
  assert.is(await codeOf(net.connect({ address: 'ff02::1%eth0', port: 1 }, quiet)), 'EINVAL')
  const { local } = await b.stack.sockets.listen({}, () => quiet)
  const first = await net.connect({ address: B, port: local.port }, quiet)
  await net.connect({ address: B, port: local.port }, quiet)
  assert.is(await codeOf(net.connect({ address: B, port: local.port }, quiet)), 'ENOBUFS')
  first.abort()
  await net.connect({ address: B, port: local.port }, quiet)
}, { maxConnections: 2 })

check('endpoints: both families at ::, IPv4 as it is, and zones by name', async ({ net, a, b }) => {
  const seen: string[] = []
  const listener = await b.stack.sockets.listen({}, (stream) => {
    seen.push(`${stream.remote.address} > ${stream.local.address}`)
    return quiet
  })
  assert.is(listener.local.address, '::')
  const { port } = listener.local
  const link = (node: typeof a): string => `${[...node.iface.addresses].find(({ address }) => `${address}`.startsWith('fe80'))!.address}`.replace(/%.*/, '%eth0')
  for (const address of [B, '192.0.2.2', '::ffff:192.0.2.2', link(b)]) await a.stack.sockets.connect({ address, port }, quiet)
  await sleep(net.env, 10)
  assert.equal(seen, [`${A} > ${B}`, '192.0.2.1 > 192.0.2.2', '192.0.2.1 > 192.0.2.2', `${link(a)} > ${link(b)}`])
  const named = await b.stack.sockets.listen({ address: link(b), port: 99 }, () => quiet)
  assert.is(named.local.address, link(b))
  assert.is(await codeOf(a.stack.sockets.connect({ address: B, port: 99 }, quiet)), 'ECONNREFUSED')
})

check('to oneself', async ({ net, a }) => {
  let got = ''
  const { local } = await a.stack.sockets.listen({}, (stream) => ({ receive: (chunk) => void stream.write(chunk), ended: () => stream.end(), closed() {} }))
  let over = false
  const stream = await a.stack.sockets.connect({ address: A, port: local.port }, { receive: (chunk) => { got += new TextDecoder().decode(chunk) }, closed: () => { over = true } })
  stream.write(new TextEncoder().encode('it is me'))
  stream.end()
  await sleep(net.env, 1000)
  assert.equal([got, over], ['it is me', true])
})

check('who throws from accept has no connection, and the peer is reset', async ({ net, a, b }) => {
  let calls = 0
  const { local } = await b.stack.sockets.listen({}, () => {
    calls++
    throw new Error('not today')
  })
  let error: (Error & { code?: string }) | undefined
  const near: StreamSink = { receive() {}, closed: (why) => { error = why } }
  // Whoever moves time has the error: it is nobody's else.
  let thrown = ''
  const step = net.env.step.bind(net.env)
  net.env.step = () => {
    try {
      return step()
    } catch (why) {
      thrown = (why as Error).message
      return true
    }
  }
  await a.stack.sockets.connect({ address: B, port: local.port }, near)
  await sleep(net.env, 100)
  assert.equal([calls, thrown, error?.code], [1, 'not today', 'ECONNRESET'])
})

test('a stack that stops tells everybody, and leaves nothing', async () => {
  const { net, a, b } = world()
  const told: string[] = []
  const sink = (name: string): StreamSink => ({ receive() {}, closed: (error) => void told.push(`${name} ${(error as { code?: string } | undefined)?.code}`) })
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const { local } = await b.stack.sockets.listen({}, (stream) => {
      stream.pause()
      return sink('far')
    })
    const near = await a.stack.sockets.connect({ address: B, port: local.port }, sink('near'))
    near.write(new Uint8Array(5000))
    await sleep(net.env, 10)
    const waiting = codeOf(a.stack.sockets.connect({ address: '2001:db8::99', port: 1 }, sink('none')))
    await b.stack.stop()
    await a.stack.stop()
    assert.is(await waiting, 'ECANCELED')
  })
  await net.stop()
  assert.equal(told, ['far ECANCELED', 'near ECANCELED'])
  for (const { stack } of [a, b]) assert.is(stack.netif.buffers.live, 0)
  assert.is(net.env.armed, 0)
})

test.run()
