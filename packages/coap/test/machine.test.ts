/** The message layer alone, time as a number. */

import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import type { Random } from '@favonius/contract'
import { suite } from '@favonius/testing'
import { Answers } from '../src/answers.ts'
import * as CODE from '../src/codes.ts'
import type { Asked, CoapOutput } from '../src/events.ts'
import { CoapMachine } from '../src/machine.ts'
import * as OPTION from '../src/numbers.ts'
import { serverDefaults, type Settings } from '../src/serving.ts'
import { timesOf } from '../src/settings.ts'
import { show } from '../src/show.ts'
import * as TYPE from '../src/types.ts'
import { emit, Message, type Draft } from '../src/wire.ts'

const test = suite('CoAP: the machine')

const PEER = { address: '2001:db8::2', port: 5683 }
const OTHER = { address: '2001:db8::3', port: 5683 }
const GET: Draft = { code: CODE.GET, options: [[OPTION.URI_PATH, 'test']] }
const CONTENT: Draft = { code: CODE.CONTENT, payload: Uint8Array.of(1) }
const NONE = new Uint8Array(0)
/** Ids begin at 0, and waits are as short as they may be. */
const fixed: Random = { fill: (into) => into.fill(0), uint32: () => 0 }

const begin = (settings: Partial<Settings> = {}, random: Random = fixed) => {
  const machine = new CoapMachine(random, { ...serverDefaults, ...settings }, Answers)
  const drain = (): CoapOutput[] => {
    const all: CoapOutput[] = []
    for (let out = machine.poll(); out !== undefined; out = machine.poll()) all.push(out)
    return all
  }
  return {
    machine, drain,
    /** What is done about it, in words. */
    say: (): string[] => drain().map((out) => {
      switch (out.kind) {
        case 'send': return show(out.data).replace(/^CoAP (.*?)( \(\d+\))?$/, '$1')
        case 'request': return `request ${show(out.message.u8).split(' ')[2]}`
        case 'response': return `response ${out.exchange}: ${out.message.payload.join()}`
        case 'notified': return `notified ${out.observer} ${out.code ?? 'ok'}`
        case 'failed': return `failed ${out.exchange} ${out.code}`
        default: return `${out.kind} ${out.exchange}`
      }
    }),
    ask(exchange = 7, { draft = GET, confirmable = true, keep = false, to = PEER, now = 0 } = {}) {
      machine.handle({ kind: 'request', exchange, to, draft, confirmable, keep }, now)
    },
    hear(type: number, id: number, draft: Draft, { token = Uint8Array.of(0, 0, 0, 7), from = PEER, now = 1, multicast = false } = {}) {
      machine.handle({ kind: 'received', data: emit(type, id, draft.code === 0 ? NONE : token, draft), from, multicast }, now)
    },
  }
}
const requestOf = (outs: readonly CoapOutput[]): Asked => (outs.find(({ kind }) => kind === 'request') as CoapOutput & { kind: 'request' }).request

test('RFC 7252 §4.8.2: the times that follow', () => {
  assert.equal(timesOf(serverDefaults), { exchangeLifetime: 247_000, nonLifetime: 145_000 })
})

for (const [what, random, deadlines] of [
  ['at least', fixed, [2000, 6000, 14_000, 30_000, 62_000]],
  ['at most', { ...fixed, uint32: () => 0xffff_ffff }, [3000, 9000, 21_000, 45_000, 93_000]],
] as const) {
  test(`RFC 7252 §4.2: sent again after twice the time, five times in all, ${what}`, () => {
    const { machine, ask, drain, say } = begin({}, random)
    ask()
    const ends: number[] = []
    let sent = drain().length
    for (let due = machine.deadline(); due !== undefined; due = machine.deadline()) {
      machine.tick(due - 0.5)
      assert.equal(drain(), [])
      machine.tick(due)
      ends.push(Math.round(due))
      if (machine.deadline() !== undefined) sent += drain().length
    }
    assert.equal(ends, deadlines)
    assert.is(sent, 5)
    assert.equal(say(), ['failed 7 ETIMEDOUT'])
    assert.is(machine.kept.exchanges, 0)
  })
}

