/** Frames that a host on an Ethernet may see, and what may become of them on the way. */

import type { Address, LinkAddress, Random } from '@favonius/contract'
import { address, ALL_NODES, eui48, finish, fold, solicitedNode, sum, writeAddress, writeLink } from '@favonius/inet'

export const OUR_LINK = eui48('02:00:00:00:00:01')
export const THEIR_LINK = eui48('02:00:00:00:00:99')
export const ROUTER_LINK = eui48('02:00:00:00:00:fe')
const EVERYONE = eui48('ff:ff:ff:ff:ff:ff')

/** Ours and theirs, and a stranger's behind the router. */
export const OUR4 = address('192.0.2.1')
export const OUR6 = address('2001:db8::1')
export const OUR_LOCAL = address('fe80::ff:fe00:1')
export const [THEIR4, FAR4] = [address('192.0.2.99'), address('203.0.113.7')]
export const [THEIR6, FAR6] = [address('2001:db8::99'), address('2001:db8:f::7')]
export const [THEIR_LOCAL, ROUTER6] = [address('fe80::99'), address('fe80::fe')]
const [GROUP4, GROUP6] = [address('224.0.0.251'), address('ff02::fb')]

export type Bytes = Uint8Array<ArrayBuffer>

export const join = (...parts: (ArrayLike<number>)[]): Bytes => {
  const made = new Uint8Array(parts.reduce((n, part) => n + part.length, 0))
  let at = 0
  for (const part of parts) {
    made.set(part, at)
    at += part.length
  }
  return made
}
export const u16 = (...values: number[]): number[] => values.flatMap((value) => [value >> 8 & 255, value & 255])
const linkBytes = (link: LinkAddress): Bytes => {
  const made = new Uint8Array(6)
  writeLink(link, new DataView(made.buffer), 0)
  return made
}
export const ipBytes = (a: Address): Bytes => {
  const made = new Uint8Array(a.family === 4 ? 4 : 16)
  writeAddress(a, new DataView(made.buffer), 0)
  return made
}

const frame = (to: LinkAddress, from: LinkAddress, type: number, payload: Bytes): Bytes => join(linkBytes(to), linkBytes(from), u16(type), payload)

/** Where a packet to `a` is sent on the link. */
const linkOf = (a: Address): LinkAddress =>
  a.family === 6 ? (a.w0 >>> 24 === 0xff ? eui48(join([0x33, 0x33], ipBytes(a).subarray(12))) : OUR_LINK)
  : a.w3 >>> 28 === 14 ? eui48(join([1, 0, 0x5e, a.w3 >> 16 & 0x7f, a.w3 >> 8 & 255, a.w3 & 255]))
  : a.w3 === -1 || (a.w3 & 255) === 255 ? EVERYONE : OUR_LINK

export const packet4 = (from: Address, to: Address, protocol: number, payload: Bytes, { options = [] as number[], flags = 0x4000 } = {}): Bytes =>
  join([0x45 + options.length / 4, 0], u16(20 + options.length + payload.length, 7, flags), [64, protocol, 0, 0], ipBytes(from), ipBytes(to), options, payload)

export const packet6 = (from: Address, to: Address, next: number, payload: Bytes, hopLimit = 64): Bytes =>
  join([0x60, 0, 0, 0], u16(payload.length), [next, hopLimit], ipBytes(from), ipBytes(to), payload)

export const udp = (source: number, destination: number, data: ArrayLike<number>): Bytes => join(u16(source, destination, 8 + data.length, 0), data)
const text = (s: string): Bytes => new TextEncoder().encode(s)

export const in4 = (packet: Bytes, from = THEIR_LINK): Bytes => frame(linkOf(at4(packet)), from, 0x0800, packet)
export const in6 = (packet: Bytes, from = THEIR_LINK): Bytes => frame(linkOf(at6(packet)), from, 0x86dd, packet)
const at4 = (packet: Bytes): Address => address([...packet.subarray(16, 20)].join('.'))
const at6 = (packet: Bytes): Address => address([...packet.subarray(24, 40)].map((b, i) => b.toString(16).padStart(2, '0') + (i % 2 && i < 15 ? ':' : '')).join(''))

/** An extension header of options, or one of `kind` with raw contents; padded to 8 bytes. */
export const extension = (next: number, contents: number[]): number[] => {
  const size = Math.ceil((contents.length + 2) / 8) * 8
  const padding = size - 2 - contents.length
  return [next, size / 8 - 1, ...contents, ...(padding === 1 ? [0] : padding > 1 ? [1, padding - 2, ...new Array<number>(padding - 2).fill(0)] : [])]
}

