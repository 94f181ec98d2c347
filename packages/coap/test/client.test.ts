/** Both ends as programs see them: in virtual time, over our own stack in a simulated network, and over node:dgram. */

import * as assert from 'uvu/assert'
import { sleep, system, virtual } from '@favonius/clock'
import type { DatagramNet, Env } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { mld } from '@favonius/ipv6/mld'
import { nodeDatagrams } from '@favonius/node'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { codeOf, inWorld, suite, thrownCode } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { blockValue } from '../src/blocks.ts'
import { ALL_COAP_NODES, askGroup, CODE, coap, CoapClient, CoapError, CoapServer, OPTION } from '../src/index.ts'
import { isNewer } from '../src/observe.ts'
import { at, between, TestNet } from './net.ts'

const test = suite('CoAP: client and server')

const body = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8))
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const aborted = (env: Env, after: number): AbortSignal => {
  const controller = new AbortController()
  void sleep(env, after).then(() => controller.abort(new Error('enough')))
  return controller.signal
}

// ---- the same program over three nets ----

interface World {
  readonly env: Env
  readonly client: CoapClient
  readonly server: CoapServer
  readonly at: string
  run(body: () => Promise<void>): Promise<void>
  stop(): Promise<void>
}

const nodeWorld = async (): Promise<World> => {
  const net: DatagramNet = nodeDatagrams()
  const server = await CoapServer.open(net, system, { address: '127.0.0.1', port: 0 })
  const client = new CoapClient(net, system)
  return { env: system, client, server, at: `coap://127.0.0.1:${server.local.port}`, run: (run) => run(), async stop() {
    client.close()
    server.close()
  } }
}

const simWorld = (loss: number) => async (): Promise<World> => {
  const net = simulate({ seed: 4 })
  const lan = net.ethernet({ latency: 1, loss })
  const features = [ethernet(), ipv4(), ipv6(), udp(), sockets(), coap({ maxRetransmit: 10 })] as const
  const [a, b] = [net.node('a', features, lan), net.node('b', features, lan)]
  a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
  b.stack.ipv6.addAddress(b.iface, '2001:db8::2/64')
  let server!: CoapServer
  return {
    env: net.env, client: a.stack.coap.client, at: 'coap://[2001:db8:0::2]', get server() { return server },
    run: (run) => net.run(async () => {
      await Promise.all([a.iface.up(), b.iface.up()])
      server = await b.stack.coap.serve()
      await run()
    }),
    async stop() {
      await net.stop()
      assert.equal([a.stack.netif.buffers.live, b.stack.netif.buffers.live], [0, 0])
    },
  }
}

for (const [name, world] of [['node:dgram', nodeWorld], ['our stack', simWorld(0)], ['our stack, a tenth lost', simWorld(0.1)]] as const) {
  test(`requests, bodies both ways, and an observation over ${name}`, inWorld(world, (made) => made.run(async () => {
    const { client, server, env, at: base } = made
    const large = body(5000)
    let state = 0
    const observed = server.resource('/obs', { observable: true, get: () => String(state) })
    server.resource('/test', { get: () => 'hello', put: ({ text }) => ({ payload: text.toUpperCase() }), post: ({ payload }) => ({ payload: payload.slice().reverse() }) })
    server.resource('/large', { get: () => large })
    const response = await client.get(`${base}/test`)
    assert.equal([response.ok, response.status, response.code, response.text], [true, '2.05', CODE.CONTENT, 'hello'])
    assert.is((await client.put(`${base}/test`, 'grüße')).text, 'GRÜSSE')
    assert.equal((await client.get(`${base}/large`)).payload, large)
    assert.equal((await client.post(`${base}/test`, large)).payload, large.slice().reverse())
    const heard: string[] = []
    for await (const notification of client.observe(`${base}/obs`)) {
      heard.push(notification.text)
      if (heard.length === 3) break
      state++
      observed.changed()
    }
    assert.equal(heard, ['0', '1', '2'])
    await client.get(`${base}/test`)
    if (env !== system) await sleep(env, 100_000)
    assert.is(server.kept.observers, 0)
  })))
}

