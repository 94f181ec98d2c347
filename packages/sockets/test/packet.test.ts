/** Packet sockets on simulated Ethernets, in virtual time. */

import * as assert from 'uvu/assert'
import type { Device, DeviceSink, NetBuf } from '@favonius/contract'
import { sleep, virtual } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { REPLY, REQUEST, readArp, writeArp, LENGTH } from '@favonius/ethernet/arp/wire'
import { ethernet as bareEthernet } from '@favonius/ethernet/bare'
import { vlan } from '@favonius/ethernet/vlan'
import { address, eui48, NO_LINK_ADDRESS, sum } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { Arena, netbufIn } from '@favonius/netbuf'
import { bareIp, loopback } from '@favonius/netif'
import { simulate } from '@favonius/sim'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { sockets } from '../src/index.ts'
import { packetSockets, type BsdPacketSocket, type ReceivedPacket } from '../src/packet/index.ts'

const test = suite('packet sockets')
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>
const text = (data: Uint8Array): string => new TextDecoder().decode(data)
const hex = (digits: string): Uint8Array<ArrayBuffer> => Uint8Array.from(digits.replaceAll(' ', '').match(/../g) ?? [], (two) => parseInt(two, 16))
const EXPERIMENTAL = 0x88b5
/** The addresses that the simulation gives. */
const [A, B] = ['02 00 00 00 00 01', '02 00 00 00 00 02'] as const
const frame = (to: string, from: string, type: string, payload: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([...hex(`${to} ${from} ${type}`), ...bytes(payload)])
/** What is shown of a packet that was received. */
const shown = ({ data, from }: ReceivedPacket, begin = 0): string => `${from.iface} ${from.type} ${from.protocol.toString(16)} ${from.address} ${text(data.subarray(begin))}`

const code = async (body: () => unknown): Promise<string> => {
  try {
    await body()
  } catch (error) {
    assert.ok((error as Error).message.length > 10, 'the message says what to do')
    return (error as { code: string }).code
  }
  return 'it did not fail'
}

/** Hosts a, b and c on one wire, each with IPv4, UDP and packet sockets. */
const world = () => {
  const net = simulate({ seed: 5 })
  const lan = net.ethernet({ latency: 1 })
  const features = [ethernet(), vlan(), ipv4(), udp(), sockets(), packetSockets()] as const
  const hosts = ['a', 'b', 'c'].map((name, i) => {
    const node = net.node(name, features, lan)
    node.stack.ipv4.addAddress(node.iface, `192.0.2.${i + 1}/24`)
    return node
  })
  const [a, b, c] = [hosts[0]!, hosts[1]!, hosts[2]!]
  /** What a socket has heard so far. */
  const heard = async (socket: BsdPacketSocket): Promise<ReceivedPacket[]> => {
    await sleep(net.env, 20)
    const all: ReceivedPacket[] = []
    while ((await socket.poll(['in'], 0)).length > 0) all.push(await socket.recvfrom())
    return all
  }
  return { net, lan, a, b, c, heard }
}

const check = (title: string, body: (w: ReturnType<typeof world>) => Promise<void>): void => test(title, async () => {
  const w = world()
  await w.net.run(async () => {
    await Promise.all([w.a.iface.up(), w.b.iface.up(), w.c.iface.up()])
    await sleep(w.net.env, 20)
    await body(w)
  })
  await w.net.stop()
  assert.is(w.net.env.armed, 0)
})

// ---- what is sent and received ----

check('a raw socket sends a whole frame, and receives it whole, with where it came from', async ({ net, a, b }) => {
  const [sender, receiver] = [a.stack.packetSockets.socket('raw'), b.stack.packetSockets.socket('raw', EXPERIMENTAL)]
  const waiting = receiver.recvfrom()
  const question = frame(B, A, '88b5', 'who is there?')
  assert.is(await sender.sendto(question, { iface: 'eth0' }), question.length)
  const received = await waiting
  assert.equal(received.data, question)
  assert.is(shown(received, 14), 'eth0 host 88b5 02:00:00:00:00:01 who is there?')
  assert.not('timestamp' in received)

  receiver.setsockopt('SO_TIMESTAMP', true)
  const began = net.env.clock.now()
  await sender.bind({ iface: 'eth0', protocol: EXPERIMENTAL })
  await sender.send(question)
  assert.is((await receiver.recvfrom()).timestamp, began + 1)
  await receiver.sendto(frame(A, B, '88b5', 'me'), received.from)
  assert.is(text((await sender.recv()).subarray(14)), 'me')
})

check('a dgram socket sends and receives without the link header, which the link layer makes', async ({ a, b, c, heard }) => {
  const sender = a.stack.packetSockets.socket('dgram', EXPERIMENTAL)
  await sender.bind({ iface: 'eth0' })
  assert.equal(sender.getsockname(), { iface: 'eth0', protocol: EXPERIMENTAL })
  const [receiver, raw, other] = [b.stack.packetSockets.socket('dgram', EXPERIMENTAL), b.stack.packetSockets.socket('raw', EXPERIMENTAL), c.stack.packetSockets.socket('dgram', 'all')]
  assert.is(await sender.sendto(bytes('hello'), { address: '02:00:00:00:00:02' }), 5)
  const received = await receiver.recvfrom()
  assert.is(shown(received), 'eth0 host 88b5 02:00:00:00:00:01 hello')
  assert.equal(await raw.recv(), frame(B, A, '88b5', 'hello'))
  await receiver.sendto(bytes('and to you'), received.from)
  assert.is(shown(await sender.recvfrom()), 'eth0 host 88b5 02:00:00:00:00:02 and to you')

  await sender.sendto(bytes('to all'), { address: eui48('ff:ff:ff:ff:ff:ff'), protocol: 0x88b6 })
  assert.equal((await heard(other)).map((one) => shown(one)), ['eth0 broadcast 88b6 02:00:00:00:00:01 to all'])
  assert.equal(await heard(receiver), [], 'another protocol')
  await receiver.bind({ iface: 'eth0', protocol: 0x88b6 })
  await sender.sendto(bytes('again'), { address: '02:00:00:00:00:02', protocol: 0x88b6 })
  assert.is(text(await receiver.recv()), 'again')
})

check('an ARP ping by hand: a stack without IP asks, and is answered', async ({ net, lan }) => {
  const { stack, iface } = net.node('bare', [bareEthernet(), packetSockets()], lan)
  const socket = stack.packetSockets.socket('dgram', 0x0806)
  await socket.bind({ iface: 'eth0' })
  const question = new Uint8Array(LENGTH)
  const dv = new DataView(question.buffer)
  writeArp({ operation: REQUEST, senderLink: iface.address, sender: address('0.0.0.0'), targetLink: NO_LINK_ADDRESS, target: address('192.0.2.2') }, dv, 0)
  await socket.sendto(question, { address: 'ff:ff:ff:ff:ff:ff' })
  const { data, from } = await socket.recvfrom()
  const answer = readArp(new DataView(data.buffer), 0, data.length)
  if ('malformed' in answer) throw new Error(answer.malformed)
  assert.equal([answer.operation, `${answer.sender}`, `${answer.senderLink}`], [REPLY, '192.0.2.2', '02:00:00:00:00:02'])
  assert.equal([from.type, `${from.address}`], ['host', '02:00:00:00:00:02'])
})

check('LLDP to its group: heard by the socket, dropped where there is none', async ({ a, b, c, heard }) => {
  const receiver = b.stack.packetSockets.socket('dgram', 0x88cc)
  const sender = a.stack.packetSockets.socket('dgram')
  // Chassis and port by name, 120 s, end (IEEE 802.1AB §8.4): what tells of an interface.
  const advertisement = hex('0204 0761 6c66 0405 0565 7468 30 0602 0078 0000')
  await sender.sendto(advertisement, { iface: 'eth0', protocol: 0x88cc, address: '01:80:c2:00:00:0e' })
  const [received] = await heard(receiver)
  assert.equal(received!.data, advertisement)
  assert.equal([received!.from.type, received!.from.protocol], ['multicast', 0x88cc])
  assert.equal(b.stack.netif.statistics().drops, {}, 'what a socket has is not lost')
  assert.equal(c.stack.netif.statistics().drops, { 'netif: no handler for its protocol': 1 })
  receiver.close()
  await sender.sendto(advertisement, { iface: 'eth0', protocol: 0x88cc, address: '01:80:c2:00:00:0e' })
  await heard(sender)
  assert.equal(b.stack.netif.statistics().drops, { 'netif: no handler for its protocol': 1 }, 'a closed socket hears nothing')
})

check('802.3 lengths: bridge protocol data are heard as protocol 4, and by those who hear all', async ({ a, b, heard }) => {
  const [llc, all, ip] = [4, 'all', 0x0800].map((protocol) => b.stack.packetSockets.socket('raw', protocol as number | 'all'))
  // A configuration BPDU begins so (IEEE 802.1D-2004 §9.3.1), behind LLC's 42 42 03.
  const bpdu = Uint8Array.from([...frame('01 80 c2 00 00 00', A, '0026', ''), ...hex('424203 0000 00 00 00'), ...new Uint8Array(38)])
  await a.stack.packetSockets.socket('raw').sendto(bpdu, { iface: 'eth0' })
  for (const socket of [llc!, all!]) {
    const [received] = await heard(socket)
    assert.equal(received!.data, bpdu)
    assert.equal([received!.from.type, received!.from.protocol], ['multicast', 4])
  }
  assert.equal(await heard(ip!), [])
})

// ---- beside the stack ----

check('what a packet socket hears goes on to the stack, and what the stack sends is heard by those who hear all', async ({ a, b, heard }) => {
  const server = b.stack.sockets.socket('inet', 'dgram')
  await server.bind({ port: 4242 })
  const client = a.stack.sockets.socket('inet', 'dgram')
  await client.sendto(bytes('so that ARP is done'), { address: '192.0.2.2', port: 4242 })
  await server.recv()
  const [all, raw, ip] = [b.stack.packetSockets.socket('dgram', 'all'), b.stack.packetSockets.socket('raw', 'all'), b.stack.packetSockets.socket('dgram', 0x0800)]
  const mine = a.stack.packetSockets.socket('dgram', 'all')
  raw.setsockopt('PACKET_IGNORE_OUTGOING', true)
  await client.sendto(bytes('question'), { address: '192.0.2.2', port: 4242 })
  const { data, from } = await server.recvfrom()
  assert.is(text(data), 'question', 'the UDP socket has its datagram')
  await server.sendto(bytes('answer'), from)
  assert.is(text(await client.recv()), 'answer')
  // 20 bytes of IPv4, 8 of UDP.
  assert.equal((await heard(all)).map((one) => shown(one, 28)), ['eth0 host 800 02:00:00:00:00:01 question', 'eth0 outgoing 800 02:00:00:00:00:02 answer'])
  assert.equal((await heard(raw)).map((one) => shown(one, 42)), ['eth0 host 800 02:00:00:00:00:01 question'])
  assert.equal((await heard(ip)).map((one) => shown(one, 28)), ['eth0 host 800 02:00:00:00:00:01 question'])
  assert.equal((await heard(mine)).map((one) => shown(one, 28)), ['eth0 outgoing 800 02:00:00:00:00:01 question', 'eth0 host 800 02:00:00:00:00:02 answer'])
})

check('who sends a frame does not hear it go out, others on the stack do', async ({ a, heard }) => {
  const [one, two] = [a.stack.packetSockets.socket('raw', 'all'), a.stack.packetSockets.socket('raw', 'all')]
  await one.sendto(frame(B, A, '88b5', 'from one'), { iface: 'eth0' })
  assert.equal((await heard(two)).map((packet) => shown(packet, 14)), ['eth0 outgoing 88b5 02:00:00:00:00:01 from one'])
  assert.equal(await heard(one), [])
})

check('the bytes are the caller\'s own: neither the stack nor another socket sees what becomes of them', async ({ a, b, heard }) => {
  const receivers = [b.stack.packetSockets.socket('raw', 'all'), b.stack.packetSockets.socket('raw', 'all')]
  const data = frame(B, A, '88b5', 'bytes')
  const sender = a.stack.packetSockets.socket('raw')
  const sent = sender.sendto(data, { iface: 'eth0' })
  await sent
  data.fill(0)
  const [[one], [two]] = [await heard(receivers[0]!), await heard(receivers[1]!)]
  one!.data.fill(0)
  assert.is(text(two!.data.subarray(14)), 'bytes')
})

check('with promiscuous mode, what others say to each other is heard as otherhost', async ({ a, b, c, heard }) => {
  const socket = c.stack.packetSockets.socket('raw', 'all')
  await socket.bind({ iface: 'eth0' })
  const sender = a.stack.packetSockets.socket('raw')
  const send = (): Promise<number> => sender.sendto(frame(B, A, '88b5', 'for b'), { iface: 'eth0' })
  await send()
  assert.equal(await heard(socket), [])
  socket.setsockopt('PACKET_ADD_MEMBERSHIP', { type: 'promiscuous' })
  socket.setsockopt('PACKET_ADD_MEMBERSHIP', { type: 'promiscuous', iface: 'eth0' })
  await send()
  await a.stack.ipv4.ping('192.0.2.2')
  assert.equal((await heard(socket)).filter(({ from }) => from.type !== 'broadcast').map((one) => `${one.from.type} ${one.from.protocol.toString(16)}`),
    ['otherhost 88b5', 'otherhost 806', 'otherhost 800', 'otherhost 800'])
  assert.equal(b.stack.netif.statistics().drops, { 'netif: no handler for its protocol': 2 })
  assert.equal(c.stack.netif.statistics().drops, { 'arp: for another station': 1, 'ipv4: for another station': 2 })
  socket.setsockopt('PACKET_DROP_MEMBERSHIP', { type: 'promiscuous' })
  assert.ok(c.iface.promiscuous, 'asked for twice')
  socket.setsockopt('PACKET_DROP_MEMBERSHIP', { type: 'promiscuous' })
  assert.not(c.iface.promiscuous)
  assert.is(await code(() => socket.setsockopt('PACKET_DROP_MEMBERSHIP', { type: 'promiscuous' })), 'EADDRNOTAVAIL')
  socket.setsockopt('PACKET_ADD_MEMBERSHIP', { type: 'promiscuous' })
  socket.close()
  assert.not(c.iface.promiscuous, 'closing gives it up')
})

check('on a VLAN a dgram socket has its packets; frames, with their tags, are those of the interface below', async ({ a, b, heard }) => {
  const [v, w] = [a.stack.vlan.add(a.iface, 100), b.stack.vlan.add(b.iface, 100)]
  await Promise.all([v.up(), w.up()])
  const [inside, outside] = [b.stack.packetSockets.socket('dgram', 'all'), b.stack.packetSockets.socket('raw', 'all')]
  await inside.bind({ iface: 'eth0.100' })
  const sender = a.stack.packetSockets.socket('dgram', EXPERIMENTAL)
  sender.setsockopt('SO_PRIORITY', 5)
  await sender.sendto(bytes('tagged'), { iface: 'eth0.100', address: '02:00:00:00:00:02' })
  const received = await inside.recvfrom()
  assert.is(shown(received), 'eth0.100 host 88b5 02:00:00:00:00:01 tagged')
  assert.equal((await heard(outside)).map((one) => shown(one, 18)), ['eth0 host 8100 02:00:00:00:00:01 tagged'])
  await inside.sendto(bytes('back'), received.from)
  assert.equal((await heard(outside)).map(({ data }) => data), [Uint8Array.from([...frame(A, B, '8100', ''), ...hex('0064 88b5'), ...bytes('back')])], 'as it goes out')

  // A whole frame may be longer by a tag.
  const raw = a.stack.packetSockets.socket('raw')
  const whole = (size: number): Uint8Array => Uint8Array.from([...frame(B, A, '8100', ''), ...hex('0064 88b5'), ...new Uint8Array(size - 18)])
  await raw.sendto(whole(1518), { iface: 'eth0' })
  assert.is((await inside.recv()).length, 1500)
  assert.is(await code(() => raw.sendto(whole(1519), { iface: 'eth0' })), 'EMSGSIZE')
  assert.is(await code(() => raw.sendto(whole(100), { iface: 'eth0.100' })), 'EOPNOTSUPP')
  assert.is(await code(() => raw.bind({ iface: 'eth0.100' })), 'EOPNOTSUPP')
})

// ---- bounds ----

check('what waits is bounded in bytes, takes none of the stack\'s buffers, and what does not fit is counted', async ({ a, b, heard }) => {
  const receiver = b.stack.packetSockets.socket('raw', EXPERIMENTAL)
  receiver.setsockopt('SO_RCVBUF', 1024)
  const sender = a.stack.packetSockets.socket('raw')
  for (let n = 0; n < 6; n++) await sender.sendto(frame(B, A, '88b5', `${n}`), { iface: 'eth0' })
  await heard(sender)
  assert.is(b.stack.netif.buffers.live, 0)
  assert.equal(b.stack.netif.statistics(b.iface).drops, { 'packet sockets: receive queue is full': 2 })
  assert.equal(receiver.getsockopt('PACKET_STATISTICS'), { packets: 6, drops: 2 })
  assert.equal(receiver.getsockopt('PACKET_STATISTICS'), { packets: 0, drops: 0 })
  assert.equal((await heard(receiver)).map((one) => text(one.data.subarray(14))), ['0', '1', '2', '3'])
  await sender.sendto(Uint8Array.from([...frame(B, A, '88b5', ''), ...new Uint8Array(1500)]), { iface: 'eth0' })
  assert.is((await heard(receiver)).length, 1, 'one always fits')
})

check('a stack whose buffers are used up refuses to send, and says so', async ({ net, lan }) => {
  const arena = new Arena()
  const { stack } = net.node('poor', [netbufIn(arena, { quota: 256 }), bareEthernet(), packetSockets()], lan)
  const held = stack.netif.buffers.alloc(100)!
  const socket = stack.packetSockets.socket('dgram', EXPERIMENTAL)
  const to = { iface: 'eth0', address: '02:00:00:00:00:02' }
  assert.is(await code(() => socket.sendto(bytes('x'), to)), 'ENOBUFS')
  held.unref()
  assert.is(await socket.sendto(bytes('x'), to), 1)
})

// ---- waiting ----

check('nonblocking, timeouts, signals and poll', async ({ net, a, b }) => {
  const socket = b.stack.packetSockets.socket('raw', EXPERIMENTAL)
  assert.is(await code(() => socket.recv({ nonblocking: true })), 'EAGAIN')
  socket.nonblocking = true
  assert.is(await code(() => socket.recvfrom()), 'EAGAIN')
  socket.nonblocking = false
  socket.setsockopt('SO_RCVTIMEO', 250)
  const began = net.env.clock.now()
  assert.is(await code(() => socket.recv()), 'EAGAIN')
  assert.is(net.env.clock.now() - began, 250)
  assert.equal(await socket.poll(['in', 'error'], 100), [])
  assert.equal(await socket.poll(['in', 'out']), ['out'])
  const stop = new AbortController()
  const waiting = socket.recv({ signal: stop.signal }).catch((error: Error) => error.message)
  stop.abort(new Error('enough'))
  assert.is(await waiting, 'enough')
  const ready = socket.poll(['in'])
  await a.stack.packetSockets.socket('raw').sendto(frame(B, A, '88b5', 'x'), { iface: 'eth0' })
  assert.equal(await ready, ['in'])
})

check('close() ends what waits, and stop() closes', async ({ net, lan, b }) => {
  const socket = b.stack.packetSockets.socket('raw', 'all')
  const waiting = code(() => socket.recv())
  socket.close()
  socket.close()
  assert.is(await waiting, 'EBADF')
  for (const call of [() => socket.recv(), () => socket.send(bytes('x')), () => socket.bind({}), () => socket.poll(['in']), () => socket.setsockopt('SO_RCVBUF', 1)]) {
    assert.is(await code(call), 'EBADF')
  }
  const { stack } = net.node('d', [bareEthernet(), packetSockets()], lan)
  const other = code(() => stack.packetSockets.socket('dgram', 'all').recv())
  await stack.stop()
  assert.is(await other, 'EBADF')
})

check('who is bound to an interface that goes down is told, once', async ({ a, b }) => {
  const [bound, free] = [b.stack.packetSockets.socket('raw', EXPERIMENTAL), b.stack.packetSockets.socket('raw', EXPERIMENTAL)]
  await bound.bind({ iface: 'eth0' })
  const waiting = code(() => bound.recv())
  b.iface.down()
  assert.is(await waiting, 'ENETDOWN')
  assert.is(await code(() => bound.recv({ nonblocking: true })), 'EAGAIN')
  assert.is(await code(() => bound.send(frame(A, B, '88b5', 'x'))), 'ENETDOWN')
  await b.iface.up()
  b.iface.down()
  assert.equal(await bound.poll(['error', 'in']), ['error', 'in'])
  assert.equal([bound.getsockopt('SO_ERROR'), bound.getsockopt('SO_ERROR')], ['ENETDOWN', ''])
  assert.is(await code(() => free.recv({ nonblocking: true })), 'EAGAIN')
  await b.iface.up()
  await a.stack.packetSockets.socket('raw').sendto(frame(B, A, '88b5', 'back again'), { iface: 'eth0' })
  assert.is(text((await bound.recv()).subarray(14)), 'back again')
})

test('a sender waits while the interface is full, goes on when it has room, and is told when it goes down', async () => {
  const net = simulate({ seed: 5 })
  const lan = net.ethernet({ rate: 1e5 })
  const [a, b] = [net.node('a', [bareEthernet(), packetSockets()], lan), net.node('b', [bareEthernet(), packetSockets()], lan)]
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const [sender, receiver] = [a.stack.packetSockets.socket('dgram', EXPERIMENTAL), b.stack.packetSockets.socket('dgram', EXPERIMENTAL)]
    await sender.bind({ iface: 'eth0' })
    const send = (n: number, nonblocking = false): Promise<number> => sender.sendto(bytes(`${n}`.padEnd(1000)), { address: '02:00:00:00:00:02' }, { nonblocking })
    let n = 0
    while (await send(n, true).then(() => true, () => false)) n++
    assert.ok(n > 60, `${n}`)
    assert.equal(await sender.poll(['out'], 0), [])
    assert.is(await code(() => send(n, true)), 'EAGAIN')
    sender.setsockopt('SO_SNDTIMEO', 1)
    assert.is(await code(() => send(n)), 'EAGAIN')
    sender.setsockopt('SO_SNDTIMEO', 0)
    for (const last = n + 20; n < last; n++) assert.is(await send(n), 1000)
    for (let expected = 0; expected < n; expected++) assert.is(text(await receiver.recv()).trimEnd(), `${expected}`, 'in order, none lost')
    while (await send(n, true).then(() => true, () => false));
    const waiting = code(() => send(n))
    a.iface.down()
    assert.is(await waiting, 'ENETDOWN')
  })
  await net.stop()
})

