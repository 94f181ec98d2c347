/** Packets that are compressed and decompressed a second, alone, and in two stacks with IEEE 802.15.4's frames on a wire in memory. */

import { system } from '@favonius/clock'
import type { AdaptationLink, DeviceSink, LinkAddress, NetBuf, Timer } from '@favonius/contract'
import { Ieee802154L2, ieee802154, type MacDevice } from '@favonius/ieee802154'
import { address, ETHERTYPE_IPV6, eui64, finish, pseudoSum, sum, writeAddress } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { netbuf } from '@favonius/netbuf'
import { sixlowpan } from '@favonius/sixlowpan'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { udp } from '@favonius/udp'
import { figure, nanoseconds, smoke } from './measure.ts'

/** aMaxMacSafePayloadSize. */
const ROOM = 102
const A = eui64('02:00:5e:ff:fe:00:53:01')
const B = eui64('02:00:5e:ff:fe:00:53:02')

/** One end of a wire in memory, in place of a MAC: what is sent is the other's on its next turn, and nobody waits for a channel. */
class End implements MacDevice {
  readonly medium = 'ieee802154'
  readonly mtu = ROOM
  readonly attributes = { panId: 0xabcd, channel: 26, shortAddress: 0xffff, power: 0, acknowledge: false }
  readonly shortLink = undefined
  readonly offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }
  readonly address: LinkAddress
  other: End | undefined
  #sink: DeviceSink | undefined
  #coming: NetBuf[] = []
  readonly #timer: Timer

  constructor(address: LinkAddress) {
    this.address = address
    this.#timer = system.clock.timer(() => {
      const coming = this.#coming
      this.#coming = []
      for (const frame of coming) {
        if (this.#sink === undefined) frame.unref()
        else this.#sink.frame(frame)
      }
    })
  }

  #sequence = 0

  nextSequence(): number {
    return (this.#sequence = this.#sequence + 1 & 0xff)
  }

  set(): void {}

  energy(): number {
    return -100
  }

  start(sink: DeviceSink): void {
    this.#sink = sink
  }

  stop(): void {
    this.#sink = undefined
  }

  transmit(frame: NetBuf): boolean {
    this.other!.#take(frame)
    return true
  }

  #take(frame: NetBuf): void {
    if (this.#coming.push(frame) === 1) this.#timer.schedule(system.clock.now())
  }
}

/** A datagram of `size` bytes between two stations, by addresses of this prefix. */
function datagram(prefix: string, size: number): Uint8Array {
  const [source, destination] = [address(`${prefix}5eff:fe00:5301`), address(`${prefix}5eff:fe00:5302`)]
  const packet = new Uint8Array(48 + size)
  const dv = new DataView(packet.buffer)
  dv.setUint32(0, 0x6000_0000)
  dv.setUint16(4, 8 + size)
  packet[6] = 17
  packet[7] = 64
  writeAddress(source, dv, 8)
  writeAddress(destination, dv, 24)
  dv.setUint16(40, 5683)
  dv.setUint16(42, 5683)
  dv.setUint16(44, 8 + size)
  packet.fill(0x5a, 48)
  dv.setUint16(46, finish(sum(packet, 40, 8 + size, pseudoSum(source, destination, 17) + 8 + size)))
  return packet
}

async function alone(): Promise<void> {
  const stack = compose(system, netbuf(), sixlowpan())
  const layer = stack.sixlowpan
  const iface = stack.netif.add(new End(B), { l2: new Ieee802154L2(stack.netif, layer) })
  layer.setContext(iface, 1, '2001:db8::/64')
  const kept: Uint8Array[] = []
  let keep = true
  const out: AdaptationLink = {
    room: () => ROOM,
    send(_iface, payload) {
      if (keep) kept.push(payload.view().slice())
      payload.unref()
      return true
    },
  }
  const send = (bytes: Uint8Array): boolean => {
    const packet = stack.netbuf.alloc(bytes.length, 64)!
    packet.u8.set(bytes, packet.add(bytes.length))
    packet.protocol = ETHERTYPE_IPV6
    return layer.send(iface, packet, A, B, out)
  }
  const receive = (bytes: Uint8Array): number => {
    const frame = stack.netbuf.alloc(bytes.length, 64)!
    frame.u8.set(bytes, frame.add(bytes.length))
    const packet = layer.receive(iface, frame, A, B)
    packet?.unref()
    return packet === undefined ? 0 : 1
  }
  const copy = (bytes: Uint8Array): void => {
    const packet = stack.netbuf.alloc(bytes.length, 64)!
    packet.u8.set(bytes, packet.add(bytes.length))
    packet.unref()
  }
  for (const [name, prefix, size] of [['link-local', 'fe80::', 64], ['a context', '2001:db8::', 64], ['no context', '2001:db9::', 32], ['1280 bytes', 'fe80::', 1232]] as const) {
    const packet = datagram(prefix, size)
    kept.length = 0
    keep = true
    send(packet)
    keep = false
    const frames = [...kept]
    if (frames.reduce((sum, frame) => sum + receive(frame), 0) !== 1) throw new Error('it is not received')
    const note = `${frames.length} frames, ${frames.reduce((sum, { length }) => sum + length, 0)} bytes for ${packet.length}`
    await nanoseconds(`a buffer and a copy, ${name}`, () => copy(packet))
    await nanoseconds(`the same, and sent, ${name}`, () => send(packet), note)
    await nanoseconds(`received, ${name}`, () => frames.reduce((sum, frame) => sum + receive(frame), 0), note)
  }
  await stack.stop()
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function pair(size: number): Promise<void> {
  const ends = [new End(A), new End(B)] as const
  ends[0].other = ends[1]
  ends[1].other = ends[0]
  const hosts = await Promise.all(ends.map(async (end, i) => {
    const stack = compose(system, ieee802154(), ipv6(), udp(), sockets())
    const iface = stack.netif.add(end)
    stack.sixlowpan.setContext(iface, 0, '2001:db8::/64')
    stack.ipv6.addAddress(iface, `2001:db8::5eff:fe00:530${i + 1}/64`)
    await iface.up()
    return stack
  }))
  let received = 0
  const server = await hosts[1]!.sockets.open({ port: 0xf0b1 }, { receive: () => void received++ })
  const client = await hosts[0]!.sockets.open({}, { receive() {} })
  const to = { address: '2001:db8::5eff:fe00:5302', port: 0xf0b1 }
  const data = new Uint8Array(size).fill(0x5a)
  const round = async (ms: number): Promise<number> => {
    let sent = received
    const before = sent
    const began = performance.now()
    while (performance.now() - began < ms) {
      for (let n = 0; n < 64 && sent - received < 256; n++) if (client.send(data, to)) sent++
      await turn()
    }
    for (let idle = 0; received < sent && idle < 1000; idle++) await turn()
    return (received - before) / (performance.now() - began) * 1000
  }
  await round(smoke ? 20 : 500)
  const rates: number[] = []
  for (let i = 0; i < (smoke ? 1 : 5); i++) rates.push(await round(smoke ? 50 : 500))
  rates.sort((a, b) => a - b)
  figure({ name: `UDP over 6LoWPAN, ${size} bytes`, value: rates[rates.length >> 1]!, unit: 'datagrams/s', note: size === 64 ? 'must be 200 000; checksums on both ends' : 'checksums on both ends' })
  server.close()
  client.close()
  for (const host of hosts) await host.stop()
}

await alone()
for (const size of [64, 1000]) await pair(size)
