/** CoAP over WebSockets (RFC 8323 §4): messages, both ends in memory in virtual time, and both over `ws` on the loopback interface. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import WebSocket, { WebSocketServer } from 'ws'
import { system, virtual } from '@favonius/clock'
import type { Env } from '@favonius/contract'
import { codeOf, suite } from '@favonius/testing'
import { CODE, CoapClient, CoapServer, serverDefaults, OPTION, type Settings } from '../src/index.ts'
import { MAX_MESSAGE_SIZE, SIGNAL } from '../src/tcp/wire.ts'
import { Message } from '../src/wire.ts'
import { CoapWebSockets, SUBPROTOCOL, type WebSocketLike } from '../src/ws/index.ts'
import { emitMessage, inMessages, readMessage } from '../src/ws/wire.ts'
import { program, TOLD } from './program.ts'
import { serve } from './served.ts'
import { ends, type End } from './streams.ts'

const test = suite('CoAP: WebSockets')
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('RFC 8323 §4.2: a message has no length of its own', () => {
  const data = emitMessage(Uint8Array.of(7, 8), { code: CODE.GET, options: [[OPTION.URI_PATH, 'x']], payload: new Uint8Array(300) })
  assert.is(hex(data.subarray(0, 7)), '02010708b178ff')
  const message = new Message()
  assert.is(readMessage(data, message), undefined)
  assert.equal([message.code, hex(message.token), message.payload.length, message.texts(OPTION.URI_PATH)], [CODE.GET, '0708', 300, ['x']])
  assert.is(readMessage(Uint8Array.of(0x10, 1, 0xff), message), 'a length, where the WebSocket says it')
  assert.is(readMessage(Uint8Array.of(0), message), 'a short header')
})

test('fuzz: whatever is read, nothing is thrown, and no more than the limit is taken', () => {
  const message = new Message()
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (data) => {
    let read = 0
    const malformed = inMessages.reader(50).take(data, message, () => {
      read++
      return true
    })
    assert.is(read, malformed === undefined ? 1 : 0)
    if (data.length > 50) assert.ok(malformed !== undefined)
  }), { numRuns: 2000 })
})

// ---- in memory ----

/** A server, and a client whose sockets it accepts. */
async function between(body: (made: { env: Env; client: CoapClient; server: CoapServer; accepting: CoapWebSockets; asking: CoapWebSockets; urls: string[]; sockets: End[] }) => Promise<void>, settings: Partial<Settings> = {}, protocol = SUBPROTOCOL): Promise<void> {
  const env = virtual({ seed: 3 })
  const urls: string[] = []
  const sockets: End[] = []
  const accepting = new CoapWebSockets(env, undefined, settings)
  const server = new CoapServer(accepting, env)
  serve(server)
  const asking = new CoapWebSockets(env, (url) => {
    urls.push(url)
    const [ours, theirs] = ends(env, protocol)
    sockets.push(ours)
    ours.later(() => {
      ours.readyState = theirs.readyState = 1
      accepting.accept(theirs, { address: 'tab', port: urls.length })
      ours.tell('open')
    })
    return ours
  })
  const client = new CoapClient(asking, env)
  await env.run(async () => {
    try {
      await body({ env, client, server, accepting, asking, urls, sockets })
    } finally {
      client.close()
      server.close()
    }
  })
  env.advance(1000)
  assert.is(env.armed, 0)
}

test('both ends: the program, over one WebSocket at the path of RFC 8323 §8.3', () => between(async ({ client, server, asking, accepting, urls, sockets }) => {
  assert.equal(await program(client, 'coap+ws://host.example'), TOLD)
  assert.equal(urls, ['ws://host.example:80/.well-known/coap'])
  assert.equal([asking.connections, accepting.connections, server.kept.observers], [1, 1, 0])
  const message = new Message()
  assert.is(readMessage(sockets[0]!.sent[0]!, message), undefined)
  assert.equal([message.code, message.uint(MAX_MESSAGE_SIZE)], [SIGNAL.CSM, serverDefaults.maxMessage], 'a CSM is the first that is said')
  assert.equal([asking.statistics.dropped, accepting.statistics.dropped].map((dropped) => Object.values(dropped).some((count) => count > 0)), [false, false])
  await client.get('coap+ws://[2001:db8::2]:8080/hello')
  assert.is(urls[1], 'ws://[2001:db8::2]:8080/.well-known/coap')
  assert.is(await codeOf(client.get('coap+tcp://host.example/hello')), 'EINVAL')
}))

