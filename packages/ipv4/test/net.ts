/** A stack with IPv4 on devices whose frames a test sees and makes. */

import type { BufferSource, Device, DeviceSink, IcmpError, Interface, IpInfo, L2, Medium, NetBuf, Transport } from '@favonius/contract'
import { virtual } from '@favonius/clock'
import { address, NO_LINK_ADDRESS } from '@favonius/inet'
import { ip } from '@favonius/ip'
import { ipv4, type ipv4Options, readHeader, show, writeHeader, type Ipv4Header } from '@favonius/ipv4'
import type { Settings } from '@favonius/kconfig'
import { netbuf } from '@favonius/netbuf'
import { bareIp } from '@favonius/netif'
import { compose } from '@favonius/stack'

/** A device that keeps what it is given, or hands it to another after a while. */
export class Wire implements Device {
  readonly medium: Medium
  readonly mtu: number
  readonly address = NO_LINK_ADDRESS
  readonly offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }
  readonly sent: Uint8Array[] = []
  /** Where a frame goes that was sent. */
  forward: (frame: Uint8Array) => void = () => {}
  /** How the link addressed the frame that arrives. */
  cast: NetBuf['cast'] = 0
  #sink: DeviceSink | undefined
  #buffers: BufferSource | undefined

  constructor(medium: Medium = 'ip', mtu = 1500) {
    this.medium = medium
    this.mtu = mtu
  }

  transmit(frame: NetBuf): boolean {
    const bytes = new Uint8Array(frame.total())
    frame.copyTo(bytes)
    frame.unref()
    this.sent.push(bytes)
    this.forward(bytes)
    return true
  }

  start(sink: DeviceSink, buffers: BufferSource): void {
    this.#sink = sink
    this.#buffers = buffers
  }

  stop(): void {
    this.#sink = undefined
  }

  /** A frame arrives. */
  receive(bytes: Uint8Array, cast: NetBuf['cast'] = 0): void {
    const frame = this.#buffers!.alloc(bytes.length, 32)!
    frame.write(bytes)
    this.cast = cast
    this.#sink!.frame(frame)
  }

  /** What was sent since the last call, as tcpdump would show it. */
  shown(): string[] {
    return this.sent.splice(0).map(show)
  }
}

/** A link layer that notes the next hop it is asked to reach, and how the frame was addressed. */
const meddler = (): L2 & { hops: string[]; wire: Wire | undefined } => {
  const l2 = {
    name: 'meddler', medium: 'test' as Medium, hops: [] as string[], wire: undefined as Wire | undefined,
    flags: { multicast: true, promiscuous: false, pointToPoint: false },
    headroom: () => 14,
    receive(_iface: Interface, frame: NetBuf): boolean {
      frame.protocol = 0x0800
      frame.cast = l2.wire?.cast ?? 0
      return true
    },
    send: (iface: Interface, packet: NetBuf): boolean => iface.transmit(packet),
    multicast(group: { toString(): string }) {
      l2.hops.push(`all of ${group}`)
      return NO_LINK_ADDRESS
    },
    enable() {},
  }
  return l2
}

/** A transport that notes what it gets. */
export class Recorder implements Transport {
  readonly got: { data: string; source: string; destination: string; hopLimit: number; trafficClass: number; multicast: boolean; pseudo: number }[] = []
  readonly errors: { error: IcmpError; quoted: number; source: string; destination: string }[] = []
  take: ((packet: NetBuf, info: IpInfo) => void) | undefined

  receive(packet: NetBuf, info: IpInfo): void {
    const data = new Uint8Array(packet.total())
    packet.copyTo(data)
    const { source, destination, hopLimit, trafficClass, multicast, pseudo } = info
    this.got.push({ data: new TextDecoder().decode(data), source: `${source}`, destination: `${destination}`, hopLimit, trafficClass, multicast, pseudo })
    if (this.take) this.take(packet, info)
    else packet.unref()
  }

