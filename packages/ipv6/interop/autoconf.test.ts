/** Hosts that configure themselves, with real peers: by radvd, and the Linux kernel by us; a Linux bridge that listens to our reports. */

import { sleep, system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet/bare'
import { address, inPrefix, prefix } from '@favonius/inet'
import { ip } from '@favonius/ip'
import { ipv6 } from '@favonius/ipv6'
import { advertising } from '@favonius/ipv6/advertising'
import { ipv6Forwarding } from '@favonius/ipv6/forwarding'
import { mld } from '@favonius/ipv6/mld'
import { slaac } from '@favonius/ipv6/slaac'
import { Arena, netbufIn } from '@favonius/netbuf'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { makeNamespace, peer, suite, type Namespace } from '@favonius/testing'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'

const test = suite('ipv6: autoconfiguration with real peers', { timeout: 90_000 })

const kernel = peer('the Linux kernel over TAP', { command: ['ip', 'bridge', 'ping'], package: 'iproute2 iputils-ping', root: true, tun: true })
const radvd = kernel && peer('radvd', { command: 'radvd', package: 'radvd' })
const rdisc6 = kernel && peer('rdisc6', { command: 'rdisc6', package: 'ndisc6' })

const hostOf = () => compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ip({ maxRoutes: 16 }), ipv6({ maxAddresses: 8 }), slaac(), mld())
const routerOf = () => compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ip({ maxRoutes: 16 }), ipv6({ maxAddresses: 4 }), ipv6Forwarding(), advertising())

/** Waits for what a real peer will do in its own time. */
async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  const began = system.clock.exact()
  while (!await holds()) {
    if (system.clock.exact() - began > ms) throw new Error(`not within ${ms} ms: ${what}`)
    await sleep(system, 50)
  }
}

/** A stack behind a TAP whose other end is in a namespace of its own. */
async function world<S extends ReturnType<typeof hostOf> | ReturnType<typeof routerOf>>(stack: S) {
  const namespace = makeNamespace()
  const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: namespace.name, address: '02:00:5e:00:53:01' }), { name: 'eth0' })
  return {
    stack, eth0, namespace,
    async end(): Promise<void> {
      await stack.stop()
      await namespace.remove()
      assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
    },
  }
}

async function radvdIn(namespace: Namespace, config: string): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'favonius-radvd-'))
  await writeFile(join(folder, 'radvd.conf'), config)
  const running = namespace.start('radvd', '-n', '-m', 'stderr', '-d', '1', '-C', join(folder, 'radvd.conf'), '-p', join(folder, 'radvd.pid'))
  return async () => {
    await running.stop()
    await rm(folder, { recursive: true })
  }
}

if (radvd) {
  test('radvd gives two prefixes, name servers and an MTU; addresses form, deprecate and expire; it ceases, and is no router any more', async () => {
    const { stack, eth0, namespace, end } = await world(hostOf())
    await namespace.must('ip', '-6', 'addr', 'add', '2001:db8:1::1/64', 'dev', 'fav0', 'nodad')
    await namespace.must('ip', '-6', 'addr', 'add', '2001:db8:9::1/64', 'dev', 'lo')
    await namespace.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding')
    const stop = await radvdIn(namespace, `
      interface fav0 {
        AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 60; AdvLinkMTU 1400; AdvCurHopLimit 42; AdvRetransTimer 500;
        AdvDefaultPreference high;
        prefix 2001:db8:1::/64 { AdvValidLifetime 600; AdvPreferredLifetime 300; };
        prefix 2001:db8:2::/64 { AdvOnLink off; AdvValidLifetime 8; AdvPreferredLifetime 4; DeprecatePrefix off; };
        route 2001:db8:7::/48 { AdvRoutePreference high; };
        RDNSS 2001:db8:1::53 2001:db8:1::54 { AdvRDNSSLifetime 60; };
        DNSSL example.org corp.example { AdvDNSSLLifetime 60; };
      };`)
    try {
      await eth0.up()
      const made = () => eth0.addresses.filter((entry) => !String(entry.address).startsWith('fe80'))
      await until('two addresses', () => made().length === 2 && made().every(({ state }) => state === 'preferred'))
      assert.equal(made().map((entry) => String(entry.address)).sort(), ['2001:db8:1::5eff:fe00:5301', '2001:db8:2::5eff:fe00:5301'])
      assert.equal(stack.ipv6.linkSettings(eth0), { hopLimit: 42, mtu: 1400 })
      assert.is(stack.nd.retransTimer(eth0), 500)
      assert.is(stack.routers.routers[0]!.preference, 'high')
      assert.equal(stack.routers.nameServers.map((server) => String(server.address)), ['2001:db8:1::53', '2001:db8:1::54'])
      assert.equal(stack.routers.searchDomains.map(({ domain }) => domain), ['example.org', 'corp.example'])
      const link = stack.routers.routers[0]!.address
      assert.is(String(stack.ipv6.nextHop(address('2001:db8:7::1'))!.address), String(link))
      assert.is(String(stack.ipv6.nextHop(address('2001:db8:1::77'))!.address), '2001:db8:1::77')
      assert.is(String(stack.ipv6.nextHop(address('2001:db8:2::77'))!.address), String(link), 'not on-link')
      assert.is((await stack.ipv6.ping('2001:db8:1::1', { count: 2, interval: 20 })).received, 2)
      assert.is((await stack.ipv6.ping('2001:db8:9::1', { count: 2, interval: 20 })).received, 2, 'by the default router')
      assert.match(await namespace.must('ping', '-6', '-c', '2', '-i', '0.05', '-W', '2', '2001:db8:1::5eff:fe00:5301'), / 0% packet loss/)

      // It says farewell: RFC 4861 §6.2.5. What it told of goes in its own time.
      await stop()
      await until('it is no router any more', () => stack.routers.routers.length === 0)
      const second = () => eth0.addresses.find((entry) => inPrefix(prefix('2001:db8:2::/64'), entry.address))
      await until('the second prefix is deprecated', () => second()?.state === 'deprecated')
      assert.is(made().length, 2)
      await until('it expires', () => second() === undefined, 15_000)
      assert.equal(made().map(({ state }) => state), ['preferred'])
    } finally {
      await end()
    }
  })
}

