/** What owners do: anything, at any time; nothing at all; and with few buffers. */

import { virtual } from '@favonius/clock'
import type { NetBuf, TcpConnection, TcpListener, TcpSink } from '@favonius/contract'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { loopback } from '@favonius/netif'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { tcp } from '../src/index.ts'
import { Script } from './script.ts'

const test = suite('tcp: owners')

const acts: Readonly<Record<string, (connection: TcpConnection) => void>> = {
  abort: (connection) => connection.abort(),
  close: (connection) => connection.close(),
  end: (connection) => connection.end(),
  write(connection) {
    if (connection.room > 0) connection.write(new Uint8Array(3000))
  },
  read: (connection) => void connection.read(new Uint8Array(10_000)),
  take: (connection) => connection.take()?.unref(),
  everything(connection) {
    connection.take()?.unref()
    connection.keepAlive = { idle: 1000, interval: 1000, count: 1 }
    connection.userTimeout = 5000
    connection.hopLimit = 3
    if (connection.room > 0) connection.write(new Uint8Array(10))
    connection.end()
    connection.close()
    connection.abort()
    connection.abort()
    connection.close()
  },
}
const calls = ['established', 'readable', 'writable', 'ended', 'closed'] as const

for (const call of calls) {
  for (const [name, act] of Object.entries(acts)) {
    test(`its owner may ${name} in ${call}`, async () => {
      for (const passive of [false, true]) {
        const s = new Script()
        let told = 0
        const sink: TcpSink = { ...s.sink, [call]: (error: Error | undefined) => {
          told++
          act(s.connection!)
          ;(s.sink[call] as (error: Error | undefined) => void)(error)
        } }
        if (passive) {
          s.listen(8, { sendBuffer: 4000 }).receive('S 0:0(0) win 65535 <mss 1460>').expect('S. 0:0(0) ack 1').receive('. 1:1(0) ack 1').accept()
          s.connection!.sink = sink
        } else {
          s.connection = s.stack.tcp.connect(address('192.0.2.2'), 80, sink, { sourcePort: 4242, sendBuffer: 4000 })
          s.expect('S 0:0(0)').receive('S. 0:0(0) ack 1 win 65535 <mss 1460>')
        }
        if (s.connection!.room > 0) s.connection!.write(new Uint8Array(5000))
        s.receive('. 1:1(0) ack 1461').receive('P. 1:101(100) ack 2921').receive('FP. 101:201(100) ack 2921')
        for (let n = 0; n < 20; n++) {
          s.after(1000)
          const last = s.sent().at(-1)
          const end = /(\d+)\(\d+\) ack/.exec(last ?? '')
          if (last?.startsWith('R')) break
          if (end) s.receive(`. 202:202(0) ack ${Number(end[1]) + (last!.startsWith('F') ? 1 : 0)}`)
        }
        s.receive('R 202:202(0)')
        assert.ok(told > 0 || (passive && call === 'established') || call === 'closed', `${call} was never called`)
        await s.end()
      }
    })
  }
}

test('an owner that begins anew when its connection is over does not outlive the stack', async () => {
  const s = new Script()
  let begun = 0
  const sink: TcpSink = {
    ...s.sink,
    closed() {
      begun++
      assert.throws(() => s.stack.tcp.connect(address('192.0.2.2'), 80, sink), /the stack was stopped/)
      assert.throws(() => s.listen(), /the stack was stopped/)
    },
  }
  s.stack.tcp.connect(address('192.0.2.2'), 80, sink)
  await s.end()
  assert.is(begun, 1)
})

test('an owner that never reads holds a window, and no more', async () => {
  const s = new Script().established({ receiveBuffer: 8000, options: 'mss 1460' })
  for (let n = 0; n < 50; n++) {
    for (let i = 0; i < 10; i++) s.receive(`P. ${1 + i * 1000}:${1001 + i * 1000}(1000) ack 1`)
    s.after(1000)
    s.sent()
  }
  assert.is(s.connection!.readable, 8000)
  s.receive('R 8001:8001(0)')
  assert.is(s.connection!.state, 'CLOSED')
  assert.is(s.connection!.readable, 8000)
  s.connection!.close()
  assert.is(s.stack.netbuf.live, 0)
  await s.end()
})

