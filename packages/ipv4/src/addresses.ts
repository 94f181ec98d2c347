/** Which addresses are ours, and which mean everyone on a subnet. Asked for every packet: words are compared, nothing is made. */

import type { Address, Interface, InterfaceAddress, Medium, Netif } from '@favonius/contract'
import { isLinkLocal, isLoopback, isMulticast } from '@favonius/inet'

/** IPv4 is not defined on these: their adaptation layers carry IPv6 alone (RFC 4944, RFC 7668). */
const without: readonly Medium[] = ['ieee802154', 'bluetooth', 'can']

/** Whether IPv4 runs on an interface. */
export function isCapable(iface: Interface): boolean {
  return !without.includes(iface.medium)
}

const isUsable = (entry: InterfaceAddress): boolean => entry.state === 'preferred' || entry.state === 'deprecated'

/** The addresses of a stack's interfaces, seen from IPv4. */
export class Addresses {
  readonly #netif: Netif

  constructor(netif: Netif) {
    this.#netif = netif
  }

  /** The entry of `iface` for an address, whatever its state. */
  find(address: Address, iface: Interface): InterfaceAddress | undefined {
    const { addresses } = iface
    for (let i = 0; i < addresses.length; i++) {
      const entry = addresses[i]!
      if (entry.address.w3 === address.w3 && entry.address.family === 4) return entry
    }
    return undefined
  }

  /** Whether a packet to `address` is for us, on `iface`. A loopback interface has all of 127.0.0.0/8 (RFC 1122 §3.2.1.3 g). */
  owns(address: Address, iface: Interface): boolean {
    if (iface.medium === 'loopback' && isLoopback(address)) return true
    const entry = this.find(address, iface)
    return entry !== undefined && isUsable(entry)
  }

  /** The interface whose address it is. */
  owner(address: Address): Interface | undefined {
    const { interfaces } = this.#netif
    for (let i = 0; i < interfaces.length; i++) if (this.owns(address, interfaces[i]!)) return interfaces[i]
    return undefined
  }

  /** Whether it is the limited broadcast, or the directed broadcast of a subnet of `iface` (RFC 1122 §3.2.1.3 c, d). */
  isBroadcast(address: Address, iface: Interface): boolean {
    const word = address.w3
    if (word === -1) return true
    const { addresses } = iface
    for (let i = 0; i < addresses.length; i++) {
      const { address: ours, prefixLength } = addresses[i]!
      // With 31 or 32 bits every address is a host's (RFC 3021 §2).
      if (ours.family === 4 && prefixLength < 31 && word === (ours.w3 | (0xffffffff >>> prefixLength))) return true
    }
    return false
  }

  /** The running interface on whose subnet an address is the directed broadcast. */
  broadcasts(address: Address): Interface | undefined {
    return this.#netif.interfaces.find((iface) => iface.running && this.isBroadcast(address, iface))
  }

  /**
   * The address to send from to `to`, by way of `nextHop` on `iface` (RFC 1122 §3.3.4.3): a preferred one, of the scope of
   * the destination, on the narrowest subnet that holds it or the next hop, as far as there is one; the earlier one where
   * that does not decide. A link-local address is not for destinations beyond the link (RFC 3927 §2.7).
   */
  sourceFor(to: Address, nextHop: Address, iface: Interface): Address | undefined {
    const near = isLinkLocal(to)
    const everyone = isMulticast(to) || this.isBroadcast(to, iface)
    let best: Address | undefined
    let most = -1
    for (const { address, prefixLength, state } of iface.addresses) {
      if (address.family !== 4 || (state !== 'preferred' && state !== 'deprecated')) continue
      const local = isLinkLocal(address)
      if (local && !near && !everyone) continue
      const holds = Math.max(Math.clz32(address.w3 ^ nextHop.w3), Math.clz32(address.w3 ^ to.w3)) >= prefixLength
      const rank = (state === 'preferred' ? 128 : 0) + (local === near ? 64 : 0) + (holds ? 1 + prefixLength : 0)
      if (rank > most) {
        most = rank
        best = address
      }
    }
    return best
  }

  /** The interface for groups and broadcasts when none is chosen: the default one, or else the first that can. */
  get default(): Interface | undefined {
    const fits = (iface: Interface): boolean => iface.running && iface.medium !== 'loopback' && isCapable(iface)
    const chosen = this.#netif.default
    return chosen && fits(chosen) ? chosen : this.#netif.interfaces.find(fits)
  }
}