test('a group is asked, and each of its members answers once, in its leisure', async () => {
  const net = simulate({ seed: 9 })
  const lan = net.ethernet({ latency: 1 })
  const features = [ethernet(), ipv6(), mld(), udp(), sockets(), coap()] as const
  const nodes = ['a', 'b', 'c', 'd'].map((name, i) => {
    const node = net.node(name, features, lan)
    node.stack.ipv6.addAddress(node.iface, `2001:db8::${i + 1}/64`)
    return node
  })
  await net.run(async () => {
    await Promise.all(nodes.map(({ iface }) => iface.up()))
    for (const { stack, name } of nodes.slice(1)) {
      const server = await stack.coap.serve()
      server.resource('/name', { attributes: { rt: 'node' }, get: () => name })
      if (name === 'c') server.resource('/only', { get: () => 'c' })
      await server.join(ALL_COAP_NODES.link, 'eth0')
    }
    const client = nodes[0]!.stack.coap.client
    const ask = async (path: string): Promise<string[]> => {
      const all: string[] = []
      for await (const { text, from } of askGroup(client, net.env, `coap://[ff02::fd%eth0]${path}`)) all.push(`${from.address.includes('%') ? 'link' : from.address} ${text}`)
      return all.map((one) => one.split(' ')[1]!).sort()
    }
    const before = net.env.clock.now()
    assert.equal(await ask('/name'), ['b', 'c', 'd'])
    assert.is(Math.round(net.env.clock.now() - before), 6000)
    // RFC 7252 §8.2: who has nothing to say says nothing.
    assert.equal(await ask('/only'), ['c'])
    assert.equal(await ask('/.well-known/core?rt=none'), [])
    assert.equal((await ask('/.well-known/core?rt=node')).length, 3)
  })
  await net.stop()
})

test('URIs that are none, names without a resolver, and with one', () => between({}, async ({ client, net, env, server }) => {
  for (const uri of ['', 'http://[::1]/', 'coap:/x', 'coap://[::1', 'coap://[::1]:99999/', 'coap://[nonsense]/', 'coap://[::1]/%zz', 'coap://[::1]/#x', `coap://[::1]/${'x'.repeat(256)}`, 'coaps://[::1]/']) {
    assert.is(await codeOf(client.get(uri)), 'EINVAL', uri)
  }
  assert.is(await codeOf(client.get('coap://host.example/')), 'ENOTFOUND')
  server.resource('/', { get: ({ message }) => message.text(OPTION.URI_HOST) ?? 'none' })
  const named = new CoapClient(net.host('2001:db8::7'), env, { resolver: { lookup: async () => [{ address: '2001:db8::2', family: 6 }] } })
  assert.is((await named.get('coap://HOST.example')).text, 'host.example', 'RFC 7252 §6.4: Uri-Host')
  assert.is((await client.get(at('/'))).text, 'none')
  named.close()
}))

test('paths and queries come as they were meant', () => between({}, async ({ client, server }) => {
  server.resource('/#', { get: ({ path, query }) => JSON.stringify([path, query]) })
  const said = async (uri: string): Promise<unknown> => (await client.get(at(uri))).json()
  assert.equal(await said('/a%2Fb/%C3%A4//?x=1&y=%26'), [['a/b', 'ä', '', ''], ['x=1', 'y=&']])
  assert.equal(await said('?q'), [[], ['q']])
}))

test('routes: what says most is first; wildcards; what is not there, and what cannot be done', () => between({}, async ({ client, server }) => {
  const says = (text: string) => ({ get: () => text })
  server.resource('/a/+', says('one'))
  server.resource('/a/#', says('rest'))
  const exact = server.resource('/a/b', says('exact'))
  const text = async (path: string): Promise<string> => {
    const response = await client.get(at(path))
    return response.ok ? response.text : response.status
  }
  assert.equal(await Promise.all(['/a/b', '/a/c', '/a/b/c', '/a', '/b', '/'].map(text)), ['exact', 'one', 'rest', 'rest', '4.04', '4.04'])
  exact.remove()
  assert.is(await text('/a/b'), 'one')
  assert.is((await client.put(at('/a/b'), '')).status, '4.05')
  assert.is((await client.request(31, at('/a/b'))).status, '4.05')
  assert.is(thrownCode(() => server.resource('/a/+', {})), 'EEXIST')
  assert.is(thrownCode(() => server.resource('a', {})), 'EINVAL')
  assert.is((await client.get(at('/a/b'), { options: [[OPTION.PROXY_URI, 'coap://[::1]/']] })).status, '5.05')
  assert.is((await client.get(at('/a/b'), { options: [[9, 'x']] })).status, '4.02')
  assert.is((await client.get(at('/a/b'), { options: [[65_000, 'x']] })).text, 'one', 'one that is elective is passed over')
}))

