/** VLANs over a TAP: against scapy, which knows of tags what is written on them, against the kernel where it has 802.1Q, and tshark's eyes. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { sleep, system } from '@favonius/clock'
import { address, ANY6 } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { netbuf } from '@favonius/netbuf'
import { captureFile } from '@favonius/pcap/file'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { inWorld, makeNamespace, peer, suite, type Running } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { arp, ethernet } from '../src/index.ts'
import { vlan } from '../src/vlan/index.ts'

const test = suite('VLANs on a TAP', { timeout: 60_000 })
const tap = peer('the Linux kernel over TAP', { command: ['ip', 'ping'], package: 'iproute2 iputils-ping', root: true, tun: true })
const scapy = tap && peer('scapy', { command: 'scapy', package: 'python3-scapy' })
const tshark = peer('tshark', { command: 'tshark', package: 'tshark' })

/** Debian's, for which python3-scapy is. */
const PYTHON = '/usr/bin/python3'
const HOST = fileURLToPath(new URL('vlan.py', import.meta.url))
const PREFIXES = { 0: ['192.0.2.', '2001:db8::'], 100: ['198.51.100.', '2001:db8:100::'], 200: ['203.0.113.', '2001:db8:200::'] } as const
const TAGS = [0, 100, 200] as const

const folder = mkdtempSync(join(tmpdir(), 'favonius-'))
const captures: string[] = []

/** A stack on a TAP with two VLANs. The kernel at the other end has no address of its own, and keeps silent. */
async function world({ offload = false } = {}) {
  const namespace = makeNamespace()
  await namespace.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1')
  const stack = compose(system, netbuf({ debug: true }), ethernet(), arp({ tableSize: 8 }), vlan(), ipv4(), ipv6(), udp(), sockets())
  const path = join(folder, `${captures.length}.pcapng`)
  captures.push(path)
  const capture = captureFile(stack.netif, system.clock, path)
  const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: namespace.name, offload }), { name: 'eth0' })
  const on = { 0: eth0, 100: stack.vlan.add(eth0, 100), 200: stack.vlan.add(eth0, 200) }
  for (const tag of TAGS) {
    stack.ipv4.addAddress(on[tag], `${PREFIXES[tag][0]}1/24`)
    stack.ipv6.addAddress(on[tag], `${PREFIXES[tag][1]}1/64`)
  }
  await Promise.all(TAGS.map((tag) => on[tag].up()))
  return {
    namespace, stack, eth0, on, path,
    async stop() {
      await stack.stop()
      capture.close()
      await namespace.remove()
      assert.is(stack.netif.buffers.live, 0, stack.netif.buffers.owners().join('\n'))
    },
  }
}

type World = Awaited<ReturnType<typeof world>>
const check = (title: string, needs: boolean, body: (w: World) => Promise<void>, options?: { readonly offload: boolean }): void => {
  if (!needs) return
  test(title, inWorld(() => world(options), body))
}

async function serve({ namespace }: World): Promise<Running> {
  const host = namespace.start(PYTHON, HOST, 'serve', 'fav0')
  await host.printed(/ready/)
  return host
}

/** scapy sends us one ping, and says how it was answered. */
const ask = async ({ namespace, eth0 }: World, tags: string, priority: number, address: string): Promise<string> =>
  (await namespace.must(PYTHON, HOST, 'ask', 'fav0', `${eth0.address}`, tags, `${priority}`, address)).trim()

check('scapy answers our pings and datagrams, in each VLAN and beside them, with the priorities that we chose', scapy, async (w) => {
  const host = await serve(w)
  const { stack } = w
  for (const tag of TAGS) {
    const [four, six] = PREFIXES[tag].map((prefix) => `${prefix}2`) as [string, string]
    const shown = tag === 0 ? 'None' : tag
    for (const size of [0, 56, 1400]) {
      assert.is((await stack.ipv4.ping(four, { size })).received, 1, `${four}, ${size} bytes`)
      assert.is((await stack.ipv6.ping(six, { size })).received, 1, `${six}, ${size} bytes`)
    }
    for (const said of ['arp', 'nd', 'ping4 True', 'ping6 True']) await host.printed(new RegExp(`vlan ${shown} priority 0 ${said}`))
    const heard: number[] = []
    const socket = stack.udp.open({ address: ANY6, port: 0, v6only: false, reuse: false, iface: undefined }, {
      receive(packet) {
        assert.is(packet.iface, w.on[tag])
        heard.push(packet.priority)
        packet.unref()
      },
    })
    const peers = [four, six].map((to) => stack.udp.peer(address(to), 4242))
    for (const priority of [0, 1, 5, 7]) {
      socket.priority = priority
      for (const to of peers) {
        assert.is(socket.send(new Uint8Array(100 + priority), to), 'sent')
        await host.printed(new RegExp(`vlan ${shown} priority ${tag === 0 ? 0 : priority} udp ${100 + priority} True`))
      }
    }
    for (let n = 0; n < 50 && heard.length < 8; n++) await sleep(system, 10)
    socket.close()
    assert.equal(heard, tag === 0 ? [0, 0, 0, 0, 0, 0, 0, 0] : [0, 0, 1, 1, 5, 5, 7, 7], 'scapy answers with the priority of the question')
  }
})

check('with checksums left to the host, too', scapy, async (w) => {
  await serve(w)
  for (const tag of TAGS) {
    for (const [n, layer] of [w.stack.ipv4, w.stack.ipv6].entries()) assert.is((await layer.ping(`${PREFIXES[tag][n]}2`, { size: 600 })).received, 1)
  }
}, { offload: true })

