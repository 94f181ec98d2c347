import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6/bare'
import { nd } from '@favonius/ipv6/nd'
import { Arena, netbufIn } from '@favonius/netbuf'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { connect, createServer, type Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { connectQemu, listenQemu, type QemuDevice, type QemuListener, type QemuOptions, type StreamAddress } from '../src/index.ts'
import { freshPath, pause, until } from './places.ts'

const test = suite('qemu: two stacks, and peers that misbehave', { timeout: 15_000 })

/** A stack on a device, as host 1 or 2 of 192.0.2.0/24 and 2001:db8::/64; nobody checks that it is the only one. */
function host(device: QemuDevice, number: 1 | 2) {
  const stack = compose(system, netbufIn(new Arena({ chunkSize: 4 << 20 }), { debug: true }), ethernet(), ipv4(), ipv6(), nd(), udp(), sockets())
  const eth0 = stack.netif.add(device, { name: 'eth0' })
  stack.ipv4.addAddress(eth0, `192.0.2.${number}/24`)
  stack.ipv6.addAddress(eth0, `2001:db8::${number}/64`)
  const end = async (): Promise<void> => {
    await stack.stop()
    assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
  }
  /** How often something was dropped or lost for this reason. */
  const lost = (reason: string): number => stack.netif.statistics().drops[`device: ${reason}`] ?? 0
  return { ...stack, eth0, end, lost }
}
type Host = ReturnType<typeof host>

/** What connected last, once there is one. */
async function listening(at: StreamAddress, options?: QemuOptions): Promise<{ readonly listener: QemuListener; accepted(): Promise<QemuDevice> }> {
  const devices: QemuDevice[] = []
  const listener = await listenQemu(at, (device) => { devices.push(device) }, options)
  return {
    listener,
    async accepted() {
      await until(() => devices.length > 0)
      return devices.shift()!
    },
  }
}

async function hosts(at: StreamAddress, options?: QemuOptions): Promise<{ readonly listener: QemuListener; readonly a: Host; readonly b: Host; end(): Promise<void> }> {
  const { listener, accepted } = await listening(at, options)
  const a = host(await connectQemu(listener.address, options), 1)
  const b = host(await accepted(), 2)
  return {
    listener, a, b,
    async end() {
      await a.end()
      await b.end()
      await listener.close()
    },
  }
}

for (const [name, at] of [['a unix socket', () => ({ path: freshPath() })], ['TCP', () => ({ port: 0 })]] as const) {
  test(`ping, large datagrams, and a thousand of them, over ${name}`, async () => {
    const { a, b, end } = await hosts(at())
    await Promise.all([a.eth0.up(), b.eth0.up()])
    // The first finds the other's link address: one packet at most waits for that.
    for (const count of [1, 3]) {
      assert.is((await a.ipv4.ping('192.0.2.2', { count, interval: 5 })).received, count)
      assert.is((await b.ipv6.ping('2001:db8::1', { count, interval: 5 })).received, count)
    }

    // Each is answered, so that both ways carry a thousand; paced by the answers, as the ring of an interface is bounded.
    const MANY = 1000
    const heard: string[] = []
    const server = await b.sockets.open({ port: 4242 }, { receive: (data, from) => void server.send(data, from) })
    const content = (n: number): Uint8Array => new Uint8Array(1200).map((_, i) => i * 31 + n)
    let sent = 0
    const to = { address: '2001:db8::2', port: 4242 }
    const client = await a.sockets.open({ address: '2001:db8::1' }, {
      receive(data) {
        heard.push(Buffer.from(data).toString('base64'))
        if (sent < MANY) client.send(content(sent++), to)
      },
    })
    while (sent < 50) client.send(content(sent++), to)
    await until(() => heard.length === MANY)
    assert.equal(heard, Array.from({ length: MANY }, (_, n) => Buffer.from(content(n)).toString('base64')))
    // But for what IPv6 sends to groups.
    for (const one of [a, b]) assert.equal(Object.keys(one.netif.statistics().drops).filter((reason) => !reason.includes('group')), [])
    client.close()
    server.close()
    await end()
  })
}

test('frames of 64 KiB', async () => {
  const { a, b, end } = await hosts({ path: freshPath() }, { mtu: 65_535 })
  await Promise.all([a.eth0.up(), b.eth0.up()])
  assert.is((await a.ipv4.ping('192.0.2.2', { count: 1 })).received, 1)
  const content = new Uint8Array(65_507).map((_, i) => i * 31 + (i >> 8))
  const heard: Buffer[] = []
  const server = await b.sockets.open({ port: 4242 }, { receive: (data) => void heard.push(Buffer.from(data)) })
  const client = await a.sockets.open({ address: '192.0.2.1' }, { receive() {} })
  for (let n = 0; n < 5; n++) assert.ok(client.send(content, { address: '192.0.2.2', port: 4242 }))
  await until(() => heard.length === 5)
  for (const data of heard) assert.ok(data.equals(content))
  client.close()
  server.close()
  await end()
})

test('checksums are whole in the frames: nobody behind a stream is in this memory', async () => {
  const frames: Buffer[] = []
  const server = createServer((socket) => socket.on('data', (data: Buffer) => frames.push(data)))
  const path = freshPath()
  await new Promise<void>((resolve) => { server.listen(path, resolve) })
  const a = host(await connectQemu({ path }), 1)
  await a.eth0.up()
  const client = await a.sockets.open({}, { receive() {} })
  client.send(new TextEncoder().encode('a datagram'), { address: 'ff02::1%eth0', port: 7 })
  const datagrams = (): Buffer[] => {
    const found: Buffer[] = []
    const all = Buffer.concat(frames)
    for (let at = 0; at < all.length; at += 4 + all.readUInt32BE(at)) {
      const frame = all.subarray(at + 4, at + 4 + all.readUInt32BE(at))
      if (frame.includes('a datagram')) found.push(frame)
    }
    return found
  }
  await until(() => datagrams().length > 0)
  for (const frame of datagrams()) {
    assert.is(frame.readUInt16BE(12), 0x86dd)
    // Pseudo-header, with the length and 17 for UDP, then the rest: a right checksum makes the sum 0xffff (RFC 8200 §8.1).
    let sum = 17 + frame.length - 54
    for (let at = 14 + 8; at < frame.length; at += 2) sum += frame.readUInt16BE(at)
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
    assert.is(sum, 0xffff)
  }
  client.close()
  await a.end()
  await new Promise<void>((resolve) => { server.close(() => resolve()) })
})

test('who connects waits for a peer that is not there yet, and comes back to one that was away', async () => {
  const path = freshPath()
  const device = await connectQemu({ path }, { reconnect: [1, 10] })
  const a = host(device, 1)
  const up = a.eth0.up()
  await pause(20)
  assert.not(a.eth0.carrier)
  for (let round = 0; round < 3; round++) {
    const { listener, accepted } = await listening({ path })
    const b = host(await accepted(), 2)
    await Promise.all([round === 0 ? up : undefined, b.eth0.up()])
    await until(() => a.eth0.running)
    assert.is((await a.ipv4.ping('192.0.2.2', { count: 1 })).received, 1, `round ${round}`)
    await listener.close()
    await until(() => !a.eth0.carrier && !b.eth0.carrier)
    // What is sent without a carrier is dropped, and not kept for later.
    await a.ipv4.ping('192.0.2.2', { count: 1, timeout: 20 }).catch(() => {})
    await b.end()
  }
  let closed = false
  void device.closed.then(() => { closed = true })
  await pause(5)
  assert.not(closed, 'it goes on')
  await a.end()
  await pause(0)
  assert.ok(closed)
})

test('a device that is stopped while it waits, or while it connects, does neither any more', async () => {
  const path = freshPath()
  const waiting = await connectQemu({ path }, { reconnect: 5 })
  await waiting.stop()
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.destroy()
  })
  await new Promise<void>((resolve) => { server.listen(path, resolve) })
  await pause(30)
  assert.is(connections, 0)
  const flapping = await connectQemu({ path }, { reconnect: 0 })
  flapping.start({ frame() {}, ready() {}, carrier() {}, lost() {} }, new Arena().pool())
  await until(() => connections > 3)
  await flapping.stop()
  await flapping.closed
  await pause(5)
  const before = connections
  await pause(20)
  assert.is(connections, before)
  await new Promise<void>((resolve) => { server.close(() => resolve()) })
})

