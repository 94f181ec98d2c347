import * as assert from 'uvu/assert'
import { codeOf, suite } from '@favonius/testing'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv4Fragments } from '@favonius/ipv4/fragments'
import { ipv6 } from '@favonius/ipv6'
import { ipv6Fragments } from '@favonius/ipv6/fragments'
import { simulate } from '@favonius/sim'
import { udp } from '@favonius/udp'
import { sockets } from '../src/index.ts'
import { together } from './together.ts'

const test = suite('BSD datagram sockets')
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (data: Uint8Array): string => new TextDecoder().decode(data)
const B = '2001:db8::2'

const world = (receiveBuffer = 212_992) => {
  const net = simulate({ seed: 5 })
  const lan = net.ethernet({ latency: 1 })
  const features = [ethernet(), ipv6(), udp(), sockets({ receiveBuffer })] as const
  const [a, b] = [net.node('a', features, lan), net.node('b', features, lan)]
  a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
  b.stack.ipv6.addAddress(b.iface, `${B}/64`)
  return { net, a, b }
}

const check = (title: string, body: (world_: ReturnType<typeof world>) => Promise<void>): void => test(title, () => together(world(), body))

check('recvfrom waits, tells who sent, and sendto answers', async ({ a, b }) => {
  const server = b.stack.sockets.socket('inet6', 'dgram')
  await server.bind({ address: '::', port: 4242 })
  const client = a.stack.sockets.socket('inet6', 'dgram')
  const waiting = server.recvfrom()
  assert.is(await client.sendto(bytes('hello'), { address: B, port: 4242 }), 5)
  const { data, from } = await waiting
  assert.is(text(data), 'hello')
  assert.equal({ address: from.address, port: from.port }, { address: '2001:db8::1', port: client.getsockname().port })
  await server.sendto(data, from)
  assert.is(text(await client.recv()), 'hello')
})

check('nonblocking is EAGAIN, and times out when it is told to', async ({ a, net }) => {
  const socket = a.stack.sockets.socket('inet6', 'dgram')
  await socket.bind()
  assert.is(await codeOf(socket.recv({ nonblocking: true })), 'EAGAIN')
  socket.nonblocking = true
  assert.is(await codeOf(socket.recvfrom()), 'EAGAIN')
  socket.nonblocking = false
  socket.setsockopt('SO_RCVTIMEO', 250)
  const began = net.env.clock.now()
  assert.is(await codeOf(socket.recv()), 'EAGAIN')
  assert.is(net.env.clock.now() - began, 250)
})

check('a refused port is an error of the connected socket, once', async ({ a }) => {
  const socket = a.stack.sockets.socket('inet6', 'dgram')
  await socket.connect({ address: B, port: 9 })
  assert.equal({ ...socket.getpeername() }.port, 9)
  await socket.send(bytes('anyone?'))
  assert.is(await codeOf(socket.recv()), 'ECONNREFUSED')
  assert.is(socket.getsockopt('SO_ERROR'), '')
  await socket.send(bytes('anyone?'))
  assert.equal(await socket.poll(['error', 'in']), ['error', 'in'])
  assert.is(socket.getsockopt('SO_ERROR'), 'ECONNREFUSED')
})

check('a host that is not there is EHOSTUNREACH', async ({ a }) => {
  const socket = a.stack.sockets.socket('inet6', 'dgram')
  await socket.connect({ address: '2001:db8::77', port: 9 })
  await socket.send(bytes('x'))
  assert.is(await codeOf(socket.recv()), 'EHOSTUNREACH')
  assert.is(await codeOf(socket.sendto(bytes('x'), { address: '2001:db9::1', port: 9 })), 'ENETUNREACH')
})

test('a link-local host that is not there is an error of the seam, with its zone', async () => {
  const { net, a } = world()
  const errors: string[] = []
  await net.run(async () => {
    await a.iface.up()
    const socket = await a.stack.sockets.open({}, { receive() {}, error: (error) => void errors.push(`${error.code} ${error.message}`) })
    socket.send(bytes('x'), { address: 'fe80::99%eth0', port: 9 })
    await sleep(net.env, 4000)
  })
  assert.is(errors.length, 1)
  assert.match(errors[0]!, /^EHOSTUNREACH .*fe80::99%eth0/)
  await net.stop()
})

