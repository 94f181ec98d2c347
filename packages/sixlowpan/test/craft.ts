/** IPv6 packets by hand, and at random. */

import { address, finish, pseudoSum, sum, writeAddress } from '@favonius/inet'
import fc from 'fast-check'
import { hex, type Bytes } from './fixture.ts'

export const bytes = (...parts: (number | string | Uint8Array | readonly number[])[]): Bytes =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : typeof part === 'string' ? [...hex(part)] : [...part])))

export const a16 = (text: string): Bytes => {
  const made = new Uint8Array(16)
  writeAddress(address(text), new DataView(made.buffer), 0)
  return made
}

export interface Fields {
  readonly source: string | Uint8Array
  readonly destination: string | Uint8Array
  readonly next: number
  readonly hopLimit?: number
  readonly trafficClass?: number
  readonly flow?: number
  readonly payload: Uint8Array
}

/** An IPv6 packet. */
export function packet({ source, destination, next, hopLimit = 64, trafficClass = 0, flow = 0, payload }: Fields): Bytes {
  const addresses = [source, destination].map((each) => (typeof each === 'string' ? a16(each) : each))
  const first = 0x6000_0000 + trafficClass * 0x10_0000 + flow
  return bytes([24, 16, 8, 0].map((shift) => (first >>> shift) & 255), payload.length >> 8, payload.length & 255, next, hopLimit, ...addresses, payload)
}

/** A UDP datagram with its checksum. */
export function datagram(source: string, destination: string, from: number, to: number, data: Uint8Array): Bytes {
  const made = bytes(from >> 8, from & 255, to >> 8, to & 255, (data.length + 8) >> 8, (data.length + 8) & 255, 0, 0, data)
  const checksum = finish(sum(made, 0, made.length, pseudoSum(address(source), address(destination), 17) + made.length)) || 0xffff
  new DataView(made.buffer).setUint16(6, checksum)
  return made
}

const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
const run = (length: number): fc.Arbitrary<Bytes> => fc.uint8Array({ minLength: length, maxLength: length }) as fc.Arbitrary<Bytes>

/** Identifiers that follow from stations' addresses, and others. */
const identifiers: fc.Arbitrary<Uint8Array> = fc.oneof(
  pick(...[
    '00005efffe005301', '00125efffe005301', '02124b0014b5d98c', '000000fffe000001', '000000fffe00beef', '00005efffe005301', 'c0005efffe005302', '000000fffe00abcd',
    '0000000000000001', '0000000000000000',
  ].map(hex)),
  run(8),
  fc.uint8Array({ minLength: 2, maxLength: 2 }).map((short) => bytes('000000fffe00', short)),
)

const prefixes = pick('fe80000000000000', '20010db800000000', '20010db800010000', '20010db8000100aa', 'fd00000000000001', 'fe80000000000001').map(hex)
const unicast = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(prefixes, identifiers).map(([prefix, id]) => bytes(prefix, id)) },
  { weight: 1, arbitrary: run(16) },
  { weight: 1, arbitrary: fc.constant(bytes(new Uint8Array(16))) },
)
const sparse = fc.tuple(fc.nat(255), fc.array(fc.tuple(fc.integer({ min: 2, max: 15 }), fc.nat(255)), { maxLength: 4 })).map(([scope, rest]) => {
  const made = new Uint8Array(16)
  made[0] = 0xff
  made[1] = scope
  for (const [at, value] of rest) made[at] = value
  return made
})
const groups = fc.oneof(
  fc.constantFrom('ff02::1', 'ff02::1a', 'ff02::ff', 'ff02::1:ff00:5301', 'ff05::1:3', 'ff0e::100', 'ff02::2').map(a16),
  sparse,
  // RFC 3306, with the prefix of a context or another.
  fc.tuple(fc.nat(255), fc.nat(255), pick('20010db800000000', '20010db800010000', 'fd00000000000001').map(hex), pick(64, 48, 32, 63), run(4))
    .map(([scope, riid, prefix, length, id]) => bytes(0xff, scope, riid, length, prefix, id)),
)

interface Rest {
  /** Its protocol number. */
  readonly next: number
  readonly payload: Uint8Array
}

const ports = fc.oneof(fc.integer({ min: 0xf0b0, max: 0xf0bf }), fc.integer({ min: 0xf000, max: 0xf0ff }), fc.nat(0xffff))
const data = fc.uint8Array({ maxLength: 40 })

