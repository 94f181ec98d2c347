/** Blocks of more than 1024 bytes over connections (RFC 8323 §6): both ends, and peers that mix them, or have none, or say what makes no sense. */

import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { sleep, type VirtualEnv } from '@favonius/clock'
import { codeOf, suite, thrownCode } from '@favonius/testing'
import { BERT, blockValue, readBlock } from '../src/blocks.ts'
import { CODE, CoapClient, CoapServer, coap, serverDefaults, OPTION, type CoapRequest, type Settings } from '../src/index.ts'
import { CoapStreams } from '../src/tcp/index.ts'
import { BASE_SIZE, BLOCK_WISE_TRANSFER, Deframer, emitFrame, MAX_MESSAGE_SIZE, readFrame, SIGNAL } from '../src/tcp/wire.ts'
import * as TYPE from '../src/types.ts'
import { emit, Message, type Draft, type Option } from '../src/wire.ts'
import { emitMessage, readMessage } from '../src/ws/wire.ts'
import { at, between } from './net.ts'
import { overStreams, overWebSockets, TestStreams, tell, type Ends, type Joined } from './streams.ts'

const test = suite('CoAP: BERT', { timeout: 60_000 })
const NONE = new Uint8Array(0)
const MIB = Uint8Array.from({ length: 1 << 20 }, (_, i) => i * 7 + (i >> 8))
const body = (length: number): Uint8Array => MIB.subarray(0, length)
/** Without a page of numbers when they are not. */
const same = (got: Uint8Array, wanted: Uint8Array, what = ''): void => assert.ok(Buffer.compare(got, wanted) === 0, `${what}: ${got.length} bytes, not the ${wanted.length} that were sent`)
/** Bytes that go at once by the defaults of both ends. */
const ROOM = 65_536

test('RFC 8323 §6: the size 7 is one where messages are reliable, in units of 1024; in datagrams it stays reserved', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xf_ffff }), fc.boolean(), (number, more) => {
    const draft: Draft = { code: CODE.GET, options: [[OPTION.BLOCK2, blockValue(number * 1024, more, BERT)]] }
    const message = new Message()
    for (const read of [() => readFrame(emitFrame(NONE, draft), message), () => readMessage(emitMessage(NONE, draft), message)]) {
      assert.is(read(), undefined)
      assert.equal(readBlock(message, OPTION.BLOCK2), { offset: number * 1024, size: BERT, more })
      assert.equal(readBlock(message.own(), OPTION.BLOCK2), { offset: number * 1024, size: BERT, more })
    }
    const datagram = new Message()
    datagram.read(emit(TYPE.CON, 1, NONE, draft))
    assert.is(readBlock(datagram, OPTION.BLOCK2), 'malformed')
  }))
})

test('over UDP a request with the size 7 is answered 4.00, and an answer with it is EPROTO', async () => {
  await between({}, async ({ client, server }) => {
    server.resource('/', { get: () => body(5000), put: () => {} })
    assert.is((await client.get(at('/'), { options: [[OPTION.BLOCK2, 7]] })).status, '4.00')
    assert.is((await client.put(at('/'), 'x', { options: [[OPTION.BLOCK1, 7]] })).status, '4.00')
  })
  for (const first of [true, false]) {
    await between({ tamper: (data) => {
      const message = new Message()
      message.read(data)
      if (message.code === CODE.CONTENT && message.find(OPTION.BLOCK2) && (message.valueUint() < 16) === first) data[message.at + message.length - 1]! |= 7
      return [data]
    } }, async ({ client, server }) => {
      server.resource('/', { get: () => body(5000) })
      assert.is(await codeOf(client.get(at('/'))), 'EPROTO')
    })
  }
})

// ---- both ends ----

const both = (name: string, options: Ends, run: (joined: Joined) => Promise<void>): void => {
  test(`over streams: ${name}`, () => overStreams(options, run))
  test(`over WebSockets: ${name}`, () => overWebSockets(options, run))
}