test('RFC 7252 §4.2: the same bytes each time, until the acknowledgment', () => {
  const { machine, ask, say, hear } = begin()
  ask()
  const [first] = say()
  machine.tick(2000)
  assert.equal(say(), [first])
  hear(TYPE.ACK, 0, CONTENT, { now: 2001 })
  assert.equal(say(), ['response 7: 1'])
  assert.is(machine.deadline(), undefined)
})

test('RFC 7252 §5.2.2: acknowledged first, answered later, by a confirmable message or another', () => {
  for (const type of [TYPE.CON, TYPE.NON]) {
    const { machine, ask, say, hear } = begin()
    ask()
    say()
    hear(TYPE.ACK, 0, { code: 0 })
    assert.equal(say(), ['acknowledged 7'])
    assert.is(machine.deadline(), 93_001)
    hear(type, 900, CONTENT, { now: 5000 })
    assert.equal(say(), [...(type === TYPE.CON ? ['ACK 0.00 Empty 0x0384'] : []), 'response 7: 1'])
    // Its duplicate is acknowledged again, and not told again.
    hear(type, 900, CONTENT, { now: 6000 })
    assert.equal(say(), type === TYPE.CON ? ['ACK 0.00 Empty 0x0384'] : [])
    assert.is(machine.statistics.dropped.duplicate, 1)
  }
})

test('RFC 7252 §5.2.2: the response says that the request arrived, when the acknowledgment is lost', () => {
  const { machine, ask, say, hear } = begin()
  ask()
  say()
  hear(TYPE.CON, 900, CONTENT)
  assert.equal(say(), ['ACK 0.00 Empty 0x0384', 'response 7: 1'])
  machine.tick(2000)
  assert.equal(say(), [])
  // The acknowledgment, late.
  hear(TYPE.ACK, 0, { code: 0 }, { now: 2001 })
  assert.is(machine.statistics.dropped.unexpected, 1)
})

test('acknowledged, and never answered', () => {
  const { machine, ask, say, hear } = begin()
  ask()
  hear(TYPE.ACK, 0, { code: 0 })
  say()
  machine.tick(93_001)
  assert.equal(say(), ['failed 7 ETIMEDOUT'])
})

test('RFC 7252 §4.2: a reset ends it', () => {
  const { ask, say, hear } = begin()
  ask()
  say()
  hear(TYPE.RST, 0, { code: 0 })
  assert.equal(say(), ['failed 7 ECONNRESET'])
})

test('RFC 7252 §4.7: NSTART outstanding at once, the rest in turn; other peers do not wait', () => {
  const { ask, say, hear } = begin({ nstart: 2 })
  for (const exchange of [1, 2, 3, 4]) ask(exchange)
  ask(5, { to: OTHER })
  assert.is(say().length, 3)
  hear(TYPE.ACK, 0, CONTENT, { token: Uint8Array.of(0, 0, 0, 1) })
  assert.equal(say().map((line) => line.split(' ').slice(0, 3).join(' ')), ['CON GET 0x0002', 'response 1: 1'])
  // Acknowledged is enough: the response may take its time.
  hear(TYPE.ACK, 1, { code: 0 })
  assert.equal(say().map((line) => line.split(' ').slice(0, 3).join(' ')), ['CON GET 0x0003', 'acknowledged 2'])
})

test('more than maxWaiting is ENOBUFS', () => {
  const { ask, say } = begin({ maxWaiting: 1 })
  for (const exchange of [1, 2, 3]) ask(exchange)
  assert.equal(say().slice(1), ['failed 3 ENOBUFS'])
})

test('what is cancelled is not sent, sent again, or told', () => {
  const { machine, ask, say, hear } = begin()
  ask(1)
  ask(2)
  ask(3)
  say()
  machine.handle({ kind: 'cancel', exchange: 2 }, 1)
  machine.handle({ kind: 'cancel', exchange: 1 }, 1)
  assert.equal(say().map((line) => line.slice(0, 30)), ['CON GET 0x0001 token 00000003 '])
  hear(TYPE.ACK, 0, CONTENT, { token: Uint8Array.of(0, 0, 0, 1), now: 2 })
  assert.equal(say(), [])
  assert.is(machine.statistics.dropped.unexpected, 1)
  assert.is(machine.kept.exchanges, 1)
})

