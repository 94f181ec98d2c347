/** Duplicate address detection as a machine (RFC 4862 §5.4): which addresses are tried, when to ask, and what came of it. */

import type { Address, Instant, Interface, LinkAddress, Machine } from '@favonius/contract'
import { earliest, sameAddress } from '@favonius/inet'
import type { Nonce } from '../wire/nd.ts'

/** An address on its link. */
export interface Tried {
  readonly iface: Interface
  readonly address: Address
}

/** What can be told to it. */
export type TrialInput = Tried & (
  | { readonly type: 'begin'; readonly delay: number; readonly nonce: Nonce }
  | { readonly type: 'cancel' }
  /** A solicitation from `::` for the address (§5.4.3). One with our own nonce is ours, come back (RFC 7527 §4.2). */
  | { readonly type: 'solicited'; readonly nonce: Nonce | undefined }
  /** An advertisement for the address (§5.4.4). */
  | { readonly type: 'advertised'; readonly link: LinkAddress | undefined }
)

/** What it wants done. */
export type TrialOutput = Tried & (
  | { readonly do: 'solicit'; readonly nonce: Nonce }
  | { readonly do: 'decide'; readonly unique: boolean; readonly by: LinkAddress | undefined }
)

interface Trial extends Tried {
  readonly nonce: Nonce
  sent: number
  due: Instant
}

/** The addresses that are being tried. */
export class Trials implements Machine<TrialInput, TrialOutput> {
  readonly #transmits: number
  readonly #wait: (iface: Interface) => number
  readonly #trials: Trial[] = []
  readonly #outputs: TrialOutput[] = []

  /** `transmits` solicitations are sent, each followed by `wait(iface)` milliseconds. */
  constructor(transmits: number, wait: (iface: Interface) => number) {
    this.#transmits = transmits
    this.#wait = wait
  }

  /** Addresses that are being tried. */
  get underway(): readonly Tried[] {
    return this.#trials
  }

  handle(input: TrialInput, now: Instant): void {
    const { iface, address } = input
    const at = this.#trials.findIndex((trial) => trial.iface === iface && sameAddress(trial.address, address))
    const trial = this.#trials[at]
    switch (input.type) {
      case 'begin': {
        if (trial) this.#trials.splice(at, 1)
        // One random delay serves all addresses of an interface that just came up: only the first message need be spread (§5.4.2).
        const waiting = input.delay > 0 ? this.#trials.find((other) => other.iface === iface && other.sent === 0) : undefined
        this.#trials.push({ iface, address, nonce: input.nonce, sent: 0, due: waiting?.due ?? now + input.delay })
        return
      }
      case 'cancel':
        if (trial) this.#trials.splice(at, 1)
        return
      case 'solicited':
        if (trial && !same(input.nonce, trial.nonce)) this.#decide(trial, false, undefined)
        return
      case 'advertised':
        if (trial) this.#decide(trial, false, input.link)
    }
  }

  tick(now: Instant): void {
    for (const trial of [...this.#trials]) {
      if (trial.due > now) continue
      if (trial.sent >= this.#transmits) {
        this.#decide(trial, true, undefined)
        continue
      }
      trial.sent++
      trial.due = now + this.#wait(trial.iface)
      this.#outputs.push({ do: 'solicit', iface: trial.iface, address: trial.address, nonce: trial.nonce })
    }
  }

  poll(): TrialOutput | undefined {
    return this.#outputs.shift()
  }

  deadline(): Instant | undefined {
    return earliest(this.#trials)
  }

  #decide(trial: Trial, unique: boolean, by: LinkAddress | undefined): void {
    this.#trials.splice(this.#trials.indexOf(trial), 1)
    this.#outputs.push({ do: 'decide', iface: trial.iface, address: trial.address, unique, by })
  }
}

const same = (a: Nonce | undefined, b: Nonce): boolean => a !== undefined && a[0] === b[0] && a[1] === b[1]
