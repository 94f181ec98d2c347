/** When a router advertises itself on a link, as a machine. Read RFC 4861 §6.2.4 to §6.2.6 before changing this file. */

import type { Instant, Interface, Machine, Random } from '@favonius/contract'
import { between, earliest } from '@favonius/inet'

/** RFC 4861 §10: the first ones come sooner, so that a router is found soon. */
const MAX_INITIAL_RTR_ADVERTISEMENTS = 3
const MAX_INITIAL_RTR_ADVERT_INTERVAL = 16_000
/** RFC 4861 §10: between two that all hear, and at random before an answer. */
const MIN_DELAY_BETWEEN_RAS = 3000
const MAX_RA_DELAY_TIME = 500

/** What can be told to it. */
export type ScheduleInput =
  /** Advertise now, and then each time at random after `least` to `most` ms. */
  | { readonly type: 'begin'; readonly iface: Interface; readonly least: number; readonly most: number }
  | { readonly type: 'solicited'; readonly iface: Interface }
  | { readonly type: 'end'; readonly iface: Interface }

interface Link {
  readonly iface: Interface
  readonly least: number
  readonly most: number
  sent: number
  last: Instant
  due: Instant
}

/** Says on which interfaces to advertise now. */
export class Schedule implements Machine<ScheduleInput, Interface> {
  readonly #random: Random
  readonly #links: Link[] = []
  readonly #outputs: Interface[] = []

  constructor(random: Random) {
    this.#random = random
  }

  handle(input: ScheduleInput, now: Instant): void {
    const at = this.#links.findIndex(({ iface }) => iface === input.iface)
    const link = this.#links[at]
    if (input.type !== 'solicited') {
      if (link !== undefined) this.#links.splice(at, 1)
      if (input.type === 'begin') this.#links.push({ iface: input.iface, least: input.least, most: input.most, sent: 0, last: link?.last ?? -Infinity, due: now })
      return
    }
    if (link === undefined) return
    // The next one that was due anyway may be soon enough.
    const answer = Math.max(now, link.last + MIN_DELAY_BETWEEN_RAS) + between(this.#random, 0, MAX_RA_DELAY_TIME)
    if (answer < link.due) link.due = answer
  }

  tick(now: Instant): void {
    for (const link of this.#links) {
      if (link.due > now) continue
      this.#outputs.push(link.iface)
      link.last = now
      const interval = between(this.#random, link.least, link.most)
      link.due = now + (++link.sent < MAX_INITIAL_RTR_ADVERTISEMENTS ? Math.min(interval, MAX_INITIAL_RTR_ADVERT_INTERVAL) : interval)
    }
  }

  poll(): Interface | undefined {
    return this.#outputs.shift()
  }

  deadline(): Instant | undefined {
    return earliest(this.#links)
  }
}
