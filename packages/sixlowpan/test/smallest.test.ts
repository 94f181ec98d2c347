/** That there is no shorter form: all that RFC 6282 §3.1.1 has are tried. */

import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { bytes, packets } from './craft.ts'
import { stations, textOf, world } from './fixture.ts'

const test = suite('sixlowpan: the smallest form', { timeout: 60_000 })

const contexts: readonly (readonly [id: number, prefix: string])[] = [
  [0, '2001:db8::/64'], [3, '2001:db8:1::/48'], [5, 'fd00:0:0:1::/64'], [15, '2001:db8:1:aa::1/128'],
]

/** What each form would carry of a header: its inline bytes, whether it can say the header or not. */
function* forms(packet: Uint8Array): Generator<Uint8Array> {
  const [source, destination] = [packet.subarray(8, 24), packet.subarray(24, 40)]
  const ids = contexts.map(([id]) => id)
  const pairs: (readonly [number, number] | undefined)[] = [undefined, ...ids.flatMap((a) => ids.map((b) => [a, b] as const))]
  const unicast = (mode: number, of: Uint8Array): Uint8Array => [of, of.subarray(8), of.subarray(14), of.subarray(16)][mode]!
  const group = (mode: number, of: Uint8Array): Uint8Array =>
    [of, bytes(of[1]!, of.subarray(11)), bytes(of[1]!, of.subarray(13)), of.subarray(15)][mode]!
  for (let bits = 0; bits < 128; bits++) {
    const [sac, sam, m, dac, dam] = [bits >> 6 & 1, bits >> 4 & 3, bits >> 3 & 1, bits >> 2 & 1, bits & 3]
    if (dac && (m ? dam !== 0 : dam === 0)) continue
    for (const pair of pairs) {
      const inlineSource = sac && sam === 0 ? bytes() : unicast(sam, source)
      const inlineDestination = !m ? unicast(dam, destination) : dac ? bytes(destination[1]!, destination[2]!, destination.subarray(12)) : group(dam, destination)
      // Traffic class, flow label and hop limit are what they are in these packets: 0, 0 and 64.
      yield bytes(0x7a, (pair ? 0x80 : 0) | bits, pair ? [pair[0] << 4 | pair[1]] : [], 58, inlineSource, inlineDestination, packet.subarray(40))
    }
  }
}

for (const length of [2, 8] as const) {
  test(`addresses, by links of ${length} bytes and contexts`, async () => {
    const here = world()
    const { layer, iface } = here
    for (const [id, prefix] of contexts) layer.setContext(iface, id, prefix)
    const [from, to] = stations[length]
    let better = 0
    fc.assert(fc.property(packets, (any) => {
      const packet = bytes(0x60, 0, 0, 0, 0, 2, 58, 64, any.subarray(8, 40), 1, 2)
      const [ours] = here.send(packet, { from, to })
      for (const form of forms(packet)) {
        if (form.length >= ours!.length) continue
        better++
        const got = here.receive(form, { from, to })
        assert.is.not(got && textOf(got), textOf(packet), `${textOf(form)} is shorter than ${textOf(ours!)}`)
      }
    }), { numRuns: 30, seed: length })
    assert.ok(better > 3000)
    await here.end()
  })
}

test('traffic class, flow label and hop limit', async () => {
  const here = world()
  fc.assert(fc.property(fc.nat(255), fc.constantFrom(0, 1, 0x12345, 0xf_ffff), fc.constantFrom(0, 1, 2, 63, 64, 254, 255), (traffic, flow, limit) => {
    const first = 0x6000_0000 + traffic * 0x10_0000 + flow
    const packet = bytes([24, 16, 8, 0].map((shift) => (first >>> shift) & 255), 0, 0, 59, limit, new Uint8Array(32))
    const [ours] = here.send(packet)
    const [ecn, dscp] = [traffic & 3, traffic >> 2]
    const inline = [[ecn << 6 | dscp, flow >> 16, flow >> 8 & 255, flow & 255], [ecn << 6 | flow >> 16, flow >> 8 & 255, flow & 255], [ecn << 6 | dscp], []]
    for (let tf = 0; tf < 4; tf++) {
      for (let code = 0; code < 4; code++) {
        const form = bytes(0x60 | tf << 3 | code, 0x40, inline[tf]!, 59, code ? [] : limit, new Uint8Array(16))
        if (form.length < ours!.length) assert.is.not(textOf(here.receive(form)!), textOf(packet))
        else if (form.length === ours!.length && textOf(here.receive(form)!) === textOf(packet)) assert.is(textOf(form), textOf(ours!))
      }
    }
  }), { numRuns: 1000, seed: 1 })
  await here.end()
})

test.run()