/** A host that hears what `speak` sends it over a plain socket. */
async function hears(speak: (socket: Socket) => void): Promise<{ readonly b: Host; readonly device: QemuDevice; readonly socket: Socket; end(): Promise<void> }> {
  const { listener, accepted } = await listening({ path: freshPath() })
  const socket = connect(listener.address as { path: string })
  socket.on('error', () => {})
  const device = await accepted()
  const b = host(device, 2)
  await b.eth0.up()
  speak(socket)
  return {
    b, device, socket,
    async end() {
      socket.destroy()
      await b.end()
      await listener.close()
    },
  }
}

test('a peer that closes in the middle of a frame', async () => {
  const { b, device, end } = await hears((socket) => socket.end(Uint8Array.of(0, 0, 0, 100, 1, 2, 3)))
  await device.closed
  assert.not(b.eth0.carrier)
  assert.is(b.lost('cut short'), 1)
  assert.is(b.netbuf.live, 0)
  await end()
})

test('a peer that sends garbage is cut off, and what it holds given back', async () => {
  const { b, device, socket, end } = await hears((socket) => socket.write('GET / HTTP/1.1\r\nHost: example.com\r\n\r\n'))
  socket.resume()
  await device.closed
  assert.not(b.eth0.carrier)
  assert.is(b.lost('out of step'), 1)
  await until(() => socket.closed)
  await end()
})

