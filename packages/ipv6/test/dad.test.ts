import { suite } from '@favonius/testing'
import { address } from '@favonius/inet'
import { show } from '@favonius/ipv6/wire'
import * as assert from 'uvu/assert'
import { advertisement, frame, linkOption, solicitation } from './craft.ts'
import { end, host, Lan, MAC2, virtual, type Host } from './lan.ts'

const test = suite('dad: on a link')

const states = (a: Host): string[] => a.eth0.addresses.map((entry) => `${entry.address} ${entry.state}`)
const LOCAL = 'fe80::200:5eff:fe00:5301%1'

test('RFC 4862 §5.4.2: an interface that comes up waits at random, asks once, and waits RetransTimer', async () => {
  const instants: number[] = []
  for (const seed of [1, 2, 3]) {
    const env = virtual({ seed })
    const lan = new Lan(env)
    const a = host(env, lan)
    a.ipv6.addAddress(a.eth0, '2001:db8::1/64')
    assert.equal(states(a), ['2001:db8::1 tentative'])
    await env.run(async () => {
      const up = a.eth0.up()
      assert.equal(states(a), ['2001:db8::1 tentative', `${LOCAL} tentative`])
      assert.equal(a.eth0.groups.map(String), ['ff02::1%1', 'ff02::1:ff00:1%1', 'ff02::1:ff00:5301%1'])
      assert.is(a.dad.underway.length, 2)
      await up
    })
    const [first, second] = lan.log
    assert.is(lan.log.length, 2)
    assert.ok(first!.at > 0 && first!.at < 1000 && second!.at === first!.at)
    assert.is(env.clock.now(), first!.at + 1000)
    assert.is(show(first!.bytes.subarray(14)), ':: > ff02::1:ff00:1: ICMPv6, neighbor solicitation, who has 2001:db8::1, length 32')
    assert.equal(states(a), ['2001:db8::1 preferred', `${LOCAL} preferred`])
    instants.push(first!.at)
    await end(env, a)
  }
  assert.is(new Set(instants).size, 3)
})

test('RFC 4862 §5.4: an address added later is tried at once', async () => {
  const env = virtual()
  const lan = new Lan(env)
  const a = host(env, lan)
  await env.run(() => a.eth0.up())
  const began = env.clock.now()
  lan.log.length = 0
  a.ipv6.addAddress(a.eth0, '2001:db8::1/64')
  assert.not(a.ipv6.owns(address('2001:db8::1')))
  await env.run(() => a.eth0.up())
  assert.is(lan.log[0]!.at, began)
  assert.is(env.clock.now(), began + 1000)
  assert.ok(a.ipv6.owns(address('2001:db8::1')))
  await end(env, a)
})

test('Zephyr\'s timing is an option, and so is none at all', async () => {
  for (const [dad, lasts] of [[{ timeout: 100, maxDelay: 0 }, 100], [{ transmits: 0 }, 0], [{ transmits: 3, maxDelay: 0 }, 3000]] as const) {
    const env = virtual()
    const lan = new Lan(env)
    const a = host(env, lan, { dad })
    await env.run(() => a.eth0.up())
    assert.is(env.clock.now(), lasts)
    assert.equal(states(a), [`${LOCAL} preferred`])
    await end(env, a)
  }
})

test('RFC 4862 §5.4.4: an address that another has is a duplicate: up() rejects, and it is never used', async () => {
  const env = virtual({ seed: 4 })
  const lan = new Lan(env)
  const a = host(env, lan)
  const b = host(env, lan)
  a.ipv6.addAddress(a.eth0, '2001:db8::1/64')
  b.ipv6.addAddress(b.eth0, '2001:db8::1/64')
  const seen: string[] = []
  b.netif.listen((event) => {
    if (event.type === 'address-conflict') seen.push(`conflict ${event.address} by ${event.by}`)
    if (event.type === 'address-changed') seen.push(`${event.entry.address} ${event.entry.state}`)
  })
  await env.run(async () => {
    await a.eth0.up()
    await rejects(b.eth0.up(), 'EADDRINUSE')
  })
  env.advance(5000)
  assert.equal(seen, ['2001:db8::1 duplicate', 'conflict 2001:db8::1 by 00:00:5e:00:53:01', 'fe80::200:5eff:fe00:5302%1 preferred'])
  assert.not(b.ipv6.owns(address('2001:db8::1')))
  assert.not(b.eth0.inGroup(address('ff02::1:ff00:1')))
  assert.ok(a.ipv6.owns(address('2001:db8::1')), 'who had it keeps it')
  await env.run(async () => {
    await rejects(b.eth0.up(), 'EADDRINUSE')
    b.ipv6.removeAddress(b.eth0, '2001:db8::1')
    await b.eth0.up()
    b.ipv6.addAddress(b.eth0, '2001:db8::2/64')
    await b.eth0.up()
    assert.is((await b.ipv6.ping('2001:db8::1')).received, 1)
  })
  await end(env, a, b)
})

