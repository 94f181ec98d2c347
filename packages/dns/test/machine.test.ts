/** The resolver alone, time as a number. */

import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import { ipv4 } from '@favonius/inet'
import { suite, thrownCode } from '@favonius/testing'
import { keyOf, Resolver, type ResolverOutput, type ResolverSettings } from '../src/machine.ts'
import { readServers } from '../src/servers.ts'
import { emit, FLAG, IN, parse, RCODE, TYPE, type Message, type Outgoing, type Resource } from '../src/wire.ts'

const test = suite('DNS: the machine')

const ONE = { address: '192.0.2.53', port: 53 }
const TWO = { address: '2001:db8::53', port: 53 }
type Sent = ResolverOutput & { kind: 'send' }

const begin = (settings: Partial<ResolverSettings> = {}, servers: readonly string[] = ['192.0.2.53', '2001:db8::53']) => {
  const list = readServers(servers)
  const resolver = new Resolver(virtual({ seed: 3 }).random, list, {
    timeout: 2000, rounds: 3, maxQueries: 64, maxAliases: 8, cacheSize: 16, maxTtl: 86_400, ednsSize: 1232, mixCase: true, streams: true, ...settings,
  })
  const drain = (): ResolverOutput[] => {
    const all: ResolverOutput[] = []
    for (let out = resolver.poll(); out !== undefined; out = resolver.poll()) all.push(out)
    return all
  }
  return {
    resolver, list, drain,
    ask(name = 'www.example.com', type: number = TYPE.A, now = 0): Sent {
      resolver.handle({ kind: 'ask', name, type }, now)
      return drain()[0] as Sent
    },
    /** What follows when this answer comes. */
    hear(sent: Sent, message: Partial<Outgoing>, { now = 1, from = { ...sent.server } }: { now?: number; from?: typeof ONE } = {}): ResolverOutput[] {
      const { id, questions } = asked(sent)
      const into = new Uint8Array(4096)
      const length = emit({ id, flags: FLAG.QR | FLAG.RD | FLAG.RA, questions, ...message }, into)
      resolver.handle({ kind: 'heard', exchange: sent, from, data: into.subarray(0, length) }, now)
      return drain()
    },
  }
}