// ---- the caller's mistakes ----

check('the caller\'s mistakes have codes, and messages that say what to do', async ({ a, net }) => {
  const { packetSockets: make } = a.stack
  const [raw, dgram] = [make.socket('raw'), make.socket('dgram', EXPERIMENTAL)]
  const good = { iface: 'eth0', address: '02:00:00:00:00:02' }
  const mistakes: readonly (readonly [() => unknown, string])[] = [
    [() => make.socket('stream' as never), 'EINVAL'],
    [() => make.socket('raw', 0x10000), 'EINVAL'],
    [() => make.socket('raw', -1), 'EINVAL'],
    [() => make.socket('raw', 'ip' as never), 'EINVAL'],
    [() => raw.bind({ iface: 'eth7' }), 'ENODEV'],
    [() => raw.bind({ protocol: 1.5 }), 'EINVAL'],
    [() => raw.send(frame(B, A, '88b5', 'x')), 'ENODEV'],
    [() => raw.sendto(frame(B, A, '88b5', 'x'), { iface: 'eth7' }), 'ENODEV'],
    [() => raw.sendto(new Uint8Array(13), good), 'EINVAL'],
    [() => raw.sendto(new Uint8Array(), good), 'EINVAL'],
    [() => raw.sendto(new Uint8Array(1519), good), 'EMSGSIZE'],
    [() => raw.sendto(new Uint8Array(100_000), good), 'EMSGSIZE'],
    [() => dgram.sendto(new Uint8Array(1501), good), 'EMSGSIZE'],
    [() => dgram.sendto(bytes('x'), { iface: 'eth0' }), 'EDESTADDRREQ'],
    [() => dgram.sendto(bytes('x'), { iface: 'eth0', address: 'bob' }), 'EINVAL'],
    [() => dgram.sendto(bytes('x'), { iface: 'eth0', address: '02:00' }), 'EINVAL'],
    [() => dgram.sendto(bytes('x'), { iface: 'eth0', address: NO_LINK_ADDRESS }), 'EINVAL'],
    [() => dgram.sendto(bytes('x'), { ...good, protocol: 0x05ff }), 'EINVAL'],
    [() => make.socket('dgram', 'all').sendto(bytes('x'), good), 'EINVAL'],
    [() => make.socket('dgram').sendto(bytes('x'), good), 'EINVAL'],
    [() => raw.setsockopt('SO_RCVBUF', 0), 'EINVAL'],
    [() => raw.setsockopt('SO_PRIORITY', 8), 'EINVAL'],
    [() => raw.setsockopt('SO_TIMESTAMP', 1 as never), 'EINVAL'],
    [() => raw.setsockopt('SO_TYPE', 'raw'), 'ENOPROTOOPT'],
    [() => raw.getsockopt('SO_LINGER' as never), 'ENOPROTOOPT'],
    [() => raw.setsockopt('PACKET_ADD_MEMBERSHIP', { type: 'promiscuous' }), 'ENODEV'],
    [() => raw.setsockopt('PACKET_ADD_MEMBERSHIP', { type: 'promiscuous', iface: 'eth7' }), 'ENODEV'],
    [() => raw.setsockopt('PACKET_ADD_MEMBERSHIP', { type: 'multicast' as never, iface: 'eth0' }), 'EINVAL'],
  ]
  for (const [mistake, expected] of mistakes) assert.is(await code(mistake), expected, String(mistake))
  a.iface.down()
  assert.is(await code(() => raw.sendto(frame(B, A, '88b5', 'x'), good)), 'ENETDOWN')
  assert.equal([raw.family, raw.getsockopt('SO_TYPE'), raw.getsockopt('SO_DOMAIN'), raw.getsockopt('SO_RCVBUF'), raw.getsockopt('SO_PRIORITY')], ['packet', 'raw', 'packet', 212_992, 0])
  await net.plug(a.devices[0]!, true)
})

