/**
 * ETSI's CoAP plugtests by their numbers (TD_COAP_CORE, LINK, BLOCK and OBS of the third and fourth event), between our two ends in virtual time: with nothing lost,
 * and with a fifth of all datagrams. OBS_03 is the first event's: later ones have it no more, nor an OBS_15; what is known by that number is an observer of what
 * does not change.
 */

import * as assert from 'uvu/assert'
import { sleep } from '@favonius/clock'
import { suite } from '@favonius/testing'
import { blockValue } from '../src/blocks.ts'
import type { CoapCall, Method } from '../src/client.ts'
import { CoapClient } from '../src/client.ts'
import * as CODE from '../src/codes.ts'
import * as FORMAT from '../src/formats.ts'
import { parseLinks } from '../src/links.ts'
import * as OPTION from '../src/numbers.ts'
import { CoapError, type CoapRequest } from '../src/request.ts'
import type { CoapResponse } from '../src/response.ts'
import type { Resource } from '../src/router.ts'
import { CoapServer } from '../src/server.ts'
import { at, between, SERVER, type Ends } from './net.ts'

const test = suite('CoAP: plugtests', { timeout: 20_000 })

const LARGE = Uint8Array.from({ length: 1700 }, (_, i) => 0x20 + (i % 90))
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

interface World extends Ends {
  readonly loss: number
  readonly obs: Resource
  /** What /obs is, and what it is of. */
  readonly state: { text: string; format: number; maxAge: number }
  readonly put: Map<string, Uint8Array>
  /** Asks until it is answered: what is not confirmable may be lost. */
  ask(method: Method, path: string, call?: CoapCall): Promise<CoapResponse>
  /** Lines of the log that fit, of what was sent. */
  seen(pattern: RegExp): number
}

async function worldOf(ends: Ends, loss: number): Promise<World> {
  const { server, client, net, env } = ends
  const put = new Map<string, Uint8Array>()
  const state = { text: '0', format: FORMAT.TEXT, maxAge: 600 }
  const text = 'the content of this resource'
  server.resource('/test', {
    attributes: { rt: 'Type1', if: 'If1', sz: 17 },
    get: () => ({ payload: text, contentFormat: FORMAT.TEXT }),
    put: (request) => void put.set('/test', request.payload), post: (request) => void put.set('/test', request.payload), delete: () => void put.delete('/test'),
  })
  server.resource('/separate', { attributes: { rt: ['Type2', 'Type3'], if: 'If2' }, get: async () => {
    await sleep(env, 1000)
    return { payload: 'later', contentFormat: FORMAT.TEXT }
  } })
  for (const path of ['/seg1/seg2/seg3', '/link1', '/link2', '/link3', '/path/sub1']) server.resource(path, { hidden: path === '/path/sub1', attributes: { rt: 'Type1 Type2' }, get: () => ({ payload: path, contentFormat: FORMAT.TEXT }) })
  server.resource('/path', { attributes: { ct: FORMAT.LINK }, get: () => ({ payload: '</path/sub1>', contentFormat: FORMAT.LINK }) })
  server.resource('/query', { get: ({ query }) => ({ payload: query.join('&'), contentFormat: FORMAT.TEXT }) })
  server.resource('/test-create', { post: () => ({ location: ['location1', 'location2', 'location3'] }) })
  server.resource('/location-query', { post: () => ({ code: CODE.CREATED, locationQuery: ['first=1', 'second=2'] }) })
  server.resource('/multi-format', { get: ({ accept }) => {
    if (accept === FORMAT.XML) return { payload: '<v>1</v>', contentFormat: FORMAT.XML }
    return { payload: '1', contentFormat: FORMAT.TEXT }
  } })
  put.set('/validate', bytes('first'))
  const tag = (path: string) => (): Uint8Array | undefined => put.get(path)?.subarray(0, 8)
  for (const path of ['/validate', '/create1']) {
    server.resource(path, { etag: tag(path), get: () => {
      const payload = put.get(path)
      if (payload === undefined) throw new CoapError(CODE.NOT_FOUND)
      return { payload, etag: tag(path)()!, contentFormat: FORMAT.TEXT, maxAge: 30 }
    }, put: (request) => {
      const created = !put.has(path)
      put.set(path, request.payload)
      return { code: created ? CODE.CREATED : CODE.CHANGED }
    } })
  }
  const keep = (request: CoapRequest): void => void put.set(`/${request.path.join('/')}`, request.payload)
  server.resource('/large', { attributes: { sz: LARGE.length, rt: 'Type3' }, get: () => ({ payload: LARGE, contentFormat: FORMAT.TEXT }) })
  server.resource('/large-update', { put: keep, get: () => put.get('/large-update') })
  server.resource('/large-create', { post: (request) => {
    keep(request)
    return { location: ['large-create', '1'] }
  } })
  server.resource('/large-post', { post: (request) => ({ payload: request.payload.slice().reverse() }) })
  const observed = { observable: true, get: () => ({ payload: state.text, contentFormat: state.format, maxAge: state.maxAge }), put: (request: CoapRequest) => {
    state.text = request.text
    state.format = request.contentFormat ?? FORMAT.TEXT
    obs.changed()
  }, delete: () => obs.remove() }
  const obs = server.resource('/obs', observed)
  return {
    ...ends, loss, obs, state, put,
    async ask(method, path, call = {}) {
      for (let tries = 0; ; tries++) {
        try {
          return await client.request(method, at(path), call)
        } catch (error) {
          if (loss === 0 || tries > 30) throw error
        }
      }
    },
    seen: (pattern) => net.log.filter((line) => pattern.test(line)).length,
  }
}

