/** CoAP over TCP (RFC 8323): frames, one connection with time as a number, and both ends over our own TCP and the kernel's. */

import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { sleep, system, virtual, type VirtualEnv } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv6 } from '@favonius/ipv6'
import { nodeStreams } from '@favonius/node'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { tcp } from '@favonius/tcp'
import { codeOf, inWorld, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { CODE, CoapClient, CoapServer, OPTION, type Settings } from '../src/index.ts'
import { serverDefaults } from '../src/serving.ts'
import { statistics } from '../src/statistics.ts'
import { CoapStreams } from '../src/tcp/index.ts'
import { Connection, type ConnectionOutput } from '../src/tcp/machine.ts'
import { BLOCK_WISE_TRANSFER, Deframer, emitFrame, inStreams, MAX_MESSAGE_SIZE, readFrame, SIGNAL } from '../src/tcp/wire.ts'
import { Message, type Draft } from '../src/wire.ts'
import { TestStreams } from './streams.ts'

const test = suite('CoAP: TCP')
const NONE = new Uint8Array(0)
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('RFC 8323 §3.2: lengths of four kinds', () => {
  for (const [length, head] of [[0, '01 45 7f'], [5, '51 45 7f'], [12, 'c1 45 7f'], [13, 'd1 00 45 7f'], [268, 'd1 ff 45 7f'], [269, 'e1 0000 45 7f'], [65_804, 'e1 ffff 45 7f'], [65_805, 'f1 00000000 45 7f'], [100_000, 'f1 00008593 45 7f']] as const) {
    const frame = emitFrame(Uint8Array.of(0x7f), { code: CODE.CONTENT, payload: new Uint8Array(Math.max(0, length - 1)) })
    assert.is(hex(frame.subarray(0, head.replaceAll(' ', '').length / 2)), head.replaceAll(' ', ''), String(length))
    const message = new Message()
    assert.is(readFrame(frame, message), undefined)
    assert.equal([message.code, hex(message.token), message.payload.length], [CODE.CONTENT, '7f', Math.max(0, length - 1)])
  }
})

test('property: whatever the pieces, the same messages come', () => {
  fc.assert(fc.property(fc.array(fc.record({ token: fc.uint8Array({ maxLength: 8 }), length: fc.integer({ min: 0, max: 700 }) }), { minLength: 1, maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (messages, cuts) => {
    const stream = Buffer.concat(messages.map(({ token, length }) => emitFrame(token, { code: CODE.GET, options: [[OPTION.URI_PATH, 'x']], payload: new Uint8Array(length) })))
    const got: string[] = []
    const deframer = new Deframer(2000)
    const message = new Message()
    for (let at = 0, i = 0; at < stream.length; i++) {
      const piece = stream.subarray(at, at + cuts[i % cuts.length]!)
      at += piece.length
      assert.is(deframer.take(piece, message, () => {
        got.push(`${hex(message.token)} ${message.payload.length} ${message.texts(OPTION.URI_PATH)}`)
        return true
      }), undefined)
    }
    assert.equal(got, messages.map(({ token, length }) => `${hex(token)} ${length} x`))
  }))
})

test('fuzz: no bytes make a connection throw, and what is no message ends it', () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 }), fc.boolean(), (chunks, greeted) => {
    const { connection, drain } = begin()
    if (greeted) connection.handle({ kind: 'bytes', data: emitFrame(NONE, { code: SIGNAL.CSM }) }, 0)
    for (const data of chunks) connection.handle({ kind: 'bytes', data }, 1)
    for (const out of drain()) assert.ok(['write', 'end', 'request', 'failed'].includes(out.kind))
  }), { numRuns: 2000 })
})

const begin = (settings: Partial<Settings> = {}, serves = true) => {
  const counted = statistics()
  const connection = new Connection({ address: '2001:db8::2', port: 5683 }, { ...serverDefaults, ...settings }, counted, serves, inStreams)
  const drain = (): ConnectionOutput[] => {
    const all: ConnectionOutput[] = []
    for (let out = connection.poll(); out !== undefined; out = connection.poll()) all.push(out)
    return all
  }
  const message = new Message()
  return {
    connection, counted, drain,
    hear: (token: Uint8Array, draft: Draft, now = 0) => connection.handle({ kind: 'bytes', data: emitFrame(token, draft) }, now),
    say: (): string[] => drain().map((out) => {
      if (out.kind !== 'write') return 'exchange' in out ? `${out.kind} ${out.exchange}${'code' in out ? ` ${out.code}` : ''}` : out.kind
      readFrame(out.data, message)
      return `${message.code >> 5}.${String(message.code & 31).padStart(2, '0')} ${hex(message.token)}`.trim()
    }),
  }
}