check('a connected socket hears its peer alone', async ({ a, b }) => {
  const server = b.stack.sockets.socket('inet6', 'dgram')
  await server.bind({ port: 7 })
  const [friend, stranger] = [a.stack.sockets.socket('inet6', 'dgram'), a.stack.sockets.socket('inet6', 'dgram')]
  await friend.bind()
  await stranger.bind()
  await server.connect({ address: '2001:db8::1', port: friend.getsockname().port })
  await stranger.sendto(bytes('psst'), { address: B, port: 7 })
  await friend.sendto(bytes('hello'), { address: B, port: 7 })
  assert.is(text(await server.recv()), 'hello')
  assert.is(await codeOf(server.recv({ nonblocking: true })), 'EAGAIN')
  await server.connect(undefined)
  await stranger.sendto(bytes('psst'), { address: B, port: 7 })
  assert.is(text(await server.recv()), 'psst')
})

check('recvmsg tells all that is known; options say what is sent', async ({ a, b }) => {
  const server = b.stack.sockets.socket('inet6', 'dgram')
  await server.bind({ port: 7 })
  server.setsockopt('SO_TIMESTAMP', true)
  const client = a.stack.sockets.socket('inet6', 'dgram')
  client.setsockopt('IPV6_UNICAST_HOPS', 3)
  client.setsockopt('IPV6_TCLASS', 0xb8)
  await client.sendto(bytes('x'), { address: B, port: 7 })
  const message = await server.recvmsg()
  assert.equal([message.local, message.iface, message.hopLimit, message.trafficClass], [B, 'eth0', 3, 0xb8])
  assert.type(message.timestamp, 'number')
})

check('a group is joined by a socket, and left with it', async ({ a, b, net }) => {
  const server = b.stack.sockets.socket('inet6', 'dgram')
  await server.bind({ port: 7 })
  server.setsockopt('IPV6_JOIN_GROUP', { group: 'ff02::4242', iface: 'eth0' })
  assert.throws(() => server.setsockopt('IPV6_JOIN_GROUP', { group: 'ff02::4242' }), /is in ff02::4242 already/)
  const client = a.stack.sockets.socket('inet6', 'dgram')
  client.setsockopt('IPV6_MULTICAST_IF', 'eth0')
  await client.sendto(bytes('all'), { address: 'ff02::4242', port: 7 })
  const message = await server.recvmsg()
  assert.equal([message.local.split('%')[0], message.hopLimit], ['ff02::4242', 1])
  server.close()
  assert.not(b.iface.groups.some((group) => group.toString().startsWith('ff02::4242')))
  await sleep(net.env, 10)
})

check('lend and take: no copy on either side', async ({ a, b }) => {
  const server = b.stack.sockets.socket('inet6', 'dgram')
  await server.bind({ port: 7 })
  const client = a.stack.sockets.socket('inet6', 'dgram')
  const to = { address: B, port: 7 }
  const packet = client.lend(4, to)!
  packet.dv.setUint32(packet.add(4), 0xcafe0001)
  assert.is(await client.sendLent(packet, to), 4)
  const taken = await server.take()
  assert.is(taken.packet.dv.getUint32(taken.packet.offset), 0xcafe0001)
  taken.packet.unref()
})

check('close ends what waits with EBADF', async ({ a }) => {
  const socket = a.stack.sockets.socket('inet6', 'dgram')
  await socket.bind()
  const waiting = codeOf(socket.recv())
  socket.close()
  assert.is(await waiting, 'EBADF')
  assert.is(await codeOf(socket.bind()), 'EBADF')
})

check('an aborted wait rejects with its reason', async ({ a }) => {
  const socket = a.stack.sockets.socket('inet6', 'dgram')
  const controller = new AbortController()
  const waiting = socket.recv({ signal: controller.signal })
  controller.abort(new Error('enough'))
  try {
    await waiting
    assert.unreachable()
  } catch (error) {
    assert.is((error as Error).message, 'enough')
  }
})