const check = (id: string, title: string, body: (world: World) => Promise<void>, seeds = 3): void => {
  for (const loss of [0, 0.2]) {
    test(`TD_COAP_${id} ${title}${loss > 0 ? ', a fifth lost' : ''}`, async () => {
      for (let seed = 1; seed <= (loss > 0 ? seeds : 1); seed++) await between({ seed, loss, client: { responseTimeout: 30_000, maxRetransmit: 8 }, server: { maxRetransmit: 8 } }, async (ends) => body(await worldOf(ends, loss)))
    })
  }
}

// ---- CORE ----

const METHODS = [['GET', '01', '05'], ['DELETE', '02', '06'], ['PUT', '03', '07'], ['POST', '04', '08']] as const
const ANSWERS = { GET: '2.05', DELETE: '2.02', PUT: '2.04', POST: '2.04' } as const
for (const [method, confirmed, unconfirmed] of METHODS) {
  for (const [number, confirmable] of [[confirmed, true], [unconfirmed, false]] as const) {
    check(`CORE_${number}`, `${method} (${confirmable ? 'CON' : 'NON'} mode)`, async ({ ask, put, seen }) => {
      const payload = method === 'GET' || method === 'DELETE' ? undefined : method
      const response = await ask(method, '/test', { confirmable, payload, contentFormat: payload === undefined ? undefined : FORMAT.TEXT })
      assert.is(response.status, ANSWERS[method])
      if (method === 'GET') assert.equal([response.text, response.contentFormat], ['the content of this resource', FORMAT.TEXT])
      if (payload !== undefined) assert.equal(put.get('/test'), bytes(payload))
      // The acknowledgment has the response; what is not confirmable is answered by what is not either.
      assert.ok(seen(confirmable ? /ACK 2\.0/ : /NON 2\.0/) > 0)
      assert.is(seen(confirmable ? /NON/ : /CON|ACK/), 0)
    })
  }
}

check('CORE_09', 'GET with a separate response', async ({ ask, seen }) => {
  assert.is((await ask('GET', '/separate')).text, 'later')
  assert.ok(seen(/> 2001:db8::1: CoAP ACK 0\.00/) > 0)
  assert.ok(seen(/> 2001:db8::1: CoAP CON 2\.05/) > 0)
  assert.ok(seen(/> 2001:db8::2: CoAP ACK 0\.00/) > 0)
})

