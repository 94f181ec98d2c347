/** The requirements of RFC 9293 by their numbers (appendix B), where no other script is named for them. */

import { address, finish, sum } from '@favonius/inet'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { Script } from './script.ts'

const test = suite('tcp: RFC 9293 by number')
const LEGACY = { options: 'mss 1460' }
const bare = (lines: readonly string[]): string[] => lines.map((line) => line.replace('P', ''))

// ---- opening ----

test('MUST-10, §3.5 figure 8: both ask at once, and the answer to our SYN is a SYN-ACK', async () => {
  const s = new Script()
  s.connect().expect('S 0:0(0)').receive('S 0:0(0) win 65535 <mss 1460,sackOK,ts,wscale 7>').expect('S. 0:0(0) ack 1')
  s.receive('S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,ts,wscale 7>')
  assert.is(s.connection!.state, 'ESTABLISHED')
  assert.equal(s.told(), ['established'])
  s.sent()
  s.write(100_000)
  assert.is(s.sent().length, 10, 'the window of the SYN-ACK was not scaled')
  await s.end()
})

test('MUST-20, MUST-36: a peer that has shut its window and does not answer any more is given up', async () => {
  const s = new Script({ tcp: { retryCount: 4 } }).established({ ...LEGACY, win: 1460 })
  s.write(5000).expect('. 1:1461(1460) ack 1').receive('. 1:1(0) ack 1461 win 0').silence()
  s.after(120_000)
  assert.is(s.sent().length, 4)
  assert.equal(s.told(), ['closed ETIMEDOUT'])
  await s.end()
})

test('MUST-37: as long as it answers, the window may stay shut', async () => {
  const s = new Script({ tcp: { retryCount: 4 } }).established({ ...LEGACY, win: 1460 })
  s.write(5000).expect('. 1:1461(1460) ack 1').receive('. 1:1(0) ack 1461 win 0').silence()
  for (let probes = 0; probes < 20;) {
    s.after(1000)
    for (const _ of s.sent()) {
      probes++
      s.receive('. 1:1(0) ack 1461 win 0')
    }
  }
  assert.is(s.connection!.state, 'ESTABLISHED')
  await s.end()
})

test('RFC 6429 §3: but not for nobody: who has left does not wait for a window for ever', async () => {
  const s = new Script({ tcp: { retryCount: 4 } }).established({ ...LEGACY, win: 1460 })
  s.write(5000).expect('. 1:1461(1460) ack 1').receive('. 1:1(0) ack 1461 win 0').silence()
  s.connection!.close()
  for (let ms = 0; ms < 300_000; ms += 1000) {
    s.after(1000)
    for (const _ of s.sent()) s.receive('. 1:1(0) ack 1461 win 0')
  }
  assert.is(s.stack.tcp.connections.length, 0)
  await s.end()
})

test('RFC 6429 §3, RFC 5482: the user\'s timeout counts while a window is shut', async () => {
  const s = new Script().established({ ...LEGACY, win: 1460, userTimeout: 30_000 })
  s.write(5000).expect('. 1:1461(1460) ack 1').receive('. 1:1(0) ack 1461 win 0').silence()
  for (let ms = 0; ms < 40_000; ms += 1000) {
    s.after(1000)
    for (const _ of s.sent()) s.receive('. 1:1(0) ack 1461 win 0')
  }
  assert.equal(s.told(), ['closed ETIMEDOUT'])
  await s.end()
})

test('§3.10.8: the user\'s timeout counts from the SYN on', async () => {
  const s = new Script().connect({ userTimeout: 5000 }).expect('S 0:0(0)')
  s.after(5100)
  assert.equal(s.told(), ['closed ETIMEDOUT'])
  s.sent()
  await s.end()
})

test('§3.10.7.4, first: a window that is full up to its edge lets acknowledgements pass', async () => {
  const s = new Script().established({ receiveBuffer: 4000, ...LEGACY })
  s.write(100).expect('P. 1:101(100) ack 1')
  // All that it may send is under way, and the first of it is lost.
  s.receive('. 1001:4001(3000) ack 1').expect('. 101:101(0) ack 1')
  s.receive('. 4001:4001(0) ack 101').silence()
  assert.is(s.connection!.unacknowledged, 0)
  await s.end()
})