test('without buffers nothing is lost for good: what was to be acknowledged, sent or ended follows', async () => {
  const s = new Script({ quota: 16_384 }).established({ options: 'mss 1460' })
  const hold = (): (() => void) => {
    const held: NetBuf[] = []
    for (;;) {
      const packet = s.stack.netif.buffers.alloc(64)
      if (packet === undefined) break
      held.push(packet)
    }
    return () => held.forEach((packet) => packet.unref())
  }
  // A segment's own buffer is there already when the rest is not.
  const { sink } = s.connection!
  let release = (): void => {}
  s.connection!.sink = { ...sink, readable: () => { release = hold() } }
  s.receive('P. 1:101(100) ack 1').silence()
  release()
  s.after(20).expect('. 1:1(0) ack 101').read(100)
  s.connection!.sink = sink
  release = hold()
  assert.is(s.connection!.write(new Uint8Array(100)), 0)
  assert.equal(s.told(), [])
  release()
  s.after(20)
  assert.equal(s.told(), ['writable'])
  s.write(100).expect('P. 1:101(100) ack 101').receive('. 101:101(0) ack 101')
  release = hold()
  s.connection!.end()
  s.silence()
  release()
  s.after(20).expect('F. 101:101(0) ack 101')
  await s.end()
})

/** A stack with nobody else. */
function alone() {
  const env = virtual({ seed: 3 })
  const stack = compose(env, netbufIn(new Arena(), { debug: true }), loopback(), ipv4(), ipv6(), tcp())
  return { env, stack, async end() {
    await stack.stop()
    assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
    assert.is(env.armed, 0)
  } }
}

test('§3.5: a connection with itself, own address and own port', async () => {
  for (const to of ['127.0.0.1', '::1']) {
    const { env, stack, end } = alone()
    let got = 0
    const events: string[] = []
    const connection = stack.tcp.connect(address(to), 5000, {
      established: () => {
        events.push('established')
        connection.write(new Uint8Array(100_000))
        connection.end()
      },
      readable() {
        for (let packet = connection.take(); packet !== undefined; packet = connection.take()) {
          got += packet.total()
          packet.unref()
        }
      },
      writable() {},
      ended: () => void events.push('ended'),
      closed: () => void events.push('closed'),
    }, { sourcePort: 5000 })
    env.advance(1000)
    assert.equal(events, ['established', 'ended', 'closed'], to)
    assert.ok(got > 60_000)
    env.advance(120_000)
    assert.is(stack.tcp.timeWaiting, 0)
    await end()
  }
})

test('through lo, from the listener\'s own callbacks, either family; `::` hears IPv4', async () => {
  for (const to of ['127.0.0.1', '::1']) {
    const { env, stack, end } = alone()
    let got = 0
    let over = 0
    const listener: TcpListener = stack.tcp.listen({ address: address('::'), port: 80, v6only: false, iface: undefined, backlog: 8 }, () => {
      const peer = listener.accept()!
      assert.is(peer.remote.ip.family, to === '::1' ? 6 : 4)
      peer.sink = {
        readable() {
          for (let packet = peer.take(); packet !== undefined; packet = peer.take()) peer.writeBuffer(packet)
        },
        writable() {},
        ended: () => peer.close(),
        closed: () => void over++,
      }
    })
    const connection = stack.tcp.connect(address(to), 80, {
      established: () => {
        assert.is(connection.write(new Uint8Array(50_000)), 50_000)
        connection.end()
      },
      readable() {
        for (let packet = connection.take(); packet !== undefined; packet = connection.take()) {
          got += packet.total()
          packet.unref()
        }
      },
      writable() {},
      ended() {},
      closed: () => void over++,
    })
    env.advance(5000)
    assert.is(got, 50_000)
    assert.is(over, 1, 'who has left is not told')
    env.advance(120_000)
    listener.close()
    await end()
  }
})

test('v6only: `::` does not hear IPv4', async () => {
  const { env, stack, end } = alone()
  const errors: (string | undefined)[] = []
  stack.tcp.listen({ address: address('::'), port: 80, v6only: true, iface: undefined, backlog: 8 }, () => {})
  stack.tcp.connect(address('127.0.0.1'), 80, { readable() {}, writable() {}, ended() {}, closed: (error) => void errors.push(error?.code) })
  env.advance(100)
  assert.equal(errors, ['ECONNREFUSED'])
  await end()
})

test('an owner that throws is told what comes later all the same', async () => {
  const s = new Script().established()
  s.connection!.sink = { ...s.sink, readable() { throw new Error('an owner that throws') } }
  assert.throws(() => s.receive('P. 1:11(10) ack 1'), /an owner that throws/)
  s.connection!.sink = s.sink
  s.receive('P. 11:21(10) ack 1')
  assert.equal(s.told(), ['readable'])
  s.read(20)
  s.after(200).sent()
  await s.end()
})

test.run()
