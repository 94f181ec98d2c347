/** What becomes of 6LoWPAN context options. Read RFC 6775 §5.4 before changing this file. */

import type { AddressContexts, Interface, Netif } from '@favonius/contract'
import type { Routers } from '../routers/routers.ts'
import type { ContextInformation } from '../wire/router.ts'

/** What learning contexts stands on. */
export interface ContextsParts {
  readonly routers: Routers
  readonly sixlowpan: AddressContexts
  readonly netif: Netif
}

/** `stack.contexts`. Which contexts there are, `stack.sixlowpan.contexts(iface)` says. */
export class LearnedContexts {
  readonly #sixlowpan: AddressContexts
  readonly #drops
  readonly #withdraw: (() => void)[]
  /** Numbers that a router told of, as bits. */
  readonly #learned = new Map<Interface, number>()

  constructor({ routers, sixlowpan, netif }: ContextsParts) {
    this.#sixlowpan = sixlowpan
    this.#drops = netif.reasons({ full: ['contexts: no room for what a router advertises'] })
    this.#withdraw = [
      routers.onContext((iface, information) => this.#told(iface, information)),
      // Another link may be behind the interface when it comes back.
      netif.listen(({ type, iface }) => { if (type === 'disabled' || type === 'removed') this.#forget(iface) }),
    ]
  }

  stop(): void {
    for (const withdraw of this.#withdraw) withdraw()
  }

  /** Numbers of the contexts of an interface that routers told of, and that may be over by now. */
  learned(iface: Interface): readonly number[] {
    const bits = this.#learned.get(iface) ?? 0
    return Array.from({ length: 16 }, (_, id) => id).filter((id) => bits & 1 << id)
  }

  #told(iface: Interface, { id, prefix, compress, lifetime }: ContextInformation): void {
    const bits = this.#learned.get(iface) ?? 0
    const ours = (bits & 1 << id) !== 0
    // What a person has set is not for a router to change, as with routes.
    if (!ours && this.#sixlowpan.contexts(iface).some((known) => known.id === id)) return
    if (lifetime === 0) {
      if (!ours) return
      this.#sixlowpan.removeContext(iface, id)
      this.#learned.set(iface, bits & ~(1 << id))
      return
    }
    try {
      this.#sixlowpan.setContext(iface, id, prefix, { compress, lifetime })
      this.#learned.set(iface, bits | 1 << id)
    } catch {
      // There are as many as there may be, or none may be: a peer cannot make us throw.
      iface.lose(this.#drops.full)
    }
  }

  #forget(iface: Interface): void {
    for (const id of this.learned(iface)) this.#sixlowpan.removeContext(iface, id)
    this.#learned.delete(iface)
  }
}
