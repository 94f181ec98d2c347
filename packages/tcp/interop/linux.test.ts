/** TCP with the Linux kernel over TAP: streams over a good link, beginnings and ends. */

import { deferred, sleep, system } from '@favonius/clock'
import type { TcpConnection } from '@favonius/contract'
import { address } from '@favonius/inet'
import { inWorld, peer, suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { digestOf, families, fetch, LINUX, listen, run, send, US, world, writer, type World, type WorldOptions } from './world.ts'

const test = suite('tcp: with the Linux kernel', { timeout: 120_000 })
const kernel = peer('the Linux kernel over TAP', { command: ['ip'], package: 'iproute2', root: true, tun: true })
const MIB = 2 ** 20

const check = (title: string, body: (w: World) => Promise<void>, options: WorldOptions = {}): void => {
  if (!kernel) return
  test(title, inWorld(() => world(options), body))
}

check('1 GiB to Linux and 1 GiB from it, in large segments', async (w) => {
  const server = await w.serve()
  await send(w, 6, 1024 * MIB)
  await fetch(w, 6, 1024 * MIB)
  await send(w, 4, 64 * MIB)
  await fetch(w, 4, 64 * MIB)
  await server.stop()
  assert.is(w.counters()['rexmit'], 0)
})

check('256 MiB both ways and families in segments that the link carries', async (w) => {
  const server = await w.serve()
  for (const family of families) {
    await send(w, family, 64 * MIB)
    await fetch(w, family, 64 * MIB)
  }
  await server.stop()
  assert.is(w.counters()['rexmit'], 0)
}, { offload: false })

check('10 000 connections in a row', async (w) => {
  const server = await w.serve()
  for (let n = 0; n < 10_000; n++) {
    let back = ''
    await run((sink) => w.stack.tcp.connect(address(LINUX[n % 2 ? 4 : 6]), 5003, sink), (connection) => {
      connection.write(new TextEncoder().encode(`n ${n}`))
      connection.end()
    }, (bytes) => { back += new TextDecoder().decode(bytes) })
    assert.is(back, `n ${n}`)
  }
  await server.stop()
  assert.is(w.stack.tcp.connections.length, 0)
}, { tcp: { timeWaitDelay: 1500 } })

check('500 connections at once, ours and Linux\'s', async (w) => {
  const server = await w.serve()
  await Promise.all(Array.from({ length: 500 }, async (_, n) => {
    let back = ''
    await run((sink) => w.stack.tcp.connect(address(LINUX[n % 2 ? 4 : 6]), 5003, sink), (connection) => {
      connection.write(new TextEncoder().encode(`n ${n}`))
      connection.end()
    }, (bytes) => { back += new TextDecoder().decode(bytes) })
    assert.is(back, `n ${n}`)
  }))
  await server.stop()
  const listener = listen(w, 7, 500, (connection) => ({
    readable() { for (let packet = connection.take(); packet !== undefined; packet = connection.take()) connection.writeBuffer(packet) },
    writable() {}, ended: () => connection.end(), closed() {},
  }))
  const client = w.linux.start(process.execPath, '-e', `
    const net = require('node:net'); let left = 500
    for (let n = 0; n < 500; n++) {
      let back = ''
      const s = net.connect(7, n % 2 ? '${US[4]}' : '${US[6]}', () => s.end('n ' + n))
      s.on('data', (d) => { back += d }).on('close', () => { if (back !== 'n ' + n) console.log('wrong', n, back); if (--left === 0) console.log('all back') }).on('error', (e) => console.log(e.code))
    }`)
  await client.printed(/all back/)
  listener.close()
})

check('what Linux sends to our listener, and half-closed connections', async (w) => {
  let took = 0
  const listener = listen(w, 9, 8, (connection) => {
    const fill = writer(MIB)
    return {
      readable() { for (let packet = connection.take(); packet !== undefined; packet = connection.take()) { took += packet.total(); packet.unref() } },
      writable: () => fill(connection),
      // The peer has ended, and hears all the same.
      ended: () => fill(connection),
      closed() {},
    }
  })
  const client = w.linux.start(process.execPath, '-e', `
    const { createHash } = require('node:crypto'); const hash = createHash('sha256')
    const s = require('node:net').connect({ port: 9, host: '${US[6]}', allowHalfOpen: true }, () => s.end(Buffer.alloc(300000)))
    s.on('data', (d) => hash.update(d)).on('end', () => console.log('digest', hash.digest('hex')))`)
  const [, digest] = await client.printed(/digest (\w+)/)
  assert.is(digest, digestOf(MIB))
  assert.is(took, 300_000)
  listener.close()
})

/** Resolves with the code with which a connection ends. */
const ends = (w: World, port: number, begin: (connection: TcpConnection) => void = () => {}): Promise<string> =>
  run((sink) => w.stack.tcp.connect(address(LINUX[6]), port, sink), begin, () => {}).then(() => 'in order', (error: { code: string }) => error.code)

check('refused, reset, and out of reach', async (w) => {
  assert.is(await ends(w, 4), 'ECONNREFUSED')
  const resetter = w.linux.start(process.execPath, '-e', `require('node:net').createServer((s) => { s.on('error', () => {}); s.resetAndDestroy() }).listen(5, '::', () => console.log('ready'))`)
  await resetter.printed(/ready/)
  assert.is(await ends(w, 5), 'ECONNRESET')
  const began = performance.now()
  const nobody = await run((sink) => w.stack.tcp.connect(address('2001:db8::77'), 5, sink), () => {}, () => {}).then(() => '', (error: { code: string }) => error.code)
  assert.is(nobody, 'EHOSTUNREACH')
  assert.ok(performance.now() - began < 10_000)
  // And our resets, as Linux sees them.
  const listener = listen(w, 6, 8, (connection) => {
    connection.abort()
    return { readable() {}, writable() {}, ended() {}, closed() {} }
  })
  const client = w.linux.start(process.execPath, '-e', `const net = require('node:net')
    net.connect(6, '${US[6]}').on('error', (e) => { console.log(e.code); net.connect(66, '${US[6]}').on('error', (e) => console.log('then', e.code)) })`)
  await client.printed(/ECONNRESET\nthen ECONNREFUSED/)
  listener.close()
})

check('a window that is shut for seconds, and opened', async (w) => {
  let taken = 0
  let connection: TcpConnection | undefined
  const drain = (): void => { for (let packet = connection!.take(); packet !== undefined; packet = connection!.take()) { taken += packet.total(); packet.unref() } }
  let open = false
  const listener = listen(w, 9, 8, (made) => {
    connection = made
    return { readable: () => { if (open) drain() }, writable() {}, ended: () => made.end(), closed() {} }
  })
  const client = w.linux.start(process.execPath, '-e', `
    const s = require('node:net').connect(9, '${US[6]}', () => s.end(Buffer.alloc(${8 * MIB}), () => console.log('written')))
    s.on('close', () => console.log('closed')).resume()`)
  await sleep(system, 5000)
  assert.is(taken, 0)
  assert.ok(connection!.readable > MIB / 2)
  open = true
  drain()
  await client.printed(/closed/)
  assert.is(taken, 8 * MIB)
  listener.close()
})

check('the other way round: Linux does not read for seconds', async (w) => {
  const reader = w.linux.start(process.execPath, '-e', `
    require('node:net').createServer((s) => { s.pause(); let n = 0; s.on('data', (d) => { n += d.length }).on('end', () => console.log('took', n)).on('error', (e) => console.log(e.code)); setTimeout(() => s.resume(), 4000) })
      .listen(8, '::', () => console.log('ready'))`)
  await reader.printed(/ready/)
  const fill = writer(16 * MIB)
  await run((sink) => w.stack.tcp.connect(address(LINUX[4]), 8, sink), fill, () => {}, fill)
  const [, took] = await reader.printed(/took (\d+)/)
  assert.is(Number(took), 16 * MIB)
})

check('keep-alive: a peer that is there answers; one that vanished is given up', async (w) => {
  const server = await w.serve()
  const connection: TcpConnection = w.stack.tcp.connect(address(LINUX[6]), 5003, { readable() {}, writable() {}, ended() {}, closed: (error) => { code = error?.code } }, { keepAlive: { idle: 300, interval: 200, count: 3 } })
  let code: string | undefined
  await sleep(system, 2000)
  assert.is(connection.state, 'ESTABLISHED')
  // Nothing passes any more, and nobody says so.
  await w.linux.must('ip', 'link', 'set', 'fav0', 'down')
  w.stack.netif.interfaces[0]!.up().catch(() => {})
  await sleep(system, 2500)
  assert.is(code, 'ETIMEDOUT')
  await server.stop()
})

check('a peer that is killed', async (w) => {
  const server = await w.serve()
  const over = ends(w, 5003)
  await sleep(system, 300)
  await server.stop()
  assert.ok(['in order', 'ECONNRESET'].includes(await over))
})

check('a peer that vanishes with data under way is given up when its owner says', async (w) => {
  const reader = w.linux.start(process.execPath, '-e', `require('node:net').createServer((s) => s.resume().on('error', () => {})).listen(8, '::', () => console.log('ready'))`)
  await reader.printed(/ready/)
  const chunk = new Uint8Array(65_536)
  // Without an end: a gigabyte is through before the peer has vanished.
  const fill = (to: TcpConnection): void => { while (to.write(chunk) === chunk.length); }
  let code: string | undefined
  const over = deferred<void>(system)
  const connection: TcpConnection = w.stack.tcp.connect(address(LINUX[6]), 8, {
    established: () => fill(connection), readable() {}, writable: () => fill(connection), ended() {}, closed: (error) => { code = error?.code; over.resolve() },
  })
  connection.userTimeout = 1500
  await sleep(system, 300)
  // What we send arrives nowhere, and no carrier is lost: the address that answered is another machine's. Linux would tell of its new one, had it
  // something to say just then: so we keep to the old one.
  const [eth0] = w.stack.netif.interfaces
  w.stack.nd.add(eth0!, address(LINUX[6]), w.stack.nd.find(eth0!, address(LINUX[6]))!.link!)
  await w.linux.must('ip', 'link', 'set', 'fav0', 'address', '02:00:5e:00:53:99')
  const began = performance.now()
  await over.promise
  assert.is(code, 'ETIMEDOUT')
  const took = performance.now() - began
  assert.ok(took > 1000 && took < 6000, `${took} ms`)
  await reader.stop()
})

check('a path that carries 1280 bytes', async (w) => {
  const server = await w.serve()
  await w.linux.must('ip', '-6', 'route', 'replace', `${US[6]}/128`, 'dev', 'fav0', 'mtu', '1280')
  await send(w, 6, 4 * MIB)
  await fetch(w, 6, 4 * MIB)
  await server.stop()
})

test.run()
