import * as assert from 'uvu/assert'
import { address, MutableAddress, prefix } from '@favonius/inet'
import { suite } from '@favonius/testing'
import { host, hostOnLan, PROTOCOL_TEST, Wire } from './net.ts'

const test = suite('ipv4: addresses, gateways, groups, routes')

const errorOf = (act: () => unknown): Error & { code?: string } => {
  try {
    act()
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not throw')
}

test('an address may be given in every form, and brings the route to its subnet', async () => {
  const { ipv4, ip, iface, end } = await host({ maxAddresses: 9 }, { own: '' })
  assert.is(`${ipv4.addAddress(iface, '192.0.2.1/24').address}`, '192.0.2.1')
  ipv4.addAddress(iface, { address: '198.51.100.1', netmask: '255.255.255.128' })
  ipv4.addAddress(iface, { address: address('203.0.113.9'), prefixLength: 30, origin: 'dhcp' })
  ipv4.addAddress(iface, { address: '203.0.113.64', prefixLength: 31 })
  assert.equal(iface.addresses.map((e) => `${e.address}/${e.prefixLength} ${e.state} ${e.origin}`),
    ['192.0.2.1/24 preferred manual', '198.51.100.1/25 preferred manual', '203.0.113.9/30 preferred dhcp', '203.0.113.64/31 preferred manual'])
  assert.equal(ip.routes.map((r) => `${r.prefix.address}/${r.prefix.length}`), ['203.0.113.64/31', '203.0.113.8/30', '198.51.100.0/25', '192.0.2.0/24'])
  await end()
})

test('what cannot be an address is refused, and the message says what to do', async () => {
  const { ipv4, iface, netif, end } = await host()
  for (const [given, code, message] of [
    ['192.0.2.5', 'EINVAL', /the length of the subnet's prefix is missing from "192\.0\.2\.5"; give it as/],
    ['192.0.2.5/33', 'EINVAL', /prefix/],
    [{ address: '192.0.2.5', netmask: '255.0.255.0' }, 'EINVAL', /255\.0\.255\.0 is no prefix length or mask/],
    [{ address: '192.0.2.5', prefixLength: 1.5 }, 'EINVAL', /1\.5 is no prefix length/],
    ['2001:db8::1/64', 'EINVAL', /give it to stack\.ipv6/],
    ['224.0.0.5/24', 'EINVAL', /it is a group/],
    ['255.255.255.255/32', 'EINVAL', /not a host's/],
    ['0.0.0.0/0', 'EINVAL', /not a host's/],
    ['127.0.0.1/8', 'EINVAL', /loopback interface's/],
    ['198.51.100.0/24', 'EINVAL', /the subnet's own number/],
    ['198.51.100.255/24', 'EINVAL', /the subnet's broadcast address/],
    ['192.0.2.1/24', 'EEXIST', /192\.0\.2\.1 is an address of tun0 already/],
  ] as const) {
    const error = errorOf(() => ipv4.addAddress(iface, given))
    assert.is(error.code, code, `${JSON.stringify(given)}: ${error.message}`)
    assert.match(error.message, message)
  }
  ipv4.addAddress(iface, '192.0.2.2/24')
  const full = errorOf(() => ipv4.addAddress(iface, '192.0.2.3/24'))
  assert.is(full.code, 'ENOBUFS')
  assert.match(full.message, /maxAddresses: 3.*CONFIG_NET_IF_UNICAST_IPV4_ADDR_COUNT/)
  assert.is(iface.addresses.length, 2)
  for (const medium of ['ieee802154', 'bluetooth']) {
    const radio = netif.add(new Wire(medium), { l2: { ...iface.l2, medium, headroom: () => 0, enable() {} } })
    assert.match(errorOf(() => ipv4.addAddress(radio, '10.0.0.1/8')).message, /IPv4 does not run on .* carries IPv6 alone/)
    assert.equal(radio.groups, [])
  }
  await end()
})

test('a full route table leaves the interface as it was', async () => {
  const { ipv4, ip, iface, end } = await host({ maxAddresses: 40 })
  for (let i = ip.routes.length; i < 32; i++) ip.addRoute({ prefix: prefix(`10.${i}.0.0/16`), iface })
  assert.is(errorOf(() => ipv4.addAddress(iface, '172.16.0.1/12')).code, 'ENOBUFS')
  assert.is(iface.addresses.length, 1)
  await end()
})

test('the route to a subnet goes with its last address', async () => {
  const { ipv4, ip, iface, end } = await host()
  ipv4.addAddress(iface, '192.0.2.2/24')
  ipv4.removeAddress(iface, '192.0.2.1')
  assert.is(ip.routes.length, 1)
  assert.not.ok(ipv4.owns(address('192.0.2.1')))
  ipv4.removeAddress(iface, address('192.0.2.2'))
  ipv4.removeAddress(iface, '192.0.2.2')
  assert.is(ip.routes.length, 0)
  assert.is(iface.addresses.length, 0)
  await end()
})

test('gateways are set, replaced and taken away', async () => {
  const { ipv4, ip, iface, netif, end } = await host()
  assert.is(ipv4.gateway(iface), undefined)
  ipv4.setGateway(iface, '192.0.2.253')
  ipv4.setGateway(iface, address('192.0.2.254'))
  assert.is(`${ipv4.gateway(iface)}`, '192.0.2.254')
  assert.equal(ip.routes.map((r) => `${r.gateway}`), ['undefined', '192.0.2.254'])
  for (const bad of ['224.0.0.1', '0.0.0.0', '2001:db8::1', '255.255.255.255']) assert.match(errorOf(() => ipv4.setGateway(iface, bad)).message, /cannot be a gateway/)
  ipv4.setGateway(iface, undefined)
  assert.is(ip.routes.length, 1)
  ipv4.setGateway(iface, '192.0.2.254')
  await netif.remove(iface)
  assert.is(ip.routes.length, 0)
  assert.is(ipv4.gateway(iface), undefined)
  await end()
})

test('next hops: on the link, by the gateway, to everyone, to a group', async () => {
  const { add, send, ipv4, ip, end } = await hostOnLan({ maxAddresses: 4 })
  const eth0 = add('eth0', '192.0.2.1/24')
  const eth1 = add('eth1', '198.51.100.1/24', '198.51.100.129/31')
  ipv4.setGateway(eth1.iface, '198.51.100.254')
  const way = (...args: Parameters<typeof send>): string => {
    const sent = send(...args)
    return sent ? `${sent.from} by ${sent.by} to ${sent.hop}` : 'none'
  }
  assert.is(way('192.0.2.9'), '192.0.2.1 by eth0 to 192.0.2.9')
  assert.is(way('10.9.9.9'), '198.51.100.1 by eth1 to 198.51.100.254')
  assert.is(way('10.9.9.9', { iface: eth0.iface }), 'none')
  assert.is(way('192.0.2.255'), '192.0.2.1 by eth0 to all of 255.255.255.255', 'a directed broadcast')
  assert.is(way('198.51.100.255'), '198.51.100.1 by eth1 to all of 255.255.255.255')
  assert.is(way('198.51.100.128'), '198.51.100.129 by eth1 to 198.51.100.128', 'a /31 has no broadcast')
  assert.is(way('255.255.255.255'), '192.0.2.1 by eth0 to all of 255.255.255.255', 'by the default interface')
  assert.is(way('255.255.255.255', { iface: eth1.iface }), '198.51.100.1 by eth1 to all of 255.255.255.255')
  assert.is(way('224.0.0.251'), '192.0.2.1 by eth0 to all of 224.0.0.251')
  ip.addRoute({ prefix: prefix('239.0.0.0/8'), iface: eth1.iface })
  assert.is(way('239.1.1.1'), '198.51.100.1 by eth1 to all of 239.1.1.1', 'a route for groups')
  assert.is(way('224.0.0.251', { source: address('198.51.100.1') }), '198.51.100.1 by eth1 to all of 224.0.0.251', 'by the interface of the source')
  assert.is(way('10.9.9.9', { source: address('192.0.2.1') }), '192.0.2.1 by eth1 to 198.51.100.254', 'a given source is kept')
  assert.is(way('10.9.9.9', { source: address('192.0.2.77') }), 'none', 'not ours')
  assert.is(way('127.0.0.1'), 'none', 'never to a link, gateway or not')
  assert.is(way('0.0.0.0'), 'none')
  assert.is(ipv4.route(address('2001:db8::1'), { protocol: 17 }), undefined)
  assert.ok(ipv4.isMulticast(address('224.0.0.1')) && ipv4.isMulticast(address('192.0.2.255')) && ipv4.isMulticast(address('255.255.255.255')))
  assert.not.ok(ipv4.isMulticast(address('192.0.2.254')))
  await end()
})

test('link-local addresses are for the link (RFC 3927 §2.7)', async () => {
  const { add, send, ipv4, end } = await hostOnLan()
  const { iface } = add('eth0', '169.254.7.7/16')
  ipv4.setGateway(iface, '169.254.0.1')
  assert.is(send('169.254.9.9')?.from, '169.254.7.7')
  assert.is(send('10.1.2.3'), undefined)
  assert.is(send('224.0.0.251')?.from, '169.254.7.7')
  ipv4.addAddress(iface, '192.0.2.1/24')
  assert.is(send('10.1.2.3')?.from, '192.0.2.1')
  assert.is(send('224.0.0.251')?.from, '192.0.2.1')
  assert.is(send('169.254.9.9')?.from, '169.254.7.7')
  await end()
})

test('who has no address yet may broadcast from 0.0.0.0, and nothing else', async () => {
  const { add, send, end } = await hostOnLan()
  add('eth0')
  assert.is(send('255.255.255.255')?.from, '0.0.0.0')
  assert.is(send('224.0.0.251'), undefined)
  assert.is(send('192.0.2.1'), undefined)
  await end()
})

test('a route is true until addresses, routes or interfaces change', async () => {
  const { ipv4, iface, end, ip } = await host()
  const route = () => ipv4.route(address('192.0.2.9'), { protocol: PROTOCOL_TEST })
  const changes: (() => void)[] = [
    () => ipv4.addAddress(iface, '192.0.2.2/24'), () => ipv4.removeAddress(iface, '192.0.2.2'), () => ipv4.setGateway(iface, '192.0.2.254'),
    () => ip.addRoute({ prefix: prefix('10.0.0.0/8'), iface }), () => iface.down(),
  ]
  for (const [i, change] of changes.entries()) {
    const kept = route()!
    assert.ok(kept.valid(), `before change ${i}`)
    change()
    assert.not.ok(kept.valid(), `change ${i}`)
  }
  assert.is(route(), undefined, 'the interface is down')
  await end()
})

test('a route keeps its addresses when the record it was asked with changes', async () => {
  const { ipv4, end } = await host()
  const record = new MutableAddress().copyFrom(address('192.0.2.9'))
  const route = ipv4.route(record, { protocol: PROTOCOL_TEST })!
  record.copyFrom(address('10.0.0.1'))
  assert.is(`${route.destination} ${route.nextHop}`, '192.0.2.9 192.0.2.9')
  await end()
})

test('groups are joined up to a limit; all systems is always there', async () => {
  const { ipv4, iface, end } = await host({ maxGroups: 2 })
  assert.equal(iface.groups.map(String), ['224.0.0.1'])
  ipv4.join(iface, address('224.0.0.251'))
  ipv4.join(iface, address('239.1.1.1'))
  ipv4.join(iface, address('239.1.1.1'))
  assert.match(errorOf(() => ipv4.join(iface, address('239.1.1.2'))).message, /is in 2 groups.*CONFIG_NET_IF_MCAST_IPV4_ADDR_COUNT/)
  assert.is(errorOf(() => ipv4.join(iface, address('192.0.2.3'))).code, 'EINVAL')
  ipv4.leave(iface, address('239.1.1.1'))
  assert.ok(iface.inGroup(address('239.1.1.1')))
  ipv4.leave(iface, address('239.1.1.1'))
  assert.not.ok(iface.inGroup(address('239.1.1.1')))
  ipv4.leave(iface, address('224.0.0.1'))
  assert.ok(iface.inGroup(address('224.0.0.1')))
  await end()
})

test.run()