test('a peer that sends frames of garbage is counted, and goes on', async () => {
  let seed = 1
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor(seed / 2 ** 32 * below)
  }
  const { b, end } = await hears((socket) => {
    for (let n = 0; n < 500; n++) {
      const frame = Buffer.from(Array.from({ length: 4 + 1 + random(200) }, () => random(256)))
      frame.writeUInt32BE(frame.length - 4)
      // Half of them to this host, of a type that it knows.
      if (n % 2 && frame.length > 18) frame.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, ...[[8, 0], [8, 6], [0x86, 0xdd]][n % 3]!], 4)
      socket.write(frame)
    }
  })
  await until(() => Object.values(b.netif.statistics().drops).reduce((sum, n) => sum + n, 0) >= 500)
  assert.ok(b.eth0.carrier)
  assert.is(b.netbuf.live, 0)
  await end()
})

test('a peer that does not read: frames wait in bounded room, and are lost when it goes', async () => {
  const { listener, accepted } = await listening({ path: freshPath() })
  const socket = connect(listener.address as { path: string })
  const device = await accepted()
  const pool = new Arena({ chunkSize: 4 << 20 }).pool({ debug: true })
  const losses: string[] = []
  let readies = 0
  device.start({ frame: (frame) => frame.unref(), ready: () => { readies++ }, carrier() {}, lost: (reason) => losses.push(reason) }, pool)
  const send = (): boolean => {
    const frame = pool.alloc(1000, 32)!
    frame.write(new Uint8Array(1000))
    const taken = device.transmit(frame)
    if (!taken) frame.unref()
    return taken
  }
  let taken = 0
  // Until nothing more is taken though there was time.
  for (let idle = 0; idle < 5; await pause(2)) {
    idle++
    while (send()) {
      taken++
      idle = 0
      assert.ok(taken < 2000, 'there is a limit')
    }
  }
  assert.is(pool.live, 0, 'no slot is held while it waits')
  const before = readies
  socket.destroy()
  await device.closed
  assert.is(readies, before)
  assert.ok(losses.length > 64 && losses.every((reason) => reason === 'not connected'), `${losses.length} lost`)
  assert.ok(losses.length < taken)
  assert.ok(send(), 'taken, and lost')
  assert.is(losses.at(-1), 'not connected')
  assert.is(pool.live, 0)
  await device.stop()
  await listener.close()
})

test('what is longer than the device\'s frames is not sent', async () => {
  const { listener, accepted } = await listening({ path: freshPath() })
  const device = await connectQemu(listener.address, { mtu: 100 })
  const other = await accepted()
  const pool = new Arena({ chunkSize: 4 << 20 }).pool({ debug: true })
  const losses: string[] = []
  const sizes: number[] = []
  const sink = { frame() {}, ready() {}, carrier() {}, lost: (reason: string) => void losses.push(reason) }
  device.start(sink, pool)
  other.start({ ...sink, frame(frame) { sizes.push(frame.total()); frame.unref() } }, pool)
  for (const size of [118, 119, 117]) {
    const frame = pool.alloc(size)!
    frame.add(size)
    assert.ok(device.transmit(frame))
  }
  await until(() => sizes.length === 2)
  assert.equal([sizes, losses], [[118, 117], ['too long']])
  await device.stop()
  await listener.close()
  assert.is(pool.live, 0)
})

test('each who connects gets a device; closing the listener stops them all, started or not, and frees its place', async () => {
  const path = freshPath()
  const { listener, accepted } = await listening({ path })
  const clients = await Promise.all([1, 2, 3].map(() => connectQemu({ path })))
  const devices = [await accepted(), await accepted(), await accepted()]
  assert.is(new Set([...clients, ...devices].map(({ address }) => String(address))).size, 6, 'each has an address of its own')
  const pool = new Arena({ chunkSize: 4 << 20 }).pool()
  devices[0]!.start({ frame() {}, ready() {}, carrier() {}, lost() {} }, pool)
  assert.throws(() => devices[0]!.start({ frame() {}, ready() {}, carrier() {}, lost() {} }, pool), /started already/)
  await listener.close()
  await Promise.all(devices.map(({ closed }) => closed))
  assert.throws(() => devices[0]!.start({ frame() {}, ready() {}, carrier() {}, lost() {} }, pool), /started already|stopped/)
  for (const client of clients) await client.stop()
  const again = await listenQemu({ path }, () => {})
  await again.close()
})

test.run()