test('RFC 8132: FETCH, PATCH, iPATCH', () => between({}, async ({ client, server }) => {
  const large = body(3000)
  server.resource('/data', { fetch: ({ text }) => (text === 'all' ? large : text), patch: ({ text }) => ({ payload: text }), ipatch: () => {} })
  assert.equal((await client.fetch(at('/data'), 'a')).text, 'a')
  assert.equal((await client.fetch(at('/data'), 'all', { contentFormat: 0 })).payload, large)
  assert.equal([(await client.patch(at('/data'), 'p')).status, (await client.ipatch(at('/data'), 'p')).status], ['2.04', '2.04'])
}))

test('handlers that throw: CoapError is what it says, anything else 5.00, told and counted', async () => {
  const errors: unknown[] = []
  await between({ server: { onError: (error) => errors.push(error) } }, async ({ client, server, env }) => {
    server.resource('/no', { get: () => { throw new CoapError(CODE.FORBIDDEN, 'not by you') } })
    server.resource('/bug', { get: () => { throw new Error('a bug') } })
    server.resource('/late', { get: async () => {
      await sleep(env, 10)
      throw new Error('a late bug')
    } })
    server.resource('/stream', { get: () => ({ payload: (async function* () {
      yield new Uint8Array(1500)
      throw new Error('a bug in pieces')
    })() }) })
    const no = await client.get(at('/no'))
    assert.equal([no.status, no.text, no.ok], ['4.03', 'not by you', false])
    assert.is((await client.get(at('/bug'))).status, '5.00')
    assert.is((await client.get(at('/late'))).status, '5.00')
    assert.is(await codeOf(client.get(at('/stream'))), 'EPROTO')
    assert.equal(errors.map((error) => (error as Error).message), ['a bug', 'a late bug', 'a bug in pieces'])
    assert.is(server.counted.failed, 3)
  })
})

test('what a resource says that makes no sense is 5.00, and more handlers at work than may be 5.03', () => between({ server: { maxPending: 2 }, client: { nstart: 8 } }, async ({ client, server, env }) => {
  server.resource('/number', { get: () => ({ payload: 5 as unknown as string }) })
  server.resource('/tag', { etag: () => { throw new Error('a bug') }, put: () => {} })
  assert.is((await client.get(at('/number'))).status, '5.00')
  assert.is((await client.put(at('/tag'), 'x', { options: [[OPTION.IF_MATCH, '']] })).status, '5.00')
  assert.is(server.counted.failed, 2)
  server.resource('/slow', { get: async () => {
    await sleep(env, 1000)
    return 'slow'
  } })
  const answers = await Promise.all(Array.from({ length: 4 }, () => client.get(at('/slow'))))
  assert.equal(answers.map(({ status }) => status), ['2.05', '2.05', '5.03', '5.03'])
  assert.is((await client.get(at('/slow'))).status, '2.05')
}))

test('a signal ends a request, a body under way, and an observation', () => between({}, async ({ client, server, env }) => {
  server.resource('/never', { get: () => new Promise(() => {}) })
  server.resource('/large', { get: async () => {
    await sleep(env, 100)
    return body(100_000)
  } })
  server.resource('/obs', { observable: true, get: () => 'x' })
  const rejects = async (promise: Promise<unknown>): Promise<string> => promise.then(() => 'resolved', (error: Error) => error.message)
  assert.is(await rejects(client.get(at('/never'), { signal: aborted(env, 5000) })), 'enough')
  assert.is(await rejects(client.get(at('/large'), { signal: aborted(env, 1000) })), 'enough')
  assert.is(await rejects(client.get(at('/large'), { signal: aborted(env, 0) })), 'enough')
  const heard: string[] = []
  assert.is(await rejects((async () => {
    for await (const { text } of client.observe(at('/obs'), { signal: aborted(env, 5000) })) heard.push(text)
  })()), 'enough')
  assert.equal(heard, ['x'])
  await sleep(env, 1000)
  assert.is(server.kept.observers, 0)
  assert.is(await rejects(client.get(at('/obs'), { signal: AbortSignal.abort(new Error('before')) })), 'before')
}))

