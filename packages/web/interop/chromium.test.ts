/**
 * A page whose stack is in a worker. Over BroadcastChannel it meets a stack in another tab, over WebSocket a stack in Node, and fetches a page from a
 * node:http server that runs on that.
 */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { build } from 'esbuild'
import * as assert from 'uvu/assert'
import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { Arena, netbufIn } from '@favonius/netbuf'
import { attach } from '@favonius/node/http'
import { nodeNet } from '@favonius/node/net'
import { listenWebSocket } from '@favonius/node/websocket'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { tcp } from '@favonius/tcp'
import { peer, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { openBrowser } from './browser.ts'

const test = suite('web: chromium', { timeout: 60_000 })

/** A stack on a device that `device` makes, at `address`. */
const stackOn = (device: string, address: string): string => `
  import { system } from '@favonius/clock'
  import { ethernet } from '@favonius/ethernet'
  import { ipv4 } from '@favonius/ipv4'
  import { sockets } from '@favonius/sockets'
  import { compose } from '@favonius/stack'
  import { tcp } from '@favonius/tcp'
  import { udp } from '@favonius/udp'
  import { broadcastDevice, connectWebSocket } from '@favonius/web'
  import { serveStack, sharedPort } from '@favonius/web/worker'
  const stack = compose(system, ethernet(), ipv4(), udp(), tcp(), sockets())
  const attach = async (device, address) => {
    const iface = stack.netif.add(device)
    stack.ipv4.addAddress(iface, address)
    await iface.up()
  }
  const up = attach(${device}, '${address}')`

/** One tab: its stack is its own, and echoes datagrams and streams at port 4242. */
const echo = `${stackOn("broadcastDevice(system, 'segment')", '192.0.2.1/24')}
  up.then(async () => {
    const socket = await stack.sockets.open({ port: 4242 }, { receive: (data, from) => void socket.send(data, from) })
    const listener = await stack.sockets.listen({ port: 4242 })
    fetch('/ready', { method: 'POST' })
    for await (const { readable, writable } of listener) readable.pipeTo(writable).catch(() => {})
  })`

/** The worker of the other: a stack with two links, pings on demand, and sockets for its page. */
const worker = `${stackOn("broadcastDevice(system, 'segment')", '192.0.2.2/24')}
  addEventListener('message', async ({ data: { url, port, memory } }) => {
    await up
    await attach(connectWebSocket(system, url), '198.51.100.2/24')
    serveStack(sharedPort(port, memory, 0), { streams: stack.sockets, datagrams: stack.sockets })
    const pings = []
    for (const host of ['192.0.2.1', '198.51.100.1']) pings.push((await stack.ipv4.ping(host, { count: 3, interval: 20 })).received)
    postMessage(pings)
  })`

/** Its page: the sockets that the worker's stack has, in the shapes of the web. */
const page = `
  import { system } from '@favonius/clock'
  import { connect } from '@favonius/sockets/web'
  import { sharedMemory, sharedPort, stackOver } from '@favonius/web/worker'
  const [encoder, decoder] = [new TextEncoder(), new TextDecoder()]
  const { streams, datagrams, ...remote } = stackOver(await begin())

  async function begin() {
    const { port1, port2 } = new MessageChannel()
    const memory = sharedMemory()
    const worker = new Worker('/worker.js')
    const pinged = new Promise((resolve) => { worker.onmessage = resolve })
    worker.postMessage({ url: new URLSearchParams(location.search).get('ws'), port: port2, memory }, [port2])
    globalThis.began = (memory ? 'shared memory' : 'a port') + ', pings ' + (await pinged).data
    return sharedPort(port1, memory, 1)
  }
  const byUdp = async (address) => {
    let heard
    const echoed = new Promise((resolve) => { heard = resolve })
    const socket = await datagrams.open({}, { receive: (data) => heard(decoder.decode(data)) })
    socket.send(encoder.encode('datagram to ' + address), { address, port: 4242 })
    const text = await echoed
    socket.close()
    return text
  }
  /** What comes back for \`bytes\`, and then the end. */
  const byTcp = async (to, bytes, half) => {
    const { readable, writable, closed } = connect(system, streams, to, { allowHalfOpen: true })
    const writer = writable.getWriter()
    writer.write(bytes)
    if (half) writer.close()
    const parts = []
    for await (const part of readable) parts.push(part)
    if (!half) writer.close()
    await closed
    return new Uint8Array(await new Blob(parts).arrayBuffer())
  }
  async function run() {
    const lines = [globalThis.began]
    const megabyte = Uint8Array.from({ length: 1_000_000 }, (_, i) => i * 31 ^ i >> 8)
    for (const host of ['192.0.2.1', '198.51.100.1']) {
      lines.push(await byUdp(host))
      const back = await byTcp(host + ':4242', megabyte, true)
      lines.push(back.length + (back.every((byte, i) => byte === megabyte[i]) ? ' bytes by TCP' : ' other bytes by TCP'))
    }
    const answer = decoder.decode(await byTcp('198.51.100.1:80', encoder.encode('GET /hello HTTP/1.1\\r\\nHost: 198.51.100.1\\r\\nConnection: close\\r\\n\\r\\n'), false))
    lines.push(answer.split('\\r\\n')[0], answer.split('\\r\\n\\r\\n')[1])
    return lines.join('\\n')
  }
  run().catch((error) => 'failed: ' + error.stack).then((body) => fetch('/report', { method: 'POST', body }))`

const bundle = async (contents: string): Promise<string> => (await build({
  stdin: { contents, resolveDir: process.cwd() },
  bundle: true, write: false, format: 'esm', platform: 'browser', target: 'es2022', conditions: ['@favonius/source'], logLevel: 'silent',
})).outputFiles[0]!.text

/** What a page must be served with so that it may share memory: it is isolated from others (HTML §7.1.3, §7.1.4). */
const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' } as const

/** Serves the pages and their scripts; `ready` and `report` resolve with what is posted there. */
async function serve(headers: Readonly<Record<string, string>>) {
  const posted: Record<string, (said: string) => void> = {}
  const waits = (path: string): Promise<string> => new Promise((resolve) => { posted[path] = resolve })
  const [ready, report] = [waits('/ready'), waits('/report')]
  const scripts: Readonly<Record<string, string>> = { '/echo.js': await bundle(echo), '/worker.js': await bundle(worker), '/page.js': await bundle(page) }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://here')
    const script = scripts[pathname]
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    if (request.method === 'POST') {
      void text(request).then((said) => {
        response.end()
        posted[pathname]?.(said)
      })
    } else if (script !== undefined) response.setHeader('content-type', 'text/javascript; charset=utf-8').end(script)
    else response.setHeader('content-type', 'text/html; charset=utf-8').end(`<!doctype html><script type="module" src="${pathname}.js"></script>`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ready, report,
    close(): void {
      server.closeAllConnections()
      server.close()
    },
  }
}

if (peer('chromium', { command: 'chromium', package: 'chromium' })) {
  for (const [link, headers] of [['a port', {}], ['shared memory', ISOLATED]] as const) test(`by a stack in its worker, behind ${link}, a page meets another tab over BroadcastChannel, and Node over WebSocket`, async () => {
    const pages = await serve(headers)
    const stack = compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv4(), udp(), tcp({ timeWaitDelay: 0 }), sockets())
    const listener = await listenWebSocket(system, { port: 0 }, (device) => {
      const tab = stack.netif.add(device)
      stack.ipv4.addAddress(tab, '198.51.100.1/24')
      void tab.up()
    }, { origins: [pages.origin] })
    const net = nodeNet({ streams: stack.sockets })
    const socket = await stack.sockets.open({ port: 4242 }, { receive: (data, from) => void socket.send(data, from) })
    net.createServer({ allowHalfOpen: true }, (stream) => stream.pipe(stream as never)).listen(4242)
    const web = await attach(createServer((request, response) => response.end(`you asked for ${request.url}`)), net, { port: 80 })
    const browser = await openBrowser()
    try {
      await browser.tab(`${pages.origin}/echo`)
      await pages.ready
      await browser.tab(`${pages.origin}/page?ws=${encodeURIComponent(listener.url)}`)
      const late = new Promise<string>((resolve) => { setTimeout(resolve, 40_000, 'no report came').unref() })
      assert.equal((await Promise.race([pages.report, late])).split('\n'), [
        `${link}, pings 3,3`, 'datagram to 192.0.2.1', '1000000 bytes by TCP', 'datagram to 198.51.100.1', '1000000 bytes by TCP', 'HTTP/1.1 200 OK', 'you asked for /hello',
      ])
      assert.equal(browser.errors, [])
    } finally {
      await browser.close()
      await listener.close()
      pages.close()
      socket.close()
      web.close()
      await stack.stop()
    }
    assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
  })
}

test.run()
