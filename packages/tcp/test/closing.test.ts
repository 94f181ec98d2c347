/** How connections end (RFC 9293 §3.6, §3.10.4, §3.10.5). */

import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { Script } from './script.ts'

const test = suite('tcp: closing')

test('RFC 9293 §3.6 figure 12: we end first, and wait', async () => {
  const s = new Script().established()
  s.connection!.end()
  s.expect('F. 1:1(0) ack 1')
  assert.is(s.connection!.state, 'FIN-WAIT-1')
  s.receive('. 1:1(0) ack 2')
  assert.is(s.connection!.state, 'FIN-WAIT-2')
  s.receive('P. 1:101(100) ack 2').expect('. 2:2(0) ack 101').read(100)
  s.receive('F. 101:101(0) ack 2').expect('. 2:2(0) ack 102')
  assert.equal(s.told(), ['readable', 'ended', 'closed'])
  assert.is(s.stack.tcp.timeWaiting, 1)
  // The peer did not hear it (RFC 9293 §3.10.7.4, eighth).
  s.after(30_000).receive('F. 101:101(0) ack 2').expect('. 2:2(0) ack 102')
  s.after(59_000)
  assert.is(s.stack.tcp.timeWaiting, 1, 'the time began anew')
  s.after(1000)
  assert.is(s.stack.tcp.timeWaiting, 0)
  await s.end()
})

test('the peer ends first, and we later: a half-closed connection carries data', async () => {
  const s = new Script().established()
  s.receive('F. 1:1(0) ack 1').expect('. 1:1(0) ack 2')
  assert.is(s.connection!.state, 'CLOSE-WAIT')
  assert.equal(s.told(), ['ended'])
  s.write(100).expect('P. 1:101(100) ack 2').receive('. 2:2(0) ack 101')
  s.connection!.end()
  s.expect('F. 101:101(0) ack 2')
  assert.is(s.connection!.state, 'LAST-ACK')
  s.receive('. 2:2(0) ack 102')
  assert.equal(s.told(), ['closed'])
  assert.is(s.stack.tcp.timeWaiting, 0)
  await s.end()
})

test('who ends when it is told that the peer has, says both in one segment', async () => {
  const s = new Script().established()
  s.connection!.sink = { ...s.sink, ended: () => s.connection!.end() }
  s.receive('F. 1:1(0) ack 1').expect('F. 1:1(0) ack 2').silence()
  assert.is(s.connection!.state, 'LAST-ACK')
  s.receive('. 2:2(0) ack 2')
  await s.end()
})

test('RFC 9293 §3.6 figure 13: both end at once', async () => {
  const s = new Script().established()
  s.connection!.end()
  s.expect('F. 1:1(0) ack 1').receive('F. 1:1(0) ack 1').expect('. 2:2(0) ack 2')
  assert.is(s.connection!.state, 'CLOSING')
  s.receive('. 2:2(0) ack 2')
  assert.equal(s.told(), ['ended', 'closed'])
  assert.is(s.stack.tcp.timeWaiting, 1)
  await s.end()
})

test('FIN, its acknowledgement and the peer\'s FIN in one segment', async () => {
  const s = new Script().established()
  s.connection!.end()
  s.expect('F. 1:1(0) ack 1').receive('F. 1:1(0) ack 2').expect('. 2:2(0) ack 2')
  assert.is(s.stack.tcp.timeWaiting, 1)
  await s.end()
})

test('the end follows what was written, in the last segment of it', async () => {
  const s = new Script().established()
  s.write(2000)
  s.connection!.end()
  s.expect('. 1:1449(1448) ack 1', 'FP. 1449:2001(552) ack 1').receive('. 1:1(0) ack 2002')
  assert.is(s.connection!.state, 'FIN-WAIT-2')
  assert.throws(() => s.connection!.write(new Uint8Array(1)), /the stream was ended/)
  await s.end()
})

