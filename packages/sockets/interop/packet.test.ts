/** Our packet sockets and the kernel's, AF_PACKET in Python, at the two ends of a TAP. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { sleep, system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { sum } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { netbuf } from '@favonius/netbuf'
import { captureFile } from '@favonius/pcap/file'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { makeNamespace, peer, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { packetSockets, type BsdPacketSocket } from '../src/packet/index.ts'

const test = suite('packet sockets and the kernel\'s', { timeout: 60_000 })
const python = peer('AF_PACKET, in Python over TAP', { command: ['ip', 'python3'], package: 'iproute2 python3', root: true, tun: true })
const tshark = python && peer('tshark', { command: 'tshark', package: 'tshark' })

const PEER = fileURLToPath(new URL('packet.py', import.meta.url))
const OURS = '02:00:00:00:00:01'
const OTHER = '02:00:00:00:00:77'
const EXPERIMENTAL = 0x88b5

const plain = (address: string): string => address.replaceAll(':', '')
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex')
const bytes = (digits: string): Uint8Array => Buffer.from(digits, 'hex')
const text = (words: string): string => Buffer.from(words).toString('hex')

const folder = mkdtempSync(join(tmpdir(), 'favonius-'))

/** A stack on a TAP. The kernel at the other end has no address of its own, and keeps silent. */
async function world(path: string) {
  const namespace = makeNamespace()
  await namespace.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1')
  const stack = compose(system, netbuf({ debug: true }), ethernet(), ipv4(), udp(), packetSockets())
  const capture = captureFile(stack.netif, system.clock, path)
  const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: namespace.name, address: OURS }), { name: 'eth0' })
  await eth0.up()
  const link = (await namespace.must('cat', '/sys/class/net/fav0/address')).trim()
  return {
    namespace, stack, eth0, link, capture,
    kernel: (...args: string[]) => namespace.must('python3', PEER, ...args),
    async start(...args: string[]) {
      const program = namespace.start('python3', PEER, ...args)
      await program.printed(/ready/)
      return program
    },
    async stop() {
      await stack.stop()
      capture.close()
      await namespace.remove()
      assert.is(stack.netif.buffers.live, 0, stack.netif.buffers.owners().join('\n'))
    },
  }
}

let made = 0
const check = (title: string, needs: boolean, body: (w: Awaited<ReturnType<typeof world>>, path: string) => Promise<void>): void => {
  if (!needs) return
  test(title, async () => {
    const path = join(folder, `${made++}.pcapng`)
    const w = await world(path)
    try {
      await body(w, path)
    } finally {
      await w.stop()
    }
  })
}

/** The next packet, as packet.py prints one. */
async function next(socket: BsdPacketSocket): Promise<string> {
  const { data, from } = await socket.recvfrom()
  return `${from.type} ${from.protocol.toString(16)} ${from.address} ${hex(data)}`
}

check('the kernel hears the frames that we send, with the type, the protocol and the sender that we hear', python, async ({ stack, link, start }) => {
  const raw = await start('hear', 'fav0', 'raw', '3')
  const dgram = await start('hear', 'fav0', 'dgram', '88b5')
  const socket = stack.packetSockets.socket('raw')
  for (const [to, type] of [[link, 'host'], ['ff:ff:ff:ff:ff:ff', 'broadcast'], ['01:80:c2:00:00:0e', 'multicast'], [OTHER, 'otherhost']] as const) {
    const frame = `${plain(to)}${plain(OURS)}88b5${text(`a frame for ${type}`)}`
    await socket.sendto(bytes(frame), { iface: 'eth0' })
    await raw.printed(new RegExp(`^${type} 88b5 ${OURS} ${frame}$`, 'm'))
    await dgram.printed(new RegExp(`^${type} 88b5 ${OURS} ${frame.slice(28)}$`, 'm'))
  }
  const bpdu = `0180c2000000${plain(OURS)}0026424203${'00'.repeat(35)}`
  await socket.sendto(bytes(bpdu), { iface: 'eth0' })
  await raw.printed(new RegExp(`^multicast 4 ${OURS} ${bpdu}$`, 'm'))

  const headless = stack.packetSockets.socket('dgram', EXPERIMENTAL)
  await headless.bind({ iface: 'eth0' })
  for (const size of [1, 46, 1500]) {
    await headless.sendto(new Uint8Array(size).fill(size), { address: link })
    await raw.printed(new RegExp(`^host 88b5 ${OURS} ${plain(link)}${plain(OURS)}88b5${(size & 0xff).toString(16).padStart(2, '0').repeat(size)}$`, 'm'))
  }
})

