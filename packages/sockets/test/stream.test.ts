/** BSD stream sockets, in virtual time. */

import * as assert from 'uvu/assert'
import { codeOf, suite, thrownCode } from '@favonius/testing'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { simulate, type LinkOptions } from '@favonius/sim'
import { tcp } from '@favonius/tcp'
import { udp } from '@favonius/udp'
import { sockets, type BsdStreamSocket } from '../src/index.ts'
import { together } from './together.ts'

const test = suite('BSD stream sockets')
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (data: Uint8Array): string => new TextDecoder().decode(data)
const A = '2001:db8::1'
const B = '2001:db8::2'

const world = (link: LinkOptions = { latency: 1 }) => {
  const net = simulate({ seed: 5 })
  const lan = net.ethernet(link)
  const features = [ethernet(), ipv4(), ipv6({ maxAddresses: 4 }), udp(), tcp(), sockets()] as const
  const [a, b] = [net.node('a', features, lan), net.node('b', features, lan)]
  a.stack.ipv6.addAddress(a.iface, `${A}/64`)
  b.stack.ipv6.addAddress(b.iface, `${B}/64`)
  a.stack.ipv4.addAddress(a.iface, '192.0.2.1/24')
  b.stack.ipv4.addAddress(b.iface, '192.0.2.2/24')
  /** A listener at b, a socket of a's that is connected to it, and the one that was accepted. */
  const join = async (set: (socket: BsdStreamSocket) => void = () => {}) => {
    const listener = b.stack.sockets.socket('inet6', 'stream')
    set(listener)
    await listener.listen()
    const client = a.stack.sockets.socket('inet6', 'stream')
    set(client)
    const [server] = await Promise.all([listener.accept(), client.connect({ address: B, port: listener.getsockname().port })])
    return { listener, client, server }
  }
  return { net, a, b, join }
}

const check = (title: string, body: (world_: ReturnType<typeof world>) => Promise<void>, link?: LinkOptions): void => test(title, () => together(world(link), body))

check('connect, accept, send, recv, and the end of both directions', async ({ join }) => {
  const { listener, client, server } = await join()
  assert.equal(client.getpeername(), { address: B, port: listener.getsockname().port })
  assert.equal(server.getpeername(), client.getsockname())
  assert.is(await client.send(bytes('hello')), 5)
  assert.is(text(await server.recv()), 'hello')
  await server.send(bytes('and good bye'))
  assert.is(text(await client.recv(3)), 'and')
  assert.is(text(await client.recv(100)), ' good bye')
  client.shutdown('write')
  assert.is((await server.recv()).length, 0)
  assert.is((await server.recv()).length, 0)
  await server.send(bytes('still'))
  assert.is(text(await client.recv()), 'still')
  server.close()
  assert.is((await client.recv()).length, 0)
  client.close()
  listener.close()
})

check('a blocking send takes the whole buffer, in the order of the calls', async ({ join }) => {
  const { client, server } = await join((socket) => socket.setsockopt('SO_SNDBUF', 4096))
  const sent = Promise.all([client.send(new Uint8Array(50_000).fill(1)), client.send(new Uint8Array(30_000).fill(2)), client.send(bytes('end'))])
  let got = 0
  let last = 0
  while (got < 80_003) {
    const data = await server.recv(7000)
    for (const value of data) {
      assert.ok(value >= last || value > 90, 'one call\'s bytes are among another\'s')
      if (value < 90) last = value
    }
    got += data.length
  }
  assert.equal(await sent, [50_000, 30_000, 3])
})

