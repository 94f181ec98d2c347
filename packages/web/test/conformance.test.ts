import * as assert from 'uvu/assert'
import { system, virtual, type VirtualEnv } from '@favonius/clock'
import { Arena } from '@favonius/netbuf'
import { deviceConformance } from '@favonius/testing'
import { broadcastDevice, connectWebSocket, webSocketAcceptor } from '../src/index.ts'
import { socketPair, wire } from './sockets.ts'

const buffers = () => new Arena({ chunkSize: 4 << 20 }).pool({ debug: true })
const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

const inVirtualTime = (env: VirtualEnv) => ({
  async until(done: () => boolean) {
    while (!done()) if (!env.step()) throw new Error('nothing is under way, and it is not done')
  },
  // Who connects again does so for ever.
  settle: async () => env.advance(1000),
  run: (body: () => Promise<void>) => body(),
  stop: async () => assert.is(env.armed, 0),
})

let channels = 0

deviceConformance('BroadcastChannel', async () => {
  const name = `favonius-${process.pid}-${channels++}`
  return {
    device: broadcastDevice(system, name),
    other: broadcastDevice(system, name),
    buffers: buffers(),
    byReference: false,
    refuses: true,
    async until(done) {
      for (const end = performance.now() + 8000; !done(); await pause(1)) if (performance.now() > end) throw new Error('it is not done, and nothing more happens')
    },
    settle: () => pause(40),
    run: (body) => body(),
    stop: async () => {},
  }
})

deviceConformance('WebSocket, accepted', async () => {
  const env = virtual()
  const [a, b] = socketPair(env)
  return {
    device: webSocketAcceptor(env)(a),
    other: webSocketAcceptor(env)(b),
    buffers: buffers(),
    byReference: false,
    refuses: true,
    ...inVirtualTime(env),
  }
})

deviceConformance('WebSocket, connected, and again', async () => {
  const env = virtual()
  const cable = wire(env)
  const device = connectWebSocket(env, cable.open, { reconnect: [1, 5] })
  const other = connectWebSocket(env, cable.open, { reconnect: 5 })
  env.advance(1)
  return {
    device,
    other,
    buffers: buffers(),
    byReference: false,
    refuses: true,
    plug: cable.plug,
    ...inVirtualTime(env),
  }
})
