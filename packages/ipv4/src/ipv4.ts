/** What IPv4 is to the rest of a stack. */

import type { Address, AddressOrigin, Interface, InterfaceAddress, NetworkLayer, PingOptions, PingResult } from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import type { ipv4Options } from './options.ts'

/** An address to be given to an interface, with the length of its subnet's prefix or its mask. */
export interface NewAddress {
  readonly address: Address | string
  /** Bits of the prefix that are on this link, 0–32. */
  readonly prefixLength?: number
  /** `255.255.255.0`; instead of a prefix length. */
  readonly netmask?: Address | string
  /** `manual` unless given. */
  readonly origin?: AddressOrigin
}

/** `stack.ipv4`. */
export interface Ipv4 extends NetworkLayer {
  readonly family: 4
  /** What it was composed with. */
  readonly settings: Settings<typeof ipv4Options>

  /**
   * Gives an interface an address: `'192.0.2.1/24'`, or a record. It may be used at once, and its subnet is routed to the link.
   *
   * @throws ConfigError on a medium that IPv4 does not run on; Error with code EINVAL (no unicast address, no prefix length),
   * EEXIST (it is ours already), ENOBUFS (`maxAddresses` or the route table is full).
   */
  addAddress(iface: Interface, address: string | NewAddress): InterfaceAddress
  /** Takes an address away, and the route to its subnet when it was the last there. Harmless when it is not there. */
  removeAddress(iface: Interface, address: string | Address): void
  /** The interface's default gateway; undefined takes it away. The one set before is replaced. Throws EINVAL, ENOBUFS. */
  setGateway(iface: Interface, gateway: string | Address | undefined): void
  /** The default gateway that was set for an interface. */
  gateway(iface: Interface): Address | undefined

  /**
   * Sends echo requests and waits for the replies (RFC 792, RFC 1122 §3.2.2.6).
   *
   * @throws (rejects) EINVAL for what is no IPv4 address, EMSGSIZE, ENETUNREACH without a route or a source address,
   * ECANCELED when the stack stops.
   */
  ping(address: string | Address, options?: PingOptions): Promise<PingResult>
}
