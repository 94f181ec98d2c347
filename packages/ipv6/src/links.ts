import type { Interface } from '@favonius/contract'
import type { LinkSettings } from './ipv6.ts'
import { MINIMUM_MTU } from './wire/header.ts'

/** What each link is set to (RFC 4861 §6.3.2: LinkMTU, CurHopLimit). */
export class Links {
  readonly #hopLimit: number
  readonly #settings = new Map<Interface, LinkSettings>()

  constructor(hopLimit: number) {
    this.#hopLimit = hopLimit
  }

  of(iface: Interface): LinkSettings {
    let settings = this.#settings.get(iface)
    if (settings === undefined) this.#settings.set(iface, (settings = { hopLimit: this.#hopLimit, mtu: iface.mtu }))
    return settings
  }

  set(iface: Interface, { hopLimit, mtu }: Partial<LinkSettings>): void {
    const old = this.of(iface)
    const fits = mtu !== undefined && mtu >= MINIMUM_MTU && mtu <= iface.mtu
    this.#settings.set(iface, { hopLimit: hopLimit ?? old.hopLimit, mtu: fits ? mtu : old.mtu })
  }

  forget(iface: Interface): void {
    this.#settings.delete(iface)
  }
}
