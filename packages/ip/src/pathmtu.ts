/** What is known of paths that carry less than their first link (RFC 1191, RFC 8201). */

import type { Address, Clock, Instant, Timer } from '@favonius/contract'
import { copyAddress } from '@favonius/inet'

/** One destination behind a narrow path. */
export interface PathMtuEntry {
  readonly destination: Address
  /** Largest packet that reaches it whole. */
  readonly mtu: number
  /** When it is forgotten, so that a path that has become wider is tried (RFC 8201 §5.3). */
  readonly expires: Instant
}

/** How much a cache of path MTUs holds, and for how long. */
export interface PathMtuLimits {
  /** Destinations; the one lowered longest ago makes room. */
  readonly maxPaths: number
  /** Milliseconds. */
  readonly lifetime: number
}

/** Path MTUs by destination, those that differ from the link's; the one lowered longest ago first. */
export class PathMtuCache {
  readonly entries: PathMtuEntry[] = []
  readonly #clock: Clock
  readonly #limits: PathMtuLimits
  readonly #changed: () => void
  readonly #timer: Timer

  /** `changed` is called when an answer of `mtu` has changed. */
  constructor(clock: Clock, limits: PathMtuLimits, changed: () => void) {
    this.#clock = clock
    this.#limits = limits
    this.#changed = changed
    this.#timer = clock.timer((now) => this.#expire(now))
  }

  /** Largest packet that reaches `to` whole, where that is known. */
  readonly mtu = (to: Address): number | undefined => {
    const at = this.#indexOf(to)
    return at < 0 ? undefined : this.entries[at]!.mtu
  }

  /** A packet to `to` was too big for a link of `mtu`. Harmless when that is not less than was known (RFC 8201 §4, RFC 1191 §6.1). */
  lower(to: Address, mtu: number): void {
    const at = this.#indexOf(to)
    if (at >= 0 && mtu >= this.entries[at]!.mtu) return
    if (at >= 0) this.entries.splice(at, 1)
    else if (this.entries.length >= this.#limits.maxPaths) this.entries.shift()
    this.entries.push({ destination: copyAddress(to), mtu, expires: this.#clock.now() + this.#limits.lifetime })
    if (this.#timer.due === undefined) this.#timer.schedule(this.entries[0]!.expires)
    this.#changed()
  }

  stop(): void {
    this.#timer.cancel()
  }

  #indexOf(to: Address): number {
    return this.entries.findIndex(({ destination }) =>
      destination.w3 === to.w3 && destination.w2 === to.w2 && destination.w1 === to.w1 && destination.w0 === to.w0 && destination.zone === to.zone)
  }

  #expire(now: Instant): void {
    const before = this.entries.length
    while (this.entries.length > 0 && this.entries[0]!.expires <= now) this.entries.shift()
    if (this.entries.length > 0) this.#timer.schedule(this.entries[0]!.expires)
    if (this.entries.length < before) this.#changed()
  }
}
