/** UDP over both families on two bare links, whose other ends are the test. */

import type { Address, BufferSource, Device, DeviceSink, IcmpError, Interface, IpInfo, NetBuf, Peer, UdpBinding, UdpSocket } from '@favonius/contract'
import { virtual } from '@favonius/clock'
import { address, ANY6, finish, IPV4, IPV6, NO_LINK_ADDRESS, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_UDP, pseudoSum, sum } from '@favonius/inet'
import { ipv4, writeHeader as writeHeader4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6/bare'
import { writeHeader as writeHeader6 } from '@favonius/ipv6/wire'
import { Arena, netbufIn } from '@favonius/netbuf'
import { bareIp } from '@favonius/netif'
import { compose } from '@favonius/stack'
import * as assert from 'uvu/assert'
import { udp } from '../src/index.ts'

export class Wire implements Device {
  readonly medium = 'ip'
  readonly address = NO_LINK_ADDRESS
  readonly mtu = 1500
  readonly offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }
  readonly sent: Uint8Array<ArrayBuffer>[] = []
  busy = false
  #sink: DeviceSink | undefined
  #buffers: BufferSource | undefined

  transmit(frame: NetBuf): boolean {
    if (this.busy) return false
    const bytes = new Uint8Array(frame.total())
    frame.copyTo(bytes)
    frame.unref()
    this.sent.push(bytes)
    return true
  }

  start(sink: DeviceSink, buffers: BufferSource): void {
    this.#sink = sink
    this.#buffers = buffers
  }

  stop(): void {
    this.#sink = undefined
  }

  ready(): void {
    this.busy = false
    this.#sink?.ready()
  }

  receive(bytes: Uint8Array, checksum: NetBuf['checksum'] = 0): void {
    const frame = this.#buffers!.alloc(bytes.length, 64)!
    frame.write(bytes)
    frame.checksum = checksum
    this.#sink!.frame(frame)
  }
}

export interface Made {
  readonly from: string
  readonly to: string
  readonly sourcePort?: number
  readonly port: number
  readonly data?: string | Uint8Array
  readonly checksum?: 'right' | 'none' | 'wrong'
  /** The length field, when it lies. */
  readonly length?: number
  /** Bytes of the IP payload that are no part of the datagram. */
  readonly padding?: number
}

const text = (data: string | Uint8Array): Uint8Array => (typeof data === 'string' ? new TextEncoder().encode(data) : data)

/** An IP packet around a payload. */
export function packet(from: Address, to: Address, protocol: number, payload: Uint8Array, hopLimit = 64): Uint8Array<ArrayBuffer> {
  const six = to.family === 6
  const size = six ? IPV6.size : IPV4.size
  const bytes = new Uint8Array(size + payload.length)
  if (six) {
    writeHeader6({ trafficClass: 0, flowLabel: 0, payloadLength: payload.length, nextHeader: protocol, hopLimit, source: from, destination: to }, new DataView(bytes.buffer))
  } else {
    writeHeader4({
      trafficClass: 0, totalLength: bytes.length, identification: 0, dontFragment: true, moreFragments: false, fragmentOffset: 0,
      timeToLive: hopLimit, protocol, source: from, destination: to, options: new Uint8Array(0),
    }, bytes)
  }
  bytes.set(payload, size)
  return bytes
}

/** A UDP datagram in its IP packet, right unless it is told to be wrong. */
export function datagram({ from, to, sourcePort = 5000, port, data = 'data', checksum = 'right', length, padding = 0 }: Made): Uint8Array<ArrayBuffer> {
  const [source, destination] = [address(from), address(to)]
  const payload = text(data)
  const bytes = new Uint8Array(8 + payload.length + padding).fill(0xee)
  const dv = new DataView(bytes.buffer)
  dv.setUint16(0, sourcePort)
  dv.setUint16(2, port)
  dv.setUint16(4, length ?? 8 + payload.length)
  dv.setUint16(6, 0)
  bytes.set(payload, 8)
  if (checksum !== 'none') {
    const right = finish(sum(bytes, 0, 8 + payload.length, pseudoSum(source, destination, PROTOCOL_UDP) + 8 + payload.length)) || 0xffff
    dv.setUint16(6, checksum === 'right' ? right : right ^ 0x0100)
  }
  return packet(source, destination, PROTOCOL_UDP, bytes)
}