check('CORE_10', 'GET with a token', async ({ ask, net }) => {
  await ask('GET', '/test')
  const tokens = net.log.map((line) => /token (\w+)/.exec(line)?.[1])
  assert.ok(tokens.every((token) => token === tokens[0] && token!.length === 8))
})

check('CORE_11', 'GET with a token and a separate response', async ({ ask, net }) => {
  await ask('GET', '/separate')
  const tokens = net.log.flatMap((line) => /token (\w+)/.exec(line)?.[1] ?? [])
  assert.is(new Set(tokens).size, 1)
})

test('TD_COAP_CORE_12 GET with an empty token', () => between({}, async ({ net, env, server }) => {
  server.resource('/test', { get: () => 'hello' })
  const heard: string[] = []
  const socket = await net.host('2001:db8::9').open({}, { receive: (data) => void heard.push(Buffer.from(data).toString('hex')) })
  socket.send(Uint8Array.from([0x40, 1, 0, 1, 0xb4, ...bytes('test')]), server.local)
  await sleep(env, 100)
  assert.equal(heard, [`60450001ff${Buffer.from('hello').toString('hex')}`])
  socket.close()
}))

check('CORE_13', 'GET with several Uri-Path options', async ({ ask, seen }) => {
  assert.is((await ask('GET', '/seg1/seg2/seg3')).text, '/seg1/seg2/seg3')
  assert.ok(seen(/Uri-Path: "seg1", Uri-Path: "seg2", Uri-Path: "seg3"/) > 0)
})

check('CORE_14', 'GET with several Uri-Query options', async ({ ask, seen }) => {
  assert.is((await ask('GET', '/query?first=1&second=2&third=3')).text, 'first=1&second=2&third=3')
  assert.ok(seen(/Uri-Query: "first=1", Uri-Query: "second=2", Uri-Query: "third=3"/) > 0)
})

/** What happens when the first messages that fit are lost. */
const losing = (id: string, title: string, path: string, lost: RegExp, text: string): void => test(`TD_COAP_${id} ${title}: ${lost.source} lost`, async () => {
  await between({}, async (ends) => {
    const { client, net, server } = await worldOf(ends, 0)
    let left = 2
    net.faults = { tamper: (data) => (lost.test(net.log.at(-1)!) && left-- > 0 ? [] : [data]) }
    assert.is((await client.get(at(path))).text, text)
    assert.ok(left < 2)
    assert.is(server.counted.answered, 1, 'the handler is called once')
  })
})
for (const lost of [/CON GET/, /ACK 2\.05/]) losing('CORE_15', 'GET in a lossy context, piggybacked', '/test', lost, 'the content of this resource')
for (const lost of [/CON GET/, /::1: CoAP ACK 0\.00/, /CON 2\.05/, /::2: CoAP ACK 0\.00/]) losing('CORE_16', 'GET in a lossy context, separate', '/separate', lost, 'later')

check('CORE_17', 'GET with a separate response (NON)', async ({ ask, seen }) => {
  assert.is((await ask('GET', '/separate', { confirmable: false })).text, 'later')
  assert.is(seen(/ACK|CON/), 0)
})

check('CORE_18', 'POST with several Location-Path options', async ({ ask }) => {
  const response = await ask('POST', '/test-create', { payload: 'x' })
  assert.equal([response.status, ...response.location], ['2.01', 'location1', 'location2', 'location3'])
})

check('CORE_19', 'POST with several Location-Query options', async ({ ask }) => {
  const response = await ask('POST', '/location-query', { payload: 'x' })
  assert.equal([response.status, ...response.message.texts(OPTION.LOCATION_QUERY)], ['2.01', 'first=1', 'second=2'])
})

