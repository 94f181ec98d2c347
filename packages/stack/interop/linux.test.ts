/** A composed stack against the Linux kernel, over TAP, in a network namespace of the test's own. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { sleep, system } from '@favonius/clock'
import type { NetifEvent } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6, nd } from '@favonius/ipv6'
import { netbuf } from '@favonius/netbuf'
import { captureFile } from '@favonius/pcap/file'
import { sockets } from '@favonius/sockets'
import { openTap } from '@favonius/tap'
import { inWorld, makeNamespace, peer, suite, type Running } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { compose } from '../src/index.ts'

const test = suite('the Linux kernel', { timeout: 60_000 })
const kernel = peer('the Linux kernel over TAP', { command: ['ip', 'ping'], package: 'iproute2 iputils-ping', root: true, tun: true })
const ndisc6 = peer('ndisc6', { command: 'ndisc6', package: 'ndisc6' })
const arping = peer('arping', { command: 'arping', package: 'arping' })
const tshark = peer('tshark', { command: 'tshark', package: 'tshark' })

const OURS = { 4: '192.0.2.1', 6: '2001:db8::1' } as const
const THEIRS = { 4: '192.0.2.2', 6: '2001:db8::2' } as const
const FAMILIES = [4, 6] as const

const folder = mkdtempSync(join(tmpdir(), 'favonius-'))
const captures: string[] = []

/** A stack on a TAP, and the namespace at whose other end the kernel is. */
async function world({ addresses = true } = {}) {
  const namespace = makeNamespace()
  const stack = compose(system, netbuf({ debug: true }), ethernet(), ipv4(), ipv6({ maxAddresses: 4 }), nd({ reachableTime: 2000 }), udp(), sockets())
  const path = join(folder, `${captures.length}.pcapng`)
  captures.push(path)
  const capture = captureFile(stack.netif, system.clock, path)
  const events: NetifEvent[] = []
  stack.netif.listen((event) => events.push(event))
  const device = await openTap({ name: 'fav0', namespace: namespace.name })
  const eth0 = stack.netif.add(device, { name: 'eth0' })
  await namespace.must('ip', 'link', 'set', 'fav0', 'up')
  await namespace.must('ip', 'addr', 'add', `${THEIRS[4]}/24`, 'dev', 'fav0')
  await namespace.must('ip', '-6', 'addr', 'add', `${THEIRS[6]}/64`, 'dev', 'fav0', 'nodad')
  if (addresses) {
    stack.ipv4.addAddress(eth0, `${OURS[4]}/24`)
    stack.ipv6.addAddress(eth0, `${OURS[6]}/64`)
    await eth0.up()
  }
  return {
    namespace, stack, eth0, device, events,
    async stop() {
      await stack.stop()
      capture.close()
      await namespace.remove()
      assert.is(stack.netif.buffers.live, 0, stack.netif.buffers.owners().join('\n'))
    },
  }
}

type World = Awaited<ReturnType<typeof world>>
const check = (title: string, needs: boolean, body: (w: World) => Promise<void>, options?: { addresses: boolean }): void => {
  if (!kernel || !needs) return
  test(title, inWorld(() => world(options), body))
}

/** A UDP program of the kernel's: runs `script` in Node in the namespace, and waits until it prints «ready». */
async function kernelUdp({ namespace }: World, script: string): Promise<Running> {
  const running = namespace.start(process.execPath, '-e', `const dgram = require('node:dgram'); ${script}`)
  await running.printed(/ready/)
  return running
}

