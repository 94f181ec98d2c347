/** The same client over our stack in a simulated network, and over node:dgram and node:net. */

import * as assert from 'uvu/assert'
import { sleep, system } from '@favonius/clock'
import type { DatagramNet, Env, StreamNet } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { nodeDatagrams, nodeStreams } from '@favonius/node'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { names } from '@favonius/sockets/names'
import { tcp } from '@favonius/tcp'
import { codeOf, inWorld, suite, thrownCode } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { dns, DnsClient, reverseName, type Dns, type MessageNet, type MessageSink } from '../src/index.ts'
import { overTcp } from '../src/tcp.ts'
import { emit, FLAG, IN, parse, TYPE, type Message } from '../src/wire.ts'
import { serve, type TestServer, type Zone } from './server.ts'

const long = Array.from({ length: 100 }, (_, i) => address(`2001:db8::${(i + 1).toString(16)}`))
const zone: Zone = {
  'www.example.com/5': ['host.example.com'],
  'host.example.com/1': [address('192.0.2.80')],
  'host.example.com/28': [address('2001:db8::80')],
  'four.example.com/1': [address('192.0.2.4'), address('192.0.2.5')],
  'long.example.com/28': long,
  '_http._tcp.example.com/33': [{ priority: 0, weight: 5, port: 8080, target: 'host.example.com' }],
  'host.example.com/16': [[new TextEncoder().encode('a=1'), new TextEncoder().encode('bücher')]],
  '80.2.0.192.in-addr.arpa/12': ['host.example.com'],
}

interface World {
  readonly env: Env
  readonly client: Dns
  readonly server: TestServer
  run(body: () => Promise<void>): Promise<void>
  stop(): Promise<void>
}

async function nodeWorld(): Promise<World> {
  const [datagrams, streams]: [DatagramNet, StreamNet] = [nodeDatagrams(), nodeStreams()]
  const server = await serve(datagrams, streams, '127.0.0.1', zone)
  const client = new DnsClient(system, datagrams, overTcp(streams), { servers: `127.0.0.1:${server.port}` })
  return {
    env: system, client, server,
    run: (body) => body(),
    async stop() {
      client.close()
      server.close()
    },
  }
}

const net2 = ({ seed = 4, loss = 0 } = {}) => {
  const net = simulate({ seed })
  const lan = net.ethernet({ latency: 1, loss })
  const features = [ethernet(), ipv4(), ipv6(), udp(), tcp(), sockets(), names(), dns()] as const
  const [a, b] = [net.node('a', features, lan), net.node('b', features, lan)]
  a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
  b.stack.ipv6.addAddress(b.iface, '2001:db8::2/64')
  a.stack.ipv4.addAddress(a.iface, '192.0.2.1/24')
  b.stack.ipv4.addAddress(b.iface, '192.0.2.2/24')
  return { net, a, b }
}

const simWorld = (seed?: number, loss?: number) => async (): Promise<World> => {
  const { net, a, b } = net2({ ...(seed === undefined ? {} : { seed }), ...(loss === undefined ? {} : { loss }) })
  let server!: TestServer
  const client = a.stack.dns
  const world = {
    env: net.env, client,
    get server() { return server },
    run: (body: () => Promise<void>) => net.run(async () => {
      await Promise.all([a.iface.up(), b.iface.up()])
      server = await serve(b.stack.sockets, b.stack.sockets, '2001:db8::2', zone)
      client.setServers([`[2001:db8::2]:${server.port}`])
      await body()
      server.close()
    }),
    async stop() {
      await net.stop()
      assert.equal([a, b].map(({ stack }) => stack.netif.buffers.live), [0, 0])
    },
  }
  return world
}

