/** Our stack as the router between two Linux hosts, each in a network namespace of its own behind a TAP. */

import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ip } from '@favonius/ip'
import { ipv4 } from '@favonius/ipv4'
import { ipv4Forwarding } from '@favonius/ipv4/forwarding'
import { ipv6 } from '@favonius/ipv6'
import { ipv6Forwarding } from '@favonius/ipv6/forwarding'
import { Arena, netbufIn } from '@favonius/netbuf'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { inWorld, makeNamespace, peer, suite, type Namespace } from '@favonius/testing'
import * as assert from 'uvu/assert'

const test = suite('our stack as router between Linux hosts', { timeout: 60_000 })
const kernel = peer('the Linux kernel over TAP', { command: ['ip', 'ping', 'traceroute'], package: 'iproute2 iputils-ping traceroute', root: true, tun: true })

/** Of the hosts: what their addresses begin with. The router is 1 on both links, each host is 2. */
const LEFT = { ipv4: '192.0.2.', ipv6: '2001:db8:a::' }
const RIGHT = { ipv4: '198.51.100.', ipv6: '2001:db8:b::' }
const families = ['ipv4', 'ipv6'] as const
const SIX = { ipv4: '-4', ipv6: '-6' } as const

const routerOf = () => compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv4(), ipv6({ maxAddresses: 4 }), ip({ maxRoutes: 32 }), ipv4Forwarding(), ipv6Forwarding())

async function host({ ipv4: four, ipv6: six }: typeof LEFT, namespace: Namespace, device: string): Promise<void> {
  await namespace.must('ip', 'addr', 'add', `${four}2/24`, 'dev', device)
  await namespace.must('ip', '-6', 'addr', 'add', `${six}2/64`, 'dev', device, 'nodad')
  await namespace.must('ip', 'route', 'add', 'default', 'via', `${four}1`)
  await namespace.must('ip', '-6', 'route', 'add', 'default', 'via', `${six}1`)
}

/** The right link carries 1400 bytes, the left one 1500. */
async function world() {
  const [left, right] = [makeNamespace(), makeNamespace()]
  const stack = routerOf()
  const [near, far] = [
    stack.netif.add(await openTap({ name: 'fav0', namespace: left.name }), { name: 'near' }),
    stack.netif.add(await openTap({ name: 'fav1', namespace: right.name, mtu: 1400 }), { name: 'far' }),
  ]
  for (const [iface, { ipv4: four, ipv6: six }] of [[near, LEFT], [far, RIGHT]] as const) {
    stack.ipv4.addAddress(iface, `${four}1/24`)
    stack.ipv6.addAddress(iface, `${six}1/64`)
  }
  await host(LEFT, left, 'fav0')
  await host(RIGHT, right, 'fav1')
  await Promise.all([near.up(), far.up()])
  return {
    left, right, stack, near, far,
    drops: () => stack.netif.statistics().drops,
    forwarded: (family: 'ipv4' | 'ipv6') => stack.netif.statistics().counters[family]!['forwarded']!,
    async stop(): Promise<void> {
      await stack.stop()
      await left.remove()
      await right.remove()
      assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
    },
  }
}

type World = Awaited<ReturnType<typeof world>>
const check = (title: string, body: (w: World) => Promise<void>): void => {
  if (!kernel) return
  test(title, inWorld(world, body))
}

check('pings and floods, both families', async ({ left, right, forwarded }) => {
  for (const family of families) {
    assert.match(await left.must('ping', '-c', '3', '-i', '0.05', '-W', '2', `${RIGHT[family]}2`), / 0% packet loss/)
    assert.match(await right.must('ping', '-c', '200', '-f', `${LEFT[family]}2`), / 0% packet loss/)
    assert.is(forwarded(family), 406)
  }
})

check('traceroute shows the router, by UDP and by ICMP', async ({ left, drops }) => {
  for (const family of families) {
    for (const how of [[], ['-I']]) {
      const lines = (await left.must('traceroute', SIX[family], '-n', '-q', '1', '-w', '2', '-m', '4', ...how, `${RIGHT[family]}2`)).trim().split('\n').slice(1)
      assert.equal(lines.map((line) => line.trim().split(/\s+/)[1]), [`${LEFT[family]}1`, `${RIGHT[family]}2`])
    }
  }
  assert.is(drops()['ipv4: time to live exceeded in transit'], 2)
  assert.is(drops()['ipv6: hop limit exceeded in transit'], 2)
})

