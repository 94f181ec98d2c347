import * as assert from 'uvu/assert'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { acd } from '@favonius/ethernet/acd'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { simulate, type SegmentOptions } from '@favonius/sim'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { dhcpv4, type DhcpEvent } from '../src/index.ts'
import { dhcpv4Server, type ServeOptions } from '../src/server/index.ts'

const test = suite('DHCP on a network')

const MINUTE = 60_000

function network(options: SegmentOptions = {}, { seed = 1, clients = 1, serve = {} as Partial<ServeOptions>, leaseTime = 3600, maxLeases = 256 } = {}) {
  const net = simulate({ seed })
  const lan = net.ethernet({ latency: 1, ...options })
  const server = net.node('server', [ethernet(), ipv4(), udp(), dhcpv4Server({ leaseTime, maxLeases })] as const, lan)
  server.stack.ipv4.addAddress(server.iface, '192.0.2.1/24')
  server.stack.dhcpv4Server.start(server.iface, {
    first: '192.0.2.100', last: '192.0.2.109', options: { routers: [address('192.0.2.1')], dnsServers: [address('192.0.2.53')] }, ...serve,
  })
  const nodes = Array.from({ length: clients }, (_, i) => {
    const node = net.node(`client${i}`, [ethernet(), acd(), ipv4(), udp(), dhcpv4()] as const, lan)
    const log: string[] = []
    node.stack.dhcpv4.listen((event: DhcpEvent) => log.push('lease' in event ? `${event.type} ${event.lease.address}` : event.type))
    node.stack.dhcpv4.start(node.iface)
    return { ...node, iface: node.iface, log }
  })
  const end = async (): Promise<void> => {
    await net.stop()
    assert.is(net.env.armed, 0)
  }
  return { net, lan, server, nodes, client: nodes[0]!, end }
}

test('a client gets an address, a router and servers; renews at half of the time; and gives it back', async () => {
  const { net, server, client: { stack, iface, log }, end } = network()
  await net.run(async () => {
    await sleep(net.env, MINUTE)
    const lease = stack.dhcpv4.lease(iface)!
    assert.is(`${lease.address}/${lease.prefixLength} by ${stack.ipv4.gateway(iface)}`, '192.0.2.100/24 by 192.0.2.1')
    assert.equal(lease.options.dnsServers?.map(String), ['192.0.2.53'])
    assert.is(iface.addresses[0]!.origin, 'dhcp')
    assert.is((await stack.ipv4.ping('192.0.2.1')).received, 1)
    await sleep(net.env, 30 * MINUTE)
    assert.equal(log, ['start', 'bound 192.0.2.100', 'bound 192.0.2.100'])
    stack.dhcpv4.stop(iface)
    await sleep(net.env, 10)
    assert.equal(server.stack.dhcpv4Server.bindings(server.iface), [])
    assert.equal(log.slice(3), ['unbound 192.0.2.100', 'stop'])
    assert.is(iface.addresses.length, 0)
    assert.is(stack.ip.routes.length, 0)
  })
  await end()
})

test('RFC 2132 §5.1: the MTU is applied as long as the lease lasts; absurd ones are not, and counted', async () => {
  for (const [mtu, applied, counted] of [[1280, 1280, undefined], [68, 68, undefined], [67, 1500, 1], [0, 1500, 1], [9000, 1500, undefined]] as const) {
    const { net, server, client: { stack, iface }, end } = network({}, { serve: { options: { mtu } }, leaseTime: 600 })
    await net.run(async () => {
      await sleep(net.env, MINUTE)
      assert.is(stack.dhcpv4.lease(iface)!.options.mtu, mtu)
      assert.equal([stack.ipv4.mtu(iface), stack.ipv4.route(address('192.0.2.1'), { protocol: 17 })!.mtu], [applied, applied])
      assert.is(stack.netif.statistics().drops['dhcpv4: MTU that is none'], counted)
      server.stack.dhcpv4Server.stop(server.iface)
      await sleep(net.env, 11 * MINUTE)
      assert.is(stack.dhcpv4.lease(iface), undefined)
      assert.is(stack.ipv4.mtu(iface), 1500)
    })
    await end()
  }
})

test('an MTU that a renewal does not bring any more is given back; one that somebody has set meanwhile stays', async () => {
  const { net, server, client: { stack, iface }, end } = network({}, { serve: { options: { mtu: 1280 } }, leaseTime: 600 })
  const serve = (options: ServeOptions['options']): void => {
    server.stack.dhcpv4Server.stop(server.iface)
    server.stack.dhcpv4Server.start(server.iface, { first: '192.0.2.100', last: '192.0.2.109', options: options! })
  }
  await net.run(async () => {
    await sleep(net.env, MINUTE)
    serve({})
    await sleep(net.env, 6 * MINUTE)
    assert.is(stack.ipv4.mtu(iface), 1500)
    serve({ mtu: 1400 })
    await sleep(net.env, 6 * MINUTE)
    assert.is(stack.ipv4.mtu(iface), 1400)
    stack.ipv4.setMtu(iface, 1000)
    stack.dhcpv4.stop(iface)
    assert.is(stack.ipv4.mtu(iface), 1000)
  })
  await end()
})

