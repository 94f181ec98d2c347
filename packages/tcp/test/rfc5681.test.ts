/** Congestion control as it is seen on the wire (RFC 5681, RFC 6928, RFC 3042, RFC 3522). */

import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { Script } from './script.ts'

const test = suite('tcp: congestion on the wire')
const LEGACY = { options: 'mss 1460' }
const bare = (lines: readonly string[]): string[] => lines.map((line) => line.replace('P', ''))

test('RFC 5681 §3.1, RFC 6298 §5: after a timeout each acknowledgement lets two of what was lost go out', async () => {
  for (const options of ['mss 1460', 'mss 1472,sackOK,ts']) {
    const s = new Script({ mtu: 1512 }).established({ options, rtt: 50 })
    s.write(14_600)
    assert.is(s.sent().length, 10)
    s.after(400)
    assert.is(bare(s.sent()).at(-1), '. 1:1461(1460) ack 1')
    s.after(50).receive('. 1:1(0) ack 1461')
    assert.equal(bare(s.sent()), ['. 1461:2921(1460) ack 1', '. 2921:4381(1460) ack 1'], options)
    s.after(50).receive('. 1:1(0) ack 2921')
    assert.equal(bare(s.sent()), ['. 4381:5841(1460) ack 1', '. 5841:7301(1460) ack 1'], options)
    await s.end()
  }
})

test('RFC 6928 §2: ten segments at first, of the size that the peer takes', async () => {
  for (const [options, mss] of [['mss 536', 536], ['mss 1000,sackOK,ts', 988], ['mss 1', 48]] as const) {
    const s = new Script().established({ options })
    s.write(60_000)
    const sent = s.sent()
    assert.is(sent.length, 10, options)
    assert.is(bare(sent)[9], `. ${9 * mss + 1}:${10 * mss + 1}(${mss}) ack 1`)
    await s.end()
  }
})

test('RFC 5681 §3.1: whose SYN was lost more than once begins with one segment', async () => {
  const s = new Script().connect().expect('S 0:0(0)').after(3000).expect('S 0:0(0)', 'S 0:0(0)').receive('S. 0:0(0) ack 1 win 65535 <mss 1460>').expect('. 1:1(0) ack 1')
  s.write(60_000).expect('. 1:1461(1460) ack 1').silence()
  s.receive('. 1:1(0) ack 1461')
  assert.is(s.sent().length, 2, 'slow start')
  await s.end()
  // One SYN may be lost: a second is a short time (RFC 6298 appendix A).
  const t = new Script().listen()
  t.receive('S 0:0(0) win 65535 <mss 1460>').expect('S. 0:0(0) ack 1').after(1000).expect('S. 0:0(0) ack 1').receive('. 1:1(0) ack 1').accept()
  t.write(60_000)
  assert.is(t.sent().length, 10)
  await t.end()
})

test('RFC 5681 §3.2: duplicates of any number are no more than what is under way', async () => {
  const s = new Script().established(LEGACY)
  s.write(60_000)
  assert.is(s.sent().length, 10)
  for (let i = 0; i < 100; i++) s.receive('. 1:1(0) ack 1')
  const sent = bare(s.sent())
  assert.is(sent.filter((line) => line.startsWith('. 1:')).length, 1)
  assert.ok(sent.length <= 11, `${sent.length} segments`)
  await s.end()
})

test('RFC 3042: the first two duplicates each let one new segment pass', async () => {
  const s = new Script().established(LEGACY)
  s.write(60_000)
  assert.is(s.sent().length, 10)
  s.receive('. 1:1(0) ack 1').expect('. 14601:16061(1460) ack 1').silence().receive('. 1:1(0) ack 1').expect('. 16061:17521(1460) ack 1').silence()
  s.receive('. 1:1(0) ack 1').expect('. 1:1461(1460) ack 1')
  await s.end()
})

test('RFC 3522: an acknowledgement of what was sent first undoes the timeout', async () => {
  const s = new Script().established({ rtt: 50 })
  s.write(14_480)
  s.sent()
  const { stamp } = s
  s.after(600)
  assert.is(bare(s.sent()).at(-1), '. 1:1449(1448) ack 1')
  s.receive(`. 1:1(0) ack 2897 <ts 5000:${stamp}>`).silence()
  s.write(40_000)
  assert.is(s.sent().length, 4, 'the window is what it was, and slow start goes on')
  await s.end()
})

test.run()
