/** What is sent, and when (RFC 9293 §3.7.4, §3.8; RFC 5681; RFC 6298; RFC 8985). */

import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { Script } from './script.ts'

const test = suite('tcp: sending')
const LEGACY = { options: 'mss 1460' }

test('RFC 6928: ten segments at first; then as acknowledgements come', async () => {
  const s = new Script().established()
  s.write(60_000)
  assert.is(s.sent().length, 10)
  s.receive('. 1:1(0) ack 2897')
  assert.is(s.sent().length, 4, 'slow start: two that left, and two more')
  await s.end()
})

test('RFC 9293 §3.7.4: small segments wait for an acknowledgement, unless noDelay', async () => {
  const s = new Script().established()
  s.write(10).expect('P. 1:11(10) ack 1').write(10).write(10).silence()
  s.receive('. 1:1(0) ack 11').expect('P. 11:31(20) ack 1')
  s.connection!.noDelay = true
  s.write(10).expect('P. 31:41(10) ack 1').write(10).expect('P. 41:51(10) ack 1')
  await s.end()
})

test('a whole segment does not wait', async () => {
  const s = new Script().established()
  s.write(10).expect('P. 1:11(10) ack 1').write(1500).expect('. 11:1459(1448) ack 1').silence()
  await s.end()
})

test('RFC 9293 §3.8: never beyond the window; what it lets pass follows', async () => {
  const s = new Script().established({ ...LEGACY, win: 3000 })
  s.write(10_000).expect('. 1:1461(1460) ack 1', '. 1461:2921(1460) ack 1').silence()
  s.receive('. 1:1(0) ack 2921 win 3000').expect('. 2921:4381(1460) ack 1', '. 4381:5841(1460) ack 1').silence()
  await s.end()
})

test('RFC 9293 §3.8.6.1: a window that is shut is probed, for as long as the peer answers', async () => {
  const s = new Script().established({ ...LEGACY, win: 1460 })
  s.write(5000).expect('. 1:1461(1460) ack 1').receive('. 1:1(0) ack 1461 win 0').silence()
  const probes: number[] = []
  for (let ms = 0; ms < 200_000; ms += 100) {
    s.after(100)
    for (const line of s.sent()) {
      assert.is(line.replace('P', ''), '. 1461:1462(1) ack 1')
      probes.push(s.env.clock.now())
      s.receive('. 1:1(0) ack 1461 win 0')
    }
  }
  assert.ok(probes.length > 6 && probes[1]! - probes[0]! < probes[3]! - probes[2]!, probes.join())
  assert.is(s.connection!.state, 'ESTABLISHED')
  s.receive('. 1:1(0) ack 1461 win 65535')
  assert.equal(s.sent().map((line) => line.replace('P', '')), ['. 1461:1462(1) ack 1', '. 1462:2922(1460) ack 1', '. 2922:4382(1460) ack 1'])
  await s.end()
})

test('RFC 9293 §3.8.6.2.1: a silly window is not filled at once, and not for ever left', async () => {
  const s = new Script().established({ ...LEGACY, win: 8000 })
  s.write(1460).expect('P. 1:1461(1460) ack 1').receive('. 1:1(0) ack 1461 win 100')
  s.write(5000).silence()
  s.after(1500)
  assert.is(s.sent()[0], 'P. 1461:1561(100) ack 1')
  await s.end()
})

test('RFC 6298 §5: a segment that nobody acknowledges is sent again, ever later', async () => {
  const s = new Script({ tcp: { retryCount: 4 } }).established(LEGACY)
  s.write(100).expect('P. 1:101(100) ack 1')
  const instants: number[] = []
  for (let ms = 0; ms < 60_000 && s.connection!.state !== 'CLOSED'; ms += 10) {
    s.after(10)
    for (const line of s.sent()) {
      assert.is(line, 'P. 1:101(100) ack 1')
      instants.push(s.env.clock.now())
    }
  }
  const gaps = instants.map((at, i) => at - (instants[i - 1] ?? 0))
  assert.is(instants.length, 4)
  for (let i = 1; i < gaps.length; i++) assert.ok(Math.abs(gaps[i]! - 2 * gaps[i - 1]!) <= 20, gaps.join())
  assert.equal(s.told(), ['closed ETIMEDOUT'])
  await s.end()
})

test('RFC 6298 §3: an acknowledgement that was lost for long is no long way', async () => {
  const s = new Script().established({ rtt: 50 })
  s.write(100).expect('P. 1:101(100) ack 1')
  // It arrived, and its acknowledgement did not; nor did those of the next ones, which came twice and so were not echoed.
  const { stamp } = s
  s.after(20_000)
  s.sent()
  s.receive(`. 1:1(0) ack 101 <ts 21000:${stamp}>`)
  s.write(100).expect('P. 101:201(100) ack 1').after(50).receive('. 1:1(0) ack 201')
  s.write(100).expect('P. 201:301(100) ack 1')
  s.after(1000)
  assert.ok(s.sent().length > 0, 'it is sent again within a second')
  await s.end()
})

