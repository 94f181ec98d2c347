/** Duplicate address detection on a stack: time, randomness and messages around `Trials`. */

import type { Address, Env, Interface, LinkAddress, Timer } from '@favonius/contract'
import { between } from '@favonius/inet'
import type { Settings } from '@favonius/kconfig'
import type { DuplicateDetector, Ipv6 } from '../ipv6.ts'
import type { Nd, TentativeWatcher } from '../nd/nd.ts'
import type { dadOptions } from '../options.ts'
import type { Nonce } from '../wire/nd.ts'
import { Trials, type Tried, type TrialInput } from './trials.ts'

type Decided = (unique: boolean, by: LinkAddress | undefined) => void

/** `stack.dad`. */
export interface Dad {
  /** Addresses that are being tried now. */
  readonly underway: readonly Tried[]
}

/** `dad()` makes one. */
export class DuplicateDetection implements Dad, DuplicateDetector, TentativeWatcher {
  readonly #env: Env
  readonly #nd: Nd
  readonly #maxDelay: number
  readonly #trials: Trials
  readonly #timer: Timer
  readonly #decided = new Map<Address, Decided>()
  readonly #withdraw: (() => void)[]

  constructor(env: Env, { ipv6, nd }: { readonly ipv6: Ipv6; readonly nd: Nd }, options: Settings<typeof dadOptions>) {
    this.#env = env
    this.#nd = nd
    this.#maxDelay = options.maxDelay
    this.#trials = new Trials(options.transmits, (iface) => options.timeout || nd.retransTimer(iface))
    this.#timer = env.clock.timer((now) => {
      this.#trials.tick(now)
      this.#settle()
    })
    this.#withdraw = options.transmits === 0 ? [] : [ipv6.registerDetector(this), nd.watchTentative(this)]
  }

  get underway(): Dad['underway'] {
    return this.#trials.underway
  }

  begin(iface: Interface, address: Address, delayed: boolean, decided: Decided): void {
    const { random } = this.#env
    const delay = delayed ? between(random, 0, this.#maxDelay) : 0
    this.#decided.set(address, decided)
    this.#tell({ type: 'begin', iface, address, delay, nonce: [random.uint32() & 0xffff, random.uint32() | 0] })
  }

  cancel(iface: Interface, address: Address): void {
    this.#decided.delete(address)
    this.#tell({ type: 'cancel', iface, address })
  }

  solicited(iface: Interface, address: Address, nonce: Nonce | undefined): void {
    this.#tell({ type: 'solicited', iface, address, nonce })
  }

  advertised(iface: Interface, address: Address, link: LinkAddress | undefined): void {
    this.#tell({ type: 'advertised', iface, address, link })
  }

  #tell(input: TrialInput): void {
    this.#trials.handle(input, this.#env.clock.now())
    this.#settle()
  }

  #settle(): void {
    for (let output = this.#trials.poll(); output !== undefined; output = this.#trials.poll()) {
      if (output.do === 'solicit') {
        this.#nd.solicit(output.iface, output.address, { nonce: output.nonce })
        continue
      }
      const decided = this.#decided.get(output.address)
      this.#decided.delete(output.address)
      decided?.(output.unique, output.by)
    }
    const due = this.#trials.deadline()
    if (due === undefined) this.#timer.cancel()
    else if (due !== this.#timer.due) this.#timer.schedule(due)
  }

  stop(): void {
    this.#timer.cancel()
    for (const withdraw of this.#withdraw) withdraw()
  }
}