both('bodies of every size at the edges, up and down, whole and in pieces', { client: { maxBody: 1 << 22 }, server: { maxBody: 1 << 22 } }, async ({ client, server, at: base }) => {
  let got: Uint8Array = NONE
  const inPieces = async function* (bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < bytes.length; i += 5000) yield bytes.subarray(i, i + 5000)
  }
  server.resource('/', { put: ({ payload }) => { got = payload.slice() }, get: ({ query }) => (query.length > 0 ? { payload: inPieces(got) } : got), post: ({ payload }) => payload.slice().reverse() })
  for (const length of [0, 1, 1023, 1024, 1025, 2047, 2048, 2049, 10_240, ROOM - 1, ROOM, ROOM + 1, 2 * ROOM - 1, 2 * ROOM, 2 * ROOM + 1024, 1 << 20]) {
    const wanted = body(length)
    assert.is((await client.put(`${base}/`, wanted)).status, '2.04')
    same(got, wanted, `up ${length}`)
    same((await client.get(`${base}/`)).payload, wanted, `down ${length}`)
    same((await client.get(`${base}/?pieces`)).payload, wanted, `down in pieces ${length}`)
    got = NONE
    assert.is((await client.put(`${base}/`, inPieces(wanted))).status, '2.04')
    same(got, wanted, `up in pieces ${length}`)
    const pieces: Uint8Array[] = []
    for await (const piece of (await client.get(`${base}/`, { stream: true })).body()) pieces.push(piece.slice())
    same(Buffer.concat(pieces), wanted, `streamed ${length}`)
    same((await client.post(`${base}/`, wanted)).payload, wanted.slice().reverse(), `there and back ${length}`)
  }
})

both('what is said: all that the peer takes, from the first body on', {}, async ({ client, server, at: base, log }) => {
  let got: Uint8Array = NONE
  server.resource('/', { put: ({ payload }) => { got = payload.slice() }, get: () => got })
  const wanted = body(2 * ROOM + 5683)
  await client.put(`${base}/`, wanted)
  assert.equal(log(), [`> PUT 1:0/1/BERT ${ROOM}`, '< 2.31 Continue 1:0/1/BERT', `> PUT 1:64/1/BERT ${ROOM}`, '< 2.31 Continue 1:64/1/BERT', '> PUT 1:128/0/BERT 5683', '< 2.04 Changed 1:128/0/BERT'])
  await client.get(`${base}/`)
  assert.equal(log(), ['> GET', `< 2.05 Content 2:0/1/BERT ${ROOM}`, '> GET 2:64/0/BERT', `< 2.05 Content 2:64/1/BERT ${ROOM}`, '> GET 2:128/0/BERT', '< 2.05 Content 2:128/0/BERT 5683'])
  // What goes at once has no blocks; whoever wants them smaller has them smaller.
  got = body(5000)
  await client.get(`${base}/`)
  assert.equal(log(), ['> GET', '< 2.05 Content 5000'])
  await client.get(`${base}/`, { blockSize: 1024 })
  assert.equal(log().slice(0, 3), ['> GET 2:0/0/1024', '< 2.05 Content 2:0/1/1024 1024', '> GET 2:1/0/1024'])
  await client.put(`${base}/`, got, { blockSize: 512 })
  assert.equal(log().slice(0, 2), ['> PUT 1:0/1/512 512', '< 2.31 Continue 1:0/1/512'])
})

both('a handler reads a body as it comes, and each block by a call of its own', {}, async ({ client, server, at: base }) => {
  const wanted = body(3 * ROOM + 100)
  const read: Uint8Array[] = []
  server.resource('/stream', { blocks: 'stream', put: async (request) => {
    for await (const piece of request.body()) read.push(piece.slice())
    return `${read.length} pieces`
  } })
  assert.is((await client.put(`${base}/stream`, wanted)).text, '4 pieces')
  same(Buffer.concat(read), wanted)
  const memory = new Uint8Array(wanted.length)
  const offsets: number[] = []
  server.resource('/each', { blocks: 'each', put: ({ block, payload }) => {
    offsets.push(block!.offset)
    memory.set(payload, block!.offset)
  } })
  assert.is((await client.put(`${base}/each`, wanted)).status, '2.04')
  assert.equal(offsets, [0, ROOM, 2 * ROOM, 3 * ROOM])
  same(memory, wanted)
})

