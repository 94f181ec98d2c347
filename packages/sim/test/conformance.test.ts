import type { Device } from '@favonius/contract'
import { virtual, type VirtualEnv } from '@favonius/clock'
import { Arena } from '@favonius/netbuf'
import { deviceConformance, type DeviceWorld } from '@favonius/testing'
import { EthernetSegment, faulty, type SegmentOptions } from '../src/index.ts'

/** Two devices on a segment of their own; `wrap` puts something in front of them. */
const world = (options: SegmentOptions, wrap: (device: Device, env: VirtualEnv) => Device = (device) => device) => async (): Promise<DeviceWorld> => {
  const env = virtual({ seed: 5 })
  const wire = new EthernetSegment(env, options)
  const [one, two] = [wire.device(), wire.device()]
  return {
    device: wrap(one, env),
    other: wrap(two, env),
    buffers: new Arena({ chunkSize: 1 << 20 }).pool({ debug: true }),
    byReference: true,
    refuses: true,
    plug: (plugged) => wire.plug(one, plugged),
    async until(done) {
      while (!done()) if (!env.step()) throw new Error('nothing is under way, and it is not done')
    },
    async settle() {
      while (env.step());
    },
    run: (body) => body(),
    async stop() {
      wire.stop()
    },
  }
}

deviceConformance('a port of a simulated segment', world({}))
deviceConformance('a port of a slow segment with large frames', world({ latency: 2.5, mtu: 9000 }))
deviceConformance('faulty, without faults', world({ latency: 1 }, (device, env) => faulty(device, env, { loss: 0 })))
