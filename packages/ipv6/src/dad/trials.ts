/** Duplicate address detection as a machine (RFC 4862 §5.4): which addresses are tried, when to ask, and what came of it. */

import type { Address, Instant, Interface, LinkAddress, Machine } from '@favonius/contract'
import { sameAddress } from '@favonius/inet'

/** What can be told to it. */
export type TrialInput =
  | { readonly type: 'begin'; readonly iface: Interface; readonly address: Address; readonly delay: number; readonly nonce: readonly [number, number] }
  | { readonly type: 'cancel'; readonly iface: Interface; readonly address: Address }
  /** A solicitation from `::` for the address (§5.4.3). One with our own nonce is ours, come back (RFC 7527 §4.2). */
  | { readonly type: 'solicited'; readonly iface: Interface; readonly address: Address; readonly nonce: readonly [number, number] | undefined }
  /** An advertisement for the address (§5.4.4). */
  | { readonly type: 'advertised'; readonly iface: Interface; readonly address: Address; readonly link: LinkAddress | undefined }

/** What it wants done. */
export type TrialOutput =
  | { readonly do: 'solicit'; readonly iface: Interface; readonly address: Address; readonly nonce: readonly [number, number] }
  | { readonly do: 'decide'; readonly iface: Interface; readonly address: Address; readonly unique: boolean; readonly by: LinkAddress | undefined }

interface Trial {
  readonly iface: Interface
  readonly address: Address
  readonly nonce: readonly [number, number]
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
  get underway(): readonly { readonly iface: Interface; readonly address: Address }[] {
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
        const waiting = this.#trials.find((other) => other.iface === iface && other.sent === 0)
        this.#trials.push({ iface, address, nonce: input.nonce, sent: 0, due: waiting && input.delay > 0 ? waiting.due : now + input.delay })
        return
      }
      case 'cancel':
        if (trial) this.#trials.splice(at, 1)
        return
      case 'solicited':
        if (trial && !(input.nonce && input.nonce[0] === trial.nonce[0] && input.nonce[1] === trial.nonce[1])) this.#decide(trial, false, undefined)
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
    let first = Infinity
    for (const { due } of this.#trials) if (due < first) first = due
    return first === Infinity ? undefined : first
  }

  #decide(trial: Trial, unique: boolean, by: LinkAddress | undefined): void {
    this.#trials.splice(this.#trials.indexOf(trial), 1)
    this.#outputs.push({ do: 'decide', iface: trial.iface, address: trial.address, unique, by })
  }
}
