import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { system } from '@favonius/clock'
import { Arena } from '@favonius/netbuf'
import { deviceConformance, suite } from '@favonius/testing'
import { connectWebSocket, type WebSocketDevice, type WebSocketLike } from '@favonius/web'
import { listenWebSocket } from '../src/websocket.ts'

const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })
async function until(done: () => boolean): Promise<void> {
  for (const end = performance.now() + 8000; !done(); await pause(1)) if (performance.now() > end) throw new Error('it is not done, and nothing more happens')
}

/** A server, a client, and the device that the server made for it. */
async function pair() {
  let accepted: WebSocketDevice | undefined
  const listener = await listenWebSocket(system, { port: 0 }, (device) => { accepted = device })
  const socket = new WebSocket(listener.url)
  const connected = connectWebSocket(system, () => socket as WebSocketLike)
  await until(() => accepted !== undefined && socket.readyState === 1)
  return { listener, socket, connected, accepted: accepted! }
}

for (const swap of [false, true]) {
  deviceConformance(`ws, from who ${swap ? 'accepts' : 'connects'}`, async () => {
    const { listener, connected, accepted } = await pair()
    const [device, other] = swap ? [accepted, connected] : [connected, accepted]
    return {
      device,
      other,
      buffers: new Arena({ chunkSize: 4 << 20 }).pool({ debug: true }),
      byReference: false,
      // The kernel takes them as fast as they come, as long as it has room.
      refuses: false,
      until,
      settle: () => pause(40),
      run: (body) => body(),
      stop: () => listener.close(),
    }
  })
}

const test = suite('listenWebSocket')

test('text and runts are counted, what is longer than any frame ends the connection, and the device with it', async () => {
  const { listener, socket, accepted } = await pair()
  const buffers = new Arena({ chunkSize: 1 << 20 }).pool({ debug: true })
  const lost: string[] = []
  const carriers: boolean[] = []
  void accepted.start({ frame: (frame) => frame.unref(), ready() {}, carrier: (up) => { carriers.push(up) }, lost: (reason) => { lost.push(reason) } }, buffers)
  socket.send('hello')
  socket.send(new Uint8Array(3))
  socket.send(new Uint8Array(60_000))
  await until(() => lost.length === 3)
  assert.equal(lost, ['not a frame', 'too short', 'too long'])
  socket.send(new Uint8Array(200_000))
  await accepted.closed
  assert.equal(carriers, [true, false])
  await listener.close()
  assert.is(buffers.live, 0)
})

test('only the pages that may connect do', async () => {
  let accepted = 0
  const listener = await listenWebSocket(system, { port: 0 }, () => { accepted++ }, { origins: ['http://localhost:8080'] })
  const dial = (origin: string) => new Promise<boolean>((resolve) => {
    const socket = new WebSocket(listener.url, { origin })
    socket.on('error', () => resolve(false))
    socket.on('open', () => resolve(true))
  })
  assert.equal([await dial('http://elsewhere.example'), await dial('http://localhost:8080')], [false, true])
  assert.is(accepted, 1)
  await listener.close()
})

test('a port that is taken, and options that cannot be, are said', async () => {
  const listener = await listenWebSocket(system, { port: 0 }, () => {})
  const code = (body: Promise<unknown>) => body.then(() => undefined, (error: { code: string }) => error.code)
  assert.is(await code(listenWebSocket(system, { port: Number(new URL(listener.url).port) }, () => {})), 'EADDRINUSE')
  assert.is(await code(listenWebSocket(system, { port: -1 }, () => {})), 'EINVAL')
  assert.is(await code(listenWebSocket(system, { port: 0 }, () => {}, { buffered: -1 })), 'EINVAL')
  await listener.close()
})

test.run()
