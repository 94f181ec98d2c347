/** Both links in a browser: a page, a stack in its worker on the same BroadcastChannel, and a stack in Node behind a WebSocket. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'
import * as assert from 'uvu/assert'
import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { listenWebSocket } from '@favonius/node/websocket'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { peer, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { openBrowser } from './browser.ts'

const test = suite('web: chromium', { timeout: 60_000 })

const imports = `
  import { system } from '@favonius/clock'
  import { ethernet } from '@favonius/ethernet'
  import { ipv4 } from '@favonius/ipv4'
  import { sockets } from '@favonius/sockets'
  import { compose } from '@favonius/stack'
  import { udp } from '@favonius/udp'
  import { broadcastDevice, connectWebSocket } from '@favonius/web'
  const stack = compose(system, ethernet(), ipv4(), udp(), sockets())
  const attach = async (device, address) => {
    const iface = stack.netif.add(device)
    stack.ipv4.addAddress(iface, address)
    await iface.up()
    return iface
  }`

/** Answers pings, and each datagram at port 4242 with itself. */
const worker = `${imports}
  attach(broadcastDevice(system, 'segment'), '192.0.2.1/24').then(async () => {
    const echo = stack.sockets.socket('inet', 'dgram')
    await echo.bind({ port: 4242 })
    postMessage('up')
    for (;;) {
      const { data, from } = await echo.recvfrom()
      await echo.sendto(data, from)
    }
  })`

/** Meets the worker and Node, and reports. */
const page = `${imports}
  const echoed = async (address) => {
    const client = stack.sockets.socket('inet', 'dgram')
    await client.sendto(new TextEncoder().encode('hello ' + address), { address, port: 4242 })
    return new TextDecoder().decode(await client.recv())
  }
  const meet = async (address) => {
    const { received } = await stack.ipv4.ping(address, { count: 3, interval: 20 })
    return received + ' pings, ' + await echoed(address)
  }
  async function run() {
    await new Promise((resolve) => { new Worker('/worker.js').onmessage = resolve })
    await attach(broadcastDevice(system, 'segment'), '192.0.2.2/24')
    const near = await meet('192.0.2.1')
    const device = connectWebSocket(system, new URLSearchParams(location.search).get('ws'))
    await attach(device, '198.51.100.2/24')
    return [near, await meet('198.51.100.1')].join('; ')
  }
  run().catch((error) => 'failed: ' + error.stack).then((body) => fetch('/report', { method: 'POST', body }))`

const bundle = async (contents: string): Promise<string> => (await build({
  stdin: { contents, resolveDir: process.cwd() },
  bundle: true, write: false, format: 'iife', platform: 'browser', target: 'es2022', conditions: ['@favonius/source'], logLevel: 'silent',
})).outputFiles[0]!.text

if (peer('chromium', { command: 'chromium', package: 'chromium' })) {
  test('a page meets a worker over BroadcastChannel, and Node over WebSocket', async () => {
    const [pageScript, workerScript] = await Promise.all([bundle(page), bundle(worker)])
    const stack = compose(system, ethernet(), ipv4(), udp(), sockets())
    let report!: (text: string) => void
    const reported = new Promise<string>((resolve) => { report = resolve })
    const server = createServer((request, response) => {
      if (request.method === 'POST') {
        let text = ''
        request.on('data', (chunk) => { text += chunk })
        request.on('end', () => {
          response.end()
          report(text)
        })
        return
      }
      const [type, body] = request.url === '/worker.js' ? ['text/javascript', workerScript] : ['text/html', `<!doctype html><script>${pageScript.replaceAll('</script', '<\\/script')}</script>`]
      response.setHeader('content-type', `${type}; charset=utf-8`).end(body)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const listener = await listenWebSocket(system, { port: 0 }, (device) => {
      const tab = stack.netif.add(device)
      stack.ipv4.addAddress(tab, '198.51.100.1/24')
      void tab.up()
    }, { origins: [origin] })
    const echo = await stack.sockets.open({ port: 4242 }, { receive: (data, from) => void echo.send(data, from) })
    const browser = await openBrowser()
    try {
      await browser.tab(`${origin}/?ws=${encodeURIComponent(listener.url)}`)
      const late = new Promise<string>((resolve) => { setTimeout(resolve, 40_000, 'no report came').unref() })
      assert.is(await Promise.race([reported, late]), '3 pings, hello 192.0.2.1; 3 pings, hello 198.51.100.1')
    } finally {
      await browser.close()
      await listener.close()
      server.closeAllConnections()
      server.close()
      echo.close()
      await stack.stop()
    }
    assert.is(stack.netif.buffers.live, 0)
  })
}

test.run()
