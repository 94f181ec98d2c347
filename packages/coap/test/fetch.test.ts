/** Observation by FETCH (RFC 8132 §2.4 with RFC 7641): both ends in virtual time. */

import * as assert from 'uvu/assert'
import { sleep } from '@favonius/clock'
import { codeOf, suite } from '@favonius/testing'
import { blockValue } from '../src/blocks.ts'
import { CODE, CoapError, FORMAT, OPTION, type CoapRequest, type CoapResponse, type CoapServer, type Resource } from '../src/index.ts'
import { at, between } from './net.ts'

const test = suite('CoAP: observation by FETCH')

/** A resource of which a part is asked for by its name, as text; and whoever was asked. */
function parts(server: CoapServer, state: Record<string, string>): { readonly resource: Resource; readonly asked: CoapRequest[] } {
  const asked: CoapRequest[] = []
  const resource = server.resource('/parts', {
    observable: true,
    get: () => Object.keys(state).join(),
    fetch: (request) => {
      asked.push(request)
      if (request.contentFormat !== FORMAT.TEXT) throw new CoapError(CODE.UNSUPPORTED_CONTENT_FORMAT)
      const part = state[request.text]
      if (part === undefined) throw new CoapError(CODE.UNPROCESSABLE_ENTITY, `no ${request.text}`)
      return part
    },
  })
  return { resource, asked }
}

/** What it tells, in order, as it comes. */
function heard(observation: AsyncIterable<CoapResponse>): string[] {
  const all: string[] = []
  void (async () => {
    for await (const { text } of observation) all.push(text)
    all.push('the end')
  })().catch((error: Error) => all.push(error.message))
  return all
}

test('each notification answers the request anew, its body and its content format; leaving says them again', () => between({}, async ({ client, server, env, net }) => {
  const state = { a: 'a0', b: 'b0' }
  const { resource, asked } = parts(server, state)
  const observation = client.observe(at('/parts'), { method: 'FETCH', payload: 'a', contentFormat: FORMAT.TEXT })
  const told = heard(observation)
  await sleep(env, 100)
  for (const a of ['a1', 'a2']) {
    state.a = a
    resource.changed()
    await sleep(env, 100)
  }
  assert.equal(told, ['a0', 'a1', 'a2'])
  assert.equal(asked.map(({ code, text, path }) => [code, text, path.join()]), Array.from({ length: 3 }, () => [CODE.FETCH, 'a', 'parts']))
  await observation.return()
  await sleep(env, 100)
  assert.is(server.kept.observers, 0)
  const requests = net.log.filter((line) => line.includes('FETCH'))
  assert.is(requests.length, 2)
  for (const line of requests) assert.match(line, /Content-Format/)
}))

test('two with bodies of their own, and one by GET, live side by side', () => between({ client: { nstart: 4 } }, async ({ client, server, env }) => {
  const state = { a: 'a0', b: 'b0' }
  const { resource } = parts(server, state)
  const observe = (payload: string) => client.observe(at('/parts'), { method: 'FETCH', payload, contentFormat: FORMAT.TEXT })
  const [a, b, get] = [observe('a'), observe('b'), client.observe(at('/parts'))]
  const told = [a, b, get].map(heard)
  await sleep(env, 100)
  assert.is(server.kept.observers, 3)
  Object.assign(state, { a: 'a1', b: 'b1', c: 'c1' })
  resource.changed()
  await sleep(env, 100)
  await a.return()
  await sleep(env, 100)
  assert.is(server.kept.observers, 2)
  Object.assign(state, { a: 'a2', b: 'b2', d: 'd2' })
  resource.changed()
  await sleep(env, 100)
  assert.equal(told, [['a0', 'a1', 'the end'], ['b0', 'b1', 'b2'], ['a,b', 'a,b,c', 'a,b,c,d']])
  await Promise.all([b.return(), get.return()])
}))

test('RFC 7641 §3.3.1: behind Max-Age it is asked for again, with the same body under the same token', () => between({}, async ({ client, server, env, net }) => {
  const { asked } = parts(server, { a: 'a0' })
  const observation = client.observe(at('/parts'), { method: 'FETCH', payload: 'a', contentFormat: FORMAT.TEXT })
  const told = heard(observation)
  await sleep(env, 160_000)
  assert.ok(asked.length === 3 && asked.every(({ text }) => text === 'a'), `asked ${asked.length} times`)
  assert.equal([told[0], server.kept.observers], ['a0', 1])
  await observation.return()
  const said = net.log.filter((line) => line.includes('FETCH')).map((line) => /token (\w+).*payload (\d+)/.exec(line)?.slice(1).join())
  assert.equal([said.length, new Set(said).size, said[0]?.split(',')[1]], [4, 1, '1'])
}))

