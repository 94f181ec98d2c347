/** Datagrams in pieces, and a host that puts them together. */

import { virtual } from '@favonius/clock'
import type { Address, IcmpError, IpInfo, NetBuf, Transport } from '@favonius/contract'
import { ipv4 } from '@favonius/ipv4'
import { ipv4Fragments } from '@favonius/ipv4/fragments'
import { ipv4Pmtu } from '@favonius/ipv4/pmtu'
import { Arena, netbufIn } from '@favonius/netbuf'
import { bareIp } from '@favonius/netif'
import { compose } from '@favonius/stack'
import * as assert from 'uvu/assert'
import { packetOf, PROTOCOL_TEST, Wire } from './net.ts'

export const US = '192.0.2.1'
export const PEER = '192.0.2.2'

/** Keeps what it gets, whole. */
export class Collector implements Transport {
  readonly received: { readonly data: Uint8Array; readonly info: string }[] = []
  /** What errors it is told of, and whether it knows the flow. */
  readonly told: string[] = []
  knows: boolean | undefined

  receive(packet: NetBuf, ip: IpInfo): void {
    const data = new Uint8Array(packet.total())
    packet.copyTo(data)
    this.received.push({ data, info: `${ip.source} > ${ip.destination} ttl ${ip.hopLimit} tos ${ip.trafficClass}` })
    packet.unref()
  }

  unreachable({ code, mtu }: IcmpError, _quoted: NetBuf, _source: Address, _destination: Address): boolean | undefined {
    this.told.push(`${code} ${mtu}`)
    return this.knows
  }
}

/** Bytes of which no run is like another. */
export const pattern = (length: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length }, (_, i) => i ^ (i >> 8))

export interface Piece {
  readonly source?: string
  readonly destination?: string
  readonly id?: number
  readonly protocol?: number
  readonly at: number
  readonly more: boolean
  readonly data: Uint8Array
  readonly options?: Uint8Array
  readonly trafficClass?: number
}

/** A fragment. */
export function piece({ id = 7, at, more, data, source = PEER, destination = US, protocol = PROTOCOL_TEST, options = new Uint8Array(0), trafficClass = 0 }: Piece): Uint8Array<ArrayBuffer> {
  return packetOf({ source, destination, protocol, options, trafficClass, identification: id, dontFragment: false, moreFragments: more, fragmentOffset: at }, data)
}

/** `data` cut at these places, each a multiple of 8. */
export function pieces(data: Uint8Array, cuts: readonly number[], rest: Partial<Piece> = {}): Uint8Array<ArrayBuffer>[] {
  const bounds = [0, ...cuts, data.length]
  return bounds.slice(0, -1).map((at, i) => piece({ ...rest, at, more: i < cuts.length, data: data.subarray(at, bounds[i + 1]) }))
}

interface Settings {
  readonly fragments?: Parameters<typeof ipv4Fragments>[0]
  readonly pmtu?: Parameters<typeof ipv4Pmtu>[0]
  readonly quota?: number
  readonly mtu?: number
  readonly seed?: number
}

/** `192.0.2.1/24` on a bare link; transports 17 and 253 keep what they get. */
export async function world({ fragments, pmtu, quota = 16 << 20, mtu = 1500, seed = 5 }: Settings = {}) {
  const env = virtual({ seed })
  const stack = compose(env, netbufIn(new Arena(), { debug: true, quota }), bareIp(), ipv4(), ipv4Fragments(fragments), ipv4Pmtu(pmtu))
  const wire = new Wire('ip', mtu)
  const iface = stack.netif.add(wire)
  void iface.up()
  stack.ipv4.addAddress(iface, `${US}/24`)
  stack.ipv4.setGateway(iface, PEER)
  const transport = new Collector()
  for (const protocol of [6, 17, PROTOCOL_TEST]) stack.ip.registerTransport(protocol, transport)
  return {
    env, stack, wire, iface, transport,
    /** Delivers packets and returns what the host said, a line each. */
    hear(...packets: readonly Uint8Array[]): string[] {
      wire.sent.length = 0
      for (const each of packets) wire.receive(each)
      env.advance(10)
      return wire.shown()
    },
    /** What was dropped, and how often, without the family's name. */
    drops: (): Record<string, number> => Object.fromEntries(Object.entries(stack.netif.statistics().drops).map(([text, n]) => [text.replace(/^\w+: /, ''), n])),
    async end(): Promise<void> {
      await stack.stop()
      assert.is(stack.netbuf.live, 0, `buffers are left: ${stack.netbuf.owners().join('; ')}`)
      assert.is(env.armed, 0, 'timers are left')
    },
  }
}

export type World = Awaited<ReturnType<typeof world>>