both('an observer is told what is more than a message by several', {}, async ({ client, server, at: base, env }) => {
  let state = 1
  const resource = server.resource('/obs', { observable: true, fetch: ({ text }) => new Uint8Array(ROOM + 5000).fill(state + Number(text)) })
  const told: string[] = []
  for await (const { payload } of client.observe(`${base}/obs`, { method: 'FETCH', payload: '5' })) {
    told.push(`${payload.length} ${[...new Set(payload)].join()}`)
    if (told.length === 2) break
    await sleep(env, 100)
    state = 2
    resource.changed()
  }
  assert.equal(told, [`${ROOM + 5000} 6`, `${ROOM + 5000} 7`])
})

for (const [what, client, server, wanted] of [
  ['a server that takes no more than the base', {}, { maxMessage: BASE_SIZE }, ['> PUT 1:0/1/1024 1024', '< 2.05 Content 2:0/1/1024 1024']],
  ['a client that takes no more than the base', { maxMessage: BASE_SIZE }, {}, ['> PUT 1:0/1/1024 1024', '< 2.05 Content 2:0/1/1024 1024']],
  ['both take some blocks', { maxMessage: 5000 }, { maxMessage: 9000 }, ['> PUT 1:0/1/BERT 4096', '< 2.05 Content 2:0/1/BERT 4096']],
  ['a client that sends smaller blocks', { blockSize: 256 }, {}, ['> PUT 1:0/1/256 256', `< 2.05 Content 2:0/1/BERT ${ROOM}`]],
  ['a server that wants smaller blocks', {}, { blockSize: 256 }, [`> PUT 1:0/1/BERT ${ROOM}`, '< 2.05 Content 2:0/1/256 256']],
] as const satisfies readonly (readonly [string, Partial<Settings>, Partial<Settings>, readonly string[]])[]) {
  both(what, { client, server }, async ({ client: asks, server: answers, at: base, log }) => {
    let got: Uint8Array = NONE
    answers.resource('/', { put: ({ payload }) => { got = payload.slice() }, get: () => got })
    assert.is((await asks.put(`${base}/`, body(70_000))).status, '2.04')
    same(got, body(70_000))
    assert.is(log()[0], wanted[0])
    same((await asks.get(`${base}/`)).payload, body(70_000))
    assert.is(log()[1], wanted[1])
  })
}

test('many bodies at once, on a connection that is slow: what waits makes messages smaller, and none is given up', () => overStreams({ client: { maxBody: 1 << 20 } }, async ({ client, server, asking, accepting, at: base }) => {
  let most = 0
  const large = body(200_000)
  const got = new Map<string, Uint8Array>()
  server.resource('/+', { put: ({ payload, path }) => void got.set(path[0]!, payload.slice()), get: () => {
    most = Math.max(most, server.kept.transfers)
    return large
  } })
  await client.get(`${base}/first`)
  const bodies = await Promise.all(Array.from({ length: 60 }, (_, i) => client.get(`${base}/${i}`).then(({ payload }) => payload.length, (error: Error) => error.message)))
  assert.equal(bodies, Array.from({ length: 60 }, () => 200_000))
  assert.ok(most > 10)
  const put = await Promise.all(Array.from({ length: 60 }, (_, i) => client.put(`${base}/${i}`, body(100_000 + i)).then(({ status }) => status, (error: Error) => error.message)))
  assert.equal(put, Array.from({ length: 60 }, () => '2.04'))
  for (let i = 0; i < 60; i++) assert.is(got.get(String(i))!.length, 100_000 + i)
  assert.equal([asking.connections, accepting.connections], [1, 1])
}))

// ---- peers by hand ----

/** A server by hand, which says `csm` first, and answers each request with what `answer` makes of it. */
async function answering(csm: readonly Option[], answer: (message: Message, count: number) => Draft, run: (client: CoapClient, asked: string[], env: VirtualEnv) => Promise<void>): Promise<void> {
  await overStreams({}, async ({ env }) => {
    const net = new TestStreams(env)
    const asked: string[] = []
    await net.listen({}, (stream) => {
      const deframer = new Deframer(1 << 20)
      const message = new Message()
      stream.write(emitFrame(NONE, { code: SIGNAL.CSM, options: csm }))
      return {
        receive: (data) => void deframer.take(data, message, () => {
          if (message.code === SIGNAL.PING) stream.write(emitFrame(message.token.slice(), { code: SIGNAL.PONG }))
          if (message.code >> 5 === 7) return true
          asked.push(tell(message))
          stream.write(emitFrame(message.token.slice(), answer(message, asked.length - 1)))
          return true
        }),
        closed() {},
      }
    })
    const client = new CoapClient(new CoapStreams(net, env), env)
    try {
      await run(client, asked, env)
    } finally {
      client.close()
      await sleep(env, 1000)
    }
  })
}
const LARGE: readonly Option[] = [[MAX_MESSAGE_SIZE, 20_000], [BLOCK_WISE_TRANSFER, '']]
const AT = 'coap+tcp://[::1]/'

