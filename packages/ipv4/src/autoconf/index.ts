/**
 * IPv4 link-local addresses (RFC 3927): 169.254.0.0/16 for an interface that has no other IPv4 address.
 *
 * @packageDocumentation
 */

import type { Address, ConflictDetection, Env, Interface, Netif, Timer } from '@favonius/contract'
import { isLinkLocal, sameAddress } from '@favonius/inet'
import { feature, type } from '@favonius/kconfig'
import { netif } from '@favonius/netif'
import type { Ipv4 } from '../ipv4.ts'
import { LinkLocal, type LinkLocalInput } from './linklocal.ts'

export { LinkLocal, type LinkLocalInput, type LinkLocalOutput } from './linklocal.ts'

/** `stack.ipv4Autoconf`. */
export interface Ipv4Autoconf {
  /** The link-local address that an interface has given itself; undefined while it has a better one, or none yet. */
  address(iface: Interface): Address | undefined
}

/** What it stands on. */
export interface Ipv4AutoconfParts {
  readonly env: Env
  readonly netif: Netif
  readonly ipv4: Ipv4
  readonly acd: ConflictDetection
}

/** `ipv4Autoconf()` makes one; so does whoever wires a stack by hand. */
export class Ipv4AutoconfLayer implements Ipv4Autoconf {
  readonly #parts: Ipv4AutoconfParts
  readonly #hosts = new Map<Interface, Host>()
  readonly #end: () => void

  constructor(parts: Ipv4AutoconfParts) {
    this.#parts = parts
    for (const iface of parts.netif.interfaces) this.#look(iface)
    this.#end = parts.netif.listen((event) => {
      const { type: what, iface } = event
      if (what === 'address-conflict') this.#hosts.get(iface)?.conflict(event.address)
      else if (what === 'up' || what === 'down' || what === 'removed' || what === 'address-added' || what === 'address-removed') this.#look(iface)
    })
  }

  address(iface: Interface): Address | undefined {
    return this.#hosts.get(iface)?.bound
  }

  /** RFC 3927 §1.9: wanted while the link is up and there is no other address. */
  #look(iface: Interface): void {
    // Conflicts are detected by ARP.
    if (iface.medium !== 'ethernet') return
    const better = iface.addresses.some(({ address }) => address.family === 4 && !isLinkLocal(address))
    let host = this.#hosts.get(iface)
    if (iface.running && host === undefined && !better) this.#hosts.set(iface, host = new Host(this.#parts, iface))
    host?.tell({ type: 'wanted', wanted: iface.running && !better })
  }

  stop(): void {
    this.#end()
    for (const host of this.#hosts.values()) host.tell({ type: 'wanted', wanted: false })
  }
}

/** One interface. */
class Host {
  readonly #parts: Ipv4AutoconfParts
  readonly #iface: Interface
  readonly #machine: LinkLocal
  readonly #timer: Timer
  #endCheck: (() => void) | undefined
  bound: Address | undefined

  constructor(parts: Ipv4AutoconfParts, iface: Interface) {
    this.#parts = parts
    this.#iface = iface
    this.#machine = new LinkLocal(iface.address)
    this.#timer = parts.env.clock.timer((now) => {
      this.#machine.tick(now)
      this.#settle()
    })
  }

  conflict(address: Address): void {
    if (this.bound !== undefined && sameAddress(address, this.bound)) this.tell({ type: 'conflict' })
  }

  tell(input: LinkLocalInput): void {
    this.#machine.handle(input, this.#parts.env.clock.now())
    this.#settle()
  }

  #settle(): void {
    const { ipv4, acd } = this.#parts
    for (let output = this.#machine.poll(); output !== undefined; output = this.#machine.poll()) {
      const { address } = output
      switch (output.do) {
        case 'check':
          this.#endCheck = acd.check(this.#iface, address, (unique) => this.tell({ type: 'checked', unique }))
          break
        case 'cancel': this.#endCheck?.(); break
        case 'bind':
          this.bound = address
          ipv4.addAddress(this.#iface, { address, prefixLength: 16, origin: 'autoconf' })
          break
        case 'unbind':
          this.bound = undefined
          ipv4.removeAddress(this.#iface, address)
      }
    }
    const due = this.#machine.deadline()
    if (due === undefined) this.#timer.cancel()
    else if (due !== this.#timer.due) this.#timer.schedule(due)
  }
}

/** Link-local addresses on Ethernet, for as long as there is no other: compose `acd()` of `@favonius/ethernet/acd` too. */
export const ipv4Autoconf = /* @__PURE__ */ feature({
  name: 'ipv4Autoconf',
  symbol: 'CONFIG_NET_IPV4_AUTO',
  selects: [netif()],
  needs: { ipv4: type<Ipv4>(), acd: type<ConflictDetection>() },
  create({ netif, ipv4, acd }, { env, onStop }): Ipv4Autoconf {
    const layer = new Ipv4AutoconfLayer({ env, netif, ipv4, acd })
    onStop(() => layer.stop())
    return layer
  },
})
