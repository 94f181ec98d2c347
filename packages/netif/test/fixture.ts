/** A device whose other end is the test, and a link layer of two bytes. */

import type { Address, Device, DeviceSink, Interface, L2, LinkAddress, NetBuf, Netif } from '@favonius/contract'
import { virtual } from '@favonius/clock'
import { linkAddress } from '@favonius/inet'
import { Arena } from '@favonius/netbuf'
import { NetifLayer } from '../src/index.ts'

export const PROTOCOL = 0x1234

export class TestDevice implements Device {
  readonly medium = 'test'
  readonly address: LinkAddress = linkAddress(6, 0x0200, 1)
  readonly mtu = 100
  readonly offload
  readonly sent: NetBuf[] = []
  room = Infinity
  sink: DeviceSink | undefined
  stopped = 0
  readonly filters: boolean[] = []

  constructor(transmitChecksum = false) {
    this.offload = { transmitChecksum, receiveChecksum: false, segmentation: 0 }
  }

  transmit(frame: NetBuf): boolean {
    if (this.room <= 0) return false
    this.room--
    this.sent.push(frame)
    return true
  }

  start(sink: DeviceSink): void {
    this.sink = sink
  }

  stop(): void {
    this.stopped++
    for (const frame of this.sent.splice(0)) frame.unref()
  }

  promiscuous(on: boolean): void {
    this.filters.push(on)
  }
}

/** Two bytes of protocol; nothing is addressed. */
export class TestL2 implements L2 {
  readonly name: string
  readonly medium = 'test'
  readonly flags = { multicast: true, promiscuous: true, pointToPoint: false }
  readonly enabled: boolean[] = []
  to: LinkAddress | undefined

  constructor(name = 'test') {
    this.name = name
  }

  headroom(): number {
    return 2
  }

  receive(_iface: Interface, frame: NetBuf): boolean {
    frame.protocol = frame.dv.getUint16(frame.offset)
    frame.pull(2)
    return true
  }

  send(iface: Interface, packet: NetBuf, to: LinkAddress): boolean {
    this.to = to
    packet.dv.setUint16(packet.push(2), packet.protocol)
    return iface.transmit(packet)
  }

  multicast(group: Address): LinkAddress {
    return linkAddress(6, 0x3333, group.w3)
  }

  enable(_iface: Interface, up: boolean): void {
    this.enabled.push(up)
  }
}

export function world(options: Partial<ConstructorParameters<typeof NetifLayer>[2]> = {}) {
  const env = virtual({ seed: 1 })
  const buffers = new Arena().pool({ debug: true })
  const netif: Netif & { stop(): Promise<void> } = new NetifLayer(env, buffers, { defaultInterface: 'first', transmitQueue: 2, ...options })
  const l2 = new TestL2()
  netif.registerL2(l2)
  const packet = (text = 'hello', headroom = 2): NetBuf => {
    const made = buffers.alloc(text.length, headroom)!
    made.write(new TextEncoder().encode(text))
    made.protocol = PROTOCOL
    return made
  }
  const frame = (text = 'hello'): NetBuf => {
    const made = packet(text)
    made.dv.setUint16(made.push(2), PROTOCOL)
    return made
  }
  return { env, buffers, netif, l2, packet, frame }
}
