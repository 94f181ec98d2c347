/** The kernel's streams through TLS: the same conformance, and who is refused. */

import { connect as dial, createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Stream, StreamNet, StreamSink } from '@favonius/contract'
import { codeOf, streamConformance, suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { nodeStreams, type NodeTls } from '../src/index.ts'
import { authority } from './certificates.ts'

const HOST = '127.0.0.1'
const turn = (): Promise<void> => new Promise((soon) => setImmediate(soon))
const ca = authority()
const server = ca.issue('server', `IP:${HOST},DNS:server.example`)
const trusting = { ca: ca.cert }
const quiet: StreamSink = { receive() {}, closed() {} }

streamConformance('node:tls', async () => ({
  a: nodeStreams({ tls: trusting }),
  b: nodeStreams({ tls: server }),
  addressA: HOST,
  addressB: HOST,
  foreign: '192.0.2.99',
  async until(done) {
    for (const end = performance.now() + 10_000; !done(); await turn()) if (performance.now() > end) throw new Error('nothing came')
  },
  async settle() {
    for (const end = performance.now() + 100; performance.now() < end;) await turn()
  },
  run: (body) => body(),
  stop: async () => {},
}))

const test = suite('node: TLS of nodeStreams')

/** Listens with `tls`, and answers whom it accepts. */
async function listen(tls: NodeTls) {
  const accepted: Stream[] = []
  const listener = await nodeStreams({ tls }).listen({ address: HOST }, (stream) => {
    accepted.push(stream)
    stream.write(new TextEncoder().encode('welcome'))
    stream.end()
    return { receive() {}, ended() {}, closed() {} }
  })
  return { to: listener.local, accepted, close: () => listener.close() }
}

/** What is heard, or the code of why not. */
async function hear(net: StreamNet, to: { address: string; port: number }): Promise<string> {
  let text = ''
  try {
    return await new Promise<string>((resolve, reject) => {
      net.connect(to, {
        receive: (chunk) => { text += new TextDecoder().decode(chunk) },
        ended: () => resolve(text),
        closed: (error) => (error === undefined ? resolve(text) : reject(error)),
      }).then((stream) => stream.end(), reject)
    })
  } catch (error) {
    return (error as { code: string }).code
  }
}

test('a certificate must be of an authority that is trusted, and name whom we meant', async () => {
  const { to, close } = await listen(server)
  assert.is(await hear(nodeStreams({ tls: trusting }), to), 'welcome')
  assert.is(await hear(nodeStreams({ tls: { ...trusting, servername: 'server.example' } }), to), 'welcome')
  assert.is(await hear(nodeStreams({ tls: {} }), to), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  assert.is(await hear(nodeStreams({ tls: { ...trusting, servername: 'other.example' } }), to), 'ERR_TLS_CERT_ALTNAME_INVALID')
  assert.is(await hear(nodeStreams({ tls: { rejectUnauthorized: false } }), to), 'welcome')
  close()
})

test('a server may ask for certificates, and refuses who has none of its authority', async () => {
  const { to, accepted, close } = await listen({ ...server, ca: ca.cert, requestCert: true })
  assert.is(await hear(nodeStreams({ tls: { ...trusting, ...ca.issue('client') } }), to), 'welcome')
  const stranger = authority().issue('client')
  // In TLS 1.3 a client is done before the server has looked: then it hears an alert, or an end and nothing before it.
  for (const tls of [trusting, { ...trusting, ...stranger }]) assert.match(await hear(nodeStreams({ tls }), to), /^(|ECONNRESET|ERR_SSL_.*)$/)
  assert.is(accepted.length, 1)
  close()
})

test('who shares no protocol is refused (RFC 7301 §3.2)', async () => {
  const { to, close } = await listen({ ...server, ALPNProtocols: ['mqtt'] })
  assert.is(await hear(nodeStreams({ tls: { ...trusting, ALPNProtocols: ['http/1.1', 'mqtt'] } }), to), 'welcome')
  assert.match(await hear(nodeStreams({ tls: { ...trusting, ALPNProtocols: ['http/1.1'] } }), to), /^(ERR_SSL_|ECONNRESET)/)
  close()
})

test('who does not speak TLS is given up: a server in time, a client at once, and the others go on', async () => {
  const silent = createServer(() => {}).listen(0, HOST)
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  assert.is(await codeOf(nodeStreams({ tls: trusting }).connect({ address: HOST, port }, quiet, { timeout: 50 })), 'ETIMEDOUT')
  silent.close()
  const { to, accepted, close } = await listen(server)
  const stranger = dial(to.port, to.address).on('error', () => {})
  stranger.write('GET / HTTP/1.1\r\n\r\n')
  await once(stranger, 'close')
  assert.is(await hear(nodeStreams({ tls: trusting }), to), 'welcome')
  assert.is(accepted.length, 1)
  assert.is(await codeOf(nodeStreams({ tls: trusting }).connect({ address: HOST, port }, quiet)), 'ECONNREFUSED')
  close()
})

test.run()