test('RFC 8323 §6.1: a GET with BERT blocks', () => {
  const status = body(3072 + 5120 + 4711)
  const blocks = [[0, 3072], [3072, 5120], [8192, 4711]] as const
  return answering(LARGE, (_, i) => {
    const [offset, length] = blocks[i]!
    return { code: CODE.CONTENT, options: [[OPTION.BLOCK2, blockValue(offset, i < 2, BERT)]], payload: status.subarray(offset, offset + length) }
  }, async (client, asked) => {
    same((await client.get(AT)).payload, status)
    assert.equal(asked, ['GET', 'GET 2:3/0/BERT', 'GET 2:8/0/BERT'])
  })
})

test('a server may answer with smaller blocks, and take up none of them later', () => {
  const status = body(9000)
  return answering(LARGE, (_, i) => {
    const [offset, length, size] = ([[0, 2048, BERT], [2048, 1024, 1024], [3072, 1024, 1024], [4096, 512, 512], [4608, 512, 512]] as const)[i] ?? [0, 0, 512]
    if (i < 5) return { code: CODE.CONTENT, options: [[OPTION.BLOCK2, blockValue(offset, true, size)]], payload: status.subarray(offset, offset + length) }
    return { code: CODE.CONTENT, options: [[OPTION.BLOCK2, blockValue(5120, false, 512)]], payload: status.subarray(5120, 5220) }
  }, async (client, asked) => {
    same((await client.get(AT)).payload, status.subarray(0, 5220))
    assert.equal(asked, ['GET', 'GET 2:2/0/BERT', 'GET 2:3/0/1024', 'GET 2:4/0/1024', 'GET 2:9/0/512', 'GET 2:10/0/512'])
  })
})

test('a server may answer with BERT what was asked for in blocks of 1024', () => {
  const status = body(5000)
  return answering(LARGE, (_, i) => {
    const [offset, length] = ([[0, 1024], [1024, 2048], [3072, 1928]] as const)[i]!
    return { code: CODE.CONTENT, options: [[OPTION.BLOCK2, blockValue(offset, i < 2, i === 0 ? 1024 : BERT)]], payload: status.subarray(offset, offset + length) }
  }, async (client, asked) => {
    same((await client.get(AT, { blockSize: 1024 })).payload, status)
    assert.equal(asked, ['GET 2:0/0/1024', 'GET 2:1/0/1024', 'GET 2:3/0/1024'])
  })
})

test('a server may want smaller blocks of a body, at once or from now on', () => answering(LARGE, (message, i) => {
  const { offset, more } = readBlock(message, OPTION.BLOCK1) as { offset: number; more: boolean }
  if (i === 0) return { code: CODE.REQUEST_ENTITY_TOO_LARGE, options: [[OPTION.BLOCK1, blockValue(0, true, 1024)]] }
  return more ? { code: CODE.CONTINUE, options: [[OPTION.BLOCK1, blockValue(offset, true, i === 1 ? 1024 : 512)]] } : { code: CODE.CHANGED, options: [[OPTION.BLOCK1, blockValue(offset, false, 512)]] }
}, async (client, asked) => {
  assert.is((await client.put(AT, body(3000))).status, '2.04')
  assert.equal(asked, ['PUT 1:0/0/BERT 3000', 'PUT 1:0/1/1024 1024', 'PUT 1:1/1/1024 1024', 'PUT 1:4/1/512 512', 'PUT 1:5/0/512 440'])
}))