test('nobody there is ETIMEDOUT after 93 s at most, and a client that is closed ECANCELED', async () => {
  await between({}, async ({ client, env, server }) => {
    assert.is(await codeOf(client.get('coap://[2001:db8::99]/')), 'ETIMEDOUT')
    assert.ok(env.clock.now() >= 62_000 && env.clock.now() <= 93_000)
    server.resource('/never', { get: () => new Promise(() => {}) })
    const waits = codeOf(client.get(at('/never')))
    const observes = codeOf(client.observe(at('/never')).next())
    await sleep(env, 1000)
    client.close()
    assert.equal(await Promise.all([waits, observes]), ['ECANCELED', 'ECANCELED'])
    assert.is(await codeOf(client.get(at('/'))), 'EBADF')
  })
})

test('what cannot be sent fails at once, and is not sent again', async () => {
  const client = new CoapClient(nodeDatagrams(), system, { local: { address: '127.0.0.1' } })
  assert.is(await codeOf(client.get('coap://[::1]/')), 'EINVAL')
  assert.is(await codeOf(client.get('coap://127.0.0.1/', { options: [[OPTION.URI_PATH, 'x'.repeat(65_600)]] })), 'EMSGSIZE')
  client.close()
})

// ---- bodies ----

test('bodies in pieces, out and in, never as a whole', () => between({ server: { maxBody: 2000 }, client: { maxBody: 2000 } }, async ({ client, server, env }) => {
  const whole = body(50_000)
  let most = 0
  const got: Uint8Array[] = []
  let ahead = 0
  server.resource('/up', { blocks: 'stream', put: async (request) => {
    for await (const piece of request.body()) {
      got.push(piece)
      ahead -= piece.length
      await sleep(env, 50)
    }
    return { payload: `${got.reduce((sum, { length }) => sum + length, 0)} bytes` }
  } })
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < whole.length; at += 777) {
      const piece = whole.subarray(at, at + 777)
      ahead += piece.length
      most = Math.max(most, ahead)
      yield piece
    }
  }
  assert.is((await client.put(at('/up'), pieces())).text, '50000 bytes')
  assert.equal(Buffer.concat(got), Buffer.from(whole))
  assert.ok(most < 4096, `${most} bytes were made before they were taken`)

  let made = 0
  server.resource('/down', { get: () => ({ payload: (function* () {
    for (let at = 0; at < whole.length; at += 700) {
      made += 700
      yield whole.subarray(at, at + 700)
    }
  })() }) })
  const response = await client.get(at('/down'), { stream: true })
  let length = 0
  for await (const block of response.body()) {
    assert.equal(block, whole.subarray(length, length + block.length))
    length += block.length
    assert.ok(made - length < 4096)
  }
  assert.is(length, whole.length)
  assert.is(await codeOf(client.get(at('/down'))), 'EMSGSIZE', 'as a whole it is more than maxBody')
}))

test('a body in pieces is asked for twice at once, and comes whole to both', () => between({ duplicate: 0.5, reorder: 0.5, client: { nstart: 4 } }, async ({ client, server, env }) => {
  server.resource('/pieces', { get: () => ({ payload: (async function* () {
    for (let i = 0; i < 20; i++) {
      await sleep(env, 30)
      yield body(300).fill(i)
    }
  })() }) })
  const wanted = Buffer.concat(Array.from({ length: 20 }, (_, i) => body(300).fill(i)))
  const bodies = await Promise.allSettled([client.get(at('/pieces')), client.get(at('/pieces'))])
  // Two of one client to one resource are one transfer: the later takes the place of the earlier, which begins anew.
  for (const one of bodies) if (one.status === 'fulfilled') assert.ok(wanted.equals(one.value.payload))
  assert.ok(bodies.some(({ status }) => status === 'fulfilled'))
}))

test('a handler may answer before a body has come to its end', () => between({}, async ({ client, server }) => {
  server.resource('/up', { blocks: 'stream', put: async (request) => {
    for await (const piece of request.body()) if (piece[0] !== 0) throw new CoapError(CODE.UNPROCESSABLE_ENTITY, 'zeroes only')
  } })
  assert.is((await client.put(at('/up'), new Uint8Array(5000))).status, '2.04')
  assert.is((await client.put(at('/up'), new Uint8Array(5000).fill(1, 2048))).status, '4.22')
  assert.is(server.kept.transfers, 0)
}))

