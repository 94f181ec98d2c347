/** Peers that are strange, broken, or not who they seem to be. */

import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { Script } from './script.ts'

const test = suite('tcp: strange peers')
const LEGACY = { options: 'mss 1460' }
const bare = (lines: readonly string[]): string[] => lines.map((line) => line.replace('P', ''))
const DAY = 86_400_000

// ---- selective acknowledgements ----

test('RFC 2018 §8: after a timeout a peer that has dropped what it had is sent it again', async () => {
  const s = new Script().established({ rtt: 10 })
  s.write(4344)
  assert.is(s.sent().length, 3)
  s.after(10).receive('. 1:1(0) ack 1 <sack 1449:4345>').after(20)
  s.sent()
  s.receive('. 1:1(0) ack 1449')
  const again: string[] = []
  for (let ms = 0; ms < 5000 && s.connection!.unacknowledged > 0; ms += 100) {
    s.after(100)
    for (const line of bare(s.sent())) {
      again.push(line)
      if (line.includes('1449:2897')) s.receive('. 1:1(0) ack 2897')
      if (line.includes('2897:4345')) s.receive('. 1:1(0) ack 4345')
    }
  }
  assert.is(s.connection!.unacknowledged, 0, again.join())
  await s.end()
})

test('RFC 2018 §3: blocks that lie change nothing', async () => {
  for (const lie of ['5000:9000', '2897:1449', '1449:1449', '4294960000:4294961000', '1:200000']) {
    const s = new Script().established({ rtt: 10 })
    s.write(2896)
    assert.is(s.sent().length, 2)
    s.after(10).receive(`. 1:1(0) ack 1 <sack ${lie}>`).silence()
    s.receive('. 1:1(0) ack 2897')
    assert.is(s.connection!.unacknowledged, 0, lie)
    await s.end()
  }
})

test('a peer that selects single bytes does not cut segments to pieces (CVE-2019-11478)', async () => {
  const s = new Script().established({ rtt: 10 })
  s.write(14_480)
  assert.is(s.sent().length, 10)
  s.after(10)
  for (let at = 1451; at < 14_480; at += 8) s.receive(`. 1:1(0) ack 1 <sack ${at}:${at + 1} ${at + 2}:${at + 3} ${at + 4}:${at + 5}>`)
  for (let ms = 0; ms < 1000; ms += 10) s.after(10)
  const sent = s.sent()
  assert.ok(sent.length < 30, `${sent.length} segments`)
  s.receive('. 1:1(0) ack 14481')
  assert.is(s.connection!.unacknowledged, 0)
  await s.end()
})

test('RFC 2883 §4: of what is not there yet nothing is said', async () => {
  const s = new Script().established({ receiveBuffer: 4000, options: 'mss 1460,sackOK' })
  for (let i = 0; i < 4; i++) s.receive(`. ${1 + i * 1000}:${1001 + i * 1000}(1000) ack 1`)
  s.sent()
  s.receive('. 3501:4501(1000) ack 1').expect('. 1:1(0) ack 4001 win 0 <sack 3501:4001>')
  await s.end()
})

test('RFC 8985 §7.2: no tail loss probe while something is selected: there are other means', async () => {
  const s = new Script().established({ rtt: 100 })
  s.write(4344)
  assert.is(s.sent().length, 3)
  // The last one is there: sending it again would tell nothing.
  s.after(100).receive('. 1:1(0) ack 1 <sack 2897:4345>')
  for (let ms = 0; ms < 2000; ms += 10) {
    s.after(10)
    for (const line of bare(s.sent())) assert.not.match(line, /2897:4345/)
  }
  await s.end()
})

test('RFC 8985 §7.4.2: an acknowledgement that was only late is no sign that the probe repaired a loss', async () => {
  const window = (s: Script): number => (s.connection as unknown as { recovery: { control: { window: number } } }).recovery.control.window
  const late = new Script().established({ rtt: 20 })
  late.write(1448).expect('P. 1:1449(1448) ack 1').after(20).receive('. 1:1(0) ack 1449')
  late.write(1448).expect('P. 1449:2897(1448) ack 1').after(170)
  assert.equal(bare(late.sent()), ['. 1449:2897(1448) ack 1'])
  const before = window(late)
  // The first one's, and then the second one's.
  late.receive('. 1:1(0) ack 2897').after(20).receive('. 1:1(0) ack 2897 <sack 1449:2897>')
  late.write(1448).expect('P. 2897:4345(1448) ack 1').after(20).receive('. 1:1(0) ack 4345')
  assert.ok(window(late) >= before, `${window(late)} of ${before}`)
  await late.end()
  // Where it was not acknowledged twice, it had been lost.
  const lost = new Script().established({ rtt: 20 })
  lost.write(1448).expect('P. 1:1449(1448) ack 1').after(20).receive('. 1:1(0) ack 1449')
  lost.write(1448).expect('P. 1449:2897(1448) ack 1').after(170)
  assert.equal(bare(lost.sent()), ['. 1449:2897(1448) ack 1'])
  lost.after(20).receive('. 1:1(0) ack 2897')
  lost.write(1448).expect('P. 2897:4345(1448) ack 1').after(20).receive('. 1:1(0) ack 4345')
  assert.ok(window(lost) < before, `${window(lost)} of ${before}`)
  await lost.end()
})

// ---- timestamps ----

test('RFC 7323 §5.5: after 24 days without a word any timestamp is as good as new, and the next one is measured by it', async () => {
  const s = new Script().established()
  s.after(25 * DAY).receive('P. 1:101(100) ack 1 <ts 900:0>').expect('. 1:1(0) ack 101 <echo 900>')
  s.receive('P. 101:201(100) ack 1 <ts 800:0>').expect('. 1:1(0) ack 101')
  s.read(100)
  await s.end()
})