check('we hear what the kernel sends, in both kinds, and what is for others in promiscuous mode', python, async ({ stack, link, kernel, eth0 }) => {
  const [raw, dgram] = [stack.packetSockets.socket('raw', 'all'), stack.packetSockets.socket('dgram', EXPERIMENTAL)]
  for (const socket of [raw, dgram]) socket.setsockopt('SO_RCVTIMEO', 2000)
  const send = async (to: string, type: string): Promise<void> => {
    const frame = `${plain(to)}${plain(link)}88b5${text(`for ${type}`)}`
    await kernel('send', 'fav0', frame)
    assert.is(await next(raw), `${type} 88b5 ${link} ${frame}`)
    assert.is(await next(dgram), `${type} 88b5 ${link} ${frame.slice(28)}`)
  }
  for (const [to, type] of [[OURS, 'host'], ['ff:ff:ff:ff:ff:ff', 'broadcast'], ['01:80:c2:00:00:0e', 'multicast']] as const) await send(to, type)
  await kernel('send', 'fav0', `${plain(OTHER)}${plain(link)}88b5${text('not for us')}`)
  for (let n = 0; n < 100 && !('ethernet: for another station' in stack.netif.statistics(eth0).drops); n++) await sleep(system, 10)
  assert.equal(stack.netif.statistics(eth0).drops, { 'ethernet: for another station': 1 })
  raw.setsockopt('PACKET_ADD_MEMBERSHIP', { type: 'promiscuous', iface: 'eth0' })
  await send(OTHER, 'otherhost')

  const bpdu = `0180c2000000${plain(link)}0026424203${'00'.repeat(35)}`
  await kernel('send', 'fav0', bpdu)
  assert.is(await next(raw), `multicast 4 ${link} ${bpdu}`)
  await kernel('sendto', 'fav0', OURS, '88b5', text('headless'))
  assert.is(await next(dgram), `host 88b5 ${link} ${text('headless')}`)
})

check('what goes to and fro comes back as it was', python, async ({ stack, link, start }) => {
  await start('echo', 'fav0', '88b5')
  const socket = stack.packetSockets.socket('dgram', EXPERIMENTAL)
  socket.setsockopt('SO_RCVTIMEO', 2000)
  for (let n = 0; n < 200; n++) {
    const data = new Uint8Array(1 + n * 7).fill(n)
    await socket.sendto(data, { iface: 'eth0', address: link })
    const back = await socket.recvfrom()
    assert.equal([hex(back.data), back.from.type, `${back.from.address}`], [hex(data), 'host', link])
  }
  assert.equal(socket.getsockopt('PACKET_STATISTICS'), { packets: 200, drops: 0 })
})

check('a datagram whose checksum the kernel left to the device is heard whole', python, async ({ namespace, stack, kernel }) => {
  await namespace.must('ip', 'addr', 'add', '192.0.2.2/24', 'dev', 'fav0')
  await namespace.must('ip', 'neigh', 'add', '192.0.2.1', 'lladdr', OURS, 'dev', 'fav0')
  const socket = stack.packetSockets.socket('dgram', 0x0800)
  socket.setsockopt('SO_RCVTIMEO', 2000)
  await kernel('datagram', '192.0.2.1', 'odd')
  const { data } = await socket.recvfrom()
  assert.is(hex(data.subarray(28)), text('odd'))
  assert.is(sum(data, 20, 11, sum(data, 12, 8, 17 + 11)), 0xffff, 'RFC 768: the sum over pseudo-header and datagram')
})

check('tshark reads a capture of it: what we made by hand is what it takes it for', tshark, async ({ stack, link, start, capture }, path) => {
  await start('echo', 'fav0', '88b5')
  const socket = stack.packetSockets.socket('dgram', EXPERIMENTAL)
  socket.setsockopt('SO_RCVTIMEO', 2000)
  await socket.sendto(bytes(text('ping')), { iface: 'eth0', address: link })
  await socket.recv()
  // LLDP: a chassis and a port by name, and 120 s (IEEE 802.1AB §8).
  await socket.sendto(bytes('02040766617604050565746830060200780000'), { iface: 'eth0', protocol: 0x88cc, address: '01:80:c2:00:00:0e' })
  await stack.packetSockets.socket('raw').sendto(bytes(`0180c2000000${plain(OURS)}0026424203${'00'.repeat(35)}`), { iface: 'eth0' })
  capture.flush()
  const read = (...args: string[]): string[] => execFileSync('tshark', ['-r', path, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trimEnd().split('\n')
  const fields = ['eth.src', 'eth.dst', 'eth.type', 'lldp.time_to_live', 'stp.type'].flatMap((field) => ['-e', field])
  assert.equal(read('-T', 'fields', ...fields).map((line) => line.replaceAll('\t', ' ').trimEnd()), [
    `${OURS} ${link} 0x88b5`, `${link} ${OURS} 0x88b5`, `${OURS} 01:80:c2:00:00:0e 0x88cc 120`, `${OURS} 01:80:c2:00:00:00   0x00`,
  ])
  assert.equal(read('-Y', '_ws.malformed'), [''])
})

test.after(() => rmSync(folder, { recursive: true }))
test.run()