test('RFC 5681 §3.2: the third duplicate acknowledgement sends the first segment again', async () => {
  const s = new Script().established(LEGACY)
  s.write(14_600)
  assert.is(s.sent().length, 10)
  s.after(5).receive('. 1:1(0) ack 1461').after(1)
  s.sent()
  for (let i = 0; i < 2; i++) s.receive('. 1:1(0) ack 1461')
  assert.ok(s.sent().every((line) => !line.startsWith('P. 1461:2921') && !line.startsWith('. 1461:2921')))
  s.receive('. 1:1(0) ack 1461')
  assert.ok(s.sent().some((line) => /1461:2921\(1460\)/.test(line)))
  await s.end()
})

test('RFC 8985 §6: with selective acknowledgements only what is missing is sent again', async () => {
  const s = new Script().established({ rtt: 10 })
  s.write(14_480)
  assert.is(s.sent().length, 10)
  s.after(10).receive('. 1:1(0) ack 1449').after(1).receive('. 1:1(0) ack 1449 <sack 2897:4345>').receive('. 1:1(0) ack 1449 <sack 2897:5793>')
    .receive('. 1:1(0) ack 1449 <sack 2897:7241>')
  s.after(5)
  const again = s.sent().filter((line) => line.includes(' 1449:'))
  assert.is(again.length, 1)
  assert.match(again[0]!, /1449:2897\(1448\)/)
  s.receive('. 1:1(0) ack 14481').silence()
  assert.is(s.stack.netif.statistics().counters['tcp']!['rexmit'], 1)
  await s.end()
})

test('RFC 8985 §7: nothing came back for the last segment: it is sent again long before the timeout', async () => {
  const s = new Script().established({ rtt: 20 })
  s.write(1448).expect('P. 1:1449(1448) ack 1').after(20).receive('. 1:1(0) ack 1449')
  s.write(2896)
  assert.is(s.sent().length, 2)
  let at = 0
  for (let ms = 0; ms < 400 && at === 0; ms++) {
    s.after(1)
    const sent = s.sent()
    if (sent.length > 0) {
      assert.match(sent[0]!, /2897:4345\(1448\)/)
      at = s.env.clock.now()
    }
  }
  assert.ok(at > 0 && at < 200, String(at))
  await s.end()
})

test('the interface has enough to do: segments wait for it, and none is made meanwhile', async () => {
  const s = new Script().established()
  s.busy(true)
  s.write(60_000)
  s.busy(false)
  const sent = s.sent()
  assert.ok(sent.length >= 10)
  assert.is(sent[0], '. 1:1449(1448) ack 1')
  await s.end()
})

test('writable follows a write that took less', async () => {
  const s = new Script().established({ sendBuffer: 10_000 })
  s.write(20_000)
  assert.is(s.written, 10_000)
  assert.is(s.connection!.room, 0)
  s.sent()
  s.receive('. 1:1(0) ack 5793')
  assert.equal(s.told(), ['writable'])
  assert.is(s.connection!.room, 5792)
  await s.end()
})

test('RFC 9293 §3.8.4: an idle connection is asked whether it is alive, and given up', async () => {
  const s = new Script().established()
  s.connection!.keepAlive = { idle: 10_000, interval: 1000, count: 3 }
  s.after(9000).silence().after(1001).expect('. 0:0(0) ack 1').receive('. 1:1(0) ack 1').after(9500).silence()
  s.after(600).expect('. 0:0(0) ack 1').after(1000).expect('. 0:0(0) ack 1').after(1000).expect('. 0:0(0) ack 1').after(1000).silence()
  assert.equal(s.told(), ['closed ETIMEDOUT'])
  await s.end()
})

test('RFC 5482: the user\'s timeout comes before the retransmissions\'', async () => {
  const s = new Script().established()
  s.connection!.userTimeout = 5000
  s.write(100)
  s.after(4900)
  assert.is(s.connection!.state, 'ESTABLISHED')
  s.after(200)
  assert.equal(s.told(), ['closed ETIMEDOUT'])
  await s.end()
})

test('lent buffers are sent as they are', async () => {
  const s = new Script().established()
  const packet = s.connection!.lend(100)!
  packet.write(Uint8Array.from({ length: 100 }, (_, i) => i * 7 + (i >> 8)))
  s.connection!.writeBuffer(packet)
  s.expect('P. 1:101(100) ack 1')
  await s.end()
})

test.run()