check('nonblocking: EINPROGRESS, EAGAIN, and what there is room for', async ({ a, b }) => {
  const listener = b.stack.sockets.socket('inet6', 'stream')
  listener.nonblocking = true
  await listener.bind({ port: 4242 })
  await listener.listen()
  assert.is(await codeOf(listener.accept()), 'EAGAIN')
  const client = a.stack.sockets.socket('inet6', 'stream')
  client.nonblocking = true
  client.setsockopt('SO_SNDBUF', 4096)
  assert.is(await codeOf(client.connect({ address: B, port: 4242 })), 'EINPROGRESS')
  assert.is(await codeOf(client.connect({ address: B, port: 4242 })), 'EALREADY')
  assert.is(await codeOf(client.send(bytes('x'))), 'EAGAIN')
  assert.is(await codeOf(client.recv()), 'EAGAIN')
  assert.is(thrownCode(() => client.getpeername()), 'ENOTCONN')
  assert.equal(await client.poll(['in', 'out', 'hup', 'error'], 0), [])
  assert.equal(await client.poll(['in', 'out']), ['out'])
  assert.is(client.getsockopt('SO_ERROR'), '')
  assert.is(await codeOf(client.connect({ address: B, port: 4242 })), 'EISCONN')
  assert.is(await client.send(new Uint8Array(10_000)), 4096)
  assert.is(await codeOf(client.send(bytes('x'))), 'EAGAIN')
  assert.equal(await client.poll(['out'], 0), [])
  assert.equal(await listener.poll(['in']), ['in'])
  const server = await listener.accept()
  assert.equal(await client.poll(['out']), ['out'])
  assert.equal(await server.poll(['in']), ['in'])
})

check('who is refused, is told; and may connect elsewhere with the same socket', async ({ a, b }) => {
  const client = a.stack.sockets.socket('inet6', 'stream')
  assert.is(await codeOf(client.connect({ address: B, port: 9 })), 'ECONNREFUSED')
  assert.is(client.getsockopt('SO_ERROR'), '')
  const waiting = a.stack.sockets.socket('inet6', 'stream')
  assert.is(await codeOf(waiting.connect({ address: B, port: 9 }, { nonblocking: true })), 'EINPROGRESS')
  assert.equal(await waiting.poll(['error', 'out']), ['error', 'out'])
  assert.is(waiting.getsockopt('SO_ERROR'), 'ECONNREFUSED')
  assert.is(waiting.getsockopt('SO_ERROR'), '')
  const listener = b.stack.sockets.socket('inet6', 'stream')
  await listener.listen()
  await client.connect({ address: B, port: listener.getsockname().port })
})

check('nobody on the link, no way, no time', async ({ a }) => {
  const make = (): BsdStreamSocket => a.stack.sockets.socket('inet6', 'stream')
  assert.is(await codeOf(make().connect({ address: '2001:db8::99', port: 9 })), 'EHOSTUNREACH')
  assert.is(await codeOf(make().connect({ address: '2001:db8:9::1', port: 9 })), 'ENETUNREACH')
  const hasty = make()
  hasty.setsockopt('SO_SNDTIMEO', 50)
  assert.is(await codeOf(hasty.connect({ address: '2001:db8::99', port: 9 })), 'EINPROGRESS')
  const { signal } = new AbortController()
  assert.is(await codeOf(make().connect({ address: 'nonsense', port: 9 }, { signal })), 'EINVAL')
  assert.is(await codeOf(make().connect({ address: B, port: 0 })), 'EINVAL')
})

check('calls on a socket that is not there yet have Linux\'s errors', async ({ a, b }) => {
  const socket = a.stack.sockets.socket('inet6', 'stream')
  assert.is(await codeOf(socket.recv()), 'ENOTCONN')
  assert.is(await codeOf(socket.send(bytes('x'))), 'EPIPE')
  assert.is(await codeOf(socket.accept()), 'EINVAL')
  assert.is(thrownCode(() => socket.shutdown('both')), 'ENOTCONN')
  assert.is(thrownCode(() => socket.getpeername()), 'ENOTCONN')
  assert.equal(socket.getsockname(), { address: '::', port: 0 })
  assert.equal(await socket.poll(['in', 'out', 'hup', 'error']), ['in', 'out', 'hup'])
  await socket.bind({ address: A, port: 5000 })
  assert.is(await codeOf(socket.bind({ port: 5001 })), 'EINVAL')
  assert.equal(socket.getsockname(), { address: A, port: 5000 })
  await socket.listen()
  assert.is(await codeOf(socket.connect({ address: B, port: 9 })), 'EISCONN')
  assert.is(await codeOf(socket.listen()), 'EINVAL')
  socket.close()
  socket.close()
  assert.is(await codeOf(socket.recv()), 'EBADF')
  assert.is(await codeOf(socket.listen()), 'EBADF')
  assert.is(thrownCode(() => socket.getsockopt('SO_WHATEVER' as never)), 'ENOPROTOOPT')
  assert.is(thrownCode(() => b.stack.sockets.socket('inet6', 'seqpacket' as never)), 'EPROTONOSUPPORT')
  assert.is(thrownCode(() => b.stack.sockets.socket('unix' as never, 'stream')), 'EAFNOSUPPORT')
})

