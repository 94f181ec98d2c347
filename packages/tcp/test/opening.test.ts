/** How connections begin (RFC 9293 §3.5, §3.10.1, §3.10.7). */

import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { Script } from './script.ts'

const test = suite('tcp: opening')

test('RFC 9293 §3.5 figure 6: an active open, with every option that both sides have', async () => {
  const s = new Script()
  s.connect().expect('S 0:0(0) win 65535 <mss 1460,sackOK,ts,wscale 5>')
  s.receive('S. 0:0(0) ack 1 win 65535 <mss 1400,sackOK,ts,wscale 7>').expect('. 1:1(0) ack 1 <ts>').silence()
  assert.is(s.connection!.state, 'ESTABLISHED')
  assert.equal(s.told(), ['established'])
  await s.end()
})

test('RFC 9293 §3.10.7.3, fourth: what its owner writes when it is told goes with the acknowledgement', async () => {
  const s = new Script().connect().expect('S 0:0(0)')
  s.connection!.sink = { ...s.sink, established: () => void s.write(100) }
  s.receive('S. 0:0(0) ack 1 win 65535 <mss 1460>').expect('P. 1:101(100) ack 1').silence()
  await s.end()
})

test('RFC 9293 §3.5: a passive open; who knocked waits to be accepted', async () => {
  const s = new Script().listen()
  s.receive('S 0:0(0) win 65535 <mss 1460,sackOK,ts,wscale 7>').expect('S. 0:0(0) ack 1 <mss 1460,sackOK,ts,wscale 5>')
  assert.is(s.listener!.waiting, 0)
  s.receive('. 1:1(0) ack 1').silence()
  assert.equal(s.told(), ['acceptable'])
  s.accept()
  assert.is(s.connection!.state, 'ESTABLISHED')
  await s.end()
})

test('RFC 7323 §1.3, RFC 2018 §2: what one side does not offer, the other does not use', async () => {
  const s = new Script().listen()
  s.receive('S 0:0(0) win 4000 <mss 1000>').expect('S. 0:0(0) ack 1 <mss 1460,nots>')
  s.receive('. 1:1(0) ack 1 win 4000').accept()
  s.write(3000).expect('. 1:1001(1000) ack 1 <nots>', '. 1001:2001(1000) ack 1', 'P. 2001:3001(1000) ack 1').silence()
  await s.end()
})

test('RFC 9293 §3.7.1: without an MSS option segments are small', async () => {
  const s = new Script()
  s.connect().expect('S 0:0(0)').receive('S. 0:0(0) ack 1 win 65535').expect('. 1:1(0) ack 1')
  s.write(600).expect('. 1:537(536) ack 1').receive('. 1:1(0) ack 537').expect('P. 537:601(64) ack 1')
  await s.end()
})

test('RFC 9293 §3.5 figure 8: both ask at once', async () => {
  const s = new Script()
  s.connect().expect('S 0:0(0)').receive('S 0:0(0) win 65535 <mss 1460>').expect('S. 0:0(0) ack 1')
  assert.is(s.connection!.state, 'SYN-RECEIVED')
  s.receive('. 1:1(0) ack 1')
  assert.is(s.connection!.state, 'ESTABLISHED')
  assert.equal(s.told(), ['established'])
  await s.end()
})

test('RFC 9293 §3.10.7.3: in SYN-SENT nobody but who answers our SYN is believed', async () => {
  const s = new Script()
  s.connect().expect('S 0:0(0)')
  s.receive('. 1:1(0) ack 77').expect('R 77:77(0)')
  s.receive('R. 0:0(0) ack 77').silence()
  s.receive('R 0:0(0)').silence()
  s.receive('. 1:1(0) ack 1').silence()
  assert.is(s.connection!.state, 'SYN-SENT')
  s.receive('R. 0:0(0) ack 1').silence()
  assert.equal(s.told(), ['closed ECONNREFUSED'])
  assert.is(s.connection!.state, 'CLOSED')
  await s.end()
})

