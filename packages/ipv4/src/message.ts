/** Making and sending ICMP messages. */

import type { BufferPool, NetBuf, Route } from '@favonius/contract'
import { finish } from '@favonius/inet'
import type { Counters } from './drops.ts'
import { ICMP } from './wire/icmp.ts'

/** A message with room for `length` bytes of body, which are to be written. Undefined when buffers are short. */
export function message(buffers: BufferPool, route: Route, type: number, code: number, word: number, length: number): NetBuf | undefined {
  const packet = buffers.alloc(ICMP.body + length, route.headroom)
  if (packet === undefined) return undefined
  const at = packet.add(ICMP.body + length)
  packet.dv.setInt32(at, (type << 24) | (code << 16))
  packet.dv.setInt32(at + 4, word)
  return packet
}

/** Writes the checksum of the ICMP message that `packet` begins with, and sends it. Takes the reference. */
export function sendMessage(packet: NetBuf, route: Route, counters: Counters): boolean {
  const at = packet.offset + ICMP.checksum
  packet.dv.setUint16(at, 0)
  packet.dv.setUint16(at, finish(packet.sum(packet.offset)))
  packet.checksum = 0
  route.iface.count(counters.icmpSent)
  return route.send(packet)
}
