/** Where transports, network layers and routes meet. */

import type { Address, Family, Interface, Ip, Netif, NetifEvent, NetworkLayer, RouteEntry, Transport } from '@favonius/contract'
import { ConfigError } from '@favonius/kconfig'
import { RouteTable, type NewRoute } from './routes.ts'

/** What both families share. `ip()` makes one; so does whoever wires a stack by hand. */
export class IpLayer implements Ip {
  readonly netif: Netif
  generation = 0
  readonly #unlisten: () => void
  readonly #routes: RouteTable
  /** By protocol number. */
  readonly #transports: (Transport | undefined)[] = []
  #ipv4: NetworkLayer | undefined
  #ipv6: NetworkLayer | undefined

  constructor(netif: Netif, options: { readonly maxRoutes: number }) {
    this.netif = netif
    this.#routes = new RouteTable(options.maxRoutes)
    this.#unlisten = netif.listen((event) => this.#happened(event))
  }

  /** No longer keeps up with what happens to interfaces. */
  stop(): void {
    this.#unlisten()
  }

  layer(family: Family): NetworkLayer | undefined {
    return family === 4 ? this.#ipv4 : this.#ipv6
  }

  registerLayer(layer: NetworkLayer): () => void {
    if (this.layer(layer.family)) throw new ConfigError(`two features are IPv${layer.family}: keep one`)
    this.#setLayer(layer.family, layer)
    return () => this.#setLayer(layer.family, undefined)
  }

  #setLayer(family: Family, layer: NetworkLayer | undefined): void {
    if (family === 4) this.#ipv4 = layer
    else this.#ipv6 = layer
    this.changed()
  }

  registerTransport(protocol: number, transport: Transport): () => void {
    if (this.#transports[protocol]) throw new ConfigError(`two features take packets of IP protocol ${protocol}: keep one`)
    this.#transports[protocol] = transport
    return () => {
      this.#transports[protocol] = undefined
    }
  }

  transport(protocol: number): Transport | undefined {
    return this.#transports[protocol]
  }

  get routes(): readonly RouteEntry[] {
    return this.#routes.entries
  }

  addRoute(route: NewRoute): RouteEntry {
    const entry = this.#routes.add(route)
    this.changed()
    return entry
  }

  removeRoute(entry: RouteEntry): void {
    if (this.#routes.removeWhere((other) => other === entry)) this.changed()
  }

  lookup(to: Address, iface?: Interface): RouteEntry | undefined {
    return this.#routes.lookup(to, iface)
  }

  changed(): void {
    this.generation++
  }

  #happened(event: NetifEvent): void {
    switch (event.type) {
      case 'removed':
        this.#routes.removeWhere((entry) => entry.iface === event.iface)
        return this.changed()
      case 'added': case 'up': case 'down': case 'address-added': case 'address-removed': case 'address-changed':
        this.changed()
    }
  }
}
