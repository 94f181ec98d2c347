/**
 * What lets IPv6 pass over a link whose frames are small: 6LoWPAN (RFC 4944, RFC 6282). A link layer gives it packets and gets frames'
 * payloads, and the other way round; link headers, acknowledgements and the medium are the link layer's own.
 */

import type { LinkAddress, Prefix } from './address.ts'
import type { Interface } from './netif.ts'
import type { NetBuf } from './netbuf.ts'

/** Puts its header before each payload, and sends it. Made once by its link layer, not once a packet. */
export interface AdaptationLink {
  /** Bytes that fit into the payload of one frame from `from` to `to`. */
  room(iface: Interface, from: LinkAddress, to: LinkAddress): number
  /** A frame's payload, whose reference is taken. False: dropped and counted; what belongs to it is not sent any more. */
  send(iface: Interface, payload: NetBuf, from: LinkAddress, to: LinkAddress): boolean
}

export interface Adaptation {
  /** Bytes that may have to be put before an IPv6 packet, beside the link header. */
  readonly headroom: number
  /**
   * An IPv6 packet goes out compressed, as one frame or as fragments. A partial checksum is finished first, since no device could do it
   * later. Its reference is taken. False: dropped and counted.
   */
  send(iface: Interface, packet: NetBuf, from: LinkAddress, to: LinkAddress, link: AdaptationLink): boolean
  /**
   * The payload of a frame, whose reference is taken: the IPv6 packet that it carries, or that it completes; undefined when it was kept until others
   * come, or dropped and counted. The packet is in the same buffer or in another, with `protocol` set, and `cast` and priority as the frame had them;
   * the frame's link header, or that of the first fragment to come, stands from `packet.link` on. The addresses are borrowed.
   */
  receive(iface: Interface, payload: NetBuf, from: LinkAddress, to: LinkAddress): NetBuf | undefined
  /** The interface went down: what waits for more fragments is dropped and counted. */
  forget(iface: Interface): void
}

/** Who compresses addresses by prefixes that both ends of a link know, by number: 6LoWPAN (RFC 6282 §3.1.2). Told by who learns of them. */
export interface AddressContexts {
  /** One of that number is replaced. `lifetime` is milliseconds for which it compresses; it is understood for longer (RFC 6775 §5.4.3). Throws with code ENOBUFS or EOPNOTSUPP where there is no room. */
  setContext(iface: Interface, id: number, prefix: Prefix, settings: { readonly compress: boolean; readonly lifetime: number }): void
  removeContext(iface: Interface, id: number): void
  contexts(iface: Interface): readonly { readonly id: number }[]
}
