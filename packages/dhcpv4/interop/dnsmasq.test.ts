/** Our client and dnsmasq, over TAP, in a network namespace of the test's own. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { sleep, system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { acd } from '@favonius/ethernet/acd'
import { ipv4 } from '@favonius/ipv4'
import { netbuf } from '@favonius/netbuf'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { inWorld, makeNamespace, peer, suite, type Running } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { dhcpv4, type DhcpEvent } from '../src/index.ts'

const test = suite('dnsmasq gives leases', { timeout: 60_000 })
const dnsmasq = peer('dnsmasq over TAP', { command: ['ip', 'dnsmasq'], package: 'iproute2 dnsmasq-base', root: true, tun: true })

async function world() {
  const folder = mkdtempSync(join(tmpdir(), 'favonius-'))
  const namespace = makeNamespace()
  const stack = compose(system, netbuf({ debug: true }), ethernet(), acd(), ipv4(), udp(), dhcpv4({ initialDelayMax: 0 }))
  const device = await openTap({ name: 'fav0', namespace: namespace.name })
  const eth0 = stack.netif.add(device, { name: 'eth0' })
  await namespace.must('ip', 'link', 'set', 'fav0', 'up')
  await namespace.must('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'fav0')
  await eth0.up()
  const events: DhcpEvent[] = []
  stack.dhcpv4.listen((event) => events.push(event))
  return {
    namespace, stack, eth0, events,
    async serve(range: string, ...more: readonly string[]): Promise<Running> {
      const server = namespace.start('dnsmasq', '--keep-in-foreground', '--log-facility=-', '--log-dhcp', '--port=0', '--conf-file=/dev/null',
        '--interface=fav0', '--bind-interfaces', '--user=root', '--pid-file=', '--no-ping', '--leasefile-ro', '--dhcp-authoritative',
        `--dhcp-range=${range}`, '--dhcp-option=option:router,192.0.2.1', '--dhcp-option=option:dns-server,192.0.2.53', ...more)
      await server.printed(/DHCP, IP range/)
      return server
    },
    /** The next event of a type, from now on. */
    async next(type: DhcpEvent['type'], within = 15_000): Promise<DhcpEvent> {
      const from = events.length
      for (const end = system.clock.now() + within; system.clock.now() < end; await sleep(system, 20)) {
        const found = events.slice(from).find((event) => event.type === type)
        if (found) return found
      }
      throw new Error(`no «${type}» within ${within} ms; ${stack.dhcpv4.state(eth0)}; ${JSON.stringify(stack.netif.statistics().drops)}`)
    },
    async stop() {
      await stack.stop()
      await namespace.remove()
      rmSync(folder, { recursive: true })
      assert.is(stack.netif.buffers.live, 0, stack.netif.buffers.owners().join('\n'))
    },
  }
}

type World = Awaited<ReturnType<typeof world>>
const check = (title: string, body: (w: World) => Promise<void>): void => {
  if (dnsmasq) test(title, inWorld(world, body))
}

check('an address, a router, routes and servers; and it is released', async (w) => {
  const server = await w.serve('192.0.2.100,192.0.2.100,255.255.255.0,1h', '--dhcp-option=option:domain-name,example.org',
    '--dhcp-option=option:classless-static-route,198.51.100.0/24,192.0.2.2,0.0.0.0/0,192.0.2.1', '--dhcp-option=option:mtu,1400')
  w.stack.dhcpv4.start(w.eth0, { hostName: 'favonius' })
  const event = await w.next('bound')
  assert.ok(event.type === 'bound')
  assert.is(`${event.lease.address}/${event.lease.prefixLength}`, '192.0.2.100/24')
  assert.is(event.lease.options.domainName, 'example.org')
  assert.equal([event.lease.options.mtu, w.stack.ipv4.mtu(w.eth0)], [1400, 1400])
  assert.equal(event.lease.options.dnsServers?.map(String), ['192.0.2.53'])
  assert.is(String(w.stack.ipv4.gateway(w.eth0)), '192.0.2.1')
  assert.ok(w.stack.ip.routes.some(({ prefix, gateway }) => String(prefix.address) === '198.51.100.0' && String(gateway) === '192.0.2.2'))
  assert.is((await w.stack.ipv4.ping('192.0.2.1')).received, 1)
  w.stack.dhcpv4.stop(w.eth0)
  await server.printed(/DHCPRELEASE\(fav0\) 192\.0\.2\.100/)
  assert.equal(w.eth0.addresses.length, 0)
  assert.is(w.stack.ip.routes.length, 0)
})

