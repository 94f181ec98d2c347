/** A tiny Ethernet for these tests: frames reach every other station after `latency`, in order, unless `lose` says no. */

import type { Address, BufferSource, Device, DeviceSink, Env, IcmpError, IpInfo, NetBuf, Timer, Transport } from '@favonius/contract'
import { address, eui48, linkAddress } from '@favonius/inet'
import { virtual, type VirtualEnv } from '@favonius/clock'
import { compose } from '@favonius/stack'
import { ethernet } from '@favonius/ethernet/bare'
import { ipv6, dad, nd } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { show } from '@favonius/ipv6/wire'
import * as assert from 'uvu/assert'
import { frame } from './craft.ts'

export class Station implements Device {
  readonly medium = 'ethernet'
  readonly mtu = 1500
  readonly offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }
  readonly address
  readonly #lan: Lan
  #sink: DeviceSink | undefined
  #buffers: BufferSource | undefined

  constructor(lan: Lan, n: number) {
    this.#lan = lan
    this.address = linkAddress(6, 0, 0x5e005300 + n)
  }

  start(sink: DeviceSink, buffers: BufferSource): void {
    this.#sink = sink
    this.#buffers = buffers
  }

  stop(): void {
    this.#sink = undefined
  }

  carrier(up: boolean): void {
    this.#sink?.carrier(up)
  }

  transmit(frame: NetBuf): boolean {
    const bytes = new Uint8Array(frame.total())
    frame.copyTo(bytes)
    frame.unref()
    this.#lan.carry(bytes, this)
    return true
  }

  /** A frame arrives; with 2, its checksums are vouched for. */
  receive(bytes: Uint8Array, checksum: 0 | 2 = 0): void {
    const frame = this.#sink && this.#buffers?.alloc(bytes.length, 64)
    if (!frame) return
    frame.write(bytes)
    frame.checksum = checksum
    this.#sink!.frame(frame)
  }
}

export class Lan {
  readonly stations: Station[] = []
  /** Every frame that was sent, with when. */
  readonly log: { readonly at: number; readonly bytes: Uint8Array; readonly from: Station | undefined }[] = []
  lose: (bytes: Uint8Array) => boolean = () => false
  readonly latency: number
  readonly #env: Env
  readonly #timer: Timer
  readonly #onWire: { readonly due: number; readonly bytes: Uint8Array; readonly from: Station | undefined }[] = []

  constructor(env: Env, latency = 1) {
    this.#env = env
    this.latency = latency
    this.#timer = env.clock.timer((now) => {
      while (this.#onWire[0] && this.#onWire[0].due <= now) {
        const { bytes, from } = this.#onWire.shift()!
        for (const station of this.stations) if (station !== from) station.receive(bytes)
      }
      if (this.#onWire[0]) this.#timer.schedule(this.#onWire[0].due)
    })
  }

  station(n = this.stations.length + 1): Station {
    const made = new Station(this, n)
    this.stations.push(made)
    return made
  }

  carry(bytes: Uint8Array, from?: Station): void {
    const now = this.#env.clock.now()
    this.log.push({ at: now, bytes, from })
    if (this.lose(bytes)) return
    this.#onWire.push({ due: now + this.latency, bytes, from })
    if (this.#timer.due === undefined) this.#timer.schedule(this.#onWire[0]!.due)
  }
}

export const MAC1 = eui48('00:00:5e:00:53:01')
export const MAC2 = eui48('00:00:5e:00:53:02')
export const MAC99 = eui48('00:00:5e:00:53:99')

/** A host on the LAN, in an arena of its own so that leaks show. */
export function host(env: VirtualEnv, lan: Lan, settings: { ipv6?: Parameters<typeof ipv6>[0]; nd?: Parameters<typeof nd>[0]; dad?: Parameters<typeof dad>[0] } = {}) {
  const stack = compose(env, netbufIn(new Arena(), { debug: true }), ethernet(), ipv6(settings.ipv6), nd(settings.nd), dad(settings.dad))
  const station = lan.station()
  const eth0 = stack.netif.add(station)
  return { ...stack, station, eth0 }
}

export type Host = ReturnType<typeof host>

/** Stops hosts; nothing may be left of them. */
export async function end(env: VirtualEnv, ...hosts: Host[]): Promise<void> {
  for (const each of hosts) await each.stop()
  for (const each of hosts) assert.is(each.netbuf.live, 0, `buffers are left: ${each.netbuf.owners().join('; ')}`)
  env.advance(1000)
  assert.is(env.armed, 0, 'timers are left')
}

/** Packets that a transport got, and the errors it was told of. */
export class Recorder implements Transport {
  readonly received: { readonly info: string; readonly data: Uint8Array }[] = []
  readonly errors: { readonly error: IcmpError; readonly quoted: Uint8Array; readonly about: string }[] = []
  /** What to do with a packet instead of taking it. */
  refuse: 'port' | 'protocol' | undefined

  receive(packet: NetBuf, ip: IpInfo): void {
    this.received.push({ info: `${ip.source} > ${ip.destination} hl ${ip.hopLimit} tc ${ip.trafficClass}${ip.multicast ? ' multicast' : ''}`, data: packet.view().slice() })
    if (this.refuse) ip.layer.refuse(packet, ip, this.refuse)
    packet.unref()
  }

  unreachable(error: IcmpError, quoted: NetBuf, source: Address, destination: Address): void {
    this.errors.push({ error, quoted: quoted.view().slice(), about: `${source} > ${destination}` })
  }
}

/** One host that is up, as 2001:db8::1, and knows 2001:db8::99 at MAC99; its transport 17 is a recorder. */
export async function single(settings: Parameters<typeof host>[2] = {}) {
  const env = virtual({ seed: 5 })
  const lan = new Lan(env)
  const a = host(env, lan, settings)
  const udp = new Recorder()
  a.ip.registerTransport(17, udp)
  a.ipv6.addAddress(a.eth0, '2001:db8::1/64')
  await env.run(() => a.eth0.up())
  a.nd.add(a.eth0, address('2001:db8::99'), MAC99)
  a.nd.add(a.eth0, address('fe80::99'), MAC99)
  lan.log.length = 0
  return {
    env, lan, a, udp,
    /** Delivers packets to the host and returns what it said, a line each. */
    hear: (...packets: Uint8Array[]): string[] => {
      const before = lan.log.length
      for (const each of packets) a.station.receive(frame(each, a.station.address))
      env.advance(10)
      return lan.log.slice(before).map(({ bytes }) => show(bytes.subarray(14)))
    },
    drops: () => a.netif.statistics().drops,
    counters: () => a.netif.statistics().counters,
    end: () => end(env, a),
  }
}

export { virtual }
