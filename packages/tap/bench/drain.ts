/**
 * Receiving through a TAP under a flood from the kernel, in a network namespace of its own. Needs root.
 *
 * `underFlood` measures whatever receives; `bareDrain` is the least that can: a driver with nothing above it.
 */

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Arena } from '@favonius/netbuf'
import { openTap, type TapDevice } from '@favonius/tap'

/** What a flood gave. */
export interface Drained {
  /** Frames received per second of this process's CPU time, user and system. */
  readonly framesPerCpuSecond: number
  readonly framesPerSecond: number
}

/** How to flood. */
export interface FloodOptions {
  readonly seconds?: number
  /** Bytes of each frame. */
  readonly size?: number
  /** Wait by `poll(2)`. */
  readonly poll?: boolean
}

/** What receives the flood: UDP to 192.0.2.2 port 9, from 192.0.2.1. */
export interface Receiver {
  /** Frames so far. */
  received(): number
  stop(): Promise<void>
}

/** Our link address, which the kernel is told of. */
export const ADDRESS = '02:00:5e:00:53:01'

/** Floods what `attach` makes of a TAP, and measures it after a second of warming up. */
export async function underFlood(attach: (device: TapDevice) => Promise<Receiver>, { seconds = 3, size = 1514, poll = false }: FloodOptions = {}): Promise<Drained> {
  const namespace = `favflood${process.pid}`
  execFileSync('ip', ['netns', 'add', namespace])
  try {
    const device = await openTap({ name: 'fav0', namespace, poll, address: ADDRESS })
    execFileSync('ip', ['-n', namespace, 'addr', 'add', '192.0.2.1/24', 'dev', 'fav0'])
    execFileSync('ip', ['-n', namespace, 'neigh', 'add', '192.0.2.2', 'lladdr', ADDRESS, 'dev', 'fav0'])
    const receiver = await attach(device)
    const flood = spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', `
      const socket = require('dgram').createSocket('udp4')
      const data = Buffer.alloc(${size - 42})
      const next = () => socket.send(data, 9, '192.0.2.2', next)
      for (let i = 0; i < 32; i++) next()`], { stdio: 'ignore' })
    const measured = async (ms: number): Promise<Drained> => {
      const [before, cpu, from] = [receiver.received(), process.cpuUsage(), performance.now()]
      await new Promise((resolve) => setTimeout(resolve, ms))
      const { user, system } = process.cpuUsage(cpu)
      const frames = receiver.received() - before
      return { framesPerCpuSecond: frames / ((user + system) / 1e6), framesPerSecond: (frames / (performance.now() - from)) * 1000 }
    }
    await measured(seconds * 300)
    const result = await measured(seconds * 1000)
    flood.kill('SIGKILL')
    await once(flood, 'close')
    await receiver.stop()
    return result
  } finally {
    execFileSync('ip', ['netns', 'delete', namespace])
  }
}

/** Counts frames and frees them. */
export function bareDrain(options?: FloodOptions): Promise<Drained> {
  return underFlood(async (device) => {
    let frames = 0
    await device.start({
      frame(frame) {
        frames++
        frame.unref()
      },
      ready() {},
      carrier() {},
      lost() {},
    }, new Arena().pool())
    return { received: () => frames, stop: async () => device.stop() }
  }, options)
}