export const arp = (operation: number, senderLink: LinkAddress, sender: Address, target: Address, to = EVERYONE): Bytes =>
  frame(to, senderLink, 0x0806, join(u16(1, 0x0800), [6, 4], u16(operation), linkBytes(senderLink), ipBytes(sender), [0, 0, 0, 0, 0, 0], ipBytes(target)))

export const icmp4 = (type: number, code: number, body: ArrayLike<number>): Bytes => join([type, code, 0, 0], body)
export const linkOption = (type: number, link: LinkAddress): Bytes => join([type, 1], linkBytes(link))

/** Whole frames, before their checksums are filled in. `ours` are packets that the stack has sent: errors quote them. */
function frames(ours: readonly Bytes[]): Bytes[] {
  const nd = (from: Address, to: Address, type: number, body: Bytes): Bytes => in6(packet6(from, to, 58, join([type, 0, 0, 0], body), 255))
  const echo = join(u16(1, 1), text('abcdefgh'))
  const made: Bytes[] = [
    arp(1, THEIR_LINK, THEIR4, OUR4), arp(2, THEIR_LINK, THEIR4, OUR4, OUR_LINK), arp(1, THEIR_LINK, THEIR4, THEIR4), arp(1, THEIR_LINK, OUR4, OUR4),
    nd(THEIR6, solicitedNode(OUR6), 135, join([0, 0, 0, 0], ipBytes(OUR6), linkOption(1, THEIR_LINK))),
    nd(THEIR_LOCAL, OUR_LOCAL, 135, join([0, 0, 0, 0], ipBytes(OUR_LOCAL), linkOption(1, THEIR_LINK))),
    nd(address('::'), solicitedNode(OUR6), 135, join([0, 0, 0, 0], ipBytes(OUR6), [14, 1, 1, 2, 3, 4, 5, 6])),
    nd(THEIR6, OUR6, 136, join([0x60, 0, 0, 0], ipBytes(THEIR6), linkOption(2, THEIR_LINK))),
    nd(THEIR_LOCAL, ALL_NODES, 136, join([0x20, 0, 0, 0], ipBytes(THEIR_LOCAL), linkOption(2, THEIR_LINK))),
    nd(THEIR6, ALL_NODES, 136, join([0x20, 0, 0, 0], ipBytes(OUR6), linkOption(2, THEIR_LINK))),
    nd(ROUTER6, OUR_LOCAL, 136, join([0xe0, 0, 0, 0], ipBytes(ROUTER6), linkOption(2, ROUTER_LINK))),
    nd(ROUTER6, ALL_NODES, 134, join([64, 0], u16(1800, 0, 0, 0, 0), [3, 4, 64, 0xc0], u16(1, 0, 1, 0, 0, 0), ipBytes(address('2001:db8:5::')), linkOption(1, ROUTER_LINK))),
    nd(THEIR_LOCAL, address('ff02::2'), 133, join([0, 0, 0, 0], linkOption(1, THEIR_LINK))),
    nd(ROUTER6, OUR_LOCAL, 137, join([0, 0, 0, 0], ipBytes(THEIR_LOCAL), ipBytes(FAR6), linkOption(2, THEIR_LINK))),
    in6(packet6(THEIR6, OUR6, 58, join([128, 0, 0, 0], echo))),
    in6(packet6(THEIR_LOCAL, OUR_LOCAL, 58, join([128, 0, 0, 0], echo))),
    in6(packet6(FAR6, OUR6, 58, join([128, 0, 0, 0], echo)), ROUTER_LINK),
    in6(packet6(THEIR_LOCAL, ALL_NODES, 58, join([128, 0, 0, 0], echo))),
    in6(packet6(THEIR6, OUR6, 58, join([129, 0, 0, 0], echo))),
    in6(packet6(THEIR_LOCAL, ALL_NODES, 58, join([130, 0, 0, 0], u16(1000, 0), ipBytes(GROUP6)), 1)),
    in4(packet4(THEIR4, OUR4, 1, icmp4(8, 0, echo))), in4(packet4(FAR4, OUR4, 1, icmp4(8, 0, echo)), ROUTER_LINK),
    in4(packet4(THEIR4, address('192.0.2.255'), 1, icmp4(8, 0, echo))), in4(packet4(THEIR4, OUR4, 1, icmp4(0, 0, echo))),
    in4(packet4(THEIR4, OUR4, 1, icmp4(13, 0, echo))), in4(packet4(THEIR4, address('224.0.0.1'), 2, join([0x11, 100, 0, 0], [0, 0, 0, 0]), { options: [0x94, 4, 0, 0] })),
    in4(packet4(THEIR4, OUR4, 1, icmp4(8, 0, echo), { options: [7, 7, 4, 0, 0, 0, 0, 0] })), in4(packet4(THEIR4, OUR4, 1, icmp4(8, 0, echo), { options: [131, 7, 4, 1, 2, 3, 4, 0] })),
    in4(packet4(THEIR4, OUR4, 17, udp(5000, 7, text('first fragment, and more')), { flags: 0x2000 })), in4(packet4(THEIR4, OUR4, 17, text('the second'), { flags: 3 })),
    in4(packet4(THEIR4, OUR4, 6, join(u16(5000, 80, 0, 1, 0, 0), [0x50, 2], u16(1000, 0, 0)))), in6(packet6(THEIR6, OUR6, 6, join(u16(5000, 80, 0, 1, 0, 0), [0x50, 2], u16(1000, 0, 0)))),
    frame(OUR_LINK, THEIR_LINK, 0x8100, join(u16(5, 0x0800), packet4(THEIR4, OUR4, 17, udp(1, 7, text('tagged'))))),
    frame(OUR_LINK, THEIR_LINK, 46, new Uint8Array(46)), frame(eui48('02:00:00:00:00:77'), THEIR_LINK, 0x0800, packet4(THEIR4, OUR4, 17, udp(1, 7, text('not for us')))),
    frame(EVERYONE, THEIR_LINK, 0x0800, packet4(THEIR4, OUR4, 17, udp(1, 7, text('to one, by broadcast')))),
  ]
  for (const [from4, from6, link] of [[THEIR4, THEIR6, THEIR_LINK], [FAR4, FAR6, ROUTER_LINK]] as const) {
    for (const [source, port] of [[5000, 7], [53, 9], [5353, 5353], [53, 33_333], [5001, 5353]] as const) {
      made.push(
        in4(packet4(from4, OUR4, 17, udp(source, port, text('datagram'))), link), in6(packet6(from6, OUR6, 17, udp(source, port, text('datagram'))), link),
        in4(packet4(from4, GROUP4, 17, udp(source, port, text('to the group'))), link), in6(packet6(from6, GROUP6, 17, udp(source, port, text('to the group'))), link),
        in4(packet4(from4, address('255.255.255.255'), 17, udp(source, port, [])), link), in6(packet6(from6, OUR6, 17, udp(source, port, [])), link),
        in6(packet6(from6, OUR6, 17, udp(source, port, new Uint8Array(1200))), link),
      )
    }
  }
  const inner = udp(5000, 7, text('behind headers'))
  const chain: [number, number[]][] = [
    [0, extension(17, [5, 2, 0, 0])], [0, extension(60, [0x1e, 1, 0])], [60, extension(17, [0x80, 1, 0])], [60, extension(17, [0xc0, 1, 0])], [60, extension(17, [0x40, 0])],
    [43, extension(17, [0, 1, 0, 0, 0, 0])], [43, extension(17, [4, 0, 0, 0, 0, 0])], [44, [17, 0, 0, 1, 0, 0, 0, 9]], [44, [17, 0, 0, 0, 0, 0, 0, 9]], [59, []], [135, extension(17, [1, 0])], [51, extension(17, [0, 0, 0, 0, 0, 0])],
  ]
  for (const [kind, header] of chain) made.push(in6(packet6(THEIR6, OUR6, kind, join(header, inner))))
  made.push(in6(packet6(THEIR6, OUR6, 0, join(extension(60, [5, 2, 0, 0]), extension(43, [1, 4]), extension(60, [0, 0, 1, 4]), extension(17, [0, 0, 0, 0, 1, 0]), inner))))
  made.push(in6(packet6(THEIR6, OUR6, 60, join(...Array.from({ length: 40 }, () => extension(60, [1, 4, 0, 0, 0, 0])), extension(17, []), inner))))
  for (const sent of ours) {
    if (sent.length < 20) continue
    if (sent[0]! >> 4 === 6) {
      for (const [type, code, word] of [[1, 4, 0], [1, 0, 0], [1, 1, 0], [2, 0, 1300], [3, 0, 0], [4, 1, 40]] as const) made.push(in6(packet6(THEIR6, OUR6, 58, join([type, code, 0, 0, 0, 0, word >> 8, word & 255], sent))))
    } else if (sent[0]! >> 4 === 4) {
      for (const [type, code, word] of [[3, 3, 0], [3, 1, 0], [3, 4, 700], [11, 0, 0], [12, 0, 0]] as const) made.push(in4(packet4(THEIR4, OUR4, 1, icmp4(type, code, join(u16(0, word), sent)))))
    }
  }
  return made
}