const accepts = async (ask: World['ask']): Promise<void> => {
  assert.is((await ask('GET', '/multi-format', { accept: FORMAT.TEXT })).text, '1')
  const xml = await ask('GET', '/multi-format', { accept: FORMAT.XML })
  assert.equal([xml.text, xml.contentFormat], ['<v>1</v>', FORMAT.XML])
  assert.is((await ask('GET', '/multi-format', { accept: FORMAT.CBOR })).status, '4.06')
}
check('CORE_20', 'GET with Accept', ({ ask }) => accepts(ask))

const validates = async (ask: World['ask'], put: World['put']): Promise<void> => {
  const { etag, text } = await ask('GET', '/validate')
  assert.is(text, 'first')
  const same = await ask('GET', '/validate', { options: [[OPTION.ETAG, etag!]] })
  assert.equal([same.status, same.text, same.etag!.join()], ['2.03', '', etag!.join()])
  put.set('/validate', bytes('second'))
  const other = await ask('GET', '/validate', { options: [[OPTION.ETAG, etag!]] })
  assert.equal([other.status, other.text], ['2.05', 'second'])
}
check('CORE_21', 'GET with ETag', ({ ask, put }) => validates(ask, put))

const matches = async (ask: World['ask'], put: World['put']): Promise<void> => {
  const { etag } = await ask('GET', '/validate')
  assert.is((await ask('PUT', '/validate', { payload: 'mine', options: [[OPTION.IF_MATCH, etag!]] })).status, '2.04')
  put.set('/validate', bytes("another's"))
  assert.is((await ask('PUT', '/validate', { payload: 'mine', options: [[OPTION.IF_MATCH, etag!]] })).status, '4.12')
  assert.is((await ask('PUT', '/validate', { payload: 'mine', options: [[OPTION.IF_MATCH, 'none'], [OPTION.IF_MATCH, '']] })).status, '2.04', 'whatever is there')
}
check('CORE_22', 'GET with ETag, PUT with If-Match', ({ ask, put }) => matches(ask, put))

const creates = async (ask: World['ask']): Promise<void> => {
  const call = { payload: 'new', options: [[OPTION.IF_NONE_MATCH, '']] } as const
  assert.is((await ask('PUT', '/create1', call)).status, '2.01')
  assert.is((await ask('PUT', '/create1', call)).status, '4.12')
}
check('CORE_23', 'PUT with If-None-Match', ({ ask }) => creates(ask))

/** A reverse proxy (RFC 7252 §5.7.3): one end with both roles, that asks the server what it is asked. */
const proxied = (number: string, title: string, body: (ask: World['ask'], world: World) => Promise<void>): void => check(`CORE_${number}`, `${title}, through a reverse proxy`, async (world) => {
  const { net, env, client } = world
  const proxy = await CoapServer.open(net.host('2001:db8::3'), env)
  const behind = new CoapClient(proxy.endpoint, env)
  const pass = async ({ code, path, query, payload, message }: CoapRequest): Promise<CoapResponse & { options: [number, Uint8Array][] }> => {
    const options: [number, Uint8Array][] = []
    const ours: ReadonlySet<number> = new Set([OPTION.URI_PATH, OPTION.URI_QUERY, OPTION.URI_HOST, OPTION.URI_PORT])
    const take = (from: typeof message, into: [number, Uint8Array][]): void => {
      from.rewind()
      while (from.next()) if (!ours.has(from.number)) into.push([from.number, from.value()])
    }
    take(message, options)
    const response = await behind.request(code, at(`/${path.join('/')}${query.length > 0 ? `?${query.join('&')}` : ''}`), { payload, options })
    const back: [number, Uint8Array][] = []
    take(response.message, back)
    return Object.assign(Object.create(response) as CoapResponse, { options: back })
  }
  const forward = async (request: CoapRequest) => {
    const { code, payload, options } = await pass(request).then((passed) => ({ code: passed.message.code, payload: passed.message.payload, options: passed.options }))
    return { code, payload, options }
  }
  proxy.resource('/#', { get: forward, put: forward, post: forward, delete: forward })
  await body(async (method, path, call) => {
    for (let tries = 0; ; tries++) {
      try {
        return await client.request(method, `coap://[2001:db8::3]${path}`, call)
      } catch (error) {
        if (world.loss === 0 || tries > 30) throw error
      }
    }
  }, world)
  behind.close()
  proxy.close()
})
proxied('24', 'POST with several Location-Path options', async (ask) => assert.equal((await ask('POST', '/test-create', { payload: 'x' })).location, ['location1', 'location2', 'location3']))
proxied('25', 'POST with several Location-Query options', async (ask) => assert.equal((await ask('POST', '/location-query', { payload: 'x' })).message.texts(OPTION.LOCATION_QUERY), ['first=1', 'second=2']))
proxied('26', 'GET with Accept', (ask) => accepts(ask))
proxied('27', 'GET with ETag', (ask, { put }) => validates(ask, put))
proxied('28', 'GET with ETag, PUT with If-Match', (ask, { put }) => matches(ask, put))
proxied('29', 'GET with Max-Age', async (ask) => assert.is((await ask('GET', '/validate')).maxAge, 30))
proxied('30', 'PUT with If-None-Match', (ask) => creates(ask))

