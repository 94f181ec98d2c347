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

/** The least bytes for what begins with a header of this number: one for the number and the header as it is, or any compressed form. */
function least(next: number, rest: Uint8Array): number {
  // What is within another header has addresses of its own, for the tests above.
  fc.pre(next !== 41)
  const plain = 1 + rest.length
  const u16 = (at: number): number => rest[at]! << 8 | rest[at + 1]!
  if (next === 17 && rest.length >= 8 && u16(4) === rest.length) {
    const [from, to] = [u16(0), u16(2)]
    const ports = from >> 4 === 0xf0b && to >> 4 === 0xf0b ? 1 : from >> 8 === 0xf0 || to >> 8 === 0xf0 ? 3 : 4
    return Math.min(plain, 1 + ports + 2 + rest.length - 8)
  }
  const size = next === 44 ? 8 : (rest[1]! + 1) * 8
  if (![0, 43, 44, 60, 135].includes(next) || rest.length < 8 || rest.length < size) return plain
  let kept = size - 2
  if (next === 0 || next === 60) {
    // Each way to end the options before a padding that could be made again.
    for (let n = 1; n <= 7; n++) {
      const padding = n === 1 ? '00' : `01${textOf(bytes(n - 2))}${'00'.repeat(n - 2)}`
      const at = optionsOf(rest.subarray(2, size))
      const [last, before] = [at?.at(-1), at?.at(-2)]
      if (last === size - 2 - n && textOf(rest.subarray(size - n, size)) === padding && (before === undefined || rest[2 + before]! > 1)) kept = size - 2 - n
    }
  }
  if (kept > 255) return plain
  const inner = rest.subarray(size)
  // Data of a fragment that is not the first are no headers.
  const after = next === 44 && (u16(2) & 0xfff8) !== 0 ? 1 + inner.length : least(rest[0]!, inner)
  return Math.min(plain, 2 + kept + after)
}

/** Where each option begins; undefined when they do not fill their header. */
function optionsOf(list: Uint8Array): number[] | undefined {
  const at: number[] = []
  let here = 0
  while (here < list.length) {
    at.push(here)
    here += list[here] === 0 ? 1 : 2 + (list[here + 1] ?? 300)
  }
  return here === list.length ? at : undefined
}

test('extension headers and UDP', async () => {
  const here = world()
  fc.assert(fc.property(packets, (any) => {
    const packet = bytes(0x60, 0, 0, 0, any.subarray(4, 7), 64, any.subarray(8))
    packet.fill(0, 8, 24)
    packet.set(any.subarray(40), 40)
    packet[24] = 0x20
    const [ours] = here.send(packet)
    // Two bytes of IPHC, none of the unspecified address, sixteen of the other.
    assert.is(ours!.length, 2 + 16 + least(any[6]!, any.subarray(40)), textOf(packet))
  }), { numRuns: 5000, seed: 9 })
  await here.end()
})

test.run()
