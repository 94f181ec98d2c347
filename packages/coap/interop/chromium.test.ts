/** The client's program in a browser, byte for byte that of `test/program.ts`, with a server in Node that accepts its WebSocket. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import * as assert from 'uvu/assert'
import { WebSocketServer } from 'ws'
import { system } from '@favonius/clock'
import { peer, suite } from '@favonius/testing'
import { CoapServer } from '../src/index.ts'
import { CoapWebSockets, WELL_KNOWN_COAP, type WebSocketLike } from '../src/ws/index.ts'
import { TOLD } from '../test/program.ts'
import { serve } from '../test/served.ts'

const test = suite('CoAP: chromium', { timeout: 60_000 })

/** Runs the program when it is opened, and posts what it is told. */
const page = `
  import { system } from '@favonius/clock'
  import { CoapClient } from '@favonius/coap/client'
  import { CoapWebSockets, SUBPROTOCOL } from '@favonius/coap/ws'
  import { program } from './packages/coap/test/program.ts'
  const client = new CoapClient(new CoapWebSockets(system, (url) => new WebSocket(url, SUBPROTOCOL)), system)
  // By its name: it is the browser that knows where that is.
  program(client, 'coap+ws://' + location.host)
    .catch((error) => ['failed: ' + error.stack])
    .then((lines) => fetch('/report', { method: 'POST', body: lines.join('\\n') }))`

const script = async (): Promise<string> => (await build({
  stdin: { contents: page, resolveDir: process.cwd() },
  bundle: true, write: false, format: 'esm', platform: 'browser', target: 'es2022', conditions: ['@favonius/source'], logLevel: 'silent',
})).outputFiles[0]!.text

if (peer('chromium', { command: 'chromium', package: 'chromium' })) {
  test('the program in a page, over a WebSocket, with a server in Node', async () => {
    const bundled = await script()
    let reported: (said: string) => void = () => {}
    const report = new Promise<string>((resolve) => { reported = resolve })
    const web = createServer((request, response) => {
      if (request.method === 'POST') {
        void text(request).then((said) => {
          response.end()
          reported(said)
        })
      } else if (request.url === '/page.js') response.setHeader('content-type', 'text/javascript; charset=utf-8').end(bundled)
      else response.setHeader('content-type', 'text/html; charset=utf-8').end('<!doctype html><script type="module" src="/page.js"></script>')
    })
    const accepting = new CoapWebSockets(system, undefined)
    const server = new CoapServer(accepting, system)
    serve(server)
    const sockets = new WebSocketServer({ server: web, path: WELL_KNOWN_COAP })
    sockets.on('connection', (socket, { socket: { remoteAddress, remotePort } }) => accepting.accept(socket as WebSocketLike, { address: remoteAddress!, port: remotePort! }))
    web.listen(0, '127.0.0.1')
    await once(web, 'listening')
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] })
    try {
      const errors: string[] = []
      const tab = await browser.newPage()
      tab.on('pageerror', ({ message }) => void errors.push(message))
      await tab.goto(`http://localhost:${(web.address() as AddressInfo).port}/`, { waitUntil: 'commit' })
      const late = new Promise<string>((resolve) => { setTimeout(resolve, 40_000, 'no report came').unref() })
      assert.equal((await Promise.race([report, late])).split('\n'), TOLD)
      assert.equal(errors, [])
      assert.equal([accepting.connections, server.kept.observers, accepting.statistics.dropped.malformed], [1, 0, 0])
    } finally {
      await browser.close()
      server.close()
      sockets.close()
      web.closeAllConnections()
      web.close()
    }
  })
}

test.run()
