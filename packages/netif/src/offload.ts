/** What a device does not do is done here, in one place, on the way to it. */

import type { NetBuf } from '@favonius/contract'

/** The checksum of a packet whose checksum is partial: its field holds the pseudo-header's sum, and is part of what is summed. */
export function checksumOf(packet: NetBuf): number {
  const sum = packet.sum(packet.checksumStart)
  // RFC 768: a computed zero is sent as all ones. The same is harmless for TCP and ICMP, whose sum is never zero.
  return sum === 0xffff ? 0xffff : ~sum & 0xffff
}

/** Finishes a partial checksum. */
export function finishChecksum(packet: NetBuf): void {
  packet.dv.setUint16(packet.checksumAt, checksumOf(packet))
  packet.checksum = 0
}