test('each block by a call of its own: nothing is kept', () => between({}, async ({ client, server }) => {
  const whole = body(3000)
  const memory = new Uint8Array(3000)
  server.resource('/flash', { blocks: 'each', put: ({ block, payload }) => {
    memory.set(payload, block!.offset)
    return { code: CODE.CHANGED }
  } })
  assert.is((await client.put(at('/flash'), whole)).status, '2.04')
  assert.equal(memory, whole)
  // RFC 7959 §2.4: any block, in any order.
  server.resource('/large', { get: () => whole })
  const block = await client.get(at('/large'), { options: [[OPTION.BLOCK2, blockValue(512, false, 256)]] })
  assert.equal([block.status, block.payload], ['2.05', whole.subarray(512, 768)])
  assert.is(server.kept.transfers, 1)
}))

test('RFC 7959 §2.9.3: a body that is too large is refused at once, and each side may want smaller blocks', async () => {
  await between({ server: { maxBody: 4096 } }, async ({ client, server, net }) => {
    server.resource('/up', { put: ({ payload }) => ({ payload: String(payload.length) }) })
    const refused = await client.put(at('/up'), body(5000))
    assert.equal([refused.status, refused.message.uint(OPTION.SIZE1)], ['4.13', 4096])
    assert.is(net.sent, 2)
    const pieces = await client.put(at('/up'), [body(4000), body(4000)])
    assert.is(pieces.status, '4.13')
    assert.is(server.kept.transfers, 0)
  })
  for (const [theirs, ours] of [[64, 1024], [1024, 64], [16, 16]] as const) {
    await between({ server: { blockSize: theirs }, client: { blockSize: ours } }, async ({ client, server, net }) => {
      let got = new Uint8Array(0)
      server.resource('/', { put: ({ payload }) => { got = payload.slice() }, get: () => got })
      assert.is((await client.put(at('/'), body(2000))).status, '2.04')
      assert.equal(got, body(2000))
      assert.equal((await client.get(at('/'), { blockSize: ours })).payload, body(2000))
      assert.ok(net.log.some((line) => line.includes(`/${Math.min(theirs, ours)}`)))
    })
  }
})

test('RFC 7959 §2.4: a body that changes while it is fetched is begun anew, or is an error', () => between({ server: { maxTransfers: 1 } }, async ({ client, server }) => {
  let version = 0
  server.resource('/other', { get: () => body(2000) })
  server.resource('/changes', { get: () => {
    version++
    return { payload: body(2500).fill(version < 4 ? version : 9), etag: String(version < 4 ? version : 9) }
  } })
  // Each block makes the server forget what it had, so that the handler is asked again.
  const pushing = (async () => {
    for (let i = 0; i < 40; i++) await client.get(at('/other'))
  })()
  const response = await client.get(at('/changes'))
  assert.equal(new Set(response.payload).size, 1)
  assert.is(response.payload.length, 2500)
  await pushing
}))

test('two bodies to one resource at once are not mixed (RFC 9175 §3.3)', () => between({ client: { nstart: 4 } }, async ({ client, server }) => {
  const got: string[] = []
  server.resource('/up', { put: ({ text }) => void got.push(`${text[0]}${text.length}${new Set(text).size}`) })
  await Promise.all(['a', 'b', 'c'].map((letter) => client.put(at('/up'), letter.repeat(4000))))
  assert.equal(got.sort(), ['a40001', 'b40001', 'c40001'])
}))

test('bodies that never end are forgotten, in number and in time', () => between({ server: { maxTransfers: 4 } }, async ({ client, server, env }) => {
  server.resource('/up', { put: () => {} })
  let failed = ''
  server.resource('/stream', { blocks: 'stream', put: async (request) => {
    try {
      for await (const _ of request.body()) { /* all */ }
    } catch (error) {
      failed = (error as { code: string }).code
    }
  } })
  for (let i = 0; i < 20; i++) {
    await client.put(at('/up'), 'x'.repeat(1024), { options: [[OPTION.BLOCK1, blockValue(0, true, 1024)], [OPTION.REQUEST_TAG, i]] })
    assert.ok(server.kept.transfers <= 4)
  }
  await client.put(at('/stream'), 'x'.repeat(1024), { options: [[OPTION.BLOCK1, blockValue(0, true, 1024)]] })
  await sleep(env, 247_000)
  assert.is(server.kept.transfers, 0)
  assert.is(failed, 'ECONNABORTED')
}))

// ---- the rest ----