check('ports: who is bound has it, SO_REUSEADDR shares it with what is not listened on', async ({ a, b, net }) => {
  const make = (): BsdStreamSocket => b.stack.sockets.socket('inet6', 'stream')
  const [one, two, three] = [make(), make(), make()]
  await one.bind({ port: 4242 })
  assert.is(await codeOf(two.bind({ port: 4242 })), 'EADDRINUSE')
  assert.is(await codeOf(two.bind({ address: B, port: 4242 })), 'EADDRINUSE')
  assert.is(await codeOf(two.bind({ address: '2001:db8::77', port: 1 })), 'EADDRNOTAVAIL')
  assert.is(await codeOf(two.bind({ port: 65_536 })), 'EINVAL')
  two.setsockopt('SO_REUSEADDR', true)
  assert.is(await codeOf(two.bind({ port: 4242 })), 'EADDRINUSE')
  await one.listen()
  const client = a.stack.sockets.socket('inet6', 'stream')
  await client.connect({ address: B, port: 4242 })
  const server = await one.accept()
  one.close()
  // The connection goes on, and keeps the port from who does not say so.
  assert.is(await codeOf(three.bind({ port: 4242 })), 'EADDRINUSE')
  await two.bind({ port: 4242 })
  await two.listen()
  const other = a.stack.sockets.socket('inet6', 'stream')
  await other.connect({ address: B, port: 4242 })
  for (const socket of [client, server, other, two]) socket.close()
  await sleep(net.env, 100_000)
  await three.bind({ port: 4242 })
  const [six, four] = [make(), b.stack.sockets.socket('inet', 'stream')]
  six.setsockopt('IPV6_V6ONLY', true)
  await six.bind({ port: 4243 })
  await six.listen()
  await four.bind({ port: 4243 })
  await four.listen()
  assert.is(await codeOf(a.stack.sockets.socket('inet', 'stream').connect({ address: '192.0.2.2', port: 4243 })), 'it did not fail')
  assert.is((await four.accept()).getpeername().address, '192.0.2.1')
})

check('from where it is bound: address, port, and interface', async ({ a, b }) => {
  a.stack.ipv6.addAddress(a.iface, '2001:db8::a/64')
  await a.iface.up()
  const listener = b.stack.sockets.socket('inet6', 'stream')
  await listener.listen()
  const { port } = listener.getsockname()
  const client = a.stack.sockets.socket('inet6', 'stream')
  client.setsockopt('SO_REUSEADDR', true)
  await client.bind({ address: '2001:db8::a', port: 1234 })
  client.setsockopt('SO_BINDTODEVICE', 'eth0')
  await client.connect({ address: B, port })
  assert.equal((await listener.accept()).getpeername(), { address: '2001:db8::a', port: 1234 })
  const again = a.stack.sockets.socket('inet6', 'stream')
  again.setsockopt('SO_REUSEADDR', true)
  await again.bind({ address: '2001:db8::a', port: 1234 })
  assert.is(await codeOf(again.connect({ address: B, port })), 'EADDRINUSE')
  // A link-local peer needs its zone, by name.
  const local = [...b.iface.addresses].find(({ address }) => address.toString().startsWith('fe80'))!.address.toString().replace(/%.*/, '')
  const near = a.stack.sockets.socket('inet6', 'stream')
  await near.connect({ address: `${local}%eth0`, port })
  assert.is(near.getpeername().address, `${local}%eth0`)
  assert.match((await listener.accept()).getpeername().address, /^fe80::.*%eth0$/)
})

