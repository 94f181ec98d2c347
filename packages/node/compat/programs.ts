/** A program for each row of the compatibility table: how the ecosystem is used, over our sockets. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import tls from 'node:tls'
import { agent, attach, faceFetch, secureAgent, serve, undiciConnect } from '@favonius/node/http'
import { certificate, HOST, text, type World } from './world.ts'

/** Several hundred kilobytes, so that windows and buffers fill. */
const BODY = 'A line of text, again and again.\n'.repeat(10_000)

const hello: http.RequestListener = (request, answer) => {
  if (request.url === '/echo') {
    request.pipe(answer)
    return
  }
  answer.setHeader('content-type', 'text/plain').end(`${request.method} ${request.url}\n${request.url === '/big' ? BODY : ''}`)
}

const request = async (module: typeof http | typeof https, options: http.RequestOptions | https.RequestOptions, body?: string): Promise<{ readonly status: number; readonly text: string }> => {
  const sent = module.request({ host: HOST, ...options }).end(body)
  const [answer] = await once(sent, 'response') as [IncomingMessage]
  return { status: answer.statusCode!, text: await text(answer) }
}

async function httpRow({ client, server }: World): Promise<void> {
  const listening = await attach(http.createServer(hello), server, { port: 80 })
  const createConnection = (options: object) => client.connect(options as never) as never
  assert.deepEqual(await request(http, { path: '/big', createConnection }), { status: 200, text: `GET /big\n${BODY}` })
  assert.deepEqual(await request(http, { path: '/echo', method: 'POST', createConnection }, BODY), { status: 200, text: BODY })
  await new Promise((closed) => listening.close(closed))
}

async function keepAliveRow({ client, server }: World): Promise<void> {
  const web = http.createServer(hello)
  const listening = await attach(web, server, { port: 80 })
  let connections = 0
  listening.on('connection', () => connections++)
  const pool = agent(client, { keepAlive: true, maxSockets: 2 })
  await Promise.all(Array.from({ length: 20 }, (_, n) => request(http, { path: `/${n}`, agent: pool }).then((got) => assert.equal(got.text, `GET /${n}\n`))))
  assert.equal(connections, 2)
  pool.destroy()
  await new Promise((closed) => listening.close(closed))
}

async function undiciRow({ client, server }: World): Promise<void> {
  const { Agent, request: ask } = await import('undici')
  const listening = await attach(http.createServer(hello), server, { port: 80 })
  const dispatcher = new Agent({ connect: undiciConnect(client) as never })
  const { statusCode, body } = await ask(`http://${HOST}/big`, { dispatcher })
  assert.equal(statusCode, 200)
  assert.equal(await body.text(), `GET /big\n${BODY}`)
  await dispatcher.close()
  await new Promise((closed) => listening.close(closed))
}

async function fetchRow({ client, server }: World): Promise<void> {
  const { Agent } = await import('undici')
  const listening = await attach(http.createServer(hello), server, { port: 80 })
  const dispatcher = new Agent({ connect: undiciConnect(client) as never })
  const response = await fetch(`http://${HOST}/echo`, { method: 'POST', body: BODY, dispatcher } as unknown as RequestInit)
  assert.equal(await response.text(), BODY)
  await dispatcher.close()
  await new Promise((closed) => listening.close(closed))
}

async function ownFetchRow({ client, server }: World): Promise<void> {
  const listening = await serve(server, async (asked) => {
    const { pathname } = new URL(asked.url)
    if (pathname === '/moved') return new Response(null, { status: 302, headers: { location: '/here' } })
    return asked.method === 'POST' ? new Response(asked.body) : new Response(`${asked.method} ${pathname}`, { headers: { 'x-kind': 'plain' } })
  }, { port: 80 })
  const ask = faceFetch(client)
  const moved = await ask(`http://${HOST}/moved`)
  assert.deepEqual([moved.status, moved.headers.get('x-kind'), await moved.text()], [200, 'plain', 'GET /here'])
  assert.equal(await (await ask(`http://${HOST}/echo`, { method: 'POST', body: BODY })).text(), BODY)
  await assert.rejects(ask(`http://${HOST}:81/`), (error: Error) => error instanceof TypeError && (error.cause as { code?: string }).code === 'ECONNREFUSED')
  await new Promise((closed) => listening.close(closed))
}

async function wsRow({ client, server }: World): Promise<void> {
  const { WebSocket, WebSocketServer } = await import('ws')
  const web = http.createServer()
  const far = new WebSocketServer({ server: web })
  far.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
  const listening = await attach(web, server, { port: 80 })
  const near = new WebSocket(`ws://${HOST}/`, { createConnection: ((options: object) => client.connect(options as never)) as never })
  await once(near, 'open')
  for (const message of ['hello', BODY]) {
    near.send(message)
    const [back] = await once(near, 'message') as [Buffer]
    assert.equal(back.toString(), message)
  }
  near.close(1000, 'enough')
  const [code] = await once(near, 'close') as [number]
  assert.equal(code, 1000)
  far.close()
  await new Promise((closed) => listening.close(closed))
}