test('RFC 7967: what is not wanted is not answered', () => between({}, async ({ client, server, net }) => {
  let asked = 0
  server.resource('/x', { put: () => {
    asked++
    throw new CoapError(CODE.CONFLICT)
  }, get: () => 'x' })
  assert.is((await client.put(at('/x'), '', { noResponse: 26 })).code, 0)
  assert.is((await client.put(at('/x'), '', { noResponse: 26, confirmable: false })).code, 0)
  assert.is((await client.put(at('/x'), '', { noResponse: 2 })).status, '4.09', 'refusals are still wanted')
  assert.match(String(await client.get(at('/x'), { noResponse: 2, signal: aborted(net.env, 1000) }).catch(String)), /enough/)
  assert.is(asked, 3)
  assert.equal(net.log.filter((line) => / > 2001:db8::1: /.test(line)).map((line) => line.split('CoAP ')[1]!.slice(0, 8)), ['ACK 0.00', 'ACK 4.09', 'ACK 0.00'])
}))

test('RFC 9175 §2.3: who is not known to hear us is sent an Echo, and returns it', () => between({}, async ({ client, server, env, net }) => {
  let unlocked = 0
  server.resource('/lock', { fresh: 10, put: () => void unlocked++ })
  assert.is((await client.put(at('/lock'), 'open')).status, '2.04')
  assert.equal(net.log.map((line) => line.split('CoAP ')[1]!.split(' ')[1]), ['PUT', '4.01', 'PUT', '2.04'])
  const echo = Buffer.from(/Echo: (\w+)/.exec(net.log[1]!)![1]!, 'hex')
  const withEcho = async (value: Uint8Array): Promise<string> => {
    // Not the client, which would answer for itself.
    const before = unlocked
    await client.put(at('/lock'), 'open', { options: [[OPTION.ECHO, value]] })
    return net.log.at(-1)!.includes('2.04') && net.log.filter((line) => line.includes('4.01')).length === challenges && unlocked > before ? 'fresh' : 'stale'
  }
  let challenges = 1
  assert.is(await withEcho(echo), 'fresh')
  await sleep(env, 20_000)
  assert.is(await withEcho(echo), 'stale')
  challenges = 2
  assert.is(await withEcho(Uint8Array.from(echo, (byte, i) => byte ^ Number(i === 8))), 'stale')
  challenges = 3
  assert.is(await withEcho(Uint8Array.of(1)), 'stale')
}))

test('RFC 7641 §3.4: which notification is newer', () => {
  assert.ok(isNewer(1, 0, 2, 0))
  assert.not.ok(isNewer(2, 0, 1, 0))
  assert.not.ok(isNewer(2, 0, 2, 0))
  assert.ok(isNewer(0xff_ffff, 0, 0, 0), 'around the end')
  assert.not.ok(isNewer(0, 0, 0xff_ffff, 0))
  assert.not.ok(isNewer(1, 0, 1 + 2 ** 23, 128_000))
  assert.ok(isNewer(2, 0, 1, 128_001), 'after 128 s whatever its number')
})

test('notifications out of order are not told', () => between({ seed: 3, reorder: 0.5 }, async ({ client, server, env }) => {
  let state = 0
  const resource = server.resource('/obs', { observable: 'unconfirmed', get: () => ({ payload: String(state) }) })
  const heard: number[] = []
  const observation = client.observe(at('/obs'))
  void (async () => {
    for await (const { text } of observation) heard.push(Number(text))
  })()
  await sleep(env, 1000)
  for (state = 1; state <= 50; state++) {
    resource.changed()
    await sleep(env, 3000)
  }
  await sleep(env, 5000)
  assert.ok(heard.length > 40)
  assert.equal(heard, [...heard].sort((a, b) => a - b))
  await observation.return()
}))

test('a payload has a buffer of its own: who transfers it takes nothing from others', () => between({}, async ({ client, server }) => {
  const buffers: number[] = []
  server.resource('/echo', { post: ({ payload }) => {
    buffers.push(payload.buffer.byteLength)
    return payload
  } })
  for (const length of [1, 40, 500]) {
    const { payload } = await client.post(at('/echo'), new Uint8Array(length).fill(length))
    buffers.push(payload.buffer.byteLength)
  }
  assert.equal(buffers, [1, 1, 40, 40, 500, 500])
}))

