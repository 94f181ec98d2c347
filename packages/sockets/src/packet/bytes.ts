import type { NetBuf } from '@favonius/contract'
import { checksumOf } from '@favonius/netif'

/**
 * The bytes of a packet from absolute position `from`, in an array of their own. It may be before the data, where a header stands that
 * was pulled, or behind their beginning. A checksum that was left to a device is finished in the copy.
 */
export function bytesFrom(packet: NetBuf, from: number): Uint8Array<ArrayBuffer> {
  const pulled = Math.max(packet.offset - from, 0)
  const data = new Uint8Array(packet.offset - from + packet.total())
  data.set(packet.u8.subarray(packet.offset - pulled, packet.offset))
  packet.copyTo(data.subarray(pulled), Math.max(from - packet.offset, 0))
  if (packet.checksum === 1) {
    const sum = checksumOf(packet)
    data[packet.checksumAt - from] = sum >> 8
    data[packet.checksumAt - from + 1] = sum
  }
  return data
}
