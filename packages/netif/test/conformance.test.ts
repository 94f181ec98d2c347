import { virtual } from '@favonius/clock'
import { Arena } from '@favonius/netbuf'
import { deviceConformance } from '@favonius/testing'
import { LoopbackDevice } from '../src/loopback.ts'

deviceConformance('loopback', async () => {
  const env = virtual()
  const device = new LoopbackDevice(env, 65_535)
  return {
    device,
    other: device,
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
})
