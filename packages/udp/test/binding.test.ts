import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { world, type World } from './world.ts'

const test = suite('UDP ports')

const check = (title: string, body: (w: World) => void, settings: Parameters<typeof world>[0] = {}): void => test(title, async () => {
  const w = await world(settings)
  body(w)
  await w.end()
})

const code = (body: () => unknown): string => {
  try {
    body()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'bound'
}

/** What becomes of the second of two bindings to one port. */
const second = (title: string, first: Parameters<World['open']>[0], then: Parameters<World['open']>[0], expected: string): void => check(title, ({ open }) => {
  open({ port: 7, ...first })
  assert.is(code(() => open({ port: 7, ...then })), expected)
})

second('any address conflicts with any address', { address: '::' }, { address: '::' }, 'EADDRINUSE')
second('any address conflicts with one address', { address: '::' }, { address: '2001:db8::1' }, 'EADDRINUSE')
second('one address conflicts with any address', { address: '2001:db8::1' }, { address: '::' }, 'EADDRINUSE')
second('two addresses do not conflict', { address: '2001:db8::1' }, { address: '2001:db8:1::1' }, 'bound')
second(':: takes IPv4 too', { address: '::' }, { address: '192.0.2.1' }, 'EADDRINUSE')
second(':: comes too late for IPv4', { address: '192.0.2.1' }, { address: '::' }, 'EADDRINUSE')
second(':: conflicts with 0.0.0.0', { address: '0.0.0.0' }, { address: '::' }, 'EADDRINUSE')
second('with v6only it leaves IPv4 alone', { address: '::', v6only: true }, { address: '0.0.0.0' }, 'bound')
second('one IPv6 address leaves IPv4 alone', { address: '2001:db8::1' }, { address: '0.0.0.0' }, 'bound')
second('0.0.0.0 conflicts with one IPv4 address', { address: '0.0.0.0' }, { address: '192.0.2.1' }, 'EADDRINUSE')
second('a port is shared when both say so', { reuse: true }, { reuse: true }, 'bound')
second('it is not when the first does not', { reuse: false }, { reuse: true }, 'EADDRINUSE')
second('nor when the second does not', { reuse: true }, { reuse: false }, 'EADDRINUSE')
second('fe80::1 is another address on another link', { address: 'fe80::1%tun0' }, { address: 'fe80::1%tun1' }, 'bound')
second('and the same on the same link', { address: 'fe80::1%tun0' }, { address: 'fe80::1%tun0' }, 'EADDRINUSE')

check('sockets of two interfaces share a port, those of one do not', ({ open, tun0, tun1 }) => {
  open({ port: 7, iface: tun0 })
  open({ port: 7, iface: tun1 })
  assert.is(code(() => open({ port: 7, iface: tun0 })), 'EADDRINUSE')
  assert.is(code(() => open({ port: 7 })), 'EADDRINUSE', 'one of any interface would hear the same')
})

check('a closed socket gives its port back, once', ({ open, udp }) => {
  const first = open({ port: 7, reuse: true })
  const other = open({ port: 7, reuse: true })
  first.socket.close()
  first.socket.close()
  assert.equal(udp.sockets, [other.socket])
  assert.is(code(() => open({ port: 7 })), 'EADDRINUSE')
  other.socket.close()
  open({ port: 7 })
})

check('ports and addresses that are none of ours are refused, and the message says what to do', ({ open, tun1 }) => {
  for (const port of [-1, 65_536, 1.5, NaN]) assert.is(code(() => open({ port })), 'EINVAL')
  assert.is(code(() => open({ address: '2001:db8::99' })), 'EADDRNOTAVAIL')
  assert.is(code(() => open({ address: '192.0.2.1', iface: tun1 })), 'EADDRNOTAVAIL', 'ours, but not there')
  assert.throws(() => open({ address: '192.0.2.99' }), /192\.0\.2\.99 is no address of this stack: add it first, or bind to 0\.0\.0\.0/)
  assert.is(code(() => open({ address: 'ff02::1234' })), 'bound', 'a group can be bound to')
  open({ port: 9, address: '2001:db8::1' })
  assert.throws(() => open({ port: 9 }), /UDP port 9 is in use on 2001:db8::1: choose another, or set reuse on both sockets/)
})

check('free ports are dynamic ones, all different', ({ open }) => {
  const ports = new Set(Array.from({ length: 300 }, () => open().socket.port))
  assert.is(ports.size, 300)
  assert.ok([...ports].every((port) => port >= 49_152 && port <= 65_535))
})

test('which one comes first is random (RFC 6056), and the same for the same seed', async () => {
  const first = async (seed: number): Promise<number> => {
    const w = await world({}, { seed })
    const { port } = w.open().socket
    await w.end()
    return port
  }
  const ports = await Promise.all([1, 2, 3].map(first))
  assert.is(new Set(ports).size, 3)
  assert.is(await first(1), ports[0])
})

check('a free port is found while there is one, and the end is an error', ({ open }) => {
  for (let port = 49_152; port < 65_536; port++) if (port !== 50_000) open({ port })
  assert.is(open().socket.port, 50_000)
  assert.is(code(() => open()), 'EADDRINUSE')
}, { maxSockets: 20_000 })

check('no more sockets than maxSockets, and a failed open takes no place', ({ open }) => {
  const one = open({ port: 7 })
  assert.is(code(() => open({ port: 7 })), 'EADDRINUSE')
  open()
  assert.throws(() => open(), /2 UDP sockets are open: close some, or raise udp\(\{ maxSockets \}\)/)
  one.socket.close()
  open()
}, { maxSockets: 2 })

test.run()