check('CORE_31', 'CoAP ping', async ({ client, seen }) => {
  assert.ok(await client.ping(at('/')) >= 20)
  assert.ok(seen(/CON 0\.00/) > 0)
  assert.ok(seen(/RST 0\.00/) > 0)
})

// ---- LINK ----

const linksFor = async (ask: World['ask'], query: string): Promise<string[]> => {
  const response = await ask('GET', `/.well-known/core${query}`)
  assert.equal([response.status, response.contentFormat], ['2.05', FORMAT.LINK])
  const links = parseLinks(response.text)
  if ('malformed' in links) throw new Error(links.malformed)
  return links.map(({ target }) => target)
}
check('LINK_01', 'the links of all resources', async ({ ask }) => {
  const links = await linksFor(ask, '')
  for (const path of ['/test', '/separate', '/seg1/seg2/seg3', '/large', '/obs', '/path']) assert.ok(links.includes(path))
  assert.not.ok(links.includes('/path/sub1'))
})
const FILTERS = [
  ['02', 'rt=Type1', ['/test', '/seg1/seg2/seg3', '/link1', '/link2', '/link3']],
  ['03', 'rt=*', ['/test', '/separate', '/seg1/seg2/seg3', '/link1', '/link2', '/link3', '/large']],
  ['04', 'rt=Type2', ['/separate', '/seg1/seg2/seg3', '/link1', '/link2', '/link3']],
  ['05', 'if=If*', ['/test', '/separate']],
  ['06', 'sz=*', ['/test', '/large']],
  ['07', 'href=/link1', ['/link1']],
  ['08', 'href=/link*', ['/link1', '/link2', '/link3']],
] as const
for (const [number, filter, links] of FILTERS) check(`LINK_${number}`, `filtered by ${filter}`, async ({ ask }) => assert.equal(await linksFor(ask, `?${filter}`), links))
check('LINK_09', 'links arranged hierarchically', async ({ ask }) => {
  assert.equal(await linksFor(ask, '?ct=40'), ['/path'])
  const below = await ask('GET', '/path')
  assert.equal([below.contentFormat, below.text], [FORMAT.LINK, '</path/sub1>'])
  assert.is((await ask('GET', '/path/sub1')).text, '/path/sub1')
})

// ---- BLOCK ----

