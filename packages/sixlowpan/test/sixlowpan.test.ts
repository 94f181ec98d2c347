import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { packets } from './craft.ts'
import { stations, textOf, world } from './fixture.ts'

const test = suite('sixlowpan: there and back', { timeout: 60_000 })

/** Contexts that the generated addresses fall into: of the usual length, a short one, a whole address. */
function tell({ layer, iface }: ReturnType<typeof world>): void {
  layer.setContext(iface, 0, '2001:db8::/64')
  layer.setContext(iface, 3, '2001:db8:1::/48')
  layer.setContext(iface, 5, 'fd00:0:0:1::/64')
  layer.setContext(iface, 15, '2001:db8:1:aa::1/128')
}

for (const length of [2, 6, 8] as const) {
  const [from, to] = stations[length]
  for (const contexts of [false, true]) {
    test(`what is compressed is decompressed to the same: addresses of ${length} bytes${contexts ? ', contexts' : ''}`, async () => {
      const here = world()
      if (contexts) tell(here)
      fc.assert(fc.property(packets, (packet) => {
        const [payload, ...more] = here.send(packet, { from, to })
        assert.is(more.length, 0)
        assert.ok(payload!.length <= packet.length + 1)
        assert.is(textOf(here.receive(payload!, { from, to })!), textOf(packet))
      }), { numRuns: 2000, seed: length })
      assert.equal(here.drops(), {})
      await here.end()
    })
  }
}

test('the same in fragments, whatever fits into a frame', async () => {
  const here = world()
  tell(here)
  const [from, to] = stations[8]
  fc.assert(fc.property(packets, fc.integer({ min: 60, max: 130 }), (packet, room) => {
    const payloads = here.send(packet, { room, from, to })
    const made = payloads.map((payload) => here.receive(payload, { from, to }))
    assert.ok(made.slice(0, -1).every((each) => each === undefined))
    assert.is(textOf(made.at(-1)!), textOf(packet))
  }), { numRuns: 3000, seed: 1 })
  assert.equal(here.drops(), {})
  assert.ok(here.counters()['reassembled']! > 500)
  await here.end()
})

test('in whatever slot a frame comes', async () => {
  for (const settings of [{ headroom: 0 }, { headroom: 0, tailroom: 120 }, { headroom: 20 }, { headroom: 0, link: 0 }]) {
    const here = world(settings)
    fc.assert(fc.property(packets, (packet) => {
      const [payload] = here.send(packet)
      assert.is(textOf(here.receive(payload!)!), textOf(packet))
    }), { numRuns: 300, seed: 1 })
    await here.end()
  }
})

test.run()
