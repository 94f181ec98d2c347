/** A day of keep-alive traffic in virtual time, by node:http over the faces: nothing is left of it. */

import http, { type IncomingMessage } from 'node:http'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { agent, attach } from '@favonius/node/http'
import { nodeNet } from '@favonius/node/net'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { tcp } from '@favonius/tcp'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import * as assert from 'uvu/assert'

const test = suite('node: a day', { timeout: 120_000 })

const HOURS = 24
/** Milliseconds between two requests. */
const EVERY = 60_000

test('24 simulated hours of requests on one connection, with keep-alive probes: one socket, and at the end none, no timer, no buffer', async () => {
  const net = simulate({ seed: 1 })
  const lan = net.ethernet({ latency: 5, loss: 0.01 })
  const parts = [ethernet(), ipv4(), udp(), tcp(), sockets()] as const
  const [a, b] = [net.node('a', parts, lan), net.node('b', parts, lan)]
  a.stack.ipv4.addAddress(a.iface, '192.0.2.1/24')
  b.stack.ipv4.addAddress(b.iface, '192.0.2.2/24')
  const wake = (): void => net.env.wake()
  const [client, server] = [nodeNet({ streams: a.stack.sockets, wake }), nodeNet({ streams: b.stack.sockets, wake })]
  let requests = 0
  const web = http.createServer((asked, answer) => answer.end(`${requests++} ${asked.url}`))
  // Real milliseconds, of which a simulated day has few.
  web.keepAliveTimeout = web.headersTimeout = web.requestTimeout = 0
  const pool = agent(client, { keepAlive: true, keepAliveMsecs: 10_000, maxSockets: 1 })
  let connections = 0
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const listening = await attach(web, server, { port: 80 })
    listening.on('connection', () => connections++)
    const ask = (path: string): Promise<string> => new Promise((resolve, reject) => {
      http.get({ host: '192.0.2.2', path, agent: pool }, (answer: IncomingMessage) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (part) => { text += part }).on('end', () => {
          wake()
          resolve(text)
        })
      }).on('error', (error) => {
        wake()
        reject(error)
      })
    })
    for (let n = 0; n < HOURS * 3_600_000 / EVERY; n++) {
      assert.is(await ask(`/${n}`), `${n} /${n}`)
      await sleep(net.env, EVERY)
    }
    assert.is(connections, 1)
    assert.is(a.stack.tcp.connections.length, 1)
    pool.destroy()
    await new Promise<void>((closed) => listening.close(() => {
      wake()
      closed()
    }))
    await sleep(net.env, 120_000)
    assert.is(a.stack.tcp.connections.length + b.stack.tcp.connections.length, 0)
    assert.is(a.stack.netif.buffers.live + b.stack.netif.buffers.live, 0)
  }, { limit: 2 * HOURS * 3_600_000 })
  assert.is(requests, HOURS * 60)
  await net.stop()
  assert.is(net.env.armed, 0)
})

test.run()
