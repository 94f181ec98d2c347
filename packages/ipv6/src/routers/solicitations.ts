/** When routers are asked for, as a machine. Read RFC 4861 §6.3.7 and RFC 7559 §2 before changing this file. */

import type { Instant, Interface, Machine, Random } from '@favonius/contract'
import { between, earliest } from '@favonius/inet'

/** By how much each interval is made longer or shorter at random (RFC 3315 §14, to which RFC 7559 refers). */
const JITTER = 0.1

/** What can be told to it. */
export type SolicitationInput =
  /** The first one after `delay` ms; then again and again, until a router has advertised itself. */
  | { readonly type: 'begin'; readonly iface: Interface; readonly delay: number }
  | { readonly type: 'end'; readonly iface: Interface }

interface Asking {
  readonly iface: Interface
  due: Instant
  /** RT: milliseconds until the next one. */
  interval: number
}

/** Says on which interfaces to solicit now. */
export class Solicitations implements Machine<SolicitationInput, Interface> {
  readonly #random: Random
  readonly #first: number
  readonly #most: number
  readonly #asking: Asking[] = []
  readonly #outputs: Interface[] = []

  /** `first` is IRT and `most` MRT, in milliseconds: intervals double from the one to the other. */
  constructor(random: Random, first: number, most: number) {
    this.#random = random
    this.#first = first
    this.#most = most
  }

  /** Whether routers are being asked for there. */
  asks(iface: Interface): boolean {
    return this.#asking.some((each) => each.iface === iface)
  }

  handle(input: SolicitationInput, now: Instant): void {
    const at = this.#asking.findIndex(({ iface }) => iface === input.iface)
    if (at >= 0) this.#asking.splice(at, 1)
    if (input.type === 'begin') this.#asking.push({ iface: input.iface, due: now + input.delay, interval: this.#near(this.#first, this.#first) })
  }

  tick(now: Instant): void {
    for (const asking of this.#asking) {
      if (asking.due > now) continue
      this.#outputs.push(asking.iface)
      asking.due = now + asking.interval
      const next = this.#near(2 * asking.interval, asking.interval)
      asking.interval = next > this.#most ? this.#near(this.#most, this.#most) : next
    }
  }

  poll(): Interface | undefined {
    return this.#outputs.shift()
  }

  deadline(): Instant | undefined {
    return earliest(this.#asking)
  }

  /** `ms`, give or take a tenth of `of`. */
  #near(ms: number, of: number): number {
    return ms + between(this.#random, -1, 1) * JITTER * of
  }
}