check('one dual-stack listener serves both families, and shows IPv4 in the mapped form', async ({ a, b }) => {
  const listener = b.stack.sockets.socket('inet6', 'stream')
  await listener.bind({ port: 4242 })
  await listener.listen()
  const four = a.stack.sockets.socket('inet', 'stream')
  await four.connect({ address: '192.0.2.2', port: 4242 })
  const server = await listener.accept()
  assert.is(server.getpeername().address, '::ffff:192.0.2.1')
  assert.is(server.getsockname().address, '::ffff:192.0.2.2')
  assert.is(four.getpeername().address, '192.0.2.2')
  const mapped = a.stack.sockets.socket('inet6', 'stream')
  await mapped.connect({ address: '::ffff:192.0.2.2', port: 4242 })
  assert.is(mapped.getpeername().address, '::ffff:192.0.2.2')
  assert.is(await codeOf(four.connect({ address: B, port: 1 })), 'EISCONN')
  assert.is(await codeOf(a.stack.sockets.socket('inet', 'stream').connect({ address: B, port: 1 })), 'EAFNOSUPPORT')
})

check('a reset is told once, behind what had come; then there is nothing more', async ({ join, net }) => {
  const { client, server } = await join()
  await client.send(bytes('last words'))
  await sleep(net.env, 10)
  client.setsockopt('SO_LINGER', 0)
  client.close()
  await sleep(net.env, 10)
  assert.equal(await server.poll(['in', 'out', 'error', 'hup']), ['in', 'out', 'error', 'hup'])
  assert.is(text(await server.recv()), 'last words')
  assert.is(await codeOf(server.recv()), 'ECONNRESET')
  assert.is((await server.recv()).length, 0)
  assert.is(await codeOf(server.send(bytes('x'))), 'EPIPE')
})

check('what was not read resets the connection when it is closed', async ({ join, net }) => {
  const { client, server } = await join()
  await client.send(bytes('unread'))
  await sleep(net.env, 10)
  server.close()
  await sleep(net.env, 10)
  assert.is(await codeOf(client.send(bytes('x'))), 'ECONNRESET')
  assert.is(await codeOf(client.send(bytes('x'))), 'EPIPE')
})

check('shutdown: write behind it is EPIPE, and who waits to write hears of it; read behind it ends', async ({ join, net }) => {
  const { client, server } = await join((socket) => { socket.setsockopt('SO_SNDBUF', 2048); socket.setsockopt('SO_RCVBUF', 2048) })
  const stuck = client.send(new Uint8Array(20_000))
  await sleep(net.env, 1000)
  client.shutdown('write')
  assert.ok(await stuck < 20_000)
  assert.is(await codeOf(client.send(bytes('x'))), 'EPIPE')
  assert.is(thrownCode(() => client.lend(10)), 'EPIPE')
  const waiting = client.recv()
  client.shutdown('read')
  assert.is((await waiting).length, 0)
  assert.equal(await client.poll(['hup', 'in', 'out']), ['hup', 'in', 'out'])
  assert.is(thrownCode(() => client.shutdown('up' as never)), 'EINVAL')
  let got = 0
  for (let data = await server.recv(); data.length > 0; data = await server.recv()) got += data.length
  assert.is(got, await stuck)
})

check('a listener that is shut down or closed lets nobody wait', async ({ join }) => {
  const { listener } = await join()
  const waiting = listener.accept()
  listener.shutdown('read')
  assert.is(await codeOf(waiting), 'EINVAL')
  const other = (await join()).listener
  const closing = other.accept()
  other.close()
  assert.is(await codeOf(closing), 'EBADF')
})

check('the backlog is how many wait, and those who come after are let in later', async ({ a, b, net }) => {
  const listener = b.stack.sockets.socket('inet6', 'stream')
  await listener.listen(2)
  const to = { address: B, port: listener.getsockname().port }
  const clients = [1, 2, 3, 4].map(() => a.stack.sockets.socket('inet6', 'stream'))
  const connected = clients.map((client) => client.connect(to))
  await sleep(net.env, 500)
  const established = b.stack.tcp.listeners[0]!.waiting
  assert.is(established, 2)
  for (let n = 0; n < 4; n++) await listener.accept()
  await Promise.all(connected)
})

check('waits end: by time, by a signal, by close', async ({ join, net }) => {
  const { client, server, listener } = await join()
  client.setsockopt('SO_RCVTIMEO', 250)
  let began = net.env.clock.now()
  assert.is(await codeOf(client.recv()), 'EAGAIN')
  assert.is(net.env.clock.now() - began, 250)
  listener.setsockopt('SO_RCVTIMEO', 100)
  began = net.env.clock.now()
  assert.is(await codeOf(listener.accept()), 'EAGAIN')
  assert.is(net.env.clock.now() - began, 100)
  const end = new AbortController()
  const waiting = server.recv(10, { signal: end.signal })
  net.env.wake()
  end.abort(Object.assign(new Error('not any longer'), { code: 'MINE' }))
  assert.is(await codeOf(waiting), 'MINE')
  const closing = server.recv()
  server.close()
  assert.is(await codeOf(closing), 'EBADF')
  assert.equal(await client.poll(['in'], 50), ['in'])
})