const asked = ({ data }: Sent): Message => parse(data) as Message
const a = (name: string, word = 0xc0000201, ttl = 300): Resource => ({ name, type: TYPE.A, class: IN, ttl, data: ipv4(word) })
const alias = (name: string, data: string, ttl = 300): Resource => ({ name, type: TYPE.CNAME, class: IN, ttl, data })
const soa = (name: string, ttl = 600, minimum = 60): Resource => ({
  name, type: TYPE.SOA, class: IN, ttl, data: { primary: 'ns', mailbox: 'root', serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
})
const answerOf = (outs: readonly ResolverOutput[]) => {
  const [out] = outs
  if (out?.kind !== 'done') throw new Error(`it is not done: ${out?.kind}`)
  return { ...out.answer, data: out.answer.records.map(({ data }) => String(data)) }
}

test('RFC 1035 §4.2.1: each server in turn, then again after twice the time', () => {
  const { resolver, drain, ask } = begin()
  const sent = [[0, ask().server.address]]
  let done: unknown
  for (let now = resolver.deadline(); now !== undefined; now = resolver.deadline()) {
    resolver.tick(now - 1)
    assert.is(resolver.poll(), undefined, 'early')
    resolver.tick(now)
    for (const out of drain()) {
      if (out.kind === 'send') sent.push([now, out.server.address])
      else done = [now, out.answer.code]
    }
  }
  assert.equal(sent, [
    [0, ONE.address], [2000, TWO.address], [4000, ONE.address], [8000, TWO.address], [12_000, ONE.address], [20_000, TWO.address],
  ])
  assert.equal(done, [28_000, 'ETIMEOUT'])
})

test('every message has its own number and case; an answer to an earlier one counts', () => {
  const { resolver, drain, ask, hear } = begin()
  const first = ask('a-rather-long-name.example.com')
  resolver.tick(2000)
  const second = drain()[0] as Sent
  assert.is.not(asked(first).id, asked(second).id)
  assert.is.not(asked(first).questions[0]!.name, asked(second).questions[0]!.name)
  assert.match(asked(first).questions[0]!.name, /[a-z].*[A-Z]|[A-Z].*[a-z]/)
  assert.equal(answerOf(hear(first, { answers: [a('a-rather-long-name.example.com')] }, { now: 2500 })).data, ['192.0.2.1'])
  assert.is(resolver.deadline(), undefined)
})

test('RFC 5452: what does not fit is not believed, and the question goes on', () => {
  const { resolver, ask, hear } = begin()
  const sent = ask()
  const { id, questions } = asked(sent)
  const answers = [a('www.example.com', 0xcb007101)]
  const wrong = [
    hear(sent, { id: id ^ 1, answers }),
    hear(sent, { flags: FLAG.RD, answers }),
    hear(sent, { answers }, { from: { ...ONE, port: 5353 } }),
    hear(sent, { answers }, { from: TWO }),
    hear(sent, { answers, questions: [] }),
    hear(sent, { answers, questions: [{ ...questions[0]!, name: 'www.example.net' }] }),
    hear(sent, { answers, questions: [{ ...questions[0]!, type: TYPE.AAAA }] }),
    hear(sent, { answers, questions: [questions[0]!, questions[0]!] }),
  ]
  resolver.handle({ kind: 'heard', exchange: sent, from: ONE, data: new Uint8Array(5) }, 1)
  resolver.handle({ kind: 'heard', exchange: { ...sent, key: 'other/1' }, from: ONE, data: sent.data }, 1)
  assert.is(wrong.flat().length, 0)
  assert.equal(resolver.statistics.dropped, { malformed: 1, source: 2, id: 2, question: 4, case: 0, late: 1 })
  assert.equal(answerOf(hear(sent, { answers: [a('www.example.com')] })).data, ['192.0.2.1'])
})

test('an answer in the wrong case is asked for again by TCP, once; without TCP in plain case', () => {
  const { ask, hear, resolver } = begin()
  const sent = ask()
  const questions = asked(sent).questions.map((question) => ({ ...question, name: 'www.example.com' }))
  const [again, more] = hear(sent, { questions, answers: [a('www.example.com', 0xcb007101)] }) as Sent[]
  assert.equal([again!.stream, more], [true, undefined])
  assert.equal(hear(sent, { questions, answers: [a('www.example.com', 0xcb007101)] }), [])
  assert.equal(answerOf(hear(again!, { questions, answers: [a('www.example.com')] })).data, ['192.0.2.1'])
  assert.equal([resolver.statistics.dropped.case, resolver.statistics.dropped.late], [1, 1])

  const plain = begin({ streams: false })
  const mixed = plain.ask()
  const [lower] = plain.hear(mixed, { questions, answers: [] }) as Sent[]
  assert.equal([lower!.stream, asked(lower!).questions[0]!.name], [false, 'www.example.com'])
  assert.equal(answerOf(plain.hear(lower!, { questions, answers: [a('www.example.com')] })).data, ['192.0.2.1'])
})

test('records that the question does not lead to are not used, nor kept', () => {
  const { resolver, ask, hear } = begin()
  const answers = [alias('www.example.com', 'host.example.com'), a('host.example.com'), a('bank.example', 0xcb007101), alias('bank.example', 'evil.example')]
  const answer = answerOf(hear(ask(), { answers, additionals: [a('ns.bank.example', 0xcb007101)], authorities: [{ ...alias('bank.example', 'ns.bank.example'), type: TYPE.NS }] }))
  assert.equal([answer.name, answer.data], ['host.example.com', ['192.0.2.1']])
  assert.is(resolver.cache.size, 1)
  assert.is(resolver.find(keyOf('bank.example', TYPE.A), 2), undefined)
})

test('aliases are followed by further questions, and not in circles', () => {
  const { ask, hear } = begin({ maxAliases: 3 })
  const [second] = hear(ask(), { answers: [alias('www.example.com', 'a.example', 50)] }) as Sent[]
  assert.is(asked(second!).questions[0]!.name.toLowerCase(), 'a.example')
  const answer = answerOf(hear(second!, { answers: [a('A.example')] }, { now: 10 }))
  assert.equal([answer.name, answer.data, answer.expires], ['a.example', ['192.0.2.1'], 50_010])
  assert.is(answerOf(hear(ask('loop.example'), { answers: [alias('loop.example', 'x.example'), alias('x.example', 'loop.example')] })).code, 'EBADRESP')
})

test('RFC 2308: absence is remembered as long as its SOA says, and not without', () => {
  const { resolver, ask, hear } = begin()
  const none = answerOf(hear(ask('none.example.com'), { flags: FLAG.QR | RCODE.NXDOMAIN, authorities: [soa('example.com')] }))
  assert.equal([none.code, none.expires], ['ENOTFOUND', 60_001])
  assert.is(resolver.find(keyOf('NONE.example.com', TYPE.A), 60_000)!.code, 'ENOTFOUND')
  assert.is(resolver.find(keyOf('none.example.com', TYPE.A), 60_001), undefined)
  assert.is(answerOf(hear(ask('v4.example.com', TYPE.AAAA), { authorities: [soa('example.com')] })).code, 'ENODATA')
  const size = resolver.cache.size
  assert.is(answerOf(hear(ask('bare.example.com'), { flags: FLAG.QR | RCODE.NXDOMAIN })).code, 'ENOTFOUND')
  assert.is(answerOf(hear(ask('foreign.example.com'), { flags: FLAG.QR | RCODE.NXDOMAIN, authorities: [soa('example.net')] })).code, 'ENOTFOUND')
  assert.is(resolver.cache.size, size)
  // RFC 2308 §5: three hours at most.
  assert.is(answerOf(hear(ask('long.example.com'), { flags: FLAG.QR | RCODE.NXDOMAIN, authorities: [soa('example.com', 1e6, 1e6)] }, { now: 0 })).expires, 10_800_000)
})

test('a server that cannot is left for the next; when none can, the last one\'s reason is told', () => {
  const { ask, hear } = begin()
  const [next] = hear(ask(), { flags: FLAG.QR | RCODE.SERVFAIL }) as Sent[]
  assert.is(next!.server.address, TWO.address)
  assert.is(answerOf(hear(next!, { flags: FLAG.QR | RCODE.REFUSED })).code, 'EREFUSED')

  const other = begin()
  const first = other.ask()
  other.resolver.handle({ kind: 'failed', exchange: first, code: 'ECONNREFUSED' }, 5)
  const [second] = other.drain() as Sent[]
  assert.is(second!.server.address, TWO.address)
  const referral = { ...alias('example.com', 'ns.example.com'), type: TYPE.NS }
  assert.is(answerOf(other.hear(second!, { authorities: [referral] })).code, 'ESERVFAIL')
})

test('RFC 6891 §7: who does not know EDNS(0) is asked without, from then on', () => {
  const { list, ask, hear } = begin()
  const sent = ask()
  assert.is(asked(sent).edns!.size, 1232)
  // It could not read the question, and so does not repeat it.
  const [again] = hear(sent, { flags: FLAG.QR | RCODE.FORMERR, questions: [] }) as Sent[]
  assert.equal([asked(again!).edns, again!.server.address], [undefined, ONE.address])
  assert.ok(list[0]!.plain)
  assert.equal(answerOf(hear(again!, { answers: [a('www.example.com')] })).data, ['192.0.2.1'])
  assert.is(asked(ask('other.example')).edns, undefined)
})

test('RFC 7766: what is truncated is asked for by TCP, in time of its own', () => {
  const { resolver, ask, hear } = begin()
  const [again] = hear(ask(), { flags: FLAG.QR | FLAG.TC, answers: [a('www.example.com', 0xcb007101)] }, { now: 1900 }) as Sent[]
  assert.equal([again!.stream, again!.server.address, resolver.deadline()], [true, ONE.address, 3900])
  assert.equal(answerOf(hear(again!, { answers: [a('www.example.com')] })).data, ['192.0.2.1'])
  const without = begin({ streams: false }, ['192.0.2.53'])
  assert.is(answerOf(without.hear(without.ask(), { flags: FLAG.QR | FLAG.TC })).code, 'EBADRESP')
})

test('the cache is bounded: what was not used for the longest makes room', () => {
  const { resolver, ask, hear } = begin({ cacheSize: 2 })
  const known = (name: string): boolean => resolver.find(keyOf(name, TYPE.A), 2) !== undefined
  for (const name of ['a', 'b']) hear(ask(name), { answers: [a(name)] })
  assert.ok(known('a'))
  hear(ask('c'), { answers: [a('c')] })
  assert.equal(['a', 'b', 'c'].map(known), [true, false, true])
  hear(ask('zero'), { answers: [a('zero', 1, 0)] })
  assert.is(known('zero'), false)
})

test('what is asked twice is sent once; too many questions, and names that are none, are refused', () => {
  const { resolver, drain, ask } = begin({ maxQueries: 1 })
  ask()
  resolver.handle({ kind: 'ask', name: 'WWW.example.com', type: TYPE.A }, 1)
  assert.equal(drain(), [])
  assert.is(thrownCode(() => ask('b')), 'ENOBUFS')
  resolver.handle({ kind: 'forget', key: keyOf('www.example.com', TYPE.A) }, 1)
  assert.is(resolver.deadline(), undefined)
  assert.is(thrownCode(() => ask('a..b')), 'EINVAL')
  assert.is(resolver.deadline(), undefined)
  assert.is(answerOf((begin({}, []).resolver, [begin({}, []).ask() as unknown as ResolverOutput])).code, 'ENOSERVER')
})

test('servers as text; what is none is refused', () => {
  const list = readServers(['192.0.2.1', '192.0.2.2:5353', '2001:DB8::1', '[fe80::1%eth0]:54'])
  assert.equal(list.map(({ address, port }) => [address, port]), [['192.0.2.1', 53], ['192.0.2.2', 5353], ['2001:db8::1', 53], ['fe80::1%eth0', 54]])
  for (const text of ['dns.example', '192.0.2.1:0', '192.0.2.1:70000', '[::1', '']) assert.is(thrownCode(() => readServers([text])), 'EINVAL', text)
})

test.run()