for (const [number, blockSize, title] of [['01', 1024, 'early negotiation'], ['02', undefined, 'late negotiation'], ['06', 16, 'early negotiation, 16 bytes']] as const) {
  check(`BLOCK_${number}`, `GET block by block, ${title}`, async ({ ask, seen }) => {
    const response = await ask('GET', '/large', { blockSize })
    assert.equal([response.status, response.payload.length], ['2.05', LARGE.length])
    assert.equal(response.payload, LARGE)
    const size = blockSize ?? 1024
    assert.ok(seen(new RegExp(`Block2: ${Math.ceil(LARGE.length / size) - 1}/0/${size}`)) > 0)
    assert.is(seen(/CON GET .*Block2: 0\/0/) > 0, blockSize !== undefined)
  }, 2)
}
check('BLOCK_03', 'PUT block by block', async ({ ask, put, seen }) => {
  assert.is((await ask('PUT', '/large-update', { payload: LARGE })).status, '2.04')
  assert.equal(put.get('/large-update'), LARGE)
  assert.ok(seen(/ACK 2\.31 Continue .*Block1: 0\/1\/1024/) > 0)
  assert.ok(seen(/ACK 2\.04 Changed .*Block1: 1\/0\/1024/) > 0)
})
check('BLOCK_04', 'POST block by block', async ({ ask, put }) => {
  const response = await ask('POST', '/large-create', { payload: LARGE })
  assert.equal([response.status, ...response.location], ['2.01', 'large-create', '1'])
  assert.equal(put.get('/large-create'), LARGE)
})
check('BLOCK_05', 'POST block by block, both ways', async ({ ask, seen }) => {
  const response = await ask('POST', '/large-post', { payload: LARGE })
  assert.equal(response.payload, LARGE.slice().reverse())
  assert.ok(seen(/ACK 2\.04 .*Block2: 0\/1\/1024, Block1: 1\/0\/1024/) > 0)
})

// ---- OBS ----

/** Observes, and changes the state so many times, a second each; what was told, and the observation, which goes on. */
async function watch(world: World, changes: number, path = '/obs', call: CoapCall = {}) {
  const { client, env, state, obs } = world
  const heard: CoapResponse[] = []
  const observation = client.observe(at(path), call)
  let ended: unknown
  const over = (async () => {
    try {
      for await (const one of observation) heard.push(one)
    } catch (error) {
      ended = error
    }
  })()
  await sleep(env, 30_000)
  for (let i = 1; i <= changes; i++) {
    state.text = String(i)
    obs.changed()
    await sleep(env, 1000)
  }
  await sleep(env, world.loss > 0 ? 60_000 : 1000)
  return { heard, observation, over, ended: () => ended, texts: () => heard.map(({ text }) => text) }
}

check('OBS_01', 'observed by confirmable messages', async (world) => {
  const { heard, texts, observation } = await watch(world, 3)
  if (world.loss === 0) assert.equal(texts(), ['0', '1', '2', '3'])
  assert.is(texts().at(-1), '3')
  assert.ok(heard.every(({ observe }) => observe !== undefined))
  assert.ok(world.seen(/::1: CoAP CON 2\.05 .*Observe/) >= (world.loss > 0 ? 1 : 3))
  await observation.return()
})

check('OBS_02', 'observed by messages that are not confirmable', async (world) => {
  const { client, env, server, loss } = world
  let n = 0
  const resource = server.resource('/obs-non', { observable: 'unconfirmed', get: () => ({ payload: String(n), maxAge: 5 }) })
  const heard: string[] = []
  const observation = client.observe(at('/obs-non'), { confirmable: loss > 0 })
  void (async () => {
    for await (const { text } of observation) heard.push(text)
  })().catch(() => {})
  await sleep(env, 30_000)
  for (n = 1; n <= 3; n++) {
    resource.changed()
    await sleep(env, 4000)
  }
  if (loss === 0) assert.equal([...new Set(heard)], ['0', '1', '2', '3'])
  // Whatever is lost: Max-Age runs out, and it is asked again.
  await sleep(env, 120_000)
  assert.is(heard.at(-1), '4')
  assert.is(world.seen(/::1: CoAP CON/), 0)
  await observation.return()
}, 6)