check('mistakes have codes and say what to do', async ({ a }) => {
  const { sockets } = a.stack
  const socket = sockets.socket('inet6', 'dgram')
  assert.is(await codeOf(socket.send(bytes('x'))), 'EDESTADDRREQ')
  assert.is(await codeOf(socket.sendto(bytes('x'), { address: '192.0.2.1', port: 5 })), 'EAFNOSUPPORT')
  assert.is(await codeOf(socket.sendto(new Uint8Array(1500), { address: B, port: 5 })), 'EMSGSIZE')
  assert.is(await codeOf(socket.bind()), 'EINVAL')
  assert.throws(() => socket.setsockopt('SO_REUSEADDR', true), /before the socket is bound/)
  assert.throws(() => socket.setsockopt('SO_BINDTODEVICE', 'eth9'), /no interface eth9; there are eth0/)
  assert.throws(() => socket.setsockopt('SO_PRIORITY', 8), /from 0 to 7/)
  assert.throws(() => socket.getpeername(), /no peer/)
  assert.throws(() => sockets.socket('inet', 'dgram'), /need ipv4\(\)/)
  assert.throws(() => sockets.socket('inet6', 'raw' as 'dgram'), /no socket type/)
})

test('a full receive queue drops what comes later, and counts it', async () => {
  const { net, a, b } = world(3000)
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const server = b.stack.sockets.socket('inet6', 'dgram')
    await server.bind({ port: 7 })
    const client = a.stack.sockets.socket('inet6', 'dgram')
    await client.sendto(bytes('warm up'), { address: B, port: 7 })
    await server.recv()
    for (let n = 0; n < 5; n++) await client.sendto(new Uint8Array(1000).fill(n), { address: B, port: 7 })
    await sleep(net.env, 10)
    assert.is(b.stack.netif.statistics().drops['sockets: receive queue is full'], 2)
    for (const first of [0, 1, 2]) assert.is((await server.recv())[0], first)
    await client.sendto(bytes('again'), { address: B, port: 7 })
    assert.is(text(await server.recv()), 'again')
  })
  await net.stop()
})

test('empty datagrams do not wait without bound', async () => {
  const { net, a, b } = world(3000)
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const server = b.stack.sockets.socket('inet6', 'dgram')
    await server.bind({ port: 7 })
    const client = a.stack.sockets.socket('inet6', 'dgram')
    for (let n = 0; n < 40; n++) {
      await client.sendto(new Uint8Array(0), { address: B, port: 7 })
      await sleep(net.env, 5)
    }
    assert.ok(b.stack.netif.buffers.live <= 3000 / 256, `${b.stack.netif.buffers.live} wait`)
    assert.is(b.stack.netif.statistics().drops['sockets: receive queue is full'], 29)
    for (let n = 0; n < 11; n++) assert.is((await server.recv({ nonblocking: true })).length, 0)
    assert.is(await codeOf(server.recv({ nonblocking: true })), 'EAGAIN')
  })
  await net.stop()
})

check('a socket that another hearer closes in the middle of a group\'s datagram keeps nothing', async ({ net, a, b }) => {
  const first = b.stack.sockets.socket('inet6', 'dgram')
  first.setsockopt('SO_REUSEADDR', true)
  await first.bind({ port: 7 })
  first.setsockopt('IPV6_JOIN_GROUP', { group: 'ff02::4242' })
  let heard = 0
  const second = await b.stack.sockets.open({ port: 7 }, { receive() { heard++; first.close() } }, { reuse: true })
  second.join('ff02::4242')
  const client = a.stack.sockets.socket('inet6', 'dgram')
  await client.sendto(bytes('all'), { address: 'ff02::4242%eth0', port: 7 })
  while (heard === 0) await sleep(net.env, 1)
  assert.is(b.stack.netif.buffers.live, 0)
})