test('a slow consumer loses the oldest, and knows how many', () => between({ client: { maxNotifications: 4 } }, async ({ client, server, env }) => {
  let state = 0
  const resource = server.resource('/obs', { observable: true, get: () => ({ payload: String(state), maxAge: 10_000 }) })
  const observation = client.observe(at('/obs'))
  for (let i = 0; i < 20; i++) {
    await sleep(env, 1000)
    state++
    resource.changed()
  }
  await sleep(env, 1000)
  assert.is(observation.lost, 17)
  const rest: string[] = []
  for await (const { text } of observation) if (rest.push(text) === 4) break
  assert.equal(rest, ['17', '18', '19', '20'])
}))

test('RFC 7641 §3.6: who leaves says so until it is answered, whatever was on its way meanwhile', () => between({}, async ({ net, client, server, env }) => {
  const resource = server.resource('/obs', { observable: true, get: () => ({ payload: 'x', maxAge: 10_000 }) })
  const observation = client.observe(at('/obs'))
  await observation.next()
  let left = 1
  net.faults = { tamper: (data) => (/Observe: 1,/.test(net.log.at(-1)!) && left-- > 0 ? [] : [data]) }
  resource.changed()
  await observation.return()
  await sleep(env, 10_000)
  assert.is(left, -1)
  assert.is(server.kept.observers, 0)
  assert.not.ok(net.log.some((line) => line.includes('RST')))
}))

test('RFC 7641 §4.1: more observers than may be are answered, and not told', () => between({ server: { maxObservers: 3 } }, async ({ net, env, server }) => {
  const resource = server.resource('/obs', { observable: true, get: () => 'x' })
  const clients = Array.from({ length: 5 }, (_, i) => new CoapClient(net.host(`2001:db8::1:${i}`), env))
  const ended: number[] = []
  const heard = [0, 0, 0, 0, 0]
  clients.forEach((client, i) => void (async () => {
    for await (const _ of client.observe(at('/obs'))) heard[i]!++
    ended.push(i)
  })().catch(() => {}))
  await sleep(env, 1000)
  resource.changed()
  await sleep(env, 1000)
  assert.is(server.kept.observers, 3)
  assert.equal([heard, ended], [[2, 2, 2, 1, 1], [3, 4]])
  for (const client of clients) client.close()
}))

test('RFC 7641 §4.5: where notifications are not confirmable, one in so many is; and they keep their distance', () => between({ server: { confirmInterval: 60_000 } }, async ({ client, server, env, net }) => {
  const resource = server.resource('/obs', { observable: 'unconfirmed', get: () => ({ payload: 'x', maxAge: 10_000 }) })
  const observation = client.observe(at('/obs'))
  await sleep(env, 100)
  for (let i = 0; i < 1000; i++) {
    resource.changed()
    await sleep(env, 100)
  }
  await sleep(env, 5000)
  const kinds = net.log.filter((line) => line.includes('Observe') && line.includes('> 2001:db8::1')).map((line) => line.split('CoAP ')[1]!.slice(0, 3))
  assert.equal([kinds.filter((kind) => kind === 'NON').length, kinds.filter((kind) => kind === 'CON').length], [34, 1])
  await observation.return()
}))

test('both roles on one port', () => between({}, async ({ net, env, server, client }) => {
  server.resource('/ask-back', { get: async ({ from }) => (await back.get(`coap://[${from.address}]:${from.port}/me`)).text })
  const back = new CoapClient(server.endpoint, env)
  const peer = await CoapServer.open(net.host('2001:db8::5'), env)
  peer.resource('/me', { get: ({ from }) => `asked from ${from.port}` })
  const asks = new CoapClient(peer.endpoint, env)
  assert.is((await asks.get(at('/ask-back'))).text, 'asked from 5683')
  assert.is((await client.get(at('/ask-back'))).status, '5.00', 'a client alone rejects it')
  peer.close()
}))

test('a port in use is refused, and settings are checked where they are composed', async () => {
  const env = virtual()
  const net = new TestNet(env)
  await env.run(async () => {
    const one = await CoapServer.open(net.host('2001:db8::1'), env)
    assert.is(await codeOf(CoapServer.open(net.host('2001:db8::1'), env)), 'EADDRINUSE')
    one.close()
    one.close()
    assert.is(thrownCode(() => one.local), 'EBADF')
  })
  assert.is(thrownCode(() => coap({ maxRetransmit: 100 })), 'ERR_CONFIG')
  assert.is(thrownCode(() => coap({ blockSize: 100 as 64 })), 'ERR_CONFIG')
  assert.is(bytes('x').length, 1)
})

test.run()
