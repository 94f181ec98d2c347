/** Multicast DNS: the machine with time as a number, and hosts in a simulated network. */

import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { sleep, virtual } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { codeOf, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { Mdns, MdnsMachine, type MdnsInput, type MdnsOutput } from '../src/mdns/index.ts'
import { browse, find, fromLabel, offer, toLabel, type ServiceEvent } from '../src/sd/index.ts'
import { emit, FLAG, IN, parse, TYPE, type Message, type Outgoing, type Resource } from '../src/wire.ts'

const test = suite('mDNS')

const TOP = 0x8000
const THEM = { address: '192.0.2.9', port: 5353 }
const a = (name: string, text = '192.0.2.1', ttl = 120): Resource => ({ name, type: TYPE.A, class: IN, ttl, data: address(text) })
const ptr = (name: string, data: string, ttl = 4500): Resource => ({ name, type: TYPE.PTR, class: IN, ttl, data })
const flushing = (record: Resource): Resource => ({ ...record, class: IN | TOP })

type Event = readonly [at: number, what: string]

/** A machine, its clock, and what it did when. Instants are rounded; chance is the seed's. */
const begin = (seed = 1, maxRecords = 100) => {
  const machine = new MdnsMachine(virtual({ seed }).random, { maxRecords })
  const sent: (readonly [number, Message, MdnsOutput & { kind: 'send' }])[] = []
  const events: Event[] = []
  let now = 0
  const drain = (): void => {
    for (let out = machine.poll(); out !== undefined; out = machine.poll()) {
      if (out.kind === 'send') sent.push([now, parse(out.data) as Message, out])
      else events.push([Math.round(now), 'record' in out ? `${out.kind} ${out.record.name}` : out.kind])
    }
  }
  const run = (until: number): void => {
    for (let due = machine.deadline(); due !== undefined && due <= until; due = machine.deadline()) {
      now = Math.max(now, due)
      machine.tick(now)
      drain()
    }
    now = until
  }
  return {
    machine, sent, events, run,
    handle(input: MdnsInput) {
      machine.handle(input, now)
      drain()
    },
    hear(message: Partial<Outgoing>, from = THEM) {
      const into = new Uint8Array(9000)
      machine.handle({ kind: 'heard', from, data: into.subarray(0, emit({ id: 0, flags: 0, ...message }, into)) }, now)
      drain()
    },
    /** Sends since the last call: milliseconds after `base`, and what. */
    taken(base = 0) {
      return sent.splice(0).map(([at, { flags, questions, answers, authorities }]) =>
        [Math.round(at - base), flags & FLAG.QR ? `says ${answers.map(({ name, ttl }) => `${name} ${ttl}`).join(', ')}` : `asks ${questions.map(({ name }) => name).join()}${authorities.length ? ' probing' : ''}`])
    },
  }
}

/** A machine whose name is established, at 10 s. */
const established = (unique = [a('host.local')], shared: Resource[] = []) => {
  const world = begin()
  world.handle({ kind: 'claim', id: 1, unique, shared })
  world.run(10_000)
  world.taken()
  world.events.length = 0
  return world
}

test('RFC 6762 §8: three probes 250 ms apart, then two announcements a second apart', () => {
  const { handle, run, taken, sent, events } = begin()
  handle({ kind: 'claim', id: 1, unique: [a('host.local')], shared: [] })
  run(250)
  const first = sent[0]![0]
  assert.ok(first > 0 && first < 250)
  assert.equal([sent[0]![1].questions[0]!.class, sent[0]![1].authorities[0]!.class], [IN | TOP, IN])
  run(100_000)
  assert.is(sent[4]![1].answers[0]!.class, IN | TOP)
  assert.equal(taken(first), [
    [0, 'asks host.local probing'], [250, 'asks host.local probing'], [500, 'asks host.local probing'], [750, 'says host.local 120'], [1750, 'says host.local 120'],
  ])
  assert.equal(events, [[Math.round(first + 750), 'established']])
})

test('RFC 6762 §8.1, §9: another\'s answer ends a probe; an established name is probed for anew', () => {
  const { handle, hear, run, taken, events } = begin()
  handle({ kind: 'claim', id: 1, unique: [a('host.local')], shared: [] })
  run(300)
  hear({ flags: FLAG.QR, answers: [flushing(a('HOST.local', '192.0.2.9'))] })
  assert.equal(events, [[300, 'conflict']])
  taken()
  run(20_000)
  assert.equal(taken(), [])

  const old = established()
  old.hear({ flags: FLAG.QR, answers: [flushing(a('host.local'))] })
  assert.equal(old.taken(), [], 'our own words are no conflict')
  old.hear({ flags: FLAG.QR, answers: [flushing(a('host.local', '192.0.2.9'))] })
  old.run(20_000)
  assert.equal(old.taken(10_000).map(([at]) => at), [0, 250, 500, 750, 1750])
})

test('RFC 6762 §8.2: of two who probe at once, the later record wins, and the other waits a second', () => {
  const probe = (text: string): Partial<Outgoing> => ({ questions: [{ name: 'host.local', type: TYPE.ANY, class: IN | TOP }], authorities: [a('host.local', text)] })
  for (const [text, gaps] of [['192.0.2.200', [1000, 1250, 1500]], ['192.0.2.0', [250, 500]], ['192.0.2.1', [250, 500]]] as const) {
    const { handle, hear, run, sent } = begin()
    handle({ kind: 'claim', id: 1, unique: [a('host.local')], shared: [] })
    run(250)
    const base = sent[0]![0]
    run(base + 1)
    hear(probe(text))
    run(5000)
    const probes = sent.filter(([, { flags }]) => !(flags & FLAG.QR)).slice(1).map(([at]) => Math.round(at - base - (text === '192.0.2.200' ? 1 : 0)))
    assert.equal(probes.slice(0, 3), [...gaps], text)
  }
})

test('RFC 6762 §6: what is ours alone is said at once, shared answers together after 20 to 120 ms, neither twice in a second', () => {
  const { hear, run, taken } = established([a('host.local')], [ptr('_http._tcp.local', 'x._http._tcp.local'), ptr('_ipp._tcp.local', 'x._ipp._tcp.local')])
  const ask = (name: string, type: number): void => hear({ questions: [{ name, type, class: IN }] })
  ask('HOST.local', TYPE.A)
  ask('host.local', TYPE.A)
  assert.equal(taken(10_000), [[0, 'says host.local 120']])
  ask('_http._tcp.local', TYPE.PTR)
  run(10_010)
  ask('_ipp._tcp.local', TYPE.PTR)
  run(11_000)
  const [[at, what], ...more] = taken(10_000) as [[number, string]]
  assert.ok(at >= 20 && at <= 120, String(at))
  assert.equal([what, more], ['says _http._tcp.local 4500, _ipp._tcp.local 4500', []])
  ask('host.local', TYPE.AAAA)
  assert.equal(taken(11_000), [[0, 'says host.local 120']], 'that there is none: NSEC')
})

test('RFC 6762 §7.1, §7.2: what the asker knows is not said, also when it says so later', () => {
  const { hear, run, taken } = established([a('host.local')], [ptr('_http._tcp.local', 'x._http._tcp.local')])
  const questions = [{ name: '_http._tcp.local', type: TYPE.PTR, class: IN }]
  hear({ questions, answers: [ptr('_http._tcp.local', 'x._http._tcp.local', 2250)] })
  run(11_000)
  assert.equal(taken(), [])
  hear({ questions, answers: [ptr('_http._tcp.local', 'x._http._tcp.local', 2249)] })
  run(12_000)
  assert.is(taken().length, 1)
  run(14_000)
  hear({ flags: FLAG.TC, questions })
  run(14_390)
  hear({ answers: [ptr('_http._tcp.local', 'x._http._tcp.local', 4000)] })
  run(16_000)
  assert.equal(taken(), [])
})

test('RFC 6762 §5.4, §6.7: answers by unicast, and to who knows DNS alone', () => {
  const { hear, run, sent, taken } = established()
  run(20_000)
  hear({ questions: [{ name: 'host.local', type: TYPE.A, class: IN | TOP }] })
  assert.equal(sent[0]![2].to, THEM)
  taken()
  const legacy = { address: '192.0.2.9', port: 40_000 }
  hear({ id: 77, questions: [{ name: 'host.local', type: TYPE.A, class: IN }] }, legacy)
  const [, { id, questions, answers }, { to }] = sent[0]!
  assert.equal([id, questions[0]!.name, answers[0]!.ttl, answers[0]!.class, to], [77, 'host.local', 10, IN, legacy])
  taken()
  run(60_000)
  hear({ questions: [{ name: 'host.local', type: TYPE.A, class: IN | TOP }] })
  assert.is(sent[0]![2].to, undefined, 'the group has not heard it for more than a quarter of its life')
})

test('RFC 6762 §10.1: goodbye', () => {
  const { handle, taken } = established()
  handle({ kind: 'release', id: 1 })
  assert.equal(taken(10_000), [[0, 'says host.local 0']])
})

test('RFC 6762 §5.2: a question is repeated after 1, 2, 4 … s, and records are asked for at 80, 85, 90 and 95 % of their life', () => {
  const { handle, hear, run, sent, events, taken } = begin(3)
  handle({ kind: 'ask', id: 7, name: '_http._tcp.local', type: TYPE.PTR })
  run(200)
  const base = sent[0]![0]
  assert.ok(base >= 20 && base <= 120)
  run(70_000)
  assert.equal(taken(base).map(([at]) => at), [0, 1000, 3000, 7000, 15_000, 31_000, 63_000])
  hear({ flags: FLAG.QR, answers: [ptr('_http._tcp.local', 'x._http._tcp.local', 50)] })
  run(200_000)
  const shares = taken(70_000).map(([at]) => Number(at) / 500).filter((share) => share < 100)
  assert.is(shares.length, 4 + 0, shares.join())
  for (const [i, share] of shares.entries()) assert.ok(share >= 80 + i * 5 && share <= 82 + i * 5, `${share} %`)
  assert.equal(events, [[70_000, 'added _http._tcp.local'], [120_000, 'removed _http._tcp.local']])
  handle({ kind: 'cease', id: 7 })
  run(1e7)
  assert.equal(taken(), [])
})

test('RFC 6762 §7.1: known answers go with the question; §10.2: a flush ends the others in a second; goodbye too', () => {
  const { handle, hear, run, sent, events, taken } = begin()
  handle({ kind: 'ask', id: 1, name: 'host.local', type: TYPE.A })
  run(500)
  hear({ flags: FLAG.QR, answers: [flushing(a('host.local', '192.0.2.1')), flushing(a('host.local', '192.0.2.2'))] })
  taken()
  run(2000)
  assert.is(sent[0]![1].answers.length, 2)
  assert.ok(sent[0]![1].answers.every((record) => record.class === IN && record.ttl < 120))
  run(3000)
  hear({ flags: FLAG.QR, answers: [flushing(a('host.local', '192.0.2.3'))] })
  run(5000)
  hear({ flags: FLAG.QR, answers: [a('host.local', '192.0.2.3', 0)] })
  run(7000)
  assert.equal(events.map(([at, what]) => [at, what.split(' ')[0]]), [[500, 'added'], [500, 'added'], [3000, 'added'], [4000, 'removed'], [4000, 'removed'], [6000, 'removed']])
})

test('responses from another port, other opcodes and nonsense are not heard; what is remembered is bounded', () => {
  const { handle, hear, run, events } = begin(1, 5)
  handle({ kind: 'ask', id: 1, name: 'host.local', type: TYPE.A })
  hear({ flags: FLAG.QR, answers: [a('host.local')] }, { address: '192.0.2.9', port: 53 })
  hear({ flags: FLAG.QR | 0x800, answers: [a('host.local')] })
  hear({ flags: FLAG.QR | 3, answers: [a('host.local')] })
  assert.equal(events, [])
  for (let i = 1; i < 9; i++) hear({ flags: FLAG.QR, answers: [a('host.local', `192.0.2.${i}`)] })
  assert.equal(events.map(([, what]) => what.split(' ')[0]).join(), 'added,added,added,added,added,removed,added,removed,added,removed,added')
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (data) => handle({ kind: 'heard', from: THEM, data: Uint8Array.from(data) })), { seed: 5, numRuns: 500 })
  run(1000)
})

