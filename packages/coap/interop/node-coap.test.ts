/** node-coap, both roles, over the kernel's UDP on the loopback interface. */

import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { sleep, system } from '@favonius/clock'
import { nodeDatagrams } from '@favonius/node'
import { suite } from '@favonius/testing'
import theirs from 'coap'
import { CoapClient, CoapServer, FORMAT } from '../src/index.ts'

const test = suite('CoAP: node-coap', { timeout: 30_000 })
const LARGE = Buffer.from(Uint8Array.from({ length: 20_000 }, (_, i) => i * 7 + (i >> 8)))

test('our client, their server', async () => {
  const got = new Map<string, Buffer>()
  let state = 0
  let timer: ReturnType<typeof setInterval> | undefined
  const server = theirs.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'coap://localhost')
    if (request.headers['Observe'] === 0) {
      response.write(`state ${state}`)
      timer = setInterval(() => response.write(`state ${++state}`), 50)
      return
    }
    if (request.method === 'PUT') {
      got.set(pathname, request.payload)
      response.code = '2.04'
      return void response.end()
    }
    response.setOption('Content-Format', 'application/json')
    response.end(pathname === '/large' ? LARGE : JSON.stringify({ method: request.method, path: pathname, payload: String(request.payload) }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const { port } = (server as unknown as { _sock: { address(): AddressInfo } })._sock.address()
  const client = new CoapClient(nodeDatagrams(), system)
  const at = `coap://127.0.0.1:${port}`
  try {
    const response = await client.get(`${at}/a/b?c=d`)
    assert.equal([response.json(), response.contentFormat], [{ method: 'GET', path: '/a/b', payload: '' }, FORMAT.JSON])
    for (const method of ['POST', 'DELETE', 'FETCH', 'PATCH'] as const) assert.equal((await client.request(method, `${at}/x`, method === 'DELETE' ? {} : { payload: 'p', contentFormat: FORMAT.OCTETS })).json(), { method, path: '/x', payload: method === 'DELETE' ? '' : 'p' })
    assert.ok(Buffer.from((await client.get(`${at}/large`)).payload).equals(LARGE))
    // In one block: their server knows the blocks of a body by one token, where each request has its own (RFC 9175 §4.2).
    assert.is((await client.put(`${at}/large`, LARGE.subarray(0, 1000))).status, '2.04')
    assert.ok(got.get('/large')!.equals(LARGE.subarray(0, 1000)))
    assert.is((await client.get(`${at}/x`, { confirmable: false })).status, '2.05')
    const heard: string[] = []
    for await (const { text } of client.observe(`${at}/obs`)) if (heard.push(text) === 3) break
    assert.equal(heard, ['state 0', 'state 1', 'state 2'])
  } finally {
    clearInterval(timer)
    client.close()
    server.close()
  }
})

test('their client, our server', async () => {
  const server = await CoapServer.open(nodeDatagrams(), system, { address: '127.0.0.1', port: 0 })
  let got: Uint8Array = new Uint8Array(0)
  let state = 0
  server.resource('/x', { get: ({ query }) => query.join(), put: ({ payload }) => { got = payload }, delete: () => {} })
  server.resource('/large', { get: () => LARGE, put: ({ payload }) => { got = payload } })
  server.resource('/slow', { get: () => new Promise((resolve) => setTimeout(() => resolve('slow'), 500)) })
  const observed = server.resource('/obs', { observable: true, get: () => `state ${state}` })
  const agent = new theirs.Agent({ type: 'udp4' })
  const ask = (method: 'GET' | 'PUT' | 'DELETE', pathname: string, payload?: Buffer, more: object = {}): Promise<{ code: string; payload: Buffer }> => new Promise((resolve, reject) => {
    const request = theirs.request({ hostname: '127.0.0.1', port: server.local.port, method, pathname, agent, ...more })
    request.on('response', (response) => resolve({ code: response.code, payload: response.payload }))
    request.on('error', reject)
    request.end(payload)
  })
  try {
    assert.equal(await ask('GET', '/x', undefined, { query: 'a=b' }).then(({ code, payload }) => [code, String(payload)]), ['2.05', 'a=b'])
    assert.equal(await ask('PUT', '/x', Buffer.from('hello')).then(({ code }) => [code, String(Buffer.from(got))]), ['2.04', 'hello'])
    assert.is((await ask('DELETE', '/x')).code, '2.02')
    assert.is((await ask('GET', '/none')).code, '4.04')
    assert.is(String((await ask('GET', '/slow')).payload), 'slow')
    assert.ok((await ask('GET', '/large')).payload.equals(LARGE))
    const heard = await new Promise<string[]>((resolve, reject) => {
      const texts: string[] = []
      const request = theirs.request({ hostname: '127.0.0.1', port: server.local.port, pathname: '/obs', observe: true, agent })
      request.on('response', (stream: NodeJS.ReadableStream & { close(): void }) => stream.on('data', (data) => {
        texts.push(String(data))
        if (texts.length === 3) {
          stream.close()
          resolve(texts)
        } else {
          state++
          observed.changed()
        }
      }))
      request.on('error', reject)
      request.end()
    })
    assert.equal(heard, ['state 0', 'state 1', 'state 2'])
    // Their agent says good-bye on a later turn, and cannot when it is closed.
    await sleep(system, 300)
  } finally {
    agent.close()
    server.close()
  }
})

test.run()
