/** passt: the host's sockets behind a unix socket, without root. In a network namespace of its own, from which nothing leaves. */

import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { address, prefix } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6/bare'
import { nd } from '@favonius/ipv6/nd'
import { Arena, netbufIn } from '@favonius/netbuf'
import { connectQemu } from '@favonius/qemu'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { makeNamespace, peer, suite, type Namespace, type Running } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'

const test = suite('qemu: passt', { timeout: 30_000 })

/**
 * What passt's guest, which is us, has for an address and a gateway. The gateway is the host's loopback in disguise; passt wants
 * IPv6's to be link-local.
 */
const families = [
  { host: '192.0.2.1', us: '198.51.100.2', gateway: '198.51.100.1', loopback: '127.0.0.1' },
  { host: '2001:db8::1', us: '2001:db8:1::2', gateway: 'fe80::1', loopback: '::1' },
] as const

/** On the host: sends back what it hears on port 7007. */
const ECHO = `
  for (const kind of ['udp4', 'udp6']) {
    const socket = require('dgram').createSocket({ type: kind, ipv6Only: kind === 'udp6' })
    socket.on('message', (data, from) => socket.send(data, from.port, from.address))
    socket.bind(7007, () => console.log(kind, 'is ready'))
  }`

/** On the host: asks whoever is at an address, and prints the answer. */
const ask = (to: string): string => `
  const socket = require('dgram').createSocket('${to.includes(':') ? 'udp6' : 'udp4'}')
  const data = Buffer.alloc(1200, 'question ')
  const again = setInterval(() => socket.send(data, 4242, '${to}'), 200)
  setTimeout(() => process.exit(1), 10000).unref()
  socket.on('message', (answer) => {
    console.log(answer.length, answer.subarray(0, 9).toString())
    clearInterval(again)
    socket.close()
  })
  socket.send(data, 4242, '${to}')`

async function world(namespace: Namespace, folder: string) {
  // passt, when root starts it, goes on as nobody, and makes its socket as nobody.
  chmodSync(folder, 0o777)
  const path = join(folder, 'passt.socket')
  // It takes addresses from the interface of the default route; this one leads nowhere.
  await namespace.must('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'nowhere')
  for (const link of ['up0', 'nowhere']) await namespace.must('ip', 'link', 'set', link, 'up')
  await namespace.must('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'up0')
  await namespace.must('ip', 'addr', 'add', '2001:db8::1/64', 'dev', 'up0', 'nodad')
  await namespace.must('ip', 'route', 'add', 'default', 'via', '192.0.2.254')
  await namespace.must('ip', '-6', 'route', 'add', 'default', 'via', '2001:db8::ff')
  const passt = async (): Promise<Running> => {
    const running = namespace.start('passt', '--foreground', '--stderr', '--socket', path, '-u', '4242',
      ...families.flatMap(({ us, gateway }) => ['-a', us, '-g', gateway]), '-n', '24')
    await running.printed(/UNIX domain socket bound/)
    return running
  }
  const first = await passt()
  const device = await connectQemu({ path }, { mtu: 65_520, reconnect: 20 })
  const stack = compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv4(), ipv6(), nd(), udp(), sockets())
  const eth0 = stack.netif.add(device, { name: 'eth0' })
  stack.ipv4.addAddress(eth0, '198.51.100.2/24')
  stack.ipv6.addAddress(eth0, '2001:db8:1::2/64')
  stack.ipv6.addAddress(eth0, 'fe80::2/64')
  stack.ip.addRoute({ prefix: prefix('0.0.0.0/0'), gateway: address('198.51.100.1'), iface: eth0 })
  stack.ip.addRoute({ prefix: prefix('::/0'), gateway: address('fe80::1'), iface: eth0 })
  await eth0.up()
  return {
    ...stack, namespace, eth0, passt, first, path,
    async end() {
      await stack.stop()
      assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
    },
  }
}
type World = Awaited<ReturnType<typeof world>>

const check = (title: string, body: (world: World) => Promise<void>): void => test(title, async () => {
  const namespace = makeNamespace()
  const folder = mkdtempSync(join(tmpdir(), 'favonius-passt-'))
  let made: World | undefined
  try {
    made = await world(namespace, folder)
    await body(made)
  } finally {
    await made?.end()
    await namespace.remove()
    rmSync(folder, { recursive: true })
  }
})

/** Sends datagrams to port 7007 one after the other, each once the last one came back. */
async function echoed({ sockets }: World, to: string, contents: readonly Uint8Array[]): Promise<void> {
  let answer!: (data: Uint8Array) => void
  const socket = await sockets.open({}, { receive: (data) => answer(Uint8Array.from(data)) })
  for (const [n, content] of contents.entries()) {
    const answered = new Promise<Uint8Array>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`datagram ${n} of ${content.length} bytes to ${to} did not come back`)), 3000)
      answer = (data) => {
        clearTimeout(late)
        resolve(data)
      }
    })
    socket.send(content, { address: to, port: 7007 })
    assert.ok(Buffer.from(await answered).equals(content), `datagram ${n} came back changed`)
  }
  socket.close()
}

