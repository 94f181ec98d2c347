/** The multicast groups that one socket has joined: it leaves them when it is closed. */

import type { Address, Interface, Ip } from '@favonius/contract'
import { failure, sameAddress } from '@favonius/inet'
import { toAddress, toInterface } from './address.ts'

interface Membership {
  readonly group: Address
  readonly iface: Interface
}

export class Memberships {
  readonly #ip: Ip
  readonly #members: Membership[] = []

  constructor(ip: Ip) {
    this.#ip = ip
  }

  /** EINVAL when it is no group, ENODEV when there is no such interface, EADDRINUSE when this socket is in it already. */
  join(text: string, name: string | undefined, device: Interface | undefined): void {
    const member = this.#read(text, name, device)
    if (this.#at(member) >= 0) throw failure('EADDRINUSE', `the socket is in ${text} already`)
    this.#ip.layer(member.group.family)!.join(member.iface, member.group)
    this.#members.push(member)
  }

  /** EADDRNOTAVAIL when this socket is not in it. */
  leave(text: string, name: string | undefined, device: Interface | undefined): void {
    const member = this.#read(text, name, device)
    const at = this.#at(member)
    if (at < 0) throw failure('EADDRNOTAVAIL', `the socket is not in ${text}`)
    this.#members.splice(at, 1)
    this.#ip.layer(member.group.family)!.leave(member.iface, member.group)
  }

  leaveAll(): void {
    for (const { group, iface } of this.#members.splice(0)) this.#ip.layer(group.family)?.leave(iface, group)
  }

  /** The interface is the one named, else the group's zone, else the socket's own, else the default one. */
  #read(text: string, name: string | undefined, device: Interface | undefined): Membership {
    const { netif } = this.#ip
    const group = toAddress(netif, text)
    const iface = name !== undefined ? toInterface(netif, name) : group.zone !== 0 ? toInterface(netif, group.zone) : device ?? netif.default
    if (iface === undefined) throw failure('ENODEV', 'there is no interface to join the group on')
    if (!this.#ip.layer(group.family)?.isMulticast(group)) throw failure('EINVAL', `${text} is no multicast group`)
    return { group, iface }
  }

  #at({ group, iface }: Membership): number {
    return this.#members.findIndex((member) => member.iface === iface && sameAddress(member.group, group))
  }
}
