/** What a device does not do is done here, in one place, on the way to it. */

import type { NetBuf } from '@favonius/contract'

/** Finishes a partial checksum: its field holds the pseudo-header's sum, and is part of what is summed. */
export function finishChecksum(packet: NetBuf): void {
  const sum = packet.sum(packet.checksumStart)
  // RFC 768: a computed zero is sent as all ones. The same is harmless for TCP and ICMP, whose sum is never zero.
  packet.dv.setUint16(packet.checksumAt, sum === 0xffff ? 0xffff : ~sum & 0xffff)
  packet.checksum = 0
}