const echoOn = (udp: 'udp4' | 'udp6'): string => `
  const s = require('node:dgram').createSocket('${udp}')
  s.on('message', (data, from) => s.send(data, from.port, from.address))
  s.bind(4242, () => console.log('ready'))`

check('datagrams, 500 of them, whose bytes are unchanged', async ({ left, right }) => {
  for (const [family, udp] of [['ipv4', 'udp4'], ['ipv6', 'udp6']] as const) {
    const echo = right.start(process.execPath, '-e', echoOn(udp))
    await echo.printed(/ready/)
    const client = left.start(process.execPath, '-e', `
      const s = require('node:dgram').createSocket('${udp}'); let n = 0
      const next = () => s.send(Buffer.alloc(1 + n * 2, n), 4242, '${RIGHT[family]}2')
      s.on('message', (got) => { if (got.length !== 1 + n * 2 || got.some((b) => b !== n % 256)) console.log('changed'); if (++n < 500) next(); else { console.log('all back'); s.close() } })
      next()`)
    await client.printed(/all back/)
    await echo.stop()
  }
})

check('a ping that is too big for the far link: said within one packet, and then it fits', async ({ left, drops }) => {
  const big = ['-c', '1', '-W', '1', '-s', '1440']
  assert.match((await left.run('ping', '-M', 'do', ...big, `${RIGHT.ipv4}2`)).stdout, new RegExp(`From ${LEFT.ipv4}1 .*Frag needed and DF set \\(mtu = 1400\\)`))
  assert.match((await left.run('ping', '-M', 'do', ...big, `${RIGHT.ipv6}2`)).stdout, new RegExp(`From ${LEFT.ipv6}1 .*Packet too big: mtu=1400`))
  assert.is(drops()['ipv4: too big for the next link'], 1)
  assert.is(drops()['ipv6: too big for the next link'], 1)
  for (const family of families) {
    assert.match(await left.must('ping', '-M', 'want', '-c', '3', '-i', '0.05', '-W', '2', '-s', '1440', `${RIGHT[family]}2`), / 0% packet loss/)
    assert.match(await left.must('ip', SIX[family], 'route', 'get', `${RIGHT[family]}2`), /mtu 1400/)
  }
  assert.is(drops()['ipv4: too big for the next link'], 1)
  assert.is(drops()['ipv6: too big for the next link'], 1)
})

check('RFC 791 §3.2: a packet that may be cut is cut by the router, and put together by Linux', async ({ left, stack }) => {
  for (const size of ['1440', '4000', '20000']) {
    assert.match(await left.must('ping', '-M', 'dont', '-c', '2', '-i', '0.05', '-W', '2', '-s', size, `${RIGHT.ipv4}2`), / 0% packet loss/)
  }
  assert.ok(stack.netif.statistics().counters['ipv4']!['fragmented']! > 0)
})

check('nowhere, and nobody: the router says so', async ({ left }) => {
  const ping = async (to: string): Promise<string> => (await left.run('ping', '-c', '1', '-W', '4', to)).stdout
  assert.match(await ping('203.0.113.1'), /Destination Net Unreachable/)
  assert.match(await ping('2001:db8:c::1'), /Destination unreachable: No route/)
  assert.match(await ping(`${RIGHT.ipv4}77`), /Destination Host Unreachable/)
  assert.match(await ping(`${RIGHT.ipv6}77`), /Destination unreachable: Address unreachable/)
})

check('RFC 4291 §2.5.6: link-local addresses do not pass', async ({ left, drops, forwarded }) => {
  // One of our own choice: the address that Linux made may still be tentative, and cannot be sent from.
  await left.must('ip', '-6', 'addr', 'add', 'fe80::2/64', 'dev', 'fav0', 'nodad')
  assert.match((await left.run('ping', '-c', '1', '-W', '2', '-I', 'fe80::2%fav0', `${RIGHT.ipv6}2`)).stdout, /Beyond scope of source address/)
  assert.is(drops()['ipv6: beyond the scope of its addresses'], 1)
  assert.is(forwarded('ipv6'), 0)
})