async function tlsRow({ client, server }: World): Promise<void> {
  const pair = certificate()
  const secure = tls.createServer(pair, (socket) => socket.pipe(socket).on('error', () => {}))
  const listening = await attach(secure, server, { port: 443 })
  const socket = tls.connect({ socket: client.connect({ host: HOST, port: 443 }) as never, ca: pair.cert, servername: 'localhost' })
  await once(socket, 'secureConnect')
  assert.ok(socket.authorized)
  socket.end(BODY)
  assert.equal(await text(socket), BODY)
  await new Promise((closed) => listening.close(closed))
}

async function httpsRow({ client, server }: World): Promise<void> {
  const pair = certificate()
  const listening = await attach(https.createServer(pair, hello), server, { port: 443 })
  const pool = secureAgent(client, { ca: pair.cert, keepAlive: true })
  for (let n = 0; n < 3; n++) assert.deepEqual(await request(https, { path: '/big', agent: pool, servername: 'localhost' }), { status: 200, text: `GET /big\n${BODY}` })
  pool.destroy()
  await new Promise((closed) => listening.close(closed))
}

async function http2Row({ client, server }: World): Promise<void> {
  const pair = certificate()
  const web = http2.createSecureServer({ ...pair, allowHTTP1: false })
  web.on('stream', (stream, headers) => {
    stream.respond({ ':status': 200 })
    if (headers[':method'] === 'POST') stream.pipe(stream)
    else stream.end(`${headers[':path']}\n${BODY}`)
  })
  const listening = await attach(web, server, { port: 443 })
  const session = http2.connect(`https://${HOST}`, {
    createConnection: () => tls.connect({ socket: client.connect({ host: HOST, port: 443 }) as never, ca: pair.cert, servername: 'localhost', ALPNProtocols: ['h2'] }),
  })
  const answers = await Promise.all(Array.from({ length: 8 }, async (_, n) => {
    const stream = session.request({ ':path': `/${n}` })
    return text(stream)
  }))
  for (const [n, answer] of answers.entries()) assert.equal(answer, `/${n}\n${BODY}`)
  const echo = session.request({ ':path': '/echo', ':method': 'POST' })
  echo.end(BODY)
  assert.equal(await text(echo), BODY)
  session.close()
  await once(session, 'close')
  await new Promise((closed) => listening.close(closed))
}

async function mqttRow({ client, server }: World): Promise<void> {
  const [{ default: mqtt, MqttClient }, { Aedes }] = await Promise.all([import('mqtt'), import('aedes')])
  const Client = MqttClient ?? mqtt.MqttClient
  const broker = await Aedes.createBroker()
  const listening = server.createServer((socket) => broker.handle(socket as never))
  await new Promise<void>((ready) => listening.listen(1883, HOST, ready))
  const connect = (clientId: string) => new Client(() => client.connect({ host: HOST, port: 1883 }) as never, { clientId, reconnectPeriod: 0 } as never)
  const [ear, mouth] = [connect('ear'), connect('mouth')]
  await Promise.all([ear, mouth].map((one) => new Promise<void>((resolve, reject) => one.once('connect', () => resolve()).once('error', reject))))
  await ear.subscribeAsync('news/#', { qos: 1 })
  const heard: string[] = []
  const all = new Promise<void>((done) => ear.on('message', (topic, payload) => {
    if (heard.push(`${topic} ${payload.length}`) === 50) done()
  }))
  await Promise.all(Array.from({ length: 50 }, (_, n) => mouth.publishAsync(`news/${n}`, 'x'.repeat(n * 100), { qos: 1 })))
  await all
  assert.deepEqual([...heard].sort(), Array.from({ length: 50 }, (_, n) => `news/${n} ${n * 100}`).sort())
  await Promise.all([ear.endAsync(), mouth.endAsync()])
  await new Promise<void>((closed) => broker.close(closed))
  await new Promise((closed) => listening.close(closed))
}

async function coapRow({ clientDgram, serverDgram }: World): Promise<void> {
  const module = await import('coap')
  const coap = (module as unknown as { readonly default?: typeof module.default }).default ?? module as never
  const socket = serverDgram.createSocket('udp4').bind(5683, HOST)
  await once(socket, 'listening')
  const far = coap.createServer((asked, answer) => answer.end(`you asked for ${asked.url}, with ${asked.payload.length} bytes`))
  await new Promise<void>((ready) => far.listen(socket as never, () => ready()))
  const near = new coap.Agent({ type: 'udp4', socket: clientDgram.createSocket('udp4') as never })
  for (const [method, payload] of [['GET', ''], ['PUT', 'twenty bytes of text']] as const) {
    const sent = coap.request({ host: HOST, pathname: '/thing', method, agent: near })
    sent.end(payload)
    const [answer] = await once(sent, 'response') as [{ readonly payload: Buffer; readonly code: string }]
    assert.equal(answer.payload.toString(), `you asked for /thing, with ${payload.length} bytes`)
  }
  near.close()
  await new Promise((closed) => far.close(closed))
}

/** The rows, in the order of the table. */
export const programs: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'node:http, client and server': httpRow,
  'http.Agent, keep-alive': keepAliveRow,
  undici: undiciRow,
  'fetch with a dispatcher': fetchRow,
  'our fetch and serve': ownFetchRow,
  'ws, both sides': wsRow,
  'node:tls, both sides': tlsRow,
  'node:https': httpsRow,
  'node:http2, both sides': http2Row,
  'MQTT.js and aedes': mqttRow,
  'node-coap, both sides': coapRow,
}
