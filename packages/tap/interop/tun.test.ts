/** A composed stack without Ethernet against the Linux kernel: bare IP packets over a TUN, in a network namespace of the test's own. */

import * as assert from 'uvu/assert'
import { sleep, system } from '@favonius/clock'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { dad, ipv6 } from '@favonius/ipv6'
import { bareIp } from '@favonius/netif'
import { netbuf } from '@favonius/netbuf'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap, type TapOptions } from '@favonius/tap'
import { inWorld, makeNamespace, peer, suite, type Running } from '@favonius/testing'
import { udp } from '@favonius/udp'

const test = suite('the Linux kernel over TUN', { timeout: 60_000 })
const kernel = peer('the Linux kernel over TUN', { command: ['ip', 'ping'], package: 'iproute2 iputils-ping', root: true, tun: true })

const OURS = { 4: '192.0.2.1', 6: '2001:db8::1' } as const
const THEIRS = { 4: '192.0.2.2', 6: '2001:db8::2' } as const
const FAMILIES = [4, 6] as const
/** Bytes of IP and ICMP headers. */
const HEADERS = { 4: 28, 6: 48 } as const
const MTU = 1500

/** A stack on a TUN, and the namespace at whose other end the kernel is. */
async function world(options: TapOptions = {}) {
  const namespace = makeNamespace()
  const stack = compose(system, netbuf({ debug: true }), bareIp(), ipv4(), ipv6(), dad({ maxDelay: 0, timeout: 50 }), udp(), sockets())
  const device = await openTap({ name: 'fun0', mode: 'tun', namespace: namespace.name, ...options })
  const tun0 = stack.netif.add(device)
  await namespace.must('ip', 'addr', 'add', `${THEIRS[4]}/24`, 'dev', 'fun0')
  await namespace.must('ip', '-6', 'addr', 'add', `${THEIRS[6]}/64`, 'dev', 'fun0', 'nodad')
  stack.ipv4.addAddress(tun0, `${OURS[4]}/24`)
  stack.ipv6.addAddress(tun0, `${OURS[6]}/64`)
  await tun0.up()
  return {
    namespace, stack, tun0,
    async stop() {
      await stack.stop()
      await namespace.remove()
      assert.is(stack.netif.buffers.live, 0, stack.netif.buffers.owners().join('\n'))
    },
  }
}

type World = Awaited<ReturnType<typeof world>>
const check = (title: string, body: (w: World) => Promise<void>, options?: TapOptions): void => {
  if (!kernel) return
  test(title, inWorld(() => world(options), body))
}

/** A UDP program of the kernel's: runs `script` in Node in the namespace, and waits until it prints «ready». */
async function kernelUdp({ namespace }: World, script: string): Promise<Running> {
  const running = namespace.start(process.execPath, '-e', `const dgram = require('node:dgram'); ${script}`)
  await running.printed(/ready/)
  return running
}

/** The link-local address that the kernel gave its end. */
const linkLocalOf = async ({ namespace }: World): Promise<string> =>
  /inet6 (fe80::[\da-f:]+)\//.exec(await namespace.must('ip', '-6', 'addr', 'show', 'dev', 'fun0'))![1]!

const ways = [
  ['with offload', {}],
  ['without offload', { offload: false }],
  ['waiting by poll(2)', { poll: true }],
] as const

for (const [way, options] of ways) {
  check(`pings go both ways, over both families, up to the MTU, ${way}`, async ({ namespace, stack, tun0 }) => {
    assert.equal([tun0.name, tun0.medium, tun0.mtu, tun0.headroom, tun0.address.length], ['tun0', 'ip', MTU, 0, 0])
    for (const family of FAMILIES) {
      const most = MTU - HEADERS[family]
      for (const size of [0, 1, 56, most]) {
        const printed = await namespace.must('ping', '-c', '3', '-i', '0.02', '-W', '2', '-M', 'do', '-s', String(size), OURS[family])
        assert.match(printed, / 0% packet loss/, `it pings us with ${size} bytes over IPv${family}`)
        const { received, from } = await stack[`ipv${family}`].ping(THEIRS[family], { count: 3, interval: 10, size })
        assert.equal([received, String(from)], [3, THEIRS[family]])
      }
    }
    assert.equal(Object.keys(stack.netif.statistics().drops).filter((reason) => !reason.includes('group not joined') && !reason.includes('not for us')), [])
  }, options)

  check(`datagrams of every size go both ways, over both families, ${way}`, async (w) => {
    for (const family of FAMILIES) {
      const most = MTU - HEADERS[family]
      // Theirs come back from our echo.
      const echo = await w.stack.sockets.open({ port: 4242 }, { receive: (data, from) => void echo.send(data, from) })
      const client = await kernelUdp(w, `
        const s = dgram.createSocket('udp${family}'); const sizes = [0, 1, 2, 511, ${most - 1}, ${most}]; let left = sizes.length
        s.on('message', (data) => { if (!data.equals(Buffer.alloc(data.length, data.length & 0xff))) console.log('changed'); if (--left === 0) { console.log('all back'); s.close() } })
        s.bind(() => { for (const size of sizes) s.send(Buffer.alloc(size, size & 0xff), 4242, '${OURS[family]}'); console.log('ready') })`)
      await client.printed(/all back/)
      echo.close()
      // And ours from theirs.
      const server = await kernelUdp(w, `
        const s = dgram.createSocket('udp${family}'); s.on('message', (data, from) => s.send(data, from.port, from.address)); s.bind(4243, () => console.log('ready'))`)
      const socket = w.stack.sockets.socket('inet6', 'dgram')
      socket.setsockopt('SO_RCVTIMEO', 2000)
      for (const size of [0, 1, 2, 511, most - 1, most]) {
        await socket.sendto(new Uint8Array(size).fill(size & 0xff), { address: THEIRS[family], port: 4243 })
        const data = await socket.recv()
        assert.is(data.length, size)
        assert.ok(data.every((byte) => byte === (size & 0xff)))
      }
      socket.close()
      await server.stop()
    }
  }, options)
}