test('sockets that wait for one interface take turns', async () => {
  const net = simulate({ seed: 5, record: false })
  const lan = net.ethernet({ rate: 10_000_000 })
  const [a, b] = ['a', 'b'].map((name) => net.node(name, [ethernet(), ipv6(), udp(), sockets()], lan))
  a!.stack.ipv6.addAddress(a!.iface, '2001:db8::1/64')
  b!.stack.ipv6.addAddress(b!.iface, `${B}/64`)
  const sent = [0, 0, 0]
  await net.run(async () => {
    await Promise.all([a!.iface.up(), b!.iface.up()])
    await a!.stack.ipv6.ping(B) // what waits for a neighbour's address does not wait for the interface
    await b!.stack.sockets.open({ port: 9 }, { receive() {} })
    const end = net.env.clock.now() + 500
    await Promise.all(sent.map(async (_, i) => {
      const socket = a!.stack.sockets.socket('inet6', 'dgram')
      while (net.env.clock.now() < end) {
        await socket.sendto(new Uint8Array(1000), { address: B, port: 9 })
        sent[i]!++
      }
    }))
  })
  await net.stop()
  assert.ok(Math.min(...sent) > Math.max(...sent) * 0.7, `${sent}`)
})

check('SO_TXTIME: a datagram leaves at its instant, from a buffer that was lent, too', async ({ net, a, b }) => {
  const server = b.stack.sockets.socket('inet6', 'dgram')
  server.setsockopt('SO_TIMESTAMP', true)
  await server.bind({ port: 7 })
  const client = a.stack.sockets.socket('inet6', 'dgram')
  await client.connect({ address: B, port: 7 })
  await client.send(bytes('first'))
  await server.recv() // the neighbour is known
  client.setsockopt('SO_TXTIME', true)
  assert.ok(client.getsockopt('SO_TXTIME'))
  const now = net.env.clock.now()
  await client.send(bytes('timed'), { txtime: now + 100 })
  const packet = client.lend(4)!
  packet.write(bytes('lent'))
  await client.sendLent(packet, undefined, { txtime: now + 50 })
  await client.send(bytes('at once'))
  await client.send(bytes('past'), { txtime: now - 5 })
  const came: (readonly [string, number])[] = []
  for (let n = 0; n < 4; n++) {
    const { data, timestamp } = await server.recvfrom()
    came.push([text(data), Math.round(timestamp! - now)])
  }
  const latency = came[0]![1]
  assert.equal(came, [['at once', latency], ['past', latency], ['lent', 50 + latency], ['timed', 100 + latency]])
})

check('SO_TXTIME: each mistake, and a device that cannot, is told with what to do', async ({ a }) => {
  const client = a.stack.sockets.socket('inet6', 'dgram')
  const to = { address: B, port: 7 }
  const said = async (txtime: number): Promise<string> => client.sendto(bytes('x'), to, { txtime }).then(() => 'sent', (error: Error & { code: string }) => `${error.code}: ${error.message}`)
  assert.match(await said(1), /^EINVAL: txtime needs setsockopt\('SO_TXTIME', true\)/)
  client.setsockopt('SO_TXTIME', true)
  assert.match(await said(NaN), /^EINVAL: txtime is NaN/)
  Object.assign(a.iface, { offload: { ...a.iface.offload, launchTime: false } })
  assert.match(await said(1), /^EOPNOTSUPP: the device of eth0 cannot hold a frame until an instant: wait for it/)
  const packet = client.lend(1, to)!
  assert.is(await client.sendLent(packet, to, { txtime: 1 }).catch((error: { code: string }) => error.code), 'EOPNOTSUPP')
})
test('a sender that waits for room is told when the interface goes down', async () => {
  const net = simulate({ seed: 5 })
  const lan = net.ethernet({ rate: 1e5 })
  const features = [ethernet(), ipv6(), udp(), sockets()] as const
  const [a, b] = [net.node('a', features, lan), net.node('b', features, lan)]
  a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
  b.stack.ipv6.addAddress(b.iface, `${B}/64`)
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    await a.stack.ipv6.ping(B)
    const socket = a.stack.sockets.socket('inet6', 'dgram')
    await socket.connect({ address: B, port: 4242 })
    while (await socket.send(new Uint8Array(1000), { nonblocking: true }).then(() => true, () => false));
    const waiting = codeOf(socket.send(new Uint8Array(1000)))
    a.iface.down()
    assert.is(await waiting, 'ENETUNREACH')
  })
  await net.stop()
})