test('MUST-34: what we say stays within the window of the peer, also when it shrinks or is probed', async () => {
  const s = new Script().established({ ...LEGACY, win: 1460 })
  s.write(5000).expect('. 1:1461(1460) ack 1').receive('. 1:1(0) ack 1461 win 0').after(300)
  assert.equal(bare(s.sent()), ['. 1461:1462(1) ack 1'])
  // A peer whose window is shut takes nothing behind it.
  s.receive('P. 1:101(100) ack 1461 win 0').expect('. 1461:1461(0) ack 101')
  s.read(100).connection!.abort()
  s.expect('R. 1461:1461(0) ack 101')
  await s.end()
})

test('MUST-66: a reset counts when the window is shut', async () => {
  const s = new Script().established({ receiveBuffer: 4000, ...LEGACY })
  for (let i = 0; i < 4; i++) s.receive(`. ${1 + i * 1000}:${1001 + i * 1000}(1000) ack 1`)
  s.receive('P. 4001:4002(1) ack 1')
  s.sent()
  s.receive('R 4001:4001(0)').silence()
  assert.equal(s.told(), ['readable', 'readable', 'readable', 'readable', 'closed ECONNRESET'])
  s.read(4000)
  await s.end()
})

test('§3.8.6.2.2: a window that is not scaled does not open by what it cannot say', async () => {
  const s = new Script().established(LEGACY)
  for (let i = 0; i < 10; i++) s.receive(`P. ${1 + i * 1000}:${1001 + i * 1000}(1000) ack 1`).expect(`. 1:1(0) ack ${1001 + i * 1000}`).read(1000).silence()
  await s.end()
})

// ---- segments ----

test('MUST-16, RFC 6691 §2: selective acknowledgements do not make a segment larger than it may be', async () => {
  const s = new Script().established()
  s.receive('P. 101:201(100) ack 1').expect('. 1:1(0) ack 1 <sack 101:201>')
  s.write(4344).expect('. 1:1449(1448) ack 1 <nosack>', '. 1449:2897(1448) ack 1 <nosack>', '. 2897:4345(1448) ack 1 <nosack>')
  // What was to be said is said without data.
  s.connection!.sink.readable = () => void s.write(2896)
  s.receive('P. 1:51(50) ack 1')
  s.expect('. 4345:5793(1448) ack 51 <nosack>', '. 5793:7241(1448) ack 51 <nosack>', '. 7241:7241(0) ack 51 <sack 101:201>')
  s.receive('P. 51:101(50) ack 1').read(200)
  await s.end()
})

test('MUST-14 to MUST-16: an MSS of 0 is none, one of 1 is not believed, one of 65535 is bounded by the way', async () => {
  for (const [mss, size] of [[0, 536], [1, 48], [65_535, 1460]] as const) {
    const s = new Script().established({ options: `mss ${mss}` })
    s.write(1460)
    assert.is(bare(s.sent())[0], `. 1:${1 + size}(${size}) ack 1`, `MSS ${mss}`)
    await s.end()
  }
})

test('RFC 7323 §2.3: windows are scaled by 14 at most', async () => {
  const s = new Script({ tcp: { sendBuffer: 2 ** 20 } }).established({ options: 'mss 1460,sackOK,ts,wscale 14', win: 1 })
  s.receive('. 1:1(0) ack 1 win 65535').write(14_480)
  assert.is(s.sent().length, 10)
  await s.end()
})

test('MUST-1: a window of 65535 is no negative one', async () => {
  const s = new Script().established({ ...LEGACY, win: 65_535 })
  s.write(1460).expect('P. 1:1461(1460) ack 1')
  await s.end()
})

// ---- closing ----

test('SHLD-3: who leaves with data unread resets, also when the peer has ended', async () => {
  const s = new Script().established()
  s.receive('FP. 1:101(100) ack 1').expect('. 1:1(0) ack 102')
  s.connection!.close()
  s.expect('R. 1:1(0) ack 102')
  assert.is(s.stack.tcp.connections.length, 0)
  await s.end()
})

