import { Arena } from '@favonius/netbuf'
import type { BufferPool, Device, DeviceSink, NetBuf } from '@favonius/contract'
import { openTap, type TapDevice, type TapOptions } from '@favonius/tap'
import { suite } from '@favonius/testing'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import * as assert from 'uvu/assert'

const test = suite('tap: the kernel', { timeout: 30_000 })

const namespace = `favtap${process.pid}`
const ip = (...args: string[]): string => execFileSync('ip', ['-n', namespace, ...args], { encoding: 'utf8' })

/** Why these tests cannot run here, or undefined. */
function missing(): string | undefined {
  if (spawnSync('ip', ['-V']).error) return 'ip (iproute2) not installed'
  if (spawnSync('ping', ['-V']).error) return 'ping not installed'
  const made = spawnSync('ip', ['netns', 'add', namespace], { encoding: 'utf8' })
  return made.status === 0 ? undefined : `no network namespace can be made: ${made.stderr.trim()}`
}

interface Opened {
  readonly device: TapDevice
  readonly pool: BufferPool
  readonly lost: string[]
  readonly carrier: boolean[]
  /** What a frame is given to; it is freed afterwards. */
  onFrame: (frame: NetBuf) => void
  /** Resolves when `condition` holds, which is looked at after each event. */
  until(condition: () => boolean): Promise<void>
}

/** The device opened last, to be closed when its test failed. */
let latest: TapDevice | undefined

async function open(options: TapOptions, quota?: number): Promise<Opened> {
  await latest?.stop()
  const device = await openTap({ namespace, address: '02:00:5e:00:53:01', ...options })
  latest = device
  const pool = new Arena({ chunkSize: 1 << 20 }).pool({ ...(quota !== undefined && { quota }) })
  const waiting = new Set<() => void>()
  const changed = (): void => { for (const check of waiting) check() }
  const opened: Opened = {
    device, pool, lost: [], carrier: [],
    onFrame: () => {},
    until: (condition) => new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    }),
  }
  const sink: DeviceSink = {
    frame(frame) { opened.onFrame(frame); frame.unref(); changed() },
    lost(reason) { opened.lost.push(reason); changed() },
    carrier(up) { opened.carrier.push(up); changed() },
    ready: changed,
  }
  await device.start(sink, pool)
  return opened
}

const close = async ({ device, pool }: Opened): Promise<void> => {
  await device.stop()
  await device.stop()
  assert.equal([pool.live, pool.used], [0, 0])
}

const us = Buffer.from('02005e005301', 'hex')
const BROADCAST = Buffer.from('ffffffffffff', 'hex')

/** Answers ARP for 192.0.2.2 and echo requests, by turning each frame around. True when it did. */
function answer({ device }: { device: Device }, frame: NetBuf): boolean {
  const u8 = frame.u8
  const { offset } = frame
  const type = frame.dv.getUint16(offset + 12)
  if (type === 0x0806 && frame.dv.getUint16(offset + 20) === 1 && frame.dv.getUint32(offset + 38) === 0xc0000202) {
    u8.copyWithin(offset, offset + 6, offset + 12)
    u8.set(us, offset + 6)
    frame.dv.setUint16(offset + 20, 2)
    u8.copyWithin(offset + 32, offset + 22, offset + 32)
    u8.set(us, offset + 22)
    frame.dv.setUint32(offset + 28, 0xc0000202)
    frame.remove(frame.length - 42)
    return device.transmit(frame.ref())
  }
  if (type === 0x0800 && u8[offset + 23] === 1 && u8[offset + 34] === 8) {
    u8.copyWithin(offset, offset + 6, offset + 12)
    u8.set(us, offset + 6)
    const source = frame.dv.getUint32(offset + 26)
    frame.dv.setUint32(offset + 26, frame.dv.getUint32(offset + 30))
    frame.dv.setUint32(offset + 30, source)
    u8[offset + 34] = 0
    frame.dv.setUint16(offset + 36, 0)
    frame.dv.setUint16(offset + 36, ~frame.sum(offset + 34) & 0xffff)
    return device.transmit(frame.ref())
  }
  return false
}

