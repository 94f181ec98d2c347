/** What a device does not do is done here, in one place, on the way to it. */

import type { NetBuf } from '@favonius/contract'

/** Where UDP's header has its checksum. */
const UDP_CHECKSUM = 6

/** The checksum of a packet whose checksum is partial: its field holds the pseudo-header's sum, and is part of what is summed. */
export function checksumOf(packet: NetBuf): number {
  const sum = packet.sum(packet.checksumStart)
  // RFC 768: UDP sends a computed zero as all ones, since zero says that there is none. TCP and ICMP have no such rule, and who receives counts it as odd.
  return sum === 0xffff && packet.checksumAt - packet.checksumStart === UDP_CHECKSUM ? 0xffff : ~sum & 0xffff
}

/** Finishes a partial checksum. */
export function finishChecksum(packet: NetBuf): void {
  packet.dv.setUint16(packet.checksumAt, checksumOf(packet))
  packet.checksum = 0
}