test('RFC 7252 §4.7: PROBING_RATE, a byte a second to who does not answer', () => {
  const { machine, ask, say, hear } = begin()
  ask(1, { confirmable: false })
  ask(2, { confirmable: false })
  ask(3, { confirmable: false })
  assert.is(say().length, 1)
  // 4 of header, 4 of token, 5 of path.
  assert.is(machine.deadline(), 13_000)
  machine.tick(13_000)
  assert.is(say().length, 1)
  hear(TYPE.NON, 70, CONTENT, { token: Uint8Array.of(0, 0, 0, 2), now: 13_100 })
  assert.is(say().length, 2)
  machine.tick(13_000 + 93_000)
  assert.equal(say(), ['failed 1 ETIMEDOUT'])
})

test('RFC 7252 §4.4: no id is used twice in EXCHANGE_LIFETIME', () => {
  const { machine, drain } = begin({ nstart: 4096, maxWaiting: 65_535 })
  const token = (n: number): Uint8Array => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n)
  const used = new Map<number, number>()
  let now = 0
  let next = 1
  for (; next <= 66_000; next++) {
    now += 1
    machine.handle({ kind: 'request', exchange: next, to: PEER, draft: GET, confirmable: true }, now)
    for (const out of drain()) {
      if (out.kind !== 'send') continue
      const id = out.data[2]! << 8 | out.data[3]!
      assert.ok(now - (used.get(id) ?? -Infinity) >= 247_000)
      used.set(id, now)
      machine.handle({ kind: 'received', data: emit(TYPE.ACK, id, out.data.subarray(4, 8), CONTENT), from: PEER, multicast: false }, now)
    }
  }
  assert.is(used.size, 65_536)
  assert.is(machine.kept.exchanges, 66_000 - 65_536)
  // The first 4096 were used until 4096 ms.
  const due = machine.deadline()!
  assert.is(due, 4096 + 247_000)
  machine.tick(due)
  const [again] = drain() as [CoapOutput & { kind: 'send' }]
  assert.equal(again.data.subarray(4, 8), token(65_537))
  assert.equal([...again.data.subarray(2, 4)], [0, 0])
})

test('RFC 7252 §4.3: an empty confirmable message is a ping', () => {
  const { machine, say, hear } = begin()
  hear(TYPE.CON, 0x1234, { code: 0 })
  assert.equal(say(), ['RST 0.00 Empty 0x1234'])
  machine.handle({ kind: 'ping', exchange: 9, to: PEER }, 2)
  assert.equal(say(), ['CON 0.00 Empty 0x0000'])
  hear(TYPE.RST, 0, { code: 0 }, { now: 3 })
  assert.equal(say(), ['acknowledged 9'])
  hear(TYPE.NON, 5, { code: 0 })
  assert.equal(say(), [])
  assert.is(machine.statistics.dropped.type, 1)
})

test('RFC 7252 §4.2: what is malformed and confirmable is rejected, the rest ignored', () => {
  const { machine, say } = begin()
  const come = (...data: number[]): string[] => {
    machine.handle({ kind: 'received', data: Uint8Array.from(data), from: PEER, multicast: false }, 1)
    return say()
  }
  assert.equal(come(0x40, 1, 0, 9, 0xff), ['RST 0.00 Empty 0x0009'])
  assert.equal(come(0x49, 1, 0, 9), ['RST 0.00 Empty 0x0009'])
  assert.equal(come(0x50, 1, 0, 9, 0xff), [])
  assert.equal(come(0x60, 0x45, 0, 9, 0xff), [])
  assert.equal(come(0x00, 1, 0, 9), [], 'another version is ignored in silence')
  assert.equal(come(0x40, 1), [])
  assert.is(machine.statistics.dropped.malformed, 6)
  // Reserved classes (§12.1) are rejected too.
  assert.equal(come(0x40, 0x21, 0, 9), ['RST 0.00 Empty 0x0009'])
  assert.equal(come(0x40, 0xe0, 0, 9), ['RST 0.00 Empty 0x0009'])
  // A reset with a code, an acknowledgment with a request.
  assert.equal(come(0x70, 0x45, 0, 9), [])
  assert.equal(come(0x60, 0x01, 0, 9), [])
  assert.is(machine.statistics.dropped.type, 4)
})

