import * as assert from 'uvu/assert'
import fc from 'fast-check'
import type { Interface, Netif, NetifEvent, NetworkLayer, Transport } from '@favonius/contract'
import { address, inPrefix, ipv4, networkOf, prefix } from '@favonius/inet'
import { IpLayer } from '@favonius/ip'
import { suite } from '@favonius/testing'

const test = suite('ip: routes and registrations')

const fake = (name: string, running = true): Interface => ({ name, running }) as Interface
const eth0 = fake('eth0')
const eth1 = fake('eth1')
const deaf = { listen: () => () => {} } as unknown as Netif
const made = (maxRoutes = 8): IpLayer => new IpLayer(deaf, { maxRoutes })

test('the longest prefix wins, then the smallest metric, then the older route', () => {
  const ip = made()
  const all = ip.addRoute({ prefix: prefix('0.0.0.0/0'), iface: eth0, gateway: address('192.0.2.254') })
  const costly = ip.addRoute({ prefix: prefix('10.1.0.0/16'), iface: eth0, gateway: address('192.0.2.1'), metric: 5 })
  const cheap = ip.addRoute({ prefix: prefix('10.1.0.0/16'), iface: eth1, gateway: address('192.0.2.2'), metric: 1 })
  const younger = ip.addRoute({ prefix: prefix('10.1.0.0/16'), iface: eth0, gateway: address('192.0.2.3'), metric: 1 })
  const host = ip.addRoute({ prefix: prefix('10.1.2.3/32'), iface: eth0 })
  assert.is(ip.lookup(address('10.1.2.3')), host)
  assert.is(ip.lookup(address('10.1.2.4')), cheap)
  assert.is(ip.lookup(address('10.1.2.4'), eth0), younger)
  assert.is(ip.lookup(address('10.2.0.1')), all)
  assert.is(ip.lookup(address('10.2.0.1'), eth1), undefined)
  assert.is(ip.lookup(address('2001:db8::1')), undefined)
  ip.removeRoute(younger)
  assert.is(ip.lookup(address('10.1.2.4'), eth0), costly)
})

test('zones do not count', () => {
  const ip = made()
  const entry = ip.addRoute({ prefix: prefix('fe80::/64'), iface: eth0 })
  assert.is(ip.lookup(address('fe80::1%7')), entry)
})

test('interfaces that are not running are passed over', () => {
  const ip = made()
  const down = fake('down', false)
  ip.addRoute({ prefix: prefix('10.0.0.0/8'), iface: down })
  const wide = ip.addRoute({ prefix: prefix('0.0.0.0/0'), iface: eth0 })
  assert.is(ip.lookup(address('10.0.0.1')), wide)
  assert.is(ip.lookup(address('10.0.0.1'), down), undefined)
})

test('a route is replaced by one with the same prefix, interface and gateway', () => {
  const ip = made(2)
  ip.addRoute({ prefix: prefix('10.0.0.9/8'), iface: eth0, metric: 3 })
  const again = ip.addRoute({ prefix: prefix('10.7.0.0/8'), iface: eth0, metric: 4 })
  assert.equal(ip.routes, [again])
  assert.is(String(again.prefix.address), '10.0.0.0')
  ip.addRoute({ prefix: prefix('10.0.0.0/8'), iface: eth0, gateway: address('10.0.0.1') })
  assert.is(ip.routes.length, 2)
})

test('a full table throws, says how to enlarge it, and keeps what it has', () => {
  const ip = made(1)
  const kept = ip.addRoute({ prefix: prefix('10.0.0.0/8'), iface: eth0 })
  try {
    ip.addRoute({ prefix: prefix('2001:db8::/32'), iface: eth0 })
    assert.unreachable()
  } catch (error) {
    assert.is((error as { code?: string }).code, 'ENOBUFS')
    assert.match((error as Error).message, /2001:db8::\/32: all 1 routes are taken; compose ip\(\{ maxRoutes: 2 \}\)/)
  }
  assert.equal(ip.routes, [kept])
})

test('agrees with a search of all routes', () => {
  const route = fc.record({ word: fc.integer({ min: -4, max: 3 }), length: fc.integer({ min: 28, max: 32 }), metric: fc.nat(3), iface: fc.constantFrom(eth0, eth1) })
  fc.assert(fc.property(fc.array(route, { maxLength: 12 }), fc.integer({ min: -4, max: 3 }), fc.constantFrom(undefined, eth0, eth1), (routes, word, iface) => {
    const ip = made(100)
    for (const { word, length, metric, iface } of routes) ip.addRoute({ prefix: { address: networkOf(ipv4(word), length), length }, iface, metric })
    const found = ip.lookup(ipv4(word), iface)
    const best = ip.routes.filter((r) => inPrefix(r.prefix, ipv4(word)) && (!iface || r.iface === iface))
      .sort((a, b) => b.prefix.length - a.prefix.length || a.metric - b.metric)[0]
    assert.is(found, best)
  }))
})

test('every change that can make a kept route untrue raises the generation', () => {
  let listener: (event: NetifEvent) => void = () => {}
  const listen: Netif['listen'] = (l) => {
    listener = l
    return () => { listener = () => {} }
  }
  const ip = new IpLayer({ listen } as Netif, { maxRoutes: 8 })
  const rises = (act: () => void): boolean => {
    const before = ip.generation
    act()
    return ip.generation > before
  }
  const entry = { address: address('10.0.0.1') } as never
  assert.ok(rises(() => ip.addRoute({ prefix: prefix('10.0.0.0/8'), iface: eth0 })))
  assert.ok(rises(() => ip.addRoute({ prefix: prefix('11.0.0.0/8'), iface: eth1 })))
  for (const type of ['up', 'down'] as const) assert.ok(rises(() => listener({ type, iface: eth0 })), type)
  for (const type of ['address-added', 'address-removed', 'address-changed'] as const) assert.ok(rises(() => listener({ type, iface: eth0, entry })), type)
  assert.not.ok(rises(() => listener({ type: 'ready', iface: eth0 })))
  assert.ok(rises(() => listener({ type: 'removed', iface: eth0 })))
  assert.equal(ip.routes.map((r) => r.iface), [eth1])
  const last = ip.routes[0]!
  assert.ok(rises(() => ip.removeRoute(last)))
  assert.not.ok(rises(() => ip.removeRoute(last)))
  assert.ok(rises(() => ip.changed()))
  ip.stop()
  assert.not.ok(rises(() => listener({ type: 'up', iface: eth0 })))
})

test('one layer for each family, one transport for each protocol', () => {
  const ip = made()
  const layer = { family: 4 } as NetworkLayer
  const transport: Transport = { receive() {} }
  const withdrawLayer = ip.registerLayer(layer)
  const withdrawTransport = ip.registerTransport(17, transport)
  assert.is(ip.layer(4), layer)
  assert.is(ip.layer(6), undefined)
  assert.is(ip.transport(17), transport)
  assert.is(ip.transport(6), undefined)
  assert.throws(() => ip.registerLayer({ family: 4 } as NetworkLayer), /two features are IPv4/)
  assert.throws(() => ip.registerTransport(17, { receive() {} }), /IP protocol 17/)
  withdrawLayer()
  withdrawTransport()
  assert.is(ip.layer(4), undefined)
  assert.is(ip.transport(17), undefined)
})

test.run()