const udp: fc.Arbitrary<Rest> = fc.tuple(ports, ports, fc.nat(0xffff), data).map(([from, to, checksum, body]) => ({
  next: 17,
  payload: bytes(from >> 8, from & 255, to >> 8, to & 255, 0, body.length + 8, checksum >> 8, checksum & 255, body),
}))
/** One whose length is not that of the packet, as in a first fragment. */
const oddUdp: fc.Arbitrary<Rest> = fc.tuple(ports, fc.nat(0xffff), data).map(([from, length, body]) => ({
  next: 17, payload: bytes(from >> 8, from & 255, 0x16, 0x33, length >> 8, length & 255, 0, 0, body),
}))
const other: fc.Arbitrary<Rest> = fc.tuple(pick(6, 58, 59, 50, 51, 255, 0, 60, 43, 44, 41, 17), data).map(([next, payload]) => ({ next, payload }))

/** Options that fill a header to a multiple of 8: with padding of any form, or by themselves. */
const options = fc.tuple(
  fc.array(fc.oneof(
    fc.tuple(fc.integer({ min: 2, max: 255 }), fc.uint8Array({ maxLength: 9 })).map(([type, value]) => bytes(type, value.length, value)),
    fc.constant(bytes(0)),
    fc.nat(5).map((n) => bytes(1, n, new Uint8Array(n))),
  ), { maxLength: 4 }),
  pick('pad', 'pads', 'dirty', 'far'),
).map(([list, how]) => {
  const made = bytes(...list)
  const short = 7 - ((made.length + 1) % 8)
  const n = how === 'far' ? short + 8 : short
  if (n === 0) return made
  if (how === 'pads') return bytes(made, new Uint8Array(n))
  return bytes(made, n === 1 ? [0] : [1, n - 2, ...new Uint8Array(n - 2).fill(how === 'dirty' ? 7 : 0)])
})

const optionHeader = pick(0, 60).chain((kind) => options.map((made) => ({ kind, body: made })))
const otherHeader = fc.oneof(
  fc.tuple(pick(43, 135), fc.nat(3)).chain(([kind, n]) => run(6 + n * 8).map((body) => ({ kind, body }))),
  fc.tuple(fc.boolean(), fc.nat(8000), fc.nat(0xffff), fc.nat(255)).map(([whole, offset, id, reserved]) => {
    const field = whole ? 0 : offset * 8 | 1
    return { kind: 44, reserved, body: bytes(field >> 8, field & 255, 0, 0, id >> 8, id & 255) }
  }),
  run(302).map((body) => ({ kind: 60, body: bytes(30, 200, body.subarray(0, 200), 30, 98, body.subarray(202, 300)) })),
)

interface Extension {
  readonly kind: number
  readonly body: Uint8Array
  readonly reserved?: number
}

function chain(extensions: readonly Extension[], last: Rest): Rest {
  let rest = last
  for (const { kind, body, reserved } of [...extensions].reverse()) {
    rest = { next: kind, payload: bytes(rest.next, reserved ?? (body.length + 2) / 8 - 1, body, rest.payload) }
  }
  return rest
}

const header = (inner: fc.Arbitrary<Rest>): fc.Arbitrary<Bytes> => fc.record({
  source: unicast,
  destination: fc.oneof(unicast, groups),
  hopLimit: fc.oneof(pick(1, 64, 255), fc.nat(255)),
  trafficClass: fc.oneof(pick(0, 1, 3, 4, 0xb8), fc.nat(255)),
  flow: fc.oneof(fc.constant(0), fc.nat(0xf_ffff)),
  rest: fc.tuple(fc.array(fc.oneof({ weight: 3, arbitrary: optionHeader }, { weight: 1, arbitrary: otherHeader }), { maxLength: 3 }), inner).map(([list, last]) => chain(list, last)),
}).map(({ rest, ...fields }) => packet({ ...fields, ...rest }))

const plain = fc.oneof({ weight: 5, arbitrary: udp }, { weight: 1, arbitrary: oddUdp }, { weight: 3, arbitrary: other })

/** Packets of every form that compression knows, and of those that it must leave alone. */
export const packets: fc.Arbitrary<Bytes> = header(fc.oneof(
  { weight: 8, arbitrary: plain },
  { weight: 1, arbitrary: header(plain).map((payload) => ({ next: 41, payload })) },
  { weight: 1, arbitrary: header(header(plain).map((payload) => ({ next: 41, payload }))).map((payload) => ({ next: 41, payload })) },
))
