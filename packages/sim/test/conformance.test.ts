import type { BufferPool, Device } from '@favonius/contract'
import { virtual, type VirtualEnv } from '@favonius/clock'
import { Arena } from '@favonius/netbuf'
import { deviceConformance, radioConformance, type DeviceWorld } from '@favonius/testing'
import { Mac } from '@favonius/ieee802154'
import { Air, Bridge, EthernetLink, EthernetSegment, faulty, type SegmentDevice, type SegmentOptions } from '../src/index.ts'

/** Two devices, and what they stand on. */
interface Pair {
  readonly devices: readonly [SegmentDevice, SegmentDevice]
  readonly wires: readonly EthernetSegment[]
}

/** A world of two devices that `join` makes; `wrap` puts something in front of them. */
const world = (join: (env: VirtualEnv, buffers: BufferPool) => Pair, wrap: (device: Device, env: VirtualEnv) => Device = (device) => device) => async (): Promise<DeviceWorld> => {
  const env = virtual({ seed: 5 })
  const buffers = new Arena({ chunkSize: 1 << 20 }).pool({ debug: true })
  const { devices: [one, two], wires } = join(env, buffers)
  return {
    device: wrap(one, env),
    other: wrap(two, env),
    buffers,
    byReference: true,
    refuses: true,
    plug: (plugged) => wires[0]!.plug(one, plugged),
    async until(done) {
      while (!done()) if (!env.step()) throw new Error('nothing is under way, and it is not done')
    },
    async settle() {
      while (env.step());
    },
    run: (body) => body(),
    async stop() {
      for (const wire of wires) wire.stop()
    },
  }
}

const on = (options: SegmentOptions) => (env: VirtualEnv): Pair => {
  const wire = new EthernetSegment(env, options)
  return { devices: [wire.device(), wire.device()], wires: [wire] }
}

const linked = (env: VirtualEnv): Pair => {
  const link = new EthernetLink(env, { latency: 3, rate: 100e6, back: { rate: Infinity } })
  return { devices: [link.device(), link.device()], wires: [link] }
}

const bridged = (env: VirtualEnv, buffers: BufferPool): Pair => {
  const wires = [new EthernetSegment(env), new EthernetLink(env, { latency: 1 }), new EthernetSegment(env)] as const
  new Bridge(env, buffers, wires.slice(0, 2))
  new Bridge(env, buffers, wires.slice(1))
  return { devices: [wires[0].device(undefined, 1), wires[2].device(undefined, 2)], wires }
}

deviceConformance('a port of a simulated segment', world(on({})))
deviceConformance('a port of a slow segment with large frames', world(on({ latency: 2.5, mtu: 9000 })))
deviceConformance('a port of a segment with a rate and jitter', world(on({ rate: 100e6, latency: 1, jitter: 7 })))
deviceConformance('an end of a link whose ways differ', world(linked))
deviceConformance('a station two bridges away', world(bridged))
deviceConformance('faulty, without faults', world(on({ latency: 1 }), (device, env) => faulty(device, env, {})))
deviceConformance('faulty, with a delay', world(on({ rate: 100e6 }), (device, env) => faulty(device, env, { latency: 4, jitter: 2 })))
/** Two radios of one air, and what every suite asks of a world. */
function onAir() {
  const env = virtual({ seed: 5 })
  const air = new Air(env)
  return {
    env, air,
    radios: [air.radio(), air.radio({ at: [10, 0] })] as const,
    buffers: new Arena({ chunkSize: 1 << 20 }).pool({ debug: true }),
    async until(done: () => boolean): Promise<void> {
      while (!done()) if (!env.step()) throw new Error('nothing is under way, and it is not done')
    },
    async settle(): Promise<void> {
      while (env.step());
    },
    run: (body: () => Promise<void>): Promise<void> => body(),
    stop: async (): Promise<void> => air.stop(),
  }
}

deviceConformance('a MAC over a radio of the air', async () => {
  const { env, air, radios: [one, two], ...world } = onAir()
  return {
    ...world,
    device: new Mac(env, one),
    other: new Mac(env, two),
    byReference: true,
    refuses: true,
    plug: (plugged) => (plugged ? air.repair(one) : air.fail(one)),
  }
})

radioConformance('a radio of the air', async () => {
  const { air, radios: [radio, other], ...world } = onAir()
  return { ...world, radio, other, channels: [26, 11], work: (working) => (working ? air.repair(radio) : air.fail(radio)) }
})
