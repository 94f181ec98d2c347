import * as assert from 'uvu/assert'
import { system, virtual } from '@favonius/clock'
import { Arena } from '@favonius/netbuf'
import { suite } from '@favonius/testing'
import type { Device } from '@favonius/contract'
import { broadcastDevice, connectWebSocket, webSocketAcceptor } from '../src/index.ts'
import { End, socketPair } from './sockets.ts'

const test = suite('links of browsers')

const pool = () => new Arena({ chunkSize: 1 << 20 }).pool({ debug: true })

/** Starts a device and keeps what it says. */
function listen(device: Device, buffers = pool()) {
  const heard = { buffers, frames: 0, lost: [] as string[], carriers: [] as boolean[], readies: 0 }
  void device.start({
    frame: (frame) => {
      heard.frames++
      frame.unref()
    },
    ready: () => { heard.readies++ },
    carrier: (up) => { heard.carriers.push(up) },
    lost: (reason) => { heard.lost.push(reason) },
  }, buffers)
  return heard
}

test('what a peer sends that is no frame is lost, with its reason', () => {
  const env = virtual()
  const [a, b] = socketPair(env)
  const device = webSocketAcceptor(env, { mtu: 100 })(a)
  const heard = listen(device)
  for (const message of ['text', {}, new Uint8Array(0), new Uint8Array(13), new Uint8Array(14), new Uint8Array(118), new Uint8Array(119)]) b.send(message)
  env.advance(10)
  assert.equal(heard.lost, ['not a frame', 'not a frame', 'too short', 'too short', 'too long'])
  assert.is(heard.frames, 2)
  void device.stop()
  assert.is(heard.buffers.live, 0)
  assert.is(env.armed, 0)
})

test('whatever bytes a peer sends, nothing is thrown and no buffer is kept', () => {
  const env = virtual({ seed: 7 })
  const [a, b] = socketPair(env)
  const device = webSocketAcceptor(env)(a)
  const heard = listen(device)
  for (let n = 0; n < 2000; n++) b.send(env.random.fill(new Uint8Array(env.random.uint32() % 1600)))
  env.advance(1000)
  assert.is(heard.frames + heard.lost.length, 2000)
  void device.stop()
  assert.equal([heard.buffers.live, env.armed], [0, 0])
})

test('a socket holds no more than its bound, and a frame beyond it waits', () => {
  const env = virtual()
  const [a, b] = socketPair(env)
  const device = webSocketAcceptor(env, { buffered: 3000 })(a)
  const heard = listen(device)
  const send = () => {
    const frame = heard.buffers.alloc(1000)!
    frame.write(new Uint8Array(1000))
    if (device.transmit(frame)) return true
    frame.unref()
    return false
  }
  assert.equal([send(), send(), send(), send()], [true, true, true, false])
  assert.is(a.bufferedAmount, 3000)
  assert.is(heard.readies, 0)
  env.advance(10)
  assert.is(heard.readies, 1)
  assert.ok(send())
  void device.stop()
  assert.equal([b.readyState, heard.buffers.live, env.armed], [3, 0, 0])
})

test('when the socket is lost, who was refused is told, and the device is of no use any more', async () => {
  const env = virtual()
  const [a] = socketPair(env)
  const device = webSocketAcceptor(env, { buffered: 0 })(a)
  const heard = listen(device)
  const frame = () => {
    const made = heard.buffers.alloc(60)!
    made.write(new Uint8Array(60))
    return made
  }
  const [one, two] = [frame(), frame()]
  assert.ok(device.transmit(one))
  assert.is(device.transmit(two), false)
  a.close()
  assert.equal([heard.carriers, heard.readies], [[true, false], 1])
  assert.ok(device.transmit(two))
  assert.equal(heard.lost, ['not connected'])
  await device.closed
  void device.stop()
  assert.equal([heard.buffers.live, env.armed], [0, 0])
})

test('it connects again after the times that were given, the last one again and again', () => {
  const env = virtual()
  const at: number[] = []
  const device = connectWebSocket(env, () => {
    at.push(env.clock.now())
    const end = new End(env)
    end.readyState = 3
    return end
  }, { reconnect: [10, 100] })
  env.advance(350)
  assert.equal(at, [0, 10, 110, 210, 310])
  void device.stop()
  env.advance(1000)
  assert.is(at.length, 5)
  assert.is(env.armed, 0)
})

test('a channel brings what is for us and for groups, and everything in promiscuous mode', async () => {
  const name = `favonius-link-${process.pid}`
  const device = broadcastDevice(system, name, { address: '02:00:5e:00:53:01' })
  const heard = listen(device)
  const peer = new BroadcastChannel(name)
  const to = (...address: number[]) => peer.postMessage(Uint8Array.from([...address, 2, 0, 0x5e, 0, 0x53, 9, 0x88, 0xb5]))
  const until = async (done: () => boolean) => { while (!done()) await new Promise((resolve) => { setImmediate(resolve) }) }
  to(2, 0, 0x5e, 0, 0x53, 2)
  to(2, 0, 0x5e, 0, 0x53, 1)
  to(0x33, 0x33, 0, 0, 0, 1)
  peer.postMessage('text')
  await until(() => heard.lost.length === 1)
  assert.equal([heard.frames, heard.lost], [2, ['not a frame']])
  device.promiscuous!(true)
  to(2, 0, 0x5e, 0, 0x53, 2)
  await until(() => heard.frames === 3)
  peer.close()
  await device.stop()
  assert.is(heard.buffers.live, 0)
})

test('what cannot be is said at once', () => {
  const env = virtual()
  const code = (body: () => unknown) => {
    try {
      body()
    } catch (error) {
      return (error as { code?: string }).code
    }
  }
  assert.is(code(() => broadcastDevice(env, 'x', { mtu: 67 })), 'EINVAL')
  assert.is(code(() => broadcastDevice(env, 'x', { address: '01:00:5e:00:00:01' })), 'EINVAL')
  assert.is(code(() => connectWebSocket(env, () => new End(env), { reconnect: -1 })), 'EINVAL')
  assert.is(code(() => webSocketAcceptor(env, { buffered: 0.5 })), 'EINVAL')
  assert.is(env.armed, 0)
})

test.run()