// ---- other links ----

/** A device whose other end is the test. */
class Wire implements Device {
  readonly medium: 'ethernet' | 'ip'
  readonly address
  readonly mtu = 1500
  readonly offload = { transmitChecksum: true, receiveChecksum: true, segmentation: 0 }
  readonly sent: Uint8Array[] = []
  sink: DeviceSink | undefined

  constructor(medium: 'ethernet' | 'ip') {
    this.medium = medium
    this.address = medium === 'ip' ? NO_LINK_ADDRESS : eui48('02:00:00:00:00:01')
  }

  transmit(sent: NetBuf): boolean {
    this.sent.push(sent.view().slice())
    sent.unref()
    return true
  }

  start(sink: DeviceSink): void {
    this.sink = sink
  }

  stop(): void {}
}

test('on a TUN there is no link header: raw and dgram are the same, without an address', async () => {
  const env = virtual({ seed: 1 })
  const stack = compose(env, netbufIn(new Arena(), { debug: true }), bareIp(), packetSockets())
  const wire = new Wire('ip')
  const tun0 = stack.netif.add(wire)
  await tun0.up()
  const packet = hex('45000014 00000000 40010000 c0000202 c0000201')
  for (const type of ['raw', 'dgram'] as const) {
    const socket = stack.packetSockets.socket(type, 0x0800)
    const made = stack.netif.buffers.alloc(packet.length)!
    made.write(packet)
    wire.sink!.frame(made)
    const { data, from } = await socket.recvfrom()
    assert.equal(data, packet)
    assert.equal({ ...from, address: `${from.address}` }, { iface: 'tun0', protocol: 0x0800, type: 'host', address: '' })
    await socket.sendto(packet, from)
    assert.equal(wire.sent.splice(0), [packet])
    assert.is(await code(() => socket.setsockopt('PACKET_ADD_MEMBERSHIP', { type: 'promiscuous', iface: 'tun0' })), 'EOPNOTSUPP')
    socket.close()
  }
  await stack.stop()
  assert.is(stack.netif.buffers.live, 0)
})