check('SO_SNDTIMEO: what was taken counts', async ({ join, net }) => {
  const { client } = await join((socket) => { socket.setsockopt('SO_SNDBUF', 2048); socket.setsockopt('SO_RCVBUF', 2048) })
  client.setsockopt('SO_SNDTIMEO', 100)
  const began = net.env.clock.now()
  const sent = await client.send(new Uint8Array(100_000))
  assert.ok(sent >= 2048 && sent < 10_000, String(sent))
  assert.ok(net.env.clock.now() - began >= 100)
  assert.is(await codeOf(client.send(bytes('x'))), 'EAGAIN')
})

check('lend, sendLent and take do not copy', async ({ join }) => {
  const { client, server } = await join()
  const lent = client.lend(1000)!
  lent.write(bytes('no copy'))
  assert.is(await client.sendLent(lent), 7)
  const packet = (await server.take())!
  assert.is(text(packet.view()), 'no copy')
  packet.unref()
  client.shutdown('write')
  assert.is(await server.take(), undefined)
  const late = server.lend(10)!
  server.shutdown('write')
  late.write(bytes('late'))
  assert.is(await codeOf(server.sendLent(late)), 'EPIPE')
})

check('options are what they were set to, and accepted sockets have their listener\'s', async ({ join }) => {
  const values = {
    SO_REUSEADDR: true, SO_PRIORITY: 5, SO_RCVBUF: 8192, SO_SNDBUF: 16_384, SO_RCVTIMEO: 4000, SO_SNDTIMEO: 5000, SO_LINGER: 1000, SO_KEEPALIVE: true,
    IPV6_V6ONLY: true, IPV6_UNICAST_HOPS: 9, IPV6_TCLASS: 0xb8, TCP_NODELAY: true, TCP_KEEPIDLE: 1000, TCP_KEEPINTVL: 200, TCP_KEEPCNT: 3, TCP_USER_TIMEOUT: 7000,
    SO_BINDTODEVICE: 'eth0',
  } as const
  const { client, server, listener } = await join((socket) => {
    for (const [name, value] of Object.entries(values)) socket.setsockopt(name as 'SO_LINGER', value as number)
  })
  for (const socket of [client, server, listener]) {
    for (const [name, value] of Object.entries(values)) assert.is(socket.getsockopt(name as 'SO_LINGER'), value, name)
    assert.equal([socket.getsockopt('SO_TYPE'), socket.getsockopt('SO_DOMAIN'), socket.getsockopt('IP_TTL'), socket.getsockopt('IP_TOS')], ['stream', 'inet6', 9, 0xb8])
  }
  assert.equal([client, server, listener].map((socket) => socket.getsockopt('SO_ACCEPTCONN')), [false, false, true])
  assert.equal([client, server, listener].map((socket) => socket.getsockopt('TCP_MAXSEG')), [1428, 1428, 0])
  for (const name of ['SO_RCVBUF', 'SO_SNDBUF', 'SO_BINDTODEVICE', 'IPV6_V6ONLY', 'SO_REUSEADDR'] as const) {
    if (name === 'IPV6_V6ONLY' || name === 'SO_REUSEADDR') assert.is(thrownCode(() => listener.setsockopt(name, false)), 'EINVAL', name)
    else assert.is(thrownCode(() => client.setsockopt(name, client.getsockopt(name) as never)), 'EINVAL', name)
  }
  assert.is(thrownCode(() => client.setsockopt('TCP_KEEPCNT', 0)), 'EINVAL')
  assert.is(thrownCode(() => client.setsockopt('SO_ERROR', '')), 'ENOPROTOOPT')
})

