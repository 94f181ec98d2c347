import type { Clock, Instant, Interface, Random } from '@favonius/contract'
import { between } from '@favonius/inet'
import type { NeighborTimes } from './cache.ts'

/** RFC 4861 §10. */
export const MIN_RANDOM_FACTOR = 0.5
/** RFC 4861 §10. */
export const MAX_RANDOM_FACTOR = 1.5
/** The random factor is drawn anew at least every few hours (RFC 4861 §6.3.2). */
const REDRAW = 2 * 60 * 60 * 1000

/** Milliseconds; 0 leaves a value as it is, as in a router advertisement (RFC 4861 §4.2). */
export interface NewTimes {
  readonly reachableTime?: number
  readonly retransTimer?: number
}

interface LinkTimes {
  base: number
  reachable: number
  retrans: number
  drawn: Instant
}

/** The timers of each link, as they were configured or as a router advertised them (RFC 4861 §6.3.2). */
export class Times implements NeighborTimes {
  readonly #clock: Clock
  readonly #random: Random
  readonly #initial: Required<NewTimes>
  readonly #links = new Map<Interface, LinkTimes>()

  constructor(clock: Clock, random: Random, initial: Required<NewTimes>) {
    this.#clock = clock
    this.#random = random
    this.#initial = initial
  }

  reachableTime(iface: Interface): number {
    const link = this.#of(iface)
    if (this.#clock.now() - link.drawn > REDRAW) this.#draw(link)
    return link.reachable
  }

  retransTimer(iface: Interface): number {
    return this.#of(iface).retrans
  }

  set(iface: Interface, { reachableTime = 0, retransTimer = 0 }: NewTimes): void {
    const link = this.#of(iface)
    if (retransTimer > 0) link.retrans = retransTimer
    if (reachableTime === 0 || reachableTime === link.base) return
    link.base = reachableTime
    this.#draw(link)
  }

  forget(iface: Interface): void {
    this.#links.delete(iface)
  }

  #of(iface: Interface): LinkTimes {
    let link = this.#links.get(iface)
    if (link === undefined) {
      link = { base: this.#initial.reachableTime, reachable: 0, retrans: this.#initial.retransTimer, drawn: 0 }
      this.#draw(link)
      this.#links.set(iface, link)
    }
    return link
  }

  #draw(link: LinkTimes): void {
    const factor = between(this.#random, MIN_RANDOM_FACTOR, MAX_RANDOM_FACTOR)
    link.reachable = link.base * factor
    link.drawn = this.#clock.now()
  }
}