if (kernel) {
  test('RFC 4861 §8.2, RFC 1812 §5.2.7.2: Linux takes our redirects', async () => {
    const [lan, far] = [makeNamespace(), makeNamespace()]
    const stack = routerOf()
    try {
      const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: lan.name }), { name: 'eth0' })
      for (const own of ['192.0.2.1/24', '198.51.100.1/24']) stack.ipv4.addAddress(eth0, own)
      for (const own of ['2001:db8:a::1/64', '2001:db8:b::1/64']) stack.ipv6.addAddress(eth0, own)
      // Two hosts on one link, each of which knows only its own subnet and us.
      await lan.must('ip', 'link', 'add', 'br0', 'address', '02:00:5e:00:53:0b', 'type', 'bridge')
      await lan.must('ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1', 'netns', far.name)
      for (const port of ['fav0', 'v0']) await lan.must('ip', 'link', 'set', port, 'master', 'br0', 'up')
      await lan.must('ip', 'link', 'set', 'br0', 'up')
      await far.must('ip', 'link', 'set', 'v1', 'up')
      const own = eth0.up()
      for (const [namespace, device, n] of [[lan, 'br0', 'a'], [far, 'v1', 'b']] as const) {
        await namespace.must('ip', 'addr', 'add', n === 'a' ? '192.0.2.2/24' : '198.51.100.2/24', 'dev', device)
        await namespace.must('ip', '-6', 'addr', 'add', `2001:db8:${n}::2/64`, 'dev', device, 'nodad')
        for (const key of ['all', device]) await namespace.must('sh', '-c', `echo 1 > /proc/sys/net/ipv4/conf/${key}/accept_redirects; echo 0 > /proc/sys/net/ipv4/conf/${key}/secure_redirects`)
      }
      await own
      const router = String(eth0.addresses.find(({ address }) => String(address).startsWith('fe80'))!.address).split('%')[0]!
      for (const [namespace, device, gateway] of [[lan, 'br0', '192.0.2.1'], [far, 'v1', '198.51.100.1']] as const) {
        await namespace.must('ip', 'route', 'add', 'default', 'via', gateway)
        await namespace.must('ip', '-6', 'route', 'add', 'default', 'via', router, 'dev', device)
      }
      assert.match(await lan.must('ping', '-6', '-c', '3', '-i', '0.2', '-W', '2', '2001:db8:b::2'), / 0% packet loss/)
      assert.match(await lan.must('ip', '-6', 'route', 'get', '2001:db8:b::2'), /^2001:db8:b::2 from :: dev br0 /, 'without a gateway')
      assert.is(stack.netif.statistics().counters['ipv6']!['forwarded'], 2, 'the first, and its reply')
      // In IPv4 the better hop must be on the subnet of who is told: another router on 192.0.2.0/24.
      await far.must('ip', 'addr', 'add', '192.0.2.3/24', 'dev', 'v1')
      await far.must('ip', 'addr', 'add', '203.0.113.1/32', 'dev', 'lo')
      stack.ipv4.addRoute('203.0.113.0/24', eth0, '192.0.2.3')
      assert.match(await lan.must('ping', '-c', '4', '-i', '0.2', '-W', '2', '203.0.113.1'), /Redirect Host\(New nexthop: 192\.0\.2\.3\)|New nexthop/)
      assert.match(await lan.must('ip', 'route', 'get', '203.0.113.1'), /via 192\.0\.2\.3 .*redirected/s)
      const before = stack.netif.statistics().counters['ipv4']!['forwarded']!
      assert.match(await lan.must('ping', '-c', '2', '-i', '0.2', '-W', '2', '203.0.113.1'), / 0% packet loss/)
      assert.is(stack.netif.statistics().counters['ipv4']!['forwarded'], before)
    } finally {
      await stack.stop()
      await far.remove()
      await lan.remove()
    }
    assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
  })
}

test.run()