test('labels in any letters', () => {
  for (const text of ['Printer, 2nd floor', 'Drucker für a.b\\c', '東京', 'x']) assert.is(fromLabel(`${toLabel(text)}._http._tcp.local`), text)
})

for (const loss of [0, 0.1]) {
  test(`hosts on a link find each other and their services, ${loss * 100} % of all frames lost`, async () => {
    const net = simulate({ seed: 5 })
    const lan = net.ethernet({ latency: 1, loss })
    const features = [ethernet(), ipv4(), ipv6(), udp(), sockets()] as const
    const nodes = ['a', 'b', 'c'].map((name) => net.node(name, features, lan))
    nodes.forEach(({ stack, iface }, i) => stack.ipv4.addAddress(iface, `192.0.2.${i + 1}/24`))
    await net.run(async () => {
      await Promise.all(nodes.map(({ iface }) => iface.up()))
      const [one, two, three] = await Promise.all(nodes.map(({ stack }) => Mdns.open(net.env, stack.sockets, { iface: 'eth0' })))
      // Two who want one name: the second becomes another.
      const host = await one!.host('zephyr', ['192.0.2.1'])
      const other = await two!.host('zephyr', ['192.0.2.2'])
      assert.equal([host.name, other.name], ['zephyr.local', 'zephyr-2.local'])
      const service = { type: '_http._tcp', port: 80, txt: { path: '/', flag: true } } as const
      const first = await offer(one!, { ...service, name: 'Web, the first', host: host.name })
      const second = await offer(two!, { ...service, name: 'Web, the first', host: other.name })
      assert.is(fromLabel(second.name), 'Web, the first (2)')

      const seen: ServiceEvent[] = []
      for await (const event of browse(net.env, three!, '_http._tcp')) {
        seen.push(event)
        if (seen.length === 2) break
      }
      assert.equal(seen.map(({ kind, name }) => `${kind} ${name}`).sort(), ['up Web, the first', 'up Web, the first (2)'])
      assert.equal(await find(three!, second.name, { timeout: 20_000 }), { host: 'zephyr-2.local', port: 80, addresses: ['192.0.2.2'], txt: { path: '/', flag: true } })
      assert.is(await codeOf(three!.lookup('nobody.local')), 'ENOTFOUND')

      const gone = (async () => {
        for await (const event of browse(net.env, three!, '_http._tcp')) if (event.kind === 'down') return event.name
        return undefined
      })()
      await sleep(net.env, 3000)
      first.close()
      assert.is(await gone, 'Web, the first')
      for (const mdns of [one, two, three]) mdns!.close()
    })
    await net.stop()
    assert.equal(nodes.map(({ stack }) => stack.netif.buffers.live), [0, 0, 0])
  })
}

test.run()
