/** udhcpc, on Linux's side of a TAP, takes leases from our server. */

import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { system } from '@favonius/clock'
import { dhcpv4Server } from '@favonius/dhcpv4/server'
import { ethernet } from '@favonius/ethernet'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { Arena, netbufIn } from '@favonius/netbuf'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { inWorld, makeNamespace, peer, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import * as assert from 'uvu/assert'

const test = suite('dhcpv4: udhcpc takes our leases', { timeout: 60_000 })
const udhcpc = peer('udhcpc over TAP', { command: ['ip', 'udhcpc', 'ping'], package: 'iproute2 udhcpc iputils-ping', root: true, tun: true })

/** What udhcpc runs at each event: it tells of it, and configures the interface. */
const SCRIPT = `#!/bin/sh
echo "event=$1 ip=$ip mask=$mask router=$router dns=$dns domain=$domain lease=$lease server=$serverid"
case $1 in
  deconfig) ip addr flush dev $interface; ip link set $interface up ;;
  bound|renew) ip addr replace $ip/$mask dev $interface; [ -z "$router" ] || ip route replace default via $router ;;
esac
`

async function world() {
  const folder = await mkdtemp(join(tmpdir(), 'favonius-udhcpc-'))
  const script = join(folder, 'script')
  await writeFile(script, SCRIPT)
  await chmod(script, 0o755)
  const namespace = makeNamespace()
  const stack = compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv4(), udp(), dhcpv4Server({ leaseTime: 600 }))
  const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: namespace.name }), { name: 'eth0' })
  stack.ipv4.addAddress(eth0, '192.0.2.1/24')
  await namespace.must('ip', 'link', 'set', 'fav0', 'up')
  await eth0.up()
  stack.dhcpv4Server.start(eth0, {
    first: '192.0.2.100', last: '192.0.2.101', options: { routers: [address('192.0.2.1')], dnsServers: [address('192.0.2.53'), address('192.0.2.54')], domainName: 'example.org' },
  })
  return {
    namespace, stack, eth0,
    ask: (...more: readonly string[]): Promise<string> => namespace.must('udhcpc', '-i', 'fav0', '-f', '-q', '-n', '-t', '5', '-T', '2', '-s', script, ...more),
    async stop(): Promise<void> {
      await stack.stop()
      await namespace.remove()
      await rm(folder, { recursive: true })
      assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
    },
  }
}

type World = Awaited<ReturnType<typeof world>>
const check = (title: string, body: (w: World) => Promise<void>): void => {
  if (udhcpc) test(title, inWorld(world, body))
}

check('an address with all that goes with it; it works; and asking again gives the same one', async ({ namespace, stack, eth0, ask }) => {
  const said = await ask('-x', 'hostname:linux')
  const [, ip] = /event=bound ip=(192\.0\.2\.10[01]) mask=24 router=192\.0\.2\.1 dns=192\.0\.2\.53 192\.0\.2\.54 domain=example\.org lease=600 server=192\.0\.2\.1/.exec(said) ?? assert.unreachable(said) as never
  assert.match(await namespace.must('ping', '-c', '2', '-i', '0.05', '-W', '2', '192.0.2.1'), / 0% packet loss/)
  assert.equal(stack.dhcpv4Server.bindings(eth0).map((binding) => String(binding.address)), [ip])
  assert.match(await ask('-r', ip!), new RegExp(`event=bound ip=${ip} `))
})

check('RFC 2131 §4.3.2: an address of another network is refused, and it asks for one of ours', async ({ ask }) => {
  const said = await ask('-r', '198.51.100.7')
  assert.match(said, /event=bound ip=192\.0\.2\.10[01] /)
})

check('a pool that is used up gives nothing more', async ({ namespace, ask }) => {
  for (const link of ['02:00:5e:00:53:11', '02:00:5e:00:53:12']) {
    await namespace.must('ip', 'link', 'set', 'fav0', 'address', link)
    assert.match(await ask(), /event=bound/)
  }
  await namespace.must('ip', 'link', 'set', 'fav0', 'address', '02:00:5e:00:53:13')
  const { code } = await namespace.run('udhcpc', '-i', 'fav0', '-f', '-q', '-n', '-t', '2', '-T', '1', '-s', '/bin/true')
  assert.is(code, 1)
})

test.run()