for (const loss of [0.1, 0.4]) {
  test(`ten clients get ten addresses on a link that loses ${loss * 100} % of all frames`, async () => {
    const { net, nodes, end } = network({ loss }, { clients: 10, seed: 9 })
    await net.run(() => sleep(net.env, 20 * MINUTE))
    const given = nodes.map(({ stack, iface }) => String(stack.dhcpv4.lease(iface)?.address))
    assert.is(new Set(given).size, 10, given.join(' '))
    assert.ok(given.every((one) => /^192\.0\.2\.10\d$/.test(one)), given.join(' '))
    await end()
  })
}

test('an address that somebody has is not offered: the server asks first', async () => {
  const { net, lan, server, client, end } = network()
  const squatter = net.node('squatter', [ethernet(), ipv4()] as const, lan)
  squatter.stack.ipv4.addAddress(squatter.iface, '192.0.2.100/24')
  await net.run(() => sleep(net.env, MINUTE))
  assert.is(String(client.stack.dhcpv4.lease(client.iface)!.address), '192.0.2.101')
  assert.equal(server.stack.dhcpv4Server.bindings(server.iface).map(({ address, state }) => `${address} ${state}`), ['192.0.2.100 declined', '192.0.2.101 leased'])
  await end()
})

test('a reservation goes to its client, and to nobody else', async () => {
  const hardware = Uint8Array.of(255, 0, 0, 0, 1, 0, 3, 0, 1)
  const { net, server, nodes, end } = network({}, { clients: 2 })
  server.stack.dhcpv4Server.stop(server.iface)
  const { address: link } = nodes[1]!.iface
  const client = Uint8Array.of(...hardware, link.hi >> 8, link.hi, link.lo >>> 24, link.lo >>> 16, link.lo >>> 8, link.lo)
  server.stack.dhcpv4Server.start(server.iface, { first: '192.0.2.100', last: '192.0.2.109', reservations: [{ client, address: '192.0.2.100' }] })
  await net.run(() => sleep(net.env, MINUTE))
  assert.equal(nodes.map(({ stack, iface }) => String(stack.dhcpv4.lease(iface)!.address)), ['192.0.2.101', '192.0.2.100'])
  await end()
})

test('a lease ends when no server is there, and its address goes', async () => {
  const { net, server, client, end } = network({}, { leaseTime: 600 })
  await net.run(async () => {
    await sleep(net.env, MINUTE)
    server.stack.dhcpv4Server.stop(server.iface)
    await sleep(net.env, 11 * MINUTE)
  })
  assert.equal(client.log, ['start', 'bound 192.0.2.100', 'unbound 192.0.2.100'])
  assert.is(client.iface.addresses.length, 0)
  await end()
})

test('a cable that is pulled and put back keeps the address', async () => {
  const { net, client, end } = network()
  await net.run(async () => {
    await sleep(net.env, MINUTE)
    net.plug(client.devices[0]!, false)
    await sleep(net.env, MINUTE)
    assert.is(client.stack.dhcpv4.state(client.iface), 'waiting')
    net.plug(client.devices[0]!, true)
    await sleep(net.env, 100)
  })
  assert.equal(client.log, ['start', 'bound 192.0.2.100', 'bound 192.0.2.100'])
  await end()
})

test('a full pool gives nothing, and says so', async () => {
  const { net, server, nodes, end } = network({}, { clients: 3, maxLeases: 2 })
  await net.run(() => sleep(net.env, MINUTE))
  assert.is(nodes.filter(({ stack, iface }) => stack.dhcpv4.lease(iface)).length, 2)
  assert.ok(server.stack.netif.statistics().drops['dhcpv4 server: no address is left']! > 0)
  await end()
})

test('a pool that cannot be served is refused in words', async () => {
  const { server, end } = network()
  const { dhcpv4Server: dhcp } = server.stack
  assert.throws(() => dhcp.start(server.iface, { first: '192.0.2.1', last: '192.0.2.2' }), /is served already/)
  dhcp.stop(server.iface)
  assert.throws(() => dhcp.start(server.iface, { first: '198.51.100.1', last: '198.51.100.2' }), /no address in the subnet of 198\.51\.100\.1/)
  assert.throws(() => dhcp.start(server.iface, { first: '192.0.2.9', last: '192.0.2.2' }), /is behind its last/)
  assert.throws(() => dhcp.start(server.iface, { first: '192.0.2.0', last: '192.0.2.2' }), /nobody's/)
  await end()
})

test('malformed bytes at the ports are counted and dropped', async () => {
  const { net, server, client, end } = network()
  client.stack.dhcpv4.stop(client.iface)
  await net.run(async () => {
    const silent = { receive: (packet: { unref(): void }) => packet.unref() }
    const socket = server.stack.udp.open({ address: address('0.0.0.0'), port: 68, v6only: false, reuse: false, iface: server.iface }, silent)
    client.stack.ipv4.addAddress(client.iface, '192.0.2.9/24')
    client.stack.udp.open({ address: address('0.0.0.0'), port: 68, v6only: false, reuse: false, iface: client.iface }, silent)
      .send(new Uint8Array(100), client.stack.udp.peer(address('192.0.2.1'), 67))
    await sleep(net.env, 100)
    socket.close()
  })
  assert.is(server.stack.netif.statistics().drops['dhcpv4 server: malformed'], 1)
  await end()
})

test.run()
