import { Arena } from '@favonius/netbuf'
import { linkTypeOf, linkTypes, packets, PcapngWriter, type CapturedPacket } from '@favonius/pcap'
import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { nanoseconds } from '../src/blocks.ts'

const test = suite('pcap: writer')

const pool = new Arena({ chunkSize: 1 << 20 }).pool()

const written = (body: (writer: PcapngWriter) => void, options?: ConstructorParameters<typeof PcapngWriter>[1]): Uint8Array => {
  const blocks: Uint8Array[] = []
  const writer = new PcapngWriter((block) => blocks.push(block), options)
  body(writer)
  writer.close()
  return new Uint8Array(Buffer.concat(blocks))
}
const read = (bytes: Uint8Array): CapturedPacket[] => [...packets(bytes)].map((packet) => {
  if ('malformed' in packet) throw new Error(packet.malformed)
  return packet
})

test('the blocks, byte by byte', () => {
  const bytes = written((writer) => {
    const id = writer.addInterface('eth0', linkTypes.ethernet)
    writer.packet(id, 1.5, Uint8Array.of(1, 2, 3, 4, 5), { direction: 'in', comment: 'udp: bad checksum' })
  }, { epoch: 1_700_000_000_000 })
  const expected = [
    // Section Header: type, length, byte order, version 1.0, section length unknown, shb_userappl, end.
    '0a0d0d0a 2c000000 4d3c2b1a 0100 0000 ffffffffffffffff', '0400 0800 4661766f6e697573', '0000 0000', '2c000000',
    // Interface Description: Ethernet, no snap length, if_name, if_tsresol 9, end.
    '01000000 28000000 0100 0000 00000000', '0200 0400 65746830', '0900 0100 09000000', '0000 0000', '28000000',
    // Enhanced Packet: interface 0, time, 5 of 5 bytes, epb_flags inbound, comment, end.
    `06000000 4c000000 00000000 ${word(1_700_000_000_001_500_000n >> 32n)} ${word(1_700_000_000_001_500_000n & 0xffffffffn)} 05000000 05000000`,
    '0102030405000000', '0200 0400 01000000', '0100 1100 7564703a2062616420636865636b73756d 000000', '0000 0000', '4c000000',
    // Interface Statistics: interface 0, time, isb_ifrecv 1, isb_ifdrop 0, end.
    `05000000 34000000 00000000 ${word(1_700_000_000_001_500_000n >> 32n)} ${word(1_700_000_000_001_500_000n & 0xffffffffn)}`,
    '0400 0800 0100000000000000', '0500 0800 0000000000000000', '0000 0000', '34000000',
  ].join('').replaceAll(' ', '')
  assert.is(Buffer.from(bytes).toString('hex'), expected)
})

/** A little-endian word in hex. */
function word(value: bigint): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(Number(value))
  return bytes.toString('hex')
}

test('64-bit nanoseconds are exact where a double is not', () => {
  fc.assert(fc.property(fc.nat(4e9), fc.nat(999), fc.nat(2 ** 31), fc.nat(999), (seconds, ms, whole, part) => {
    const epoch = seconds * 1000 + ms
    // Steps of 1/1024 ms are exact in a double.
    const { high, low } = nanoseconds(epoch, whole + part / 1024)
    const expected = BigInt(epoch) * 1_000_000n + BigInt(whole) * 1_000_000n + BigInt(Math.round((part / 1024) * 1e6))
    assert.is((BigInt(high) << 32n) | BigInt(low), expected)
  }), { seed: 1 })
  const carried = nanoseconds(999.9999996, 0.0000002)
  assert.equal(carried, { high: 0, low: 1_000_000_000 })
})

