/** Avahi over TAP: it finds what we offer, and we find what it offers. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { inWorld, makeNamespace, peer, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { Mdns } from '../src/mdns/index.ts'
import { browse, find, offer } from '../src/sd/index.ts'

const test = suite('mDNS: Avahi', { timeout: 60_000 })
const avahi = peer('Avahi', {
  command: ['ip', 'avahi-daemon', 'avahi-browse', 'avahi-resolve', 'dbus-daemon'], package: 'avahi-daemon avahi-utils dbus', root: true, tun: true,
})

const BUS = (path: string): string => `<busconfig><type>system</type><listen>unix:path=${path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/><allow send_requested_reply="true" send_type="method_return"/>
<allow send_requested_reply="true" send_type="error"/><allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/></policy></busconfig>`
const DAEMON = `[server]\nhost-name=linux\nallow-interfaces=fav0\nenable-dbus=yes\n[publish]\npublish-hinfo=no\npublish-workstation=no\n[rlimits]\n`
const SERVICE = `<service-group><name>Web on Linux</name><service><type>_http._tcp</type><port>8080</port><txt-record>path=/index</txt-record></service></service-group>`

async function world() {
  const linux = makeNamespace()
  const folder = mkdtempSync(join(tmpdir(), 'favonius-'))
  mkdirSync(join(folder, 'services'))
  writeFileSync(join(folder, 'services', 'web.service'), SERVICE)
  writeFileSync(join(folder, 'daemon.conf'), DAEMON)
  writeFileSync(join(folder, 'bus.conf'), BUS(`${folder}/bus`))
  const stack = compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv4(), ipv6(), udp(), sockets())
  const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: linux.name }), { name: 'eth0' })
  await linux.must('ip', 'link', 'set', 'fav0', 'up')
  await linux.must('ip', 'addr', 'add', '192.0.2.2/24', 'dev', 'fav0')
  stack.ipv4.addAddress(eth0, '192.0.2.1/24')
  await eth0.up()
  const mdns = await Mdns.open(system, stack.sockets, { iface: 'eth0' })
  // Its folders are its own: what it mounts is seen by nobody else (ip-netns(8)).
  const daemon = linux.start('sh', '-c', `mount -t tmpfs none /run && mount --bind ${folder}/services /etc/avahi/services && export DBUS_SYSTEM_BUS_ADDRESS=unix:path=${folder}/bus
    dbus-daemon --config-file=${folder}/bus.conf --nofork --nopidfile & bus=$!
    for i in 1 2 3 4 5 6 7 8 9; do test -S ${folder}/bus && break; sleep 0.2; done
    avahi-daemon -f ${folder}/daemon.conf --no-drop-root --no-chroot --no-rlimits & daemon=$!
    trap "kill $daemon $bus" TERM
    wait; wait`)
  await daemon.printed(/Service "Web on Linux" .*successfully established/)
  return {
    linux, mdns,
    /** One of Avahi's tools. */
    ask: (command: string, ...args: string[]) => linux.must('env', `DBUS_SYSTEM_BUS_ADDRESS=unix:path=${folder}/bus`, command, ...args),
    async stop(): Promise<void> {
      mdns.close()
      await stack.stop()
      await linux.remove()
      rmSync(folder, { recursive: true, force: true })
      assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
    },
  }
}

const check = (title: string, body: (w: Awaited<ReturnType<typeof world>>) => Promise<void>): void => {
  if (avahi) test(title, inWorld(world, body))
}

check('we find its service, its host and its strings', async ({ mdns }) => {
  for await (const { kind, name, instance } of browse(system, mdns, '_http._tcp')) {
    assert.equal([kind, name], ['up', 'Web on Linux'])
    const found = await find(mdns, instance)
    assert.equal([found.host, found.port, found.txt], ['linux.local', 8080, { path: '/index' }])
    assert.ok(found.addresses.includes('192.0.2.2'), found.addresses.join())
    break
  }
})

check('it finds our service, our host and our strings', async ({ mdns, ask }) => {
  const host = await mdns.host('favonius', ['192.0.2.1'])
  await offer(mdns, { name: 'Web, ours', type: '_http._tcp', host: host.name, port: 4242, txt: { path: '/ours' } })
  const browsed = await ask('avahi-browse', '-prtk', '_http._tcp')
  assert.match(browsed, /=;fav0;IPv[46];Web\\044\\032ours;_http\._tcp;local;favonius\.local;192\.0\.2\.1;4242;"path=\/ours"/)
  assert.match(await ask('avahi-resolve', '-4', '-n', 'favonius.local'), /favonius\.local\s+192\.0\.2\.1/)
})

check('a host name and a service name that it has are not ours: we take others', async ({ mdns }) => {
  const host = await mdns.host('linux', ['192.0.2.1'])
  assert.is(host.name, 'linux-2.local')
  const service = await offer(mdns, { name: 'Web on Linux', type: '_http._tcp', host: host.name, port: 1 })
  assert.is(service.name, 'Web\\032on\\032Linux\\032(2)._http._tcp.local')
})

test.run()
