/** Bare IP packets on a link with one peer: a TUN device. There is no header, and nothing to resolve. */

import type { Interface, L2, NetBuf, Netif } from '@favonius/contract'
import { feature } from '@favonius/kconfig'
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, NO_LINK_ADDRESS } from '@favonius/inet'
import { netif } from './feature.ts'

/** An L2 without a header: the version nibble says what a packet is. */
export class BareIpL2 implements L2 {
  readonly name: string
  readonly medium: string
  readonly flags = { multicast: true, promiscuous: false, pointToPoint: true }
  readonly #drops

  constructor(netif: Netif, medium = 'ip') {
    this.name = `bare ${medium}`
    this.medium = medium
    this.#drops = netif.reasons({
      version: [`${medium}: neither IPv4 nor IPv6`, 'top.processing_error', 'ip_errors.protoerr', 'ip_errors.vhlerr'],
    })
  }

  headroom(): number {
    return 0
  }

  receive(iface: Interface, frame: NetBuf): boolean {
    const version = frame.length > 0 ? frame.u8[frame.offset]! >> 4 : 0
    if (version !== 6 && version !== 4) {
      iface.drop(frame, this.#drops.version)
      return false
    }
    frame.protocol = version === 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4
    frame.cast = 0
    return true
  }

  send(iface: Interface, packet: NetBuf): boolean {
    packet.link = packet.offset
    return iface.transmit(packet)
  }

  multicast(): typeof NO_LINK_ADDRESS {
    return NO_LINK_ADDRESS
  }

  enable(): void {}
}

/** The link layer of devices whose medium is `ip` (TUN). Zephyr's dummy L2 under SLIP_TUN. */
export const bareIp = /* @__PURE__ */ feature({
  name: 'bareIp',
  symbol: 'CONFIG_NET_L2_DUMMY',
  selects: [netif()],
  create({ netif }, { onStop }): L2 {
    const l2 = new BareIpL2(netif)
    onStop(netif.registerL2(l2))
    return l2
  },
})