test('RFC 5961 §7: what is of the past by its timestamp is not answered for ever: it might be an answer', async () => {
  const s = new Script().established()
  s.after(100).receive('P. 1:101(100) ack 1').expect('. 1:1(0) ack 101').read(100)
  for (let i = 0; i < 100; i++) s.receive('. 101:101(0) ack 1 <ts 900:0>')
  assert.is(s.sent().length, 10)
  await s.end()
})

test('RFC 5961 §5.2, RFC 7323 §5.3: who cannot tell what we sent, does not set the clock', async () => {
  const s = new Script().established()
  s.receive('. 1:1(0) ack 100000 <ts 2000000000:0>')
  s.sent()
  s.after(10).receive('P. 1:101(100) ack 1').expect('. 1:1(0) ack 101').read(100)
  await s.end()
})

test('RFC 7323 §3.2: timestamps that stop: what comes without is taken', async () => {
  const s = new Script().established()
  s.receive('P. 1:101(100) ack 1 <nots>').expect('. 1:1(0) ack 101').read(100)
  await s.end()
})

// ---- ends ----

test('data behind its own end does not keep a peer from ending', async () => {
  const s = new Script().established()
  s.receive('F. 101:101(0) ack 1').receive('P. 51:201(150) ack 1').receive('P. 1:51(50) ack 1')
  assert.ok(s.told().includes('ended'))
  assert.is(s.connection!.state, 'CLOSE-WAIT')
  s.read()
  await s.end()
})

test('a FIN with data beyond the window: what fits is taken, and the end is not', async () => {
  const s = new Script().established({ receiveBuffer: 4000, ...LEGACY })
  s.receive('F. 1:5001(5000) ack 1').expect('. 1:1(0) ack 4001 win 0')
  assert.equal(s.told(), ['readable'])
  s.read(4000).expect('. 1:1(0) ack 4001').receive('F. 4001:5001(1000) ack 1').expect('. 1:1(0) ack 5002').read(1000)
  assert.equal(s.told(), ['readable', 'ended'])
  await s.end()
})

test('both end at once with data under way', async () => {
  const s = new Script().established()
  s.write(1000)
  s.connection!.end()
  s.expect('. 1:1001(1000) ack 1', 'F. 1001:1001(0) ack 1').receive('FP. 1:501(500) ack 1').expect('. 1002:1002(0) ack 502')
  assert.is(s.connection!.state, 'CLOSING')
  s.receive('. 502:502(0) ack 1001')
  assert.is(s.connection!.state, 'CLOSING', 'our FIN is still to be acknowledged')
  s.receive('. 502:502(0) ack 1002').read(500)
  assert.equal(s.told(), ['readable', 'ended', 'closed'])
  assert.is(s.stack.tcp.timeWaiting, 1)
  await s.end()
})

// ---- beginnings ----

test('a SYN with data, and one with FIN, are answered as any; what they carry comes again', async () => {
  const s = new Script().listen()
  s.receive('SFP 0:100(100) win 65535').expect('S. 0:0(0) ack 1')
  s.receive('FP. 1:101(100) ack 1').expect('. 1:1(0) ack 102').accept()
  assert.is(s.connection!.state, 'CLOSE-WAIT')
  assert.is(s.connection!.readable, 100)
  s.connection!.close()
  s.sent()
  await s.end()
})

test('a SYN-ACK with every flag: data and the end are taken', async () => {
  const s = new Script().connect().expect('S 0:0(0)')
  s.receive('SFPU. 0:0(0) ack 1 win 65535')
  assert.equal(s.told(), ['established', 'ended'])
  assert.is(s.sent().at(-1), '. 1:1(0) ack 2')
  s.connection!.end()
  s.expect('F. 1:1(0) ack 2')
  await s.end()
})

test('segments with every set of flags, in every place, neither throw nor end a connection', async () => {
  for (const place of [1, 2, 0, 500, 60_000, 4_000_000]) {
    const s = new Script().established()
    for (let set = 1; set < 64; set++) {
      const flags = [...'SFRPU.'].filter((_, i) => (set & (1 << i)) !== 0).join('')
      // A reset or an end in its place is what it is.
      if (place === 1 && /[RF]/.test(flags)) continue
      s.receive(`${flags} ${place}:${place}(0) ack 1 <nots>`)
    }
    s.after(1000)
    s.sent()
    assert.is(s.connection!.state, place === 1 ? 'ESTABLISHED' : s.connection!.state)
    assert.ok(s.connection!.state !== 'CLOSED', `at ${place}`)
    await s.end()
  }
})

test('RFC 5681 §3.2: acknowledgements of what is not sent yet, again and again, send nothing', async () => {
  const s = new Script().established(LEGACY)
  s.write(100_000)
  assert.is(s.sent().length, 10)
  for (let i = 1; i < 50; i++) s.receive(`. 1:1(0) ack ${14_601 + i * 1460}`)
  assert.ok(bare(s.sent()).every((line) => /\(0\)/.test(line)))
  await s.end()
})

test('a window that shrinks below what is under way is no loss, and what is asked for again comes', async () => {
  const s = new Script().established({ ...LEGACY, win: 14_600 })
  s.write(20_000)
  assert.is(s.sent().length, 10)
  s.receive('. 1:1(0) ack 1461 win 2920').silence()
  s.after(1500)
  const again = bare(s.sent())
  assert.is(again[0], '. 1461:2921(1460) ack 1')
  assert.ok(again.every((line) => Number(/^\. (\d+)/.exec(line)![1]) < 4381), again.join())
  s.receive('. 1:1(0) ack 14601 win 14600')
  assert.is(bare(s.sent())[0], '. 14601:16061(1460) ack 1')
  await s.end()
})

test.run()
