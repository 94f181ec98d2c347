/** What IPv6 costs for a packet over Ethernet: down to the device, its neighbour looked up; and up to a transport. */

import type { Device, DeviceSink, NetBuf } from '@favonius/contract'
import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet/bare'
import { address, eui48, writeLink } from '@favonius/inet'
import { dad, ipv6, nd } from '@favonius/ipv6'
import { writeHeader } from '@favonius/ipv6/wire'
import { compose } from '@favonius/stack'
import { nanoseconds } from '../../../bench/measure.ts'

const PROTOCOL = 253 // RFC 3692 §2.1: for experiments
const OURS = eui48('00:00:5e:00:53:01')
const THEIRS = eui48('00:00:5e:00:53:02')
const stack = compose(system, ethernet(), ipv6(), nd(), dad({ transmits: 0 }))
let sink: DeviceSink | undefined
const device: Device = {
  medium: 'ethernet', address: OURS, mtu: 1500, offload: { transmitChecksum: false, receiveChecksum: false, segmentation: 0 },
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
stack.ipv6.addAddress(iface, '2001:db8::1/64')
await iface.up()
stack.nd.add(iface, address('2001:db8::2'), THEIRS)
stack.ip.registerTransport(PROTOCOL, { receive: (packet) => packet.unref() })

const { buffers } = stack.netif
const route = stack.ipv6.route(address('2001:db8::2'), { protocol: PROTOCOL })!
const arrived = new Uint8Array(14 + 40 + 64)
const dv = new DataView(arrived.buffer)
writeLink(OURS, dv, 0)
writeLink(THEIRS, dv, 6)
dv.setUint16(12, 0x86dd)
writeHeader({
  trafficClass: 0, flowLabel: 0, payloadLength: 64, nextHeader: PROTOCOL, hopLimit: 64,
  source: address('2001:db8::2'), destination: address('2001:db8::1'),
}, dv, 14)
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
