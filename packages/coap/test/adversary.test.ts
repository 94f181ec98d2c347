/** Two ends and somebody between them: nothing makes them throw, wait for ever or grow; and what is not forged is delivered whole. */

import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { sleep } from '@favonius/clock'
import { suite } from '@favonius/testing'
import * as CODE from '../src/codes.ts'
import { formatLinks, matchesFilter, parseLinks, type Link } from '../src/links.ts'
import * as OPTION from '../src/numbers.ts'
import { Observers } from '../src/observers.ts'
import { CoapRequest } from '../src/request.ts'
import { Resource } from '../src/router.ts'
import { parseUri } from '../src/uri.ts'
import { blockValue, readBlock } from '../src/blocks.ts'
import { Assembly } from '../src/transfers.ts'
import * as TYPE from '../src/types.ts'
import { emit, Message, type Option } from '../src/wire.ts'
import { at, between, machineOf, SERVER, type Ends } from './net.ts'

const test = suite('CoAP: adversaries', { timeout: 60_000 })

const body = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8))
const CLIENT = '2001:db8::1'

function serve({ server, env }: Ends): { changed(): void } {
  let got = body(3000)
  let state = 0
  server.resource('/up', { put: ({ payload }) => { got = payload.slice() }, get: () => got, observable: true })
  server.resource('/stream', { blocks: 'stream', put: async (request) => {
    for await (const _ of request.body()) await sleep(env, 1)
  } })
  server.resource('/each', { blocks: 'each', put: () => {} })
  server.resource('/slow', { get: async () => {
    await sleep(env, 3000)
    return 'slow'
  } })
  const obs = server.resource('/obs', { observable: true, get: () => String(state) })
  return { changed: () => {
    state++
    obs.changed()
  } }
}

/** All that a client does, each to its end, whatever that is. */
async function everything({ client, env }: Ends, changed: () => void): Promise<unknown[]> {
  const observation = client.observe(at('/obs'))
  const observe = async (): Promise<void> => {
    for await (const _ of observation) { /* all */ }
  }
  const ticking = (async () => {
    for (let i = 0; i < 20; i++) {
      await sleep(env, 20_000)
      changed()
    }
    await observation.return()
  })()
  const results = await Promise.allSettled([
    client.get(at('/up')), client.put(at('/up'), body(2500)), client.put(at('/stream'), body(2500)), client.put(at('/each'), body(2500)), client.get(at('/slow')),
    client.get(at('/none'), { confirmable: false }), client.ping(at('/')), observe(),
  ])
  await ticking
  return results
}

function bounded({ client, server }: Ends): void {
  for (const { kept } of [machineOf(server)]) assert.ok(kept.messages <= 4096 && kept.peers <= 1024)
  assert.ok(server.kept.transfers <= 64 && server.kept.observers <= 64)
  assert.type(client.statistics.received, 'number')
}

test('loss, duplicates and reordering: what is resolved is whole', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    await between({ seed, loss: 0.15, duplicate: 0.3, reorder: 0.3, client: { nstart: 3, maxRetransmit: 8 }, server: { maxRetransmit: 8 } }, async (ends) => {
      const { changed } = serve(ends)
      const results = await everything(ends, changed)
      for (const [i, result] of results.entries()) if (i !== 5) assert.is((result as PromiseSettledResult<unknown>).status, 'fulfilled', `seed ${seed}, ${i}: ${String((result as { reason?: unknown }).reason)}`)
      const [up] = results as [PromiseFulfilledResult<{ payload: Uint8Array }>]
      assert.ok([2500, 3000].includes(up.value.payload.length))
      assert.equal(up.value.payload, body(up.value.payload.length))
      bounded(ends)
    })
  }
})

