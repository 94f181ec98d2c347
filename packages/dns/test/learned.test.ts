/** A host that is told of its name servers by a router and by DHCP, and forgets them when they are told of no longer. */

import { sleep } from '@favonius/clock'
import { dhcpv4 } from '@favonius/dhcpv4'
import { dhcpv4Server } from '@favonius/dhcpv4/server'
import { dns } from '@favonius/dns'
import { ethernet } from '@favonius/ethernet'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { advertising } from '@favonius/ipv6/advertising'
import { ipv6Forwarding } from '@favonius/ipv6/forwarding'
import { slaac } from '@favonius/ipv6/slaac'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { tcp } from '@favonius/tcp'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import * as assert from 'uvu/assert'

const test = suite('dns: servers that are learned')

test('RFC 8106 §5.3.1, RFC 2132 §3.8: from the router and from DHCP, beside those that were given; as many as there is room for', async () => {
  const net = simulate({ seed: 2 })
  const lan = net.ethernet({ latency: 1 })
  const router = net.node('router', [ethernet(), ipv4(), ipv6({ maxAddresses: 4 }), ipv6Forwarding(), advertising(), udp(), dhcpv4Server()], lan)
  router.stack.ipv4.addAddress(router.iface, '192.0.2.1/24')
  router.stack.ipv6.addAddress(router.iface, '2001:db8::1/64')
  const host = net.node('host', [ethernet(), ipv4(), ipv6({ maxAddresses: 4 }), slaac(), udp(), tcp(), sockets(), dhcpv4(), dns({ servers: '198.51.100.53', maxServers: 4 })], lan)
  const servers = (): string[] => host.stack.dns.servers.map((server) => `${server.address} ${server.source}`)
  await net.run(async () => {
    await Promise.all([router.iface.up(), host.iface.up()])
    router.stack.dhcpv4Server.start(router.iface, { first: '192.0.2.100', last: '192.0.2.109', options: { dnsServers: ['192.0.2.53', '192.0.2.54', '192.0.2.55'].map((text) => address(text)) } })
    router.stack.advertising.begin(router.iface, { prefixes: ['2001:db8::/64'], nameServers: ['2001:db8::53'] })
    host.stack.dhcpv4.start(host.iface)
    await sleep(net.env, 60_000)
    assert.equal(servers().sort(), ['192.0.2.53 DHCP', '192.0.2.54 DHCP', '198.51.100.53 static', '2001:db8::53 RA'])
    router.stack.advertising.begin(router.iface, { prefixes: ['2001:db8::/64'] })
    host.stack.dhcpv4.stop(host.iface)
    // Three intervals after it was told of last.
    await sleep(net.env, 1_900_000)
    assert.equal(servers(), ['198.51.100.53 static'])
  })
  await net.stop()
})

test.run()
