/** Ethernet as a link layer: 14 bytes on, 14 bytes off. RFC 894 and RFC 2464 say what IP makes of it. */

import type { Address, DropReason, Interface, L2, LinkAddress, LinkHeader, NetBuf, Netif } from '@favonius/contract'
import { ETHERNET_BROADCAST, linkAddress, readLink } from '@favonius/inet'
import { at, GROUP_BIT, HEADER, LEAST_TYPE, LLC } from './wire.ts'

export class EthernetL2 implements L2 {
  readonly name = 'ethernet'
  readonly medium = 'ethernet'
  readonly flags = { multicast: true, promiscuous: true, pointToPoint: false }
  /** IEEE 802.3 §3.2.7: a frame with a VLAN tag may be longer by the tag. */
  readonly tagRoom = 4
  readonly #drops
  /** The group that was mapped last: packets to one group come in runs. */
  #mapped: LinkAddress = ETHERNET_BROADCAST

  constructor(netif: Netif) {
    this.#drops = netif.reasons({
      short: ['ethernet: shorter than its header', 'top.processing_error'],
      source: ['ethernet: sent by a group', 'top.processing_error'],
      notOurs: ['ethernet: for another station'],
      headroom: ['ethernet: no room for its header'],
    })
  }

  headroom(): number {
    return HEADER
  }

  receive(iface: Interface, frame: NetBuf): boolean {
    const { dv, u8, offset } = frame
    if (frame.length < HEADER) return this.#drop(iface, frame, this.#drops.short)
    if ((u8[offset + at.source]! & GROUP_BIT) !== 0) return this.#drop(iface, frame, this.#drops.source)
    const hi = dv.getUint16(offset + at.destination)
    const lo = dv.getInt32(offset + at.destination + 2)
    if (lo === iface.address.lo && hi === iface.address.hi) frame.cast = 0
    else if ((hi >> 8 & GROUP_BIT) !== 0) frame.cast = hi === 0xffff && lo === -1 ? 2 : 1
    else if (iface.promiscuous) frame.cast = 3
    else return this.#drop(iface, frame, this.#drops.notOurs)
    frame.protocol = protocolOf(dv.getUint16(offset + at.type))
    frame.pull(HEADER)
    return true
  }

  parse({ dv }: NetBuf, offset: number): LinkHeader {
    return { sender: readLink(dv, offset + at.source, 6), protocol: protocolOf(dv.getUint16(offset + at.type)) }
  }

  send(iface: Interface, packet: NetBuf, to: LinkAddress): boolean {
    if (packet.headroom() < HEADER) return this.#drop(iface, packet, this.#drops.headroom)
    const offset = packet.push(HEADER)
    const { dv } = packet
    const { address } = iface
    dv.setUint16(offset + at.destination, to.hi)
    dv.setInt32(offset + at.destination + 2, to.lo)
    dv.setUint16(offset + at.source, address.hi)
    dv.setInt32(offset + at.source + 2, address.lo)
    dv.setUint16(offset + at.type, packet.protocol)
    packet.link = offset
    return iface.transmit(packet)
  }

  /** RFC 2464 §7: 33:33 and the last four bytes. RFC 1112 §6.4: 01:00:5e and the last 23 bits. */
  multicast(group: Address): LinkAddress {
    if (group.family === 4 && group.w3 === -1) return ETHERNET_BROADCAST
    const hi = group.family === 6 ? 0x3333 : 0x0100
    const lo = group.family === 6 ? group.w3 : 0x5e00_0000 | (group.w3 & 0x7f_ffff)
    if (this.#mapped.hi !== hi || this.#mapped.lo !== lo) this.#mapped = linkAddress(6, hi, lo)
    return this.#mapped
  }

  enable(): void {}

  #drop(iface: Interface, frame: NetBuf, reason: DropReason): false {
    iface.drop(frame, reason)
    return false
  }
}

const protocolOf = (type: number): number => (type < LEAST_TYPE ? LLC : type)