const ping = async (...args: string[]): Promise<string> => {
  const child = spawn('ip', ['netns', 'exec', namespace, 'ping', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
  await once(child, 'close')
  return out
}

/** Sends UDP datagrams from inside the namespace. Resolves when the last one is sent. */
async function flood(to: string, count: number, size: number): Promise<void> {
  const program = `
    const socket = require('dgram').createSocket('udp4')
    const data = Buffer.alloc(${size}, 0x5a)
    let left = ${count}
    const next = () => left-- > 0 ? socket.send(data, 9, '${to}', next) : socket.close()
    next()`
  await once(spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', program], { stdio: 'inherit' }), 'close')
}

const skipped = missing()
if (skipped !== undefined) {
  if (process.env['REQUIRE_PEERS'] === '1') test('the kernel', () => { throw new Error(`skipped: ${skipped}`) })
  else console.log(`skipped: ${skipped}`)
} else {
  test.after(() => { execFileSync('ip', ['netns', 'delete', namespace]) })

  for (const poll of [false, true]) {
    const way = poll ? 'poll(2)' : 'the pipe handle'

    test(`a ping is answered by hand, over ${way}`, async () => {
      const opened = await open({ name: 'fav0', poll })
      assert.equal([opened.device.name, opened.device.medium, opened.device.mtu, opened.carrier], ['fav0', 'ethernet', 1500, [true]])
      assert.is(String(opened.device.address), '02:00:5e:00:53:01')
      opened.onFrame = (frame) => { answer(opened, frame) }
      ip('addr', 'add', '192.0.2.1/24', 'dev', 'fav0')
      const out = await ping('-c', '5', '-i', '0.05', '-s', '1400', '192.0.2.2')
      assert.match(out, /5 received/)
      assert.match(ip('neigh', 'show'), /192\.0\.2\.2 dev fav0 lladdr 02:00:5e:00:53:01/)
      assert.equal(opened.lost, [])
      await close(opened)
      assert.not.match(ip('link', 'show'), /fav0/, 'it is gone when the descriptor is closed')
    })

    test(`a burst of ten thousand frames, over ${way}`, async () => {
      const opened = await open({ name: 'fav0', poll })
      // The kernel drops what its queue has no room for, and rightly: here all of it is to arrive.
      ip('link', 'set', 'fav0', 'txqueuelen', '20000')
      ip('addr', 'add', '192.0.2.1/24', 'dev', 'fav0')
      ip('neigh', 'add', '192.0.2.2', 'lladdr', '02:00:5e:00:53:01', 'dev', 'fav0')
      let count = 0
      let wrong = 0
      opened.onFrame = (frame) => {
        if (frame.dv.getUint16(frame.offset + 12) !== 0x0800) return
        count++
        if (frame.length !== 14 + 28 + 600 || frame.u8[frame.offset + frame.length - 1] !== 0x5a) wrong++
      }
      await flood('192.0.2.2', 10_000, 600)
      await opened.until(() => count === 10_000)
      assert.is(wrong, 0)
      await close(opened)
    })
  }

  test('the kernel leaves checksums to us, and we to it', async () => {
    const opened = await open({ name: 'fav0' })
    ip('addr', 'add', '192.0.2.1/24', 'dev', 'fav0')
    ip('neigh', 'add', '192.0.2.2', 'lladdr', '02:00:5e:00:53:01', 'dev', 'fav0')
    const hostAddress = /link\/ether (\S+)/.exec(ip('link', 'show', 'fav0'))![1]!
    let partial = false
    opened.onFrame = (frame) => {
      if (frame.dv.getUint16(frame.offset + 12) !== 0x0800) return
      partial = frame.checksum === 1 && frame.checksumStart === frame.offset + 34 && frame.checksumAt === frame.offset + 40
    }
    await flood('192.0.2.2', 1, 100)
    await opened.until(() => partial)

    // A datagram whose checksum is partial arrives at a socket, which a wrong one would not.
    const listener = spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', `
      const socket = require('dgram').createSocket('udp4').bind(4242, '192.0.2.1', () => console.log('ready'))
      socket.on('message', (data) => { console.log('got ' + data); socket.close() })`], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(listener.stdout, 'data')
    const text = Buffer.from('partial')
    const udp = 8 + text.length
    // Once in one piece, once in two.
    for (const pieces of [1, 2]) {
      const frame = opened.pool.alloc(14 + 20 + udp, pieces === 1 ? 16 : 0)!
      frame.add(14 + 20 + udp)
      const { dv, u8, offset: at } = frame
      u8.fill(0, at, at + frame.length)
      u8.set(Buffer.from(hostAddress.replaceAll(':', ''), 'hex'), at)
      u8.set(us, at + 6)
      dv.setUint16(at + 12, 0x0800)
      dv.setUint16(at + 14, 0x4500)
      dv.setUint16(at + 16, 20 + udp)
      dv.setUint16(at + 22, 64 << 8 | 17)
      dv.setUint32(at + 26, 0xc0000202)
      dv.setUint32(at + 30, 0xc0000201)
      let header = 0
      for (let i = 14; i < 34; i += 2) header += dv.getUint16(at + i)
      dv.setUint16(at + 24, ~((header & 0xffff) + (header >>> 16)) & 0xffff)
      dv.setUint16(at + 34, 5000)
      dv.setUint16(at + 36, 4242)
      dv.setUint16(at + 38, udp)
      const pseudo = 0xc000 + 0x0202 + 0xc000 + 0x0201 + 17 + udp
      dv.setUint16(at + 40, (pseudo & 0xffff) + (pseudo >>> 16))
      u8.set(text, at + 42)
      frame.checksum = 1
      frame.checksumStart = at + 34
      frame.checksumAt = at + 40
      if (pieces === 2) {
        const rest = opened.pool.alloc(text.length)!
        rest.write(text)
        frame.remove(text.length)
        frame.append(rest)
        u8.fill(0, at + 42, at + 42 + text.length)
      }
      assert.ok(opened.device.transmit(frame))
      if (pieces === 1) {
        assert.match(String(await once(listener.stdout, 'data')), /got partial/)
        await once(listener, 'close')
      }
    }
    // The second finds nobody, and is not counted as damaged.
    const [, , noPorts, inErrors] = execFileSync('ip', ['netns', 'exec', namespace, 'cat', '/proc/net/snmp'], { encoding: 'utf8' })
      .match(/^Udp: \d.*$/m)![0].split(' ')
    assert.equal([noPorts, inErrors], ['1', '0'])
    await close(opened)
  })

  test('the host side goes down and up: carrier follows, what is sent meanwhile is counted', async () => {
    const opened = await open({ name: 'fav0', up: false })
    assert.equal(opened.carrier, [false])
    const frame = (): NetBuf => {
      const made = opened.pool.alloc(60, 16)!
      const at = made.add(60)
      made.u8.fill(0, at, at + 60)
      made.u8.set(BROADCAST, at)
      made.u8.set(us, at + 6)
      return made
    }
    assert.ok(opened.device.transmit(frame()))
    assert.equal(opened.lost, ['host side down'])
    ip('link', 'set', 'fav0', 'up')
    await opened.until(() => opened.carrier.length === 2)
    assert.ok(opened.device.transmit(frame()))
    assert.is(opened.lost.length, 1)
    ip('link', 'set', 'fav0', 'down')
    assert.ok(opened.device.transmit(frame()))
    assert.equal(opened.carrier, [false, true, false], 'told at once by the kernel’s refusal')
    ip('link', 'set', 'fav0', 'up')
    await opened.until(() => opened.carrier.length === 4)
    ip('link', 'set', 'fav0', 'down')
    await opened.until(() => opened.carrier.length === 5)
    assert.equal(opened.carrier, [false, true, false, true, false], 'and without sending')
    await close(opened)
  })

  test('no buffer: frames are counted and the descriptor is drained all the same', async () => {
    const opened = await open({ name: 'fav0' }, 0)
    ip('addr', 'add', '192.0.2.1/24', 'dev', 'fav0')
    ip('neigh', 'add', '192.0.2.2', 'lladdr', '02:00:5e:00:53:01', 'dev', 'fav0')
    await flood('192.0.2.2', 200, 100)
    await opened.until(() => opened.lost.length >= 200)
    assert.ok(opened.lost.every((reason) => reason === 'no buffer'))
    await close(opened)
  })

  test('a frame longer than our MTU allows is too long', async () => {
    const opened = await open({ name: 'fav0', mtu: 600 })
    assert.match(ip('link', 'show', 'fav0'), /mtu 600/)
    ip('link', 'set', 'fav0', 'mtu', '1500')
    ip('addr', 'add', '192.0.2.1/24', 'dev', 'fav0')
    ip('neigh', 'add', '192.0.2.2', 'lladdr', '02:00:5e:00:53:01', 'dev', 'fav0')
    await flood('192.0.2.2', 3, 1000)
    await opened.until(() => opened.lost.includes('too long'))
    await close(opened)
  })

  test('a TUN has bare packets; checksums can be ours', async () => {
    for (const offload of [true, false]) {
      const opened = await open({ name: 'fun%d', mode: 'tun', offload })
      const { device } = opened
      assert.equal([device.name, device.medium, device.address.length, device.offload.receiveChecksum], ['fun0', 'ip', 0, offload])
      let packet: number[] = []
      opened.onFrame = (frame) => { if (frame.u8[frame.offset] === 0x45) packet = [frame.dv.getUint32(frame.offset + 16), frame.length, frame.checksum] }
      ip('addr', 'add', '192.0.2.1/24', 'dev', 'fun0')
      await flood('192.0.2.2', 1, 100)
      await opened.until(() => packet.length > 0)
      assert.equal(packet, [0xc0000202, 128, offload ? 1 : 0])
      await close(opened)
    }
  })

  test('a name in use, another kind, and an interface that is deleted', async () => {
    const opened = await open({ name: 'fav0' })
    const error = await openTap({ namespace, name: 'fav0' }).then(() => undefined, (reason: unknown) => reason as NodeJS.ErrnoException)
    assert.is(error?.code, 'EBUSY')
    assert.match(error!.message, /fav0 is in use by another process/)
    ip('tuntap', 'add', 'dev', 'fun9', 'mode', 'tun')
    const kind = await openTap({ namespace, name: 'fun9' }).then(() => undefined, (reason: unknown) => reason as NodeJS.ErrnoException)
    assert.is(kind?.code, 'EINVAL')
    assert.match(kind!.message, /of another kind/)
    ip('link', 'delete', 'fun9')
    ip('link', 'delete', 'fav0')
    await opened.until(() => opened.carrier.at(-1) === false)
    const frame = opened.pool.alloc(60, 16)!
    frame.add(60)
    assert.ok(opened.device.transmit(frame))
    await close(opened)
    const there = await openTap({ namespace: 'favonius-none' }).then(() => undefined, (reason: unknown) => reason as NodeJS.ErrnoException)
    assert.is(there?.code, 'ENOENT')
    assert.match(there!.message, /ip netns add favonius-none/)
  })

  test('opening and closing leaves no descriptor, and this thread in its own namespace', async () => {
    const home = execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' })
    const count = (): number => readdirSync('/proc/self/fd').length
    await (await openTap({ namespace })).stop()
    const before = count()
    for (let i = 0; i < 5; i++) {
      await (await openTap({ namespace })).stop()
      await close(await open({}))
      await close(await open({ poll: true }))
      await openTap({ namespace, name: 'lo' }).then(() => assert.unreachable(), () => {})
    }
    assert.is(count(), before)
    assert.is(execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' }), home)
  })

  test('a program that stops its device ends by itself; one that does not can still exit', async () => {
    for (const poll of [false, true]) {
      for (const end of ['await device.stop()', 'setTimeout(() => process.exit(0), 50)']) {
        const program = `
          import { openTap } from '@favonius/tap'
          const device = await openTap({ namespace: '${namespace}', poll: ${poll} })
          device.start({ frame: (f) => f.unref(), ready() {}, carrier() {}, lost() {} }, { alloc: () => undefined })
          ${end}`
        const start = performance.now()
        const child = spawn(process.execPath, ['--conditions=@favonius/source', '--import', 'tsx', '--input-type=module', '-e', program], { stdio: 'inherit' })
        const [code] = await once(child, 'close') as [number]
        assert.is(code, 0)
        assert.ok(performance.now() - start < 10_000, `${end} with poll ${poll}`)
      }
    }
  })
}

test.run()