test('MUST-13, §3.10.7.4: in TIME-WAIT an acknowledgement in its place is not answered, as the other side might be waiting too', async () => {
  const s = new Script().established()
  s.connection!.end()
  s.expect('F. 1:1(0) ack 1').receive('F. 1:1(0) ack 1').expect('. 2:2(0) ack 2').receive('. 2:2(0) ack 2')
  assert.is(s.stack.tcp.timeWaiting, 1)
  for (let i = 0; i < 5; i++) s.receive('. 2:2(0) ack 2')
  s.silence()
  // The peer's FIN again, and data that nobody has a use for, are.
  s.receive('F. 1:1(0) ack 1').expect('. 2:2(0) ack 2').receive('P. 2:12(10) ack 2').expect('. 2:2(0) ack 2')
  await s.end()
})

test('MAY-2: a SYN ends TIME-WAIT only where somebody listens', async () => {
  const s = new Script().established()
  s.connection!.end()
  s.expect('F. 1:1(0) ack 1').receive('F. 1:1(0) ack 2').expect('. 2:2(0) ack 2')
  s.after(2000).receive('S 1000:1000(0) win 65535 <mss 1460,sackOK,ts,wscale 7>').expect('. 2:2(0) ack 2')
  assert.is(s.stack.tcp.timeWaiting, 1)
  await s.end()
})