for (const family of FAMILIES) {
  check(`it pings us over IPv${family}, with up to 1400 bytes`, true, async ({ namespace }) => {
    for (const size of [0, 56, 1400]) {
      const printed = await namespace.must('ping', '-c', '3', '-i', '0.02', '-W', '2', '-s', String(size), OURS[family])
      assert.match(printed, / 0% packet loss/)
    }
  })

  check(`we ping it over IPv${family}, with up to 1400 bytes`, true, async ({ stack }) => {
    for (const size of [0, 56, 1400]) {
      const { received } = await stack[`ipv${family}`].ping(THEIRS[family], { count: 3, interval: 20, size })
      assert.is(received, 3)
    }
  })

  check(`a flood of 1000 pings over IPv${family} loses none`, true, async ({ namespace }) => {
    assert.match(await namespace.must('ping', '-f', '-c', '1000', '-W', '2', OURS[family]), /1000 packets transmitted, 1000 received, 0% packet loss/)
  })

  check(`its datagrams come back from our echo, over IPv${family}`, true, async (w) => {
    const socket = await w.stack.sockets.open({ port: 4242 }, { receive: (data, from) => void socket.send(data, from) })
    const client = await kernelUdp(w, `
      const s = dgram.createSocket('udp${family}'); let left = 50
      s.on('message', (data) => { if (!data.equals(Buffer.alloc(data.length, data.length & 0xff))) console.log('changed'); if (--left === 0) { console.log('all back'); s.close() } })
      s.bind(() => { for (let n = 0; n < 50; n++) s.send(Buffer.alloc(n * 28, n * 28 & 0xff), 4242, '${OURS[family]}'); console.log('ready') })`)
    await client.printed(/all back/)
  })

  check(`our datagrams come back from its echo, over IPv${family}`, true, async (w) => {
    await kernelUdp(w, `
      const s = dgram.createSocket('udp${family}'); s.on('message', (data, from) => s.send(data, from.port, from.address)); s.bind(4243, () => console.log('ready'))`)
    const socket = w.stack.sockets.socket('inet6', 'dgram')
    socket.setsockopt('SO_RCVTIMEO', 2000)
    for (let size = 0; size <= 1400; size += 200) {
      await socket.sendto(new Uint8Array(size).fill(size & 0xff), { address: THEIRS[family], port: 4243 })
      const data = await socket.recv()
      assert.is(data.length, size)
      assert.ok(data.every((byte) => byte === (size & 0xff)))
    }
  })

  check(`a port where nobody listens is refused, over IPv${family}, and both sides' sockets learn of it`, true, async (w) => {
    const client = await kernelUdp(w, `
      const s = dgram.createSocket('udp${family}'); s.on('error', (error) => { console.log(error.code); s.close() })
      s.connect(9, '${OURS[family]}', () => { console.log('ready'); s.send('anyone?') })`)
    await client.printed(/ECONNREFUSED/)
    const socket = w.stack.sockets.socket('inet6', 'dgram')
    await socket.connect({ address: THEIRS[family], port: 9 })
    await socket.send(new Uint8Array(3))
    socket.setsockopt('SO_RCVTIMEO', 2000)
    try {
      await socket.recv()
      assert.unreachable()
    } catch (error) {
      assert.is((error as { code: string }).code, 'ECONNREFUSED')
    }
  })
}

check('ndisc6 finds our link address', ndisc6, async ({ namespace, eth0 }) => {
  assert.match((await namespace.must('ndisc6', '-1', OURS[6], 'fav0')).toLowerCase(), new RegExp(String(eth0.address)))
})

check('arping gets three answers', arping, async ({ namespace, eth0 }) => {
  const printed = await namespace.must('arping', '-c', '3', '-i', 'fav0', OURS[4])
  assert.match(printed, /3 packets transmitted, 3 packets received/)
  assert.match(printed.toLowerCase(), new RegExp(String(eth0.address)))
})

check('RFC 4861 §7.3: a neighbour goes from reachable through stale, delay and probe, and back', true, async ({ stack, eth0, namespace }) => {
  const theirs = address(THEIRS[6])
  const state = (): string | undefined => stack.nd.find(eth0, theirs)?.state
  const seen: (string | undefined)[] = []
  const until = async (wanted: string | undefined, ms: number): Promise<void> => {
    for (const end = system.clock.now() + ms; state() !== wanted && system.clock.now() < end;) await sleep(system, 20)
    seen.push(state())
  }
  // PROBE lasts as long as the kernel takes to answer: too short to be seen, so its solicitation is.
  let probed = 0
  stack.netif.tap({
    frame(_, { dv, offset }, direction) {
      const solicitation = dv.getUint16(offset + 12) === 0x86dd && dv.getUint8(offset + 20) === 58 && dv.getUint8(offset + 54) === 135
      if (direction === 'out' && solicitation && (dv.getUint8(offset) & 1) === 0) probed = system.clock.now()
    },
    dropped() {},
  })
  // Our answers to its own probes would tell us of it too; a static entry there keeps it quiet.
  await namespace.must('ip', '-6', 'neigh', 'replace', OURS[6], 'lladdr', String(eth0.address), 'dev', 'fav0', 'nud', 'permanent')
  const socket = stack.sockets.socket('inet6', 'dgram')
  const send = () => socket.sendto(new Uint8Array(1), { address: THEIRS[6], port: 60_123 })
  await send()
  await until('REACHABLE', 1000)
  await until('STALE', 4000)
  await send()
  const delayed = system.clock.now()
  await until('DELAY', 100)
  await until('REACHABLE', 7000)
  assert.equal(seen, ['REACHABLE', 'STALE', 'DELAY', 'REACHABLE'])
  assert.ok(Math.abs(probed - delayed - 5000) < 500, `probed ${probed - delayed} ms after the datagram; DELAY_FIRST_PROBE_TIME is 5000`)
  // And when it is gone, it is probed and forgotten.
  await until('STALE', 4000)
  await namespace.must('ip', '-6', 'addr', 'del', `${THEIRS[6]}/64`, 'dev', 'fav0')
  await send()
  await until('PROBE', 6000)
  await until(undefined, 4000)
  assert.equal(seen.slice(4), ['STALE', 'PROBE', undefined])
})

