import type { Address, Interface } from '@favonius/contract'
import { copyAddress, sameAddress } from '@favonius/inet'
import type { NextHop } from '../ipv6.ts'

/** As many destinations as are kept; the one redirected longest ago makes room. */
const MAX_REDIRECTS = 16

interface Redirected extends NextHop {
  readonly destination: Address
}

/** Better first hops that routers told of: the part of RFC 4861 §5.1's destination cache that redirects fill (§8.3). */
export class Redirects {
  #list: Redirected[] = []

  /** How many destinations are redirected. */
  get size(): number {
    return this.#list.length
  }

  set(iface: Interface, destination: Address, target: Address): void {
    const others = this.#list.filter((known) => known.iface !== iface || !sameAddress(known.destination, destination))
    this.#list = others.slice(1 - MAX_REDIRECTS)
    this.#list.push({ iface, destination: copyAddress(destination), address: copyAddress(target) })
  }

  /** Asked before the route table. */
  readonly nextHop = (to: Address, iface: Interface | undefined): NextHop | undefined => {
    const list = this.#list
    for (let i = 0; i < list.length; i++) {
      const known = list[i]!
      if (known.iface.running && (iface === undefined || known.iface === iface) && sameAddress(known.destination, to)) return known
    }
    return undefined
  }

  /** Forgets what went by `target`, or by anything on `iface`. Whether there was any. */
  forget(iface: Interface, target?: Address): boolean {
    const before = this.#list.length
    this.#list = this.#list.filter((known) => known.iface !== iface || (target !== undefined && !sameAddress(known.address, target)))
    return this.#list.length < before
  }
}