if (kernel) {
  test('the kernel configures itself by our router: addresses, default route, MTU; and reaches what is behind it', async () => {
    const { stack, eth0, namespace, end } = await world(routerOf())
    const far = makeNamespace()
    try {
      const eth1 = stack.netif.add(await openTap({ name: 'fav1', namespace: far.name }), { name: 'eth1' })
      stack.ipv6.addAddress(eth0, '2001:db8:a::1/64')
      stack.ipv6.addAddress(eth1, '2001:db8:b::1/64')
      await Promise.all([eth0.up(), eth1.up()])
      stack.advertising.begin(eth0, { prefixes: ['2001:db8:a::/64', { prefix: '2001:db8:c::/64', validLifetime: 3_600_000, preferredLifetime: 0 }], mtu: 1400, hopLimit: 50, preference: 'high', nameServers: ['2001:db8:a::1'] })
      stack.advertising.begin(eth1, { prefixes: ['2001:db8:b::/64'] })
      const global = async (one: Namespace, device: string): Promise<string | undefined> =>
        /inet6 (2001:db8:[ab]:[0-9a-f:]+)\/64 scope global (?!.*tentative)/.exec(await one.must('ip', '-6', 'addr', 'show', 'dev', device))?.[1]
      await until('the kernel has addresses', async () => await global(namespace, 'fav0') !== undefined && await global(far, 'fav1') !== undefined)
      assert.match(await namespace.must('ip', '-6', 'addr', 'show', 'dev', 'fav0'), /2001:db8:c:.* deprecated/)
      assert.match(await namespace.must('ip', '-6', 'route', 'show', 'default'), /default via fe80::5eff:fe00:5301 dev fav0 proto ra .*mtu 1400 hoplimit 50 pref high/)
      const to = (await global(far, 'fav1'))!
      assert.match(await namespace.must('ping', '-6', '-c', '3', '-i', '0.05', '-W', '2', to), / 0% packet loss/)
      if (rdisc6) {
        const said = await namespace.must('rdisc6', '-1', 'fav0')
        for (const line of [/Hop limit +: +50/, /Router preference +: +high/, /Prefix +: 2001:db8:a::\/64/, /On-link +: +Yes/, /MTU +: +1400/, /Recursive DNS server *: 2001:db8:a::1/, /Source link-layer address: 02:00:5E:00:53:01/]) assert.match(said, line)
      }
      stack.advertising.end(eth0)
      await until('we are no router any more', async () => (await namespace.must('ip', '-6', 'route', 'show', 'default')).trim() === '')
    } finally {
      await end()
      await far.remove()
    }
  })

  test('a Linux bridge that asks who listens, in version 2 and 1, lists our groups; and forgets those that we leave', async () => {
    for (const version of ['2', '1']) {
      const { stack, eth0, namespace, end } = await world(hostOf())
      try {
        await namespace.must('ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '1', 'mcast_mld_version', version, 'mcast_query_interval', '300', 'mcast_query_response_interval', '100',
          'mcast_startup_query_interval', '100', 'mcast_last_member_interval', '50', 'mcast_membership_interval', '900')
        await namespace.must('ip', 'link', 'set', 'fav0', 'master', 'br0', 'up')
        await namespace.must('ip', 'link', 'set', 'br0', 'up')
        await namespace.must('ip', '-6', 'addr', 'add', 'fe80::77/64', 'dev', 'br0', 'nodad')
        await namespace.must('ip', 'link', 'set', 'br0', 'type', 'bridge', 'mcast_querier', '1')
        await eth0.up()
        const listed = async (): Promise<string[]> => [...(await namespace.must('bridge', 'mdb', 'show', 'dev', 'br0')).matchAll(/port fav0 grp (\S+)/g)].map(([, group]) => group!)
        stack.ipv6.join(eth0, address('ff05::1:3'))
        await until('the bridge knows our group', async () => (await listed()).includes('ff05::1:3'))
        if (version === '1') await until('we know which version it speaks', () => stack.mld.version(eth0) === 1)
        // Longer than a membership lasts without an answer to its queries.
        await sleep(system, 12_000)
        assert.ok((await listed()).includes('ff05::1:3'), `version ${version}: ${(await listed()).join()}`)
        stack.ipv6.leave(eth0, address('ff05::1:3'))
        await until('it is forgotten', async () => !(await listed()).includes('ff05::1:3'))
        assert.ok(stack.netif.statistics().counters['ipv6_mld']!['recv']! > 0)
        assert.is(stack.netif.statistics().drops['mld: invalid message'], undefined)
      } finally {
        await end()
      }
    }
  })
}

test.run()