check('a lease is renewed at T1 with its server', async (w) => {
  const server = await w.serve('192.0.2.100,192.0.2.100,255.255.255.0,2m', '--dhcp-option-force=option:T1,3')
  w.stack.dhcpv4.start(w.eth0)
  const first = await w.next('bound')
  const second = await w.next('bound')
  assert.ok(first.type === 'bound' && second.type === 'bound')
  assert.equal(second.lease.address, first.lease.address)
  assert.ok(second.lease.since - first.lease.since >= 2900)
  assert.not(w.events.some(({ type }) => type === 'unbound'))
  await server.stop()
})

check('an address that somebody has is declined, and another is given', async (w) => {
  await w.namespace.must('ip', 'addr', 'add', '192.0.2.100/24', 'dev', 'fav0')
  const server = await w.serve('192.0.2.100,192.0.2.101,255.255.255.0,1h')
  w.stack.dhcpv4.start(w.eth0)
  // Which of the two is offered first is dnsmasq's choice, by a hash of the link address.
  const event = await w.next('bound', 30_000)
  assert.ok(event.type === 'bound' && String(event.lease.address) === '192.0.2.101')
  await server.stop()
})

check('INIT-REBOOT on a network of other numbers hears a NAK and gets an address of it', async (w) => {
  const server = await w.serve('192.0.2.100,192.0.2.100,255.255.255.0,1h')
  w.stack.dhcpv4.start(w.eth0)
  await w.next('bound')
  w.eth0.down()
  await server.stop()
  await w.namespace.must('ip', 'addr', 'flush', 'dev', 'fav0')
  await w.namespace.must('ip', 'addr', 'add', '198.51.100.1/24', 'dev', 'fav0')
  const other = await w.serve('198.51.100.100,198.51.100.110,255.255.255.0,1h')
  await w.eth0.up()
  await other.printed(/DHCPNAK\(fav0\) 192\.0\.2\.100/)
  const event = await w.next('bound')
  assert.ok(event.type === 'bound' && String(event.lease.address).startsWith('198.51.100.'))
})

check('a server that dies and returns: INIT-REBOOT is heard, and the same address is ours again', async (w) => {
  const range = '192.0.2.100,192.0.2.100,255.255.255.0,1h'
  let server = await w.serve(range)
  w.stack.dhcpv4.start(w.eth0)
  await w.next('bound')
  w.eth0.down()
  await server.stop()
  const up = w.eth0.up()
  await sleep(system, 300)
  assert.is(w.stack.dhcpv4.state(w.eth0), 'rebooting')
  server = await w.serve(range)
  const event = await w.next('bound')
  await up
  assert.ok(event.type === 'bound' && String(event.lease.address) === '192.0.2.100')
  assert.ok(!w.events.some(({ type }) => type === 'unbound'), 'the address was ours all the time')
})

check('a renewal that is refused takes the address at once, and another is asked for', async (w) => {
  const server = await w.serve('192.0.2.100,192.0.2.100,255.255.255.0,2m', '--dhcp-option-force=option:T1,3')
  w.stack.dhcpv4.start(w.eth0)
  await w.next('bound')
  await server.stop()
  const other = await w.serve('192.0.2.150,192.0.2.159,255.255.255.0,1h')
  const gone = await w.next('unbound')
  assert.ok(gone.type === 'unbound' && gone.lease.expiresAt > system.clock.now() + 60_000, 'long before its time')
  await other.printed(/DHCPNAK\(fav0\) 192\.0\.2\.100/)
  const event = await w.next('bound')
  assert.ok(event.type === 'bound' && /^192\.0\.2\.15\d$/.test(String(event.lease.address)))
})

/** dnsmasq grants no lease below two minutes: this one runs while the others are tested, and is waited for at the end. */
async function toTheEnd(w: World): Promise<void> {
  const range = '192.0.2.100,192.0.2.100,255.255.255.0,2m'
  const server = await w.serve(range, '--dhcp-option-force=option:T1,3')
  w.stack.dhcpv4.start(w.eth0)
  await w.next('bound')
  const renewed = await w.next('bound')
  await server.stop()
  const gone = await w.next('unbound', 125_000)
  const now = system.clock.now()
  assert.ok(renewed.type === 'bound' && gone.type === 'unbound' && gone.lease === renewed.lease)
  assert.ok(Math.abs(now - renewed.lease.since - 120_000) < 1000, `it went after ${now - renewed.lease.since} ms`)
  assert.equal([w.eth0.addresses.length, w.stack.ip.routes.length, w.stack.ipv4.gateway(w.eth0)], [0, 0, undefined])
  await w.serve(range)
  const event = await w.next('bound', 30_000)
  assert.ok(event.type === 'bound' && String(event.lease.address) === '192.0.2.100')
}

const patient = suite('dnsmasq is gone for longer than a lease', { timeout: 180_000 })
if (dnsmasq) {
  const ended = inWorld(world, toTheEnd)()
  ended.catch(() => {})
  patient('the address goes when the lease ends, and the server that returns gives it again', () => ended)
}

test.run()
patient.run()
