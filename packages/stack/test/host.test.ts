import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { virtual } from '@favonius/clock'
import { ipv4 } from '@favonius/ipv4'
import { simulate } from '@favonius/sim'
import { compose } from '../src/index.ts'
import { host } from '../src/host.ts'

const test = suite('the host preset')

test('two hosts ping, and exchange a datagram', async () => {
  const net = simulate({ seed: 3 })
  const lan = net.ethernet({ latency: 1 })
  const [a, b] = [net.node('a', host(), lan), net.node('b', host(), lan)]
  a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
  b.stack.ipv6.addAddress(b.iface, '2001:db8::2/64')
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    assert.is((await a.stack.ipv6.ping('2001:db8::2')).received, 1)
    const server = b.stack.sockets.socket('inet6', 'dgram')
    await server.bind({ port: 7 })
    await a.stack.sockets.socket('inet6', 'dgram').sendto(new Uint8Array(3), { address: '2001:db8::2', port: 7 })
    assert.is((await server.recv()).length, 3)
  })
  await net.stop()
  assert.is(net.env.armed, 0)
})

test('IPv6 on, IPv4 off; settings reach their feature, and a mistake in them is named', async () => {
  const stack = compose(virtual(), ...host({ ipv6: { maxNeighbors: 99 } }))
  assert.is(stack.ipv6.settings.maxNeighbors, 99)
  assert.not('ipv4' in stack)
  assert.throws(() => stack.sockets.socket('inet', 'dgram'), /need ipv4\(\)/)
  await stack.stop()
  assert.throws(() => host({ udp: { maxSockets: 0 } }), /udp: maxSockets \(CONFIG_NET_MAX_CONN\) is 0/)
})

test('a preset is a list: more may be added', async () => {
  const stack = compose(virtual(), ...host(), ipv4())
  assert.is(stack.sockets.socket('inet', 'dgram').family, 'inet')
  await stack.stop()
})

test.run()