  unreachable(error: IcmpError, quoted: NetBuf, source: unknown, destination: unknown): void {
    this.errors.push({ error, quoted: quoted.total(), source: `${source}`, destination: `${destination}` })
  }
}

export const PROTOCOL_TEST = 253 // RFC 3692 §2.1: for experiments

/** Bytes of a whole packet. */
export function packetOf(
  fields: Partial<Omit<Ipv4Header, 'source' | 'destination'>> & { source?: string; destination?: string } = {}, data: Uint8Array = new Uint8Array(0),
): Uint8Array<ArrayBuffer> {
  const options = fields.options ?? new Uint8Array(0)
  const header: Ipv4Header = {
    trafficClass: 0, identification: 0, dontFragment: true, moreFragments: false, fragmentOffset: 0, timeToLive: 64, protocol: PROTOCOL_TEST,
    ...fields, options, totalLength: fields.totalLength ?? 20 + options.length + data.length,
    source: address(fields.source ?? '192.0.2.2'), destination: address(fields.destination ?? '192.0.2.1'),
  }
  const bytes = new Uint8Array(20 + options.length + data.length)
  bytes.set(data, writeHeader(header, bytes))
  return bytes
}

export const text = (s: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(s)

/** The header of a packet that was sent, which must be well formed. */
export function headerOf(bytes: Uint8Array): Ipv4Header {
  const header = readHeader(bytes)
  if ('malformed' in header) throw new Error(header.malformed)
  return header
}

/** `192.0.2.1/24` on a bare link. */
export async function host(settings: Partial<Settings<typeof ipv4Options>> = {}, { env = virtual({ seed: 5 }), own = '192.0.2.1/24', mtu = 1500 } = {}) {
  const stack = compose(env, netbuf({ debug: true }), bareIp(), ip({ maxRoutes: 32 }), ipv4(settings))
  const wire = new Wire('ip', mtu)
  const iface = stack.netif.add(wire)
  void iface.up()
  if (own !== '') stack.ipv4.addAddress(iface, own)
  const transport = new Recorder()
  stack.ip.registerTransport(PROTOCOL_TEST, transport)
  const drops = (): Readonly<Record<string, number>> => stack.netif.statistics().drops
  const counters = (): Readonly<Record<string, Readonly<Record<string, number>>>> => stack.netif.statistics().counters
  /** Everything is given back. */
  const end = async (): Promise<void> => {
    await stack.stop()
    const { live } = stack.netbuf
    if (live !== 0 || env.armed !== 0) throw new Error(`${live} live buffers, ${env.armed} timers: ${stack.netbuf.owners().join('; ')}`)
  }
  return { env, stack, ipv4: stack.ipv4, ip: stack.ip, netif: stack.netif, buffers: stack.netbuf, wire, iface, transport, drops, counters, end }
}

/** The same on a link where next hops are resolved and frames may be broadcast. */
export async function hostOnLan(settings: Partial<Settings<typeof ipv4Options>> = {}) {
  const h = await host(settings, { own: '' })
  await h.netif.remove(h.iface)
  const l2 = meddler()
  h.netif.registerResolver(4, 'test', { resolve: (_iface, nextHop) => { l2.hops.push(String(nextHop)); return NO_LINK_ADDRESS } })
  const add = (name: string, ...addresses: string[]) => {
    const wire = new Wire('test')
    const iface = h.netif.add(wire, { l2, name })
    void iface.up()
    for (const own of addresses) h.ipv4.addAddress(iface, own)
    return { wire, iface }
  }
  const send = (to: string, options: Partial<Parameters<typeof h.ipv4.route>[1]> = {}) => {
    const route = h.ipv4.route(address(to), { protocol: PROTOCOL_TEST, ...options })
    if (!route) return undefined
    const packet = h.buffers.alloc(4, route.headroom)!
    packet.write(text('data'))
    l2.hops.length = 0
    route.send(packet)
    return { route, hop: l2.hops[0], from: `${route.source}`, by: route.iface.name }
  }
  return { ...h, l2, add, send }
}
