/** Real servers: dnsmasq and BIND over TAP, asked by our resolver over our own stack. */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { sleep, system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { tcp } from '@favonius/tcp'
import { codeOf, inWorld, makeNamespace, peer, suite, type Namespace } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { dns } from '../src/index.ts'

const test = suite('DNS: real servers', { timeout: 60_000 })

const MANY = Array.from({ length: 90 }, (_, i) => `2001:db8::1:${(i + 1).toString(16)}`)

const DNSMASQ = `
no-resolv
no-hosts
no-daemon
bind-interfaces
listen-address=192.0.2.2,2001:db8::2
local=/example.com/
host-record=host.example.com,192.0.2.80,2001:db8::80
host-record=four.example.com,192.0.2.4
cname=www.example.com,web.example.com
cname=web.example.com,host.example.com
srv-host=_http._tcp.example.com,host.example.com,8080,0,5
txt-record=host.example.com,"a=1","b=2"
edns-packet-max=1232
${MANY.map((address) => `host-record=many.example.com,${address}`).join('\n')}
`

const ZONE = `
$TTL 300
@ IN SOA ns.example.com. root.example.com. 1 3600 600 86400 60
@ IN NS ns.example.com.
ns IN A 192.0.2.2
host IN A 192.0.2.80
host IN AAAA 2001:db8::80
host IN TXT "a=1" "b=2"
four IN A 192.0.2.4
www IN CNAME web
web IN CNAME host
_http._tcp IN SRV 0 5 8080 host
${MANY.map((address) => `many IN AAAA ${address}`).join('\n')}
`
const named = (folder: string): string => `
options { directory "${folder}"; listen-on { 192.0.2.2; }; listen-on-v6 { 2001:db8::2; }; recursion no; dnssec-validation no; pid-file none;
  session-keyfile "${folder}/session.key"; managed-keys-directory "${folder}"; };
controls { };
zone "example.com" { type primary; file "${folder}/zone"; };
`

/** Starts the server in its namespace; it is stopped with it. */
const SERVERS: Record<string, { readonly needs: boolean; start(linux: Namespace, folder: string): void }> = {
  dnsmasq: {
    needs: peer('dnsmasq', { command: ['ip', 'dnsmasq'], package: 'dnsmasq', root: true, tun: true }),
    start(linux, folder) {
      writeFileSync(join(folder, 'conf'), DNSMASQ)
      linux.start('dnsmasq', `--conf-file=${folder}/conf`, '--user=root')
    },
  },
  'BIND': {
    needs: peer('BIND', { command: ['ip', 'named'], package: 'bind9', root: true, tun: true }),
    start(linux, folder) {
      writeFileSync(join(folder, 'zone'), ZONE)
      writeFileSync(join(folder, 'conf'), named(folder))
      linux.start('named', '-g', '-n', '1', '-c', `${folder}/conf`)
    },
  },
}

const worldOf = (start: (linux: Namespace, folder: string) => void) => async () => {
  const linux = makeNamespace()
  const folder = mkdtempSync(join(tmpdir(), 'favonius-'))
  chmodSync(folder, 0o777)
  const stack = compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv4(), ipv6(), udp(), tcp(), sockets(), dns({ timeout: 1000 }))
  const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: linux.name }), { name: 'eth0' })
  await linux.must('ip', 'link', 'set', 'fav0', 'up')
  await linux.must('ip', 'addr', 'add', '192.0.2.2/24', 'dev', 'fav0')
  await linux.must('ip', '-6', 'addr', 'add', '2001:db8::2/64', 'dev', 'fav0', 'nodad')
  stack.ipv4.addAddress(eth0, '192.0.2.1/24')
  stack.ipv6.addAddress(eth0, '2001:db8::1/64')
  await eth0.up()
  start(linux, folder)
  // It is there once it answers anything at all.
  stack.dns.setServers(['2001:db8::2', '192.0.2.2'])
  for (let tries = 0; ; tries++) {
    const code = await codeOf(stack.dns.resolve(`ready${tries}.example.com`, 'A'))
    if (code === 'ENOTFOUND') break
    if (tries > 100) throw new Error(`the server is not there: ${code}`)
    await sleep(system, 100)
  }
  return {
    stack, linux,
    async stop(): Promise<void> {
      await stack.stop()
      await linux.remove()
      rmSync(folder, { recursive: true, force: true })
      assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
    },
  }
}

for (const [name, { needs, start }] of Object.entries(SERVERS)) {
  if (!needs) continue
  test(`${name}: A, AAAA, aliases, SRV, TXT, what is not there, over both families`, inWorld(worldOf(start), async ({ stack }) => {
    for (const server of ['192.0.2.2', '2001:db8::2']) {
      stack.dns.setServers([server])
      stack.dns.flush()
      assert.equal(await stack.dns.lookup('www.example.com'), [{ address: '2001:db8::80', family: 6 }, { address: '192.0.2.80', family: 4 }])
      assert.equal(await stack.dns.resolve('_http._tcp.example.com', 'SRV'), [{ priority: 0, weight: 5, port: 8080, target: 'host.example.com' }])
      assert.equal(await stack.dns.resolve('host.example.com', 'TXT'), [['a=1', 'b=2']])
      assert.is(await codeOf(stack.dns.resolve('four.example.com', 'AAAA')), 'ENODATA')
      assert.is(await codeOf(stack.dns.lookup('none.example.com')), 'ENOTFOUND')
    }
    const { dropped } = stack.dns.statistics
    assert.equal([dropped.case, dropped.id, dropped.question, dropped.malformed], [0, 0, 0, 0])
  }))

  test(`${name}: a truncated answer comes whole by TCP, over both families`, inWorld(worldOf(start), async ({ stack }) => {
    for (const server of ['192.0.2.2', '2001:db8::2']) {
      stack.dns.setServers([server])
      stack.dns.flush()
      const before = stack.dns.statistics.sent
      assert.equal((await stack.dns.resolve('many.example.com', 'AAAA')).sort(), [...MANY].sort())
      assert.is(stack.dns.statistics.sent - before, 2)
    }
  }))
}

test.run()