test('what waits is told when the WebSocket closes, and the next request opens another', () => between(async ({ client, server, sockets, asking, urls }) => {
  server.resource('/never', { get: () => new Promise<string>(() => {}) })
  await client.get('coap+ws://host/hello')
  const waits = codeOf(client.get('coap+ws://host/never'))
  sockets[0]!.other.close()
  assert.is(await waits, 'ECONNRESET')
  assert.is(asking.connections, 0)
  assert.is((await client.get('coap+ws://host/hello')).status, '2.05')
  assert.is(urls.length, 2)
}))

test('what is no message ends it with an abort: text, a length, and more than the limit', () => between(async ({ client, accepting, sockets }) => {
  for (const [i, bad] of ['text', Uint8Array.of(0x10, 1).buffer, new Uint8Array(serverDefaults.maxMessage + 1).buffer].entries()) {
    await client.get('coap+ws://host/hello')
    const waits = codeOf(client.get('coap+ws://host/hello'))
    sockets[i]!.other.tell('message', bad)
    assert.is(await waits, 'ECONNRESET')
    assert.is(sockets[i]!.other.sent.at(-1)![1], SIGNAL.ABORT)
    assert.is(accepting.statistics.dropped.malformed, i + 1)
  }
}))

test('RFC 8323 §4.1: without the subprotocol there is no CoAP, at either end', () => between(async ({ client, accepting }) => {
  assert.is(await codeOf(client.get('coap+ws://host/hello')), 'ECONNRESET')
  assert.equal([accepting.connections, accepting.statistics.dropped.malformed], [0, 1])
}, {}, 'chat'))

test('no more than maxPeers are accepted, and who comes again takes the place of the one before', () => between(async ({ env, client, accepting, asking, sockets }) => {
  await client.get('coap+ws://host/hello')
  assert.is(await codeOf(client.get('coap+ws://other/hello')), 'ECONNRESET')
  assert.equal([accepting.statistics.dropped.peers, asking.connections], [1, 1])
  const [, again] = ends(env)
  again.readyState = 1
  accepting.accept(again, { address: 'tab', port: 1 })
  assert.equal([accepting.connections, again.sent[0]![1], sockets[0]!.other.readyState], [1, SIGNAL.CSM, 2])
}, { maxPeers: 1 }))

test('who does not read is given up', () => between(async ({ client, sockets }) => {
  await client.get('coap+ws://host/hello')
  sockets[0]!.other.bufferedAmount = 1 << 20
  for (let i = 0; i < 2; i++) await client.get('coap+ws://host/hello')
  assert.equal(sockets.map(({ readyState }) => readyState), [3, 1])
}))

test('where no WebSocket can be made it is as if nobody were there', async () => {
  for (const open of [undefined, () => { throw new Error('a policy') }]) {
    const asking = new CoapWebSockets(system, open)
    const client = new CoapClient(asking, system)
    assert.is(await codeOf(client.get('coap+ws://host/hello')), 'ECONNRESET')
    assert.is(asking.connections, 0)
    client.close()
  }
})

test('a secure one has URIs of its own, and the ports of the web', async () => {
  const urls: string[] = []
  const client = new CoapClient(new CoapWebSockets(system, (url) => {
    urls.push(url)
    throw new Error('not today')
  }, { secure: true }), system)
  assert.is(await codeOf(client.get('coap+wss://host.example/x')), 'ECONNRESET')
  assert.is(await codeOf(client.get('coap+ws://host.example/x')), 'EINVAL')
  assert.equal(urls, ['wss://host.example:443/.well-known/coap'])
  client.close()
})

// ---- over ws ----

test('both ends over ws: the program, and the end', async () => {
  const accepting = new CoapWebSockets(system, undefined)
  const server = new CoapServer(accepting, system)
  serve(server)
  const listening = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/.well-known/coap' })
  listening.on('connection', (socket, { socket: { remoteAddress, remotePort } }) => accepting.accept(socket as WebSocketLike, { address: remoteAddress!, port: remotePort! }))
  await once(listening, 'listening')
  const at = `coap+ws://127.0.0.1:${(listening.address() as AddressInfo).port}`
  const client = new CoapClient(new CoapWebSockets(system, (url) => new WebSocket(url, SUBPROTOCOL) as WebSocketLike), system)
  try {
    assert.equal(await program(client, at), TOLD)
    server.resource('/never', { get: () => new Promise<string>(() => {}) })
    const waits = codeOf(client.get(`${at}/never`))
    await client.get(`${at}/hello`)
    server.close()
    assert.is(await waits, 'ECONNRESET')
    assert.is(accepting.connections, 0)
  } finally {
    client.close()
    server.close()
    await new Promise((resolve) => listening.close(resolve))
  }
  const nobody = new CoapClient(new CoapWebSockets(system, (url) => new WebSocket(url, SUBPROTOCOL) as WebSocketLike), system)
  assert.is(await codeOf(nobody.get('coap+ws://127.0.0.1:1/')), 'ECONNRESET')
  nobody.close()
})

test.run()
