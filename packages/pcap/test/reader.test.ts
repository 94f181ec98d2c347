import { linkTypes, packets, PcapngWriter, type CapturedPacket } from '@favonius/pcap'
import { suite } from '@favonius/testing'
import fc from 'fast-check'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'

const test = suite('pcap: reader')

const good = (bytes: Uint8Array): CapturedPacket[] => [...packets(bytes)].map((packet) => {
  if ('malformed' in packet) throw new Error(packet.malformed)
  return packet
})
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))
const malformed = (bytes: Uint8Array): string => {
  const last = [...packets(bytes)].at(-1)
  return last && 'malformed' in last ? last.malformed : ''
}

/** Classic pcap with one packet of three bytes, Ethernet, at 1 s and 500 units. */
const classic = (little: boolean, magic: number): Uint8Array => {
  const dv = new DataView(new ArrayBuffer(24 + 16 + 3))
  dv.setUint32(0, magic, little)
  dv.setUint16(4, 2, little)
  dv.setUint16(6, 4, little)
  dv.setUint32(16, 65_535, little)
  dv.setUint32(20, 0x1000_0001, little)
  dv.setUint32(24, 1, little)
  dv.setUint32(28, 500, little)
  dv.setUint32(32, 3, little)
  dv.setUint32(36, 60, little)
  new Uint8Array(dv.buffer).set([7, 8, 9], 40)
  return new Uint8Array(dv.buffer)
}

test('classic pcap in both byte orders, with microseconds and nanoseconds', () => {
  for (const little of [true, false]) {
    for (const [magic, nanoseconds] of [[0xa1b2c3d4, 500_000], [0xa1b23c4d, 500]] as const) {
      const [packet, ...rest] = good(classic(little, magic))
      assert.equal([...packet!.data], [7, 8, 9])
      assert.equal([packet!.linkType, packet!.length, packet!.seconds, packet!.nanoseconds, rest.length], [1, 60, 1, nanoseconds, 0])
      assert.is(packet!.timestamp, 1000 + nanoseconds / 1e6)
    }
  }
})

test('pcapng, big-endian, with microseconds by default, an offset, and blocks it does not know', () => {
  const [packet, ...rest] = good(hex(`
    0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c
    00000001 00000024 0001 0000 00000000  000e 0008 0000000000000064  0000 0000  00000024
    00000bad 00000010 12345678 00000010
    00000006 0000002c 00000000 00000000 000f4241 00000002 00000040 abcd0000  0002 0004 00000002 0000002c`))
  assert.equal([...packet!.data], [0xab, 0xcd])
  assert.equal([packet!.seconds, packet!.nanoseconds, packet!.length, packet!.direction, packet!.name], [101, 1000, 64, 'out', undefined])
  assert.is(rest.length, 0)
})

test('powers of two as resolution; simple and obsolete packet blocks; a second section in the other byte order', () => {
  const all = good(hex(`
    0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000
    01000000 20000000 0100 0000 02000000  0900 0100 8a000000  0000 0000  20000000
    02000000 24000000 0000 0000 00000000 00060000 01000000 01000000 ee000000 24000000
    03000000 14000000 05000000 aabb0000 14000000
    0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c
    00000001 00000014 0065 0000 00000000 00000014
    00000003 00000014 00000004 01020304 00000014`))
  assert.equal(all.map((p) => [p.linkType, p.seconds, p.nanoseconds, [...p.data], p.length]), [
    [1, 1, 500_000_000, [0xee], 1],
    [1, 0, 0, [0xaa, 0xbb], 5],
    [101, 0, 0, [1, 2, 3, 4], 4],
  ])
})

test('what is damaged says how, after what is good', () => {
  assert.match(malformed(new Uint8Array(0)), /shorter than four/)
  assert.match(malformed(hex('00112233 4455')), /begins with 0x00112233/)
  assert.match(malformed(classic(true, 0xa1b2c3d4).subarray(0, 20)), /20 of 24/)
  assert.match(malformed(classic(true, 0xa1b2c3d4).subarray(0, 42)), /packet of 3 bytes cut off at byte 24/)
  assert.match(malformed(hex('0a0d0d0a 1c000000 00000000 0100 0000 ffffffffffffffff 1c000000')), /no byte order/)
  const section = '0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000'
  assert.match(malformed(hex(`${section} 06000000 08000000 00000000`)), /length of 8/)
  assert.match(malformed(hex(`${section} 06000000 20000000 00000000`)), /cut off at byte 28/)
  assert.match(malformed(hex(`${section} 06000000 0c000000 10000000`)), /lengths differ/)
  assert.match(malformed(hex(`${section} 06000000 20000000 00000000 00000000 00000000 00000000 00000000 20000000`)), /not described/)
  const described = `${section} 01000000 14000000 0100 0000 00000000 14000000`
  const bad = hex(`${described} 06000000 20000000 00000000 00000000 00000000 01000000 00000000 20000000`)
  assert.match(malformed(bad), /packet of 1 bytes in a block that has room for 0/)
})

test('no bytes make it throw, or hand out what is not the file’s', () => {
  const blocks: Uint8Array[] = []
  const writer = new PcapngWriter((block) => blocks.push(block))
  const id = writer.addInterface('eth0', linkTypes.ethernet)
  for (let i = 0; i < 4; i++) writer.packet(id, i, new Uint8Array(10 + i), { direction: 'in', comment: `comment ${i}` })
  writer.close()
  const seeds = [new Uint8Array(Buffer.concat(blocks)), classic(true, 0xa1b2c3d4), classic(false, 0xa1b23c4d)]
  const examine = (bytes: Uint8Array): void => {
    // Inside of a larger buffer, so that reading beyond the end would be possible.
    const around = new Uint8Array(bytes.length + 32)
    around.set(bytes, 16)
    const view = around.subarray(16, 16 + bytes.length)
    for (const packet of packets(view)) {
      if ('malformed' in packet) continue
      assert.ok(packet.data.byteOffset >= 16 && packet.data.byteOffset + packet.data.length <= 16 + bytes.length)
      assert.type(packet.timestamp, 'number')
    }
  }
  fc.assert(fc.property(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }), fc.nat(), (seed, changes, cut) => {
    const bytes = seed.slice(0, seed.length - (cut % 3 ? 0 : cut % seed.length))
    for (const [at, value] of changes) bytes[at % bytes.length] = value
    examine(bytes)
  }), { numRuns: 3000, seed: 1 })
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), examine), { numRuns: 500, seed: 2 })
  for (const seed of seeds) for (let length = 0; length <= seed.length; length++) examine(seed.slice(0, length))
})

test('the captures beside the repository, where they are there', () => {
  const folder = fileURLToPath(new URL('../../../../shared/captures', import.meta.url))
  if (!existsSync(folder)) return
  const files = readdirSync(folder).filter((name) => name.endsWith('.pcap'))
  for (const name of files) {
    const all = good(new Uint8Array(readFileSync(join(folder, name))))
    assert.ok(all.length > 0, name)
    assert.ok(all.every((packet, i) => packet.data.length <= packet.length && (i === 0 || packet.timestamp >= all[i - 1]!.timestamp - 1000)), name)
  }
})

test.run()
