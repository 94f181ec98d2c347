/** Options of packet sockets, under the names of packet(7) and socket(7). */

/** The value of each option. Those marked read-only can only be read. */
export interface PacketOptions {
  /** Bytes of packets that may wait to be received; each counts as 256 at least. */
  SO_RCVBUF: number
  /** Milliseconds until a blocking receive gives up with EAGAIN; 0 = never. */
  SO_RCVTIMEO: number
  /** Milliseconds until a blocking send gives up with EAGAIN; 0 = never. */
  SO_SNDTIMEO: number
  /** 802.1Q priority of what is sent, 0–7. */
  SO_PRIORITY: number
  /** `recvfrom` tells when a packet was received. */
  SO_TIMESTAMP: boolean
  /** Packets that go out are not heard. */
  PACKET_IGNORE_OUTGOING: boolean
  /** Read-only, and begun anew by reading: how many packets came for the socket, and how many of them it had no room for. */
  PACKET_STATISTICS: PacketStatistics
  /** Read-only, and cleared by reading: the pending error's code, or ''. */
  SO_ERROR: string
  /** Read-only. */
  SO_TYPE: 'raw' | 'dgram'
  /** Read-only. */
  SO_DOMAIN: 'packet'
}

/** Options that act instead of holding a value. */
export interface PacketActions {
  PACKET_ADD_MEMBERSHIP: PacketMembership
  PACKET_DROP_MEMBERSHIP: PacketMembership
}

/** `struct packet_mreq`. Groups need none: a link layer hears them all. */
export interface PacketMembership {
  /** PACKET_MR_PROMISC: frames for other stations too. */
  readonly type: 'promiscuous'
  /** By name; the interface that the socket is bound to unless given. */
  readonly iface?: string
}

/** `struct tpacket_stats`. */
export interface PacketStatistics {
  readonly packets: number
  readonly drops: number
}