check('an address that the kernel has is a duplicate to us', true, async ({ stack, eth0 }) => {
  stack.ipv6.addAddress(eth0, `${THEIRS[6]}/64`)
  try {
    await eth0.up()
    assert.unreachable()
  } catch (error) {
    assert.is((error as { code: string }).code, 'EADDRINUSE')
    assert.match((error as Error).message, /2001:db8::2/)
  }
  assert.is(eth0.addresses.find((entry) => String(entry.address) === THEIRS[6])!.state, 'duplicate')
}, { addresses: false })

check('an address that we have is a duplicate to the kernel', true, async ({ namespace }) => {
  await namespace.must('ip', '-6', 'addr', 'add', `${OURS[6]}/64`, 'dev', 'fav0')
  let shown = ''
  for (let n = 0; n < 40 && !shown.includes('dadfailed'); n++) {
    await sleep(system, 100)
    shown = await namespace.must('ip', '-6', 'addr', 'show', 'dev', 'fav0')
  }
  assert.match(shown, /2001:db8::1\/64 scope global (?:tentative )?dadfailed/)
})

check('an IPv4 address that both have is told of', arping, async ({ namespace, events }) => {
  await namespace.must('ip', 'addr', 'add', `${OURS[4]}/24`, 'dev', 'fav0')
  // A gratuitous request from the kernel's side claims the address.
  await namespace.run('arping', '-c', '1', '-U', '-S', OURS[4], '-i', 'fav0', OURS[4])
  for (let n = 0; n < 20 && !events.some((event) => event.type === 'address-conflict'); n++) await sleep(system, 50)
  assert.ok(events.some((event) => event.type === 'address-conflict' && String(event.address) === OURS[4]))
})

check('the kernel\'s side goes down and returns', true, async ({ namespace, stack, eth0 }) => {
  await namespace.must('ip', 'link', 'set', 'fav0', 'down')
  for (let n = 0; n < 40 && eth0.running; n++) {
    await stack.ipv4.ping(THEIRS[4], { timeout: 50 }).catch(() => {})
    await sleep(system, 50)
  }
  assert.not(eth0.running)
  await namespace.must('ip', 'link', 'set', 'fav0', 'up')
  await namespace.must('ip', '-6', 'addr', 'replace', `${THEIRS[6]}/64`, 'dev', 'fav0', 'nodad')
  await eth0.up()
  for (const family of FAMILIES) assert.is((await stack[`ipv${family}`].ping(THEIRS[family], { timeout: 3000 })).received, 1)
  assert.match(await namespace.must('ping', '-c', '2', '-i', '0.02', '-W', '2', OURS[6]), / 0% packet loss/)
})

check('our side goes down and returns', true, async ({ namespace, eth0 }) => {
  eth0.down()
  assert.is((await namespace.run('ping', '-c', '1', '-W', '1', OURS[4])).code, 1)
  await eth0.up()
  for (const family of FAMILIES) assert.match(await namespace.must('ping', '-c', '2', '-i', '0.02', '-W', '2', OURS[family]), / 0% packet loss/)
})

if (tshark && kernel) {
  test('tshark finds nothing malformed and no bad checksum in all of these captures', () => {
    // What an ICMP error quotes may still lack the checksum that a device was to finish: the kernel's own quotes do too.
    const quotes = 'icmp.type == 3 || icmpv6.type == 1'
    const bad = `_ws.malformed || ip.checksum.status == 0 || icmp.checksum.status == 0 || icmpv6.checksum.status == 0 || (udp.checksum.status == 0 && !(${quotes}))`
    for (const path of captures) {
      const arguments_ = ['-r', path, '-o', 'ip.check_checksum:TRUE', '-o', 'udp.check_checksum:TRUE']
      assert.is(execFileSync('tshark', [...arguments_, '-Y', bad], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }), '')
      assert.ok(execFileSync('tshark', [...arguments_, '-c', '1'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).length > 0)
    }
  })
}
test.after(() => rmSync(folder, { recursive: true }))
test.run()
