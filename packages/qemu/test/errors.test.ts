import { suite } from '@favonius/testing'
import { chmodSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { connectQemu, listenQemu, type ConnectOptions, type QemuError, type QemuOptions, type StreamAddress } from '../src/index.ts'
import { refusedConnect } from '../src/error.ts'
import { freshPath } from './places.ts'

const test = suite('qemu: what cannot be')

const rejection = async (promise: Promise<{ close(): Promise<void> } | { stop(): unknown }>): Promise<QemuError> => promise.then(
  async (made) => {
    await ('close' in made ? made.close() : made.stop())
    throw new Error('it was made')
  },
  (error: unknown) => error as QemuError,
)
const connecting = (to: StreamAddress, options?: ConnectOptions) => rejection(connectQemu(to, options))
const listening = (on: StreamAddress, options?: QemuOptions) => rejection(listenQemu(on, () => {}, options))

test('options that cannot be are refused before anything is opened', async () => {
  const path = freshPath()
  for (const [options, message] of [
    [{ mtu: 67 }, /from 68 to 65535/],
    [{ mtu: 65_536 }, /from 68 to 65535/],
    [{ mtu: 1500.5 }, /whole number/],
    [{ address: '01:00:5e:00:00:01' }, /not a group/],
    [{ address: '02:00:5e' }, /six bytes/],
    [{ address: { length: 8, hi: 0, lo: 0 } as const }, /six bytes/],
  ] as const) {
    for (const error of [await connecting({ path }, options), await listening({ path }, options)]) {
      assert.equal([error.code, error.name], ['ERR_QEMU_OPTION', 'QemuError'])
      assert.match(error.message, message)
    }
  }
  for (const reconnect of [-1, Number.NaN, Infinity, [1, -1]]) assert.is((await connecting({ path }, { reconnect })).code, 'ERR_QEMU_OPTION')
  for (const port of [-1, 65_536, 1.5]) assert.is((await listening({ port })).code, 'ERR_QEMU_OPTION')
  assert.is((await connecting({ port: 0 })).code, 'ERR_QEMU_OPTION')
  assert.match((await connecting({ path: `/tmp/${'é'.repeat(60)}` })).message, /has 125 bytes; that of a unix socket has 1 to 107/)
  assert.is((await listening({ path: '' })).code, 'ERR_QEMU_OPTION')
})

test('addresses: given, or random and locally administered', async () => {
  const path = freshPath()
  const listener = await listenQemu({ path }, () => {})
  const seen = new Set<string>()
  for (let n = 0; n < 20; n++) {
    const device = await connectQemu({ path })
    assert.is((device.address.hi >>> 8) & 3, 2)
    assert.match(String(device.address), /^([\da-f]{2}:){5}[\da-f]{2}$/)
    seen.add(String(device.address))
    await device.stop()
  }
  assert.is(seen.size, 20)
  const device = await connectQemu({ path }, { address: '02-00-5E-00-53-01', mtu: 9000 })
  assert.equal([String(device.address), device.mtu], ['02:00:5e:00:53:01', 9000])
  await device.stop()
  await listener.close()
})

test('nobody there: what to start, and how', async () => {
  const path = freshPath()
  const none = await connecting({ path })
  assert.is(none.code, 'ENOENT')
  assert.ok(none.message.includes(`passt --socket ${path}`) && none.message.includes(`addr.path=${path}`), none.message)
  assert.is((none.cause as { code?: string }).code, 'ENOENT')
  // A file that is no socket is refused as a socket without a listener is.
  writeFileSync(path, '')
  const stale = await connecting({ path })
  assert.is(stale.code, 'ECONNREFUSED')
  assert.match(stale.message, /is passt running/)
  // A port that was free a moment ago.
  const server = createServer()
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => { server.close(resolve) })
  const closed = await connecting({ port })
  assert.is(closed.code, 'ECONNREFUSED')
  assert.ok(closed.message.includes(`listen=127.0.0.1:${port}`), closed.message)
})

test('reconnect waits for who is absent, and for nothing else', async () => {
  const device = await connectQemu({ path: freshPath() }, { reconnect: 1000 })
  await device.stop()
  const hopeless = await connecting({ path: '/dev/null/x.socket' }, { reconnect: 1000 })
  assert.is(hopeless.code, 'ENOTDIR')
  assert.match(hopeless.message, /cannot be connected to \(ENOTDIR\)/)
})

test('a place in use', async () => {
  const path = freshPath()
  const listener = await listenQemu({ path }, () => {})
  const taken = await listening({ path })
  assert.is(taken.code, 'EADDRINUSE')
  assert.ok(taken.message.includes(`rm ${path}`))
  await listener.close()
  const tcp = await listenQemu({ port: 0 }, () => {})
  const { port } = tcp.address as { port: number }
  assert.is((await listening({ port })).code, 'EADDRINUSE')
  await tcp.close()
  assert.match((await listening({ path: '/no/such/folder/x.socket' })).message, /folder is missing/)
})

test('permission, and what the system may say besides', async () => {
  const path = freshPath()
  const listener = await listenQemu({ path }, () => {})
  chmodSync(path, 0o600)
  if (process.getuid?.() === 0) {
    // Root may; nobody is told what to do.
    process.seteuid!(65_534)
    const refused = await connecting({ path }, { reconnect: 1 })
    process.seteuid!(0)
    assert.is(refused.code, 'EACCES')
    assert.ok(refused.message.includes(`chmod 666 ${path}`), refused.message)
  }
  await listener.close()
  assert.is(refusedConnect(Object.assign(new Error(''), { code: 'EWHATEVER' }), { host: '2001:db8::1', port: 5 }).message, '[2001:db8::1]:5 cannot be connected to (EWHATEVER)')
  assert.is(refusedConnect(undefined, { path: '/x' }).code, 'EIO')
  assert.match(refusedConnect({ code: 'ETIMEDOUT' }, { host: '192.0.2.1', port: 5 }).message, /firewall/)
})

test.run()
