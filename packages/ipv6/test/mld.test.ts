/** Multicast listener discovery: what is reported, and when. */

import { ethernet } from '@favonius/ethernet/bare'
import { address, eui48 } from '@favonius/inet'
import { dad, ipv6 } from '@favonius/ipv6'
import { mld } from '@favonius/ipv6/mld'
import { show } from '@favonius/ipv6/wire'
import { Arena, netbufIn } from '@favonius/netbuf'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { a16, bytes, frame, icmp, packet } from './craft.ts'
import { Lan, virtual } from './lan.ts'

const test = suite('ipv6: mld')

const GROUP = 'ff05::1:3'
const OTHER = 'ff0e::42'
const ALERT = bytes(58, 0, 5, 2, 0, 0, 1, 0)

/** An MLD message with its router alert. */
const mldPacket = (source: string, to: string, type: number, body: Uint8Array, { hopLimit = 1, alert = true } = {}): Uint8Array => {
  const inner = icmp(source, to, type, 0, body)
  return packet({ source, destination: to, hopLimit, next: alert ? 0 : 58, payload: alert ? bytes(ALERT, inner) : inner })
}
const query2 = (group: string, code: number, qrv = 2, qqic = 125): Uint8Array =>
  mldPacket('fe80::99', group === '::' ? 'ff02::1' : group, 130, bytes(code >> 8, code & 255, 0, 0, a16(group), qrv, qqic, 0, 0))
const query1 = (group: string, delay: number): Uint8Array => mldPacket('fe80::99', group === '::' ? 'ff02::1' : group, 130, bytes(delay >> 8, delay & 255, 0, 0, a16(group)))

async function alone(settings: Parameters<typeof mld>[0] = {}, seed = 4) {
  const env = virtual({ seed })
  const lan = new Lan(env)
  const stack = compose(env, netbufIn(new Arena(), { debug: true }), ethernet(), ipv6({ maxGroups: 200 }), dad({ maxDelay: 0 }), mld(settings))
  const station = lan.station()
  const eth0 = stack.netif.add(station, { name: 'eth0' })
  await env.run(() => eth0.up())
  const reports = () => lan.log.map(({ at, bytes: sent }) => ({ at, line: show(sent.subarray(14)) })).filter(({ line }) => line.includes('listener'))
  return {
    ...stack, env, lan, eth0, reports,
    /** Packets from the querier; and what is said until `ms` later, with when. */
    after(ms: number, ...packets: Uint8Array[]): { readonly ms: number; readonly line: string }[] {
      const began = env.clock.now()
      const before = reports().length
      for (const each of packets) station.receive(frame(each, eui48('33:33:00:00:00:01')))
      env.advance(ms)
      return reports().slice(before).map(({ at, line }) => ({ ms: at - began, line: line.replace(/^(.*): ICMPv6, multicast listener (.*), length \d+$/, '$1: $2') }))
    },
    drops: () => stack.netif.statistics().drops,
    async end(): Promise<void> {
      await stack.stop()
      env.advance(1000)
      assert.is(stack.netbuf.live, 0)
      assert.is(env.armed, 0)
    },
  }
}

test('RFC 3590 §4: solicited-node groups are reported before there is an address, from `::`; with router alert and hop limit 1', async () => {
  const h = await alone()
  h.env.advance(5000)
  const first = h.lan.log.find(({ bytes: sent }) => show(sent.subarray(14)).includes('listener'))
  assert.is(show(first!.bytes.subarray(14)), ':: > ff02::16: ICMPv6, multicast listener report v2, toExclude ff02::1:ff00:5301, length 28')
  assert.equal([...first!.bytes.subarray(14 + 6, 14 + 8)], [0, 1], 'hop-by-hop options, hop limit 1')
  assert.equal([...first!.bytes.subarray(54, 62)], [58, 0, 5, 2, 0, 0, 1, 0])
  assert.is(first!.bytes.length, 14 + 40 + 8 + 28)
  await h.end()
})

