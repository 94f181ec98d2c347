import * as assert from 'uvu/assert'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { acd } from '@favonius/ethernet/acd'
import { eui48 } from '@favonius/inet'
import { simulate } from '@favonius/sim'
import { suite } from '@favonius/testing'
import { ipv4Autoconf, LinkLocal } from '../src/autoconf/index.ts'
import { ipv4 } from '../src/index.ts'

const test = suite('IPv4 link-local addresses')

const machine = (link = '02:00:00:00:00:01') => {
  const m = new LinkLocal(eui48(link))
  const drain = (): string[] => {
    const all: string[] = []
    for (let output = m.poll(); output !== undefined; output = m.poll()) all.push(`${output.do} ${output.address}`)
    return all
  }
  return { m, drain }
}

test('RFC 3927 §2.1: addresses are in the range, differ with the link address, and are the same the next time', () => {
  const first = (link: string): string => {
    const { m, drain } = machine(link)
    m.handle({ type: 'wanted', wanted: true }, 0)
    return drain()[0]!
  }
  assert.is(first('02:00:00:00:00:01'), first('02:00:00:00:00:01'))
  const all = Array.from({ length: 200 }, (_, i) => first(`02:00:00:00:01:${i.toString(16).padStart(2, '0')}`))
  assert.ok(new Set(all).size > 190)
  for (const one of all) {
    const third = Number(/^check 169\.254\.(\d+)\.\d+$/.exec(one)![1])
    assert.ok(third >= 1 && third <= 254, one)
  }
})

test('RFC 3927 §2.2.1: another address at each conflict, and after ten no more than one a minute', () => {
  const { m, drain } = machine()
  m.handle({ type: 'wanted', wanted: true }, 0)
  const tried = new Set(drain())
  for (let i = 0; i < 9; i++) {
    m.handle({ type: 'checked', unique: false }, 0)
    for (const one of drain()) tried.add(one)
  }
  assert.is(tried.size, 10)
  m.handle({ type: 'checked', unique: false }, 0)
  assert.equal(drain(), [])
  assert.is(m.deadline(), 60_000)
  m.tick(60_000)
  assert.is(drain().length, 1)
  m.handle({ type: 'checked', unique: false }, 61_000)
  assert.is(m.deadline(), 121_000)
})

test('RFC 3927 §2.5: one conflict is defended, a second within ten seconds is given way to', () => {
  const { m, drain } = machine()
  m.handle({ type: 'wanted', wanted: true }, 0)
  m.handle({ type: 'checked', unique: true }, 0)
  drain()
  m.handle({ type: 'conflict' }, 1000)
  m.handle({ type: 'conflict' }, 11_000)
  assert.equal(drain(), [])
  m.handle({ type: 'conflict' }, 20_000)
  assert.equal(drain().map((one) => one.split(' ')[0]), ['unbind', 'check'])
})

test('two hosts without a server speak to each other; a better address takes its place, and gives it back', async () => {
  const net = simulate({ seed: 4 })
  const lan = net.ethernet({ latency: 1 })
  const features = [ethernet(), acd(), ipv4(), ipv4Autoconf()] as const
  const [a, b] = [net.node('a', features, lan), net.node('b', features, lan)]
  await net.run(async () => {
    await sleep(net.env, 4000)
    assert.is(a.iface.addresses.length, 0, 'three probes and two seconds')
    await sleep(net.env, 6000)
    const theirs = b.stack.ipv4Autoconf.address(b.iface)!
    assert.is((await a.stack.ipv4.ping(theirs)).received, 1)
    const ours = a.stack.ipv4Autoconf.address(a.iface)!
    a.stack.ipv4.addAddress(a.iface, '192.0.2.1/24')
    assert.is(a.stack.ipv4Autoconf.address(a.iface), undefined)
    assert.equal(a.iface.addresses.map(({ address }) => String(address)), ['192.0.2.1'])
    a.stack.ipv4.removeAddress(a.iface, '192.0.2.1')
    await sleep(net.env, 10_000)
    assert.equal(a.stack.ipv4Autoconf.address(a.iface), ours)
  })
  await net.stop()
  assert.is(net.env.armed, 0)
})

test('an address that somebody has is not taken', async () => {
  const net = simulate({ seed: 4 })
  const lan = net.ethernet({ latency: 1 })
  const squatter = net.node('squatter', [ethernet(), ipv4()] as const, lan)
  const a = net.node('a', [ethernet(), acd(), ipv4(), ipv4Autoconf()] as const, lan)
  const { m, drain } = machine(String(a.iface.address))
  m.handle({ type: 'wanted', wanted: true }, 0)
  const wanted = drain()[0]!.split(' ')[1]!
  squatter.stack.ipv4.addAddress(squatter.iface, `${wanted}/16`)
  await net.run(() => sleep(net.env, 20_000))
  const got = a.stack.ipv4Autoconf.address(a.iface)
  assert.ok(got !== undefined && String(got) !== wanted)
  await net.stop()
  assert.is(net.env.armed, 0)
})

test.run()