test('a FIN that overtook data waits for it', async () => {
  const s = new Script().established()
  s.receive('FP. 101:201(100) ack 1').expect('. 1:1(0) ack 1 <sack 101:201>')
  assert.equal(s.told(), [])
  s.receive('P. 1:101(100) ack 1')
  assert.equal(s.sent().at(-1), '. 1:1(0) ack 202')
  assert.equal(s.told(), ['readable', 'ended'])
  s.read(200)
  await s.end()
})

test('a FIN is sent again until it is acknowledged', async () => {
  const s = new Script().established()
  s.connection!.end()
  s.expect('F. 1:1(0) ack 1')
  const instants: number[] = []
  for (let ms = 0; ms < 5000; ms += 100) {
    s.after(100)
    for (const line of s.sent()) {
      assert.is(line.replace('P', ''), 'F. 1:1(0) ack 1')
      instants.push(s.env.clock.now())
    }
  }
  assert.ok(instants.length >= 3, instants.join())
  s.receive('. 1:1(0) ack 2')
  assert.is(s.connection!.state, 'FIN-WAIT-2')
  await s.end()
})

test('RFC 9293 §3.10.5: an abort is a reset, and its owner is not called', async () => {
  const s = new Script().established()
  s.write(100).expect('P. 1:101(100) ack 1')
  s.connection!.abort()
  s.expect('R. 101:101(0) ack 1').silence()
  assert.equal(s.told(), [])
  assert.throws(() => s.connection!.write(new Uint8Array(1)), /the connection is over/)
  await s.end()
})

test('RFC 9293 §3.10.7.4: a reset where the next byte is ends it; what came before may be read', async () => {
  const s = new Script().established()
  s.receive('P. 1:101(100) ack 1').expect('. 1:1(0) ack 101').receive('R 101:101(0)').silence()
  assert.equal(s.told(), ['readable', 'closed ECONNRESET'])
  s.read(100)
  s.connection!.close()
  await s.end()
})

test('RFC 2525 §2.17: who leaves without reading resets; who has read everything ends', async () => {
  const s = new Script().established()
  s.receive('P. 1:101(100) ack 1').expect('. 1:1(0) ack 101')
  s.connection!.close()
  s.expect('R. 1:1(0) ack 101')
  await s.end()
  const t = new Script().established()
  t.receive('P. 1:101(100) ack 1').expect('. 1:1(0) ack 101').read(100)
  t.connection!.close()
  t.expect('F. 1:1(0) ack 101').receive('. 101:101(0) ack 2')
  // RFC 1122 §4.2.2.13: data for nobody.
  t.receive('P. 101:201(100) ack 2').expect('R. 2:2(0) ack 101')
  assert.is(t.stack.tcp.connections.length, 0)
  await t.end()
})

test('nobody waits for ever for the FIN of a peer that owes it to nobody', async () => {
  const s = new Script().established()
  s.connection!.close()
  s.expect('F. 1:1(0) ack 1').receive('. 1:1(0) ack 2').after(61_000)
  assert.is(s.stack.tcp.connections.length, 0)
  await s.end()
})

test('RFC 1337 §3, RFC 6191: TIME-WAIT minds no reset, and gives way to a new connection', async () => {
  const s = new Script().established({ passive: true })
  s.connection!.end()
  s.expect('F. 1:1(0) ack 1').receive('F. 1:1(0) ack 2').expect('. 2:2(0) ack 2')
  s.receive('R 2:2(0)').silence()
  assert.is(s.stack.tcp.timeWaiting, 1)
  s.receive('. 2:2(0) ack 2').expect('. 2:2(0) ack 2')
  s.after(2000).receive('S 1000:1000(0) win 65535 <mss 1460,sackOK,ts,wscale 7>')
  assert.match(s.sent()[0]!, /^S\. /)
  assert.is(s.stack.tcp.timeWaiting, 0)
  await s.end()
})

test('CONFIG_NET_TCP_TIME_WAIT_DELAY=0 and the limit of those that wait', async () => {
  const s = new Script({ tcp: { timeWaitDelay: 0 } }).established()
  s.connection!.end()
  s.expect('F. 1:1(0) ack 1').receive('F. 1:1(0) ack 2').expect('. 2:2(0) ack 2')
  assert.is(s.stack.tcp.timeWaiting, 0)
  await s.end()
})

test.run()
