/** The codec beside coap-packet, and requests over node:dgram beside node-coap and a bare echo on the same kind of sockets. */

import { createSocket } from 'node:dgram'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { system } from '@favonius/clock'
import { CODE, CoapClient, CoapServer, OPTION, TYPE, type Option } from '@favonius/coap'
import { emit, Message, Writer } from '@favonius/coap/wire'
import { nodeDatagrams } from '@favonius/node'
import coap from 'coap'
import { compare, figure, median, smoke } from '../../../bench/measure.ts'

interface Packet {
  code: string
  messageId: number
  token: Buffer
  payload: Buffer
  options: { name: string; value: Buffer }[]
}
// What node-coap itself has for a codec.
const packet = createRequire(createRequire(import.meta.url).resolve('coap'))('coap-packet') as { parse(data: Buffer): Packet; generate(packet: object): Buffer }

// ---- the codec ----

const token = Uint8Array.of(1, 2, 3, 4)
const body = new TextEncoder().encode('22.3 C'.repeat(10))
const get = { code: CODE.GET, options: [[OPTION.URI_PATH, 'sensors'], [OPTION.URI_PATH, 'temperature'], [OPTION.URI_QUERY, 'unit=celsius']] as readonly Option[] }
const content = { code: CODE.CONTENT, options: [[OPTION.ETAG, token], [OPTION.CONTENT_FORMAT, 0], [OPTION.MAX_AGE, 30]] as readonly Option[], payload: body }
const theirs = {
  GET: { confirmable: true, code: '0.01', messageId: 0x7d34, token: Buffer.from(token), options: [{ name: 'Uri-Path', value: Buffer.from('sensors') }, { name: 'Uri-Path', value: Buffer.from('temperature') }, { name: 'Uri-Query', value: Buffer.from('unit=celsius') }] },
  2.05: { ack: true, code: '2.05', messageId: 0x7d34, token: Buffer.from(token), payload: Buffer.from(body), options: [{ name: 'ETag', value: Buffer.from(token) }, { name: 'Content-Format', value: Buffer.alloc(0) }, { name: 'Max-Age', value: Buffer.from([30]) }] },
}
const into = new Uint8Array(512)
const writer = new Writer()
const message = new Message()
const path = 'sensors'
const leaf = 'temperature'
const query = 'unit=celsius'
const flat = {
  GET: () => writer.begin(into, TYPE.CON, CODE.GET, 0x7d34, token).text(OPTION.URI_PATH, path).text(OPTION.URI_PATH, leaf).text(OPTION.URI_QUERY, query).end(),
  2.05: () => writer.begin(into, TYPE.ACK, CODE.CONTENT, 0x7d34, token).bytes(OPTION.ETAG, token).uint(OPTION.CONTENT_FORMAT, 0).uint(OPTION.MAX_AGE, 30).end(body),
}

/** Objects for everything, as coap-packet makes them. */
function eager(bytes: Uint8Array): object {
  const why = message.read(bytes)
  if (why !== undefined) throw new Error(why)
  const options: { number: number; value: Uint8Array }[] = []
  while (message.next()) options.push({ number: message.number, value: message.value() })
  return { type: message.type, code: message.code, id: message.id, token: message.token, options, payload: message.payload }
}

for (const [name, type, draft] of [['GET', TYPE.CON, get], ['2.05', TYPE.ACK, content]] as const) {
  const bytes = emit(type, 0x7d34, token, draft)
  const buffer = Buffer.from(bytes)
  const generated = packet.generate(theirs[name])
  if (Buffer.compare(generated, bytes) !== 0 || Buffer.compare(into.subarray(0, flat[name]()), bytes) !== 0) throw new Error(`the codecs do not agree on ${name}`)
  compare(`parse ${name}, flat`, 'coap-packet', 'must be 10, goal 20', () => {
    let sum = message.read(bytes) === undefined ? message.payloadAt : 0
    while (message.next()) sum += message.number + message.length
    return sum
  }, () => packet.parse(buffer))
  compare(`parse ${name}, objects`, 'coap-packet', 'must be 2', () => eager(bytes), () => packet.parse(buffer))
  compare(`generate ${name}, flat`, 'coap-packet', 'must be 20, goal 50', flat[name], () => packet.generate(theirs[name]))
  compare(`generate ${name}, from objects`, 'coap-packet', 'must be 2', () => emit(type, 0x7d34, token, draft), () => packet.generate(theirs[name]))
}