for (const [what, csm, first] of [
  ['no block-wise transfer', [[MAX_MESSAGE_SIZE, 20_000]], 'PUT 1:0/1/1024 1024'],
  ['the base', [[MAX_MESSAGE_SIZE, BASE_SIZE], [BLOCK_WISE_TRANSFER, '']], 'PUT 1:0/1/1024 1024'],
  ['nothing', [], 'PUT 1:0/1/1024 1024'],
  ['less than the base', [[MAX_MESSAGE_SIZE, 500], [BLOCK_WISE_TRANSFER, '']], 'PUT 1:0/1/256 256'],
  ['less than the base, and no block-wise transfer', [[MAX_MESSAGE_SIZE, 1151]], 'PUT 1:0/1/512 512'],
  ['too little for two blocks', [[MAX_MESSAGE_SIZE, 2175], [BLOCK_WISE_TRANSFER, '']], 'PUT 1:0/1/1024 1024'],
  ['two blocks', [[MAX_MESSAGE_SIZE, 2176], [BLOCK_WISE_TRANSFER, '']], 'PUT 1:0/1/BERT 2048'],
  ['all there is', [[MAX_MESSAGE_SIZE, 0xffff_ffff], [BLOCK_WISE_TRANSFER, '']], `PUT 1:0/1/BERT ${ROOM}`],
] as const satisfies readonly (readonly [string, readonly Option[], string])[]) {
  test(`RFC 8323 §5.3: a peer whose CSM says ${what}`, () => answering(csm, (message) => {
    const { offset, size, more } = readBlock(message, OPTION.BLOCK1) as { offset: number; size: number; more: boolean }
    return { code: more ? CODE.CONTINUE : CODE.CHANGED, options: [[OPTION.BLOCK1, blockValue(offset, more, size)]] }
  }, async (client, asked) => {
    assert.is((await client.put(AT, body(70_000))).status, '2.04')
    assert.is(asked[0], first)
  }))
}

test('RFC 8323 §5.3.1: to a peer that takes nothing nothing is sent', () => answering([[MAX_MESSAGE_SIZE, 0]], () => ({ code: CODE.CONTENT }), async (client, asked) => {
  assert.is(await codeOf(client.put(AT, body(3000))), 'EMSGSIZE')
  assert.is(await codeOf(client.get(AT)), 'EMSGSIZE')
  assert.equal(asked, [])
}))

for (const [what, length] of [['that is no multiple of 1024', 1500], ['of nothing', 0]] as const) {
  for (const second of [false, true]) {
    test(`a server that says more follows ${what}, ${second ? 'later' : 'at first'}, is EPROTO`, () => answering(LARGE, (_, i) => (second && i === 0
      ? { code: CODE.CONTENT, options: [[OPTION.BLOCK2, blockValue(0, true, BERT)]], payload: body(2048) }
      : { code: CODE.CONTENT, options: [[OPTION.BLOCK2, blockValue(second ? 2048 : 0, true, BERT)]], payload: body(length) }), async (client) => {
      assert.is(await codeOf(client.get(AT)), 'EPROTO')
    }))
  }
}