/** An ICMP «port unreachable» from `by` about a datagram of ours. */
export function portUnreachable(by: string, quoted: Uint8Array): Uint8Array<ArrayBuffer> {
  const six = quoted[0]! >> 4 === 6
  const from = address(by)
  const to = six ? address('2001:db8::1') : address('192.0.2.1')
  const body = new Uint8Array(8 + quoted.length)
  body.set(six ? [1, 4] : [3, 3])
  body.set(quoted, 8)
  new DataView(body.buffer).setUint16(2, finish(sum(body, 0, body.length, six ? pseudoSum(from, to, PROTOCOL_ICMPV6) + body.length : 0)))
  return packet(from, to, six ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP, body, 255)
}

/** A socket that notes what it hears. */
export interface Ear {
  readonly socket: UdpSocket
  readonly heard: string[]
  readonly from: Peer[]
  readonly errors: { readonly error: IcmpError; readonly peer: Peer }[]
  /** Packets that are kept instead of freed. */
  readonly kept: NetBuf[]
  keep: boolean
  onReceive: ((ip: IpInfo) => void) | undefined
}

export async function world(settings: Parameters<typeof udp>[0] = {}, { seed = 9 } = {}) {
  const env = virtual({ seed })
  const stack = compose(env, netbufIn(new Arena(), { debug: true }), bareIp(), ipv4(), ipv6({ maxAddresses: 4 }), udp(settings))
  const wires = [new Wire(), new Wire()] as const
  const [tun0, tun1] = wires.map((wire) => stack.netif.add(wire)) as [Interface, Interface]
  stack.ipv4.addAddress(tun0, '192.0.2.1/24')
  stack.ipv6.addAddress(tun0, '2001:db8::1/64')
  stack.ipv6.addAddress(tun0, 'fe80::1/64')
  stack.ipv4.addAddress(tun1, '198.51.100.1/24')
  stack.ipv6.addAddress(tun1, '2001:db8:1::1/64')
  stack.ipv6.addAddress(tun1, 'fe80::1/64')
  await env.run(() => Promise.all([tun0.up(), tun1.up()]))
  for (const wire of wires) wire.sent.length = 0

  const zoneOf = (name: string): number | undefined => stack.netif.find(name)?.index
  const open = (binding: Partial<Omit<UdpBinding, 'address'>> & { readonly address?: string } = {}): Ear => {
    const ear: Ear = {
      socket: stack.udp.open({ port: 0, v6only: false, reuse: false, iface: undefined, ...binding, address: binding.address === undefined ? ANY6 : address(binding.address, zoneOf) }, {
        receive(packet, from, ip) {
          const data = new Uint8Array(packet.total())
          packet.copyTo(data)
          ear.heard.push(new TextDecoder().decode(data))
          ear.from.push(from)
          if (ear.keep) ear.kept.push(packet)
          else packet.unref()
          ear.onReceive?.(ip)
        },
        error: (error, peer) => void ear.errors.push({ error, peer }),
      }),
      heard: [], from: [], errors: [], kept: [], keep: false, onReceive: undefined,
    }
    return ear
  }
  return {
    env, stack, udp: stack.udp, buffers: stack.netbuf, wires, wire: wires[0], tun0, tun1, open,
    peer: (text: string, port: number) => stack.udp.peer(address(text, zoneOf), port),
    hear: (made: Made, on: Wire = wires[0], checksum: NetBuf['checksum'] = 0) => on.receive(datagram(made), checksum),
    drops: () => stack.netif.statistics().drops,
    counters: () => stack.netif.statistics().counters['udp']!,
    async end() {
      await stack.stop()
      assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
      assert.is(env.armed, 0)
    },
  }
}

export type World = Awaited<ReturnType<typeof world>>
