/** Socket options under their BSD names. Levels are left out: no name means two things. */

import type { NetBuf } from '@favonius/contract'
import { failure } from '@favonius/inet'

/** The value of each option. Those marked read-only can only be read. */
export interface SocketOptions {
  /** Share the port with sockets that say so too. Before `bind`. */
  SO_REUSEADDR: boolean
  /** Send and receive on this interface alone, by name; '' for any. */
  SO_BINDTODEVICE: string
  /** 802.1Q priority of what is sent, 0–7. */
  SO_PRIORITY: number
  /** `send` and its like take a `txtime`. (CONFIG_NET_CONTEXT_TXTIME) */
  SO_TXTIME: boolean
  /** `recvfrom` and `recvmsg` tell when a datagram was received. */
  SO_TIMESTAMP: boolean
  /** Bytes of datagrams that may wait to be received; each counts as 256 at least. */
  SO_RCVBUF: number
  /** Milliseconds until a blocking receive gives up with EAGAIN; 0 = never. */
  SO_RCVTIMEO: number
  /** Milliseconds until a blocking send gives up with EAGAIN; 0 = never. */
  SO_SNDTIMEO: number
  /** Read-only, and cleared by reading: the pending error's code, or ''. */
  SO_ERROR: string
  /** Read-only. */
  SO_TYPE: 'dgram'
  /** Read-only. */
  SO_DOMAIN: 'inet' | 'inet6'
  /** An `inet6` socket that takes no IPv4. Before `bind`. */
  IPV6_V6ONLY: boolean
  /** Hop limit of unicast datagrams, 1–255; −1 for the stack's default. */
  IPV6_UNICAST_HOPS: number
  /** Hop limit of multicast datagrams, 0–255; −1 for the default, 1. */
  IPV6_MULTICAST_HOPS: number
  /** Interface by which multicast datagrams leave, by name; '' for the default one. */
  IPV6_MULTICAST_IF: string
  /** What is sent to a group that the interface is in is heard on this host too; true at first. */
  IPV6_MULTICAST_LOOP: boolean
  /** Traffic class of what is sent, 0–255. */
  IPV6_TCLASS: number
  /** TTL of unicast datagrams, 1–255; −1 for the stack's default. */
  IP_TTL: number
  /** TTL of multicast datagrams; −1 for the default, 1. */
  IP_MULTICAST_TTL: number
  /** Interface by which multicast datagrams leave, by name; '' for the default one. */
  IP_MULTICAST_IF: string
  /** What is sent to a group that the interface is in is heard on this host too; true at first. */
  IP_MULTICAST_LOOP: boolean
  /** TOS of what is sent, 0–255. */
  IP_TOS: number
}

/** Options that act instead of holding a value. */
export interface SocketActions {
  IPV6_JOIN_GROUP: GroupRequest
  IPV6_LEAVE_GROUP: GroupRequest
  IP_ADD_MEMBERSHIP: GroupRequest
  IP_DROP_MEMBERSHIP: GroupRequest
}

/** `struct ipv6_mreq`, `struct ip_mreqn`. */
export interface GroupRequest {
  readonly group: string
  /** By name; the default interface unless given. */
  readonly iface?: string
}

/** A datagram as it was received. */
export interface Datagram {
  /** The caller's own. */
  readonly data: Uint8Array
  readonly from: { readonly address: string; readonly port: number }
  /** Milliseconds of the stack's clock, with SO_TIMESTAMP. */
  readonly timestamp?: number
}

/** A datagram with all that is known of it (IP_PKTINFO and its like). */
export interface DatagramMessage extends Datagram {
  /** The address it was sent to. */
  readonly local: string
  readonly iface: string
  readonly hopLimit: number
  readonly trafficClass: number
}

/** A received datagram in its packet buffer: `unref` it when it is read. */
export interface TakenDatagram {
  readonly packet: NetBuf
  readonly from: { readonly address: string; readonly port: number }
}

/** How one call waits. */
export interface CallOptions {
  /** Fail with EAGAIN instead of waiting (MSG_DONTWAIT). */
  readonly nonblocking?: boolean
  /** Ends the wait; the call rejects with its reason. */
  readonly signal?: AbortSignal
}

/** How one call sends. */
export interface SendOptions extends CallOptions {
  /**
   * The instant of the stack's clock before which the device is not to send it, with SO_TXTIME; one that has passed is now. EOPNOTSUPP when
   * the device on the way cannot wait for it.
   */
  readonly txtime?: number
}

/** The value of an option that is true or false. Throws EINVAL. */
export function bool(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw failure('EINVAL', `${name} is true or false`)
}

/** The value of an option that is a number. Throws EINVAL. */
export function int(name: string, value: unknown, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  throw failure('EINVAL', `${name} is a whole number from ${least} to ${most}, not ${String(value)}`)
}

/** A hop limit, undefined for −1: the stack's default. Throws EINVAL. */
export function hops(name: string, value: unknown, least: number): number | undefined {
  return value === -1 ? undefined : int(name, value, least, 255)
}