test('§3.6.1, MAY-2: the new connection begins behind the last number of the old one, however fast that was', async () => {
  const s = new Script().established({ passive: true, ...LEGACY, win: 65_535 })
  // A megabyte in no time: the clock of initial sequence numbers is left behind.
  s.connection!.sink.writable = () => {}
  for (let acked = 1; acked < 1_000_001;) {
    s.write(Math.min(60_000, 1_000_000 - s.written))
    const last = s.sent().at(-1)
    acked = Number(/:(\d+)\(/.exec(last!)![1])
    s.receive(`. 1:1(0) ack ${acked}`)
  }
  s.sent()
  const { sndNxt } = s.connection as unknown as { sndNxt: number }
  s.connection!.end()
  s.sent()
  s.receive('F. 1:1(0) ack 1000002').sent()
  assert.is(s.stack.tcp.timeWaiting, 1)
  s.receive('S 1000:1000(0) win 65535 <mss 1460>')
  assert.match(s.sent()[0]!, /^S\. /)
  const [next] = s.stack.tcp.connections as unknown as { iss: number }[]
  assert.ok(((next!.iss - sndNxt) | 0) > 0)
  await s.end()
})

test('MUST-24 to MUST-29: no keep-alive for who is gone', async () => {
  const s = new Script().established()
  s.receive('R 1:1(0)')
  assert.equal(s.told(), ['closed ECONNRESET'])
  s.connection!.keepAlive = { idle: 1000, interval: 1000, count: 1 }
  assert.is(s.env.armed, 0)
  s.after(10_000).silence()
  assert.equal(s.told(), [])
  await s.end()
})

// ---- retransmission ----

test('RFC 6298 §5.7: whose SYN was sent again waits for 3 s when it knows no round trip', async () => {
  const s = new Script().connect().expect('S 0:0(0)').after(1000).expect('S 0:0(0)').receive('S. 0:0(0) ack 1 win 65535 <mss 1460>').expect('. 1:1(0) ack 1')
  s.write(100).expect('P. 1:101(100) ack 1').after(2900).silence().after(101).expect('P. 1:101(100) ack 1')
  await s.end()
})

// ---- half-open connections ----

test('§3.5.1 figure 9: an old SYN, twice: the reset that it brings forth leads back to LISTEN', async () => {
  const s = new Script().listen()
  s.receive('S 0:0(0) win 65535').expect('S. 0:0(0) ack 1').receive('R 1:1(0)').silence()
  assert.is(s.stack.tcp.connections.length, 0)
  s.receive('S 100:100(0) win 65535').expect('S. 0:0(0) ack 101').receive('. 101:101(0) ack 1')
  assert.equal(s.told(), ['acceptable'])
  await s.end()
})

test('§3.5.1 figure 10: a peer that has begun anew learns of the old connection, resets it, and is heard', async () => {
  const s = new Script().established({ passive: true })
  s.receive('S 400:400(0) win 65535').expect('. 1:1(0) ack 1').receive('R 1:1(0)')
  assert.equal(s.told(), ['closed ECONNRESET'])
  s.receive('S 400:400(0) win 65535').expect('S. 0:0(0) ack 401')
  await s.end()
})

test('§3.5.1 figure 11: what is sent to a peer that has begun anew is reset', async () => {
  const s = new Script().established()
  s.write(100).expect('P. 1:101(100) ack 1').receive('R 1:1(0)')
  assert.equal(s.told(), ['closed ECONNRESET'])
  await s.end()
})

// ---- addresses ----

test('MUST-46: nobody is asked for a connection at an address that is many\'s or nobody\'s', async () => {
  const s = new Script()
  for (const to of ['255.255.255.255', '192.0.2.255', '224.0.0.1', '0.0.0.0']) assert.throws(() => s.stack.tcp.connect(address(to), 80, s.sink), undefined, to)
  assert.is(s.stack.tcp.connections.length, 0)
  s.silence()
  await s.end()
})

test('MUST-48, MUST-49, SHLD-21, SHLD-22: time to live and traffic class are its owner\'s, from the SYN on and whenever it changes them', async () => {
  const s = new Script()
  s.connect({ hopLimit: 5, trafficClass: 0x28 }).expect('S 0:0(0)')
  assert.equal([s.packet[1], s.packet[8]], [0x28, 5])
  s.receive('S. 0:0(0) ack 1 win 65535 <mss 1460>').expect('. 1:1(0) ack 1')
  assert.equal([s.packet[1], s.packet[8]], [0x28, 5])
  s.connection!.hopLimit = 77
  s.connection!.trafficClass = 0x50
  s.write(10).expect('P. 1:11(10) ack 1')
  assert.equal([s.packet[1], s.packet[8]], [0x50, 77])
  await s.end()
})

test('MUST-57, MUST-63: what comes from who is nobody or many, or goes to many, is dropped without a word', async () => {
  const s = new Script().listen()
  s.receive('S 0:0(0) win 65535').expect('S. 0:0(0) ack 1').receive('R 1:1(0)')
  for (const [source, destination] of [
    [[224, 0, 0, 5], [192, 0, 2, 1]], [[255, 255, 255, 255], [192, 0, 2, 1]], [[192, 0, 2, 255], [192, 0, 2, 1]], [[0, 0, 0, 0], [192, 0, 2, 1]],
    [[192, 0, 2, 2], [192, 0, 2, 255]], [[192, 0, 2, 2], [255, 255, 255, 255]], [[192, 0, 2, 2], [224, 0, 0, 1]],
  ] as const) {
    const packet = new Uint8Array(40)
    const dv = new DataView(packet.buffer)
    packet.set([0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, ...source, ...destination, 0x13, 0x88, 4242 >> 8, 4242 & 255, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff])
    dv.setUint16(10, finish(sum(packet, 0, 20, 0)))
    dv.setUint16(36, finish(sum(packet, 12, 28, 6 + 20)))
    s.raw(packet)
    s.silence()
  }
  assert.is(s.stack.tcp.connections.length, 0)
  await s.end()
})

test('MUST-3: what does not sum up is dropped', async () => {
  const s = new Script().listen()
  s.receive('S 0:0(0) win 65535').expect('S. 0:0(0) ack 1').receive('R 1:1(0)')
  const packet = new Uint8Array(40)
  packet.set([0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1, 0x13, 0x88, 4242 >> 8, 4242 & 255, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0x12, 0x34])
  new DataView(packet.buffer).setUint16(10, finish(sum(packet, 0, 20, 0)))
  s.raw(packet).silence()
  assert.is(s.drops()['tcp: bad checksum'], 1)
  await s.end()
})

// ---- what the way says ----

test('MUST-54 to MUST-56, SHLD-25, RFC 5927 §5.2: a connection that works outlives what routers say; its owner hears of it when it does not', async () => {
  for (const [type, code] of [[3, 0], [3, 1], [3, 2], [3, 3], [3, 5], [11, 0], [11, 1], [12, 0]] as const) {
    const s = new Script({ tcp: { retryCount: 2 } }).established()
    s.write(100).expect('P. 1:101(100) ack 1').icmp(type, code, 1)
    assert.is(s.connection!.state, 'ESTABLISHED')
    s.after(10_000)
    s.sent()
    const [end] = s.told()
    assert.ok(end!.startsWith('closed E') && end !== 'closed ETIMEDOUT', `${type}/${code}: ${end}`)
    await s.end()
  }
  // Source Quench is nothing at all (RFC 6633).
  const s = new Script({ tcp: { retryCount: 2 } }).established()
  s.write(100).expect('P. 1:101(100) ack 1').icmp(4, 0, 1).after(10_000)
  s.sent()
  assert.equal(s.told(), ['closed ETIMEDOUT'])
  await s.end()
})

test('RFC 5927 §4.1: words about what is not under way are nobody\'s', async () => {
  const s = new Script().connect().expect('S 0:0(0)').icmp(3, 3, 5).icmp(3, 3, 4_000_000_000)
  assert.is(s.connection!.state, 'SYN-SENT')
  s.icmp(3, 3, 0)
  assert.equal(s.told(), ['closed ECONNREFUSED'])
  await s.end()
})

test('RFC 5927 §7.2: no word makes segments smaller than what every host must take', async () => {
  for (const mtu of [0, 68, 296]) {
    const s = new Script().established(LEGACY)
    s.write(1460).expect('P. 1:1461(1460) ack 1').icmp(3, 4, 1, mtu).after(1)
    const [first] = s.sent()
    assert.ok(Number(/\((\d+)\)/.exec(first!)![1]) >= 536, first)
    await s.end()
  }
})

// ---- resets ----

test('SHLD-2: a reset may have data', async () => {
  const s = new Script().established()
  s.receive('R 1:31(30)')
  assert.equal(s.told(), ['closed ECONNRESET'])
  await s.end()
})

test('MUST-11, §3.10.7.4: a handshake that was not asked for ends without a word, one that was asked for is refused', async () => {
  const s = new Script().connect().expect('S 0:0(0)').receive('S 0:0(0) win 65535 <mss 1460>').expect('S. 0:0(0) ack 1').receive('R 1:1(0)')
  assert.equal(s.told(), ['closed ECONNREFUSED'])
  await s.end()
  const t = new Script().listen()
  t.receive('S 0:0(0) win 65535').expect('S. 0:0(0) ack 1').receive('R 1:1(0)')
  assert.equal(t.told(), [])
  assert.is(t.listener!.waiting, 0)
  await t.end()
})

test('§3.10.7.4, fifth: an acknowledgement of something else does not end a handshake', async () => {
  const s = new Script().listen()
  s.receive('S 0:0(0) win 65535').expect('S. 0:0(0) ack 1').receive('. 1:1(0) ack 2').expect('R 2:2(0)').receive('. 1:1(0) ack 0').expect('R 0:0(0)')
  assert.is(s.listener!.waiting, 0)
  s.receive('. 1:1(0) ack 1')
  assert.is(s.listener!.waiting, 1)
  await s.end()
})

test('MUST-42, MUST-41: many connections of one listener are under way at once', async () => {
  const s = new Script().listen()
  s.receive('S 0:0(0) win 65535').expect('S. 0:0(0) ack 1')
  s.connect({ sourcePort: 4243 }).expect('S 0:0(0)')
  assert.is(s.stack.tcp.connections.length, 2)
  await s.end()
})

// ---- acknowledgements ----

test('MUST-58, MUST-59: what came together is acknowledged together', async () => {
  const s = new Script().established()
  s.receive('. 1001:2001(1000) ack 1').receive('. 2001:3001(1000) ack 1')
  s.sent()
  s.receive('. 1:1001(1000) ack 1').expect('. 1:1(0) ack 3001').silence().read(3000)
  await s.end()
})

test('SHLD-12, MUST-25: keep-alives are not there unless asked for', async () => {
  const s = new Script().established()
  s.after(10 * 86_400_000).silence()
  assert.is(s.connection!.state, 'ESTABLISHED')
  assert.is(s.env.armed, 0)
  await s.end()
})

test('MUST-61, MUST-60: the last of what there is is pushed, and nothing waits for a push', async () => {
  const s = new Script().established(LEGACY)
  s.write(1500).expect('. 1:1461(1460) ack 1').receive('. 1:1(0) ack 1461').expect('P. 1461:1501(40) ack 1')
  await s.end()
})

test.run()
