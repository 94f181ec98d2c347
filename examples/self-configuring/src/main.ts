/**
 * A router that serves a network, and hosts on it of which nobody has configured anything. They find the router, make themselves IPv6 addresses of its
 * prefix, get IPv4 ones by DHCP, learn of name servers, and reach a machine on the router's other side. Then the router goes away.
 */

import { sleep } from '@favonius/clock'
import { dhcpv4 } from '@favonius/dhcpv4'
import { dhcpv4Server } from '@favonius/dhcpv4/server'
import { dns } from '@favonius/dns'
import { ethernet } from '@favonius/ethernet'
import { acd } from '@favonius/ethernet/acd'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv4Forwarding } from '@favonius/ipv4/forwarding'
import { ipv6 } from '@favonius/ipv6'
import { advertising } from '@favonius/ipv6/advertising'
import { ipv6Forwarding } from '@favonius/ipv6/forwarding'
import { slaac } from '@favonius/ipv6/slaac'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { tcp } from '@favonius/tcp'
import { udp } from '@favonius/udp'

const net = simulate({ seed: 11 })
const [home, outside] = [net.ethernet({ latency: 1 }), net.ethernet({ latency: 10 })]
const say = (text: string): void => console.log(`${(net.env.clock.now() / 1000).toFixed(1).padStart(7)} s  ${text}`)

const router = net.node('router', [ethernet(), ipv4(), ipv4Forwarding(), ipv6({ maxAddresses: 4 }), ipv6Forwarding(), advertising(), udp(), dhcpv4Server()], home, outside)
const [inner, outer] = [router.interfaces[0]!, router.interfaces[1]!]
router.stack.ipv4.addAddress(inner, '192.168.1.1/24')
router.stack.ipv4.addAddress(outer, '203.0.113.1/24')
router.stack.ipv6.addAddress(inner, '2001:db8:1::1/64')
router.stack.ipv6.addAddress(outer, '2001:db8:ffff::1/64')
router.stack.dhcpv4Server.start(inner, { first: '192.168.1.100', last: '192.168.1.199', options: { routers: [address('192.168.1.1')], dnsServers: [address('203.0.113.53')] } })
router.stack.advertising.begin(inner, { prefixes: ['2001:db8:1::/64'], nameServers: ['2001:db8:ffff::53'], lifetime: 1_800_000 })

const far = net.node('far', [ethernet(), ipv4(), ipv6(), udp()], outside)
far.stack.ipv4.addAddress(far.iface, '203.0.113.2/24')
far.stack.ipv4.setGateway(far.iface, '203.0.113.1')
far.stack.ipv6.addAddress(far.iface, '2001:db8:ffff::2/64')
far.stack.ipv6.setGateway(far.iface, '2001:db8:ffff::1')

const hosts = ['printer', 'laptop'].map((name) => {
  const secret = { identifier: 'stable', secret: `the secret of ${name}`, temporary: name === 'laptop' } as const
  const host = net.node(name, [ethernet(), acd(), ipv4(), ipv6({ maxAddresses: 4 }), slaac(secret), udp(), tcp(), sockets(), dhcpv4(), dns()], home)
  const usable = new Set<string>()
  host.stack.netif.listen((event) => {
    // Each advertisement makes an address live longer: that it may be used is said once.
    if (event.type !== 'address-changed' || event.entry.state !== 'preferred' || usable.has(String(event.entry.address))) return
    usable.add(String(event.entry.address))
    say(`${name} may use ${event.entry.address}${event.entry.temporary ? ', for a while' : ''}`)
  })
  host.stack.dhcpv4.listen(({ type }) => say(`${name}: DHCP ${type}`))
  host.stack.dhcpv4.start(host.iface, { hostName: name })
  return host
})

await net.run(async () => {
  await Promise.all([inner, outer, far.iface, ...hosts.map(({ iface }) => iface)].map((iface) => iface.up()))
  await sleep(net.env, 30_000)
  for (const { name, stack } of hosts) {
    say(`${name} asks ${stack.dns.servers.map((server) => `${server.address} (${server.source})`).join(', ')} for names`)
    for (const to of ['203.0.113.2', '2001:db8:ffff::2']) {
      const { received, roundTrips } = await (to.includes(':') ? stack.ipv6 : stack.ipv4).ping(to, { count: 3, interval: 100 })
      say(`${name} pings ${to}: ${received} of 3 came back, the last after ${roundTrips.at(-1)?.toFixed(0)} ms`)
    }
  }
  say('the router says that it is none any more')
  router.stack.advertising.end(inner)
  await sleep(net.env, 100)
  for (const { name, stack } of hosts) say(`${name} has ${stack.routers.routers.length} routers for IPv6`)
})
await net.stop()