test('RFC 3810 §6.1, §9.1: a change is said at once, and once more within a second; those of one turn together', async () => {
  const h = await alone()
  h.env.advance(5000)
  h.ipv6.join(h.eth0, address(GROUP))
  h.ipv6.join(h.eth0, address(OTHER))
  const said = h.after(5000)
  assert.equal(said.map(({ line }) => line), Array(2).fill(`fe80::200:5eff:fe00:5301 > ff02::16: report v2, toExclude ${GROUP}, toExclude ${OTHER}`))
  assert.is(said[0]!.ms, 0)
  assert.ok(said[1]!.ms > 0 && said[1]!.ms <= 1000)
  // Joined by two, left by one: nothing changes.
  h.ipv6.join(h.eth0, address(GROUP))
  h.ipv6.leave(h.eth0, address(GROUP))
  assert.equal(h.after(5000), [])
  h.ipv6.leave(h.eth0, address(GROUP))
  assert.equal(h.after(5000).map(({ line }) => line.slice(-23)), Array(2).fill(`v2, toInclude ${GROUP}`))
  // Left again before it was said twice: the last word counts, and is said in full.
  h.ipv6.join(h.eth0, address(GROUP))
  h.after(0)
  h.ipv6.leave(h.eth0, address(GROUP))
  assert.equal(h.after(5000).map(({ line }) => line.slice(-23)), Array(2).fill(`v2, toInclude ${GROUP}`))
  await h.end()
})

test('RFC 3810 §6.2: a general query is answered once, with all groups, at random within its time; all-nodes is never reported', async () => {
  const instants = new Set<number>()
  for (const seed of [1, 2, 3]) {
    const h = await alone({}, seed)
    h.ipv6.join(h.eth0, address(GROUP))
    h.ipv6.join(h.eth0, address('ff01::7'))
    h.env.advance(5000)
    const said = h.after(20_000, query2('::', 10_000), query2('::', 10_000))
    assert.equal(said.map(({ line }) => line), [`fe80::200:5eff:fe00:5301 > ff02::16: report v2, isExclude ff02::1:ff00:5301, isExclude ${GROUP}`])
    assert.ok(said[0]!.ms > 0 && said[0]!.ms <= 10_000)
    instants.add(said[0]!.ms)
    // 0x8000 | exponent 1 | mantissa 0x234: (0x1234) << 4.
    const [late] = h.after(100_000, query2('::', 0x8000 | 1 << 12 | 0x234))
    assert.ok(late!.ms <= 0x1234 << 4)
    await h.end()
  }
  assert.is(instants.size, 3)
})

test('RFC 3810 §6.2: who asks for one group hears of that; who asks for one that we are not in hears nothing', async () => {
  const h = await alone()
  h.ipv6.join(h.eth0, address(GROUP))
  h.env.advance(5000)
  assert.equal(h.after(5000, query2(OTHER, 1000)), [])
  assert.equal(h.after(5000, query2(GROUP, 1000), query2(GROUP, 1000)).map(({ line }) => line.slice(-23)), [`v2, isExclude ${GROUP}`])
  // An answer for all that comes sooner says it too.
  assert.is(h.after(60_000, query2('::', 10), query2(GROUP, 30_000)).length, 1)
  // Left before it was answered.
  const asked = h.after(0, query2(GROUP, 5000))
  h.ipv6.leave(h.eth0, address(GROUP))
  assert.equal([...asked, ...h.after(10_000)].filter(({ line }) => line.includes('isExclude')), [])
  await h.end()
})

test('RFC 3810 §9.1: the querier says how much its link loses', async () => {
  const h = await alone()
  h.after(20_000, query2('::', 100, 4))
  h.ipv6.join(h.eth0, address(GROUP))
  assert.is(h.after(10_000).length, 4)
  await h.end()
})