check('OBS_03', 'the server begins anew, and the client is on its list again (Max-Age)', async (world) => {
  const { env, net, server, state } = world
  state.maxAge = 20
  const { texts, observation } = await watch(world, 0)
  server.close()
  const again = await CoapServer.open(net.host(SERVER), env)
  let text = 'anew'
  const obs = again.resource('/obs', { observable: true, get: () => ({ payload: text, contentFormat: FORMAT.TEXT }) })
  await sleep(env, 120_000)
  assert.equal([texts().at(-1), again.kept.observers], ['anew', 1])
  text = 'and on'
  obs.changed()
  await sleep(env, 100_000)
  assert.is(texts().at(-1), 'and on')
  await observation.return()
  await sleep(env, 100_000)
  again.close()
})

check('OBS_04', 'the client learns that it is not on the list any more (Max-Age)', async (world) => {
  const { env, net, state } = world
  state.maxAge = 5
  const { texts, observation } = await watch(world, 0)
  const before = net.log.length
  for (const one of ['a', 'b']) {
    state.text = one
    await sleep(env, 120_000)
  }
  assert.ok(net.log.slice(before).some((line) => /CON GET .*Observe: 0/.test(line)), 'it asks again, when nothing was told within Max-Age')
  assert.is(texts().at(-1), 'b')
  await observation.return()
})

check('OBS_05', 'the server learns that the client is gone (client off)', async (world) => {
  const { client, env, obs, server, net } = world
  await watch(world, 1)
  client.close()
  net.faults = { tamper: () => [] }
  obs.changed()
  await sleep(env, 2_000_000)
  assert.is(server.kept.observers, 0)
  const before = net.sent
  obs.changed()
  await sleep(env, 2_000_000)
  assert.is(net.sent, before)
})

check('OBS_06', 'the server learns that the client is gone (reset)', async (world) => {
  const { env, obs, server, net } = world
  const { observation } = await watch(world, 1)
  // What tells the server is lost.
  net.faults = { tamper: (data) => (/Observe: 1/.test(net.log.at(-1)!) ? [] : [data]) }
  await observation.return()
  await sleep(env, 2_000_000)
  obs.changed()
  await sleep(env, 5000)
  assert.ok(world.seen(/::2: CoAP RST/) > 0)
  assert.is(server.kept.observers, 0)
}, 1)

check('OBS_07', 'what is deleted is observed no longer', async (world) => {
  const { env, ask, server } = world
  const { over, ended } = await watch(world, 1)
  assert.is((await ask('DELETE', '/obs')).status, '2.02')
  await sleep(env, 100_000)
  await over
  assert.match(String(ended()), /4\.04/)
  assert.is(server.kept.observers, 0)
})

check('OBS_08', 'what is of another format is observed no longer', async (world) => {
  const { env, ask, server } = world
  const { over, ended } = await watch(world, 1)
  assert.is((await ask('PUT', '/obs', { payload: '<v/>', contentFormat: FORMAT.XML })).status, '2.04')
  await sleep(env, 100_000)
  await over
  assert.match(String(ended()), /4\.06/)
  assert.is(server.kept.observers, 0)
})

check('OBS_09', 'what is changed by a PUT is told', async (world) => {
  const { env, ask } = world
  const { texts, observation } = await watch(world, 1)
  await ask('PUT', '/obs', { payload: 'new', contentFormat: FORMAT.TEXT })
  await sleep(env, 100_000)
  assert.is(texts().at(-1), 'new')
  await observation.return()
})

check('OBS_10', 'GET does not end an observation', async (world) => {
  const { env, ask, state, obs, server } = world
  const { texts, observation } = await watch(world, 1)
  assert.is((await ask('GET', '/obs')).text, '1')
  assert.is(server.kept.observers, 1)
  state.text = 'on'
  obs.changed()
  await sleep(env, 100_000)
  assert.is(texts().at(-1), 'on')
  await observation.return()
})

