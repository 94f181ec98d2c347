/** What arrives (RFC 9293 §3.8.6, §3.10.7.4; RFC 2018; RFC 5961; RFC 7323). */

import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { Script } from './script.ts'

const test = suite('tcp: receiving')

/** A connection past the beginning, at which every segment is acknowledged at once. */
function settled(options: Parameters<Script['established']>[0] = {}): Script {
  const s = new Script().established(options)
  for (let i = 0; i < 20; i++) s.receive(`P. ${1 + i * 100}:${101 + i * 100}(100) ack 1`)
  s.after(200).read(2000)
  s.sent()
  s.told()
  return s
}

test('RFC 9293 §3.8.6.3: every second full-sized segment is acknowledged, and the others a little later', async () => {
  const s = new Script().established()
  for (let i = 0; i < 20; i++) s.receive(`. ${1 + i * 1000}:${1001 + i * 1000}(1000) ack 1`)
  s.after(200).read(20_000)
  s.sent()
  s.receive('. 20001:21001(1000) ack 1').after(0).silence().receive('. 21001:22001(1000) ack 1').after(0).expect('. 1:1(0) ack 22001')
  s.receive('. 22001:23001(1000) ack 1').after(99).silence().after(1).expect('. 1:1(0) ack 23001')
  await s.end()
})

test('an acknowledgement goes with data', async () => {
  const s = settled()
  s.receive('P. 2001:2101(100) ack 1').silence().write(50).expect('P. 1:51(50) ack 2101').after(50).receive('. 2101:2101(0) ack 51').after(200).silence()
  await s.end()
})

test('RFC 2018 §4: holes are told of, the newest block first', async () => {
  const s = new Script().established()
  s.receive('. 1001:2001(1000) ack 1').expect('. 1:1(0) ack 1 <sack 1001:2001>')
  s.receive('. 3001:4001(1000) ack 1').expect('. 1:1(0) ack 1 <sack 3001:4001 1001:2001>')
  s.receive('. 2001:3001(1000) ack 1').expect('. 1:1(0) ack 1 <sack 1001:4001>')
  assert.equal(s.told(), [])
  s.receive('. 1:1001(1000) ack 1')
  assert.is(s.sent().at(-1), '. 1:1(0) ack 4001')
  assert.equal(s.told(), ['readable'])
  s.read(4000)
  await s.end()
})

test('RFC 2018 §3: no segment is longer than its way carries for what it tells of holes; that goes by itself', async () => {
  const s = new Script().established()
  s.write(1448).expect('P. 1:1449(1448) ack 1')
  s.receive('. 1001:2001(1000) ack 1').expect('. 1449:1449(0) ack 1 <sack 1001:2001>')
  // A full segment again, with a hole to tell of: when it is lost, and when more is written.
  s.after(1000).expect('P. 1:1449(1448) ack 1').sent()
  s.write(2900).receive('. 3001:4001(1000) ack 1449')
  assert.equal(s.sent(), ['. 1449:2897(1448) ack 1', '. 2897:4345(1448) ack 1', '. 4345:4345(0) ack 1'])
  assert.is(s.drops()['ipv4: longer than the path carries'], undefined)
  s.receive('. 1:1001(1000) ack 4345').receive('. 2001:3001(1000) ack 4345').read(4000)
  await s.end()
})

test('RFC 2883 §4: what came twice is told of', async () => {
  const s = new Script().established()
  s.receive('. 1:1001(1000) ack 1').expect('. 1:1(0) ack 1001').receive('. 1:1001(1000) ack 1').expect('. 1:1(0) ack 1001 <sack 1:1001>')
  s.receive('. 501:1501(1000) ack 1').expect('. 1:1(0) ack 1501').read(1500)
  await s.end()
})

test('RFC 9293 §3.10.7.4: outside of the window nothing is taken, and it is said how far we are', async () => {
  const s = new Script().established({ receiveBuffer: 4000 })
  s.receive('. 9001:9101(100) ack 1').expect('. 1:1(0) ack 1')
  s.receive('. 3501:4501(1000) ack 1').expect('. 1:1(0) ack 1 <sack 3501:4001>')
  assert.is(s.drops()['tcp: outside of the window'], 1)
  await s.end()
})

