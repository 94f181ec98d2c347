/** IPv4 address conflict detection (RFC 5227), as those see it who are about to use an address. */

import type { Address, LinkAddress } from './address.ts'
import type { Interface } from './netif.ts'

/** `stack.acd`. */
export interface ConflictDetection {
  /**
   * Asks the link of a running interface whether anyone has `address`, and tells `decided` once, later: unique, or else whose it is.
   * Returns how to stop it before; then nothing is told.
   */
  check(iface: Interface, address: Address, decided: (unique: boolean, by: LinkAddress | undefined) => void): () => void
}