const content = (size: number, seed = size): Uint8Array => new Uint8Array(size).map((_, i) => i * 31 + seed)

if (peer('passt', { command: ['passt', 'ip'], package: 'passt', root: true })) {
  check('UDP from our stack to the host and back, both families, up to the largest frames', async (made) => {
    assert.is(statSync(made.path).uid, 65_534, 'passt is nobody, not root')
    const echo = made.namespace.start(process.execPath, '-e', ECHO)
    await echo.printed(/(udp[46] is ready\s*){2}/)
    for (const { host, gateway } of families) {
      // By the host's own address, and by the gateway, which passt turns into the host's loopback.
      for (const to of [host, gateway === 'fe80::1' ? 'fe80::1%eth0' : gateway]) await echoed(made, to, [0, 1, 2, 1200, 1472, 20_001, 65_000].map((size) => content(size, size + to.length)))
    }
    for (const reason of Object.keys(made.netif.statistics().drops)) assert.not.match(reason, /^device/)
  })

  check('a thousand datagrams of 1,200 bytes, none lost', async (made) => {
    const echo = made.namespace.start(process.execPath, '-e', ECHO)
    await echo.printed(/(udp[46] is ready\s*){2}/)
    for (const { host } of families) await echoed(made, host, Array.from({ length: 1000 }, (_, n) => content(1200, n)))
  })

  check('UDP from the host to our stack, through the port that passt forwards', async (made) => {
    const heard: string[] = []
    const server = await made.sockets.open({ port: 4242 }, {
      receive(data, from) {
        heard.push(from.address)
        server.send(new TextEncoder().encode(`answered ${data.length}`.padEnd(data.length)), from)
      },
    })
    // passt learns from what we send where we are.
    await made.ipv6.ping('fe80::1%eth0', { count: 1, timeout: 500 }).catch(() => {})
    for (const { loopback, host } of families) {
      for (const to of [loopback, host]) assert.is(await made.namespace.must(process.execPath, '-e', ask(to)), '1200 answered \n', `by ${to}`)
    }
    assert.ok(heard.length >= 4)
    server.close()
  })

  check('passt ends, and begins again: the carrier goes and comes, and so do datagrams', async (made) => {
    const echo = made.namespace.start(process.execPath, '-e', ECHO)
    await echo.printed(/(udp[46] is ready\s*){2}/)
    await echoed(made, families[0].host, [content(100)])
    const down = new Promise<void>((resolve) => { made.netif.listen(({ type }) => { if (type === 'down') resolve() }) })
    const up = new Promise<void>((resolve) => { made.netif.listen(({ type }) => { if (type === 'up') resolve() }) })
    await made.first.stop()
    await down
    assert.not(made.eth0.carrier)
    rmSync(made.path, { force: true })
    await made.passt()
    await up
    for (const { host } of families) await echoed(made, host, [content(200), content(1200)])
  })
}

test.run()
