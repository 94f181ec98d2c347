import { suite } from '@favonius/testing'
import { FCS, fcs, readFrame } from '@favonius/ieee802154/wire'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { HEADER, readTrailer, readZep, show, writeZep, type ZepHeader } from '../src/wire.ts'

const test = suite('zep: datagrams')

const bytes = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(hex, 'hex'))
const read = (datagram: Uint8Array): ZepHeader => {
  const header = readZep(datagram)
  if ('malformed' in header) throw new Error(header.malformed)
  return header
}

/** Between two RIOT 2026.10 native nodes: a multicast, a unicast and its acknowledgment. */
const riot = [
  '455802011a758001ffeeab6d8800e2a64c00000000000000000000000000002d41d8f52300ffff02000000000000027b3b3a0285007a2100000000010202000000' +
    '000000020000000000004a74',
  '455802011a758001ffeeab6da000031e5700000000000000000000000000002661dcfc2300010000000000000202000000000000027a333a8100163dede200020c' +
    '9171018131',
  '455802011a758001ffeeab6da0004d4ecc0000000000000000000000000000050200fc5b88',
].map(bytes)

test('RIOT: a multicast, a unicast and its acknowledgment', () => {
  assert.equal(riot.map(show), [
    'zep 2, channel 26, device 30080, lqi 255, number 0, length 45',
    'zep 2, channel 26, device 30080, lqi 255, number 0, length 38',
    'zep 2, channel 26, device 30080, lqi 255, number 0, length 5',
  ])
  for (const datagram of riot) {
    const { frame, length } = read(datagram)
    assert.is(fcs(datagram, frame, frame + length), 0, 'its FCS is good')
    assert.not('malformed' in readFrame(new DataView(datagram.buffer), frame, length - FCS))
  }
})

test('what is written is read again', () => {
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 255 }), fc.nat(2 ** 32 - 1),
    fc.integer({ min: 0, max: 2_000_000_000_000 }), fc.integer({ min: 2, max: 127 }),
    (channel, device, lqi, number, time, length) => {
      const datagram = new Uint8Array(HEADER + length).fill(0xaa)
      writeZep({ channel, device, lqi, number, time, length }, new DataView(datagram.buffer))
      const header = read(datagram)
      assert.equal([header.version, header.mode, header.channel, header.device, header.lqi, header.number, header.frame, header.length], [2, 1, channel, device, lqi, number, HEADER, length])
      assert.ok(Math.abs(header.time - time) < 0.01, `${header.time} for ${time}`)
    },
  ))
})

test('version 1, as sniffers of CC2420 send it: strength and quality stand where the FCS was', () => {
  const datagram = bytes('4558010b12340069000000000000000502007fd1eb')
  assert.equal({ ...read(datagram) }, { version: 1, channel: 11, device: 0x1234, mode: 0, lqi: 0x69, number: 0, time: 0, frame: 16, length: 5 })
  assert.is(show(datagram), 'zep 1, channel 11, device 4660, lqi 105, no FCS, length 5')
  assert.equal(readTrailer(datagram), { good: true, rssi: 0xd1 - 256 - 45, correlation: 0x6b })
  assert.not(readTrailer(bytes('02007fd16b')).good)
})

test('what is no ZEP is malformed, and says why', () => {
  const good = riot[2]!
  const but = (at: number, value: number): Uint8Array => good.map((byte, i) => (i === at ? value : byte))
  for (const [datagram, why] of [
    [good.subarray(0, 3), 'zep: shorter than its header'], [good.subarray(0, HEADER - 1), 'zep: shorter than its header'],
    [but(0, 0x46), 'zep: no ZEP'], [but(2, 3), 'zep: a version that is unknown'], [but(3, 2), 'zep: an acknowledgment, or a type that is unknown'],
    [but(7, 2), 'zep: a mode that is unknown'], [but(31, 6), 'zep: its length is not that of the frame'], [good.subarray(0, HEADER + 4), 'zep: its length is not that of the frame'],
  ] as const) assert.equal(readZep(datagram), { malformed: why })
})

test('no bytes make it throw, or read past their end', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), fc.integer({ min: 0, max: 3 }), (data, named, version) => {
    if (named) data.set([0x45, 0x58, version, 1].slice(0, data.length))
    const header = readZep(data)
    if (!('malformed' in header)) assert.is(header.frame + header.length, data.length)
    show(data)
  }), { numRuns: 2000 })
})

test.run()
