/** Streams to the Linux kernel and from it, over a TAP whose frames are lost, come late and come twice. */

import { peer, suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { fetch, send, world } from './world.ts'

const test = suite('tcp: with the Linux kernel, over bad links', { timeout: 240_000 })
const MIB = 2 ** 20

if (peer('the Linux kernel over TAP', { command: ['ip'], package: 'iproute2', root: true, tun: true })) {
  // Mebibytes there and back: the long ones are in one direction of one family each.
  for (const [family, faults, there, back] of [
    [6, 0.01, 256, 32], [4, 0.01, 16, 16], [6, 0.05, 4, 16], [4, 0.05, 4, 4], [6, 0.2, 1, 1], [4, 0.2, 1, 1],
  ] as const) {
    test(`IPv${family}: ${there} MiB there and ${back} back, ${faults * 100} % lost and as many reordered, half as many repeated`, async () => {
      const w = await world({ faults })
      try {
        const server = await w.serve()
        await send(w, family, there * MIB)
        await fetch(w, family, back * MIB)
        await server.stop()
        assert.ok(w.counters()['rexmit']! > 0)
      } finally {
        await w.stop()
      }
    })
  }
}

test.run()