test('what is more than a block of a notification is fetched with the same body', () => between({}, async ({ client, server, env }) => {
  let state = 'x'
  const resource = server.resource('/large', { observable: true, fetch: ({ text }) => `${text}${state}`.repeat(1000) })
  const [a, b] = ['a', 'b'].map((payload) => client.observe(at('/large'), { method: 'FETCH', payload, contentFormat: FORMAT.TEXT }))
  const told = [a!, b!].map(heard)
  await sleep(env, 1000)
  state = 'y'
  resource.changed()
  await sleep(env, 1000)
  assert.equal(told, [['ax'.repeat(1000), 'ay'.repeat(1000)], ['bx'.repeat(1000), 'by'.repeat(1000)]])
  await Promise.all([a!.return(), b!.return()])
}))

test('a refusal ends it: at once with an error, and later too (RFC 7641 §4.2)', () => between({}, async ({ client, server, env }) => {
  const state: Record<string, string> = { a: 'a0' }
  const { resource } = parts(server, state)
  const observe = (payload: string) => heard(client.observe(at('/parts'), { method: 'FETCH', payload, contentFormat: FORMAT.TEXT }))
  const [none, a] = [observe('none'), observe('a')]
  await sleep(env, 100)
  delete state['a']
  resource.changed()
  await sleep(env, 100)
  assert.match(none.join(), /^2001:db8::2 port 5683: 4\.22 no none$/)
  assert.match(a.join(), /^a0,.*4\.22 no a$/)
  assert.is(server.kept.observers, 0)
}))

test('where there is no fetch it is refused, and where nothing is observable it is told once', () => between({}, async ({ client, server }) => {
  server.resource('/get', { observable: true, get: () => 'got' })
  server.resource('/fetch', { fetch: ({ text }) => text })
  assert.match(String(await client.observe(at('/get'), { method: 'FETCH', payload: 'a' }).next().catch(String)), /4\.05/)
  const once: string[] = []
  for await (const { text } of client.observe(at('/fetch'), { method: 'FETCH', payload: 'a' })) once.push(text)
  assert.equal(once, ['a'])
}))

test('a body that does not go in one message, or comes in pieces, is EMSGSIZE, and nothing is sent', () => between({ client: { blockSize: 64 } }, async ({ client, server, net }) => {
  parts(server, {})
  for (const payload of ['x'.repeat(65), ['a', 'b']]) assert.is(await codeOf(client.observe(at('/parts'), { method: 'FETCH', payload }).next()), 'EMSGSIZE')
  assert.is(net.sent, 0)
}))

test('a registration in blocks is answered whole, and kept whole, where a body is put together', () => between({}, async ({ client, server, env }) => {
  let state = 0
  let told = ''
  const resource = server.resource('/whole', { observable: true, fetch: ({ text }) => (told = `${text.length} ${state}`) })
  server.resource('/stream', { observable: true, blocks: 'stream', fetch: async (request) => {
    let length = 0
    for await (const piece of request.body()) length += piece.length
    return `${length}`
  } })
  server.resource('/each', { observable: true, blocks: 'each', fetch: ({ payload }) => `${payload.length}` })
  // Not by `observe`, which says it in one message; a peer may say it in more.
  const block = (path: string, payload: string, offset: number, more: boolean) => client.request('FETCH', at(path), { payload, options: [[OPTION.OBSERVE, 0], [OPTION.BLOCK1, blockValue(offset, more, 64)]] })
  for (const [path, said, observers] of [['/whole', '100 0', 1], ['/stream', '100', 1], ['/each', '36', 1]] as const) {
    assert.is((await block(path, 'x'.repeat(64), 0, true)).code, path === '/each' ? CODE.CONTENT : CODE.CONTINUE)
    const last = await block(path, 'x'.repeat(36), 64, false)
    assert.equal([last.text, last.observe], [said, path === '/whole' ? 1 : undefined])
    assert.is(server.kept.observers, observers)
  }
  state = 1
  resource.changed()
  await sleep(env, 10)
  assert.is(told, '100 1')
}))

test.run()