test('RFC 8323 §5.3: a CSM is the first that is said, and that is heard', () => {
  const { connection, drain, hear, say } = begin()
  const [{ data }] = drain() as [ConnectionOutput & { kind: 'write' }]
  const message = new Message()
  readFrame(data, message)
  assert.equal([message.code, message.uint(MAX_MESSAGE_SIZE)], [SIGNAL.CSM, serverDefaults.maxMessage])
  hear(NONE, { code: CODE.GET })
  assert.equal(say(), ['7.05', 'end'])
  connection.handle({ kind: 'request', exchange: 1, to: { address: '::', port: 1 }, draft: { code: CODE.GET }, confirmable: true }, 1)
  assert.equal(say(), ['failed 1 ECONNRESET'])
})

test('RFC 8323 §5.4 to §5.6: pings, release and abort', () => {
  const { connection, hear, say, counted } = begin()
  hear(NONE, { code: SIGNAL.CSM })
  hear(Uint8Array.of(7), { code: SIGNAL.PING })
  assert.equal(say(), ['7.01', '7.03 07'])
  const to = { address: '::', port: 1 }
  connection.handle({ kind: 'ping', exchange: 9, to }, 0)
  connection.handle({ kind: 'request', exchange: 5, to, draft: { code: CODE.GET }, confirmable: true }, 10)
  assert.equal(say(), ['7.02 00000009', '0.01 00000005'])
  hear(Uint8Array.of(0, 0, 0, 9), { code: SIGNAL.PONG })
  assert.equal(say(), ['acknowledged 9'])
  hear(Uint8Array.of(0, 0, 0, 6), { code: CODE.CONTENT })
  assert.is(counted.dropped.token, 1)
  hear(NONE, { code: 0 })
  assert.equal(say(), [], 'an empty message says nothing')
  assert.is(connection.deadline(), 93_010)
  hear(NONE, { code: SIGNAL.RELEASE })
  assert.equal(say(), ['end', 'failed 5 ECONNRESET'])
  const critical = begin()
  critical.hear(NONE, { code: SIGNAL.CSM, options: [[3, 'x']] })
  assert.equal(critical.say(), ['7.01', '7.05', 'end'])
})

test('a request that is never answered is ETIMEDOUT, and a message that is too large ends it', () => {
  const { connection, hear, say } = begin({ responseTimeout: 1000, maxMessage: 1152 })
  hear(NONE, { code: SIGNAL.CSM })
  connection.handle({ kind: 'request', exchange: 5, to: { address: '::', port: 1 }, draft: { code: CODE.GET }, confirmable: true }, 0)
  say()
  connection.tick(1000)
  assert.equal(say(), ['failed 5 ETIMEDOUT'])
  hear(NONE, { code: CODE.PUT, payload: new Uint8Array(2000) })
  assert.equal(say(), ['7.05', 'end'])
})