check('scapy\'s questions are answered where they came from, and only there', scapy, async (w) => {
  for (const tag of [100, 200] as const) {
    for (const prefix of PREFIXES[tag]) {
      // The answer's way needs our neighbour's link address, of which only the question tells.
      const host = await serve(w)
      assert.match(await ask(w, `${tag}`, 3, `${prefix}1`), new RegExp(`^answered vlan ${tag} priority`))
      await host.stop()
    }
  }
  const drops = (): Readonly<Record<string, number>> => w.stack.netif.statistics(w.eth0).drops
  const host = await serve(w)
  assert.is(await ask(w, '-', 0, '192.0.2.1'), 'answered untagged')
  assert.is(await ask(w, '0', 6, '192.0.2.1'), 'answered untagged', 'a priority tag is of no VLAN')
  assert.is(await ask(w, '300', 0, '198.51.100.1'), 'no answer')
  assert.is(drops()['vlan: not one of ours'], 1)
  assert.is(await ask(w, '4095', 0, '198.51.100.1'), 'no answer')
  assert.is(drops()['vlan: reserved tag'], 1)
  assert.is(await ask(w, '100/200', 0, '203.0.113.1'), 'no answer')
  assert.is(await ask(w, '200/100', 0, '198.51.100.1'), 'no answer')
  assert.is(drops()['vlan: tagged twice'], 2)
  await w.stack.vlan.remove(w.on[200])
  assert.is(await ask(w, '200', 0, '203.0.113.1'), 'no answer')
  assert.is(drops()['vlan: not one of ours'], 2)
  await host.stop()
})

check('tshark sees our tags: the VLAN, the priority, and what is inside', scapy && tshark, async (w) => {
  await serve(w)
  const socket = w.stack.sockets.socket('inet6', 'dgram')
  socket.setsockopt('SO_RCVTIMEO', 2000)
  for (const [tag, priority] of [[100, 5], [200, 2], [0, 7]] as const) {
    socket.setsockopt('SO_PRIORITY', priority)
    for (const prefix of PREFIXES[tag]) {
      await socket.sendto(new Uint8Array(tag + priority), { address: `${prefix}2`, port: 4242 })
      await socket.recv()
    }
  }
  await sleep(system, 50)
  const read = (...args: string[]): string[] => execFileSync('tshark', ['-r', w.path, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim().split('\n')
  const fields = ['frame.interface_name', 'vlan.id', 'vlan.priority', 'udp.length'].flatMap((field) => ['-e', field])
  const seen = read('-T', 'fields', ...fields, '-Y', 'udp.dstport == 4242')
  assert.equal(seen, ['eth0\t100\t5\t113', 'eth0\t200\t2\t210', 'eth0\t\t\t15'].flatMap((line) => [line, line]))
  assert.equal(read('-Y', '_ws.malformed || _ws.expert.severity >= 8388608'), [''])
})

/** The kernel's own VLANs, where it was built with them. */
const kernel = tap && await (async () => {
  const namespace = makeNamespace()
  await namespace.run('ip', 'link', 'add', 'probe', 'type', 'dummy')
  await namespace.run('ip', 'tuntap', 'add', 'probe', 'mode', 'tap')
  const { code } = await namespace.run('ip', 'link', 'add', 'link', 'probe', 'name', 'probe.100', 'type', 'vlan', 'id', '100')
  await namespace.remove()
  if (code !== 0) console.log('skipped: unsupported by this kernel: 8021q')
  return code === 0
})()

check('the kernel\'s VLANs and ours ping each other, with priorities', kernel, async (w) => {
  const { namespace, stack } = w
  for (const tag of [100, 200] as const) {
    const name = `fav0.${tag}`
    await namespace.must('ip', 'link', 'add', 'link', 'fav0', 'name', name, 'type', 'vlan', 'id', `${tag}`, 'egress-qos-map', '0:4')
    await namespace.run('sysctl', '-qw', `net/ipv6/conf/${name}/disable_ipv6=0`)
    await namespace.must('ip', 'link', 'set', name, 'up')
    await namespace.must('ip', 'addr', 'add', `${PREFIXES[tag][0]}2/24`, 'dev', name)
    await namespace.must('ip', '-6', 'addr', 'add', `${PREFIXES[tag][1]}2/64`, 'dev', name, 'nodad')
    for (const prefix of PREFIXES[tag]) {
      assert.match(await namespace.must('ping', '-c', '3', '-i', '0.02', '-W', '2', '-s', '1400', `${prefix}1`), / 0% packet loss/)
      assert.is((await (prefix.includes(':') ? stack.ipv6 : stack.ipv4).ping(`${prefix}2`, { count: 3, interval: 20, size: 1400 })).received, 3)
    }
  }
  const heard: number[] = []
  const socket = stack.udp.open({ address: ANY6, port: 4242, v6only: false, reuse: false, iface: w.on[100] }, {
    receive(packet) {
      heard.push(packet.priority)
      packet.unref()
    },
  })
  await namespace.must(process.execPath, '-e', `const s = require('node:dgram').createSocket('udp4'); s.send('x', 4242, '${PREFIXES[100][0]}1', () => s.close())`)
  for (let n = 0; n < 100 && heard.length === 0; n++) await sleep(system, 10)
  socket.close()
  assert.equal(heard, [4])
}, { offload: true })

test.after(() => rmSync(folder, { recursive: true }))
test.run()
