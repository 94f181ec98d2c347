/** Ethernet with ARP on a device whose other end is the test. */

import type { Device, DeviceSink, InterfaceAddress, NetBuf } from '@favonius/contract'
import { virtual } from '@favonius/clock'
import { address, eui48, ETHERTYPE_ARP, ETHERTYPE_IPV4, writeLink } from '@favonius/inet'
import { Arena } from '@favonius/netbuf'
import { NetifLayer } from '@favonius/netif'
import { ArpTable, EthernetL2 } from '../src/index.ts'
import { HEADER } from '../src/wire.ts'
import { LENGTH, readArp, writeArp, type ArpPacket } from '../src/arp/wire.ts'

export const OURS = eui48('02:00:00:00:00:01')
export const THEIRS = eui48('02:00:00:00:00:02')
export const our = address('192.0.2.1')
export const their = address('192.0.2.2')
export const NONE = eui48('00:00:00:00:00:00')

export class Wire implements Device {
  readonly medium = 'ethernet'
  readonly address = OURS
  readonly mtu = 1500
  readonly offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }
  readonly sent: { readonly to: string; readonly type: number; readonly arp: ArpPacket | undefined; readonly text: string; readonly bytes: Uint8Array<ArrayBuffer> }[] = []
  sink: DeviceSink | undefined

  transmit(frame: NetBuf): boolean {
    const dv = frame.dv
    const type = dv.getUint16(frame.offset + 12)
    const arp = type === ETHERTYPE_ARP ? readArp(dv, frame.offset + HEADER, frame.length - HEADER) : undefined
    const to = [...frame.view().subarray(0, 6)].map((b) => b.toString(16).padStart(2, '0')).join(':')
    this.sent.push({ to, type, arp: arp && 'malformed' in arp ? undefined : arp, text: new TextDecoder().decode(frame.view().subarray(HEADER)), bytes: frame.view().slice() })
    frame.unref()
    return true
  }

  start(sink: DeviceSink): void {
    this.sink = sink
  }

  stop(): void {}

  /** What was sent since this was asked last. */
  take() {
    return this.sent.splice(0)
  }
}

export async function world(options: Partial<ConstructorParameters<typeof ArpTable>[0]['options']> = {}, quota?: number) {
  const env = virtual({ seed: 3 })
  const buffers = new Arena().pool({ debug: true, ...(quota === undefined ? {} : { quota }) })
  const netif = new NetifLayer(env, buffers, { defaultInterface: 'first', transmitQueue: 8 })
  const l2 = new EthernetL2(netif)
  netif.registerL2(l2)
  const arp = new ArpTable({ env, netif, l2, ip: undefined, options: { tableSize: 2, gratuitous: true, reachableTime: 60_000, ...options } })
  const wire = new Wire()
  const iface = netif.add(wire)
  const entry: InterfaceAddress = { address: our, prefixLength: 24, origin: 'manual', state: 'preferred', preferredUntil: Infinity, validUntil: Infinity }
  iface.addAddress(entry)
  await iface.up()
  const packet = (text: string, headroom = HEADER): NetBuf => {
    const made = buffers.alloc(text.length, headroom)!
    made.write(new TextEncoder().encode(text))
    made.protocol = ETHERTYPE_IPV4
    return made
  }
  /** A frame of raw bytes comes in. */
  const raw = (bytes: Uint8Array): void => {
    const frame = buffers.alloc(bytes.length)!
    frame.write(bytes)
    wire.sink!.frame(frame)
  }
  const hear = (arp: Partial<ArpPacket> & Pick<ArpPacket, 'operation'>, to = OURS): void => {
    const bytes = new Uint8Array(HEADER + LENGTH)
    const dv = new DataView(bytes.buffer)
    writeLink(to, dv, 0)
    writeLink(arp.senderLink ?? THEIRS, dv, 6)
    dv.setUint16(12, ETHERTYPE_ARP)
    writeArp({ senderLink: THEIRS, sender: their, targetLink: NONE, target: our, ...arp }, dv, HEADER)
    raw(bytes)
  }
  return { env, buffers, netif, arp, wire, iface, packet, raw, hear }
}
