import { suite } from '@favonius/testing'
import { bareIp } from '@favonius/netif'
import { address, NO_LINK_ADDRESS } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6/bare'
import { compose } from '@favonius/stack'
import * as assert from 'uvu/assert'
import { end, host, Lan, single, virtual } from './lan.ts'

const test = suite('ipv6: addresses')

test('what is no unicast address of a link is refused, with a message that says what is', async () => {
  const s = await single()
  const refuse = (text: string, message: RegExp): void => assert.throws(() => s.a.ipv6.addAddress(s.a.eth0, text), message)
  refuse('2001:db8::5', /write the prefix length too: 2001:db8::5\/64/)
  refuse('ff02::1/64', /takes a unicast address/)
  refuse('::1/128', /takes a unicast address/)
  refuse('::/64', /takes a unicast address/)
  refuse('::ffff:192.0.2.1/96', /takes a unicast address/)
  refuse('192.0.2.1/24', /takes a unicast address/)
  refuse('2001:db8::5/129', /is not a prefix/)
  refuse('nonsense', /is not an IP address/)
  refuse('2001:db8::1/64', /has 2001:db8::1 already/)
  refuse('2001:db8::2/64', /compose ipv6\(\{ maxAddresses: 3 \}\)/)
  await s.end()
})

test('CONFIG_NET_IF_UNICAST_IPV6_ADDR_COUNT: room is kept for the link-local address', async () => {
  const env = virtual()
  const a = host(env, new Lan(env), { ipv6: { maxAddresses: 2 } })
  a.ipv6.addAddress(a.eth0, '2001:db8::1/64')
  assert.throws(() => a.ipv6.addAddress(a.eth0, '2001:db8::2/64'), /maxAddresses/)
  await env.run(() => a.eth0.up())
  assert.is(a.eth0.addresses.length, 2)
  await end(env, a)
})

test('a link-local address of one\'s own stands in for the one that would be made', async () => {
  const env = virtual()
  const a = host(env, new Lan(env))
  a.ipv6.addAddress(a.eth0, 'fe80::1/64')
  await env.run(() => a.eth0.up())
  assert.equal(a.eth0.addresses.map((e) => `${e.address} ${e.origin}`), ['fe80::1%1 manual'])
  await end(env, a)
})

test('CONFIG_NET_IF_MCAST_IPV6_ADDR_COUNT bounds what applications join', async () => {
  const s = await single({ ipv6: { maxGroups: 4 } })
  const group = (n: number) => address(`ff02::${n}`)
  s.a.ipv6.join(s.a.eth0, group(100))
  s.a.ipv6.join(s.a.eth0, group(100))
  assert.throws(() => s.a.ipv6.join(s.a.eth0, group(101)), /maxGroups/)
  s.a.ipv6.leave(s.a.eth0, group(100))
  assert.throws(() => s.a.ipv6.join(s.a.eth0, group(101)), /maxGroups/, 'joined twice, left once')
  s.a.ipv6.leave(s.a.eth0, group(100))
  s.a.ipv6.join(s.a.eth0, group(101))
  assert.throws(() => s.a.ipv6.join(s.a.eth0, address('2001:db8::1')), /no IPv6 multicast address/)
  await s.end()
})

test('two addresses of one prefix share its route', async () => {
  const s = await single({ ipv6: { maxAddresses: 3 } })
  s.a.ipv6.addAddress(s.a.eth0, '2001:db8::2/64')
  assert.equal(s.a.ip.routes.map((r) => `${r.prefix.address}/${r.prefix.length}`), ['2001:db8::/64'])
  s.a.ipv6.removeAddress(s.a.eth0, '2001:db8::1')
  assert.is(s.a.ip.routes.length, 1)
  s.a.ipv6.removeAddress(s.a.eth0, '2001:db8::2')
  assert.is(s.a.ip.routes.length, 0)
  s.a.ipv6.removeAddress(s.a.eth0, '2001:db8::2')
  assert.not(s.a.eth0.inGroup(address('ff02::1:ff00:2')))
  await s.end()
})

test('RFC 4862 §5.5.4: preferred, deprecated, gone', async () => {
  const s = await single({ ipv6: { maxAddresses: 4 }, dad: { transmits: 0 } })
  const { a, env } = s
  const now = env.clock.now()
  const ours = address('2001:db8::5')
  a.ipv6.addAddress(a.eth0, { address: ours, prefixLength: 64, origin: 'autoconf', preferredUntil: now + 1000, validUntil: now + 3000 })
  const state = (): string | undefined => a.ipv6.find(ours, a.eth0)?.state
  env.advance(999)
  assert.is(state(), 'preferred')
  env.advance(1)
  assert.is(state(), 'deprecated')
  assert.ok(a.ipv6.owns(ours))
  a.ipv6.setLifetimes(a.eth0, ours, now + 2000, now + 4000)
  assert.is(state(), 'preferred')
  env.advance(2999)
  assert.is(state(), 'deprecated')
  env.advance(1)
  assert.is(state(), undefined)
  assert.throws(() => a.ipv6.setLifetimes(a.eth0, ours, 0, 0), /has no address/)
  await s.end()
})

test('without a link address the identifier is random, from the seed; without nd and dad an address is preferred at once', async () => {
  const made = async (seed: number): Promise<string> => {
    const env = virtual({ seed })
    const stack = compose(env, bareIp(), ipv6())
    const device = {
      medium: 'ip', address: NO_LINK_ADDRESS, mtu: 1500, offload: { transmitChecksum: false, receiveChecksum: false, segmentation: 0 },
      transmit: (packet: { unref(): void }) => (packet.unref(), true), start() {}, stop() {},
    }
    const tun = stack.netif.add(device)
    stack.ipv6.addAddress(tun, '2001:db8::1/64')
    await env.run(() => tun.up())
    assert.is(env.clock.now(), 0)
    assert.ok(stack.ipv6.owns(address('2001:db8::1')))
    const route = stack.ipv6.route(address('2001:db8::2'), { protocol: 17 })!
    const packet = stack.netbuf.alloc(8, route.headroom)!
    packet.add(8)
    assert.ok(route.send(packet), 'one peer, and nothing to resolve')
    const text = String(tun.addresses[1]!.address)
    await stack.stop()
    assert.is(stack.netbuf.live, 0)
    return text
  }
  assert.is(await made(1), await made(1))
  assert.is.not(await made(1), await made(2))
})

test('IPv6 needs a link of 1280 bytes (RFC 8200 §5)', async () => {
  const env = virtual()
  const a = host(env, new Lan(env))
  const small = Object.assign(new Lan(env).station(), { mtu: 1279 })
  const eth1 = a.netif.add(small)
  assert.throws(() => a.ipv6.addAddress(eth1, '2001:db8::1/64'), /IPv6 needs 1280/)
  await env.run(() => eth1.up())
  assert.equal(eth1.addresses, [])
  await end(env, a)
})

test('an interface that is removed leaves nothing behind', async () => {
  const s = await single()
  s.a.ipv6.setGateway(s.a.eth0, 'fe80::99')
  await s.a.netif.remove(s.a.eth0)
  assert.equal([s.a.ip.routes.length, s.a.nd.neighbors.length, s.env.armed], [0, 0, 0])
  assert.not(s.a.ipv6.owns(address('2001:db8::1')))
  await s.end()
})

test.run()