test('RFC 4862 §5.4.3: of two that try it at once neither gets it', async () => {
  const env = virtual()
  const lan = new Lan(env)
  const a = host(env, lan, { dad: { maxDelay: 0 } })
  const b = host(env, lan, { dad: { maxDelay: 0 } })
  a.ipv6.addAddress(a.eth0, '2001:db8::1/64')
  b.ipv6.addAddress(b.eth0, '2001:db8::1/64')
  await env.run(() => Promise.all([rejects(a.eth0.up(), 'EADDRINUSE'), rejects(b.eth0.up(), 'EADDRINUSE')]))
  assert.equal([a, b].map((h) => h.eth0.addresses[0]!.state), ['duplicate', 'duplicate'])
  await end(env, a, b)
})

test('RFC 7527 §4.2: a link that sends our frames back to us makes no duplicate', async () => {
  const env = virtual()
  const lan = new Lan(env)
  const a = host(env, lan)
  const carry = lan.carry.bind(lan)
  lan.carry = (bytes) => carry(bytes) // to all, the sender too
  await env.run(() => a.eth0.up())
  assert.equal(states(a), [`${LOCAL} preferred`])
  await end(env, a)
})

test('RFC 4862 §5.4.3: somebody else\'s question about a tentative address is neither answered nor a duplicate', async () => {
  const env = virtual()
  const lan = new Lan(env)
  const a = host(env, lan)
  void a.eth0.up()
  a.station.receive(frame(solicitation('fe80::9', 'fe80::200:5eff:fe00:5301', linkOption(1, MAC2)), a.station.address))
  env.advance(3000)
  assert.equal(states(a), [`${LOCAL} preferred`])
  assert.is(lan.log.length, 1, 'our own solicitation, and no advertisement')
  await end(env, a)
})

test('RFC 4862 §5.4.4: an advertisement during the random delay counts', async () => {
  const env = virtual({ seed: 9 })
  const lan = new Lan(env)
  const a = host(env, lan)
  const up = env.run(() => rejects(a.eth0.up(), 'EADDRINUSE'))
  a.station.receive(frame(advertisement('fe80::200:5eff:fe00:5301', 'ff02::1', 'fe80::200:5eff:fe00:5301', 0x20, linkOption(2, MAC2)), a.station.address))
  await up
  assert.equal(states(a), [`${LOCAL} duplicate`])
  assert.is(lan.log.length, 0)
  await end(env, a)
})

test('an address is tentative again after the link was away', async () => {
  const env = virtual()
  const lan = new Lan(env)
  const a = host(env, lan)
  await env.run(() => a.eth0.up())
  a.station.carrier(false)
  assert.equal(states(a), [`${LOCAL} tentative`])
  assert.not(a.ipv6.owns(address('fe80::200:5eff:fe00:5301'), a.eth0))
  a.station.carrier(true)
  await env.run(() => a.eth0.up())
  assert.equal(states(a), [`${LOCAL} preferred`])
  a.eth0.down()
  await env.run(() => a.eth0.up())
  assert.equal(states(a), [`${LOCAL} preferred`])
  await end(env, a)
})

test('an address that was a duplicate is tried again after the link was away', async () => {
  const env = virtual({ seed: 4 })
  const lan = new Lan(env)
  const a = host(env, lan)
  const b = host(env, lan)
  a.ipv6.addAddress(a.eth0, '2001:db8::1/64')
  b.ipv6.addAddress(b.eth0, '2001:db8::1/64')
  await env.run(async () => {
    await a.eth0.up()
    await rejects(b.eth0.up(), 'EADDRINUSE')
    a.ipv6.removeAddress(a.eth0, '2001:db8::1')
    b.station.carrier(false)
    b.station.carrier(true)
    await b.eth0.up()
  })
  assert.ok(b.ipv6.owns(address('2001:db8::1')))
  await end(env, a, b)
})

test('up() waits for addresses each time, with or without a carrier before', async () => {
  const env = virtual()
  const lan = new Lan(env)
  const a = host(env, lan)
  await env.run(async () => {
    const first = rejects(a.eth0.up(), 'ECANCELED')
    a.station.carrier(false)
    a.eth0.down()
    await first
    const second = rejects(a.eth0.up(), 'ECANCELED')
    a.eth0.down()
    await second
    a.station.carrier(true)
    await a.eth0.up()
  })
  assert.equal(states(a), [`${LOCAL} preferred`])
  await end(env, a)
})

test('taken down while it is tried: up() is given up, and nothing is left', async () => {
  const env = virtual()
  const lan = new Lan(env)
  const a = host(env, lan)
  await env.run(async () => {
    const up = rejects(a.eth0.up(), 'ECANCELED')
    a.eth0.down()
    await up
  })
  assert.is(a.dad.underway.length, 0)
  await end(env, a)
})

async function rejects(promise: Promise<unknown>, code: string): Promise<void> {
  try {
    await promise
  } catch (error) {
    assert.is((error as { code: string }).code, code, String(error))
    return
  }
  assert.unreachable(`expected ${code}`)
}

test.run()
