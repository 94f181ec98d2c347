import type { Address, Interface } from '@favonius/contract'
import { failure, isMulticast, withZone } from '@favonius/inet'

/** The multicast groups of interfaces (RFC 4291 §2.8). Who must be told of them (MLD) hears it as `NetifEvent`. */
export class Groups {
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /** Joins what an IPv6 interface cannot be without, limit or not. */
  join(iface: Interface, group: Address): void {
    iface.joinGroup(group)
  }

  /** Harmless when it is not joined. */
  leave(iface: Interface, group: Address): void {
    iface.leaveGroup(group)
  }

  /** Joins for an application. EINVAL for no group, EOPNOTSUPP where the link has none, ENOBUFS at the limit. */
  joinFor(iface: Interface, group: Address): void {
    if (group.family !== 6 || !isMulticast(group)) throw failure('EINVAL', `${group} is no IPv6 multicast address`)
    if (!iface.l2.flags.multicast) throw failure('EOPNOTSUPP', `${iface.name} cannot multicast`)
    if (!iface.inGroup(group) && iface.groups.filter((joined) => joined.family === 6).length >= this.#max) {
      throw failure('ENOBUFS', `${iface.name} is in ${this.#max} groups: compose ipv6({ maxGroups: ${this.#max * 2} })`)
    }
    iface.joinGroup(withZone(group, iface.index))
  }
}