for (const [name, make] of [['our stack', simWorld()], ['node:dgram and node:net', nodeWorld]] as const) {
  const test = suite(`DNS over ${name}`)
  const check = (title: string, body: (world: World) => Promise<void>): void => test(title, inWorld(make, (world) => world.run(() => body(world))))

  check('addresses, by an alias, of both families', async ({ client, server }) => {
    assert.equal(await client.lookup('www.example.com'), [{ address: '2001:db8::80', family: 6 }, { address: '192.0.2.80', family: 4 }])
    assert.equal(await client.lookup('four.example.com.'), [{ address: '192.0.2.4', family: 4 }, { address: '192.0.2.5', family: 4 }])
    assert.equal(await client.lookup('WWW.example.com', { family: 4 }), [{ address: '192.0.2.80', family: 4 }])
    assert.is(server.asked.length, 4, 'the last was in the cache')
    assert.is(client.statistics.hits, 1)
  })

  check('services, strings, names of addresses', async ({ client }) => {
    assert.equal(await client.resolve('_http._tcp.example.com', 'SRV'), [{ priority: 0, weight: 5, port: 8080, target: 'host.example.com' }])
    assert.equal(await client.resolve('host.example.com', 'TXT'), [['a=1', 'bücher']])
    assert.equal(await client.resolve(reverseName(address('192.0.2.80')), 'PTR'), ['host.example.com'])
    assert.equal(await client.resolve('www.example.com', 'CNAME'), ['host.example.com'])
  })

  check('what is not there is told as node:dns tells it', async ({ client }) => {
    assert.is(await codeOf(client.lookup('none.example.com')), 'ENOTFOUND')
    assert.is(await codeOf(client.resolve('four.example.com', 'AAAA')), 'ENODATA')
    assert.is(client.cached('none.example.com', 'A')!.code, 'ENOTFOUND')
    assert.is(await codeOf(client.resolve('bücher.example', 'A')), 'EINVAL')
  })

  check('a long answer comes by TCP', async ({ client, server }) => {
    assert.equal(await client.resolve('long.example.com', 'AAAA'), long.map(String))
    assert.equal(server.asked, ['long.example.com/28', 'tcp long.example.com/28'])
  })

  check('addresses, and localhost, never leave', async ({ client, server }) => {
    assert.equal(await client.lookup('192.0.2.9'), [{ address: '192.0.2.9', family: 4 }])
    assert.equal(await client.lookup('fe80::1%eth0'), [{ address: 'fe80::1%eth0', family: 6 }])
    assert.equal(await client.lookup('my.LocalHost'), [{ address: '::1', family: 6 }, { address: '127.0.0.1', family: 4 }])
    assert.is(await codeOf(client.resolve('localhost', 'TXT')), 'ENODATA')
    assert.is(await codeOf(client.lookup('host.invalid')), 'ENOTFOUND')
    // RFC 6762 §3: the link's own, for who speaks multicast DNS there.
    assert.is(await codeOf(client.lookup('printer.local')), 'ENOTFOUND')
    assert.is(await codeOf(client.resolve('printer.local.', 'A')), 'ENOTFOUND')
    client.local = { lookup: async (name) => [{ address: name.length === 13 ? '192.0.2.7' : '', family: 4 }] }
    assert.equal(await client.lookup('printer.local'), [{ address: '192.0.2.7', family: 4 }])
    assert.equal(server.asked, [])
  })

  check('the same question at once is one question', async ({ client, server }) => {
    const asked = await Promise.all(Array.from({ length: 20 }, () => client.resolve('host.example.com', 'A')))
    assert.equal(asked[19], ['192.0.2.80'])
    assert.equal(server.asked, ['host.example.com/1'])
  })

  check('who gives up waits no longer, and others go on', async ({ client }) => {
    const [one, two] = [new AbortController(), new AbortController()]
    const reason = Object.assign(new Error('it took too long for me'), { code: 'MINE' })
    const given = client.resolve('host.example.com', 'A', { signal: one.signal })
    const kept = client.resolve('host.example.com', 'A', { signal: two.signal })
    one.abort(reason)
    assert.is(await codeOf(given), 'MINE')
    assert.equal(await kept, ['192.0.2.80'])
    assert.is(await codeOf(client.resolve('four.example.com', 'A', { signal: one.signal })), 'MINE')
    const last = client.resolve('four.example.com', 'A', { signal: two.signal })
    two.abort(reason)
    assert.is(await codeOf(last), 'MINE')
    assert.equal(await client.resolve('four.example.com', 'A'), ['192.0.2.4', '192.0.2.5'])
  })

  check('close tells who waits', async ({ client }) => {
    const waits = client.resolve('host.example.com', 'A')
    client.close()
    assert.is(await codeOf(waits), 'ECANCELLED')
  })

  test.run()
}

const test = suite('DNS in a simulated network')

for (const seed of [1, 2, 3]) {
  test(`seed ${seed}: names are found though a fifth of all frames is lost`, inWorld(simWorld(seed, 0.2), (world) => world.run(async () => {
    const found = await Promise.allSettled(Array.from({ length: 40 }, (_, i) => world.client.resolve(i % 2 ? 'host.example.com' : `n${i}.example.com`, 'A')))
    const codes = new Set(found.map((one) => (one.status === 'fulfilled' ? one.value.join() : (one.reason as { code: string }).code)))
    assert.equal([...codes].filter((code) => code !== 'ETIMEOUT').sort(), ['192.0.2.80', 'ENOTFOUND'])
    assert.ok(found.filter((one) => one.status === 'rejected' && one.reason.code === 'ETIMEOUT').length < 6)
  })))
}

