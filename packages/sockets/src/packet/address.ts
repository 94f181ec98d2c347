/** Addresses of packet sockets, `struct sockaddr_ll`: an interface, a protocol, and a station on the link. */

import type { Interface, LinkAddress } from '@favonius/contract'
import { failure, NO_LINK_ADDRESS, parseLinkAddress } from '@favonius/inet'

/** ETH_P_ALL: every protocol. */
export const ALL = 0x0003
/** The least EtherType; smaller fields are 802.3 lengths (IEEE 802.3 §3.2.6). */
const LEAST_TYPE = 0x0600

/**
 * Whom a packet is for: PACKET_HOST (us), PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST (in promiscuous mode), or PACKET_OUTGOING
 * when we sent it.
 */
export type PacketType = 'host' | 'broadcast' | 'multicast' | 'otherhost' | 'outgoing'

/** The types by `NetBuf.cast`. */
export const typeOfCast = ['host', 'multicast', 'broadcast', 'otherhost'] as const satisfies readonly PacketType[]

/** Where a packet came from. It may be given to `sendto`, which then answers. */
export interface PacketSource {
  /** The interface, by name. */
  readonly iface: string
  /** What follows the link header: an EtherType; 4 when it is an 802.3 length (LLC follows, ETH_P_802_2). */
  readonly protocol: number
  readonly type: PacketType
  /** The sender's link address; empty on links without. */
  readonly address: LinkAddress
}

/** What a socket hears. */
export interface PacketBinding {
  /** One interface, by name; all of them unless given. */
  readonly iface?: string
  /** An EtherType, or all of them; what the socket has already unless given. 0 hears nothing. */
  readonly protocol?: number | 'all'
}

/** Where a packet goes. */
export interface PacketDestination {
  /** By name; the one that the socket is bound to unless given. */
  readonly iface?: string
  /** EtherType of a `dgram` packet; the one that the socket is bound to unless given. In a `raw` frame it stands already. */
  readonly protocol?: number
  /** The station, for a `dgram` packet: `02:00:00:00:00:01`. In a `raw` frame it stands already. */
  readonly address?: LinkAddress | string
}

/** The number of a protocol. Throws EINVAL. */
export function toProtocol(protocol: number | 'all'): number {
  if (protocol === 'all') return ALL
  if (Number.isInteger(protocol) && protocol >= 0 && protocol <= 0xffff) return protocol
  throw failure('EINVAL', `${JSON.stringify(protocol)} is no protocol: give an EtherType such as 0x0800, or 'all'`)
}

/** A protocol that a header can name. Throws EINVAL. */
export function toEtherType(protocol: number): number {
  const type = toProtocol(protocol)
  if (type >= LEAST_TYPE) return type
  throw failure('EINVAL', `protocol ${type} is no EtherType to send by: give one from 0x0600, in sendto(data, { protocol }) or bind`)
}

/** A station on the link of `iface`. Throws EDESTADDRREQ or EINVAL. */
export function toStation({ address: { length }, name }: Interface, given: LinkAddress | string | undefined): LinkAddress {
  if (length === 0) return NO_LINK_ADDRESS
  if (given === undefined) throw failure('EDESTADDRREQ', 'a dgram packet needs the link address of its station: sendto(data, { address })')
  const address = typeof given === 'string' ? parseLinkAddress(given) : given
  if (address?.length === length) return address
  throw failure('EINVAL', `${JSON.stringify(`${given}`)} is no link address on ${name}: give ${length} bytes, 02:00:00:00:00:01`)
}
