/** A VLAN as a link layer: four bytes on, and then the lower interface's own header. */

import type { Address, DropReason, Interface, L2, L2Flags, LinkAddress, LinkHeader, NetBuf } from '@favonius/contract'
import { ETHERTYPE_VLAN, NO_LINK_ADDRESS } from '@favonius/inet'
import { at, controlOf, priorityOf, TAG } from './wire.ts'

/** One VLAN of one lower interface. Its medium is Ethernet's, so that ARP and neighbour discovery serve it as any other. */
export class VlanL2 implements L2 {
  readonly name = 'vlan'
  readonly medium = 'ethernet'
  readonly flags: L2Flags
  readonly #lower: Interface
  readonly #tag: number
  readonly #noRoom: DropReason

  constructor(lower: Interface, tag: number, noRoom: DropReason) {
    this.#lower = lower
    this.#tag = tag
    this.#noRoom = noRoom
    this.flags = lower.l2.flags
  }

  headroom(): number {
    return this.#lower.headroom + TAG
  }

  receive(_iface: Interface, frame: NetBuf): boolean {
    untag(frame)
    return true
  }

  /** The sender is the lower header's; the type is the tag's, which follows it. */
  parse(frame: NetBuf, offset: number): LinkHeader {
    const sender = this.#lower.l2.parse?.(frame, offset).sender ?? NO_LINK_ADDRESS
    return { sender, protocol: frame.dv.getUint16(offset + this.#lower.headroom + at.type) }
  }

  /** IEEE 802.1Q-2022 §9.6: the packet's priority is the frame's. */
  send(iface: Interface, packet: NetBuf, to: LinkAddress): boolean {
    if (packet.headroom() < TAG) {
      iface.drop(packet, this.#noRoom)
      return false
    }
    const offset = packet.push(TAG)
    packet.dv.setUint16(offset + at.control, controlOf(this.#tag, packet.priority))
    packet.dv.setUint16(offset + at.type, packet.protocol)
    packet.protocol = ETHERTYPE_VLAN
    return this.#lower.l2.send(this.#lower, packet, to)
  }

  multicast(group: Address): LinkAddress {
    return this.#lower.l2.multicast(group)
  }

  enable(): void {}
}

/** Takes the tag off a packet that begins with a whole one. */
export function untag(packet: NetBuf): void {
  const { dv, offset } = packet
  packet.priority = priorityOf(dv.getUint16(offset + at.control))
  packet.protocol = dv.getUint16(offset + at.type)
  packet.pull(TAG)
}