test('a forger on the link who does not see the question gets nothing in', async () => {
  const { net, a, b } = net2()
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const client = a.stack.dns
    client.setServers(['192.0.2.2', '2001:db8::2'])
    // Whoever answers sees all but the number and the case.
    const into = new Uint8Array(512)
    const forger = await b.stack.sockets.open({ address: '192.0.2.2', port: 53 }, {
      receive(_, from) {
        for (let id = 0; id < 200; id++) {
          const length = emit({
            id, flags: FLAG.QR, questions: [{ name: 'bank.example', type: TYPE.A, class: IN }],
            answers: [{ name: 'bank.example', type: TYPE.A, class: IN, ttl: 300, data: address('203.0.113.1') }],
          }, into)
          forger.send(into.subarray(0, length), from)
        }
      },
    })
    assert.is(await codeOf(client.resolve('bank.example', 'A')), 'ECONNREFUSED')
    assert.ok(client.statistics.dropped.id >= 199)
    assert.is(client.cached('bank.example', 'A'), undefined)
  })
  await net.stop()
})

test('a server that is gone is passed over at once where ICMP says so, and servers change while it runs', async () => {
  const { net, a, b } = net2()
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const client = a.stack.dns
    assert.is(await codeOf(client.resolve('host.example.com', 'A')), 'ENOSERVER')
    const server = await serve(b.stack.sockets, b.stack.sockets, '::', zone)
    client.addServer('192.0.2.2:9', 'DHCP')
    client.addServer(`192.0.2.2:${server.port}`, 'RA')
    const began = net.env.clock.now()
    assert.equal(await client.resolve('host.example.com', 'A'), ['192.0.2.80'])
    assert.ok(net.env.clock.now() - began < 100, 'it waited')
    client.removeServer('192.0.2.2:9', 'DHCP')
    client.removeServer('192.0.2.2:9', 'DHCP')
    assert.equal(client.servers.map(({ source }) => source), ['RA'])
    server.close()
    await sleep(net.env, 300_000)
    assert.is(client.cached('host.example.com', 'A'), undefined, 'its TTL has passed')
  })
  await net.stop()
})

test('servers come from several sources, and each source replaces its own', async () => {
  const { net, a } = net2()
  const { dns: client } = a.stack
  client.setServers(['192.0.2.1', '192.0.2.2:5353'])
  client.setServers(['[fe80::1%eth0]:53'], 'RA')
  client.setServers(['192.0.2.3', '192.0.2.3:53'])
  assert.equal(client.servers.map(({ address, port, source }) => [address, port, source]), [['fe80::1%eth0', 53, 'RA'], ['192.0.2.3', 53, 'static']])
  assert.is(thrownCode(() => client.setServers(Array.from({ length: 8 }, (_, i) => `198.51.100.${i}`), 'DHCP')), 'ENOBUFS')
  assert.is(thrownCode(() => client.setServers(['dns.example'])), 'EINVAL')
  assert.is(client.servers.length, 2)
  await net.stop()
})

test('who gives up in the very turn in which the answer comes has the answer', async () => {
  const heard: MessageSink[] = []
  const sent: Uint8Array[] = []
  const net: MessageNet = {
    open: async (_local, sink) => {
      heard.push(sink)
      return { send: (data) => sent.push(data) > 0, close() {} }
    },
  }
  const client = new DnsClient(system, net, undefined, { servers: '192.0.2.53' })
  const control = new AbortController()
  const found = client.resolve('host.example.com', 'A', { signal: control.signal })
  await sleep(system, 0)
  const { id, questions } = parse(sent[0]!) as Message
  const into = new Uint8Array(512)
  const length = emit({ id, flags: FLAG.QR, questions, answers: [{ ...questions[0]!, ttl: 60, data: address('192.0.2.80') }] }, into)
  heard[0]!.receive(into.subarray(0, length), { address: '192.0.2.53', port: 53 })
  control.abort()
  assert.equal(await found, ['192.0.2.80'])
})

test('with names(), sockets connect by name, and getaddrinfo asks', async () => {
  const { net, a, b } = net2()
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const server = await serve(b.stack.sockets, b.stack.sockets, '::', { 'b.example.com/28': [address('2001:db8::2')], 'b.example.com/1': [address('192.0.2.2')] })
    a.stack.dns.setServers([`[2001:db8::2]:${server.port}`])
    assert.equal(await a.stack.names.getaddrinfo('b.example.com', server.port), [
      { family: 'inet6', address: '2001:db8::2', port: server.port }, { family: 'inet', address: '192.0.2.2', port: server.port },
    ])
    assert.is(await codeOf(a.stack.names.getaddrinfo('none.example.com')), 'EAI_NONAME')
    const socket = a.stack.sockets.connect(`b.example.com:${server.port}`)
    assert.is((await socket.opened).remoteAddress, `[2001:db8::2]:${server.port}`)
    await socket.close()
    server.close()
  })
  await net.stop()
  assert.is(a.stack.sockets.resolver, undefined)
})

test('names of addresses: RFC 1035 §3.5, RFC 3596 §2.5', () => {
  assert.is(reverseName(address('10.2.0.52')), '52.0.2.10.in-addr.arpa')
  assert.is(reverseName(address('4321:0:1:2:3:4:567:89ab')), 'b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa')
})

test.run()
