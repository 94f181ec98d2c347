/**
 * Linux behind a TAP, our border router, and a row of nodes on a simulated air, whose time keeps pace with the real one: the last node is three hops away,
 * over two that pass packets on.
 */

import { pace, virtual } from '@favonius/clock'
import type { Interface } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { ieee802154 } from '@favonius/ieee802154'
import { interfaceId } from '@favonius/inet'
import { ip } from '@favonius/ip'
import { ipv6 } from '@favonius/ipv6'
import { advertising } from '@favonius/ipv6/advertising'
import { ipv6Forwarding } from '@favonius/ipv6/forwarding'
import { Arena, netbufIn } from '@favonius/netbuf'
import { Air, line } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { inWorld, makeNamespace, peer, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import * as assert from 'uvu/assert'

const test = suite('our border router between Linux and the air', { timeout: 100_000 })
const kernel = peer('the Linux kernel over TAP', { command: ['ip', 'ping', 'traceroute'], package: 'iproute2 iputils-ping traceroute', root: true, tun: true })

const ETHERNET = '2001:db8:a::'
const AIR = '2001:db8:b::'
/** Metres between two in the row: a radio reaches 100. */
const SPACING = 80
const NODES = 3
/** The last node. */
const FAR = `${AIR}${NODES + 1}`
const linkLocal = ({ address }: Interface): string =>
  `fe80::${interfaceId(address)!.map((word) => `${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`).join(':')}`

/** Of the row: the router and the nodes. Those between are not to tell who sent something that they could be done without. */
const common = () => [netbufIn(new Arena(), { debug: true }), ieee802154(), ip({ maxRoutes: 16 }), ipv6Forwarding({ redirects: false })] as const

async function world() {
  const namespace = makeNamespace()
  const env = virtual({ seed: 11 })
  const stopTime = pace(env)
  const air = new Air(env)
  const router = compose(env, ...common(), ipv6({ maxAddresses: 4 }), ethernet(), advertising())
  const eth0 = router.netif.add(await openTap({ name: 'fav0', namespace: namespace.name }), { name: 'eth0' })
  router.ipv6.addAddress(eth0, `${ETHERNET}1/64`)
  const nodes = line(NODES + 1, SPACING).slice(1).map((at) => {
    const stack = compose(env, ...common(), ipv6(), udp(), sockets())
    return { stack, iface: stack.ieee802154.add(air.radio({ at })) }
  })
  const wpan0 = router.ieee802154.add(air.radio())
  const row = [{ stack: router, iface: wpan0 }, ...nodes]
  const ways = row.map(({ iface }) => linkLocal(iface))
  for (const [n, { stack, iface }] of row.entries()) {
    stack.ipv6.addAddress(iface, `${AIR}${n + 1}/128`)
    if (n > 0) stack.ipv6.setGateway(iface, ways[n - 1])
    for (let farther = n + 1; farther < row.length; farther++) stack.ipv6.addRoute(`${AIR}${farther + 1}/128`, iface, ways[n + 1])
  }
  await namespace.must('ip', '-6', 'addr', 'add', `${ETHERNET}2/64`, 'dev', 'fav0', 'nodad')
  await Promise.all([eth0.up(), ...row.map(({ iface }) => iface.up())])
  return {
    namespace, router, eth0, nodes, far: nodes.at(-1)!.stack,
    /** Linux learns the way. */
    route: () => namespace.must('ip', '-6', 'route', 'add', `${AIR}/64`, 'via', `${ETHERNET}1`),
    async stop(): Promise<void> {
      for (const { stack } of row) await stack.stop()
      air.stop()
      stopTime()
      await namespace.remove()
      for (const { stack } of row) assert.is(stack.netif.buffers.live, 0, stack.netbuf.owners().join('; '))
    },
  }
}

type World = Awaited<ReturnType<typeof world>>
const check = (title: string, body: (w: World) => Promise<void>): void => {
  if (!kernel) return
  test(title, inWorld(world, body))
}

/** Linux pings so many times, each when the one before is back: two that meet on the air are not what is to be shown. How many came back. */
async function ping({ namespace }: World, size: number, count: number): Promise<number> {
  let received = 0
  for (let n = 0; n < count; n++) {
    const { code } = await namespace.run('ping', '-c', '1', '-W', '8', '-s', `${size}`, FAR)
    if (code === 0) received++
  }
  return received
}

check('Linux pings the last node, with what fits into a frame and with 1,200 bytes; and it is pinged', async (w) => {
  await w.route()
  assert.is(await ping(w, 8, 3), 3)
  assert.is(await ping(w, 1200, 4), 4)
  for (const size of [8, 1200]) assert.is((await w.far.ipv6.ping(`${ETHERNET}2`, { count: 1, timeout: 8000, size })).received, 1, `${size} bytes`)
  assert.is(w.router.netif.statistics().counters['ipv6']!['forwarded'], 18)
})

check('traceroute shows each hop', async ({ namespace, route }) => {
  await route()
  const lines = (await namespace.must('traceroute', '-6', '-n', '-q', '1', '-w', '5', '-N', '1', '-m', '6', FAR)).trim().split('\n').slice(1)
  assert.equal(lines.map((line) => line.trim().split(/\s+/)[1]), [`${ETHERNET}1`, `${AIR}2`, `${AIR}3`, FAR])
})

check('datagrams to the last node and back, whose bytes are unchanged', async ({ namespace, far, route }) => {
  await route()
  const server = await far.sockets.open({ port: 4242 }, { receive: (data, from) => void server.send(data, from) })
  const sizes = [1, 40, 80, 120, 600, 1200]
  const client = namespace.start(process.execPath, '-e', `
    const s = require('node:dgram').createSocket('udp6'); const sizes = ${JSON.stringify(sizes)}; let n = 0
    const next = () => s.send(Buffer.alloc(sizes[n], n + 1), 4242, '${FAR}')
    s.on('message', (got) => {
      if (got.length !== sizes[n] || got.some((b) => b !== n + 1)) console.log('changed')
      if (++n < sizes.length) return next()
      console.log('all back')
      s.close()
    })
    next()`)
  assert.is((await client.printed(/all back|changed/))[0], 'all back')
  server.close()
})

check('Linux learns the way by router advertisements alone', async (w) => {
  const { namespace, router, eth0 } = w
  await namespace.must('sysctl', '-qw', 'net.ipv6.conf.fav0.accept_ra=2', 'net.ipv6.conf.fav0.accept_ra_rt_info_max_plen=64')
  router.advertising.begin(eth0, { prefixes: [`${ETHERNET}/64`], routes: [`${AIR}/64`], maxInterval: 4000 })
  for (let tries = 0; !(await namespace.must('ip', '-6', 'route')).includes(AIR); tries++) {
    assert.ok(tries < 100, 'no route was learnt')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.is(await ping(w, 8, 2), 2)
})

test.run()
