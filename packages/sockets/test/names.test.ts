/** getaddrinfo, and connections by name. */

import * as assert from 'uvu/assert'
import { sleep } from '@favonius/clock'
import type { NameResolver, Stream } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { address, failure } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { simulate } from '@favonius/sim'
import { tcp } from '@favonius/tcp'
import { codeOf, suite } from '@favonius/testing'
import { sockets } from '../src/index.ts'
import { names, sortDestinations } from '../src/names/index.ts'

const test = suite('names')

type Found = Awaited<ReturnType<NameResolver['lookup']>>

interface Answers {
  /** Milliseconds until each family's answer, and its addresses. */
  readonly 6: readonly [number, readonly string[]]
  readonly 4: readonly [number, readonly string[]]
}

const world = (answers: Answers) => {
  const net = simulate({ seed: 9 })
  const lan = net.ethernet({ latency: 1 })
  const features = [ethernet(), ipv4(), ipv6(), tcp(), sockets(), names()] as const
  const [a, b] = [net.node('a', features, lan), net.node('b', features, lan)]
  a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
  b.stack.ipv6.addAddress(b.iface, '2001:db8::2/64')
  a.stack.ipv4.addAddress(a.iface, '192.0.2.1/24')
  b.stack.ipv4.addAddress(b.iface, '192.0.2.2/24')
  const of = async (family: 4 | 6): Promise<Found> => {
    const [after, addresses] = answers[family]
    await sleep(net.env, after)
    if (addresses.length === 0) throw failure('ENODATA', 'there is no address')
    return addresses.map((text) => ({ address: text, family }))
  }
  a.stack.sockets.resolver = { lookup: async (_, { family } = {}) => (family === undefined ? [...await of(6), ...await of(4)] : of(family)) }
  return { net, a, b, now: () => net.env.clock.now() }
}

const check = (title: string, answers: Answers, body: (w: ReturnType<typeof world>) => Promise<void>): void => test(title, async () => {
  const made = world(answers)
  await made.net.run(async () => {
    await Promise.all([made.a.iface.up(), made.b.iface.up()])
    // Both ends know each other: what follows is timed.
    await made.a.stack.ipv6.ping('2001:db8::2')
    await made.a.stack.ipv4.ping('192.0.2.2')
    const { local } = await made.b.stack.sockets.listen({ port: 80 }, (stream) => ({ receive: (chunk) => void stream.write(chunk), ended: () => stream.end(), closed() {} }))
    assert.is(local.port, 80)
    await body(made)
  })
  await made.net.stop()
  assert.is(made.a.stack.netif.buffers.live, 0)
})

/** Connects by name; which address it was, and after how long. */
async function timed({ a, now }: ReturnType<typeof world>, options = {}): Promise<[string, number]> {
  const began = now()
  const stream: Stream = await a.stack.sockets.connect({ address: 'www.example.com', port: 80 }, { receive() {}, closed() {} }, options)
  const took = Math.round(now() - began)
  const { address: to } = stream.remote
  stream.end()
  return [to, took]
}

check('RFC 8305: IPv6 first, when both answer', { 6: [5, ['2001:db8::2']], 4: [1, ['192.0.2.2']] }, async (w) => {
  assert.equal(await timed(w), ['2001:db8::2', 7])
})

check('RFC 8305 §3: IPv6 addresses are waited for 50 ms', { 6: [300, ['2001:db8::2']], 4: [1, ['192.0.2.2']] }, async (w) => {
  assert.equal(await timed(w), ['192.0.2.2', 53])
})

check('RFC 8305 §5: a silent address is passed over after 250 ms, by one of the other family', { 6: [1, ['2001:db8::77', '2001:db8::78']], 4: [1, ['192.0.2.2']] }, async (w) => {
  assert.equal(await timed(w), ['192.0.2.2', 253])
  await sleep(w.net.env, 200_000)
  assert.is(w.a.stack.tcp.connections.length, 0, 'the attempts that lost are over')
})

check('an address that refuses is passed over at once', { 6: [1, ['2001:db8::1']], 4: [1, ['192.0.2.2']] }, async (w) => {
  const [to, took] = await timed(w)
  assert.is(to, '192.0.2.2')
  assert.ok(took < 10, String(took))
})

check('addresses that come late are tried beside those that are silent', { 6: [400, ['2001:db8::2']], 4: [1, ['192.0.2.77']] }, async (w) => {
  const [to, took] = await timed(w)
  assert.equal([to, took], ['2001:db8::2', 402])
})