for (const lost of [/::1: CoAP CON 2\.05/, /::2: CoAP ACK/]) {
  test(`TD_COAP_OBS_11 observed by confirmable messages, ${lost.source} lost`, () => between({}, async (ends) => {
    const world = await worldOf(ends, 0)
    let left = 3
    ends.net.faults = { tamper: (data) => (lost.test(ends.net.log.at(-1)!) && left-- > 0 ? [] : [data]) }
    const { texts, observation } = await watch({ ...world, loss: 0.2 }, 3)
    assert.ok(left <= 0)
    assert.is(texts().at(-1), '3')
    assert.equal([...new Set(texts())], texts(), 'nothing is told twice')
    await observation.return()
  }))
}

check('OBS_12', 'GET with Observe 1 ends it', async (world) => {
  const { env, obs, server, net, seen } = world
  const { observation } = await watch(world, 1)
  await observation.return()
  await sleep(env, 100_000)
  assert.ok(seen(/CON GET .*Observe: 1,/) > 0)
  assert.is(server.kept.observers, 0)
  const before = net.sent
  obs.changed()
  await sleep(env, 10_000)
  assert.is(net.sent, before)
})

for (const [number, sizes] of [['13', [1700, 1700]], ['14', [1700, 100, 3000, 1024]]] as const) {
  check(`OBS_${number}`, `large resources observed, of ${sizes.join(', ')} bytes`, async (world) => {
    const { env, client, server } = world
    let body = LARGE
    const resource = server.resource('/obs-large', { observable: true, get: () => ({ payload: body, maxAge: 60 }) })
    const heard: CoapResponse[] = []
    const observation = client.observe(at('/obs-large'))
    void (async () => {
      for await (const one of observation) heard.push(one)
    })().catch(() => {})
    await sleep(env, 60_000)
    for (const [i, size] of sizes.entries()) {
      body = Uint8Array.from({ length: size }, (_, at) => at + i)
      resource.changed()
      await sleep(env, 100_000)
      assert.equal(heard.at(-1)!.payload, body)
    }
    // What follows the first block is asked for without Observe (RFC 7959 §2.6).
    assert.is(world.seen(/Observe: \d+, .*Block2: 1\//), 0)
    await observation.return()
  }, 2)
}

check('OBS_15', 'what does not change is observed as long as it is', async (world) => {
  const { env, server, state, obs, seen } = world
  state.maxAge = 20
  const { texts, observation } = await watch(world, 0)
  await sleep(env, 600_000)
  assert.ok(seen(/CON GET .*Observe: 0/) >= 10, 'it asks again, and again')
  assert.equal([...new Set(texts())], ['0'])
  assert.is(server.kept.observers, 1)
  state.text = 'changed'
  obs.changed()
  await sleep(env, 100_000)
  assert.is(texts().at(-1), 'changed')
  await observation.return()
})

test('blocks out of the blue are refused', () => between({}, async (ends) => {
  const { client } = await worldOf(ends, 0)
  const block1 = (offset: number, more: boolean) => ({ payload: 'x'.repeat(16), options: [[OPTION.BLOCK1, blockValue(offset, more, 16)]] as const })
  assert.is((await client.request('PUT', at('/large-update'), block1(16, true))).status, '4.08')
  assert.is((await client.request('PUT', at('/large-update'), { payload: 'x', options: [[OPTION.BLOCK1, blockValue(0, true, 16)]] })).status, '4.00', 'not full, and more follow')
  assert.is((await client.request('PUT', at('/large-update'), { payload: 'x', options: [[OPTION.BLOCK1, 7]] })).status, '4.00', 'the size that is reserved')
  assert.is((await client.request('GET', at('/large'), { options: [[OPTION.BLOCK2, blockValue(2048, false, 1024)]] })).status, '4.00', 'behind the end')
  assert.is((await client.request('POST', at('/large-post'), { options: [[OPTION.BLOCK2, blockValue(1024, false, 1024)]] })).status, '4.08', 'of what was never begun')
}))

test.run()
