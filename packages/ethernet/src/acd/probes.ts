/** Address conflict detection as a machine: RFC 5227 §2.1. */

import type { Address, Instant, Interface, LinkAddress, Machine, Random } from '@favonius/contract'
import { between, earliest } from '@favonius/inet'

/** RFC 5227 §1.1, in milliseconds. */
const PROBE_WAIT = 1000
const PROBE_NUM = 3
const PROBE_MIN = 1000
const PROBE_MAX = 2000
const ANNOUNCE_WAIT = 2000
const ANNOUNCE_NUM = 2
const ANNOUNCE_INTERVAL = 2000

/** What can be told to it. */
export type ProbeInput =
  | { readonly type: 'begin'; readonly probe: Probe }
  | { readonly type: 'cancel'; readonly probe: Probe }
  /** An ARP packet of someone else: from `sender`, or from 0.0.0.0, about `target`. */
  | { readonly type: 'heard'; readonly iface: Interface; readonly sender: Address; readonly target: Address; readonly link: LinkAddress }

/** What it wants done. `announce` says once more what is ours now. */
export type ProbeOutput =
  | { readonly do: 'probe' | 'announce'; readonly probe: Probe }
  | { readonly do: 'decide'; readonly probe: Probe; readonly unique: boolean; readonly by: LinkAddress | undefined }

/** One address under trial, by identity. */
export interface Probe {
  readonly iface: Interface
  readonly address: Address
}

interface Trial {
  readonly probe: Probe
  probed: number
  announced: number
  due: Instant
}

export class Probes implements Machine<ProbeInput, ProbeOutput> {
  readonly #random: Random
  readonly #trials: Trial[] = []
  readonly #out: ProbeOutput[] = []

  constructor(random: Random) {
    this.#random = random
  }

  poll(): ProbeOutput | undefined {
    return this.#out.shift()
  }

  deadline(): Instant | undefined {
    return earliest(this.#trials)
  }

  handle(input: ProbeInput, now: Instant): void {
    if (input.type === 'begin') this.#trials.push({ probe: input.probe, probed: 0, announced: 0, due: now + between(this.#random, 0, PROBE_WAIT) })
    else if (input.type === 'cancel') this.#forget(this.#trials.find(({ probe }) => probe === input.probe))
    else this.#heard(input)
  }

  #heard({ iface, sender, target, link }: ProbeInput & { type: 'heard' }): void {
    for (const trial of [...this.#trials]) {
      const { probe } = trial
      // What is ours already is defended by ARP.
      if (probe.iface !== iface || trial.announced > 0) continue
      // §2.1.1: somebody has it, or tries it too.
      if (sender.w3 !== probe.address.w3 && !(sender.w3 === 0 && target.w3 === probe.address.w3)) continue
      this.#forget(trial)
      this.#out.push({ do: 'decide', probe, unique: false, by: link })
    }
  }

  tick(now: Instant): void {
    for (const trial of [...this.#trials]) {
      if (trial.due > now) continue
      const { probe } = trial
      if (trial.probed < PROBE_NUM) {
        trial.probed++
        this.#out.push({ do: 'probe', probe })
        trial.due = now + (trial.probed < PROBE_NUM ? between(this.#random, PROBE_MIN, PROBE_MAX) : ANNOUNCE_WAIT)
        continue
      }
      trial.announced++
      trial.due = now + ANNOUNCE_INTERVAL
      // §2.3: the first announcement is ARP's own, when the address is added.
      this.#out.push(trial.announced === 1 ? { do: 'decide', probe, unique: true, by: undefined } : { do: 'announce', probe })
      if (trial.announced === ANNOUNCE_NUM) this.#forget(trial)
    }
  }

  #forget(trial: Trial | undefined): void {
    const at = trial === undefined ? -1 : this.#trials.indexOf(trial)
    if (at >= 0) this.#trials.splice(at, 1)
  }
}