check('link-local addresses are reached by their zone, on either side', async (w) => {
  const { namespace, stack, tun0 } = w
  const theirs = await linkLocalOf(w)
  const ours = String(tun0.addresses.find((entry) => entry.address.w0 >>> 16 === 0xfe80)!.address).split('%')[0]!
  assert.is((await stack.ipv6.ping(`${theirs}%tun0`)).received, 1)
  assert.match(await namespace.must('ping', '-c', '2', '-i', '0.02', '-W', '2', `${ours}%fun0`), / 0% packet loss/)
})

check('groups go both ways: nobody is asked for a link address', async (w) => {
  const { stack, namespace } = w
  const theirs = await linkLocalOf(w)
  const { received, from } = await stack.ipv6.ping('ff02::1%tun0', { timeout: 300 })
  assert.equal([received, String(from).split('%')[0]], [1, theirs])
  const heard: string[] = []
  const socket = await stack.sockets.open({ port: 4242 }, { receive: (data, from, info) => void heard.push(`${new TextDecoder().decode(data)} ${info.multicast} ${info.iface} ${from.address}`) })
  socket.join('ff02::4321', 'tun0')
  socket.join('239.1.2.3', 'tun0')
  for (const [family, group] of [[6, 'ff02::4321%fun0'], [4, '239.1.2.3']] as const) {
    await namespace.must(process.execPath, '-e', `
      const s = require('node:dgram').createSocket('udp${family}')
      s.bind(() => { s.setMulticastInterface('${family === 6 ? '::%fun0' : THEIRS[4]}'); s.send('by ${family}', 4242, '${group}', () => s.close()) })`)
  }
  for (let n = 0; n < 100 && heard.length < 2; n++) await sleep(system, 10)
  assert.equal(heard, [`by 6 true tun0 ${theirs}%tun0`, `by 4 true tun0 ${THEIRS[4]}`])
})

for (const family of FAMILIES) {
  check(`a port where nobody listens is refused, over IPv${family}, on either side`, async (w) => {
    const client = await kernelUdp(w, `
      const s = dgram.createSocket('udp${family}'); s.on('error', (error) => { console.log(error.code); s.close() })
      s.connect(9, '${OURS[family]}', () => { console.log('ready'); s.send('anyone?') })`)
    await client.printed(/ECONNREFUSED/)
    const socket = w.stack.sockets.socket('inet6', 'dgram')
    await socket.connect({ address: THEIRS[family], port: 9 })
    await socket.send(new Uint8Array(3))
    socket.setsockopt('SO_RCVTIMEO', 2000)
    assert.is(await socket.recv().then(() => 'data', (error: { code: string }) => error.code), 'ECONNREFUSED')
  })

  check(`a flood of 1000 pings over IPv${family} loses none`, async ({ namespace }) => {
    assert.match(await namespace.must('ping', '-f', '-c', '1000', '-W', '2', OURS[family]), /1000 packets transmitted, 1000 received, 0% packet loss/)
  })
}

check('what is no IP packet is refused by the kernel, and counted', async ({ stack, tun0 }) => {
  const odd = stack.netif.buffers.alloc(40, 16)!
  odd.u8.fill(0, odd.add(40), odd.offset + 40)
  tun0.output(odd, address(THEIRS[4]))
  assert.is(stack.netif.statistics(tun0).drops['device: refused by the kernel'], 1)
  assert.is((await stack.ipv4.ping(THEIRS[4])).received, 1)
})

check('the kernel\'s side goes down and returns', async ({ namespace, stack, tun0 }) => {
  await namespace.must('ip', 'link', 'set', 'fun0', 'down')
  for (let n = 0; n < 100 && tun0.running; n++) await sleep(system, 20)
  assert.not(tun0.running)
  await namespace.must('ip', 'link', 'set', 'fun0', 'up')
  await namespace.must('ip', '-6', 'addr', 'replace', `${THEIRS[6]}/64`, 'dev', 'fun0', 'nodad')
  await tun0.up()
  for (const family of FAMILIES) assert.is((await stack[`ipv${family}`].ping(THEIRS[family], { timeout: 3000 })).received, 1)
})

test.run()