/** All of it, with checksums that are right. */
export function corpus(ours: readonly Bytes[]): Bytes[] {
  const made = frames(ours)
  for (const one of made) repair(one)
  return made
}

/** Fills in whatever checksums a frame has room for, so that what is broken elsewhere is not refused for them. */
export function repair(bytes: Bytes): void {
  if (bytes.length < 34) return
  const dv = new DataView(bytes.buffer)
  const type = dv.getUint16(12)
  if (type === 0x0800) {
    const size = (bytes[14]! & 15) * 4
    if (size < 20 || 14 + size > bytes.length) return
    dv.setUint16(24, 0)
    dv.setUint16(24, finish(sum(bytes, 14, size)))
    const end = Math.min(14 + dv.getUint16(16), bytes.length)
    const pseudo = sum(bytes, 26, 8, bytes[23]!)
    upper(bytes, dv, bytes[23]!, 14 + size, end, pseudo)
  } else if (type === 0x86dd && bytes.length >= 54) {
    const end = Math.min(54 + dv.getUint16(18), bytes.length)
    let next = bytes[20]!
    let at = 54
    while ((next === 0 || next === 43 || next === 60) && at + 8 <= end) {
      next = bytes[at]!
      at += (bytes[at + 1]! + 1) * 8
    }
    upper(bytes, dv, next, at, end, sum(bytes, 22, 32, next))
  }
}