for (const [family, group, big] of [['inet6', 'ff02::1234', 3000], ['inet', '239.1.2.3', 3000], ['inet6', 'ff05::1234', 1], ['inet', '224.0.0.251', 1]] as const) {
  test(`what is sent to ${group} is heard on its own host by those who joined it there, ${big} bytes, unless the sender wants it not to be`, async () => {
    const net = simulate({ seed: 5 })
    const [lan, other] = [net.ethernet({ latency: 1 }), net.ethernet()]
    const features = [ethernet(), ipv4(), ipv4Fragments(), ipv6(), ipv6Fragments(), udp(), sockets()] as const
    const [a, b] = [net.node('a', features, lan, other), net.node('b', features, lan)]
    for (const [n, node] of [a, b].entries()) {
      node.stack.ipv4.addAddress(node.iface, `192.0.2.${n + 1}/24`)
      node.stack.ipv6.addAddress(node.iface, `2001:db8::${n + 1}/64`)
    }
    a.stack.ipv4.addAddress(a.interfaces[1]!, '198.51.100.1/24')
    await net.run(async () => {
      await Promise.all([a.iface.up(), a.interfaces[1]!.up(), b.iface.up()])
      const [mine, theirs] = [a, b].map((node) => node.stack.sockets.socket(family, 'dgram'))
      const sender = a.stack.sockets.socket(family, 'dgram')
      for (const socket of [mine!, theirs!]) await socket.bind({ port: 4242 })
      theirs!.setsockopt('IPV6_JOIN_GROUP', { group, iface: 'eth0' })
      sender.setsockopt('IPV6_MULTICAST_IF', 'eth0')
      /** Sends once; how often it is heard here and there. */
      const heard = async (): Promise<number[]> => {
        const data = new Uint8Array(big).fill(7)
        assert.is(await sender.sendto(data, { address: group, port: 4242 }), big)
        await sleep(net.env, 20)
        const counts = []
        for (const socket of [mine!, theirs!]) {
          let count = 0
          while ((await socket.poll(['in'], 0)).length > 0) {
            const { data: came, from, local } = await socket.recvmsg()
            assert.equal(came, data)
            assert.is(from.port, sender.getsockname().port)
            assert.is(local.replace(/%.*/, ''), group)
            count++
          }
          counts.push(count)
        }
        return counts
      }
      assert.equal(await heard(), [0, 1], 'not joined here')
      mine!.setsockopt('IPV6_JOIN_GROUP', { group, iface: 'eth1' })
      assert.equal(await heard(), [0, 1], 'joined where it is not sent')
      mine!.setsockopt('IPV6_JOIN_GROUP', { group, iface: 'eth0' })
      assert.equal(await heard(), [1, 1])
      assert.ok(sender.getsockopt(family === 'inet' ? 'IP_MULTICAST_LOOP' : 'IPV6_MULTICAST_LOOP'))
      sender.setsockopt(family === 'inet' ? 'IP_MULTICAST_LOOP' : 'IPV6_MULTICAST_LOOP', false)
      assert.equal(await heard(), [0, 1])
      sender.setsockopt('IP_MULTICAST_LOOP', true)
      assert.equal(await heard(), [1, 1])
      // RFC 1112 §6.1, RFC 3493 §5.2: it stays in the host.
      sender.setsockopt('IPV6_MULTICAST_HOPS', 0)
      assert.equal(await heard(), [1, 0], 'hop limit 0')
      sender.setsockopt('IPV6_MULTICAST_HOPS', 1)
      mine!.setsockopt('IPV6_LEAVE_GROUP', { group, iface: 'eth0' })
      assert.equal(await heard(), [0, 1])
    })
    await net.stop()
  })
}

test.run()