test('RFC 6298 §5.5, RFC 9293 §3.8.3: SYN is sent again and again, for more than three minutes', async () => {
  const s = new Script().connect().expect('S 0:0(0)')
  const instants: number[] = []
  for (let ms = 0; ms < 400_000 && s.connection!.state !== 'CLOSED'; ms += 500) {
    s.after(500)
    for (const line of s.sent()) {
      assert.is(line, 'S 0:0(0)')
      instants.push(s.env.clock.now())
    }
  }
  assert.equal(instants, [1000, 3000, 7000, 15_000, 31_000, 63_000, 127_000])
  assert.equal(s.told(), ['closed ETIMEDOUT'])
  assert.ok(s.env.clock.now() > 180_000)
  await s.end()
})

test('the answer to a SYN is sent again too, and given up', async () => {
  const s = new Script({ tcp: { synRetryCount: 2 } }).listen()
  s.receive('S 0:0(0) win 65535 <mss 1460>').expect('S. 0:0(0) ack 1').after(1000).expect('S. 0:0(0) ack 1').after(2000).expect('S. 0:0(0) ack 1')
  s.after(4000).silence()
  assert.is(s.stack.tcp.connections.length, 0)
  await s.end()
})

test('RFC 9293 §3.10.7.1: nobody listens there', async () => {
  const s = new Script()
  s.receive('S 0:0(0) win 65535').expect('R. 0:0(0) ack 1')
  s.receive('. 5:5(0) ack 9').expect('R 9:9(0)')
  s.receive('R 5:5(0)').silence()
  assert.is(s.drops()['tcp: no listener'], 2)
  const quiet = new Script({ tcp: { rejectWithRst: false } })
  quiet.receive('S 0:0(0) win 65535').silence()
  await s.end()
  await quiet.end()
})

test('the backlog is honoured: who finds it full is heard when there is room', async () => {
  const s = new Script().listen(1)
  s.receive('S 0:0(0) win 65535 <mss 1460>').expect('S. 0:0(0) ack 1').receive('. 1:1(0) ack 1')
  assert.is(s.listener!.waiting, 1)
  assert.equal(s.told(), ['acceptable'])
  await s.end()
})

test('RFC 9293 §3.10.7.4: a reset ends a handshake without a word', async () => {
  const s = new Script().listen()
  s.receive('S 0:0(0) win 65535 <mss 1460>').expect('S. 0:0(0) ack 1').receive('R 1:1(0)').silence()
  assert.equal(s.told(), [])
  assert.is(s.stack.tcp.connections.length, 0)
  await s.end()
})

test('data that comes with the end of the handshake is there when the connection is accepted', async () => {
  const s = new Script().listen()
  s.receive('S 0:0(0) win 65535 <mss 1460>').expect('S. 0:0(0) ack 1').receive('P. 1:101(100) ack 1').accept()
  assert.is(s.connection!.readable, 100)
  s.read(100)
  await s.end()
})

test('what is written while it is opened, follows the handshake; and so does the end', async () => {
  const s = new Script().connect().expect('S 0:0(0)')
  s.write(100)
  s.connection!.end()
  s.receive('S. 0:0(0) ack 1 win 65535 <mss 1460>')
  assert.equal(s.sent().filter((line) => line.includes('(100)')), ['FP. 1:101(100) ack 1'])
  await s.end()
})

test('the caller\'s mistakes are told with what to do', async () => {
  const s = new Script({ tcp: { maxConnections: 1, maxListeners: 1 } })
  s.connect().expect('S 0:0(0)')
  assert.throws(() => s.connect(), /there are 1 connections: close some, or raise tcp\(\{ maxConnections \}\)/)
  s.listen()
  assert.throws(() => s.listen(), /1 ports are listened on/)
  await s.end()
  const t = new Script()
  t.listen()
  assert.throws(() => t.listen(), /TCP port 4242 is listened on already/)
  await t.end()
})

test.run()