test('RFC 9293 §3.8.6.2.2: the window shuts as data waits, and opens by whole segments', async () => {
  const s = new Script().established({ receiveBuffer: 4000, options: 'mss 1460' })
  for (let i = 0; i < 4; i++) s.receive(`. ${1 + i * 1000}:${1001 + i * 1000}(1000) ack 1`)
  s.sent()
  s.receive('P. 4001:4002(1) ack 1').expect('. 1:1(0) ack 4001 win 0')
  s.read(500).silence().read(400).silence()
  s.read(1100)
  assert.equal(s.sent(), ['. 1:1(0) ack 4001'])
  s.receive('P. 4001:4002(1) ack 1')
  assert.is(s.connection!.readable, 2001)
  await s.end()
})

test('RFC 5961 §3.2: a reset that is in the window, but not where the next byte is, is asked about', async () => {
  const s = new Script().established()
  s.receive('R 500:500(0)').expect('. 1:1(0) ack 1').receive('R 5000000:5000000(0)').silence()
  assert.is(s.connection!.state, 'ESTABLISHED')
  s.receive('R 1:1(0)')
  assert.equal(s.told(), ['closed ECONNRESET'])
  await s.end()
})

test('RFC 5961 §4.2: a SYN in a connection is asked about', async () => {
  const s = new Script().established()
  s.receive('S 1:1(0) win 65535').expect('. 1:1(0) ack 1')
  assert.is(s.connection!.state, 'ESTABLISHED')
  await s.end()
})

test('RFC 5961 §5.2: what acknowledges what was never sent, or very long ago, is not taken', async () => {
  const s = new Script().established({ win: 1000, options: 'mss 1460' })
  s.receive('P. 1:101(100) ack 5000').expect('. 1:1(0) ack 1')
  assert.is(s.connection!.readable, 0)
  assert.is(s.drops()['tcp: acknowledges what was not sent'], 1)
  await s.end()
})

test('RFC 5961 §7: challenges are limited', async () => {
  const s = new Script().established()
  for (let i = 0; i < 100; i++) s.receive('R 500:500(0)')
  assert.is(s.sent().length, 10)
  s.after(6000).receive('R 500:500(0)').expect('. 1:1(0) ack 1')
  await s.end()
})

test('RFC 7323 §5.3: what is older than what came, by its timestamp, is old', async () => {
  const s = new Script().established()
  s.after(100).receive('P. 1:101(100) ack 1').expect('. 1:1(0) ack 101').read(100)
  s.receive('P. 101:201(100) ack 1 <ts 900:0>').expect('. 1:1(0) ack 101')
  assert.is(s.connection!.readable, 0)
  assert.is(s.drops()['tcp: timestamp of the past'], 1)
  await s.end()
})

test('RFC 6093 §6: urgent bytes are bytes like others', async () => {
  const s = new Script().established()
  s.receive('PU. 1:101(100) ack 1 urg 50').expect('. 1:1(0) ack 101').read(100)
  await s.end()
})

test('without ACK nothing counts', async () => {
  const s = new Script().established()
  s.receive('P 1:101(100)').silence()
  assert.is(s.connection!.readable, 0)
  await s.end()
})

test('RFC 1191, RFC 5927: a router\'s word about a segment of ours makes segments smaller; other words change nothing', async () => {
  const s = new Script().established()
  s.write(2896)
  s.expect('. 1:1449(1448) ack 1', 'P. 1449:2897(1448) ack 1')
  const flow = s.connection!
  const layer = s.stack.tcp
  const quoted = (sequence: number) => {
    const packet = s.stack.netbuf.alloc(8)!
    const at = packet.add(8)
    packet.dv.setUint16(at, flow.local.port)
    packet.dv.setUint16(at + 2, flow.remote.port)
    packet.dv.setInt32(at + 4, sequence)
    return packet
  }
  const error = { code: 'EMSGSIZE', message: 'too long', from: flow.remote.ip, mtu: 1000, hard: false } as const
  const { sndUna } = flow as unknown as { sndUna: number }
  const lie = quoted((sndUna + 5000) | 0)
  assert.is(layer.unreachable(error, lie, flow.local.ip, flow.remote.ip), false)
  lie.unref()
  s.silence()
  const truth = quoted(sndUna)
  assert.is(layer.unreachable(error, truth, flow.local.ip, flow.remote.ip), true)
  truth.unref()
  s.after(1)
  assert.equal(s.sent().map((line) => line.replace('P', '')), ['. 1:949(948) ack 1', '. 949:1449(500) ack 1', '. 1449:2397(948) ack 1', '. 2397:2897(500) ack 1'])
  await s.end()
})

test.run()
