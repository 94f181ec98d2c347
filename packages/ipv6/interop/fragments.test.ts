/** Fragments and path MTU discovery with the Linux kernel, over TAP: as a peer, and as a router before a narrow link. */

import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet/bare'
import { ipv6 } from '@favonius/ipv6'
import { ipv6Fragments } from '@favonius/ipv6/fragments'
import { ipv6Pmtu } from '@favonius/ipv6/pmtu'
import { Arena, netbufIn } from '@favonius/netbuf'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { inWorld, makeNamespace, peer, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import * as assert from 'uvu/assert'

const test = suite('ipv6: fragments with the Linux kernel', { timeout: 60_000 })
const kernel = peer('the Linux kernel over TAP', { command: ['ip', 'ping'], package: 'iproute2 iputils-ping', root: true, tun: true })
const SIZES = [4000, 60_000]
const US = '2001:db8::1'
const ROUTER = '2001:db8::2'
/** Others that are the kernel's, and that nobody has asked for yet. */
const STRANGERS = ['2001:db8::3', '2001:db8::4']
/** Behind the router, on a link of 1400. */
const FAR = '2001:db8:f::9'

async function world() {
  const [near, far] = [makeNamespace(), makeNamespace()]
  const stack = compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv6({ maxAddresses: 4 }), ipv6Fragments(), ipv6Pmtu(), udp(), sockets())
  const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: near.name }), { name: 'eth0' })
  await near.must('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding')
  await near.must('ip', 'link', 'set', 'fav0', 'up')
  for (const own of [ROUTER, ...STRANGERS]) await near.must('ip', '-6', 'addr', 'add', `${own}/64`, 'dev', 'fav0', 'nodad')
  await near.must('ip', 'link', 'add', 'narrow', 'mtu', '1400', 'type', 'veth', 'peer', 'name', 'far0', 'mtu', '1400', 'netns', far.name)
  await near.must('ip', 'link', 'set', 'narrow', 'up')
  await near.must('ip', '-6', 'addr', 'add', '2001:db8:f::1/64', 'dev', 'narrow', 'nodad')
  await far.must('ip', 'link', 'set', 'far0', 'up')
  await far.must('ip', '-6', 'addr', 'add', `${FAR}/64`, 'dev', 'far0', 'nodad')
  await far.must('ip', '-6', 'route', 'add', 'default', 'via', '2001:db8:f::1')
  stack.ipv6.addAddress(eth0, `${US}/64`)
  stack.ipv6.setGateway(eth0, ROUTER)
  await eth0.up()
  return {
    near, far, stack,
    async stop(): Promise<void> {
      await stack.stop()
      await far.remove()
      await near.remove()
      assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
    },
  }
}

type World = Awaited<ReturnType<typeof world>>
const check = (title: string, body: (w: World) => Promise<void>): void => {
  if (!kernel) return
  test(title, inWorld(world, body))
}

const ECHO = `
  const s = require('node:dgram').createSocket('udp6')
  s.on('message', (data, from) => s.send(data, from.port, from.address))
  s.bind(4243, () => console.log('ready'))`

/** Data that no piece of can be mistaken for another. */
const pattern = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => i ^ (i >> 8))

check('the first ping to a neighbour that is not known yet, of 4 000 and 60 000 bytes', async ({ stack }) => {
  for (const [n, size] of SIZES.entries()) assert.is((await stack.ipv6.ping(STRANGERS[n]!, { size })).received, 1, `${size} bytes`)
  assert.equal(Object.keys(stack.netif.statistics().drops).filter((text) => /fragment|waits/.test(text)), [])
})

check('pings of 4 000 and 60 000 bytes, both ways', async ({ near, stack }) => {
  for (const size of SIZES) {
    const { received } = await stack.ipv6.ping(ROUTER, { count: 3, interval: 20, size })
    assert.is(received, 3, `${size} bytes: ${JSON.stringify(stack.netif.statistics().drops)}`)
    assert.match(await near.must('ping', '-6', '-c', '3', '-i', '0.05', '-W', '2', '-s', String(size), US), / 0% packet loss/)
  }
  assert.equal(Object.keys(stack.netif.statistics().drops).filter((text) => text.includes('fragment')), [])
  assert.is(stack.ipv6Fragments.waiting, 0)
})

check('datagrams of 4 000 and 60 000 bytes, both ways', async ({ near, stack }) => {
  const echo = near.start(process.execPath, '-e', ECHO)
  await echo.printed(/ready/)
  const socket = stack.sockets.socket('inet6', 'dgram')
  socket.setsockopt('SO_RCVTIMEO', 2000)
  for (const size of SIZES) {
    await socket.sendto(pattern(size), { address: ROUTER, port: 4243 })
    assert.equal(await socket.recv(), pattern(size))
  }
  const server = await stack.sockets.open({ port: 4242 }, { receive: (data, from) => void server.send(data, from) })
  const client = near.start(process.execPath, '-e', `
    const s = require('node:dgram').createSocket('udp6'); const sizes = [${SIZES.join()}]
    const data = (size) => Uint8Array.from({ length: size }, (_, i) => i ^ (i >> 8))
    s.on('message', (got) => { if (!got.equals(data(sizes.shift()))) console.log('changed'); if (sizes.length) s.send(data(sizes[0]), 4242, '${US}'); else { console.log('all back'); s.close() } })
    s.send(data(sizes[0]), 4242, '${US}')`)
  await client.printed(/all back/)
  socket.close()
})

check('a narrow link behind the kernel as router is honoured after one packet', async ({ far, stack }) => {
  const echo = far.start(process.execPath, '-e', ECHO)
  await echo.printed(/ready/)
  // The kernels behind us take their time: their own addresses are checked, and they find each other.
  for (let tries = 0; (await stack.ipv6.ping(FAR)).received === 0; tries++) assert.ok(tries < 5, `${FAR} does not answer`)
  const socket = stack.sockets.socket('inet6', 'dgram')
  socket.setsockopt('SO_RCVTIMEO', 300)
  const back = async (size: number): Promise<boolean> => {
    await socket.sendto(pattern(size), { address: FAR, port: 4243 })
    return socket.recv().then((data) => data.length === size, () => false)
  }
  assert.not.ok(await back(1440), 'the first is lost, and the router says why')
  assert.equal(stack.ipv6Pmtu.paths.map(({ destination, mtu }) => `${destination} ${mtu}`), [`${FAR} 1400`])
  for (const size of [1440, 4000, 60_000]) assert.ok(await back(size), `${size} bytes: ${JSON.stringify(stack.netif.statistics().drops)}`)
  const { received } = await stack.ipv6.ping(FAR, { count: 2, interval: 20, size: 30_000 })
  assert.is(received, 2)
  assert.match(await far.must('ping', '-6', '-c', '3', '-i', '0.05', '-W', '2', '-s', '60000', US), / 0% packet loss/)
  socket.close()
})

test.run()