test('on lo what is sent is heard twice by who hears all: as it leaves, and as it comes', async () => {
  const env = virtual({ seed: 1 })
  const stack = compose(env, netbufIn(new Arena(), { debug: true }), loopback(), ipv4(), packetSockets())
  await env.run(async () => {
    const socket = stack.packetSockets.socket('dgram', 'all')
    await stack.ipv4.ping('127.0.0.1', { iface: stack.loopback })
    await sleep(env, 1)
    // A stack reaches its own addresses without a link; what a socket sends by lo takes it.
    assert.equal(await socket.poll(['in'], 0), [])
    const other = stack.packetSockets.socket('raw')
    await other.sendto(hex('45000014 00000000 40fd0000 7f000001 7f000001'), { iface: 'lo', protocol: 0x0800 })
    await sleep(env, 1)
    assert.equal([(await socket.recvfrom()).from.type, (await socket.recvfrom()).from.type], ['outgoing', 'host'])
  })
  await stack.stop()
})

test('a checksum that was left to a device is finished in what a socket hears, in both directions', async () => {
  const env = virtual({ seed: 1 })
  const stack = compose(env, netbufIn(new Arena(), { debug: true }), bareIp(), ipv4(), udp(), sockets(), packetSockets())
  const wire = new Wire('ip')
  const tun0 = stack.netif.add(wire)
  stack.ipv4.addAddress(tun0, '192.0.2.1/24')
  await tun0.up()
  const all = stack.packetSockets.socket('raw', 'all')
  const server = stack.sockets.socket('inet', 'dgram')
  await server.bind({ port: 4242 })
  await server.sendto(bytes('odd'), { address: '192.0.2.2', port: 4242 })
  const left = wire.sent[0]!
  /** The sum over UDP's pseudo-header and the datagram: all ones when it is right (RFC 768). */
  const udpSum = (packet: Uint8Array): number => sum(packet, 20, packet.length - 20, sum(packet, 12, 8, 17 + packet.length - 20))
  const out = await all.recvfrom()
  assert.is(out.from.type, 'outgoing')
  assert.equal([udpSum(out.data), udpSum(left) === 0xffff], [0xffff, false], 'the device still has it to do')

  // The same comes back: source and destination change places, which does not change the sum.
  const made = stack.netif.buffers.alloc(left.length)!
  made.write(left)
  made.u8.copyWithin(made.offset + 12, made.offset + 16, made.offset + 20)
  made.u8.set([192, 0, 2, 1], made.offset + 16)
  Object.assign(made, { checksum: 1, checksumStart: made.offset + 20, checksumAt: made.offset + 26 })
  wire.sink!.frame(made)
  const into = await all.recvfrom()
  assert.equal([into.from.type, udpSum(into.data)], ['host', 0xffff])
  assert.is(text(await server.recv()), 'odd', 'the stack has it as it came')
  await stack.stop()
  assert.is(stack.netif.buffers.live, 0)
})