test('RFC 7641 §3.6: what nobody waits for any more is not observed any more', () => {
  const to = { address: '::', port: 1 }
  const observe = (value: number): Draft => ({ code: CODE.GET, options: [[OPTION.OBSERVE, value], [OPTION.URI_PATH, 'x']] })
  const { connection, hear, say } = begin({ responseTimeout: 1000 })
  hear(NONE, { code: SIGNAL.CSM })
  const ask = (exchange: number, value: number): void => connection.handle({ kind: 'request', exchange, to, draft: observe(value), confirmable: true, keep: true }, 0)
  for (let exchange = 1; exchange <= 6; exchange++) ask(exchange, 0)
  say()
  // The first is not answered in time, the second given up before it is.
  connection.handle({ kind: 'cancel', exchange: 2 }, 0)
  assert.equal(say(), ['0.01 00000002'])
  // The third is observed, and then left as it should be.
  const token = (number: number): Uint8Array => Uint8Array.of(0, 0, 0, number)
  hear(token(3), { code: CODE.CONTENT, options: [[OPTION.OBSERVE, 5]] })
  ask(3, 1)
  assert.equal(say(), ['response 3', '0.01 00000003'])
  hear(token(3), { code: CODE.CONTENT })
  connection.handle({ kind: 'cancel', exchange: 3 }, 0)
  // The fourth is refused, the fifth not to be observed, the sixth observed until nobody wants it.
  hear(token(4), { code: CODE.NOT_FOUND })
  hear(token(5), { code: CODE.CONTENT })
  hear(token(6), { code: CODE.CONTENT, options: [[OPTION.OBSERVE, 5]] })
  assert.equal(say(), ['response 3', 'response 4', 'response 5', 'response 6'])
  for (const exchange of [4, 5, 6]) connection.handle({ kind: 'cancel', exchange }, 0)
  assert.equal(say(), ['0.01 00000006'])
  connection.tick(1000)
  assert.equal(say(), ['0.01 00000001', 'failed 1 ETIMEDOUT'])
})

// ---- one end ----

const inMemory = (run: (made: { net: TestStreams; env: VirtualEnv }) => Promise<void>) => async (): Promise<void> => {
  const env = virtual({ seed: 4 })
  await env.run(() => run({ net: new TestStreams(env), env }))
  env.advance(1000)
  assert.is(env.armed, 0)
}

test('a server that ends a connection is asked over another one from then on', inMemory(async ({ net, env }) => {
  let accepted = 0
  await net.listen({}, (stream) => {
    const message = new Message()
    const deframer = new Deframer(2000)
    const first = accepted++ === 0
    stream.write(emitFrame(NONE, { code: SIGNAL.CSM }))
    return {
      receive: (data) => void deframer.take(data, message, () => {
        if (message.code !== CODE.GET) return true
        stream.write(emitFrame(message.token, { code: CODE.CONTENT }))
        if (first) stream.end()
        return !first
      }),
      closed() {},
    }
  })
  const asking = new CoapStreams(net, env)
  const client = new CoapClient(asking, env)
  const ask = async (): Promise<string> => (await client.get('coap+tcp://[::1]/x')).status
  const said = [await ask()]
  const later: Promise<string>[] = []
  // It has ended by now, or will have, or is closed.
  for (let i = 0; i < 50; i++) {
    later.push(ask().catch(({ code }: { code: string }) => code))
    await sleep(env, 1)
  }
  said.push(...await Promise.all(later))
  assert.equal([...new Set(said)], ['2.05'])
  assert.equal([accepted, asking.connections], [2, 1])
  client.close()
  await sleep(env, 100)
}))

test('a body goes on over another connection, in blocks that anybody takes, and is told to be incomplete', inMemory(async ({ net, env }) => {
  let accepted = 0
  const lengths: number[] = []
  await net.listen({}, (stream) => {
    const message = new Message()
    const deframer = new Deframer(100_000)
    const first = accepted++ === 0
    stream.write(emitFrame(NONE, { code: SIGNAL.CSM, options: [[MAX_MESSAGE_SIZE, 8320], [BLOCK_WISE_TRANSFER, '']] }))
    return {
      receive: (data) => void deframer.take(data, message, () => {
        if (message.code === SIGNAL.PING) stream.write(emitFrame(message.token, { code: SIGNAL.PONG }))
        if (message.code !== CODE.PUT) return true
        lengths.push(message.payload.length)
        stream.write(emitFrame(message.token, first ? { code: CODE.CONTINUE, options: [[OPTION.BLOCK1, 15]] } : { code: CODE.REQUEST_ENTITY_INCOMPLETE }))
        if (first) stream.end()
        return !first
      }),
      closed() {},
    }
  })
  const client = new CoapClient(new CoapStreams(net, env), env)
  const pieces = (async function* () {
    yield new Uint8Array(9000)
    // Its end is heard meanwhile, and its connection is not closed yet.
    await sleep(env, 5)
    yield new Uint8Array(9000)
  })()
  assert.is((await client.put('coap+tcp://[::1]/x', pieces)).status, '4.08')
  assert.equal([accepted, lengths], [2, [8192, 1024]])
  client.close()
  await sleep(env, 100)
}))