test('RFC 7252 §5.3.2: tokens are held against who was asked', () => {
  const { machine, ask, say, hear } = begin()
  ask()
  say()
  hear(TYPE.ACK, 0, CONTENT, { token: Uint8Array.of(0, 0, 0, 8) })
  assert.equal(say(), [], 'an acknowledgment with another token')
  hear(TYPE.CON, 5, CONTENT, { from: OTHER })
  assert.equal(say(), ['RST 0.00 Empty 0x0005'], 'from somebody else')
  hear(TYPE.CON, 6, CONTENT, { token: Uint8Array.of(7) })
  assert.equal(say(), ['RST 0.00 Empty 0x0006'], 'of another length')
  hear(TYPE.NON, 7, CONTENT, { token: NONE })
  assert.equal(say(), ['RST 0.00 Empty 0x0007'])
  assert.is(machine.statistics.dropped.token, 4)
  hear(TYPE.ACK, 0, CONTENT)
  assert.equal(say(), ['response 7: 1'])
})

test('RFC 7252 §5.4.1: a response with a critical option that is unknown is rejected, and is the end of it', () => {
  const { machine, ask, say, hear } = begin()
  ask()
  say()
  hear(TYPE.ACK, 0, { ...CONTENT, options: [[9, '']] })
  assert.equal(say(), ['failed 7 EPROTO'])
  ask()
  say()
  hear(TYPE.CON, 5, { ...CONTENT, options: [[9, '']] })
  assert.equal(say(), ['RST 0.00 Empty 0x0005', 'failed 7 EPROTO'])
  assert.is(machine.statistics.dropped.option, 2)
  assert.is(machine.kept.exchanges, 0)
})

test('RFC 7252 §4.5: a request is told once, and its duplicates are answered as it was', () => {
  const { machine, say, drain, hear } = begin()
  hear(TYPE.CON, 5, GET)
  const request = requestOf(drain())
  hear(TYPE.CON, 5, GET, { now: 50 })
  assert.equal(say(), [], 'before the answer')
  machine.handle({ kind: 'respond', request, draft: CONTENT }, 60)
  const answer = say()
  assert.equal(answer, ['ACK 2.05 Content 0x0005 token 00000007 payload 1'])
  hear(TYPE.CON, 5, GET, { now: 10_000 })
  assert.equal(say(), answer)
  // Another peer's, and another time's, is another request.
  hear(TYPE.CON, 5, GET, { from: OTHER, now: 10_000 })
  assert.equal(say(), ['request GET'])
  machine.tick(247_001)
  say()
  hear(TYPE.CON, 5, GET, { now: 247_001 })
  assert.equal(say(), ['request GET'])
})

test('RFC 7252 §5.2.2: who takes long is acknowledged first, and answers by a message of its own', () => {
  const { machine, say, drain, hear } = begin()
  hear(TYPE.CON, 5, GET)
  const request = requestOf(drain())
  assert.is(machine.deadline(), 201)
  machine.tick(201)
  assert.equal(say(), ['ACK 0.00 Empty 0x0005'])
  hear(TYPE.CON, 5, GET, { now: 300 })
  assert.equal(say(), ['ACK 0.00 Empty 0x0005'])
  machine.handle({ kind: 'respond', request, draft: CONTENT }, 1000)
  assert.equal(say(), ['CON 2.05 Content 0x0000 token 00000007 payload 1'])
  assert.is(machine.deadline(), 3000)
  hear(TYPE.CON, 5, GET, { now: 1001 })
  assert.equal(say(), ['ACK 0.00 Empty 0x0005'])
  machine.tick(3000)
  assert.equal(say(), ['CON 2.05 Content 0x0000 token 00000007 payload 1'])
  hear(TYPE.ACK, 0, { code: 0 }, { now: 3001 })
  assert.equal(say(), [])
  assert.is(machine.deadline(), 1 + 247_000)
  machine.handle({ kind: 'respond', request, draft: CONTENT }, 4000)
  assert.equal(say(), [], 'twice is once')
})