test('buffers with fragments, comments added late, several interfaces', () => {
  const first = pool.alloc(3)!
  first.write(Uint8Array.of(1, 2, 3))
  const second = pool.alloc(2)!
  second.write(Uint8Array.of(4, 5))
  first.append(second)
  const [a, b, c] = read(written((writer) => {
    const eth = writer.addInterface('eth0', linkTypes.ethernet)
    writer.packet(eth, 1, first, { direction: 'out' })
    assert.ok(writer.comment('one'))
    assert.ok(writer.comment('zwei ü'))
    const radio = writer.addInterface('wpan0', linkTypeOf('ieee802154'))
    writer.packet(radio, 2.25, Uint8Array.of(9))
    assert.ok(writer.comment('alone'))
    writer.packet(eth, 3, new Uint8Array(0))
    writer.flush()
    assert.not(writer.comment('too late'))
  }))
  assert.equal([...a!.data], [1, 2, 3, 4, 5])
  assert.equal([a!.name, a!.linkType, a!.direction, a!.comments], ['eth0', 1, 'out', ['one', 'zwei ü']])
  assert.equal([b!.name, b!.linkType, b!.direction, b!.comments, b!.timestamp], ['wpan0', 230, undefined, ['alone'], 2.25])
  assert.equal([c!.interface, c!.data.length, c!.comments], [0, 0, []])
  first.unref()
  assert.is(pool.live, 0)
})

test('a partial checksum is finished in the copy, and only there', () => {
  const packet = pool.alloc(64, 16)!
  // UDP: ports 1 and 2, length 12, the pseudo-header's sum in the field.
  packet.write(Uint8Array.of(0, 1, 0, 2, 0, 12, 0x12, 0x34, 0xde, 0xad, 0xbe, 0xef))
  packet.checksum = 1
  packet.checksumStart = packet.offset
  packet.checksumAt = packet.offset + 6
  packet.push(4)
  const [copy] = read(written((writer) => writer.packet(writer.addInterface('eth0', 1), 0, packet)))
  const sum = 1 + 2 + 12 + 0x1234 + 0xdead + 0xbeef
  const expected = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff
  assert.is((copy!.data[10]! << 8) | copy!.data[11]!, expected)
  assert.is(packet.dv.getUint16(packet.checksumAt), 0x1234)
  packet.unref()
})

test('a sum that comes out as zero is all ones in UDP alone (RFC 768)', () => {
  for (const [field, expected] of [[6, 0xffff], [16, 0]] as const) {
    const packet = pool.alloc(64)!
    const bytes = new Uint8Array(20)
    bytes.set([0xff, 0xf0], 0)
    bytes[field + 1] = 0x0f
    packet.write(bytes)
    Object.assign(packet, { checksum: 1, checksumStart: packet.offset, checksumAt: packet.offset + field })
    const [copy] = read(written((writer) => writer.packet(writer.addInterface('eth0', 1), 0, packet)))
    assert.is((copy!.data[field]! << 8) | copy!.data[field + 1]!, expected)
    packet.unref()
  }
})

test('a snap length cuts the data, not the length', () => {
  const packet = pool.alloc(1000)!
  packet.add(1000)
  const [a, b] = read(written((writer) => {
    const id = writer.addInterface('eth0', 1)
    writer.packet(id, 0, packet)
    writer.packet(id, 0, new Uint8Array(40))
  }, { snapLength: 64 }))
  assert.equal([a!.data.length, a!.length, b!.data.length, b!.length], [64, 1000, 40, 40])
  packet.unref()
})

test('an interface that was not added is the caller’s mistake', () => {
  assert.throws(() => written((writer) => writer.packet(0, 0, new Uint8Array(1))), /addInterface/)
})

test('anything written is read back', () => {
  fc.assert(fc.property(
    fc.array(fc.record({
      at: fc.nat(1e9), data: fc.uint8Array({ maxLength: 100 }), direction: fc.constantFrom('in', 'out', undefined),
      comment: fc.string({ maxLength: 20 }),
    }), { maxLength: 20 }),
    (given) => {
      const back = read(written((writer) => {
        const id = writer.addInterface('x', 101)
        for (const { at, data, direction, comment } of given) writer.packet(id, at / 1000, data, { ...(direction && { direction }), comment })
      }))
      assert.is(back.length, given.length)
      given.forEach(({ at, data, direction, comment }, i) => {
        const packet = back[i]!
        assert.equal([...packet.data], [...data])
        assert.is(packet.direction, direction)
        assert.equal(packet.comments, comment ? [new TextDecoder().decode(new TextEncoder().encode(comment))] : [])
        assert.ok(Math.abs(packet.seconds * 1e9 + packet.nanoseconds - at * 1e3) < 1e3)
      })
    },
  ), { numRuns: 50, seed: 2 })
})

test.run()