test('who ends a connection is answered nothing any more', inMemory(async ({ net, env }) => {
  const accepting = new CoapStreams(net, env)
  const server = new CoapServer(accepting, env)
  let asked = 0
  server.resource('/slow', { observable: true, get: async () => {
    asked++
    await sleep(env, 1000)
    return 'slow'
  } })
  await accepting.listen()
  const stream = await net.connect({ address: '::1', port: 5683 }, { receive() {}, closed() {} })
  stream.write(emitFrame(NONE, { code: SIGNAL.CSM }))
  stream.write(emitFrame(Uint8Array.of(1), { code: CODE.GET, options: [[OPTION.OBSERVE, ''], [OPTION.URI_PATH, 'slow']] }))
  await sleep(env, 100)
  stream.end()
  await sleep(env, 2000)
  assert.equal([asked, accepting.connections], [1, 0])
  server.close()
}))

// ---- both ends ----

const body = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8))

const simWorld = async () => {
  const net = simulate({ seed: 6 })
  const lan = net.ethernet({ latency: 1, loss: 0.02 })
  const features = [ethernet(), ipv6(), udp(), tcp(), sockets()] as const
  const [a, b] = [net.node('a', features, lan), net.node('b', features, lan)]
  a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
  b.stack.ipv6.addAddress(b.iface, '2001:db8::2/64')
  return {
    env: net.env, ours: a.stack.sockets, theirs: b.stack.sockets, address: '2001:db8::2',
    run: (run: () => Promise<void>) => net.run(async () => {
      await Promise.all([a.iface.up(), b.iface.up()])
      await run()
    }),
    async stop() {
      await net.stop()
      assert.equal([a.stack.netif.buffers.live, b.stack.netif.buffers.live], [0, 0])
    },
  }
}
const nodeWorld = async () => ({ env: system, ours: nodeStreams(), theirs: nodeStreams(), address: '::1', run: (run: () => Promise<void>) => run(), async stop() {} })

for (const [name, world] of [['our own TCP', simWorld], ['node:net', nodeWorld]] as const) {
  test(`the same client and server over ${name}`, inWorld<Awaited<ReturnType<typeof simWorld | typeof nodeWorld>>>(world, (made) => made.run(async () => {
    const { env, ours, theirs, address } = made
    const accepting = new CoapStreams(theirs, env)
    const server = new CoapServer(accepting, env)
    await accepting.listen({ address, port: 0 })
    let state = 0
    const observed = server.resource('/obs', { observable: true, get: () => String(state) })
    server.resource('/test', { get: () => 'hello', post: ({ payload }) => payload.slice().reverse() })
    server.resource('/slow', { get: async () => {
      await sleep(env, 500)
      return 'slow'
    } })
    const asking = new CoapStreams(ours, env)
    const client = new CoapClient(asking, env)
    const at = `coap+tcp://[${address}]:${server.local.port}`
    const answers = await Promise.all([client.get(`${at}/slow`), client.get(`${at}/test`), client.get(`${at}/none`)])
    assert.equal(answers.map(({ status }) => status), ['2.05', '2.05', '4.04'])
    assert.is(asking.connections, 1)
    assert.equal((await client.post(`${at}/test`, body(50_000))).payload, body(50_000).reverse())
    assert.ok(await client.ping(at) >= 0)
    assert.is(await codeOf(client.get('coap://[::1]/')), 'EINVAL')
    const heard: string[] = []
    for await (const { text } of client.observe(`${at}/obs`)) {
      if (heard.push(text) === 3) break
      state++
      observed.changed()
    }
    assert.equal(heard, ['0', '1', '2'])
    await client.get(`${at}/test`)
    assert.is(server.kept.observers, 0)
    // The server goes: what waits is told.
    const waits = codeOf(client.get(`${at}/slow`))
    await client.get(`${at}/test`)
    server.close()
    assert.is(await waits, 'ECONNRESET')
    client.close()
  })))
}

test('nobody there is ECONNRESET, at once', async () => {
  const client = new CoapClient(new CoapStreams(nodeStreams(), system), system)
  assert.is(await codeOf(client.get('coap+tcp://[::1]:1/')), 'ECONNRESET')
  client.close()
})

test.run()