test('a request that is not confirmable is answered by what is not either, and its duplicate by nothing', () => {
  const { machine, say, drain, hear } = begin()
  hear(TYPE.NON, 5, GET)
  machine.handle({ kind: 'respond', request: requestOf(drain()), draft: CONTENT }, 2)
  assert.equal(say(), ['NON 2.05 Content 0x0000 token 00000007 payload 1'])
  hear(TYPE.NON, 5, GET, { now: 3 })
  assert.equal(say(), [])
  machine.tick(247_001)
  assert.is(machine.kept.messages, 0)
})

test('RFC 7967 §2: acknowledged, and not answered', () => {
  const { machine, say, drain, hear } = begin()
  hear(TYPE.CON, 5, GET)
  machine.handle({ kind: 'respond', request: requestOf(drain()), draft: undefined }, 2)
  assert.equal(say(), ['ACK 0.00 Empty 0x0005'])
  hear(TYPE.NON, 6, GET)
  machine.handle({ kind: 'respond', request: requestOf(drain()), draft: undefined }, 2)
  assert.equal(say(), [])
})

test('RFC 7252 §8: to a group only what is not confirmable; answered within the leisure', () => {
  const { machine, say, drain, hear } = begin({}, virtual({ seed: 5 }).random)
  hear(TYPE.CON, 5, GET, { multicast: true })
  hear(TYPE.NON, 6, CONTENT, { multicast: true })
  hear(TYPE.RST, 6, { code: 0 }, { multicast: true })
  machine.handle({ kind: 'received', data: Uint8Array.of(0x40, 1, 0, 9, 0xff), from: PEER, multicast: true }, 1)
  assert.equal(say(), [])
  assert.is(machine.statistics.dropped.type, 3)
  hear(TYPE.NON, 7, GET, { multicast: true, now: 100 })
  machine.handle({ kind: 'respond', request: requestOf(drain()), draft: CONTENT }, 100)
  assert.equal(say(), [])
  const due = machine.deadline()!
  assert.ok(due > 100 && due < 5100)
  machine.tick(due)
  assert.is(say().length, 1)
})

test('RFC 7252 §8.1: a group is asked once, and whoever answers is told, until the window closes', () => {
  const { machine, say, hear } = begin()
  machine.handle({ kind: 'request', exchange: 7, to: { address: 'ff02::fd', port: 5683 }, draft: GET, confirmable: false, window: 6000 }, 0)
  assert.is(say().length, 1)
  hear(TYPE.NON, 1, CONTENT)
  hear(TYPE.NON, 1, CONTENT, { from: OTHER, now: 4000 })
  assert.equal(say(), ['response 7: 1', 'response 7: 1'])
  machine.tick(6000)
  assert.equal(say(), ['failed 7 ETIMEDOUT'])
  hear(TYPE.NON, 2, CONTENT, { now: 6001 })
  assert.equal(say(), ['RST 0.00 Empty 0x0002'])
})

const NOTE = (n: number): Draft => ({ code: CODE.CONTENT, options: [[OPTION.OBSERVE, n]] })
const notify = (machine: CoapMachine, n: number, now: number, confirmable = true): void =>
  machine.handle({ kind: 'notify', observer: 1, to: PEER, token: Uint8Array.of(0x4a), draft: NOTE(n), confirmable }, now)