test('fuzz: bytes changed on the way, replayed, cut and made up', async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 1 << 30 }), fc.integer({ min: 1, max: 40 }), async (seed, percent) => {
    let random = seed
    const next = (below: number): number => {
      random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fff_ffff
      return Math.floor(random / 0x8000_0000 * below)
    }
    const old: Uint8Array[] = []
    const tamper = (data: Uint8Array): Uint8Array[] => {
      if (old.length < 50) old.push(data)
      if (next(100) >= percent) return [data]
      const mad = data.slice()
      switch (next(6)) {
        case 0: mad[next(mad.length)] = next(256); return [mad]
        case 1: mad[next(4)] = next(256); return [mad]
        case 2: return [mad.subarray(0, next(mad.length + 1)), data]
        case 3: return [data, old[next(old.length)]!, old[next(old.length)]!]
        case 4: return [Uint8Array.from({ length: next(40) }, () => next(256)), data]
        default: {
          // A message of the right form that says anything.
          const options: Option[] = Array.from({ length: next(5) }, () => [[1, 4, 6, 11, 12, 15, 17, 23, 27, 28, 60, 252, 258, 292, next(3000)][next(15)]!, Uint8Array.from({ length: next(5) }, () => next(256))])
          return [emit(next(4), data[2]! << 8 | data[3]!, data.subarray(4, 4 + (data[0]! & 15)).slice(0, 8), { code: [0, 1, 2, 3, 4, 0x44, 0x45, 0x5f, 0x80, 0x88, 0x8d][next(11)]!, options, payload: new Uint8Array(next(20)) }), data]
        }
      }
    }
    await between({ seed, tamper, client: { nstart: 3, maxRetransmit: 2, responseTimeout: 20_000 }, server: { maxRetransmit: 2 } }, async (ends) => {
      const { changed } = serve(ends)
      assert.is((await everything(ends, changed)).length, 8)
      bounded(ends)
      await sleep(ends.env, 400_000)
      assert.equal(machineOf(ends.server).kept.messages, 0)
      assert.is(ends.server.kept.transfers, 0)
    })
  }), { numRuns: 150 })
})

test('a stranger: floods of requests, observers, blocks and resets leave no more than their limits', () => between({ server: { maxPeers: 32, maxRemembered: 200, maxTransfers: 8, maxObservers: 8 } }, async (ends) => {
  const { net, env, server, client } = ends
  const { changed } = serve(ends)
  const to = server.local
  const path = (name: string): Option => [OPTION.URI_PATH, name]
  for (let i = 0; i < 5000; i++) {
    const from = { address: `2001:db8:f::${(i % 300).toString(16)}`, port: 1000 + (i % 7) }
    const token = Uint8Array.of(i >> 8, i)
    const said = [
      emit(TYPE.CON, i, token, { code: CODE.GET, options: [[OPTION.OBSERVE, 0], path('obs')] }),
      emit(TYPE.CON, i, token, { code: CODE.PUT, options: [path('up'), [OPTION.BLOCK1, blockValue(0, true, 1024)], [OPTION.REQUEST_TAG, i]], payload: new Uint8Array(1024) }),
      emit(TYPE.CON, i, token, { code: CODE.PUT, options: [path('stream'), [OPTION.BLOCK1, blockValue(0, true, 16)], [OPTION.REQUEST_TAG, i]], payload: new Uint8Array(16) }),
      emit(TYPE.NON, i, token, { code: CODE.GET, options: [path('slow')] }),
      emit(TYPE.RST, i, new Uint8Array(0), { code: 0 }),
      emit(TYPE.ACK, i, token, { code: CODE.CONTENT }),
      emit(TYPE.CON, i, token, { code: CODE.CONTENT }),
    ][i % 7]!
    net.deliver(said, from, to)
    if (i % 50 === 0) {
      changed()
      await sleep(env, 20)
      const { messages, peers } = machineOf(server).kept
      assert.ok(messages <= 200 && peers <= 32 && server.kept.observers <= 8 && server.kept.transfers <= 8)
    }
  }
  // Who asks in earnest is served, then and afterwards.
  assert.is((await client.put(at('/up'), body(2000))).status, '2.04')
  await sleep(env, 600_000)
  assert.equal(machineOf(server).kept.messages, 0)
  assert.equal([server.kept.observers, server.kept.transfers], [0, 0])
}))

test('a body in small blocks keeps its own bytes, not the sheets that its messages came on', () => {
  const assembly = new Assembly()
  const sheet = new Uint8Array(4096)
  for (let offset = 0; offset < 64; offset += 16) {
    const piece = sheet.subarray(offset * 8, offset * 8 + 16).fill(offset)
    assert.ok(assembly.take({ offset, size: 16, more: true }, piece))
  }
  sheet.fill(0xff)
  assert.equal([...assembly.whole()], Array.from({ length: 64 }, (_, i) => i & ~15))
})

test('an observer keeps its own bytes, not the sheet that it came on', () => {
  const message = new Message()
  message.read(emit(TYPE.CON, 1, Uint8Array.of(7), { code: CODE.GET, options: [[OPTION.OBSERVE, 0], [OPTION.URI_PATH, 'obs']] }))
  const own = message.own()
  assert.ok(own.u8.buffer.byteLength > 1000)
  const request = new CoapRequest(own, { address: CLIENT, port: 5683 }, false)
  const { token } = new Observers(1).add(new Resource('/obs', {}, () => {}, () => {}), own.token, request, undefined, 0)!
  assert.equal([token, token.buffer.byteLength, own.u8.buffer.byteLength, request.path], [Uint8Array.of(7), 1, own.u8.length, ['obs']])
})

