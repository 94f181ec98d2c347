/** The same packages in a browser tab: a simulated network, and two stacks in real time, bundled as a page would be. */

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import * as assert from 'uvu/assert'
import { peer, suite } from '@favonius/testing'

const test = suite('a browser tab', { timeout: 90_000 })

const page = `
  import { system } from '@favonius/clock'
  import { ethernet } from '@favonius/ethernet'
  import { ipv4 } from '@favonius/ipv4'
  import { ipv6 } from '@favonius/ipv6'
  import { EthernetSegment, simulate } from '@favonius/sim'
  import { sockets } from '@favonius/sockets'
  import { compose } from '@favonius/stack'
  import { udp } from '@favonius/udp'

  const features = [ethernet(), ipv4(), ipv6(), udp(), sockets()]
  async function simulated() {
    const net = simulate({ seed: 7 })
    const lan = net.ethernet({ latency: 1 })
    const [a, b] = [net.node('a', features, lan), net.node('b', features, lan)]
    a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
    b.stack.ipv6.addAddress(b.iface, '2001:db8::2/64')
    const result = await net.run(async () => {
      await Promise.all([a.iface.up(), b.iface.up()])
      return a.stack.ipv6.ping('2001:db8::2', { count: 3 })
    })
    await net.stop()
    return result.roundTrips.join(' ')
  }
  async function real() {
    const wire = new EthernetSegment(system)
    const stacks = [1, 2].map((host) => {
      const stack = compose(system, ...features)
      const eth0 = stack.netif.add(wire.device())
      stack.ipv4.addAddress(eth0, '192.0.2.' + host + '/24')
      return { ...stack, eth0 }
    })
    await Promise.all(stacks.map(({ eth0 }) => eth0.up()))
    const [a, b] = stacks.map((stack) => stack.sockets.socket('inet', 'dgram'))
    await b.bind({ port: 4242 })
    await a.sendto(new TextEncoder().encode('hello'), { address: '192.0.2.2', port: 4242 })
    const { data, from } = await b.recvfrom()
    for (const stack of stacks) await stack.stop()
    return new TextDecoder().decode(data) + ' from ' + from.address
  }
  const say = (text) => { document.title = text; document.body.textContent = text }
  Promise.all([simulated(), real()]).then((said) => say(said.join('; ')), (error) => say('failed: ' + error.stack))`

if (peer('chromium', { command: 'chromium', package: 'chromium' })) {
  test('packets travel there too, over WebAssembly memory and without anything of Node', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'favonius-browser-'))
    try {
      const { outputFiles } = await build({
        stdin: { contents: page, resolveDir: process.cwd() },
        bundle: true, write: false, format: 'iife', platform: 'browser', target: 'es2022', conditions: ['@favonius/source'], logLevel: 'silent',
      })
      writeFileSync(join(folder, 'page.html'), `<!doctype html><title>runs</title><body></body><script>${outputFiles[0]!.text.replaceAll('</script', '<\\/script')}</script>`)
      const dom = await new Promise<string>((resolve, reject) => execFile('chromium', [
        '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', `--user-data-dir=${folder}/profile`, '--virtual-time-budget=20000', '--dump-dom',
        `file://${folder}/page.html`,
      ], { timeout: 60_000 }, (error, stdout) => (error ? reject(error) : resolve(stdout))))
      assert.match(dom, /<title>4 2 2; hello from 192\.0\.2\.1<\/title>/)
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    }
  })
}

test.run()