test('a client by hand: RFC 8323 §6.2, and what makes no sense', () => overStreams({}, async ({ env }) => {
  const net = new TestStreams(env)
  const accepting = new CoapStreams(net, env)
  const server = new CoapServer(accepting, env)
  await accepting.listen()
  const said: string[] = []
  const deframer = new Deframer(1 << 20)
  const message = new Message()
  const stream = await net.connect({ address: '::1', port: 5683 }, { receive: (data) => void deframer.take(data, message, () => said.push(tell(message)) > 0), closed() {} })
  env.wake()
  let got: Uint8Array = NONE
  server.resource('/', { put: ({ payload }: CoapRequest) => { got = payload.slice() }, get: () => body(ROOM) })
  const say = async (draft: Draft): Promise<string[]> => {
    stream.write(emitFrame(Uint8Array.of(1), draft))
    await sleep(env, 1000)
    return said.splice(0).filter((line) => !line.startsWith('7.'))
  }
  await say({ code: SIGNAL.CSM, options: LARGE })
  const options = body(8192 + 16_384 + 5683)
  const put = (offset: number, length: number, more: boolean): Promise<string[]> => say({ code: CODE.PUT, options: [[OPTION.BLOCK1, blockValue(offset, more, BERT)]], payload: options.subarray(offset, offset + length) })
  // In streams of 16384 bytes at most.
  assert.equal(await put(0, 8192, true), ['2.31 Continue 1:0/1/BERT'])
  assert.equal(await put(8192, 8192, true), ['2.31 Continue 1:8/1/BERT'])
  assert.equal(await put(16_384, 1024, true), ['2.31 Continue 1:16/1/BERT'])
  assert.equal(await put(17_408, 12_851, false), ['2.04 Changed 1:17/0/BERT'])
  same(got, options)
  assert.equal(await put(0, 1500, true), ['4.00 Bad Request'])
  assert.equal(await put(0, 0, true), ['4.00 Bad Request'])
  assert.equal(await put(4096, 4096, true), ['4.08 Request Entity Incomplete'])
  assert.is(server.kept.transfers, 0)
  const get = (number: number): Promise<string[]> => say({ code: CODE.GET, options: [[OPTION.BLOCK2, number << 4 | 7]] })
  assert.equal(await get(0), ['2.05 Content 2:0/1/BERT 19456'])
  assert.equal(await get(60), ['2.05 Content 2:60/0/BERT 4096'])
  assert.equal(await get(64), ['4.00 Bad Request 14'])
  // RFC 8323 §5.3.2: it takes no more than the base from now on.
  await say({ code: SIGNAL.CSM, options: [[MAX_MESSAGE_SIZE, BASE_SIZE]] })
  assert.equal(await get(0), ['2.05 Content 2:0/1/1024 1024'])
  await say({ code: SIGNAL.CSM, options: [[MAX_MESSAGE_SIZE, 300]] })
  assert.equal(await get(0), ['2.05 Content 2:0/1/128 128'])
  await say({ code: SIGNAL.CSM, options: [[MAX_MESSAGE_SIZE, 5000]] })
  assert.equal(await get(0), ['2.05 Content 2:0/1/BERT 4096'])
  stream.close()
  server.close()
  await sleep(env, 1000)
}))

test('a message of more than maxMessage ends a connection, and its range is checked where it is composed', () => overStreams({ client: { maxMessage: 262_144 } }, async ({ client, server, at: base, accepting }) => {
  server.resource('/', { put: () => {} })
  await client.ping(`${base}/`)
  assert.is(await codeOf(client.request('PUT', `${base}/`, { payload: 'x', options: [[65_000, new Uint8Array(65_700)]] })), 'EMSGSIZE')
  assert.is(accepting.statistics.dropped.malformed, 0)
  assert.is(thrownCode(() => coap({ maxMessage: 1151 })), 'ERR_CONFIG')
  assert.is(thrownCode(() => coap({ maxMessage: 262_145 })), 'ERR_CONFIG')
  assert.is(serverDefaults.maxMessage, ROOM + 128)
}))

test('fuzz: bytes changed on the way between two ends neither throw nor hang', async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 1 << 30 }), fc.array(fc.record({ szx: fc.integer({ min: 0, max: 7 }), number: fc.integer({ min: 0, max: 40 }), more: fc.boolean(), length: fc.integer({ min: 0, max: 9000 }) }), { minLength: 1, maxLength: 8 }), async (_, blocks) => {
    const draft = ({ szx, number, more, length }: typeof blocks[number]): Draft => ({ code: CODE.CONTENT, options: [[OPTION.BLOCK2, number << 4 | Number(more) << 3 | szx], [OPTION.BLOCK1, number << 4 | Number(more) << 3 | szx]], payload: body(length) })
    await answering(LARGE, (_message, i) => draft(blocks[i % blocks.length]!), async (client) => {
      await Promise.allSettled([client.get(AT), client.put(AT, body(30_000))])
    })
    await overStreams({}, async ({ server, client, at: base }) => {
      server.resource('/', { put: () => {}, get: () => body(30_000) })
      server.resource('/stream', { blocks: 'stream', put: async (request) => { for await (const _piece of request.body()) { /* all */ } }, get: () => ({ payload: [body(30_000)] }) })
      for (const block of blocks) {
        const { options, payload } = draft(block)
        for (const path of ['/', '/stream']) for (const method of ['GET', 'PUT'] as const) await client.request(method, `${base}${path}`, { payload: payload!.subarray(0, 1024), options: options! }).catch(() => {})
      }
      assert.ok(server.kept.transfers <= 64)
    })
  }), { numRuns: 60 })
})

test.run()
