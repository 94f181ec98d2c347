import { streamConformance } from '@favonius/testing'
import { nodeStreams } from '../src/index.ts'

const turn = (): Promise<void> => new Promise((soon) => setImmediate(soon))

for (const [family, address, foreign] of [['IPv4', '127.0.0.1', '192.0.2.99'], ['IPv6', '::1', '2001:db8::99']] as const) {
  streamConformance(`node:net, ${family}`, async () => ({
    a: nodeStreams(),
    b: nodeStreams(),
    addressA: address,
    addressB: address,
    foreign,
    // Real time: the kernel answers on some later turn of the event loop.
    async until(done) {
      for (const end = performance.now() + 5000; !done(); await turn()) if (performance.now() > end) throw new Error('nothing came')
    },
    // Loopback is done with everything in a few turns; the buffers of two sockets fill in some more.
    async settle() {
      for (const end = performance.now() + 50; performance.now() < end;) await turn()
    },
    run: (body) => body(),
    stop: async () => {},
  }))
}
