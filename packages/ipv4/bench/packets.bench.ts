/** What IPv4 costs for a packet: down to the device, and up to a transport. */

import type { Device, DeviceSink, NetBuf } from '@favonius/contract'
import { system } from '@favonius/clock'
import { address, NO_LINK_ADDRESS } from '@favonius/inet'
import { ipv4, writeHeader } from '@favonius/ipv4'
import { bareIp } from '@favonius/netif'
import { compose } from '@favonius/stack'
import { nanoseconds } from '../../../bench/measure.ts'

const PROTOCOL = 253 // RFC 3692 §2.1: for experiments
const stack = compose(system, bareIp(), ipv4())
let sink: DeviceSink | undefined
const device: Device = {
  medium: 'ip', address: NO_LINK_ADDRESS, mtu: 1500, offload: { transmitChecksum: false, receiveChecksum: false, segmentation: 0 },
  transmit(frame) {
    frame.unref()
    return true
  },
  start(given) {
    sink = given
  },
  stop() {},
}
const iface = stack.netif.add(device)
stack.ipv4.addAddress(iface, '192.0.2.1/24')
await iface.up()
stack.ip.registerTransport(PROTOCOL, { receive: (packet) => packet.unref() })

const { buffers } = stack.netif
const route = stack.ipv4.route(address('192.0.2.2'), { protocol: PROTOCOL })!
const arrived = new Uint8Array(84)
writeHeader({
  trafficClass: 0, totalLength: 84, identification: 0, dontFragment: true, moreFragments: false, fragmentOffset: 0, timeToLive: 64, protocol: PROTOCOL,
  source: address('192.0.2.2'), destination: address('192.0.2.1'), options: new Uint8Array(0),
}, arrived)
const frame = (): NetBuf => {
  const packet = buffers.alloc(arrived.length, 64)!
  packet.write(arrived)
  return packet
}

await nanoseconds('a buffer taken, filled and given back', () => frame().unref())
await nanoseconds('a buffer taken, sent', () => {
  const packet = buffers.alloc(64, route.headroom)!
  packet.add(64)
  route.send(packet)
})
await nanoseconds('a buffer taken, filled, received', () => sink!.frame(frame()))

await stack.stop()