check('what fails says why', { 6: [1, []], 4: [3, []] }, async (w) => {
  assert.is(await codeOf(timed(w)), 'ENODATA')
  assert.is(await codeOf(w.a.stack.names.getaddrinfo('www.example.com')), 'EAI_NONAME')
  w.a.stack.sockets.resolver = { lookup: () => Promise.reject(failure('ETIMEOUT', 'nobody answers')) }
  assert.is(await codeOf(w.a.stack.names.getaddrinfo('www.example.com')), 'EAI_AGAIN')
  w.a.stack.sockets.resolver = undefined
  assert.is(await codeOf(timed(w)), 'ENOSERVER')
})

check('a time limit is for all of it', { 6: [1, ['2001:db8::77']], 4: [1, ['192.0.2.77']] }, async (w) => {
  const began = w.now()
  assert.is(await codeOf(timed(w, { timeout: 600 })), 'ETIMEDOUT')
  assert.ok(w.now() - began >= 600 && w.now() - began < 603, String(w.now() - began))
})

check('Web Streams by name, and all by address as before', { 6: [1, ['2001:db8::2']], 4: [1, ['192.0.2.2']] }, async ({ a }) => {
  for (const to of ['www.example.com:80', '192.0.2.2:80', '[2001:db8::2]:80']) {
    const socket = a.stack.sockets.connect(to)
    const { remoteAddress } = await socket.opened
    assert.is(remoteAddress, to.startsWith('192') ? '192.0.2.2:80' : '[2001:db8::2]:80')
    await socket.close()
  }
})

check('getaddrinfo', { 6: [1, ['2001:db8::2', '2002::2']], 4: [1, ['198.51.100.1', '192.0.2.2']] }, async ({ a }) => {
  const ask = a.stack.names.getaddrinfo.bind(a.stack.names)
  // There is no way to 2002::2 and 198.51.100.1: they come last, and 6to4 behind IPv4.
  assert.equal((await ask('www.example.com', 80)).map(({ address: text, family, port }) => `${family} ${text} ${port}`),
    ['inet6 2001:db8::2 80', 'inet 192.0.2.2 80', 'inet 198.51.100.1 80', 'inet6 2002::2 80'])
  assert.equal(await ask('fe80::1%eth0', 5), [{ family: 'inet6', address: 'fe80::1%eth0', port: 5 }])
  assert.equal(await ask(undefined, 80, { passive: true, family: 'inet' }), [{ family: 'inet', address: '0.0.0.0', port: 80 }])
  assert.equal((await ask(undefined)).map(({ address: text }) => text), ['::1', '127.0.0.1'])
  assert.is(await codeOf(ask('::1', 0, { family: 'inet' })), 'EAI_FAMILY')
  assert.is(await codeOf(ask('www.example.com', 0, { numericHost: true })), 'EAI_NONAME')
})

test('RFC 6724 §10.2: its examples', () => {
  const sorted = (...pairs: readonly (readonly [string, string | undefined])[]): string[] =>
    sortDestinations(pairs.map(([to, from]) => ({ address: address(to), source: from === undefined ? undefined : address(from) }))).map((one) => String(one.address))
  assert.equal(sorted(['198.51.100.121', '169.254.13.78'], ['2001:db8:1::1', '2001:db8:1::2']), ['2001:db8:1::1', '198.51.100.121'])
  assert.equal(sorted(['2001:db8:1::1', 'fe80::1'], ['198.51.100.121', '198.51.100.117']), ['198.51.100.121', '2001:db8:1::1'])
  assert.equal(sorted(['10.1.2.3', '10.1.2.4'], ['2001:db8:1::1', '2001:db8:1::2']), ['2001:db8:1::1', '10.1.2.3'])
  assert.equal(sorted(['2001:db8:1::1', '2001:db8:1::2'], ['fe80::1', 'fe80::2']), ['fe80::1', '2001:db8:1::1'])
  assert.equal(sorted(['2002:c633:6401::1', '2002:c633:6401::2'], ['2001:db8:1::1', '2002:c633:6401::2']), ['2002:c633:6401::1', '2001:db8:1::1'])
  assert.equal(sorted(['2001:db8:1::1', undefined], ['198.51.100.121', '198.51.100.117']), ['198.51.100.121', '2001:db8:1::1'])
  // §6 rule 9: the longer common prefix with the source.
  assert.equal(sorted(['2001:db8:2::1', '2001:db8:1::2'], ['2001:db8:1::1', '2001:db8:1::2']), ['2001:db8:1::1', '2001:db8:2::1'])
})

test.run()
