/** A peer cannot make us throw (law 4): whole stacks hear frames of real ones, changed at random, and bytes that nobody ever sent. */

import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import { eui64 } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { netbuf } from '@favonius/netbuf'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { ieee802154 } from '../src/index.ts'
import { FCS } from '../src/wire/index.ts'
import { ScriptedRadio } from './radio.ts'
import { files, vectors } from './vectors/read.ts'

const test = suite('ieee802154: fuzz', { timeout: 60_000 })
const corpus = files.flatMap(vectors).map((frame) => frame.slice(0, -FCS))

for (const [name, seed, quota] of [['with room', 1, 1 << 20], ['short of buffers', 2, 8 << 10]] as const) {
  test(`20,000 frames, ${name}: nothing throws, and no buffer is left`, async () => {
    const env = virtual({ seed })
    const below = (n: number): number => env.random.uint32() % n
    const stack = compose(env, netbuf({ debug: true, quota }), ieee802154({ panId: 0x0023 }), ipv6(), udp())
    const radio = new ScriptedRadio(env)
    // One of the two RIOT nodes that the frames are between.
    const wpan0 = stack.ieee802154.add(radio, { address: eui64('02:00:00:00:00:00:00:01') })
    stack.ipv6.addAddress(wpan0, '2001:db8::1/64')
    const up = wpan0.up({ timeout: Infinity })
    env.advance(5000)
    await up
    stack.ieee802154.set(wpan0, { shortAddress: 0x0001 })
    let release: (() => void) | undefined
    for (let n = 0; n < 20_000; n++) {
      const frame = below(8) === 0 ? new Uint8Array(below(126)).map(() => below(256)) : corpus[below(corpus.length)]!.slice(0, below(4) === 0 ? below(126) : undefined)
      if (frame.length > 2 && below(2) === 0) frame[2] = below(256) // another number: not a duplicate
      for (let hits = below(4); hits > 0 && frame.length > 0; hits--) frame[below(frame.length)]! ^= 1 << below(8)
      if (below(500) === 0) {
        release?.()
        release = below(2) === 0 ? wpan0.hearAll() : undefined
      }
      const buffer = stack.netbuf.alloc(frame.length, below(2) * 120)
      if (buffer === undefined) continue
      if (frame.length > 0) buffer.write(frame)
      radio.sink!.frame(buffer, -60, 255)
      if (below(4) === 0) env.advance(below(200))
    }
    release?.()
    const { counters } = stack.netif.statistics()
    assert.ok(counters['sixlowpan']!['recv']! > 100 && counters['ipv6']!['recv']! > 100, 'some get through')
    await stack.stop()
    assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
    assert.is(env.armed, 0)
  })
}

test.run()
