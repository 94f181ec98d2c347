// What it costs to receive a frame, nothing above the driver: sudo node --conditions=@favonius/source --import tsx packages/tap/bench/drain.ts
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { Arena } from '@favonius/netbuf'
import { openTap } from '@favonius/tap'

/** What a run of the drain gave. */
export interface Drained {
  /** Frames received per second of this process's CPU time, user and system. */
  readonly framesPerCpuSecond: number
  readonly framesPerSecond: number
  readonly gigabitsPerCpuSecond: number
  readonly lost: number
}

/** How to run it. */
export interface DrainOptions {
  readonly seconds?: number
  /** Bytes of each frame. */
  readonly size?: number
  /** Wait by `poll(2)`. */
  readonly poll?: boolean
}

/** Receives what child processes flood from the kernel's side, in a network namespace of its own. Needs root. */
export async function bareDrain({ seconds = 3, size = 1514, poll = false }: DrainOptions = {}): Promise<Drained> {
  const namespace = `favdrain${process.pid}`
  execFileSync('ip', ['netns', 'add', namespace])
  try {
    const pool = new Arena().pool()
    const device = await openTap({ name: 'fav0', namespace, poll, address: '02:00:5e:00:53:01' })
    const ip = (...args: string[]): Buffer => execFileSync('ip', ['-n', namespace, ...args])
    ip('addr', 'add', '192.0.2.1/24', 'dev', 'fav0')
    ip('neigh', 'add', '192.0.2.2', 'lladdr', '02:00:5e:00:53:01', 'dev', 'fav0')
    let frames = 0
    let bytes = 0
    let lost = 0
    device.start({
      frame(frame) {
        frames++
        bytes += frame.length
        frame.unref()
      },
      ready() {},
      carrier() {},
      lost() { lost++ },
    }, pool)
    // Several, so that the queue is not empty each time it is read: what is measured is a frame, not a wake-up.
    const floods = Array.from({ length: 3 }, () => spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', `
      const socket = require('dgram').createSocket('udp4')
      const data = Buffer.alloc(${size - 42})
      const next = () => socket.send(data, 9, '192.0.2.2', next)
      for (let i = 0; i < 32; i++) next()`], { stdio: 'ignore' }))
    const measured = async (ms: number): Promise<Drained> => {
      const [before, cpu, from] = [{ frames, bytes, lost }, process.cpuUsage(), performance.now()]
      await new Promise((resolve) => setTimeout(resolve, ms))
      const { user, system } = process.cpuUsage(cpu)
      const cpuSeconds = (user + system) / 1e6
      return {
        framesPerCpuSecond: (frames - before.frames) / cpuSeconds,
        framesPerSecond: ((frames - before.frames) / (performance.now() - from)) * 1000,
        gigabitsPerCpuSecond: ((bytes - before.bytes) * 8) / 1e9 / cpuSeconds,
        lost: lost - before.lost,
      }
    }
    await measured(1000)
    const result = await measured(seconds * 1000)
    for (const flood of floods) {
      flood.kill('SIGKILL')
      await once(flood, 'close')
    }
    await device.stop()
    return result
  } finally {
    execFileSync('ip', ['netns', 'delete', namespace])
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const poll of [false, true]) {
    const { framesPerCpuSecond, framesPerSecond, gigabitsPerCpuSecond, lost } = await bareDrain({ poll })
    console.log(`${poll ? 'poll(2)     ' : 'pipe handle '} ${(framesPerCpuSecond / 1000).toFixed(0)} kframes and ${gigabitsPerCpuSecond.toFixed(2)} Gbit per CPU-second, ${(framesPerSecond / 1000).toFixed(0)} kframes per second, ${lost} lost`)
  }
}