test('resets are never answered, and never for nothing', () => between({}, async ({ net, env, server, client }) => {
  server.resource('/never', { get: () => new Promise(() => {}) })
  const waits = client.get(at('/never')).catch((error: { code: string }) => error.code)
  await sleep(env, 100)
  const before = net.sent
  // Of all ids; but the one that is under way is acknowledged in 200 ms.
  await sleep(env, 1000)
  for (let id = 0; id < 65_536; id++) net.deliver(emit(TYPE.RST, id, new Uint8Array(0), { code: 0 }), { address: SERVER, port: 5683 }, { address: CLIENT, port: 49_152 })
  await sleep(env, 1000)
  assert.is(net.sent, before + 1)
  assert.is(client.statistics.dropped.unexpected, 65_536)
  assert.is(await waits, 'ETIMEDOUT')
}))

// ---- parsers of text ----

const word = fc.stringMatching(/^[a-z]{1,8}$/)
const value = fc.oneof(fc.string({ maxLength: 12 }), fc.stringMatching(/^[0-9]{1,6}$/))
test('property: links are written as they are read (RFC 6690)', () => {
  fc.assert(fc.property(fc.array(fc.record({ target: fc.stringMatching(/^\/[a-z/]{0,20}$/), attributes: fc.dictionary(word, fc.oneof(fc.constant(true as const), value, fc.array(value, { minLength: 2, maxLength: 3 }))) })), (links) => {
    const read = parseLinks(formatLinks(links as Link[]))
    if ('malformed' in read) throw new Error(read.malformed)
    assert.equal(read.map(({ target, attributes }) => ({ target, attributes: { ...attributes } })), links.map(({ target, attributes }) => ({ target, attributes: { ...attributes } })))
  }))
})

test('RFC 6690 §5: examples', () => {
  const text = '</sensors>;ct=40;title="Sensor Index",</sensors/temp>;rt="temperature-c";if="sensor",<http://www.example.com/sensors/t123>;anchor="/sensors/temp";rel="describedby",</t>;anchor="/sensors/temp";rel="alternate";obs'
  const links = parseLinks(text) as Link[]
  assert.equal(links.map(({ target }) => target), ['/sensors', '/sensors/temp', 'http://www.example.com/sensors/t123', '/t'])
  assert.is(formatLinks(links), text)
  assert.is(links[3]!.attributes['obs'], true)
  const filter = (query: string): string[] => links.filter((link) => matchesFilter(link, query)).map(({ target }) => target)
  assert.equal(filter('rt=temperature-c'), ['/sensors/temp'])
  assert.equal(filter('href=/sensors*'), ['/sensors', '/sensors/temp'])
  assert.equal(filter('anchor=/sensors/temp'), ['http://www.example.com/sensors/t123', '/t'])
  assert.equal(filter('obs'), ['/t'])
  assert.equal(filter('constructor=*'), [])
  for (const bad of ['x', '<a', '</a>;', '</a>,', '</a></b>', '</a>;=x', '</a>;x="']) assert.ok('malformed' in parseLinks(bad), bad)
  assert.equal(parseLinks(' '), [])
  assert.ok(!('__proto__' in {} && ({} as { polluted?: unknown }).polluted), 'no prototype is touched')
})

test('fuzz: no text makes the readers of links and URIs throw anything but EINVAL', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[<>;,="\\a-z/]{0,40}$/)), (text) => {
    const links = parseLinks(text)
    if (!('malformed' in links)) for (const link of links) matchesFilter(link, text)
    try {
      parseUri(`coap://${text}`, { scheme: 'coap' })
    } catch (error) {
      assert.is((error as { code: string }).code, 'EINVAL')
    }
  }), { numRuns: 3000 })
})

test('property: block options (RFC 7959 §2.2)', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xf_ffff }), fc.boolean(), fc.integer({ min: 0, max: 6 }), (number, more, exponent) => {
    const size = 16 << exponent
    const message = new Message()
    message.read(emit(TYPE.CON, 1, new Uint8Array(0), { code: CODE.GET, options: [[OPTION.BLOCK2, blockValue(number * size, more, size)]] }))
    assert.equal(readBlock(message, OPTION.BLOCK2), { offset: number * size, size, more })
  }))
})

test.run()