test('RFC 7641 §4.5.2: a newer notification takes the place of the one that is sent again, and its count', () => {
  const { machine, say, hear } = begin()
  notify(machine, 1, 0)
  assert.equal(say(), ['CON 2.05 Content 0x0000 token 4a Observe: 1'])
  notify(machine, 2, 100)
  notify(machine, 3, 200)
  assert.equal(say(), [])
  machine.tick(2000)
  assert.equal(say(), ['CON 2.05 Content 0x0001 token 4a Observe: 3'])
  assert.is(machine.deadline(), 6000, 'the count goes on')
  hear(TYPE.ACK, 0, { code: 0 }, { now: 2100 })
  assert.equal(say(), [], 'the one that was overtaken is not waited for')
  hear(TYPE.ACK, 1, { code: 0 }, { now: 2200 })
  assert.equal(say(), ['notified 1 ok'])
  // What came while it was under way follows its acknowledgment.
  notify(machine, 4, 3000)
  notify(machine, 5, 3001)
  say()
  hear(TYPE.ACK, 2, { code: 0 }, { now: 3100 })
  assert.equal(say(), ['CON 2.05 Content 0x0003 token 4a Observe: 5'])
})

test('RFC 7641 §3.6, §4.5: an observer that answers with a reset, or not at all, is told of', () => {
  const { machine, say, hear } = begin()
  notify(machine, 1, 0, false)
  say()
  hear(TYPE.RST, 0, { code: 0 })
  assert.equal(say(), ['notified 1 ECONNRESET'])
  notify(machine, 2, 10)
  say()
  for (const due of [2010, 6010, 14_010, 30_010]) machine.tick(due)
  say()
  machine.tick(62_010)
  assert.equal(say(), ['notified 1 ETIMEDOUT'])
  notify(machine, 3, 70_000)
  machine.handle({ kind: 'forget', observer: 1 }, 70_001)
  say()
  assert.is(machine.deadline(), undefined)
})

test('an exchange that is kept hears of all that comes, and may ask again under its token', () => {
  const { machine, ask, say, hear } = begin()
  ask(7, { keep: true })
  say()
  hear(TYPE.ACK, 0, NOTE(1))
  hear(TYPE.CON, 80, NOTE(2))
  assert.equal(say(), ['response 7: ', 'ACK 0.00 Empty 0x0050', 'response 7: '])
  ask(7, { keep: true, now: 500 })
  assert.equal(say(), ['CON GET 0x0001 token 00000007 Uri-Path: "test"'])
  machine.handle({ kind: 'cancel', exchange: 7 }, 600)
  hear(TYPE.CON, 81, NOTE(3), { now: 601 })
  assert.equal(say(), ['RST 0.00 Empty 0x0051'])
})

test('a client alone rejects what it is asked', () => {
  const machine = new CoapMachine(fixed, serverDefaults)
  const message = new Message()
  for (const type of [TYPE.CON, TYPE.NON]) machine.handle({ kind: 'received', data: emit(type, 5, NONE, GET), from: PEER, multicast: false }, 0)
  const out = machine.poll() as CoapOutput & { kind: 'send' }
  message.read(out.data)
  assert.equal([message.type, message.id], [TYPE.RST, 5])
  assert.is(machine.poll(), undefined)
  assert.is(machine.statistics.dropped.type, 2)
})

test('bounded: peers and messages beyond their limits make room', () => {
  const { machine, drain, hear } = begin({ maxPeers: 8, maxRemembered: 32 })
  for (let i = 0; i < 1000; i++) {
    hear(TYPE.CON, i, GET, { from: { address: `2001:db8::${(i % 100).toString(16)}`, port: 5683 }, now: i })
    machine.handle({ kind: 'respond', request: requestOf(drain()), draft: CONTENT }, i)
    drain()
    assert.ok(machine.kept.peers <= 8 && machine.kept.messages <= 32)
  }
  assert.ok(machine.statistics.forgotten > 900)
  // Those with whom something is outstanding do not.
  for (let i = 0; i < 10; i++) machine.handle({ kind: 'request', exchange: i + 1, to: { address: `2001:db8:1::${i}`, port: 5683 }, draft: GET, confirmable: true }, 2000)
  assert.equal(drain().filter(({ kind }) => kind === 'failed').map((out) => (out as { code: string }).code), ['ENOBUFS', 'ENOBUFS'])
})

test.run()
