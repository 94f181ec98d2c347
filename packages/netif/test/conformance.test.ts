import { virtual } from '@favonius/clock'
import type { Device, Env } from '@favonius/contract'
import { Arena } from '@favonius/netbuf'
import { deviceConformance, type DeviceWorld } from '@favonius/testing'
import { LoopbackDevice } from '../src/loopback.ts'
import { cable } from './cable.ts'

const world = (make: (env: Env) => readonly [device: Device, other: Device]) => async (): Promise<DeviceWorld> => {
  const env = virtual()
  const [device, other] = make(env)
  return {
    device,
    other,
    buffers: new Arena().pool({ debug: true }),
    byReference: true,
    refuses: true,
    async until(done) {
      while (!done()) if (!env.step()) throw new Error('nothing is under way, and it is not done')
    },
    async settle() {
      while (env.step());
    },
    run: (body) => body(),
    stop: async () => {},
  }
}

deviceConformance('loopback', world((env) => {
  const device = new LoopbackDevice(env, 65_535)
  return [device, device]
}))
deviceConformance('the cable of our own tests', world((env) => cable(env)))
