/** Datagrams in pieces, and a host that puts them together. */

import type { NetBuf, IpInfo, Transport } from '@favonius/contract'
import { virtual } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet/bare'
import { address, finish, pseudoSum, sum } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { ipv6Fragments } from '@favonius/ipv6/fragments'
import { ipv6Pmtu } from '@favonius/ipv6/pmtu'
import { show } from '@favonius/ipv6/wire'
import { Arena, netbufIn } from '@favonius/netbuf'
import { compose } from '@favonius/stack'
import * as assert from 'uvu/assert'
import { bytes, frame, packet } from './craft.ts'
import { Lan, MAC99 } from './lan.ts'

export const US = '2001:db8::1'
export const PEER = '2001:db8::99'

/** Keeps what it gets, whole. */
export class Collector implements Transport {
  readonly received: { readonly data: Uint8Array; readonly info: string }[] = []
  /** What errors it is told of, and whether it knows the flow. */
  readonly told: string[] = []
  knows: boolean | undefined
  /** Nobody listens. */
  refuses = false

  receive(packet: NetBuf, ip: IpInfo): void {
    const data = new Uint8Array(packet.total())
    packet.copyTo(data)
    this.received.push({ data, info: `${ip.source} > ${ip.destination} hl ${ip.hopLimit} tc ${ip.trafficClass}` })
    assert.ok(packet.length >= 8 || packet.next === undefined, 'the header stands in the first buffer')
    if (this.refuses) ip.layer.refuse(packet, ip, 'port')
    packet.unref()
  }

  unreachable({ code, mtu }: { readonly code: string; readonly mtu: number | undefined }): boolean | undefined {
    this.told.push(`${code} ${mtu}`)
    return this.knows
  }
}

/** A UDP datagram with its checksum, of which the payload counts up. */
export function datagram(payload: number, source = PEER, destination = US): Uint8Array {
  const made = bytes(0x30, 0x39, 0x10, 0x92, (payload + 8) >> 8, (payload + 8) & 255, 0, 0, Uint8Array.from({ length: payload }, (_, i) => i ^ (i >> 8)))
  const checksum = finish(sum(made, 0, made.length, pseudoSum(address(source), address(destination), 17) + made.length))
  new DataView(made.buffer).setUint16(6, checksum || 0xffff)
  return made
}

export interface Piece {
  readonly source?: string
  readonly destination?: string
  readonly id?: number
  /** Next header after the fragment header. */
  readonly next?: number
  readonly at: number
  readonly more: boolean
  readonly data: Uint8Array
  /** Headers before the fragment header, and what names the first of them. */
  readonly before?: Uint8Array
  readonly named?: number
  readonly trafficClass?: number
}

/** A packet with a fragment header. */
export function piece({ source = PEER, destination = US, id = 7, next = 17, at, more, data, before = bytes(), named = 44, trafficClass = 0 }: Piece): Uint8Array {
  const word = at | (more ? 1 : 0)
  return packet({
    source, destination, next: named, trafficClass,
    payload: bytes(before, next, 0, word >> 8, word & 255, id >>> 24, (id >> 16) & 255, (id >> 8) & 255, id & 255, data),
  })
}

/** `data` cut at these places, each a multiple of 8. */
export function pieces(data: Uint8Array, cuts: readonly number[], rest: Partial<Piece> = {}): Uint8Array[] {
  const bounds = [0, ...cuts, data.length]
  return bounds.slice(0, -1).map((at, i) => piece({ ...rest, at, more: i < cuts.length, data: data.subarray(at, bounds[i + 1]) }))
}

interface Settings {
  readonly fragments?: Parameters<typeof ipv6Fragments>[0]
  readonly pmtu?: Parameters<typeof ipv6Pmtu>[0]
  readonly quota?: number
  readonly seed?: number
}

/** A host that is up as 2001:db8::1 and knows 2001:db8::99 at MAC99; its transport 17 keeps what it gets. */
export async function world({ fragments, pmtu, quota = 16 << 20, seed = 5 }: Settings = {}) {
  const env = virtual({ seed })
  const lan = new Lan(env)
  const stack = compose(env, netbufIn(new Arena(), { debug: true, quota }), ethernet(), ipv6({ maxAddresses: 4 }), ipv6Fragments(fragments), ipv6Pmtu(pmtu))
  const station = lan.station()
  const eth0 = stack.netif.add(station)
  const udp = new Collector()
  stack.ip.registerTransport(17, udp)
  stack.ipv6.addAddress(eth0, `${US}/64`)
  await env.run(() => eth0.up())
  stack.nd.add(eth0, address(PEER), MAC99)
  stack.nd.add(eth0, address('fe80::99'), MAC99)
  lan.log.length = 0
  return {
    env, lan, stack, eth0, udp, station,
    /** Delivers packets and returns what the host said, a line each. */
    hear(...packets: readonly Uint8Array[]): string[] {
      const before = lan.log.length
      for (const each of packets) station.receive(frame(each, station.address))
      env.advance(10)
      return lan.log.slice(before).map(({ bytes: sent }) => show(sent.subarray(14)))
    },
    /** What was dropped, and how often, without the family's name. */
    drops: (): Record<string, number> => Object.fromEntries(Object.entries(stack.netif.statistics().drops).map(([text, n]) => [text.replace(/^\w+: /, ''), n])),
    /** What was sent since the last call, without link headers. */
    sent: (): Uint8Array[] => lan.log.splice(0).map(({ bytes: sent }) => sent.subarray(14)),
    async end(): Promise<void> {
      await stack.stop()
      assert.is(stack.netbuf.live, 0, `buffers are left: ${stack.netbuf.owners().join('; ')}`)
      env.advance(1000)
      assert.is(env.armed, 0, 'timers are left')
    },
  }
}

export type World = Awaited<ReturnType<typeof world>>