test('RFC 3810 §8.2, RFC 2710 §4: to a querier of version 1 we speak that, and listen to each other, until it has not been heard for long', async () => {
  const h = await alone()
  h.env.advance(5000)
  h.ipv6.join(h.eth0, address(GROUP))
  h.env.advance(5000)
  const answers = h.after(5000, query1('::', 2000))
  assert.is(h.mld.version(h.eth0), 1)
  assert.equal(answers.map(({ line }) => line).sort(), [
    'fe80::200:5eff:fe00:5301 > ff02::1:ff00:5301: report, ff02::1:ff00:5301', `fe80::200:5eff:fe00:5301 > ${GROUP}: report, ${GROUP}`,
  ])
  for (const { ms } of answers) assert.ok(ms > 0 && ms <= 2000)
  // Another reports it first: we need not.
  const quiet = h.after(5000, query1(GROUP, 2000), mldPacket('fe80::77', GROUP, 131, bytes(0, 0, 0, 0, a16(GROUP))))
  assert.equal(quiet, [])
  // And so we are not the last, and say nothing when we leave.
  h.ipv6.leave(h.eth0, address(GROUP))
  assert.equal(h.after(5000), [])
  const before = h.reports().length
  h.ipv6.join(h.eth0, address(GROUP))
  assert.is(h.reports().length, before + 1, 'at once')
  const joined = h.after(15_000)
  assert.equal(joined.map(({ line }) => line), Array(1).fill(`fe80::200:5eff:fe00:5301 > ${GROUP}: report, ${GROUP}`))
  h.ipv6.leave(h.eth0, address(GROUP))
  assert.match(h.reports().at(-1)!.line, new RegExp(`^fe80::200:5eff:fe00:5301 > ff02::2: ICMPv6, multicast listener done, ${GROUP}, length 24$`))
  // Twice 125 s and 10 s.
  h.env.advance(270_000)
  assert.is(h.mld.version(h.eth0), 2)
  h.ipv6.join(h.eth0, address(GROUP))
  assert.match(h.after(5000)[0]!.line, /report v2, toExclude ff05::1:3/)
  await h.end()
})

test('RFC 3810 §5.1.14, §6.2: what is no valid query is dropped and counted', async () => {
  const h = await alone()
  h.env.advance(5000)
  const body = bytes(0, 100, 0, 0, a16('::'), 2, 125, 0, 0)
  const wrong = [
    mldPacket('fe80::99', 'ff02::1', 130, body, { hopLimit: 2 }), mldPacket('2001:db8::99', 'ff02::1', 130, body), mldPacket('fe80::99', 'ff02::1', 130, body.subarray(0, 22)),
    mldPacket('fe80::99', 'ff02::1', 130, body.subarray(0, 19)), mldPacket('fe80::99', 'ff02::1', 130, bytes(0, 100, 0, 0, a16('2001:db8::1'), 2, 125, 0, 0)),
  ]
  assert.equal(h.after(5000, ...wrong, mldPacket('fe80::99', 'ff02::1', 130, body, { alert: false })), [])
  assert.is(h.drops()['mld: invalid message'], wrong.length)
  assert.is(h.drops()['mld: query without a router alert'], 1)
  await h.end()
})

test('more groups than a packet carries are reported in several', async () => {
  const h = await alone()
  h.env.advance(5000)
  for (let n = 0; n < 150; n++) h.ipv6.join(h.eth0, address(`ff05::${(n + 1).toString(16)}`))
  h.env.advance(5000)
  const said = h.after(5000, query2('::', 100))
  assert.equal(said.map(({ line }) => line.split('isExclude').length - 1), [72, 72, 7])
  await h.end()
})

test('a link that comes back hears of all groups again', async () => {
  const h = await alone()
  h.ipv6.join(h.eth0, address(GROUP))
  h.env.advance(5000)
  h.eth0.down()
  h.lan.log.length = 0
  await h.env.run(() => h.eth0.up())
  assert.ok(h.reports()[0]!.line.includes(`toExclude ${GROUP}`))
  await h.end()
})

test.run()