check('what is set goes on the wire', async ({ net, join, a }) => {
  const { client } = await join()
  const seen: number[][] = []
  const end = a.stack.netif.tap({
    frame(_, frame, direction) {
      if (direction === 'out' && frame.length > 54 && frame.u8[frame.offset + 20] === 6) seen.push([frame.dv.getUint16(frame.offset + 14) >> 4 & 0xff, frame.u8[frame.offset + 21]!, frame.priority])
    },
    dropped() {},
  })
  client.setsockopt('IPV6_TCLASS', 0x28)
  client.setsockopt('IPV6_UNICAST_HOPS', 3)
  client.setsockopt('SO_PRIORITY', 6)
  await client.send(bytes('x'))
  await sleep(net.env, 100)
  end()
  assert.equal(seen[0], [0x28, 3, 6])
})

check('keep-alive and user timeout find out that a peer is gone', async ({ join, b, net }) => {
  const { client } = await join()
  const other = (await join()).client
  client.setsockopt('SO_KEEPALIVE', true)
  client.setsockopt('TCP_KEEPIDLE', 10_000)
  client.setsockopt('TCP_KEEPINTVL', 1000)
  client.setsockopt('TCP_KEEPCNT', 3)
  other.setsockopt('TCP_USER_TIMEOUT', 5000)
  await sleep(net.env, 30_000)
  assert.equal(await client.poll(['error'], 0), [])
  // It falls silent: neither a reset nor an ICMP error comes any more.
  b.iface.down()
  const began = net.env.clock.now()
  await other.send(bytes('are you there?'))
  assert.ok(['ETIMEDOUT', 'EHOSTUNREACH'].includes(await codeOf(other.recv())))
  assert.ok(net.env.clock.now() - began < 6000)
  assert.ok(['ETIMEDOUT', 'EHOSTUNREACH'].includes(await codeOf(client.recv())))
  assert.ok(net.env.clock.now() - began < 15_000)
})

check('SO_LINGER: what is not acknowledged in time is given up', async ({ a, b, join, net }) => {
  const { client } = await join()
  b.iface.down()
  client.setsockopt('SO_LINGER', 3000)
  await client.send(bytes('nobody hears this'))
  client.close()
  await sleep(net.env, 2900)
  assert.is(a.stack.tcp.connections.length, 1)
  await sleep(net.env, 200)
  assert.is(a.stack.tcp.connections.length, 0)
})

check('a megabyte over a bad link', async ({ join }) => {
  const { client, server } = await join()
  const data = Uint8Array.from({ length: 1_000_000 }, (_, i) => (Math.imul(i, 0x9e3779b1) >>> 24) ^ (i & 255))
  const sent = client.send(data).then((size) => { client.shutdown('write'); return size })
  let at = 0
  for (let got = await server.recv(); got.length > 0; got = await server.recv()) for (const value of got) if (value !== data[at++]) assert.unreachable(`byte ${at - 1}`)
  assert.is(at, data.length)
  assert.is(await sent, data.length)
}, { latency: 5, loss: 0.02, reorder: 0.02, duplicate: 0.02 })

test('a stack that stops ends what waits, and leaves nothing', async () => {
  const { net, a, b, join } = world()
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const { client, server, listener } = await join()
    const waiting = [client.recv(), listener.accept(), a.stack.sockets.socket('inet6', 'stream').connect({ address: '2001:db8::99', port: 1 })]
    const codes = Promise.all(waiting.map(codeOf))
    await server.send(bytes('unread'))
    await a.stack.stop()
    await b.stack.stop()
    assert.equal(await codes, ['EBADF', 'EBADF', 'EBADF'])
  })
  await net.stop()
  for (const { stack } of [a, b]) assert.is(stack.netif.buffers.live, 0)
  assert.is(net.env.armed, 0)
})

test('a composition without tcp() says what it lacks', async () => {
  const net = simulate({ seed: 1 })
  const { stack } = net.node('a', [ethernet(), ipv6(), udp(), sockets()], net.ethernet())
  assert.throws(() => stack.sockets.socket('inet6', 'stream'), /tcp\(\)/)
  assert.throws(() => stack.sockets.connect({ address: B, port: 1 }, { receive() {}, closed() {} }), /tcp\(\)/)
  assert.throws(() => stack.sockets.connect(`[${B}]:1`), /tcp\(\)/)
  assert.is(await codeOf(stack.sockets.listen({}, () => ({ receive() {}, closed() {} }))), 'EPROTONOSUPPORT')
  await net.stop()
})

test.run()
