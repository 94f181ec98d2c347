/** The route table. RFC 1122 §3.3.1 says how a host routes, RFC 1812 §5.2.4.3 how the longest match wins. */

import type { Address, Interface, Ip, RouteEntry } from '@favonius/contract'
import { failure, formatPrefix, inPrefix, networkOf, sameAddress } from '@favonius/inet'

/** A route to be added. */
export type NewRoute = Parameters<Ip['addRoute']>[0]

const same = (a: Address | undefined, b: Address | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && sameAddress(a, b))

/** Routes of both families, kept in the order in which they are tried. */
export class RouteTable {
  readonly entries: RouteEntry[] = []
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Adds a route or replaces one with the same prefix, interface and gateway. */
  add({ prefix, iface, gateway, metric = 0 }: NewRoute): RouteEntry {
    const { length } = prefix
    const address = networkOf(prefix.address, length)
    const entry: RouteEntry = { prefix: { address, length }, iface, gateway, metric }
    this.removeWhere((old) =>
      old.iface === iface && old.prefix.length === length && same(old.prefix.address, address) && same(old.gateway, gateway))
    if (this.entries.length >= this.#limit) {
      throw failure('ENOBUFS', `no room for a route to ${formatPrefix(entry.prefix)}: all ${this.#limit} routes are taken; ` +
        `compose ip({ maxRoutes: ${2 * this.#limit} }) (CONFIG_NET_MAX_ROUTES) or remove one`)
    }
    const after = this.entries.findIndex(({ prefix, metric: other }) => prefix.length < length || (prefix.length === length && other > metric))
    this.entries.splice(after < 0 ? this.entries.length : after, 0, entry)
    return entry
  }

  /** Takes out the routes that fit. Whether there were any. */
  removeWhere(fits: (entry: RouteEntry) => boolean): boolean {
    const before = this.entries.length
    for (let i = before - 1; i >= 0; i--) if (fits(this.entries[i]!)) this.entries.splice(i, 1)
    return this.entries.length < before
  }

  /** The first that fits is the best: longest prefix, then smallest metric, then the oldest. */
  lookup(to: Address, iface: Interface | undefined): RouteEntry | undefined {
    for (let i = 0; i < this.entries.length; i++) {
      const entry = this.entries[i]!
      if ((iface === undefined || entry.iface === iface) && entry.iface.running && inPrefix(entry.prefix, to)) return entry
    }
    return undefined
  }
}
