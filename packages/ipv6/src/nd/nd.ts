import type { Address, Interface, LinkAddress } from '@favonius/contract'
import type { Nonce } from '../wire/nd.ts'
import type { Neighbor } from './cache.ts'
import type { NewTimes } from './times.ts'

/** Told when a neighbour stopped answering, or ceased to be a router: ways by it must be found anew (RFC 4861 §7.3.3). */
export type NdListener = (neighbor: Neighbor, why: 'unreachable' | 'not a router') => void

/** Hears what others say of an address that is still tentative here (RFC 4862 §5.4.3, §5.4.4). */
export interface TentativeWatcher {
  /** Someone else tries the address too; or our own solicitation came back, which its nonce tells (RFC 7527 §4.2). */
  solicited(iface: Interface, address: Address, nonce: Nonce | undefined): void
  /** Someone has it. */
  advertised(iface: Interface, address: Address, link: LinkAddress | undefined): void
}

/** What a solicitation may have beside its target. */
export interface Soliciting {
  readonly source?: Address | undefined
  readonly destination?: Address | undefined
  readonly nonce?: Nonce | undefined
}

/** `stack.nd`. */
export interface Nd {
  /** The neighbour cache as it is now. */
  readonly neighbors: readonly Neighbor[]
  find(iface: Interface, address: Address): Neighbor | undefined
  /** Adds an entry that never expires, or makes one of what is there. EINVAL for a group, ENOBUFS when static entries fill the cache. */
  add(iface: Interface, address: Address, link: LinkAddress): void
  /** Deletes an entry, whatever its state. Harmless when there is none. */
  remove(iface: Interface, address: Address): void
  /** Forgets what was learned, on `iface` or everywhere. Entries that were added stay. */
  flush(iface?: Interface): void
  /** An upper layer knows that what it sends to the neighbour arrives, as TCP does of acknowledged data (RFC 4861 §7.3.1). */
  confirm(iface: Interface, address: Address): void
  /** A message that is not ours to handle carried a neighbour's link address; `router` where it tells that (RFC 4861 §6.3.4, §6.2.6). */
  heard(iface: Interface, address: Address, link: LinkAddress, router?: boolean): void

  /** ReachableTime of the link in milliseconds, random factor included. */
  reachableTime(iface: Interface): number
  /** RetransTimer of the link in milliseconds. */
  retransTimer(iface: Interface): number
  /** What a router advertised (RFC 4861 §6.3.4). */
  setTimes(iface: Interface, times: NewTimes): void
  /** Whether our advertisements on this link say that we are a router. */
  setRouter(iface: Interface, router: boolean): void
  /** Whether we are a router on this link, and not a host. */
  isRouter(iface: Interface): boolean

  /**
   * Sends a neighbour solicitation: from `::` unless a source is given, to the target's solicited-node group unless a
   * destination is. False when it was not sent.
   */
  solicit(iface: Interface, target: Address, how?: Soliciting): boolean
  /** Sends a neighbour advertisement for an address of ours: to `asker`, or unsolicited to all nodes (RFC 4861 §7.2.6). */
  advertise(iface: Interface, target: Address, asker?: Address): boolean

  listen(listener: NdListener): () => void
  /** One watcher: duplicate address detection. */
  watchTentative(watcher: TentativeWatcher): () => void
}