// ---- requests over node:dgram ----

const REQUESTS = smoke ? 200 : 30_000
const FLIGHTS = [1, 16] as const

/** So many requests, `flight` at once; how many a second. */
async function rate(flight: number, requests: number, ask: () => Promise<unknown>): Promise<number> {
  let left = requests
  const one = async (): Promise<void> => {
    while (left-- > 0) await ask()
  }
  const began = performance.now()
  await Promise.all(Array.from({ length: flight }, one))
  return requests / (performance.now() - began) * 1000
}

async function favonius(flight: number): Promise<number> {
  const server = await CoapServer.open(nodeDatagrams(), system, { address: '127.0.0.1', port: 0 })
  server.resource('/test', { get: () => 'hello' })
  // A client of its own for each round: 65536 ids last for EXCHANGE_LIFETIME.
  const client = new CoapClient(nodeDatagrams(), system, { nstart: flight, local: { address: '127.0.0.1' } })
  const uri = `coap://127.0.0.1:${server.local.port}/test`
  const measured = await rate(flight, REQUESTS, async () => {
    const { text } = await client.get(uri)
    if (text !== 'hello') throw new Error(text)
  })
  client.close()
  server.close()
  return measured
}

async function nodeCoap(flight: number): Promise<number> {
  const server = coap.createServer((_request: unknown, response: { end(text: string): void }) => response.end('hello'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const { port } = (server as unknown as { _sock: { address(): AddressInfo } })._sock.address()
  const agent = new coap.Agent({ type: 'udp4' })
  const measured = await rate(flight, REQUESTS, () => new Promise((resolve, reject) => {
    coap.request({ hostname: '127.0.0.1', port, pathname: '/test', agent }).on('response', (response) => {
      if (String(response.payload) === 'hello') resolve(undefined)
      else reject(new Error(String(response.payload)))
    }).on('error', reject).end()
  }))
  agent.close()
  server.close()
  return measured
}

/** A datagram there and back, with nothing that speaks CoAP. */
async function echo(flight: number): Promise<number> {
  const open = (): Promise<ReturnType<typeof createSocket>> => new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1', () => resolve(socket))
  })
  const [server, client] = [await open(), await open()]
  server.on('message', (data, from) => server.send(data, from.port, from.address))
  const waiting: (() => void)[] = []
  client.on('message', () => waiting.shift()?.())
  const data = Buffer.from(emit(TYPE.CON, 1, token, get))
  const { port } = server.address()
  const measured = await rate(flight, REQUESTS, () => new Promise<void>((resolve) => {
    waiting.push(resolve)
    client.send(data, port, '127.0.0.1')
  }))
  client.close()
  server.close()
  return measured
}

for (const flight of FLIGHTS) {
  const rates: Record<'favonius' | 'node-coap' | 'echo', number[]> = { favonius: [], 'node-coap': [], echo: [] }
  for (let round = 0; round < (smoke ? 1 : 7); round++) {
    rates.favonius.push(await favonius(flight))
    rates['node-coap'].push(await nodeCoap(flight))
    rates.echo.push(await echo(flight))
  }
  const [ours, other, bare] = [rates.favonius, rates['node-coap'], rates.echo].map((all) => median(all.slice(smoke ? 0 : 2))) as [number, number, number]
  const note = `${flight} in flight, client and server in one process`
  figure({ name: `GET over node:dgram, favonius, ${flight} in flight`, value: ours, unit: 'requests/s', note })
  figure({ name: `GET over node:dgram, node-coap, ${flight} in flight`, value: other, unit: 'requests/s', note })
  figure({ name: `a bare echo over node:dgram, ${flight} in flight`, value: bare, unit: 'round trips/s', note })
  figure({ name: `favonius ÷ node-coap, ${flight} in flight`, value: ours / other, unit: '×', note: flight === 16 ? 'must be 5' : undefined })
  // Of a request's time the most is the kernel's, and Node's: what is left is what there is to be won.
  if (other < ours && ours < bare) figure({ name: `node-coap ÷ favonius, what each adds to the echo, ${flight} in flight`, value: (1 / other - 1 / bare) / (1 / ours - 1 / bare), unit: '×' })
  figure({ name: `favonius ÷ bare echo, ${flight} in flight`, value: ours / bare, unit: '×', note: flight === 16 ? 'goal 0.7' : undefined })
}
