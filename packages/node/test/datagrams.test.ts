import { datagramConformance } from '@favonius/testing'
import { nodeDatagrams } from '../src/index.ts'

for (const [family, address, foreign] of [['IPv4', '127.0.0.1', '192.0.2.99'], ['IPv6', '::1', '2001:db8::99']] as const) {
  datagramConformance(`node:dgram, ${family}`, async () => ({
    a: nodeDatagrams(),
    b: nodeDatagrams(),
    addressA: address,
    addressB: address,
    foreign,
    // Real time: the kernel answers on some later turn of the event loop.
    async until(done) {
      for (let turns = 0; !done(); turns++) {
        if (turns === 100_000) throw new Error('nothing arrived')
        await new Promise((turn) => setImmediate(turn))
      }
    },
    run: (body) => body(),
    stop: async () => {},
  }))
}