// ---- whatever comes ----

test('whatever frames come, each is heard whole by whom it is for, and no buffer is kept', async () => {
  const env = virtual({ seed: 99 })
  const { random } = env
  const stack = compose(env, netbufIn(new Arena(), { debug: true, quota: 1 << 20 }), ethernet(), vlan(), ipv4(), udp(), sockets(), packetSockets())
  const wire = new Wire('ethernet')
  const eth0 = stack.netif.add(wire)
  stack.ipv4.addAddress(eth0, '192.0.2.1/24')
  const v100 = stack.vlan.add(eth0, 100)
  await Promise.all([eth0.up(), v100.up()])
  const all = stack.packetSockets.socket('raw', 'all')
  all.setsockopt('PACKET_ADD_MEMBERSHIP', { type: 'promiscuous', iface: 'eth0' })
  all.setsockopt('PACKET_IGNORE_OUTGOING', true)
  const others = [stack.packetSockets.socket('dgram', 'all'), stack.packetSockets.socket('dgram', 0x0806), stack.packetSockets.socket('dgram', 4)]
  await others[0]!.bind({ iface: 'eth0.100' })
  const types = [0x0800, 0x0806, 0x8100, 0x86dd, 0x88cc, 0x0026, 0x05ff, 0x0000, 0xffff]
  const firsts = [hex(A), hex(B), hex('ff ff ff ff ff ff'), hex('01 00 5e 00 00 01')]
  let [expected, chains] = [0, 0]
  for (let n = 0; n < 5000; n++) {
    const bytes_ = random.fill(new Uint8Array(random.uint32() % 120))
    if (random.uint32() % 4 !== 0) bytes_.set(firsts[random.uint32() % 4]!.subarray(0, bytes_.length))
    if (bytes_.length >= 14) {
      bytes_[6]! &= random.uint32() % 8 === 0 ? 0xff : 0xfe
      if (random.uint32() % 4 !== 0) new DataView(bytes_.buffer).setUint16(12, types[random.uint32() % types.length]!)
    }
    const cut = random.uint32() % 5 === 0 ? Math.max(bytes_.length >> 1, 60) : bytes_.length
    const made = stack.netif.buffers.alloc(Math.min(cut, bytes_.length))!
    made.write(bytes_.subarray(0, cut))
    if (cut < bytes_.length) {
      const rest = stack.netif.buffers.alloc(bytes_.length - cut)!
      rest.write(bytes_.subarray(cut))
      made.append(rest)
      chains++
    }
    if (random.uint32() % 8 === 0) Object.assign(made, { checksum: 1, checksumStart: made.offset + random.uint32() % 200, checksumAt: made.offset + random.uint32() % 200 })
    const partial = made.checksum === 1
    wire.sink!.frame(made)
    if (bytes_.length < 14 || (bytes_[6]! & 1) !== 0) {
      assert.equal(await all.poll(['in'], 0), [], 'what is no frame is not heard')
      continue
    }
    expected++
    const { data, from } = await all.recvfrom({ nonblocking: true })
    if (!partial) assert.equal(data, bytes_, `frame ${n}`)
    assert.is(data.length, bytes_.length)
    const type = new DataView(bytes_.buffer).getUint16(12)
    assert.is(from.protocol, type < 0x0600 ? 4 : type)
    for (const socket of others) while ((await socket.poll(['in'], 0)).length > 0) await socket.recv()
  }
  assert.ok(expected > 3000 && chains > 100, `${expected}, ${chains}`)
  await stack.stop()
  assert.is(stack.netif.buffers.live, 0, stack.netif.buffers.owners().join('\n'))
  assert.is(env.armed, 0)
})

test.run()