function upper(bytes: Bytes, dv: DataView, protocol: number, at: number, end: number, pseudo: number): void {
  const field = protocol === 17 ? 6 : protocol === 1 || protocol === 58 ? 2 : -1
  if (field < 0 || at + field + 2 > end) return
  const length = protocol === 17 ? Math.min(Math.max(dv.getUint16(at + 4), 8), end - at) : end - at
  dv.setUint16(at + field, 0)
  const checksum = finish(sum(bytes, at, length, protocol === 1 ? 0 : fold(pseudo + length)))
  dv.setUint16(at + field, protocol === 17 && checksum === 0 ? 0xffff : checksum)
}

/** Numbers that are the edges of something. */
const EDGES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 17, 20, 39, 40, 41, 43, 44, 58, 59, 60, 63, 64, 65, 127, 128, 129, 254, 255]
/** Where lengths and types stand: in ARP, IPv4, UDP over it, IPv6, UDP and extension headers over it. */
const PLACES = [12, 13, 14, 16, 17, 18, 19, 20, 21, 23, 34, 36, 38, 39, 54, 55, 56, 57, 58, 59, 62, 78, 79]

/** One frame of the corpus, and what has become of it. */
export function mutate(frames: readonly Bytes[], random: Random): Bytes {
  const below = (n: number): number => random.uint32() % n
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!
  let bytes: Bytes = pick(frames).slice()
  if (below(8) === 0) return bytes
  for (let times = 1 + below(3); times > 0 && bytes.length > 0; times--) {
    switch (below(7)) {
      case 0: for (let n = 1 + below(4); n > 0; n--) bytes[below(bytes.length)]! ^= 1 << below(8); break
      case 1: bytes = bytes.slice(0, below(bytes.length + 1)); break
      case 2: bytes = join(bytes, random.fill(new Uint8Array(below(below(20) ? 40 : 3000)))); break
      case 3: bytes[below(bytes.length)] = pick(EDGES); break
      case 4: {
        const at = pick(PLACES)
        if (at < bytes.length) bytes[at] = pick(EDGES)
        break
      }
      case 5: {
        const other = pick(frames)
        const cut = below(bytes.length)
        bytes = join(bytes.subarray(0, cut), other.subarray(below(4) ? Math.min(cut, other.length) : below(other.length)))
        break
      }
      case 6: {
        // Another sender, so that tables fill.
        const at = bytes[12] === 0x86 ? 34 : 28
        if (bytes.length > at + 4) {
          bytes[at + 1] = below(256)
          bytes[11] = below(256)
        }
        break
      }
    }
  }
  if (below(8) && bytes.length >= 6) bytes.set(linkBytes(below(16) ? OUR_LINK : EVERYONE), 0)
  if (below(3)) repair(bytes)
  return bytes
}
